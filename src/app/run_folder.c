#include "app/run_folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_FOLDERS_MAX = 8 };

static const char RUNS[] = "run-data";

static bool fail(const char *path, const char *what)
{
    fprintf(stderr, "tramline: '%s' %s\n", path, what);
    return false;
}

static bool make_wanted(run_folder *f, const char *wanted)
{
    if (snprintf(f->path, sizeof f->path, "%s", wanted) >= (int)sizeof f->path) {
        return fail(wanted, "is too long a path");
    }
    // Removing works only on an empty folder, so nothing of anybody's is mixed up with this run.
    if (rmdir(f->path) != 0 && errno != ENOENT) {
        return fail(f->path,
                    errno == ENOTEMPTY || errno == EEXIST ? "is not empty; name a new folder" : strerror(errno));
    }
    return mkdir(f->path, 0755) == 0 || fail(f->path, strerror(errno));
}

static bool make_new(run_folder *f)
{
    if (mkdir(RUNS, 0755) != 0 && errno != EEXIST) {
        return fail(RUNS, strerror(errno));
    }
    char when[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(when, sizeof when, "%Y-%m-%d-%H%M%S", localtime_r(&now, &local));
    snprintf(f->path, sizeof f->path, "%s/%s-%d", RUNS, when, (int)getpid());
    return mkdir(f->path, 0755) == 0 || fail(f->path, strerror(errno));
}

bool run_folder_make(run_folder *f, const char *wanted)
{
    return wanted ? make_wanted(f, wanted) : make_new(f);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

void run_folder_remove(const run_folder *f)
{
    nftw(f->path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}
