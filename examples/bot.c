// A headless bot: a player without a screen. It connects to a server whose kinds let clients create one of them, as
// `server` does ("drone"); creates an entity, moves it in a circle, and reports its state.
//
//   bot ADDRESS:PORT FINGERPRINT KIND [SECONDS [TOKEN]]
#include <tramline/tramline.h>

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct bot {
    tl_client *client;
    const char *kind_name;
    uint32_t request;    // number of the creation, 0: not asked
    tl_entity_id avatar; // 0: none
} bot;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "bot: %s: %s\n", what, text);
    exit(1);
}

// Where it walks: 2 m/s on a circle of 5 m.
static tl_values place_at(double seconds)
{
    double angle = seconds * 2 / 5;
    tl_values values = {.mask = 1};
    values.fields[0].position = (tl_vec3){5 * cos(angle), 0, 5 * sin(angle)};
    values.fields[0].velocity = (tl_vec3){-2 * sin(angle), 0, 2 * cos(angle)};
    return values;
}

static void ask_for_avatar(bot *b, double seconds)
{
    int kind = tl_client_get_kind_count(b->client) - 1;
    while (kind >= 0 && strcmp(tl_client_get_kind_name(b->client, kind), b->kind_name) != 0) {
        kind--;
    }
    if (kind < 0) {
        fail(b->kind_name, "this world has no such kind");
    }
    tl_values values = place_at(seconds);
    tl_result result = tl_client_request_create(b->client, kind, 0, &values, true, &b->request);
    if (result != TL_OK) {
        fail("create", tl_result_text(result));
    }
}

static void take_events(bot *b)
{
    for (tl_client_event event; tl_client_next_event(b->client, &event);) {
        switch (event.type) {
        case TL_CLIENT_ANSWER:
            if (event.request != b->request || event.request == 0) {
                break;
            }
            if (event.result != TL_OK) {
                fail("the avatar was refused", tl_result_text(event.result));
            }
            b->avatar = event.entity;
            tl_client_observe_entity(b->client, b->avatar); // what is near it is the finest
            printf("avatar %016llx\n", (unsigned long long)b->avatar);
            break;
        case TL_CLIENT_OWN_LOST: fail("the avatar", "was lost"); break;
        case TL_CLIENT_STATE: printf("state %d\n", tl_client_get_state(b->client)); break;
        default: break;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 4 || !tl_abi_matches()) {
        fail("usage", "bot ADDRESS:PORT FINGERPRINT KIND [SECONDS [TOKEN]]");
    }
    char text[256] = "";
    bot b = {.kind_name = argv[3]};
    tl_transport *transport;
    tl_dtls_client_def to = tl_dtls_client_def_default();
    to.address = argv[1], to.fingerprint = argv[2];
    if (tl_dtls_failover_open(&to, 1, &transport, text, sizeof text) != TL_OK) {
        fail(argv[1], text);
    }
    tl_client_def def = tl_client_def_default();
    def.transport = transport;
    def.token = argc > 5 ? argv[5] : "bot", def.token_bytes = strlen(def.token); // without token keys: a name
    if (tl_client_create(&def, &b.client, text, sizeof text) != TL_OK) {
        fail("client", text);
    }
    uint64_t begin_us = now_us(), end_us = begin_us + (uint64_t)(1e6 * (argc > 4 ? atof(argv[4]) : 10));
    struct pollfd wait = {tl_transport_wait_fd(transport), POLLIN, 0};
    while (now_us() < end_us) {
        poll(&wait, 1, 10);
        tl_client_step(b.client, now_us());
        take_events(&b);
        if (tl_client_get_state(b.client) == TL_CLIENT_CLOSED) {
            fail("the connection ended", tl_client_get_text(b.client));
        }
        double seconds = (double)(now_us() - begin_us) / 1e6;
        if (!b.request && tl_client_get_state(b.client) == TL_CLIENT_LIVE) {
            ask_for_avatar(&b, seconds);
        }
        if (b.avatar) {
            tl_values values = place_at(seconds);
            tl_client_set_values(b.client, b.avatar, tl_client_get_server_tick(b.client, now_us()), 0, &values);
        }
    }
    tl_client_stats stats = tl_client_get_stats(b.client);
    printf("%u entities in view, %llu bytes received\n", stats.entities, (unsigned long long)stats.bytes);
    tl_client_destroy(b.client);
    tl_transport_close(transport);
    return b.avatar ? 0 : 1;
}
