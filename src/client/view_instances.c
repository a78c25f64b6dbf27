#include "client/view_instances.h"

#include <math.h>

static void basis_of(tl_quat q, float basis[9])
{
    double xx = q.x * q.x, yy = q.y * q.y, zz = q.z * q.z, xy = q.x * q.y, xz = q.x * q.z, yz = q.y * q.z;
    double wx = q.w * q.x, wy = q.w * q.y, wz = q.w * q.z;
    const double rows[9] = {1 - 2 * (yy + zz), 2 * (xy - wz), 2 * (xz + wy), 2 * (xy + wz),    1 - 2 * (xx + zz),
                            2 * (yz - wx),     2 * (xz - wy), 2 * (yz + wx), 1 - 2 * (xx + yy)};
    for (int i = 0; i < 9; i++) {
        basis[i] = (float)rows[i];
    }
}

static bool turns(const tl_view_source *source)
{
    const tl_kind *kind = source->kind;
    if (kind->rotation == TL_NONE || kind->fields[kind->rotation].predictor != TL_PREDICT_LINEAR ||
        !tl_field_at(&kind->fields[kind->rotation], source->level)) {
        return false;
    }
    const int64_t *w = source->state + kind->fields[kind->rotation].word;
    return w[4] | w[5] | w[6];
}

// Until when it moves straight in the world if nothing changes. Never in a carrier's frame, or while turning.
static double straight_until(const tl_view_moment *m)
{
    return m->source.carrier_id != 0 || m->turning || turns(&m->source) ? -INFINITY : m->until_tick;
}

// Evaluates it. Returns false if it is not visible because its carrier is not.
static bool evaluate(tl_view *v, int32_t entity, double tick)
{
    tl_view_drawn *d = &v->drawn[entity];
    tl_view_moment m;
    tl_vec3 position;
    tl_quat rotation;
    d->kind = v->entities[entity].kind;
    d->state = TL_DRAWN_STALE;
    if (!tl_view_see(v, entity, tick, true, &m, &position, &rotation)) {
        return false;
    }
    tl_vec3 velocity = tl_velocity_of(m.source.state, m.source.kind->fields[0].shift[m.source.level], v->kinds);
    d->until = straight_until(&m);
    if (d->until >= tick) {
        d->state = TL_DRAWN_HELD;
    }
    d->position[0] = position.x, d->position[1] = position.y, d->position[2] = position.z;
    d->tick = tick;
    tl_vec3 rate = tl_vec3_add(tl_vec3_scale(velocity, 1 / (double)v->kinds->tick_hz), m.offset_rate_m);
    d->rate[0] = (float)rate.x, d->rate[1] = (float)rate.y, d->rate[2] = (float)rate.z;
    d->speed = (float)tl_vec3_length(velocity);
    d->carried = m.source.carrier_id != 0;
    uint64_t hash = tl_mix(v->entities[entity].id);
    d->numbers[0] = (float)(hash & 0xffff) / 65535, d->numbers[1] = (float)(hash >> 16 & 0xffff) / 65535;
    basis_of(rotation, d->basis);
    return true;
}

// Ensures that its cached values hold at that tick.
static inline bool holds(tl_view *v, int32_t entity, double tick)
{
    const tl_view_drawn *d = &v->drawn[entity];
    return (d->state == TL_DRAWN_HELD && tick <= d->until && tick >= d->tick) || evaluate(v, entity, tick);
}

bool tl_view_placed(tl_view *v, int32_t entity, double tick, tl_placement *out)
{
    const tl_view_drawn *d = &v->drawn[entity];
    tl_view_note_shown(v, tick);
    if (!holds(v, entity, tick)) {
        return false;
    }
    double ticks = tick - d->tick;
    out->kind = d->kind;
    out->position = (tl_vec3){d->position[0] + d->rate[0] * ticks, d->position[1] + d->rate[1] * ticks,
                              d->position[2] + d->rate[2] * ticks};
    memcpy(out->basis, d->basis, sizeof out->basis);
    return true;
}

uint32_t tl_view_entities(tl_view *v, double tick, tl_entity_id *out, uint32_t capacity)
{
    uint32_t count = 0;
    tl_view_note_shown(v, tick);
    for (uint32_t i = 0; i < v->entity_top; i++) {
        if (v->drawn[i].state == TL_DRAWN_NONE || !holds(v, (int32_t)i, tick)) {
            continue;
        }
        if (count < capacity) {
            out[count] = v->entities[i].id;
        }
        count++;
    }
    return count;
}

static void write_instance(const tl_view_drawn *d, double tick, tl_vec3 origin, float *to)
{
    double ticks = tick - d->tick;
    for (int row = 0; row < 3; row++) {
        memcpy(to + 4 * row, d->basis + 3 * row, 3 * sizeof *to);
    }
    to[3] = (float)(d->position[0] + d->rate[0] * ticks - origin.x);
    to[7] = (float)(d->position[1] + d->rate[1] * ticks - origin.y);
    to[11] = (float)(d->position[2] + d->rate[2] * ticks - origin.z);
}

void tl_view_instances(tl_view *v, double tick, tl_vec3 origin, tl_instances *const by_kind[TL_KINDS_MAX])
{
    tl_view_note_shown(v, tick);
    for (uint32_t i = 0; i < v->entity_top; i++) {
        const tl_view_drawn *d = &v->drawn[i];
        if (d->state == TL_DRAWN_NONE || !holds(v, (int32_t)i, tick)) {
            continue;
        }
        tl_instances *to = by_kind[d->kind];
        if (to == NULL) {
            continue;
        }
        if (to->count < to->capacity) {
            float *at = to->floats + (size_t)to->count * to->stride;
            write_instance(d, tick, origin, at);
            if (to->custom) {
                memcpy(at + to->custom, (float[]){d->numbers[0], d->numbers[1], d->speed, d->carried}, 4 * sizeof *at);
            }
        }
        to->count++;
    }
}
