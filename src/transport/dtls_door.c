#include "transport/dtls_door.h"

#include "base/base.h"

enum {
    STRANGERS_WAITING_MAX = 256,
    SOURCE_WAITING_MAX = 32, // of one source's strangers
    PEER_WAITING_MAX = 256,
    PEERS_WAITING_MIN = 1024,
    PEERS_WAITING_MAX = 16384,
    STRANGER_EVERY = 4, // one in this many turns goes to a stranger, if any waits
};

bool tl_door_init(dtls_door *door, const door_limits *limits, uint32_t peers_max, uint32_t handshakes_max,
                  tl_transport_stats *stats)
{
    *door = (dtls_door){.limits = *limits, .stats = stats};
    uint32_t waiting = 2 * peers_max;
    if (waiting < PEERS_WAITING_MIN) {
        waiting = PEERS_WAITING_MIN;
    }
    if (waiting > PEERS_WAITING_MAX) {
        waiting = PEERS_WAITING_MAX;
    }
    return tl_sources_init(&door->sources, peers_max + handshakes_max + STRANGERS_WAITING_MAX) &&
           tl_inbox_init(&door->inbox, waiting + STRANGERS_WAITING_MAX);
}

void tl_door_release(dtls_door *door)
{
    tl_sources_release(&door->sources);
    tl_inbox_release(&door->inbox);
}

// ---- turns ----------------------------------------------------------------------------------------------------------

static void turn_append(dtls_door *door, dtls_peer *peer)
{
    peer->turn_before = door->turn_last;
    peer->turn_after = NULL;
    *(door->turn_last ? &door->turn_last->turn_after : &door->turn_first) = peer;
    door->turn_last = peer;
}

static void turn_remove(dtls_door *door, dtls_peer *peer)
{
    *(peer->turn_before ? &peer->turn_before->turn_after : &door->turn_first) = peer->turn_after;
    *(peer->turn_after ? &peer->turn_after->turn_before : &door->turn_last) = peer->turn_before;
}

void tl_door_take(dtls_door *door, dtls_peer *peer, const udp_datagram *datagram, uint64_t now_us)
{
    uint32_t rate = door->limits.peer_datagrams_per_s;
    if (!rate_take(&peer->rate, rate, rate, now_us)) {
        door->stats->dropped_rate++;
        return;
    }
    // Strangers have at most STRANGERS_WAITING_MAX of the places, so that peers always find the others.
    if (peer->waiting.count >= PEER_WAITING_MAX || !tl_inbox_push(&door->inbox, &peer->waiting, datagram)) {
        door->stats->dropped_full++;
        return;
    }
    if (peer->waiting.count == 1) {
        turn_append(door, peer);
    }
}

void tl_door_take_stranger(dtls_door *door, const udp_datagram *datagram, bool answered, uint64_t now_us)
{
    source *from = tl_sources_get(&door->sources, &datagram->from);
    uint32_t rate = door->limits.address_datagrams_per_s, hellos = door->limits.hellos_per_s;
    if (!rate_take(&from->datagrams, rate, rate, now_us) ||
        (answered && !rate_take(&door->hellos, hellos, hellos, now_us))) {
        door->stats->dropped_rate++;
        return;
    }
    bool has_space = from->waiting < SOURCE_WAITING_MAX && door->strangers.count < STRANGERS_WAITING_MAX;
    inbox_slot *slot = has_space ? tl_inbox_push(&door->inbox, &door->strangers, datagram) : NULL;
    if (!slot) {
        door->stats->dropped_full++;
        return;
    }
    slot->source = from;
    from->waiting++;
    TL_ASSERT(from->waiting <= SOURCE_WAITING_MAX);
    tl_source_hold(&door->sources, from);
}

inbox_slot *tl_door_next(dtls_door *door, dtls_peer **peer)
{
    bool may = door->strangers.count > 0 && door->units_left > 0;
    *peer = NULL;
    if (may && (!door->turn_first || ++door->served % STRANGER_EVERY == 0)) {
        door->units_left -= DOOR_ANSWER_UNITS;
        return tl_inbox_pop(&door->strangers);
    }
    if (!door->turn_first) {
        return NULL;
    }
    *peer = door->turn_first;
    turn_remove(door, *peer);
    inbox_slot *slot = tl_inbox_pop(&(*peer)->waiting);
    TL_ASSERT(slot); // those that have a turn have something
    if ((*peer)->waiting.count > 0) {
        turn_append(door, *peer);
    }
    return slot;
}

void tl_door_free(dtls_door *door, inbox_slot *slot)
{
    if (slot->source) {
        TL_ASSERT(slot->source->waiting > 0);
        slot->source->waiting--;
        tl_source_let_go(&door->sources, slot->source);
    }
    tl_inbox_free(&door->inbox, slot);
}

// ---- shares ---------------------------------------------------------------------------------------------------------

bool tl_door_may_begin(dtls_door *door, source *from, uint64_t now_us)
{
    uint32_t own = door->limits.address_handshakes_per_s, all = door->limits.handshakes_per_s;
    return rate_take(&from->begins, own, own, now_us) && rate_take(&door->begins, all, all, now_us);
}

bool tl_door_has_handshake(const dtls_door *door, const source *from)
{
    return from->handshakes + from->newcomers < door->limits.address_handshakes_max;
}

bool tl_door_has_peer(const dtls_door *door, const source *from)
{
    return from->handshakes + from->newcomers + from->peers < door->limits.address_peers_max;
}

void tl_door_begun(dtls_door *door, dtls_peer *peer)
{
    peer->source = tl_sources_get(&door->sources, &peer->pipe.to);
    tl_source_hold(&door->sources, peer->source);
    peer->source->handshakes++;
}

void tl_door_connected(dtls_door *door, dtls_peer *peer)
{
    (void)door;
    peer->source->handshakes--;
    peer->source->newcomers++;
}

void tl_door_settled(dtls_door *door, dtls_peer *peer)
{
    (void)door;
    if (peer->settled) {
        return;
    }
    peer->settled = true;
    peer->source->newcomers--;
    peer->source->peers++;
}

void tl_door_gone(dtls_door *door, dtls_peer *peer)
{
    if (peer->waiting.count > 0) {
        turn_remove(door, peer);
    }
    for (inbox_slot *slot; (slot = tl_inbox_pop(&peer->waiting));) {
        tl_inbox_free(&door->inbox, slot);
    }
    source *of = peer->source;
    (*(peer->number == 0 ? &of->handshakes : peer->settled ? &of->peers : &of->newcomers))--;
    tl_source_let_go(&door->sources, of);
}
