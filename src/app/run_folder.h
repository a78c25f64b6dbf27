// The folder of one run: its store, logs, tokens and reports.
#ifndef APP_RUN_FOLDER_H
#define APP_RUN_FOLDER_H

#include <stdbool.h>

typedef struct run_folder {
    char path[512];
} run_folder;

// `wanted`: a path that does not exist or is an empty folder; NULL: a new one in ./run-data, named by the time. Says on
// stderr what is wrong; then false.
bool run_folder_make(run_folder *f, const char *wanted);
// With all that is in it.
void run_folder_remove(const run_folder *f);

#endif
