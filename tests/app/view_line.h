// A line of a rider's statistics, judged: once a second it compares what it is shown with the truth.
#ifndef TESTS_APP_VIEW_LINE_H
#define TESTS_APP_VIEW_LINE_H

#include "program.h"

typedef struct view_limits {
    int entities;
    double over_share, over_twice_share; // of entities that may be off by more than once, twice the tolerance
    // that boarded or alighted more than half a second ago, and are not shown so yet
    int wrong_carriers_max;
} view_limits;

// Nothing is missing, doubled or left over, and as much is where it should be as the limits say.
bool view_line_is_right(const json_t *line, const view_limits *limits);
// Where records were late (lateness.h): more may be off.
view_limits view_limits_when_late(const view_limits *limits);
void view_line_print(const char *rider, const json_t *line);

#endif
