#include "app/admission.h"

#include "app/number.h"

enum { ADDRESS_PEERS_MIN = 16, OPTION_FIRST = 512 };

static const struct {
    const char *name;
    size_t offset;
    long max;
} limits[] = {
// clang-format off
#define LIMIT(name, field, max) {name, offsetof(admission, field), max}
    // clang-format on
    LIMIT("newcomers", newcomers_max, 1 << 20),
    LIMIT("hello-ms", hello_ms_max, 3600000),
    LIMIT("malformed", malformed_max, 1000000),
    LIMIT("step-units", step_units_max, 1 << 30),
    LIMIT("peer-datagrams", peer_datagrams_per_s, 1000000),
    LIMIT("address-datagrams", address_datagrams_per_s, 1000000),
    LIMIT("address-handshakes", address_handshakes_max, 65536),
    LIMIT("address-handshake-rate", address_handshakes_per_s, 1000000),
    LIMIT("address-peers", address_peers_max, 1 << 20),
    LIMIT("handshakes", handshakes_max, 65536),
    LIMIT("handshake-rate", handshakes_per_s, 1000000),
    LIMIT("hello-rate", hellos_per_s, 1000000),
    LIMIT("work-slots", work_slots, 1 << 30),
    LIMIT("streams-kept", streams_kept_max, 1 << 20),
    LIMIT("client-speed", client_speed_max, 1000000000),
    LIMIT("client-bytes", client_bytes_s_max, 1000000000),
#undef LIMIT
};

// In the order of the table.
static const struct argp_option options[] = {
    {"newcomers", OPTION_FIRST, "NUMBER", 0,
     "Newcomers at a time: peers that have not sent a valid hello yet (default 1024)", 5},
    {"hello-ms", OPTION_FIRST + 1, "NUMBER", 0,
     "Close a newcomer that has not sent a valid hello after NUMBER ms (default 3000)", 5},
    {"malformed", OPTION_FIRST + 2, "NUMBER", 0, "Close a peer after NUMBER malformed datagrams (default 64)", 5},
    {"step-units", OPTION_FIRST + 3, "NUMBER", 0,
     "Units of work for clients in one step, about 10 us each; the rest waits until the tick is done (default 1024, "
     "plus 4 per client)",
     5},
    {"peer-datagrams", OPTION_FIRST + 4, "NUMBER", 0, "Datagrams per second from one peer (default 200)", 5},
    {"address-datagrams", OPTION_FIRST + 5, "NUMBER", 0,
     "Handshake datagrams per second from one address (default 400)", 5},
    {"address-handshakes", OPTION_FIRST + 6, "NUMBER", 0,
     "Handshakes and newcomers of one address at a time (default 32)", 5},
    {"address-handshake-rate", OPTION_FIRST + 7, "NUMBER", 0,
     "Handshakes that one address may begin per second (default 32)", 5},
    {"address-peers", OPTION_FIRST + 8, "NUMBER", 0, "Peers of one address (default: half of --clients, at least 16)",
     5},
    {"handshakes", OPTION_FIRST + 9, "NUMBER", 0, "Handshakes of all addresses at a time (default 256)", 5},
    {"handshake-rate", OPTION_FIRST + 10, "NUMBER", 0,
     "Handshakes that all addresses may begin per second (default 500)", 5},
    {"hello-rate", OPTION_FIRST + 11, "NUMBER", 0,
     "Strangers per second that are answered with a cookie (default 10000)", 5},
    {"work-slots", OPTION_FIRST + 12, "NUMBER", 0,
     "Slots of tiles that all clients together may have set up or encoded as a whole in one tick (default 30000)", 5},
    {"streams-kept", OPTION_FIRST + 13, "NUMBER", 0,
     "Streams of former surroundings that a client keeps until their replacements have arrived (default 192)", 5},
    {"client-speed", OPTION_FIRST + 14, "NUMBER", 0,
     "Limit in m/s for the speed of an entity that a client moves, and for the distance per second of all that it owns "
     "(default 2500)",
     5},
    {"client-bytes", OPTION_FIRST + 15, "NUMBER", 0,
     "Bytes per second that a client may have published (default 16000)", 5},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    int index = key - OPTION_FIRST;
    if (index < 0 || index >= (int)(sizeof limits / sizeof *limits)) {
        return ARGP_ERR_UNKNOWN;
    }
    uint32_t *field = (uint32_t *)((char *)state->input + limits[index].offset);
    *field = (uint32_t)number_whole(state, limits[index].name, argument, 1, limits[index].max);
    return 0;
}

const struct argp admission_argp = {.options = options, .parser = parse};

static void set(uint32_t *field, uint32_t value)
{
    if (value) {
        *field = value;
    }
}

void admission_apply(const admission *a, tl_server_def *def)
{
    set(&def->newcomers_max, a->newcomers_max);
    set(&def->hello_ms_max, a->hello_ms_max);
    set(&def->malformed_max, a->malformed_max);
    set(&def->step_units_max, a->step_units_max);
    set(&def->work_slots, a->work_slots);
    set(&def->streams_kept_max, a->streams_kept_max);
    set(&def->client_speed_max, a->client_speed_max);
    set(&def->client_bytes_s_max, a->client_bytes_s_max);
    set(&def->peer_datagrams_per_s, a->peer_datagrams_per_s);
}

void admission_apply_transport(const admission *a, uint32_t clients_max, tl_dtls_server_def *def)
{
    set(&def->handshakes_max, a->handshakes_max);
    def->peers_max = clients_max + def->handshakes_max;
    def->address_peers_max = clients_max / 2 < ADDRESS_PEERS_MIN ? ADDRESS_PEERS_MIN : clients_max / 2;
    set(&def->address_peers_max, a->address_peers_max);
    set(&def->peer_datagrams_per_s, a->peer_datagrams_per_s);
    set(&def->address_datagrams_per_s, a->address_datagrams_per_s);
    set(&def->address_handshakes_max, a->address_handshakes_max);
    set(&def->address_handshakes_per_s, a->address_handshakes_per_s);
    set(&def->handshakes_per_s, a->handshakes_per_s);
    set(&def->hellos_per_s, a->hellos_per_s);
}
