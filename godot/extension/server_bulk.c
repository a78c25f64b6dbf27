// A server's work on many entities in one call.
#include "server.h"

#include "variant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, TRANSFORM_DOUBLES = 7 };

void *server_scratch(server_node *s, size_t bytes)
{
    if (bytes > s->scratch_bytes) {
        void *scratch = realloc(s->scratch, bytes);
        if (!scratch) {
            return NULL;
        }
        s->scratch = scratch;
        s->scratch_bytes = bytes;
    }
    return s->scratch;
}

// ---- looking up ----------------------------------------------------------------------------------------------------

// The cache that was last used for an array that begins like this one, or the one that has not been used for longest.
static ref_cache *choose_cache(server_node *s, tl_entity_id first_id)
{
    ref_cache *oldest = &s->caches[0];
    for (int i = 0; i < REF_CACHES; i++) {
        ref_cache *c = &s->caches[i];
        if (c->refs && c->first_id == first_id) {
            return c;
        }
        oldest = c->used < oldest->used ? c : oldest;
    }
    oldest->first_id = first_id;
    oldest->count = 0;
    oldest->releases = UINT64_MAX;
    return oldest;
}

static bool make_room(ref_cache *c, uint32_t count)
{
    if (count > c->room) {
        uint32_t room = count + count / 8;
        tl_entity_ref *refs = realloc(c->refs, room * sizeof *refs);
        c->refs = refs ? refs : c->refs;
        tl_entity_id *ids = realloc(c->ids, room * sizeof *ids);
        c->ids = ids ? ids : c->ids;
        if (!refs || !ids) {
            return false;
        }
        c->room = room;
    }
    if (count > c->count) {
        memset(c->refs + c->count, 0xff, (count - c->count) * sizeof *c->refs); // TL_REF_NONE
    }
    c->count = count;
    return true;
}

// The entities of an array of ids. While it is the same array, and none of the world's entities has gone, nothing is
// looked up; else what was found before is tried first.
static tl_entity_ref *find_refs(server_node *s, const tl_entity_id *ids, uint32_t count)
{
    ref_cache *c = choose_cache(s, ids[0]);
    uint64_t releases = tl_server_releases(s->server);
    bool same = c->count == count && c->releases == releases && memcmp(c->ids, ids, count * sizeof *ids) == 0;
    c->used = ++s->cache_clock;
    if (same) {
        return c->refs;
    }
    if (!make_room(c, count)) {
        c->releases = UINT64_MAX;
        return NULL;
    }
    c->releases = tl_server_find_all(s->server, ids, count, c->refs) == count ? releases : UINT64_MAX;
    memcpy(c->ids, ids, count * sizeof *ids);
    return c->refs;
}

void server_drop_caches(server_node *s)
{
    for (int i = 0; i < REF_CACHES; i++) {
        free(s->caches[i].refs);
        free(s->caches[i].ids);
        s->caches[i] = (ref_cache){0};
    }
}

// ---- setting -------------------------------------------------------------------------------------------------------

typedef struct block {
    tl_vec3 positions[BLOCK], velocities[BLOCK];
    tl_quat rotations[BLOCK];
} block;

static uint32_t set_block(server_node *s, const tl_entity_ref *refs, uint32_t count, const double *transforms,
                          const double *velocities)
{
    static block b; // the main thread's alone
    for (uint32_t i = 0; i < count; i++) {
        const double *t = transforms + (size_t)i * TRANSFORM_DOUBLES;
        b.positions[i] = (tl_vec3){t[0], t[1], t[2]};
        b.rotations[i] = (tl_quat){t[3], t[4], t[5], t[6]};
    }
    for (uint32_t i = 0; i < count && velocities; i++) {
        const double *v = velocities + (size_t)i * 3;
        b.velocities[i] = (tl_vec3){v[0], v[1], v[2]};
    }
    return tl_server_set_poses(s->server, refs, count, b.positions, velocities ? b.velocities : NULL, b.rotations);
}

void server_set_transforms(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.set_transforms";
    int64_t count = gd_size(GD_INT64S, args[0]), doubles = gd_size(GD_FLOAT64S, args[1]),
            rates = gd_size(GD_FLOAT64S, args[2]);
    gd_ret_int(ret, 0);
    if (!server_can_change(s, method) || count == 0) {
        return;
    }
    if (doubles != count * TRANSFORM_DOUBLES || (rates && rates != count * 3) || count > UINT32_MAX / 64) {
        gd_error_print(method,
                       "%lld ids need %lld doubles of transforms (x y z qx qy qz qw each) and 3 each, or none, of "
                       "velocities; there are %lld and %lld.",
                       (long long)count, (long long)count * TRANSFORM_DOUBLES, (long long)doubles, (long long)rates);
        return;
    }
    const tl_entity_id *ids = (const tl_entity_id *)gd.int64s_at(args[0], 0);
    const tl_entity_ref *refs = find_refs(s, ids, (uint32_t)count);
    const double *transforms = gd.float64s_at(args[1], 0), *velocities = rates ? gd.float64s_at(args[2], 0) : NULL;
    uint32_t set = 0;
    for (int64_t i = 0; i < count && refs; i += BLOCK) {
        uint32_t part = count - i < BLOCK ? (uint32_t)(count - i) : BLOCK;
        set += set_block(s, refs + i, part, transforms + i * TRANSFORM_DOUBLES, velocities ? velocities + i * 3 : NULL);
    }
    gd_ret_int(ret, set);
}

// ---- creating ------------------------------------------------------------------------------------------------------

static int64_t create_one(server_node *s, const tl_kind_def *def, int kind, tl_group_id group, tl_entity_id id,
                          const double *t, tl_result *worst)
{
    tl_entity_def entity = {.id = id, .group = group, .kind = kind};
    tl_quat rotation = {t[3], t[4], t[5], t[6]};
    for (int i = 0; i < def->field_count; i++) {
        entity.values.fields[i].rotation.w = 1;
    }
    kind_values_place(def, &entity.values, (tl_vec3){t[0], t[1], t[2]}, rotation);
    entity.values.mask = (1u << def->field_count) - 1;
    tl_entity_ref ref;
    tl_entity_info info = {0};
    tl_result result = tl_server_create_entity(s->server, &entity, &ref);
    if (result != TL_OK || tl_server_info(s->server, ref, &info) != TL_OK) {
        *worst = result;
        return 0;
    }
    return (int64_t)info.id;
}

void server_create_entities(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.create_entities";
    int64_t id_count = gd_size(GD_INT64S, args[2]), doubles = gd_size(GD_FLOAT64S, args[3]),
            count = doubles / TRANSFORM_DOUBLES;
    *(gd_packed *)ret = gd_packed_make(GD_INT64S, 0);
    if (!server_can_change(s, method)) {
        return;
    }
    char name[TL_NAME_BYTES_MAX + 33];
    gd_string_to_text(args[0], name, sizeof name);
    int kind = kind_list_find(s->list, name);
    if (kind < 0 || doubles % TRANSFORM_DOUBLES || (id_count && id_count != count)) {
        gd_error_print(
            method, kind < 0 ? "There is no such kind; declare it in the server's kinds."
                             : "Transforms are 7 doubles each (x y z qx qy qz qw), one for each id if ids are given.");
        return;
    }
    const int64_t *ids = id_count ? gd.int64s_at(args[2], 0) : NULL;
    const double *transforms = count ? gd.float64s_at(args[3], 0) : NULL;
    gd_resize(GD_INT64S, ret, count);
    int64_t *made = count ? gd.int64s_edit(ret, 0) : NULL, failed = 0;
    tl_result worst = TL_OK;
    for (int64_t i = 0; i < count; i++) {
        made[i] = create_one(s, &s->list->kinds[kind], kind, (tl_group_id)gd_arg_int(args, 1),
                             ids ? (tl_entity_id)ids[i] : 0, transforms + i * TRANSFORM_DOUBLES, &worst);
        failed += made[i] == 0;
    }
    if (failed) {
        gd_error_print(method, "%lld of %lld entities were not made, their ids are 0: %s.", (long long)failed,
                       (long long)count, tl_result_text(worst));
    }
}

// ---- reading -------------------------------------------------------------------------------------------------------

void server_get_transforms(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    int64_t count = gd_size(GD_INT64S, args[0]);
    *(gd_packed *)ret = gd_packed_make(GD_FLOAT64S, 0);
    if (!server_can_read(s, "TramlineServer.get_transforms") || count == 0 || count > UINT32_MAX / 64) {
        return;
    }
    const tl_entity_id *ids = (const tl_entity_id *)gd.int64s_at(args[0], 0);
    const tl_entity_ref *refs = find_refs(s, ids, (uint32_t)count);
    gd_resize(GD_FLOAT64S, ret, count * TRANSFORM_DOUBLES);
    double *to = gd.float64s_edit(ret, 0), tick = (double)tl_server_get_stats(s->server).world_tick;
    memset(to, 0, (size_t)count * TRANSFORM_DOUBLES * sizeof *to); // an entity that is not here: all 0
    for (int64_t i = 0; i < count && refs; i++, to += TRANSFORM_DOUBLES) {
        tl_vec3 p;
        tl_quat q;
        if (tl_server_pose(s->server, refs[i], tick, &p, &q) == TL_OK) {
            memcpy(to, (double[]){p.x, p.y, p.z, q.x, q.y, q.z, q.w}, TRANSFORM_DOUBLES * sizeof *to);
        }
    }
}

void server_get_stats(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_dictionary *out = ret;
    gd.construct[GD_DICTIONARY](out, NULL);
    if (!s->server) {
        return;
    }
    tl_server_stats stats = tl_server_get_stats(s->server);
    const struct {
        const char *name;
        double value;
        bool whole;
    } figures[] = {
        {"tick", (double)stats.tick, true},
        {"world_tick", (double)stats.world_tick, true},
        {"entities", stats.entities, true},
        {"groups", stats.groups, true},
        {"groups_owned", stats.groups_owned, true},
        {"clients", stats.clients, true},
        {"servers_alive", stats.servers_alive, true},
        {"frames", (double)stats.frames, true},
        {"frame_bytes", (double)stats.frame_bytes, true},
        {"datagrams", (double)stats.datagrams, true},
        {"datagrams_lost", (double)stats.datagrams_lost, true},
        {"records", (double)stats.records, true},
        {"record_bytes", (double)stats.record_bytes, true},
        {"malformed", (double)stats.malformed, true},
        {"rate_limited", (double)stats.rate_limited, true},
        {"limits_reached", (double)stats.limits_reached, true},
        {"memory_used_bytes", (double)stats.memory_used_bytes, true},
        {"step_ms", s->step_ms, false},
        {"step_ms_max", s->step_ms_max, false},
        {"commit_ms", s->commit_ms, false},
        {"link_ms", s->link_ms, false},
        {"link_ms_max", s->link_ms_max, false},
        {"custom_frames", (double)s->custom_frames, true},
        {"custom_bytes", (double)s->custom_bytes, true},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        gd_dictionary_put(out, figures[i].name,
                          figures[i].whole ? gd_variant_int((int64_t)figures[i].value)
                                           : gd_variant_float(figures[i].value));
    }
}
