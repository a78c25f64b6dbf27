#include "database.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    if (!value) {
        fprintf(stderr, "%s is not set: run this with scripts/with-fdb.sh or with-mvsqlite.sh\n", name);
        exit(77); // as a test that is skipped
    }
    return value;
}

void database_uri(char *out, size_t bytes, const char *name)
{
    const char *uri = from_environment("TL_STORE");
    bool is_fdb = strncmp(uri, "fdb:", 4) == 0;
    int length = is_fdb ? snprintf(out, bytes, "%.*s?prefix=%s", (int)strcspn(uri, "?"), uri, name)
                        : snprintf(out, bytes, "%s-%s", uri, name);
    CHECK(length > 0 && (size_t)length < bytes);
}

tl_store *database_open(const char *uri, bool create)
{
    char text[256] = "";
    tl_store *store = NULL;
    tl_result result = tl_store_open(uri, create, false, &store, text, sizeof(text));
    if (result != TL_OK) {
        fprintf(stderr, "%s: %s\n", tl_result_name(result), text);
    }
    CHECK_EQUAL(result, TL_OK);
    return store;
}

void database_make_world(char *uri, size_t bytes)
{
    static int count;
    char name[TL_NAME_BYTES_MAX + 1];
    snprintf(name, sizeof(name), "test-%d-%d", (int)getpid(), count++);
    database_uri(uri, bytes, name);
    tl_store *store = database_open(uri, true);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20, .created_us = 1, .seed = UINT64_MAX};
    snprintf(info.scenario, sizeof(info.scenario), "test");
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
}

static void path_of(char *out, size_t bytes, const char *process, const char *what)
{
    const char *folder = getenv("TL_MVSQLITE_FOLDER");
    int length = snprintf(out, bytes, "%s/%s.%s", folder ? folder : from_environment("TL_FDB_FOLDER"), process, what);
    CHECK(length > 0 && (size_t)length < bytes);
}

void database_signal(const char *process, int signal)
{
    char path[512];
    int pid = 0;
    path_of(path, sizeof(path), process, "pid");
    FILE *file = fopen(path, "r");
    CHECK(file);
    CHECK_EQUAL(fscanf(file, "%d", &pid), 1);
    fclose(file);
    CHECK_EQUAL(kill(pid, signal), 0);
}

void database_start(const char *process)
{
    char path[512];
    path_of(path, sizeof(path), process, "start");
    CHECK_EQUAL(system(path), 0);
}
