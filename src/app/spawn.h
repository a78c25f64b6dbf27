// Child processes of this program: started with a log file for what they say and a pipe for the lines that they
// measure.
#ifndef APP_SPAWN_H
#define APP_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { SPAWN_LINE_BYTES_MAX = 1 << 16, SPAWN_ARGUMENTS_MAX = 48 };

// What a child opens to write its lines.
#define SPAWN_LINES_FILE "/dev/fd/3"

typedef struct spawn {
    char name[32];
    char log_file[1024];
    pid_t pid; // 0: not started
    int lines_fd;
    bool ended;
    int status; // as wait() gives it
    size_t buffered;
    char buffer[SPAWN_LINE_BYTES_MAX];
} spawn;

// Runs this program with `arguments` (NULL at the end, without the program's name). It is in a process group of its
// own, so that a Ctrl-C is this process's to handle; and it ends with this process. False: errno says why.
bool spawn_start(spawn *s, const char *name, const char *const *arguments, const char *log_file, int niceness);
// The next whole line, without its end, good until the next call; NULL if there is none now.
char *spawn_read_line(spawn *s);
// Whether it has ended.
bool spawn_has_ended(spawn *s);
// Asks it to end in order.
void spawn_stop(spawn *s);
// Waits for its end, at most so long; then it is killed. True: it ended by itself.
bool spawn_wait(spawn *s, int timeout_ms);
// How it ended: "exit status 1", "killed by signal 9 (Killed)".
void spawn_describe_end(const spawn *s, char *text, size_t text_bytes);
// Prints the last lines of its log on stderr.
void spawn_print_log_end(const spawn *s);

#endif
