// The contract over FoundationDB, each world under a prefix of its own. Run by scripts/with-fdb.sh. A stall is a database
// whose process is stopped.
#include "contract.h"
#include "database.h"

#include <time.h>
#include <unistd.h>

typedef struct fdb_fixture {
    char uri[1200], copy[1210];
} fdb_fixture;

static tl_store *fdb_attach(void *fixture)
{
    return database_open(((fdb_fixture *)fixture)->uri, false);
}

// Another prefix of the same database.
static tl_store *fdb_attach_copy(void *world)
{
    fdb_fixture *fixture = world;
    snprintf(fixture->copy, sizeof(fixture->copy), "%s-copy", fixture->uri);
    return database_open(fixture->copy, true);
}

static void *fdb_create(uint64_t seed)
{
    fdb_fixture *fixture = calloc(1, sizeof(*fixture));
    CHECK(fixture);
    database_make_world(fixture->uri, sizeof(fixture->uri));
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
    database_signal("1", stalled ? SIGSTOP : SIGCONT);
}

int main(void)
{
    const contract_backend backend = {
        .name = "fdb",
        .create = fdb_create,
        .destroy = fdb_destroy,
        .attach = fdb_attach,
        .attach_copy = fdb_attach_copy,
        .pass = fdb_pass,
        .stall = fdb_stall,
        .steps = 600,
    };
    contract_run(&backend);
    return 0;
}
