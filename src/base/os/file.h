// Files and folders, as far as C's <stdio.h> does not reach. Functions that fail set errno.
#ifndef TRAMLINE_BASE_OS_FILE_H
#define TRAMLINE_BASE_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum { TL_OS_STDOUT = 1, TL_OS_STDERR = 2 };

// Opens for writing, from the beginning; what was in it is lost. Returns a descriptor, which child processes do not
// inherit, or -1.
int tl_os_file_create(const char *path);
void tl_os_file_close(int file);
// Writes all of it; waits where it must.
bool tl_os_file_write(int file, const void *data, size_t bytes);

// Makes a new file: it is there whole and synced to disk, or not at all, and never replaces another one. A private one
// is readable by its owner only.
bool tl_os_file_write_new(const char *path, bool is_private, const void *data, size_t bytes);
// Reads the first `bytes_max` bytes, never waiting for a writer. Returns how many there were, or -1.
ptrdiff_t tl_os_file_read(const char *path, void *out, size_t bytes_max);
bool tl_os_file_exists(const char *path);
// Renames; `to` is replaced if it exists.
bool tl_os_file_replace(const char *from, const char *to);

bool tl_os_folder_create(const char *path);
bool tl_os_folder_remove(const char *path);     // if it is empty
void tl_os_folder_remove_all(const char *path); // with all that is in it; links are not followed

bool tl_os_is_terminal(int file);
int tl_os_terminal_columns(int file); // 0: unknown

#endif
