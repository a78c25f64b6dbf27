#include "ref_cache.h"
#include "guard.h"

#include <stdlib.h>
#include <string.h>

// The cache that was last used for an array with the same first id, or the least recently used one.
static ref_cache *choose_cache(ref_caches *all, tl_entity_id first_id)
{
    ref_cache *oldest = &all->caches[0];
    for (int i = 0; i < REF_CACHES_MAX; i++) {
        ref_cache *c = &all->caches[i];
        if (c->refs && c->first_id == first_id) {
            return c;
        }
        oldest = c->used_at < oldest->used_at ? c : oldest;
    }
    oldest->first_id = first_id;
    oldest->count = 0;
    oldest->releases = UINT64_MAX;
    return oldest;
}

static bool make_capacity(ref_cache *c, uint32_t count)
{
    if (count > c->capacity) {
        uint32_t capacity = count + count / 8;
        tl_entity_ref *refs = realloc(c->refs, capacity * sizeof *refs);
        c->refs = refs ? refs : c->refs;
        tl_entity_id *ids = realloc(c->ids, capacity * sizeof *ids);
        c->ids = ids ? ids : c->ids;
        if (!refs || !ids) {
            return false;
        }
        c->capacity = capacity;
    }
    if (count > c->count) {
        memset(c->refs + c->count, 0xff, (count - c->count) * sizeof *c->refs); // TL_REF_NONE
    }
    c->count = count;
    return true;
}

const tl_entity_ref *ref_caches_find(ref_caches *all, tl_server *server, const tl_entity_id *ids, uint32_t count)
{
    GD_ASSERT(count > 0);
    ref_cache *c = choose_cache(all, ids[0]);
    uint64_t releases = tl_server_releases(server);
    bool same = c->count == count && c->releases == releases && memcmp(c->ids, ids, count * sizeof *ids) == 0;
    c->used_at = ++all->clock;
    if (same) {
        return c->refs;
    }
    if (!make_capacity(c, count)) {
        c->releases = UINT64_MAX;
        return NULL;
    }
    c->releases = tl_server_find_all(server, ids, count, c->refs) == count ? releases : UINT64_MAX;
    memcpy(c->ids, ids, count * sizeof *ids);
    return c->refs;
}

void ref_caches_free(ref_caches *all)
{
    for (int i = 0; i < REF_CACHES_MAX; i++) {
        free(all->caches[i].refs);
        free(all->caches[i].ids);
        all->caches[i] = (ref_cache){0};
    }
}
