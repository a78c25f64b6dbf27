// The poses that a game sets, by the hundred thousand: compares them with what was published, and derives velocities
// and spins where the game passes none.
#include "server/poses.h"
#include "server/carriers.h"
#include "server/ownership.h"
#include "server/state.h"

// An entity settles after this many ticks, but not before a sixth of a second has passed.
enum { SETTLE_TICKS_MIN = 3, SETTLE_PER_S = 6 };

// Derives the velocity from the position at the last set.
static tl_vec3 velocity_between(const tl_server *s, tl_entity_ref ref, tl_vec3 position)
{
    int64_t ticks = s->tick - s->own.truth_ticks[ref];
    if (s->own.truth_ticks[ref] < 0 || ticks <= 0 || ticks > (int64_t)s->world.tick_hz) {
        return (tl_vec3){0, 0, 0};
    }
    return tl_vec3_scale(tl_vec3_sub(position, s->own.truths[ref]), (double)s->world.tick_hz / (double)ticks);
}

// Derives the spin of a rotation that keeps turning between segments.
static tl_vec3 spin_between(tl_server *s, tl_entity_ref ref, const tl_kind *kind, tl_quat rotation)
{
    tl_vec3 spin = {0, 0, 0};
    if (kind->rotation == TL_NONE || kind->fields[kind->rotation].predictor != TL_PREDICT_LINEAR) {
        return spin;
    }
    tl_turn *turn = &s->own.turns[ref];
    int64_t ticks = s->tick - turn->tick;
    if (turn->tick >= 0 && ticks > 0 && ticks <= (int64_t)s->world.tick_hz) {
        spin = tl_vec3_scale(tl_quat_to_vector(tl_quat_multiply(rotation, tl_quat_conjugate(turn->rotation))),
                             (double)s->world.tick_hz / (double)ticks);
    }
    *turn = (tl_turn){rotation, s->tick};
    return spin;
}

// Publishes a pose that its track could not show to be within tolerance. Returns false if the entity is not owned or
// the pose is invalid.
static bool set_pose(tl_server *s, tl_entity_ref ref, tl_vec3 position, const tl_vec3 *given_velocity,
                     const tl_quat *rotation)
{
    tl_entity *e = tl_own_entity(s, ref);
    if (e == NULL || !tl_place_valid(position) || (given_velocity && !tl_rate_valid(*given_velocity)) ||
        (rotation && !tl_quat_valid(*rotation))) {
        return false;
    }
    if (e->published_carrier && !tl_carriers_reach(s, e->published_carrier, position)) {
        return false;
    }
    tl_vec3 velocity = given_velocity ? *given_velocity : velocity_between(s, ref, position);
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    tl_vec3 spin = rotation ? spin_between(s, ref, kind, *rotation) : (tl_vec3){0, 0, 0};
    uint32_t changed = tl_pose_publish(e->published, kind, &s->kinds, s->tick, position, velocity, spin, rotation,
                                       tl_own_share(s, e));
    if (changed == 0) {
        return true;
    }
    e->unsent_fields |= changed;
    tl_own_track(s, (int32_t)ref);
    tl_own_mark(s, (int32_t)ref);
    return true;
}

uint32_t tl_server_set_poses(tl_server *s, const tl_entity_ref *entities, uint32_t count, const tl_vec3 *positions,
                             const tl_vec3 *velocities, const tl_quat *rotations)
{
    enum { TRACKS_AHEAD = 12 };
    uint32_t set = 0, top = (uint32_t)s->mirror.entity_top;
    for (uint32_t i = 0; i < count; i++) {
        tl_entity_ref ref = entities[i];
        if (i + TRACKS_AHEAD < count && entities[i + TRACKS_AHEAD] < top) {
            tl_prefetch(&s->own.tracks[entities[i + TRACKS_AHEAD]], sizeof *s->own.tracks);
        }
        if (ref >= top) {
            continue;
        }
        const tl_quat *rotation = rotations ? &rotations[i] : NULL;
        bool taken = tl_track_holds(&s->own.tracks[ref], s->tick, positions[i], rotation) ||
                     set_pose(s, ref, positions[i], velocities ? &velocities[i] : NULL, rotation);
        if (taken && velocities == NULL) {
            s->own.truths[ref] = positions[i];
        }
        if (taken) {
            s->own.truth_ticks[ref] = velocities ? -1 : s->tick;
        }
        set += taken;
    }
    return set;
}

// A derived motion is likely for the next few ticks only: an entity that is not set again stops where it was set.
static void settle(tl_server *s, int32_t index)
{
    tl_entity *e = tl_own_entity(s, (tl_entity_ref)index);
    bool turned = s->own.turns[index].tick == s->own.truth_ticks[index];
    tl_value place = {.position = s->own.truths[index]}, rotation = {.rotation = s->own.turns[index].rotation};
    s->own.truth_ticks[index] = s->own.turns[index].tick = -1;
    if (e == NULL) {
        return;
    }
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    const int64_t *words = e->published;
    uint32_t changed = words[4] | words[5] | words[6] ? 1 : 0;
    if (changed) {
        tl_value_set(e->published, kind, 0, &s->kinds, s->tick, &place);
    }
    if (turned && kind->rotation != TL_NONE) {
        tl_value_set(e->published, kind, kind->rotation, &s->kinds, s->tick, &rotation);
        changed |= 1u << kind->rotation;
    }
    if (changed == 0) {
        return;
    }
    e->unsent_fields |= changed;
    tl_own_track(s, index);
    tl_own_mark(s, index);
}

void tl_poses_settle(tl_server *s)
{
    int64_t ticks = tl_max_i64(SETTLE_TICKS_MIN, s->world.tick_hz / SETTLE_PER_S);
    for (int32_t i = 0; i < s->mirror.entity_top; i++) {
        if (s->own.truth_ticks[i] >= 0 && s->tick - s->own.truth_ticks[i] >= ticks) {
            settle(s, i);
        }
    }
}
