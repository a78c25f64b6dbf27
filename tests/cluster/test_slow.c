// A client with little CPU: what it is sent waits before it, in a queue of limited size, and it takes so many bytes a tick.
// It comes to see all as it is, at a rate that it can take; and nobody else notices.
#include "cluster.h"

#include <math.h>

enum { QUEUE_MAX = 512, TICK_US = 50000 };

static uint64_t seed;

// A client's transport, in front of which datagrams wait.
typedef struct slow {
    tl_transport base;
    tl_transport *inner;
    uint64_t tick;
    double left_bytes, bytes_a_tick;
    uint32_t queue_bytes, queue_bytes_max, first, count;
    uint64_t dropped;
    struct {
        uint16_t size;
        unsigned char data[TL_DATAGRAM_BYTES_MAX];
    } queue[QUEUE_MAX];
    unsigned char out[TL_DATAGRAM_BYTES_MAX];
} slow;

static tl_result slow_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    slow *s = (slow *)self;
    for (;;) { // into the queue, as a kernel does
        tl_result result = s->inner->ops->poll(s->inner, now_us, out);
        if (result != TL_OK) break;
        if (out->type != TL_TRANSPORT_DATAGRAM) return TL_OK;
        if (s->count == QUEUE_MAX || s->queue_bytes + out->size > s->queue_bytes_max) {
            s->dropped++;
            continue;
        }
        uint32_t at = (s->first + s->count++) % QUEUE_MAX;
        s->queue[at].size = (uint16_t)out->size;
        s->queue_bytes += (uint32_t)out->size;
        memcpy(s->queue[at].data, out->data, out->size);
    }
    uint64_t tick = now_us / TICK_US;
    if (tick != s->tick) s->left_bytes = fmin(s->left_bytes + s->bytes_a_tick, s->bytes_a_tick);
    s->tick = tick;
    if (s->count == 0 || s->left_bytes <= 0) return TL_AGAIN;
    size_t size = s->queue[s->first].size;
    memcpy(s->out, s->queue[s->first].data, size);
    s->first = (s->first + 1) % QUEUE_MAX;
    s->count--;
    s->queue_bytes -= (uint32_t)size;
    s->left_bytes -= (double)size;
    *out = (tl_transport_event){.type = TL_TRANSPORT_DATAGRAM, .data = s->out, .size = size};
    return TL_OK;
}

static tl_result slow_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    slow *s = (slow *)self;
    return s->inner->ops->send(s->inner, peer, data, size);
}

static void slow_flush(tl_transport *self)
{
    slow *s = (slow *)self;
    s->inner->ops->flush(s->inner);
}

static void slow_drop(tl_transport *self, tl_peer peer)
{
    slow *s = (slow *)self;
    s->inner->ops->drop(s->inner, peer);
}

static int slow_wait_fd(tl_transport *self)
{
    return -1;
}

static void slow_close(tl_transport *self)
{
    slow *s = (slow *)self;
    s->inner->ops->close(s->inner);
    free(s);
}

static const tl_transport_ops slow_ops = {.poll = slow_poll, .send = slow_send, .flush = slow_flush, .drop = slow_drop, .wait_fd = slow_wait_fd, .close = slow_close};

// A rider behind a queue.
static int add_slow(cluster *c, double bytes_a_tick, uint32_t queue_bytes)
{
    slow *s = calloc(1, sizeof *s);
    int rider = c->rider_count++;
    cluster_rider *r = &c->riders[rider];
    CHECK_EQUAL(tl_memory_network_client(c->nodes[0].network, &s->inner), TL_OK);
    s->base.ops = &slow_ops;
    s->bytes_a_tick = bytes_a_tick, s->queue_bytes_max = queue_bytes;
    r->transport = &s->base;
    tl_client_def def = tl_client_def_default();
    def.transport = r->transport;
    def.entities_max = c->entity_count * 2 + 100;
    def.kbit_s = 4000;
    CHECK_EQUAL(tl_client_create(&def, &r->client), TL_OK);
    r->cabin = scenario_ride_cabin(c->scene, 0);
    tl_client_observe_entity(r->client, scenario_entity_id(c->scene, r->cabin, 0));
    return rider;
}

static bool sees_all(cluster *c, int rider)
{
    cluster_errors e = cluster_compare(c, rider);
    return e.compared > 0 && cluster_errors_none(&e);
}

static void settle_slow(uint32_t queue_bytes, double bytes_a_tick)
{
    cluster *c = cluster_create("city", 40000, seed, 20);
    c->quiet = true;
    int quick = cluster_add_rider(c, 0);
    cluster_settle(c, 5);
    int rider = add_slow(c, bytes_a_tick, queue_bytes);
    uint64_t before = tl_client_get_stats(c->riders[rider].client).bytes;
    double seconds = 0, right_since = -1;
    for (; seconds < 40; seconds += 1) {
        cluster_run(c, 1);
        CHECK(sees_all(c, quick));
        if (!sees_all(c, rider)) right_since = -1;
        else if (right_since < 0) right_since = seconds;
        if (right_since >= 0 && seconds - right_since >= 5) break;
    }
    slow *s = (slow *)c->riders[rider].transport;
    printf("  takes %.0f bytes a tick, queue %u: right from %.1f s on; %.0f kB until then, %llu datagrams dropped\n", bytes_a_tick, queue_bytes, right_since,
           (double)(tl_client_get_stats(c->riders[rider].client).bytes - before) * 1e-3, (unsigned long long)s->dropped);
    CHECK(right_since >= 0 && right_since < 40);
    cluster_destroy(c);
}

TEST(it_settles_at_what_it_takes)
{
    settle_slow(200000, 1400);
    settle_slow(400000, 1400);
}

int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);

    RUN(it_settles_at_what_it_takes);
    return 0;
}
