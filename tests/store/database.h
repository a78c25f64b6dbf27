// The private database that scripts/with-fdb.sh or with-mvsqlite.sh runs a test with: its address, and its processes,
// known by the names of the files that the scripts make for them ("1", "2", "mvstore").
#ifndef TRAMLINE_TEST_STORE_DATABASE_H
#define TRAMLINE_TEST_STORE_DATABASE_H

#include "tramline/store.h"

#include <signal.h>

// The URI of a world of its own, and a store there; a name makes it unlike others'.
void database_uri(char *out, size_t bytes, const char *name);
tl_store *database_open(const char *uri, bool create);
// A new world, as the contract's suite wants it.
void database_make_world(char *uri, size_t bytes);
void database_signal(const char *process, int signal);
// Starts it again after it was killed.
void database_start(const char *process);

#endif
