// Runs the program `tramline` for tests.
#ifndef TESTS_APP_PROGRAM_H
#define TESTS_APP_PROGRAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PROGRAM_OUTPUT_BYTES = 1 << 16, PROGRAM_PATH_BYTES = 256 };

// Runs "tramline ARGUMENTS" to its end. `output` (PROGRAM_OUTPUT_BYTES) gets what it says, both streams. Gives the exit
// status.
int program_run(char *output, const char *arguments, ...) __attribute__((format(printf, 2, 3)));
// Starts it; what it says goes to `log_file`.
pid_t program_start(const char *log_file, const char *arguments, ...) __attribute__((format(printf, 2, 3)));
// Sends a signal and waits for the end; gives the status as wait() does. CHECKs that it does not take longer than 30 s.
int program_stop(pid_t pid, int signal);
bool program_runs(pid_t pid);

// A new folder for one test, and its end with all that is in it.
void folder_make(char path[PROGRAM_PATH_BYTES]);
void folder_remove(const char *path);

// A server's ready file, once it is there; CHECKs that this takes at most 30 s. The caller releases it.
json_t *ready_wait(const char *file);
// All lines of a file of JSON lines, as an array; the caller releases it.
json_t *lines_read(const char *file);
// The last one, or NULL.
json_t *lines_last(const char *file);
double number_of(const json_t *object, const char *key);
double now_s(void);
void sleep_s(double seconds);

#endif
