#include "app/run_folder.h"

#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char RUNS[] = "run-data";

static bool fail(const char *path, const char *what)
{
    fprintf(stderr, "tramline: '%s' %s\n", path, what);
    return false;
}

static bool make_wanted(run_folder *f, const char *wanted)
{
    if (snprintf(f->path, sizeof f->path, "%s", wanted) >= (int)sizeof f->path) {
        return fail(wanted, "is too long");
    }
    // Removing works only on an empty folder, so nothing of anybody's is mixed up with this run.
    if (!tl_os_folder_remove(f->path) && errno != ENOENT) {
        return fail(f->path,
                    errno == ENOTEMPTY || errno == EEXIST ? "is not empty; name a new folder" : strerror(errno));
    }
    return tl_os_folder_create(f->path) || fail(f->path, strerror(errno));
}

static bool make_new(run_folder *f)
{
    if (!tl_os_folder_create(RUNS) && errno != EEXIST) {
        return fail(RUNS, strerror(errno));
    }
    char when[32];
    struct tm local = tl_os_local_time();
    strftime(when, sizeof when, "%Y-%m-%d-%H%M%S", &local);
    snprintf(f->path, sizeof f->path, "%s/%s-%d", RUNS, when, (int)tl_os_process_id());
    return tl_os_folder_create(f->path) || fail(f->path, strerror(errno));
}

bool run_folder_make(run_folder *f, const char *wanted)
{
    return wanted ? make_wanted(f, wanted) : make_new(f);
}

void run_folder_remove(const run_folder *f)
{
    tl_os_folder_remove_all(f->path);
}
