// How fast the entities that clients move may be, and how far all that one client owns may travel. An entity that is in new tiles
// each tick makes every server, and every client that sees it, open streams; so the one who moves it has a budget.
#include "server_internal.h"

#include <math.h>

enum {
    SAVED_SECONDS = 4,       // of distance that can be saved up
    COUNTED_SECONDS_MAX = 5, // of the way since the last state
    PASSENGERS_A_FARE = 16,  // in so many passengers a carrier's way counts once more: they are in new tiles as well
};

static double tile_m(void)
{
    return tl_power(TL_TILE_SHIFT); // of the finest tiles: a longer way within a tick costs no more than this one
}

static double speed_of(const tl_server *s, const tl_kind *kind, const int64_t *words)
{
    return tl_vec3_length(tl_velocity_of(words, kind->fields[0].shift[0], &s->kinds));
}

tl_result tl_travel_accept(tl_server *s, const tl_kind *kind, const int64_t *words, uint32_t fields)
{
    tl_result result = tl_state_accept(kind, &s->kinds, words, fields, s->tick);
    bool too_fast = result == TL_OK && (fields & 1) && speed_of(s, kind, words) > s->def.client_speed_max;
    return too_fast ? TL_ERR_INVALID : result;
}

// Where it would be in the world. False: not known.
static bool place_then(const tl_server *s, const tl_kind *kind, tl_entity_id carrier, const int64_t *words, tl_vec3 *out)
{
    *out = tl_position_at(words, kind->fields[0].shift[0], &s->kinds, (double)s->tick);
    if (carrier == 0) return true;
    tl_vec3 position;
    tl_quat rotation;
    int32_t index = tl_mirror_find(&s->mirror, carrier);
    if (index == TL_NONE || !tl_mirror_pose(&s->mirror, index, (double)s->tick, &position, &rotation)) return false;
    *out = tl_vec3_add(position, tl_quat_rotate(rotation, *out));
    return true;
}

static double fares(const tl_entity *e)
{
    return 1 + (double)e->aboard / PASSENGERS_A_FARE;
}

// What it has flown since that was counted last; within a tick no more than a tile counts.
static double flown_m(const tl_server *s, const tl_owned *owned, const tl_entity *e)
{
    double hz = s->world.tick_hz, ticks = (double)tl_min_i64(s->tick - owned->travelled_tick, COUNTED_SECONDS_MAX * (int64_t)s->world.tick_hz);
    return e->carrier_id == 0 ? fares(e) * ticks * fmin(speed_of(s, &s->kinds.kinds[e->kind], e->state) / hz, tile_m()) : 0;
}

// And how far it jumps now.
static double way_m(const tl_server *s, const tl_owned *owned, int32_t index, tl_entity_id carrier, const int64_t *words)
{
    const tl_entity *e = &s->mirror.entities[index];
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    double way = flown_m(s, owned, e);
    tl_vec3 from, to;
    tl_quat rotation;
    if (!tl_mirror_pose(&s->mirror, index, (double)s->tick, &from, &rotation) || !place_then(s, kind, carrier, words, &to)) return way;
    return way + fares(e) * fmin(tl_vec3_length(tl_vec3_sub(from, to)), tile_m());
}

static double most_m(const tl_server *s)
{
    return SAVED_SECONDS * s->def.client_speed_max;
}

static tl_travel *refill(const tl_server *s, tl_server_client *client)
{
    tl_travel *t = client->account ? &client->account->travel : &client->travel;
    double seconds = t->begun ? (double)(s->tick - t->tick) / s->world.tick_hz : SAVED_SECONDS;
    t->left_m = fmin(t->left_m + seconds * s->def.client_speed_max, most_m(s));
    t->tick = s->tick;
    t->begun = true;
    return t;
}

tl_result tl_travel_go_on(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index)
{
    tl_entity *e = tl_own_entity(s, (tl_entity_ref)index);
    if (e == NULL || e->published_carrier || !(e->published[4] | e->published[5] | e->published[6])) return TL_OK;
    tl_travel *t = refill(s, client);
    t->left_m -= flown_m(s, owned, e);
    owned->travelled_tick = s->tick;
    if (t->left_m >= -most_m(s)) return TL_OK;
    tl_own_stop(s, index, tl_position_at(e->published, s->kinds.kinds[e->kind].fields[0].shift[0], &s->kinds, (double)s->tick));
    return TL_AGAIN;
}

tl_result tl_travel_allowed(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index, tl_entity_id carrier, const int64_t *words)
{
    tl_travel *t = refill(s, client);
    if (t->left_m < 0) return TL_AGAIN;
    t->left_m -= way_m(s, owned, index, carrier, words);
    owned->travelled_tick = s->tick;
    owned->again_due = false;
    return TL_OK;
}
