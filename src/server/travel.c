// Limits how fast the entities that clients move may be, and how far all that one client owns may travel. An entity
// that is in new tiles each tick makes every server, and every client that sees it, open streams; so the client that
// moves it has a budget.
#include "server/travel.h"
#include "server/client_groups.h"
#include "server/ownership.h"
#include "server/state.h"

#include <math.h>

enum {
    SAVED_SECONDS = 4,       // of distance that can be saved up
    COUNTED_SECONDS_MAX = 5, // of travel since the last state
    // this many passengers make a carrier's travel count once more: they are in new tiles as well
    PASSENGERS_A_FARE = 16,
    PUT_ABOARD_MAX = 64, // nobody's entities that others may put into a client's carrier
};

static double tile_m(void)
{
    // the size of the finest tiles: travelling farther within a tick costs no more than this
    return tl_power(TL_TILE_SHIFT);
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

// Computes where it would be in the world. Returns false if unknown.
static bool place_then(const tl_server *s, const tl_kind *kind, tl_entity_id carrier, const int64_t *words,
                       tl_vec3 *out)
{
    *out = tl_position_at(words, kind->fields[0].shift[0], &s->kinds, (double)s->tick);
    if (carrier == 0) {
        return true;
    }
    tl_vec3 position;
    tl_quat rotation;
    int32_t index = tl_mirror_find(&s->mirror, carrier);
    if (index == TL_NONE || !tl_mirror_pose(&s->mirror, index, (double)s->tick, &position, &rotation)) {
        return false;
    }
    *out = tl_vec3_add(position, tl_quat_rotate(rotation, *out));
    return true;
}

// ---- passengers ----

typedef bool passenger_test(const tl_server *s, const tl_server_client *client, const tl_entity *e);

// What is not recorded yet is in no group.
static bool is_anothers(const tl_server *s, const tl_server_client *client, const tl_entity *e)
{
    const tl_group *group = e->group == TL_NONE ? NULL : &s->mirror.groups[e->group];
    return group && tl_client_groups_is_owned(group) && group->holder != client->number;
}

static bool is_nobodys(const tl_server *s, const tl_server_client *client, const tl_entity *e)
{
    const tl_group *group = e->group == TL_NONE ? NULL : &s->mirror.groups[e->group];
    (void)client;
    return group && tl_client_groups_is_id(group->id) && !tl_client_groups_is_owned(group);
}

// Counts the passengers in an entity, direct or nested, for which `counts` holds.
static int32_t count_aboard(const tl_server *s, const tl_server_client *client, int32_t index, passenger_test *counts)
{
    const tl_entity *entities = s->mirror.entities;
    int32_t count = 0;
    for (int32_t r = entities[index].rider_first; r != TL_NONE; r = entities[r].rider_next) {
        count += counts(s, client, &entities[r]) + count_aboard(s, client, r, counts);
    }
    return count;
}

bool tl_travel_lets_aboard(const tl_server *s, const tl_server_client *client, tl_entity_id carrier)
{
    const tl_entity *entities = s->mirror.entities;
    for (int32_t at = tl_mirror_find(&s->mirror, carrier); at != TL_NONE; at = entities[at].carrier) {
        if (is_anothers(s, client, &entities[at]) && count_aboard(s, client, at, is_nobodys) >= PUT_ABOARD_MAX) {
            return false;
        }
    }
    return true;
}

// Returns how many times a carrier's travel counts. Passengers that other clients own are charged to those clients
// (ride()). Recounted once a second, and when the number of passengers has changed.
static double fares(const tl_server *s, const tl_server_client *client, tl_owned *owned, int32_t index)
{
    int32_t aboard = s->mirror.entities[index].aboard;
    if (aboard == 0) {
        return 1;
    }
    if (aboard != owned->counted_aboard || s->tick - owned->counted_tick >= (int64_t)s->world.tick_hz) {
        owned->counted_aboard = aboard;
        owned->counted_tick = s->tick;
        owned->paying_aboard = count_aboard(s, client, index, is_anothers);
    }
    return 1 + (double)(aboard - owned->paying_aboard) / PASSENGERS_A_FARE;
}

// ---- how far ----

// The distance travelled since it was last counted; per tick at most a tile counts.
static double flown_m(const tl_server *s, const tl_server_client *client, tl_owned *owned, int32_t index)
{
    const tl_entity *e = &s->mirror.entities[index];
    double hz = s->world.tick_hz,
           ticks = (double)tl_min_i64(s->tick - owned->travelled_tick, COUNTED_SECONDS_MAX * (int64_t)s->world.tick_hz);
    double a_tick_m = fmin(speed_of(s, &s->kinds.kinds[e->kind], e->state) / hz, tile_m());
    return e->carrier_id == 0 ? fares(s, client, owned, index) * ticks * a_tick_m : 0;
}

// The same plus the distance of the jump to its new state.
static double way_m(const tl_server *s, const tl_server_client *client, tl_owned *owned, int32_t index,
                    tl_entity_id carrier, const int64_t *words)
{
    const tl_kind *kind = &s->kinds.kinds[s->mirror.entities[index].kind];
    double way = flown_m(s, client, owned, index);
    tl_vec3 from, to;
    tl_quat rotation;
    if (!tl_mirror_pose(&s->mirror, index, (double)s->tick, &from, &rotation) ||
        !place_then(s, kind, carrier, words, &to)) {
        return way;
    }
    return way + fares(s, client, owned, index) * fmin(tl_vec3_length(tl_vec3_sub(from, to)), tile_m());
}

static double most_m(const tl_server *s)
{
    return SAVED_SECONDS * s->def.client_speed_max;
}

static tl_travel *refill(const tl_server *s, tl_server_client *client)
{
    tl_travel *t = client->account ? &client->account->travel : &client->travel;
    TL_ASSERT(!t->begun || t->tick <= s->tick);
    double seconds = t->begun ? (double)(s->tick - t->tick) / s->world.tick_hz : SAVED_SECONDS;
    t->left_m = fmin(t->left_m + seconds * s->def.client_speed_max, most_m(s));
    t->tick = s->tick;
    t->begun = true;
    return t;
}

// Charges a passenger for its share of its carrier's travel, whoever moves the carrier. A passenger that has used up
// its budget and as much again leaves the carrier where it is.
static tl_result ride(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index)
{
    tl_vec3 place;
    tl_quat rotation;
    int64_t rode_tick = owned->ride_tick;
    owned->ride_tick = tl_mirror_pose(&s->mirror, index, (double)s->tick, &place, &rotation) ? s->tick : 0;
    if (owned->ride_tick == 0) {
        return TL_OK;
    }
    tl_travel *t = refill(s, client);
    double most_way_m = tile_m() * (double)(s->tick - rode_tick);
    if (rode_tick) {
        t->left_m -= fmin(tl_vec3_length(tl_vec3_sub(place, owned->place)), most_way_m) / PASSENGERS_A_FARE;
    }
    owned->place = place;
    if (t->left_m >= -most_m(s)) {
        return TL_OK;
    }
    const tl_kind *kind = &s->kinds.kinds[s->mirror.entities[index].kind];
    tl_values off = {.mask = 1, .fields[0].position = place};
    if (kind->rotation != TL_NONE) {
        off.mask |= 1u << kind->rotation, off.fields[kind->rotation].rotation = rotation;
    }
    return tl_server_set_carrier(s, (tl_entity_ref)index, 0, &off) == TL_OK ? TL_AGAIN : TL_OK;
}

tl_result tl_travel_go_on(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index)
{
    tl_entity *e = tl_own_entity(s, (tl_entity_ref)index);
    if (e && e->published_carrier) {
        return ride(s, client, owned, index);
    }
    owned->ride_tick = 0;
    if (e == NULL || !(e->published[4] | e->published[5] | e->published[6])) {
        return TL_OK;
    }
    tl_travel *t = refill(s, client);
    t->left_m -= flown_m(s, client, owned, index);
    owned->travelled_tick = s->tick;
    if (t->left_m >= -most_m(s)) {
        return TL_OK;
    }
    tl_own_stop(s, index,
                tl_position_at(e->published, s->kinds.kinds[e->kind].fields[0].shift[0], &s->kinds, (double)s->tick));
    return TL_AGAIN;
}

tl_result tl_travel_allowed(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index,
                            tl_entity_id carrier, const int64_t *words)
{
    tl_travel *t = refill(s, client);
    if (t->left_m < 0) {
        return TL_AGAIN;
    }
    t->left_m -= way_m(s, client, owned, index, carrier, words);
    owned->travelled_tick = s->tick;
    owned->again_due = false;
    return TL_OK;
}
