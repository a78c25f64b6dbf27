// A program may take over failed assertions and memory.
#include "base/base.h"
#include "base/memory.h"
#include "check.h"
#include "tramline/tramline.h"

#include <setjmp.h>
#include <stdlib.h>

typedef struct seen_assertion {
    jmp_buf back;
    const char *file, *condition;
    int line;
} seen_assertion;

static void leave(void *user, const char *file, int line, const char *condition)
{
    seen_assertion *seen = user;
    seen->file = file, seen->line = line, seen->condition = condition;
    longjmp(seen->back, 1);
}

static volatile int two = 2; // not known to the compiler

TEST(a_failed_assertion_goes_to_the_handler)
{
    static seen_assertion seen;
    tl_set_assert_handler(leave, &seen);
    if (setjmp(seen.back) == 0) {
        TL_ASSERT(two == 3);
        CHECK(false);
    }
    tl_set_assert_handler(NULL, NULL);
    CHECK(strstr(seen.file, "test_hooks.c") != NULL);
    CHECK(seen.line > 0);
    CHECK(strcmp(seen.condition, "two == 3") == 0);
}

typedef struct counted {
    int blocks, allocations, left; // left: allocations that still succeed; below 0: all
} counted;

static void *count_allocate(void *user, size_t size)
{
    counted *c = user;
    if (c->left == 0) {
        return NULL;
    }
    c->left -= c->left > 0;
    c->blocks++;
    c->allocations++;
    return calloc(1, size);
}

static void count_release(void *user, void *memory)
{
    counted *c = user;
    c->blocks--;
    free(memory);
}

static void set_allocator(counted *c)
{
    tl_set_allocator(&(tl_allocator){.allocate = count_allocate, .release = count_release, .user = c});
}

// A store, a network, a server and a client, each to its end.
static tl_result make_all(void)
{
    tl_memory_world_def world_def = tl_memory_world_def_default();
    tl_memory_world *world = tl_memory_world_create(&world_def);
    tl_memory_network *network = tl_memory_network_create(1);
    tl_store *store = NULL;
    tl_transport *transports[2] = {NULL, NULL};
    tl_server *server = NULL;
    tl_client *client = NULL;
    tl_kind_def kind = tl_kind_def_default("walker");
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20};
    tl_result result = world && network ? tl_memory_store_open(world, &store) : TL_ERR_MEMORY;
    if (result == TL_OK) {
        result = tl_store_create_world(store, &info);
    }
    if (result == TL_OK) {
        result = tl_memory_network_open_server(network, &transports[0]);
    }
    if (result == TL_OK) {
        result = tl_memory_network_open_client(network, &transports[1]);
    }
    if (result == TL_OK) {
        tl_server_def def = tl_server_def_default();
        def.name = "alpha", def.kinds = &kind, def.kind_count = 1, def.store = store, def.transport = transports[0];
        def.entities_max = 1000, def.groups_max = 100, def.clients_max = 4;
        result = tl_server_create(&def, &server, NULL, 0);
    }
    if (result == TL_OK) {
        tl_client_def def = tl_client_def_default();
        def.transport = transports[1], def.entities_max = 1000;
        result = tl_client_create(&def, &client, NULL, 0);
    }
    tl_client_destroy(client);
    tl_server_destroy(server);
    tl_transport_close(transports[0]);
    tl_transport_close(transports[1]);
    tl_store_close(store, false);
    tl_memory_network_destroy(network);
    tl_memory_world_destroy(world);
    return result;
}

TEST(all_memory_comes_from_the_allocator_and_returns_to_it)
{
    counted c = {.left = -1};
    set_allocator(&c);
    tl_result result = make_all();
    tl_set_allocator(NULL);
    CHECK_EQUAL(result, TL_OK);
    CHECK_EQUAL(c.blocks, 0);
    CHECK(c.allocations >= 8);
}

TEST(whichever_allocation_fails_all_that_was_allocated_is_released)
{
    counted all = {.left = -1};
    set_allocator(&all);
    tl_result result = make_all();
    for (int left = 0; left < all.allocations; left++) {
        counted c = {.left = left};
        set_allocator(&c);
        result = make_all();
        tl_set_allocator(NULL);
        CHECK_EQUAL(result, TL_ERR_MEMORY);
        CHECK_EQUAL(c.blocks, 0);
    }
}

TEST(arrays_grow_and_sizes_do_not_wrap)
{
    CHECK(tl_alloc_array(SIZE_MAX / 2, 3) == NULL);
    unsigned char *block = tl_alloc_array(2, 3);
    memcpy(block, "abcdef", 6);
    block = tl_realloc(block, 6, 12);
    CHECK(memcmp(block, "abcdef\0\0\0\0\0\0", 12) == 0);
    tl_free(block);
    char *copy = tl_alloc_string("alpha");
    CHECK(strcmp(copy, "alpha") == 0);
    tl_free(copy);
    tl_free(NULL);
}

int main(void)
{
    RUN(a_failed_assertion_goes_to_the_handler);
    RUN(all_memory_comes_from_the_allocator_and_returns_to_it);
    RUN(whichever_allocation_fails_all_that_was_allocated_is_released);
    RUN(arrays_grow_and_sizes_do_not_wrap);
}
