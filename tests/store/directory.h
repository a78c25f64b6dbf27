// A directory for a store under test.
#ifndef TRAMLINE_TEST_STORE_DIRECTORY_H
#define TRAMLINE_TEST_STORE_DIRECTORY_H

#include "check.h"
#include "tramline/store.h"

void directory_make(char *out, size_t bytes);
void directory_make_world(const char *directory);
void directory_remove(const char *directory);
tl_store *directory_open(const char *directory);
// Opens, or makes, the store in a directory that is made at the first call (when `directory` is "").
tl_store *directory_open_copy(char *directory, size_t bytes);

#endif
