// The contract over the memory backend, with time passed in; and that it repeats under its seed.
#include "contract.h"
#include "directory.h"

enum { STEP_US = 250 };

typedef struct memory_fixture {
    tl_memory_world *world;
    uint64_t now_us;
    char copy[64]; // a world in memory cannot be copied into, so it is copied into files
} memory_fixture;

static tl_store *memory_attach(void *fixture)
{
    tl_store *store = NULL;
    CHECK_EQUAL(tl_memory_store_open(((memory_fixture *)fixture)->world, &store), TL_OK);
    return store;
}

static tl_store *memory_attach_copy(void *fixture)
{
    return directory_open_copy(((memory_fixture *)fixture)->copy, sizeof(((memory_fixture *)fixture)->copy));
}

static void make_world(tl_store *store)
{
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20, .created_us = 1, .seed = UINT64_MAX};
    snprintf(info.scenario, sizeof(info.scenario), "test");
    tl_world_info none;
    CHECK_EQUAL(tl_store_get_world(store, &none), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_store_join(store, "alpha"), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
}

static void *memory_create(uint64_t seed)
{
    memory_fixture *fixture = calloc(1, sizeof(*fixture));
    CHECK(fixture);
    tl_memory_world_def def = tl_memory_world_def_default();
    def.seed = seed;
    fixture->world = tl_memory_world_create(&def);
    CHECK(fixture->world);
    make_world(memory_attach(fixture));
    return fixture;
}

static void memory_destroy(void *world)
{
    memory_fixture *fixture = world;
    tl_memory_world_destroy(fixture->world);
    if (fixture->copy[0]) {
        directory_remove(fixture->copy);
    }
    free(fixture);
}

static uint64_t memory_pass(void *world)
{
    memory_fixture *fixture = world;
    fixture->now_us += STEP_US;
    tl_memory_world_advance(fixture->world, fixture->now_us);
    return fixture->now_us;
}

static void memory_stall(void *world, const char *name, bool stalled)
{
    tl_memory_world_stall(((memory_fixture *)world)->world, stalled);
}

// A hash of all that a follower is told, and when.
static uint64_t run_once(uint64_t seed)
{
    memory_fixture *fixture = memory_create(seed);
    seat a, b;
    seat_open(&a, memory_attach(fixture), "alpha");
    seat_open(&b, memory_attach(fixture), "beta");
    uint64_t hash = 0;
    for (int i = 0; i < 2000; i++) {
        uint64_t now_us = memory_pass(fixture);
        if (seat_poll(&b) > 0) {
            hash = hash * 1000003u + now_us + b.count;
        }
        seat_poll(&a);
        if (a.joined && i % 20 == 0) {
            CHECK_EQUAL(seat_submit(&a, i, now_us), TL_OK);
        }
    }
    CHECK(seat_count(&b, TL_STORE_RECORD, 0) > 90);
    seat_free(&a);
    seat_free(&b);
    memory_destroy(fixture);
    return hash;
}

TEST(a_seed_repeats)
{
    CHECK(run_once(42) == run_once(42));
    CHECK(run_once(42) != run_once(43));
}

int main(void)
{
    const contract_backend backend = {
        .name = "memory",
        .create = memory_create,
        .destroy = memory_destroy,
        .attach = memory_attach,
        .attach_copy = memory_attach_copy,
        .pass = memory_pass,
        .stall = memory_stall,
        .steps = 4000,
    };
    contract_run(&backend);
    RUN(a_seed_repeats);
    return 0;
}
