// A server's peers: found by number and by address, and lined up by how long nothing was heard of them. Handshakes are
// peers too; one that comes from the address of a connected peer waits as its candidate until it is complete, so that
// nobody is put out by what a stranger sends in his name.
#ifndef TRAMLINE_TRANSPORT_DTLS_PEERS_H
#define TRAMLINE_TRANSPORT_DTLS_PEERS_H

#include "transport/dtls_bio.h"
#include "transport/inbox.h"
#include "transport/keyed_hash.h"

#include <openssl/ssl.h>

typedef struct dtls_peer {
    tl_peer number; // 0: handshaking
    SSL *ssl;
    datagram_pipe pipe; // its `to` is the peer's address
    uint64_t since_us;  // a handshake: begun; connected: last heard
    uint64_t hello;     // hash of the ClientHello's random, which identifies its copies
    uint32_t handshake_datagrams;
    uint32_t handshake_encrypted; // of those, with encrypted records
    source *source;               // of its address, held
    bool settled;                 // it was sent something: the server takes it for a client
    rate_bucket rate;             // of its datagrams, before they are decrypted
    inbox_queue waiting;
    struct dtls_peer *turn_before, *turn_after; // of those with something waiting
    struct dtls_peer *candidate;                // of a connected peer
    struct dtls_peer *replaces;                 // of a candidate
    struct dtls_peer *older, *newer;
    struct dtls_peer *number_next, *address_next;
} dtls_peer;

typedef struct peer_line {
    dtls_peer *oldest, *newest;
    uint32_t count;
} peer_line;

typedef struct dtls_peers {
    peer_line handshakes, connected;
    dtls_peer **by_number, **by_address;
    uint32_t mask;
    tl_peer number_last;
    uint64_t hash_key[2]; // random: nobody can choose addresses that collide
} dtls_peers;

bool tl_dtls_peers_init(dtls_peers *peers, uint32_t count_max);
void tl_dtls_peers_release(dtls_peers *peers); // all peers must be gone

dtls_peer *tl_dtls_peers_by_number(const dtls_peers *peers, tl_peer number);
dtls_peer *tl_dtls_peers_by_address(const dtls_peers *peers, const tl_os_address *address);

// A handshake begins. `replaces` may be NULL: then no peer has this address.
void tl_dtls_peers_add(dtls_peers *peers, dtls_peer *peer, dtls_peer *replaces, uint64_t now_us);
// A handshake is complete; the peer that it replaces must be gone. Assigns its number.
void tl_dtls_peers_connect(dtls_peers *peers, dtls_peer *peer, uint64_t now_us);
void tl_dtls_peers_heard(dtls_peers *peers, dtls_peer *peer, uint64_t now_us);
// Forgets the peer; its candidate, if any, takes its place. The peer itself is the caller's.
void tl_dtls_peers_remove(dtls_peers *peers, dtls_peer *peer);

#endif
