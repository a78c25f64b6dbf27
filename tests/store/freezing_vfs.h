// SQLite's file system with a switch: while it is frozen, whatever writes blocks, as on a frozen file system, and reads
// go on. It takes the place of "unix", which the store names.
#ifndef TRAMLINE_TEST_FREEZING_VFS_H
#define TRAMLINE_TEST_FREEZING_VFS_H

#include <stdbool.h>

// Once, before any store is opened.
void freezing_vfs_install(void);
void freezing_vfs_freeze(bool frozen);
// How many calls have been blocked so far.
int freezing_vfs_blocked(void);

#endif
