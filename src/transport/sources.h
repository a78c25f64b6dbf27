// Where datagrams come from: an IPv4 address, or the /64 of an IPv6 one, with what it has taken and may take. Sources
// that something holds stay; of the others the least recently seen is replaced by the next.
#ifndef TRAMLINE_TRANSPORT_SOURCES_H
#define TRAMLINE_TRANSPORT_SOURCES_H

#include "transport/address.h"
#include "transport/rate.h"

typedef struct source {
    uint64_t key[2];
    uint32_t holds;                        // peers and waiting datagrams
    uint32_t handshakes, newcomers, peers; // newcomers: connected, and not sent anything yet
    uint32_t waiting;                      // datagrams of strangers
    rate_bucket datagrams, begins;         // of strangers; handshakes that begin
    struct source *hash_next;
    struct source *older, *newer; // of those that nothing holds
} source;

typedef struct sources {
    source *pool;
    uint32_t count, count_max, mask;
    source **buckets;
    source *oldest, *newest;
    uint64_t hash_key[2];
} sources;

// `holds_max`: how many holds there can be at a time; some more sources are remembered.
bool tl_sources_init(sources *all, uint32_t holds_max);
void tl_sources_release(sources *all);
// The source of an address; never NULL, good until the next call unless it is held.
source *tl_sources_get(sources *all, const tl_os_address *address);
void tl_source_hold(sources *all, source *of);
void tl_source_let_go(sources *all, source *of);

#endif
