// The contract over FoundationDB, each world under a prefix of its own. TL_STORE and TL_FDB_FOLDER say which database
// (scripts/with-fdb.sh). A stall is a database whose process is stopped.
#include "contract.h"
#include "fdb_process.h"

#include <time.h>
#include <unistd.h>

typedef struct fdb_fixture {
    char uri[1200];
} fdb_fixture;

static tl_store *open_store(const char *uri, bool create)
{
    char text[256] = "";
    tl_store *store = NULL;
    tl_result result = tl_store_open(uri, create, false, &store, text, sizeof(text));
    if (result != TL_OK) {
        fprintf(stderr, "%s\n", text);
    }
    CHECK_EQUAL(result, TL_OK);
    return store;
}

static tl_store *fdb_attach(void *fixture)
{
    return open_store(((fdb_fixture *)fixture)->uri, false);
}

static void *fdb_create(uint64_t seed)
{
    static int count;
    fdb_fixture *fixture = calloc(1, sizeof(*fixture));
    CHECK(fixture);
    char prefix[TL_NAME_BYTES_MAX + 1];
    snprintf(prefix, sizeof(prefix), "contract-%d-%d", (int)getpid(), count++);
    fdb_uri(fixture->uri, sizeof(fixture->uri), prefix);
    tl_store *store = open_store(fixture->uri, true);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20, .created_us = 1, .seed = UINT64_MAX};
    snprintf(info.scenario, sizeof(info.scenario), "test");
    CHECK_EQUAL(store->ops->create_world(store, &info), TL_OK);
    store->ops->close(store, false);
    return fixture;
}

static void fdb_destroy(void *world)
{
    free(world);
}

static uint64_t fdb_pass(void *world)
{
    struct timespec now;
    usleep(300);
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void fdb_stall(void *world, const char *name, bool stalled)
{
    fdb_signal(1, stalled ? SIGSTOP : SIGCONT);
}

int main(void)
{
    const contract_backend backend = {
        .name = "fdb",
        .create = fdb_create,
        .destroy = fdb_destroy,
        .attach = fdb_attach,
        .pass = fdb_pass,
        .stall = fdb_stall,
        .steps = 1500,
    };
    contract_run(&backend);
    return 0;
}
