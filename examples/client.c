// A client: connects to a server, looks from the origin, and prints once a second what it sees. For `server`, or any
// server of this library that lets in clients without tokens.
//
//   client ADDRESS:PORT FINGERPRINT [SECONDS]
#include <tramline/tramline.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POSES_MAX = 200000 };

static tl_pose poses[POSES_MAX];

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "client: %s: %s\n", what, text);
    exit(1);
}

// Shows the view as a display would: two ticks behind the server, so that what is shown has arrived.
static uint32_t show(tl_client *client)
{
    double tick = tl_client_get_server_tick(client, now_us()) - 2;
    uint32_t count = tl_client_get_poses(client, tick, true, poses, POSES_MAX);
    tl_client_stats stats = tl_client_get_stats(client);
    printf("tick %.1f: %u entities, %llu bytes so far, round trip %.1f ms", tick, count,
           (unsigned long long)stats.bytes, stats.rtt_ms);
    if (count) {
        printf("; %016llx is at (%.2f, %.2f, %.2f)", (unsigned long long)poses[0].entity, poses[0].position.x,
               poses[0].position.y, poses[0].position.z);
    }
    printf("\n");
    fflush(stdout);
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 3 || !tl_abi_matches()) {
        fail("usage", "client ADDRESS:PORT FINGERPRINT [SECONDS]");
    }
    char text[256] = "";
    tl_transport *transport;
    tl_client *client;
    tl_dtls_client_def to = tl_dtls_client_def_default();
    to.address = argv[1], to.fingerprint = argv[2];
    // A failover has one server here; with more of them the client goes on when its server dies.
    if (tl_dtls_failover_open(&to, 1, &transport, text, sizeof text) != TL_OK) {
        fail(argv[1], text);
    }
    tl_client_def def = tl_client_def_default();
    def.transport = transport;
    if (tl_client_create(&def, &client, text, sizeof text) != TL_OK) {
        fail("client", text);
    }
    tl_client_observe_point(client, (tl_vec3){0, 0, 0});
    uint64_t begin_us = now_us(), shown_us = begin_us,
             end_us = begin_us + (uint64_t)(1e6 * (argc > 3 ? atof(argv[3]) : 1e6));
    struct pollfd wait = {tl_transport_wait_fd(transport), POLLIN, 0};
    uint32_t seen = 0;
    while (now_us() < end_us && tl_client_get_state(client) != TL_CLIENT_CLOSED) {
        poll(&wait, 1, 10);
        tl_client_step(client, now_us());
        for (tl_client_event event; tl_client_next_event(client, &event);) {
            if (event.type == TL_CLIENT_ENTITY_ENTERED && event.entity % 50 == 0) {
                printf("%016llx is in view\n", (unsigned long long)event.entity);
            }
        }
        if (now_us() - shown_us >= 1000000) {
            shown_us = now_us();
            seen = show(client);
        }
    }
    if (tl_client_get_state(client) == TL_CLIENT_CLOSED) {
        fail("the connection ended", tl_client_get_text(client));
    }
    tl_client_destroy(client);
    tl_transport_close(transport);
    return seen > 0 ? 0 : 1;
}
