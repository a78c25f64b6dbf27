// This process, and child processes that run the same program.
#ifndef TRAMLINE_BASE_OS_PROCESS_H
#define TRAMLINE_BASE_OS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- this process ---------------------------------------------------------------------------------------------------

// From now on a request to stop (Ctrl-C, SIGTERM) is noted, and ends waits early. A write to a closed pipe or beyond a
// file's allowed size fails instead of ending the process.
void tl_os_stop_watch(void);
bool tl_os_stop_requested(void);

uint32_t tl_os_process_id(void);
uint64_t tl_os_process_rss_bytes(void); // memory in RAM, 0: unknown
uint32_t tl_os_processor_count(void);

// ---- children -------------------------------------------------------------------------------------------------------

enum { TL_OS_CHILD_ARGUMENTS_MAX = 48 };

// What a child opens to write the lines that its parent reads.
#define TL_OS_CHILD_LINES_FILE "/dev/fd/3"

typedef struct tl_os_child {
    int64_t id; // 0: not started
    int lines;  // read without waiting
    bool ended;
    int status; // in the system's form
} tl_os_child;

// Runs this program with `arguments` (NULL at the end, without the program's name); what it prints goes to `log_file`.
// It does not receive the terminal's Ctrl-C, and ends with this process. A niceness below 0 has an effect only with the
// rights for it. False: errno says why.
bool tl_os_child_start(tl_os_child *child, const char *const *arguments, int log_file, int niceness);
// Reads what it has written so far, 0: nothing.
size_t tl_os_child_read(tl_os_child *child, char *out, size_t bytes_max);
bool tl_os_child_has_ended(tl_os_child *child);
void tl_os_child_stop(tl_os_child *child); // asks it to stop
void tl_os_child_kill(tl_os_child *child); // and waits for its end
// Its exit status; -1: it was killed.
int tl_os_child_exit_status(const tl_os_child *child);
// "exit status 1", "killed by signal 9 (Killed)".
void tl_os_child_describe_end(const tl_os_child *child, char *text, size_t text_bytes);
void tl_os_child_close(tl_os_child *child); // what it was read from

#endif
