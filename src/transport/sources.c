#include "transport/sources.h"
#include "base/memory.h"

#include "base/base.h"
#include "transport/keyed_hash.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { REMEMBERED = 4096, MAPPED_AT = 12 };

bool tl_sources_init(sources *all, uint32_t holds_max)
{
    *all = (sources){.count_max = holds_max + REMEMBERED};
    uint32_t buckets = 64;
    while (buckets < all->count_max) {
        buckets *= 2;
    }
    TL_ASSERT((buckets & (buckets - 1)) == 0);
    all->mask = buckets - 1;
    all->pool = tl_alloc_array(all->count_max, sizeof *all->pool);
    all->buckets = tl_alloc_array(buckets, sizeof *all->buckets);
    return all->pool && all->buckets && RAND_bytes((uint8_t *)all->hash_key, sizeof all->hash_key) == 1;
}

void tl_sources_release(sources *all)
{
    tl_free(all->pool);
    tl_free(all->buckets);
    *all = (sources){0};
}

// An IPv4 address on a socket of both families is the same source as on an IPv4 socket.
static void source_key(const tl_os_address *address, uint64_t key[2])
{
    bool is_mapped = tl_os_address_is_mapped(address), is_v4 = is_mapped || address->family == TL_OS_IPV4;
    key[0] = is_v4 ? TL_OS_IPV4 : TL_OS_IPV6;
    key[1] = 0;
    memcpy(&key[1], address->bytes + (is_mapped ? MAPPED_AT : 0), is_v4 ? TL_OS_IPV4_BYTES : sizeof key[1]);
}

static source **bucket_of(const sources *all, const uint64_t key[2])
{
    return &all->buckets[tl_keyed_hash(all->hash_key, key, 2) & all->mask];
}

static void idle_append(sources *all, source *of)
{
    of->older = all->newest;
    of->newer = NULL;
    *(all->newest ? &all->newest->newer : &all->oldest) = of;
    all->newest = of;
}

static void idle_remove(sources *all, source *of)
{
    TL_ASSERT(all->oldest && all->newest);
    *(of->older ? &of->older->newer : &all->oldest) = of->newer;
    *(of->newer ? &of->newer->older : &all->newest) = of->older;
}

static void forget(sources *all, source *of)
{
    TL_ASSERT(of->holds == 0);
    source **place = bucket_of(all, of->key);
    while (*place != of) {
        place = &(*place)->hash_next;
    }
    *place = of->hash_next;
    idle_remove(all, of);
}

source *tl_sources_get(sources *all, const tl_os_address *address)
{
    uint64_t key[2];
    source_key(address, key);
    source **bucket = bucket_of(all, key), *of = *bucket;
    while (of && (of->key[0] != key[0] || of->key[1] != key[1])) {
        of = of->hash_next;
    }
    if (of) {
        if (of->holds == 0) {
            idle_remove(all, of), idle_append(all, of);
        }
        return of;
    }
    if (all->count < all->count_max) {
        of = &all->pool[all->count++];
    } else {
        of = all->oldest;
        TL_ASSERT(of); // holds are fewer than places
        forget(all, of);
    }
    *of = (source){.key = {key[0], key[1]}, .hash_next = *bucket};
    *bucket = of;
    idle_append(all, of);
    return of;
}

void tl_source_hold(sources *all, source *of)
{
    TL_ASSERT(of->holds < UINT32_MAX);
    if (of->holds++ == 0) {
        idle_remove(all, of);
    }
}

void tl_source_let_go(sources *all, source *of)
{
    TL_ASSERT(of->holds > 0);
    if (--of->holds == 0) {
        idle_append(all, of);
    }
}
