// The private FoundationDB that scripts/with-fdb.sh runs a test with: its address, and its processes.
#ifndef TRAMLINE_TEST_STORE_FDB_PROCESS_H
#define TRAMLINE_TEST_STORE_FDB_PROCESS_H

#include <signal.h>
#include <stddef.h>

// The URI of a world of that prefix.
void fdb_uri(char *out, size_t bytes, const char *prefix);
// Sends a signal to process `number` (1, 2, ...).
void fdb_signal(int number, int signal);
// Starts it again after it was killed.
void fdb_start(int number);

#endif
