// A pipe for a program's output, and a process that copies what comes through it into a file. While the drain is held,
// the pipe is full, and nobody reads it.
#ifndef TRAMLINE_TESTS_ATTACK_DRAIN_H
#define TRAMLINE_TESTS_ATTACK_DRAIN_H

#include <sys/types.h>

pid_t drain_start(const char *pipe, const char *file); // makes the pipe
void drain_hold(pid_t drain, const char *pipe);
void drain_release(pid_t drain);
void drain_stop(pid_t drain);

#endif
