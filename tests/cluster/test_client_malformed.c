// Bytes that were not meant: what is malformed is counted, and changes nothing.
#include "client_lab.h"

enum { TAPE_MAX = 4096 };

typedef struct tape { // datagrams that real clients and servers sent
    uint8_t data[TAPE_MAX][TL_DATAGRAM_BYTES_MAX];
    size_t sizes[TAPE_MAX];
    int count;
    const tl_transport_ops *real;
    tl_transport_ops ops;
} tape;

static tape *recording;

static tl_result record_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    tape *t = recording;
    if (t && t->count < TAPE_MAX) {
        memcpy(t->data[t->count], data, size);
        t->sizes[t->count++] = size;
    }
    return t->real->send(self, peer, data, size);
}

static void record_on(tape *t, tl_transport *transport)
{
    t->real = transport->ops;
    t->ops = *transport->ops;
    t->ops.send = record_send;
    transport->ops = &t->ops;
    recording = t;
}

static size_t mutate(uint64_t *random, const tape *t, uint8_t out[TL_DATAGRAM_BYTES_MAX])
{
    if (check_random(random) % 4 == 0 || t->count == 0) {
        size_t size = 1 + check_random(random) % 200;
        static const uint8_t types[] = {1, 2, 3, 0x81, 0x82, 0x83};
        for (size_t i = 0; i < size; i++) {
            out[i] = (uint8_t)check_random(random);
        }
        if (check_random(random) % 4) {
            out[0] = types[check_random(random) % 6];
        }
        return size;
    }
    int which = (int)(check_random(random) % (uint64_t)t->count);
    size_t size = t->sizes[which];
    memcpy(out, t->data[which], size);
    int changes = 1 + (int)(check_random(random) % 4);
    for (int i = 0; i < changes; i++) {
        out[check_random(random) % size] ^= (uint8_t)(1u << check_random(random) % 8);
    }
    if (check_random(random) % 3 == 0) {
        size = 1 + check_random(random) % size;
    }
    return size;
}

// To the server: from a peer of its own, and from the place of a real client.
TEST(malformed_to_the_server)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-0");
    tape *t = calloc(1, sizeof *t);
    record_on(t, l->friends[0].transport);
    lab_run(l, 1.5);
    lab_avatar = lab_create_own(l, 0, 0);
    l->each = lab_walk_avatar;
    uint8_t message[40] = {1};
    for (int i = 0; i < 20; i++) {
        tl_client_send(l->friends[0].client, message, sizeof message);
        lab_update(l, 0, l->nodes[0].box_ids[KIND_ALLOW], 1, 1);
    }
    recording = NULL;
    t->ops.send = t->real->send;
    l->each = NULL;
    lab_avatar = 0;
    lab_connect(l, 1, 0, "friend-1");
    lab_run(l, 1);
    CHECK(t->count > 20);
    tl_transport *stranger;
    CHECK_EQUAL(tl_memory_network_open_client(l->nodes[0].network, &stranger), TL_OK);
    uint64_t random = lab_seed;
    uint8_t data[TL_DATAGRAM_BYTES_MAX];
    tl_transport_event event;
    uint64_t malformed = tl_server_get_stats(l->nodes[0].server).malformed;
    for (int i = 0; i < 10000; i++) {
        size_t size = mutate(&random, t, data);
        // A goodbye or an old client's report from a stranger's peer is nothing to anybody else.
        tl_transport_send(stranger, 1, data, size);
        if (data[0] != 3) {
            tl_transport_send(l->friends[0].transport, 1, data, size);
        }
        while (tl_transport_poll(stranger, l->now_us, &event) == TL_OK) {
            continue;
        }
        if (i % 10 == 0) {
            lab_run(l, 0.002);
        }
    }
    lab_run(l, 1);
    lab_validate(l);
    tl_server_stats stats = tl_server_get_stats(l->nodes[0].server);
    printf("  malformed %llu\n", (unsigned long long)(stats.malformed - malformed));
    CHECK(stats.malformed - malformed > 3000);
    // The bystander has noticed nothing.
    CHECK_EQUAL(tl_client_get_state(l->friends[1].client), TL_CLIENT_LIVE);
    CHECK_EQUAL(tl_client_get_stats(l->friends[1].client).malformed, 0);
    CHECK_EQUAL(lab_update(l, 1, l->nodes[0].box_ids[KIND_ALLOW], 6, 6), TL_OK);
    lab_run(l, 1);
    lab_check_seen(l, 1, l->nodes[0].box_ids[KIND_ALLOW], 6, 6);
    tl_transport_close(stranger);
    lab_disconnect(l, 0);
    lab_destroy(l);
    free(t);
}

static tl_result none_sent(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    (void)self, (void)peer, (void)data, (void)size;
    return TL_OK;
}

// To a client: what is not well-formed is counted, and leaves the view as it was.
TEST(malformed_to_the_client)
{
    lab *l = lab_create();
    tape *t = calloc(1, sizeof *t);
    record_on(t, l->nodes[0].transport);
    lab_connect(l, 0, 0, "friend-0");
    lab_run(l, 3);
    recording = NULL;
    t->ops.send = none_sent; // the frames stop, so that the view stands still
    lab_run(l, 0.2);
    CHECK(t->count > 20);
    tl_client *c = l->friends[0].client;
    uint64_t random = lab_seed;
    uint8_t data[TL_DATAGRAM_BYTES_MAX];
    static tl_pose before[1000], after[1000];
    uint32_t refused = 0;
    for (int i = 0; i < 20000; i++) {
        size_t size = mutate(&random, t, data);
        if (data[0] == 3 || data[0] == 0x83) {
            continue; // a goodbye is well-formed
        }
        double tick = (double)tl_client_get_frame_tick(c);
        uint32_t count = tl_client_get_poses(c, tick, false, before, 1000);
        uint64_t malformed = tl_client_get_stats(c).malformed;
        if (tl_client_receive(c, data, size, l->now_us) != TL_ERR_MALFORMED) {
            continue;
        }
        refused++;
        CHECK_EQUAL(tl_client_get_stats(c).malformed, malformed + 1);
        CHECK_EQUAL(tl_client_get_poses(c, tick, false, after, 1000), count);
        CHECK(memcmp(before, after, count * sizeof *before) == 0);
        if (i % 100 == 0) {
            tl_client_validate(c);
        }
    }
    printf("  refused %u\n", refused);
    CHECK(refused > 5000);
    tl_client_validate(c);
    lab_disconnect(l, 0);
    lab_destroy(l);
    free(t);
}

int main(int argc, char **argv)
{
    lab_begin(argc, argv);
    RUN(malformed_to_the_server);
    RUN(malformed_to_the_client);
}
