// After creation neither a server nor a client allocates: every malloc, calloc and realloc is counted while one of
// their steps runs, but for what the simulated store and network do for it. (The linker wraps these functions, see
// CMakeLists.txt.)
#include "cluster.h"

static volatile bool inside; // volatile: compilers do not expect that malloc reads and writes these
static volatile uint64_t allocations;
static uint64_t steps;
static tl_store_ops real_store, store_ops;
static tl_transport_ops transport_ops[2];
static const tl_transport_ops *real_transport[2]; // a server's, a client's

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_tl_server_step(tl_server *server, tl_time now);
void __real_tl_client_step(tl_client *client, uint64_t now_us);

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    allocations += inside;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    allocations += inside;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    allocations += inside;
    return __real_realloc(block, size);
}

void __wrap_tl_server_step(tl_server *server, tl_time now);
void __wrap_tl_server_step(tl_server *server, tl_time now)
{
    inside = true;
    steps++;
    __real_tl_server_step(server, now);
    inside = false;
}

void __wrap_tl_client_step(tl_client *client, uint64_t now_us);
void __wrap_tl_client_step(tl_client *client, uint64_t now_us)
{
    inside = true;
    steps++;
    __real_tl_client_step(client, now_us);
    inside = false;
}

// Runs something of the store's or the network's.
#define OUTSIDE(type, call)   \
    bool was_inside = inside; \
    inside = false;           \
    type result = call;       \
    inside = was_inside;      \
    return result

static tl_result store_submit(tl_store *self, int64_t tick, const void *data, size_t size, uint64_t now_us)
{
    OUTSIDE(tl_result, real_store.submit(self, tick, data, size, now_us));
}

static tl_result store_checkpoint(tl_store *self, tl_group_id group, int64_t tick, const void *data, size_t size)
{
    OUTSIDE(tl_result, real_store.checkpoint(self, group, tick, data, size));
}

static tl_result store_cut(tl_store *self, int64_t tick)
{
    OUTSIDE(tl_result, real_store.truncate(self, tick));
}

static tl_result store_fence(tl_store *self, tl_server_number server, uint32_t epoch, int64_t tick)
{
    OUTSIDE(tl_result, real_store.fence(self, server, epoch, tick));
}

static tl_result store_poll(tl_store *self, tl_store_event *out)
{
    OUTSIDE(tl_result, real_store.poll(self, out));
}

static tl_result server_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    OUTSIDE(tl_result, real_transport[0]->poll(self, now_us, out));
}

static tl_result server_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    OUTSIDE(tl_result, real_transport[0]->send(self, peer, data, size));
}

static tl_result client_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    OUTSIDE(tl_result, real_transport[1]->poll(self, now_us, out));
}

static tl_result client_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    OUTSIDE(tl_result, real_transport[1]->send(self, peer, data, size));
}

static void stand_between(cluster *c)
{
    for (int i = 0; i < c->node_count; i++) {
        cluster_node *n = &c->nodes[i];
        if (n->server == NULL || n->store->ops == &store_ops) {
            continue;
        }
        real_store = store_ops = *n->store->ops;
        store_ops.submit = store_submit, store_ops.checkpoint = store_checkpoint, store_ops.truncate = store_cut;
        store_ops.fence = store_fence, store_ops.poll = store_poll;
        n->store->ops = &store_ops;
        real_transport[0] = n->transport->ops;
        transport_ops[0] = *n->transport->ops;
        transport_ops[0].poll = server_poll, transport_ops[0].send = server_send;
        n->transport->ops = &transport_ops[0];
    }
    for (int i = 0; i < c->rider_count; i++) {
        cluster_rider *r = &c->riders[i];
        if (r->client == NULL || r->transport->ops == &transport_ops[1]) {
            continue;
        }
        real_transport[1] = r->transport->ops;
        transport_ops[1] = *r->transport->ops;
        transport_ops[1].poll = client_poll, transport_ops[1].send = client_send;
        r->transport->ops = &transport_ops[1];
    }
}

// Through a join, a balance of groups, loss, checkpoints and a take-over.
TEST(steps_do_not_allocate)
{
    cluster *c = cluster_create("city", 800, cluster_seed(0, NULL, 1), 20);
    c->quiet = true;
    cluster_start_server(c, 1);
    cluster_add_rider(c, 0);
    cluster_add_rider(c, 1);
    stand_between(c);
    steps = allocations = 0;
    cluster_run(c, 4);
    cluster_faults(c, (tl_link_faults){.loss = 0.1, .reorder = 0.1, .delay_us = 5000});
    cluster_run(c, 12);
    cluster_crash_server(c, 1);
    cluster_run(c, 14);
    printf("  %llu steps, %llu allocations\n", (unsigned long long)steps, (unsigned long long)allocations);
    CHECK(steps > 80000);
    CHECK_EQUAL(allocations, 0);
    CHECK_EQUAL(cluster_owned_groups(c), c->group_count);
    cluster_destroy(c);
}

// The count counts: this must be seen.
TEST(the_count_counts)
{
    inside = true;
    allocations = 0;
    void *volatile block = calloc(1, 1); // volatile: nothing of it is left out
    free(block);
    block = malloc(1);
    block = realloc(block, 100);
    free(block);
    inside = false;
    CHECK_EQUAL(allocations, 3);
}

int main(void)
{
    RUN(the_count_counts);
    RUN(steps_do_not_allocate);
    return 0;
}
