#include "fdb_process.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "%s is not set: run this with scripts/with-fdb.sh\n", name);
        exit(77); // as a test that is skipped
    }
    return value;
}

void fdb_uri(char *out, size_t bytes, const char *prefix)
{
    const char *uri = from_environment("TL_STORE");
    int length = snprintf(out, bytes, "%.*s?prefix=%s", (int)strcspn(uri, "?"), uri, prefix);
    CHECK(length > 0 && (size_t)length < bytes);
}

static void path_of(char *out, size_t bytes, int number, const char *what)
{
    int length = snprintf(out, bytes, "%s/%d.%s", from_environment("TL_FDB_FOLDER"), number, what);
    CHECK(length > 0 && (size_t)length < bytes);
}

void fdb_signal(int number, int signal)
{
    char path[512];
    int process = 0;
    path_of(path, sizeof(path), number, "pid");
    FILE *file = fopen(path, "r");
    CHECK(file);
    CHECK_EQUAL(fscanf(file, "%d", &process), 1);
    fclose(file);
    CHECK_EQUAL(kill(process, signal), 0);
}

void fdb_start(int number)
{
    char path[512];
    path_of(path, sizeof(path), number, "start");
    CHECK_EQUAL(system(path), 0);
}
