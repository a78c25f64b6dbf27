// A server: a world in a directory, clients over DTLS, and a hundred drones that circle. It ends
// after SECONDS and hands its drones to the other servers of that world, if any: start a second one with another name.
//
//   server DIRECTORY NAME [ADDRESS:PORT [SECONDS]]
#include <tramline/tramline.h>

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DRONES = 100, DRONES_MAX = 10 * DRONES, TICK_HZ = 20 };

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static tl_time now(void)
{
    return (tl_time){.wall_us = clock_us(CLOCK_REALTIME), .monotonic_us = clock_us(CLOCK_MONOTONIC)};
}

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "server: %s: %s\n", what, text);
    exit(1);
}

static void on_log(void *user, const char *text)
{
    printf("%s\n", text);
}

// Where each own drone is at this tick. What is published is decided by the library.
static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    static tl_entity_ref all[DRONES_MAX], own[DRONES_MAX];
    static tl_vec3 positions[DRONES_MAX], velocities[DRONES_MAX];
    uint32_t count = tl_server_get_entities(server, all, DRONES_MAX), own_count = 0;
    for (uint32_t i = 0; i < count && i < DRONES_MAX; i++) {
        tl_entity_info info;
        if (tl_server_get_entity_info(server, all[i], &info) != TL_OK || !info.owned) {
            continue;
        }
        double radius_m = 10 + (double)(info.id % DRONES), speed_mps = 5, angle = time_s * speed_mps / radius_m;
        own[own_count] = all[i];
        positions[own_count] = (tl_vec3){radius_m * cos(angle), 30, radius_m * sin(angle)};
        velocities[own_count++] = (tl_vec3){-speed_mps * sin(angle), 0, speed_mps * cos(angle)};
    }
    tl_server_set_poses(server, own, own_count, positions, velocities, NULL);
}

static tl_store *open_world(const char *directory)
{
    char text[256] = "";
    tl_store *store;
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = TICK_HZ, .created_us = clock_us(CLOCK_REALTIME)};
    if (tl_store_open(directory, true, false, &store, text, sizeof text) != TL_OK) {
        fail(directory, text);
    }
    tl_result result = tl_store_create_world(store, &info);
    if (result != TL_OK && result != TL_ERR_EXISTS) {
        fail(directory, tl_result_text(result));
    }
    return store;
}

static tl_transport *listen_at(const char *address, const char *directory)
{
    char certificate[512], key[512], text[256] = "", fingerprint[65];
    snprintf(certificate, sizeof certificate, "%s/example.crt", directory);
    snprintf(key, sizeof key, "%s/example.key", directory);
    tl_dtls_server_def def = tl_dtls_server_def_default();
    def.address = address, def.certificate_file = certificate, def.key_file = key, def.self_signed = true;
    tl_transport *transport;
    if (tl_dtls_server_open(&def, &transport, text, sizeof text) != TL_OK) {
        fail(address, text);
    }
    tl_dtls_server_get_fingerprint(transport, fingerprint);
    printf("port %u fingerprint %s\n", tl_dtls_server_get_port(transport), fingerprint);
    return transport;
}

static void create_drones(tl_server *server)
{
    tl_group_id group;
    tl_result result = tl_server_create_group(server, 0, &group);
    for (int i = 0; i < DRONES && result == TL_OK; i++) {
        tl_entity_def drone = {.group = group, .values.mask = 1};
        result = tl_server_create_entity(server, &drone, NULL);
    }
    if (result != TL_OK) {
        fail("drones", tl_result_text(result));
    }
}

int main(int argc, char **argv)
{
    if (argc < 3 || !tl_abi_matches()) {
        fail("usage", "server DIRECTORY NAME [ADDRESS:PORT [SECONDS]]");
    }
    char text[256] = "";
    setvbuf(stdout, NULL, _IOLBF, 0); // lines at once, also into a file
    tl_store *store = open_world(argv[1]);
    tl_transport *transport = listen_at(argc > 3 ? argv[3] : "127.0.0.1:0", argv[1]);
    tl_kind_def kind = tl_kind_def_default("drone");
    kind.create = TL_POLICY_ALLOW; // clients may bring their own: see bot.c
    tl_server *server;
    tl_server_def def = tl_server_def_default();
    def.name = argv[2], def.kinds = &kind, def.kind_count = 1, def.store = store, def.transport = transport;
    def.entities_max = DRONES_MAX, def.callbacks.tick = on_tick, def.callbacks.log = on_log;
    if (tl_server_create(&def, &server, text, sizeof text) != TL_OK) {
        fail(argv[2], text);
    }
    uint64_t end_us = clock_us(CLOCK_MONOTONIC) + (uint64_t)(1e6 * (argc > 4 ? atof(argv[4]) : 1e6));
    struct pollfd wait[2] = {{tl_store_wait_fd(store), POLLIN, 0}, {tl_transport_wait_fd(transport), POLLIN, 0}};
    bool populated = false;
    tl_server_state state;
    while ((state = tl_server_get_state(server)) < TL_SERVER_LEFT) {
        poll(wait, 2, 1); // at most a millisecond
        tl_server_step(server, now());
        if (state == TL_SERVER_RUNNING && !populated) {
            tl_entity_ref any;
            if (tl_server_get_entities(server, &any, 1) == 0) { // otherwise they live on from an earlier run
                create_drones(server);
            }
            populated = true;
        }
        if (state == TL_SERVER_RUNNING && clock_us(CLOCK_MONOTONIC) >= end_us) {
            tl_server_leave(server);
        }
    }
    if (state != TL_SERVER_LEFT) {
        fail(argv[2], tl_server_get_text(server));
    }
    tl_server_destroy(server);
    tl_transport_close(transport);
    tl_store_close(store, true);
    return 0;
}
