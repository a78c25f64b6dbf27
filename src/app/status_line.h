// The live line of a demo, once a second: entities in view, kbit/s and worst error of each rider, and the servers' link
// and ticks. Rewritten in place on a terminal.
#ifndef APP_STATUS_LINE_H
#define APP_STATUS_LINE_H

#include "app/demo_cluster.h"

typedef struct status_line {
    bool terminal;
    double shown_s; // when
} status_line;

void status_line_init(status_line *l);
void status_line_show(status_line *l, demo_cluster *c, double elapsed_s);
void status_line_end(const status_line *l);

#endif
