// A client with little CPU: what it is sent waits before it, in a queue of limited size, and it takes so many bytes a
// tick. It comes to see all as it is, at a rate that it can take; and nobody else notices.
#include "cluster.h"

#include <math.h>

enum { QUEUE_MAX = 512, TICK_US = 50000 };
static const double CITY_BYTES_AN_ENTITY = 4.65; // that a join costs; see bench_bandwidth

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
        tl_result result = tl_transport_poll(s->inner, now_us, out);
        if (result != TL_OK) {
            break;
        }
        if (out->type != TL_TRANSPORT_DATAGRAM) {
            return TL_OK;
        }
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
    if (tick != s->tick) {
        s->left_bytes = fmin(s->left_bytes + s->bytes_a_tick, s->bytes_a_tick);
    }
    s->tick = tick;
    if (s->count == 0 || s->left_bytes <= 0) {
        return TL_AGAIN;
    }
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
    return tl_transport_send(s->inner, peer, data, size);
}

static void slow_flush(tl_transport *self)
{
    slow *s = (slow *)self;
    tl_transport_flush(s->inner);
}

static void slow_drop(tl_transport *self, tl_peer peer)
{
    slow *s = (slow *)self;
    tl_transport_drop(s->inner, peer);
}

static int slow_wait_fd(tl_transport *self)
{
    return -1;
}

static void slow_close(tl_transport *self)
{
    slow *s = (slow *)self;
    tl_transport_close(s->inner);
    free(s);
}

static const tl_transport_ops slow_ops = {.poll = slow_poll,
                                          .send = slow_send,
                                          .flush = slow_flush,
                                          .drop = slow_drop,
                                          .wait_fd = slow_wait_fd,
                                          .close = slow_close};

// A rider behind a queue.
static int add_slow(cluster *c, double bytes_a_tick, uint32_t queue_bytes)
{
    slow *s = calloc(1, sizeof *s);
    int rider = c->rider_count++;
    cluster_rider *r = &c->riders[rider];
    CHECK_EQUAL(tl_memory_network_open_client(c->nodes[0].network, &s->inner), TL_OK);
    s->base.ops = &slow_ops;
    s->bytes_a_tick = bytes_a_tick, s->queue_bytes_max = queue_bytes;
    r->transport = &s->base;
    tl_client_def def = tl_client_def_default();
    def.transport = r->transport;
    def.entities_max = c->entity_count * 2 + 100;
    def.kbit_s = 4000;
    CHECK_EQUAL(tl_client_create(&def, &r->client, NULL, 0), TL_OK);
    r->cabin = scenario_ride_cabin(c->scene, 0);
    tl_client_observe_entity(r->client, scenario_entity_id(c->scene, r->cabin, 0));
    return rider;
}

static bool sees_all(cluster *c, int rider)
{
    cluster_errors e = cluster_compare(c, rider);
    return e.compared > 0 && cluster_errors_none(&e);
}

enum { TICK_HZ = 20, QUICK = 0, SLOW = 1 };

typedef struct line {
    double bytes_a_tick;
    uint32_t queue_bytes;
} line;

// What passes of it in a tick: a frame comes at once, and what finds no room in the queue is dropped.
static double passes_bytes(const line *l)
{
    double whole_datagrams = (double)(l->queue_bytes / TL_DATAGRAM_BYTES_MAX) * TL_DATAGRAM_BYTES_MAX;
    return fmin(l->bytes_a_tick, whole_datagrams);
}

// Runs until the slow one sees all as it is, and gives the seconds; the quick one does at any time.
static double run_until_right(cluster *c, double seconds_max)
{
    for (double seconds = 0; seconds < seconds_max; seconds += 0.25) {
        if (sees_all(c, SLOW)) {
            return seconds;
        }
        cluster_run(c, 0.25);
        CHECK(sees_all(c, QUICK));
    }
    return seconds_max;
}

typedef struct cost {
    uint64_t bytes, dropped;
} cost;

static cost cost_of(const cluster *c, int rider)
{
    const slow *s = (const slow *)c->riders[rider].transport;
    return (cost){tl_client_get_stats(c->riders[rider].client).bytes, rider == SLOW ? s->dropped : 0};
}

// Once it sees all it goes on to, and costs what the quick one costs.
static void check_settled(cluster *c, const line *l)
{
    enum { SECONDS = 4 };
    cost slow_before = cost_of(c, SLOW), quick_before = cost_of(c, QUICK);
    int right = 0;
    for (int i = 0; i < SECONDS; i++) {
        cluster_run(c, 1);
        CHECK(sees_all(c, QUICK));
        right += sees_all(c, SLOW);
    }
    cost slow_after = cost_of(c, SLOW), quick_after = cost_of(c, QUICK);
    double bytes = (double)(slow_after.bytes - slow_before.bytes),
           quick_bytes = (double)(quick_after.bytes - quick_before.bytes);
    CHECK_EQUAL(right, SECONDS);
    CHECK(bytes <= quick_bytes * 1.25 + 4 * TL_DATAGRAM_BYTES_MAX);
    CHECK(bytes <= SECONDS * TICK_HZ * l->bytes_a_tick + l->queue_bytes);
    CHECK((slow_after.dropped - slow_before.dropped) * TL_DATAGRAM_BYTES_MAX <= 0.1 * bytes + TL_DATAGRAM_BYTES_MAX);
}

// The city's bytes at what the line takes are the least that it can last. What changes meanwhile, and finding out what
// the line takes, may cost as much again.
static void settles(uint32_t entities, line l)
{
    cluster *c = cluster_create("city", entities, seed, TICK_HZ);
    c->quiet = true;
    CHECK_EQUAL(cluster_add_rider_in(c, 0, 1), QUICK);
    cluster_run(c, 2);
    CHECK(sees_all(c, QUICK));
    double city_bytes = CITY_BYTES_AN_ENTITY * entities, ideal_s = city_bytes / (passes_bytes(&l) * TICK_HZ);
    double limit_s = 1.5 + 2 * ideal_s;
    CHECK_EQUAL(add_slow(c, l.bytes_a_tick, l.queue_bytes), SLOW);
    double seconds = run_until_right(c, limit_s);
    cost until = cost_of(c, SLOW);
    printf("  %u entities, %.0f bytes a tick, queue of %u: right after %.2f s of %.2f (at best %.2f); %.0f kB, %llu "
           "dropped\n",
           entities, l.bytes_a_tick, l.queue_bytes, seconds, limit_s, ideal_s, (double)until.bytes * 1e-3,
           (unsigned long long)until.dropped);
    fflush(stdout);
    CHECK(seconds < limit_s);
    check_settled(c, &l);
    cluster_destroy(c);
}

static const double rates[] = {1400, 3000, 6000};
static const uint32_t queues[] = {3000, 12000, 64000, 200000};

static void settles_on_all_lines(uint32_t entities)
{
    for (int r = 0; r < 3; r++) {
        for (int q = 0; q < 4; q++) {
            settles(entities, (line){rates[r], queues[q]});
        }
    }
}

TEST(a_small_world_settles_on_all_lines)
{
    settles_on_all_lines(2000);
}

// The cells that once did not settle, and the slowest line.
TEST(a_larger_world_settles_on_the_worst_lines)
{
    settles(20000, (line){3000, 12000});
    settles(20000, (line){1400, 3000});
    settles(20000, (line){1400, 200000});
}

static void settles_everywhere(void)
{
    settles_on_all_lines(20000);
    settles_on_all_lines(40000);
}

// With "all" after the seed: larger worlds on all lines. It takes minutes.
int main(int argc, char **argv)
{
    seed = cluster_seed(argc, argv, 1);
    RUN(a_small_world_settles_on_all_lines);
    RUN(a_larger_world_settles_on_the_worst_lines);
    if (argc > 2 && strcmp(argv[2], "all") == 0) {
        settles_everywhere();
    }
    return 0;
}
