// SIGINT and SIGTERM ask the program to stop in order.
#ifndef APP_STOP_H
#define APP_STOP_H

#include <stdbool.h>

// From now on both signals are noted, and end waits early. SIGPIPE is ignored.
void stop_watch(void);
bool stop_requested(void);

#endif
