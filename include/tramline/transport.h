/// @file
/// The transport: carries datagrams between a server and its clients. A backend implements tl_transport_ops; servers,
/// clients and programs call tl_transport_poll(), tl_transport_send() and so on. Backends of the library: UDP with
/// DTLS 1.2 (OpenSSL), and a network in memory with seeded faults. Anything that carries datagrams of up
/// to TL_DATAGRAM_BYTES_MAX bytes can be a backend: a Godot MultiplayerPeer, a WebSocket, a file.
/// examples/transport.c implements a custom one.
///
/// Threads: a transport belongs to one thread at a time.
#ifndef TRAMLINE_TRANSPORT_H
#define TRAMLINE_TRANSPORT_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A peer of a transport. Never used twice in a transport's life. On a client's transport the server is peer 1. 0 is
/// none.
typedef uint32_t tl_peer;

/// What happened, see tl_transport_poll().
typedef enum tl_transport_event_type {
    TL_TRANSPORT_CONNECTED, ///< a peer's handshake is complete
    TL_TRANSPORT_DATAGRAM,  ///< data, size
    TL_TRANSPORT_CLOSED,    ///< by the other side, by silence, or by an error: result, text
} tl_transport_event_type;

/// One event.
typedef struct tl_transport_event {
    tl_transport_event_type type;
    tl_peer peer;
    tl_result result;
    const void *data; ///< the transport's, until the next tl_transport_poll()
    size_t size;
    char text[192];
} tl_transport_event;

/// One end of a network. Opened by a backend's function, closed by tl_transport_close().
typedef struct tl_transport tl_transport;

/// What a client asks of its transport once its server is silent or gone.
typedef enum tl_reconnect {
    TL_RECONNECT_SAME,  ///< another connection to the same server, then to the others
    TL_RECONNECT_OTHER, ///< the next server first
    TL_RECONNECT_STOP,  ///< the present connection has come back: end the attempt
} tl_reconnect;

/// What a backend implements. `self` is the transport. The functions below of the same names say what each does.
typedef struct tl_transport_ops {
    tl_result (*poll)(tl_transport *self, uint64_t now_us, tl_transport_event *out);
    tl_result (*send)(tl_transport *self, tl_peer peer, const void *data, size_t size);
    void (*flush)(tl_transport *self);
    void (*drop)(tl_transport *self, tl_peer peer);
    int (*wait_fd)(tl_transport *self);
    void (*close)(tl_transport *self);
    tl_result (*reconnect)(tl_transport *self, tl_reconnect how); ///< NULL: cannot reconnect
} tl_transport_ops;

/// Counters since the transport was opened.
typedef struct tl_transport_stats {
    uint64_t datagrams_sent, datagrams_received;
    uint64_t bytes_sent, bytes_received;           ///< of datagrams as the core sees them
    uint64_t wire_bytes_sent, wire_bytes_received; ///< with DTLS, UDP and IP around them
    uint64_t dropped_malformed;                    ///< datagrams that are not DTLS's
    uint64_t dropped_full;                         ///< datagrams for which a queue had no space
    uint64_t handshakes_failed;
    uint64_t dropped_rate;    ///< datagrams over a peer's, an address's or everybody's rate, dropped unread
    uint64_t refused_address; ///< handshakes: their address has used up its share, or too many start from everywhere
} tl_transport_stats;

/// The first member of every backend's transport.
struct tl_transport {
    const tl_transport_ops *ops;
    tl_transport_stats stats;
};

/// Fetches the next event: TL_OK, or TL_AGAIN if there is none now. `now_us` drives timers; any steady clock. Never
/// waits.
static inline tl_result tl_transport_poll(tl_transport *transport, uint64_t now_us, tl_transport_event *out)
{
    return transport->ops->poll(transport, now_us, out);
}

/// Queues one datagram of 1..TL_DATAGRAM_BYTES_MAX bytes, which is sent at the next tl_transport_flush() at the latest.
/// The bytes are copied. Datagrams may be lost. TL_ERR_NOT_FOUND: there is no such peer, or not any more.
static inline tl_result tl_transport_send(tl_transport *transport, tl_peer to, const void *data, size_t size)
{
    return transport->ops->send(transport, to, data, size);
}

/// Sends what is queued.
static inline void tl_transport_flush(tl_transport *transport)
{
    transport->ops->flush(transport);
}

/// Ends a peer's connection and reports that to it. No TL_TRANSPORT_CLOSED follows.
static inline void tl_transport_drop(tl_transport *transport, tl_peer from)
{
    transport->ops->drop(transport, from);
}

/// A file descriptor that is readable when tl_transport_poll() may have something, or -1.
static inline int tl_transport_wait_fd(tl_transport *transport)
{
    return transport->ops->wait_fd(transport);
}

/// Ends all connections and frees the transport. NULL is ignored.
static inline void tl_transport_close(tl_transport *transport)
{
    if (transport) {
        transport->ops->close(transport);
    }
}

/// Whether a client's transport can reconnect.
static inline bool tl_transport_can_reconnect(const tl_transport *transport)
{
    return transport->ops->reconnect != NULL;
}

/// Starts (or ends) an attempt to reconnect, beside the present connection, which goes on delivering until the attempt
/// succeeds. Then TL_TRANSPORT_CONNECTED follows, and nothing of the old connection after it. Attempts are repeated
/// until one succeeds or is stopped; a failed one is no event. TL_ERR_STATE: this transport cannot.
static inline tl_result tl_transport_reconnect(tl_transport *transport, tl_reconnect how)
{
    return transport->ops->reconnect ? transport->ops->reconnect(transport, how) : TL_ERR_STATE;
}

/// @name UDP with DTLS 1.2
/// @{

/// A server's end. Begin with tl_dtls_server_def_default().
typedef struct tl_dtls_server_def {
    const char *address;          ///< "0.0.0.0:7777", "[::]:7777"; port 0: any free one
    const char *certificate_file; ///< PEM; with `self_signed`, both files are made at the first start if missing
    const char *key_file;         ///< PEM
    bool self_signed;
    uint32_t peers_max;      ///< connected peers, default 10'000; others are refused
    uint32_t handshakes_max; ///< at a time, default 256
    uint32_t silence_ms_max; ///< a peer that sends nothing for so long is closed; default 10'000
    // What one peer and one address (an IPv4 address, or the /64 of an IPv6 one) may take; checked before anything is
    // decrypted. Rates allow a burst of one second's worth. A newcomer is a peer to which the server has not sent
    // anything yet.
    uint32_t peer_datagrams_per_s;     ///< of a connected peer, default 200
    uint32_t address_datagrams_per_s;  ///< ClientHellos and handshakes, of an address, default 400
    uint32_t address_handshakes_per_s; ///< that start, of an address, default 32
    uint32_t address_handshakes_max;   ///< at a time, newcomers among them, of an address, default 32
    uint32_t address_peers_max;        ///< connected and handshaking, of an address; 0: half of peers_max, at least 16
    uint32_t handshakes_per_s;         ///< that start, from everywhere, default 500
    uint32_t hellos_per_s;             ///< ClientHellos answered by a cookie, from everywhere, default 10'000
    uint32_t cookie;                   ///< set by tl_dtls_server_def_default()
} tl_dtls_server_def;

/// A client's end. Begin with tl_dtls_client_def_default().
typedef struct tl_dtls_client_def {
    const char *address; ///< "host:port", "[v6]:port"
    /// SHA-256 of the server's certificate: 64 hex digits, colons allowed. NULL: `ca_file` is checked instead.
    const char *fingerprint;
    /// PEM of the authority that signed the server's certificate, which must also name the host. NULL: `fingerprint` is
    /// checked instead. One of the two is needed.
    const char *ca_file;
    uint32_t silence_ms_max;   ///< default 10'000
    uint32_t handshake_ms_max; ///< default 15'000; at most 5'000 where the network reports that nothing listens
    uint32_t cookie;           ///< set by tl_dtls_client_def_default()
} tl_dtls_client_def;

TL_API tl_dtls_server_def tl_dtls_server_def_default(void);
TL_API tl_dtls_client_def tl_dtls_client_def_default(void);
/// Opens a server's or a client's end; the definition is copied. `text` (may be NULL) receives what is wrong and what
/// to do. TL_ERR_INVALID: a member of the definition; otherwise the errors of files and sockets. Looks up host names,
/// which may block.
TL_API tl_result tl_dtls_server_open(const tl_dtls_server_def *def, tl_transport **out, char *text, size_t text_bytes);
TL_API tl_result tl_dtls_client_open(const tl_dtls_client_def *def, tl_transport **out, char *text, size_t text_bytes);
/// A client's transport that can reconnect, over 1..TL_FAILOVER_SERVERS_MAX servers of one world; the definitions are
/// copied. It connects to the first that answers. Host names are looked up here, which may block; later attempts go on
/// with these addresses, and newer ones are asked for in the background. TL_ERR_INVALID and others: a definition is
/// unusable. A server that cannot be reached is no error.
TL_API tl_result tl_dtls_failover_open(const tl_dtls_client_def *servers, uint32_t server_count, tl_transport **out,
                                       char *text, size_t text_bytes);
/// The port that a server's end is bound to.
TL_API uint16_t tl_dtls_server_get_port(const tl_transport *server);
/// Its certificate's fingerprint as 64 hex digits and a closing zero.
TL_API void tl_dtls_server_get_fingerprint(const tl_transport *server, char out[65]);
/// A peer's address as text ("127.0.0.1:40112"), for logs. "" if there is no such peer.
TL_API void tl_dtls_server_get_peer_address(const tl_transport *server, tl_peer peer, char out[64]);
/// @}

/// @name Several servers
/// @{

enum { TL_FAILOVER_SERVERS_MAX = 64 };

/// A client's transport on top of others: reconnects to the same server, or fails over to the next. Begin with
/// tl_failover_def_default().
typedef struct tl_failover_def {
    uint32_t server_count; ///< 1..TL_FAILOVER_SERVERS_MAX
    /// Opens a client's transport to a server; the failover closes it. A failure counts as a failed attempt.
    tl_result (*open)(void *user, uint32_t server, tl_transport **out, char *text, size_t text_bytes);
    void (*close)(void *user); ///< may be NULL; called last
    void *user;                ///< passed to both
    uint32_t cookie;           ///< set by tl_failover_def_default()
} tl_failover_def;

TL_API tl_failover_def tl_failover_def_default(void);
/// Opens it. `close` will be called, also if this fails. Nothing is sent before the first tl_transport_poll().
TL_API tl_result tl_failover_open(const tl_failover_def *def, tl_transport **out, char *text, size_t text_bytes);
/// The server that the present connection, or the first attempt, goes to.
TL_API uint32_t tl_failover_get_server(const tl_transport *failover);
/// @}

/// @name Memory
/// A network in this process, with seeded faults: one server's end and any number of clients' ends. The same seed
/// produces the same run.
/// @{

/// The network itself. Opaque.
typedef struct tl_memory_network tl_memory_network;

/// What goes wrong on the way. All zero: nothing, at once.
typedef struct tl_link_faults {
    double loss;        ///< share of datagrams, 0..1
    double copy;        ///< share that is delivered twice, 0..1
    double reorder;     ///< share that is held back for another delay, 0..1
    uint32_t delay_us;  ///< one way
    uint32_t jitter_us; ///< one way; 0..jitter_us are added, drawn evenly
} tl_link_faults;

/// Allocates. NULL: out of memory.
TL_API tl_memory_network *tl_memory_network_create(uint64_t seed);
/// All ends must be closed before. NULL is ignored.
TL_API void tl_memory_network_destroy(tl_memory_network *network);
/// From now on, both ways.
TL_API void tl_memory_network_set_faults(tl_memory_network *network, tl_link_faults faults);
/// While it is partitioned, nothing is delivered.
TL_API void tl_memory_network_partition(tl_memory_network *network, bool partitioned);
/// Moves the network's time forward. Once this was called, the time that is passed to tl_transport_poll() is ignored:
/// so its ends may have clocks that differ.
TL_API void tl_memory_network_advance(tl_memory_network *network, uint64_t now_us);
/// Opens the server's end; TL_ERR_EXISTS: it is open already.
TL_API tl_result tl_memory_network_open_server(tl_memory_network *network, tl_transport **out);
/// Opens one more client's end.
TL_API tl_result tl_memory_network_open_client(tl_memory_network *network, tl_transport **out);
/// @}

#ifdef __cplusplus
}
#endif
#endif
