// Child processes of this program: started with a log file for what they say and a pipe for the lines that they
// measure.
#ifndef APP_SPAWN_H
#define APP_SPAWN_H

#include "base/os/process.h"

#include <stdbool.h>
#include <stddef.h>

enum { SPAWN_LINE_BYTES_MAX = 1 << 16 };

typedef struct spawn {
    char name[32];
    char log_file[1024];
    tl_os_child child;
    size_t buffered;
    char buffer[SPAWN_LINE_BYTES_MAX];
} spawn;

// Runs this program with `arguments` (NULL at the end, without the program's name). False: errno says why.
bool spawn_start(spawn *s, const char *name, const char *const *arguments, const char *log_file, int niceness);
// The next whole line, without its end, good until the next call; NULL if there is none now.
char *spawn_read_line(spawn *s);
// Waits for its end, at most so long; then it is killed. True: it ended by itself.
bool spawn_wait(spawn *s, int timeout_ms);
// Prints the last lines of its log on stderr.
void spawn_print_log_end(const spawn *s);

#endif
