#define _XOPEN_SOURCE 700 // nftw, mkdtemp
#include "directory.h"

#include <ftw.h>

void directory_make(char *out, size_t bytes)
{
    const char *base = getenv("TMPDIR");
    CHECK((size_t)snprintf(out, bytes, "%s/tramline-store-XXXXXX", base && strlen(base) < 30 ? base : "/tmp") < bytes);
    CHECK(mkdtemp(out));
}

void directory_make_world(const char *directory)
{
    tl_store *store = NULL;
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = directory, def.create = true;
    CHECK_EQUAL(tl_sqlite_store_open(&def, &store, NULL, 0), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20, .created_us = 1, .seed = UINT64_MAX};
    snprintf(info.scenario, sizeof(info.scenario), "test");
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

void directory_remove(const char *directory)
{
    CHECK_EQUAL(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static tl_store *open_with(const tl_sqlite_def *def)
{
    tl_store *store = NULL;
    char text[256];
    tl_result result = tl_sqlite_store_open(def, &store, text, sizeof(text));
    if (result != TL_OK) {
        fprintf(stderr, "%s: %s\n", tl_result_name(result), text);
    }
    CHECK_EQUAL(result, TL_OK);
    return store;
}

tl_store *directory_open(const char *directory)
{
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = directory;
    return open_with(&def);
}

tl_store *directory_open_copy(char *directory, size_t bytes)
{
    if (!directory[0]) {
        directory_make(directory, bytes);
    }
    tl_sqlite_def def = tl_sqlite_def_default();
    def.directory = directory, def.create = true;
    return open_with(&def);
}
