#include "transport/dtls_peers.h"
#include "base/memory.h"

#include "base/base.h"

#include <openssl/rand.h>
#include <stdlib.h>

// ---- places ---------------------------------------------------------------------------------------------------------

static dtls_peer **address_bucket(const dtls_peers *peers, const tl_os_address *address)
{
    uint64_t key[ADDRESS_KEY_WORDS];
    tl_address_key(address, key);
    return &peers->by_address[tl_keyed_hash(peers->hash_key, key, ADDRESS_KEY_WORDS) & peers->mask];
}

// Numbers are assigned in sequence, so they are evenly distributed.
static dtls_peer **number_bucket(const dtls_peers *peers, tl_peer number)
{
    return &peers->by_number[number & peers->mask];
}

// ---- lines ----------------------------------------------------------------------------------------------------------

static void line_append(peer_line *line, dtls_peer *peer, uint64_t now_us)
{
    peer->since_us = now_us;
    peer->older = line->newest;
    peer->newer = NULL;
    *(line->newest ? &line->newest->newer : &line->oldest) = peer;
    line->newest = peer;
    line->count++;
}

static void line_remove(peer_line *line, dtls_peer *peer)
{
    TL_ASSERT(line->count > 0 && line->oldest && line->newest);
    *(peer->older ? &peer->older->newer : &line->oldest) = peer->newer;
    *(peer->newer ? &peer->newer->older : &line->newest) = peer->older;
    line->count--;
}

// ---- the peers ------------------------------------------------------------------------------------------------------

bool tl_dtls_peers_init(dtls_peers *peers, uint32_t count_max)
{
    *peers = (dtls_peers){0};
    uint32_t buckets = 64;
    while (buckets < count_max) {
        buckets *= 2;
    }
    TL_ASSERT((buckets & (buckets - 1)) == 0);
    peers->mask = buckets - 1;
    peers->by_number = tl_alloc_array(buckets, sizeof *peers->by_number);
    peers->by_address = tl_alloc_array(buckets, sizeof *peers->by_address);
    return peers->by_number && peers->by_address && RAND_bytes((uint8_t *)peers->hash_key, sizeof peers->hash_key) == 1;
}

void tl_dtls_peers_release(dtls_peers *peers)
{
    TL_ASSERT(peers->handshakes.count == 0 && peers->connected.count == 0);
    tl_free(peers->by_number);
    tl_free(peers->by_address);
    *peers = (dtls_peers){0};
}

dtls_peer *tl_dtls_peers_by_number(const dtls_peers *peers, tl_peer number)
{
    if (number == 0) {
        return NULL;
    }
    dtls_peer *peer = *number_bucket(peers, number);
    while (peer && peer->number != number) {
        peer = peer->number_next;
    }
    return peer;
}

dtls_peer *tl_dtls_peers_by_address(const dtls_peers *peers, const tl_os_address *address)
{
    dtls_peer *peer = *address_bucket(peers, address);
    while (peer && !tl_address_equal(&peer->pipe.to, address)) {
        peer = peer->address_next;
    }
    return peer;
}

static void address_insert(dtls_peers *peers, dtls_peer *peer)
{
    dtls_peer **bucket = address_bucket(peers, &peer->pipe.to);
    peer->address_next = *bucket;
    *bucket = peer;
}

void tl_dtls_peers_add(dtls_peers *peers, dtls_peer *peer, dtls_peer *replaces, uint64_t now_us)
{
    TL_ASSERT(!replaces || (replaces->number != 0 && !replaces->candidate));
    peer->replaces = replaces;
    if (replaces) {
        replaces->candidate = peer;
    } else {
        address_insert(peers, peer);
    }
    line_append(&peers->handshakes, peer, now_us);
}

void tl_dtls_peers_connect(dtls_peers *peers, dtls_peer *peer, uint64_t now_us)
{
    TL_ASSERT(peer->number == 0 && !peer->replaces);
    line_remove(&peers->handshakes, peer);
    line_append(&peers->connected, peer, now_us);
    // After four thousand million peers the numbers begin again; those in use are left out.
    do {
        peers->number_last++;
    } while (peers->number_last == 0 || tl_dtls_peers_by_number(peers, peers->number_last));
    peer->number = peers->number_last;
    dtls_peer **bucket = number_bucket(peers, peer->number);
    peer->number_next = *bucket;
    *bucket = peer;
}

void tl_dtls_peers_heard(dtls_peers *peers, dtls_peer *peer, uint64_t now_us)
{
    TL_ASSERT(peer->number != 0);
    line_remove(&peers->connected, peer);
    line_append(&peers->connected, peer, now_us);
}

static void number_remove(dtls_peers *peers, dtls_peer *peer)
{
    dtls_peer **place = number_bucket(peers, peer->number);
    while (*place != peer) {
        place = &(*place)->number_next;
    }
    *place = peer->number_next;
}

static void address_remove(dtls_peers *peers, dtls_peer *peer)
{
    dtls_peer **place = address_bucket(peers, &peer->pipe.to);
    while (*place != peer) {
        place = &(*place)->address_next;
    }
    *place = peer->address_next;
}

void tl_dtls_peers_remove(dtls_peers *peers, dtls_peer *peer)
{
    line_remove(peer->number ? &peers->connected : &peers->handshakes, peer);
    if (peer->number) {
        number_remove(peers, peer);
    }
    if (peer->replaces) {
        peer->replaces->candidate = NULL;
        return;
    }
    address_remove(peers, peer);
    if (!peer->candidate) {
        return;
    }
    peer->candidate->replaces = NULL;
    address_insert(peers, peer->candidate);
    peer->candidate = NULL;
}
