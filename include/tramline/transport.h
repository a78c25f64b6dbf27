// The transport: carries datagrams between a server and its clients. An interface of callbacks, so that the core does
// no I/O; src/transport has UDP with DTLS 1.2 (OpenSSL), and an in-memory network with seeded faults. Anything that
// carries datagrams of up to TL_DATAGRAM_BYTES_MAX bytes will do (a Godot MultiplayerPeer, a WebSocket, a file).
//
// Threads: one transport is used by one thread at a time.
#ifndef TRAMLINE_TRANSPORT_H
#define TRAMLINE_TRANSPORT_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

// A peer of a transport. Never used twice in a transport's life. On a client's transport the server is peer 1. 0 is
// none.
typedef uint32_t tl_peer;

typedef enum tl_transport_event_type {
    TL_TRANSPORT_CONNECTED, // a peer's handshake is complete
    TL_TRANSPORT_DATAGRAM,  // data, size
    TL_TRANSPORT_CLOSED,    // by the other side, by silence, or by an error: result, text
} tl_transport_event_type;

typedef struct tl_transport_event {
    tl_transport_event_type type;
    tl_peer peer;
    tl_result result;
    const void *data; // owned by the transport, good until the next poll()
    size_t size;
    char text[192];
} tl_transport_event;

typedef struct tl_transport tl_transport;

// What a client asks of its transport once its server is silent or gone.
typedef enum tl_reconnect {
    TL_RECONNECT_SAME,  // another connection to the same server, then to the others
    TL_RECONNECT_OTHER, // the next server first
    TL_RECONNECT_STOP,  // the present connection has come back: end the attempt
} tl_reconnect;

typedef struct tl_transport_ops {
    // The next event: TL_OK, or TL_AGAIN if there is none now. Never waits. `now_us` drives timers (monotonic).
    tl_result (*poll)(tl_transport *self, uint64_t now_us, tl_transport_event *out);
    // Queues one datagram of 1..TL_DATAGRAM_BYTES_MAX bytes; sent at flush() at the latest. Copied. It may be lost.
    // TL_ERR_NOT_FOUND: no such peer (any more).
    tl_result (*send)(tl_transport *self, tl_peer peer, const void *data, size_t size);
    void (*flush)(tl_transport *self);
    // Ends a peer's connection: tells it, frees it; no CLOSED event follows.
    void (*drop)(tl_transport *self, tl_peer peer);
    // A file descriptor that is readable when poll() may have something, or -1.
    int (*wait_fd)(tl_transport *self);
    void (*close)(tl_transport *self);
    // A client's transport only; NULL: it cannot. Begins (or ends) an attempt to connect anew, beside the present
    // connection, which goes on delivering until the attempt succeeds: then CONNECTED follows, and nothing of the old
    // connection comes after it. Attempts are repeated until one succeeds or is stopped; a failed one is no event.
    tl_result (*reconnect)(tl_transport *self, tl_reconnect how);
} tl_transport_ops;

typedef struct tl_transport_stats {
    uint64_t datagrams_sent, datagrams_received;
    uint64_t bytes_sent, bytes_received;           // of datagrams as the core sees them
    uint64_t wire_bytes_sent, wire_bytes_received; // with DTLS, UDP and IP around them
    uint64_t dropped_malformed, dropped_full, handshakes_failed;
    uint64_t dropped_rate;    // datagrams over a peer's, an address' or everybody's rate, dropped unread
    uint64_t refused_address; // handshakes: their address has used up its share, or too many begin from everywhere
} tl_transport_stats;

struct tl_transport {
    const tl_transport_ops *ops;
    tl_transport_stats stats;
};

// ---- UDP with DTLS 1.2
// ------------------------------------------------------------------------------------------------

typedef struct tl_dtls_server_def {
    const char *address;          // "0.0.0.0:7777", "[::]:7777"; port 0: any free one
    const char *certificate_file; // PEM; with `self_signed`, both files are made on first start if missing
    const char *key_file;         // PEM
    bool self_signed;
    uint32_t peers_max;      // connected peers; further ones are refused (default 10'000)
    uint32_t handshakes_max; // at once (default 256)
    uint32_t silence_ms_max; // a peer that says nothing for so long is closed (default 10'000)
    // What one peer and one address (an IPv4 address, or the /64 of an IPv6 one) may take; checked before anything is
    // decrypted. Rates allow a burst of a second's worth. A newcomer is a peer that the server has not sent anything
    // yet.
    uint32_t peer_datagrams_per_s;     // of a connected peer (default 200)
    uint32_t address_datagrams_per_s;  // ClientHellos and handshakes, of an address (default 400)
    uint32_t address_handshakes_per_s; // that begin (default 32)
    uint32_t address_handshakes_max;   // at once, with newcomers (default 32)
    uint32_t address_peers_max;        // connected and handshaking; 0: half of peers_max, at least 16
    uint32_t handshakes_per_s;         // that begin, from everywhere (default 500)
    uint32_t hellos_per_s;             // ClientHellos answered with a cookie, from everywhere (default 10'000)
} tl_dtls_server_def;

typedef struct tl_dtls_client_def {
    const char *address;     // "host:port", "[v6]:port"
    const char *fingerprint; // SHA-256 of the server's certificate, 64 hex digits, colons allowed; or NULL
    // PEM of the authority to check against, with the host's name; or NULL. One of the two is needed
    const char *ca_file;
    uint32_t silence_ms_max;   // default 10'000
    uint32_t handshake_ms_max; // default 15'000; 5 s at most where the network says that nothing listens
} tl_dtls_client_def;

TL_API tl_dtls_server_def tl_dtls_server_def_default(void);
TL_API tl_dtls_client_def tl_dtls_client_def_default(void);
// `text` (may be NULL) gets what is wrong and what to do.
TL_API tl_result tl_dtls_server_open(const tl_dtls_server_def *def, tl_transport **out, char *text, size_t text_bytes);
TL_API tl_result tl_dtls_client_open(const tl_dtls_client_def *def, tl_transport **out, char *text, size_t text_bytes);
// A client's transport that can reconnect, over one or more servers of one world; the definitions are copied. It
// connects to the first that answers. Hosts' names are looked up here, which may wait for a name server; later attempts
// go on with these addresses, and newer ones are asked for beside them. TL_ERR_INVALID and others: a definition is
// unusable; a server that cannot be reached is none.
TL_API tl_result tl_dtls_failover_open(const tl_dtls_client_def *servers, uint32_t server_count, tl_transport **out,
                                       char *text, size_t text_bytes);
// The port bound to, and the certificate's fingerprint as 64 hex digits and a zero.
TL_API uint16_t tl_dtls_server_port(const tl_transport *server);
TL_API void tl_dtls_server_fingerprint(const tl_transport *server, char out[65]);
// The remote address of a peer as text ("127.0.0.1:40112"), for logs. "" if there is no such peer.
TL_API void tl_dtls_server_peer_address(const tl_transport *server, tl_peer peer, char out[64]);

// ---- several servers
// --------------------------------------------------------------------------------------------------

// A client's transport over those of others: reconnects to the same server or fails over to the next.
typedef struct tl_failover_def {
    uint32_t server_count; // 1 to TL_FAILOVER_SERVERS_MAX
    // Opens a client's transport to a server; the failover closes it. A failure counts as a failed attempt.
    tl_result (*open)(void *user, uint32_t server, tl_transport **out, char *text, size_t text_bytes);
    void (*close)(void *user); // may be NULL; called last
    void *user;
} tl_failover_def;

enum { TL_FAILOVER_SERVERS_MAX = 64 };

// Takes over `user`, also when it fails. Nothing is sent before the first poll().
TL_API tl_result tl_failover_open(const tl_failover_def *def, tl_transport **out, char *text, size_t text_bytes);
// Which server the present connection, or the first attempt, goes to.
TL_API uint32_t tl_failover_server(const tl_transport *failover);

// ---- in memory, with seeded faults
// ------------------------------------------------------------------------------------

typedef struct tl_memory_network tl_memory_network;

typedef struct tl_link_faults {
    double loss;                  // 0..1, of datagrams
    double copy;                  // 0..1, delivered twice
    double reorder;               // 0..1, held back by another delay
    uint32_t delay_us, jitter_us; // one way; jitter is added evenly, 0..jitter_us
} tl_link_faults;

// One server end and any number of client ends. Time is passed in; the same seed gives the same run.
TL_API tl_memory_network *tl_memory_network_create(uint64_t seed);
TL_API void tl_memory_network_destroy(tl_memory_network *network);                       // after all ends are closed
TL_API void tl_memory_network_faults(tl_memory_network *network, tl_link_faults faults); // from now on, both ways
// nothing is delivered meanwhile
TL_API void tl_memory_network_cut(tl_memory_network *network, bool cut);
// From now on the network has a time of its own, and what poll() is passed does not count: its ends may have clocks
// that differ. Never back.
TL_API void tl_memory_network_advance(tl_memory_network *network, uint64_t now_us);
TL_API tl_result tl_memory_network_server(tl_memory_network *network, tl_transport **out);
TL_API tl_result tl_memory_network_client(tl_memory_network *network, tl_transport **out);

#ifdef __cplusplus
}
#endif
#endif
