// Decides whose datagrams are processed, and when, before any costly work: rates for each peer and each source, turns
// for those with something waiting, and each source's share of handshakes and peers.
#ifndef TRAMLINE_TRANSPORT_DTLS_DOOR_H
#define TRAMLINE_TRANSPORT_DTLS_DOOR_H

#include "transport/dtls_peers.h"

enum {
    DOOR_ANSWER_UNITS = 1,    // a cookie, about 10 us
    DOOR_HANDSHAKE_UNITS = 8, // a step of a handshake, up to 300 us
    DOOR_ROUND_UNITS = 64,    // for strangers, in a round
};

typedef struct door_limits { // see tl_dtls_server_def
    uint32_t peer_datagrams_per_s, address_datagrams_per_s, address_handshakes_per_s;
    uint32_t address_handshakes_max, address_peers_max, handshakes_per_s, hellos_per_s;
} door_limits;

typedef struct dtls_door {
    door_limits limits;
    tl_transport_stats *stats;
    sources sources;
    inbox inbox;
    inbox_queue strangers;
    dtls_peer *turn_first, *turn_last; // peers with something waiting
    rate_bucket hellos, begins;        // of all sources
    int units_left;                    // for strangers in this round
    uint32_t served;
} dtls_door;

bool tl_door_init(dtls_door *door, const door_limits *limits, uint32_t peers_max, uint32_t handshakes_max,
                  tl_transport_stats *stats);
void tl_door_release(dtls_door *door); // all peers are gone

// A datagram has come: it waits for its turn, or it is dropped and counted. `answered`: a ClientHello without a valid
// cookie, which costs an answer that anybody can ask for in anybody's name.
void tl_door_take(dtls_door *door, dtls_peer *peer, const udp_datagram *datagram, uint64_t now_us);
void tl_door_take_stranger(dtls_door *door, const udp_datagram *datagram, bool answered, uint64_t now_us);
// Whose turn it is: peers one after another, and a stranger after every few. `peer` is NULL for a stranger's datagram.
// NULL: nothing waits, or strangers have used up their share of this round. Free it with tl_door_free().
inbox_slot *tl_door_next(dtls_door *door, dtls_peer **peer);
void tl_door_free(dtls_door *door, inbox_slot *slot);

// Whether one more handshake may begin, by rate; then, by the source's share.
bool tl_door_may_begin(dtls_door *door, source *from, uint64_t now_us);
bool tl_door_has_handshake(const dtls_door *door, const source *from);
bool tl_door_has_peer(const dtls_door *door, const source *from);
// A handshake, a newcomer, a peer; and its end, whichever it is. The peer's state is what it was before.
void tl_door_begun(dtls_door *door, dtls_peer *peer);
void tl_door_connected(dtls_door *door, dtls_peer *peer);
void tl_door_settled(dtls_door *door, dtls_peer *peer);
void tl_door_gone(dtls_door *door, dtls_peer *peer);

#endif
