// Entities that were looked up for arrays of ids: tried first the next time.
#ifndef GODOT_REF_CACHE_H
#define GODOT_REF_CACHE_H

#include "tramline/server.h"

enum { REF_CACHES_MAX = 32 };

// For one array of ids.
typedef struct ref_cache {
    tl_entity_id first_id;
    uint32_t count, capacity;
    tl_entity_ref *refs;
    tl_entity_id *ids;
    uint64_t releases; // of the server, when all of them were found; else UINT64_MAX
    uint64_t used_at;  // of `clock`
} ref_cache;

typedef struct ref_caches {
    ref_cache caches[REF_CACHES_MAX];
    uint64_t clock;
} ref_caches;

// The entities of an array of ids, as many as there are ids; TL_REF_NONE for an unknown one. NULL: out of
// memory. Valid until the next call. While it is the same array, and no entity of the world has been deleted, nothing
// is looked up.
const tl_entity_ref *ref_caches_find(ref_caches *all, tl_server *server, const tl_entity_id *ids, uint32_t count);
void ref_caches_free(ref_caches *all);

#endif
