// What a server with DTLS keeps.
#ifndef TRAMLINE_TRANSPORT_DTLS_SERVER_STATE_H
#define TRAMLINE_TRANSPORT_DTLS_SERVER_STATE_H

#include "transport/certificate.h"
#include "transport/dtls_context.h"
#include "transport/dtls_cookie.h"
#include "transport/dtls_door.h"

typedef struct dtls_server {
    tl_transport transport;
    udp_socket udp;
    SSL_CTX *context;
    BIO_ADDR *listen_address; // DTLSv1_listen() requires one; the pipe has the real address
    cookie_jar cookies;
    dtls_peers peers;
    dtls_door door;
    dtls_peer *spare;     // the one that listens
    dtls_peer *reading;   // its last datagram may hold more
    dtls_peer *announced; // its CONNECTED is the next event
    uint32_t peers_max, handshakes_max;
    uint64_t silence_us_max;
    uint64_t now_us, sweep_due_us, silence_from_us;
    uint64_t round_us; // when this round of polls began
    bool round_over;
    uint32_t round_datagrams_max;
    char fingerprint[FINGERPRINT_TEXT_BYTES];
    uint8_t plain[DTLS_PLAIN_BYTES_MAX];
} dtls_server;

extern const tl_transport_ops tl_dtls_server_ops;

#endif
