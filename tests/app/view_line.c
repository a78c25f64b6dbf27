#include "view_line.h"

#include "lateness.h"

#include <stdlib.h>

bool view_line_is_right(const json_t *line, const view_limits *limits)
{
    double over = number_of(line, "over") / limits->entities, twice = number_of(line, "over_twice") / limits->entities;
    bool whole = number_of(line, "missing") == 0 && number_of(line, "doubled") == 0 && number_of(line, "surplus") == 0;
    return whole && number_of(line, "wrong_carrier") <= limits->wrong_carriers_max && over <= limits->over_share &&
           twice <= limits->over_twice_share;
}

view_limits view_limits_when_late(const view_limits *limits)
{
    view_limits late = *limits;
    late.over_share = LATE_OVER_SHARE_MAX;
    late.over_twice_share = LATE_TWICE_SHARE_MAX;
    return late;
}

void view_line_print(const char *rider, const json_t *line)
{
    char *text = json_dumps(line, 0);
    fprintf(stderr, "%s: %s\n", rider, text);
    free(text);
}
