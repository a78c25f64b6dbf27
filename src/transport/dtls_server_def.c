#include "transport/dtls_server_def.h"
#include "base/base.h"

#include "transport/fail.h"

enum {
    PEERS_LIMIT = 1 << 20,
    HANDSHAKES_LIMIT = 1 << 16,
    SILENCE_MS_LIMIT = 24 * 3600 * 1000,
    RATE_LIMIT = 1000000,
};

tl_dtls_server_def tl_dtls_server_def_default(void)
{
    return (tl_dtls_server_def){.peers_max = 10000,
                                .handshakes_max = 256,
                                .silence_ms_max = 10000,
                                .peer_datagrams_per_s = 200,
                                .address_datagrams_per_s = 400,
                                .address_handshakes_per_s = 32,
                                .address_handshakes_max = 32,
                                .handshakes_per_s = 500,
                                .hellos_per_s = 10000,
                                .cookie = TL_DEF_COOKIE};
}

static tl_result check_limit(const char *name, uint32_t value, uint32_t max, char *text, size_t text_bytes)
{
    if (value >= 1 && value <= max) {
        return TL_OK;
    }
    return fail(TL_ERR_INVALID, text, text_bytes, "%s is %u; it must be 1 to %u", name, value, max);
}

tl_result tl_dtls_server_def_check(const tl_dtls_server_def *def, char *text, size_t text_bytes)
{
    if (def->cookie != TL_DEF_COOKIE) {
        return fail(TL_ERR_INVALID, text, text_bytes, "the definition was not made by tl_dtls_server_def_default()");
    }
    if (!def->certificate_file || !def->key_file) {
        return fail(TL_ERR_INVALID, text, text_bytes,
                    "no certificate_file and key_file are given; name both, with self_signed they are made if missing");
    }
    const struct {
        const char *name;
        uint32_t value, max;
    } limits[] = {
        {"peers_max", def->peers_max, PEERS_LIMIT},
        {"handshakes_max", def->handshakes_max, HANDSHAKES_LIMIT},
        {"silence_ms_max", def->silence_ms_max, SILENCE_MS_LIMIT},
        {"peer_datagrams_per_s", def->peer_datagrams_per_s, RATE_LIMIT},
        {"address_datagrams_per_s", def->address_datagrams_per_s, RATE_LIMIT},
        {"address_handshakes_per_s", def->address_handshakes_per_s, RATE_LIMIT},
        {"address_handshakes_max", def->address_handshakes_max, HANDSHAKES_LIMIT},
        {"handshakes_per_s", def->handshakes_per_s, RATE_LIMIT},
        {"hellos_per_s", def->hellos_per_s, RATE_LIMIT},
    };
    tl_result result = TL_OK;
    for (size_t i = 0; i < sizeof limits / sizeof *limits && result == TL_OK; i++) {
        result = check_limit(limits[i].name, limits[i].value, limits[i].max, text, text_bytes);
    }
    return result;
}
