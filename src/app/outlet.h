// Writes lines without ever blocking the caller: a bounded queue, drained by a separate thread. A line that finds
// the queue full, because nobody reads a pipe or a disk hangs, is dropped and counted.
#ifndef APP_OUTLET_H
#define APP_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct outlet outlet;

// Lines to a file descriptor, which is borrowed. `notice`, a format with one %llu, is written for lines that were
// dropped once there is space again; NULL: nothing is. NULL: out of memory, or of threads.
outlet *outlet_open(int fd, size_t queue_bytes, const char *notice);
// Queues a line, or drops it; its end of line is added. NULL is fine: nothing happens.
void outlet_line(outlet *o, const char *text, size_t bytes);
uint64_t outlet_dropped(outlet *o);
// Waits for what is queued to be written, but not longer than so.
void outlet_close(outlet *o, int ms_max);

#endif
