#include "client/view_pose.h"

void tl_view_exact_pose(const tl_view *v, const tl_view_source *source, double tick, tl_vec3 *position,
                        tl_quat *rotation)
{
    const tl_kind *kind = source->kind;
    int shift = kind->fields[0].shift[source->level];
    *position = tl_position_at(source->state, shift, v->kinds, tick);
    if (source->carrier_id == 0) {
        position->x += (double)source->origin.x_m;
        position->y += (double)source->origin.y_m;
        position->z += (double)source->origin.z_m;
    }
    *rotation = (tl_quat){0, 0, 0, 1};
    if (kind->rotation == TL_NONE || !tl_field_at(&kind->fields[kind->rotation], source->level)) {
        // Not sent at this level: a moving entity faces its direction.
        if (kind->rotation != TL_NONE && kind->fields[kind->rotation].predictor == TL_PREDICT_HEADING) {
            *rotation = tl_heading(tl_velocity_of(source->state, shift, v->kinds));
        }
        return;
    }
    const tl_field *field = &kind->fields[kind->rotation];
    *rotation = tl_rotation_at(source->state + field->word, field, source->level, v->kinds, tick,
                               tl_velocity_of(source->state, shift, v->kinds));
}

// The pose in its carrier's frame.
static void local_pose(const tl_view *v, int32_t entity, double tick, bool smooth, tl_view_moment *m, tl_vec3 *position,
                       tl_quat *rotation)
{
    if (v->entities[entity].former) { // rare
        tl_view_moment_at(v, entity, tick, smooth, m);
    } else {
        *m = (tl_view_moment){.source = tl_view_source_of(v, entity), .until_tick = INFINITY};
    }
    tl_view_exact_pose(v, &m->source, tick, position, rotation);
    if (!m->corrected) {
        return;
    }
    *position = tl_vec3_add(*position, m->offset_m);
    if (m->turn_rad.x != 0 || m->turn_rad.y != 0 || m->turn_rad.z != 0) {
        *rotation = tl_quat_multiply(tl_quat_from_vector(m->turn_rad), *rotation);
    }
}

bool tl_view_see(const tl_view *v, int32_t entity, double tick, bool smooth, tl_view_moment *moment, tl_vec3 *position,
                 tl_quat *rotation)
{
    local_pose(v, entity, tick, smooth, moment, position, rotation);
    tl_entity_id carrier_id = moment->source.carrier_id;
    for (int depth = 0; carrier_id; depth++) {
        int32_t carrier = tl_view_find(v, carrier_id);
        if (carrier == TL_NONE || depth == TL_CARRIER_DEPTH_MAX) {
            return false;
        }
        tl_view_moment m;
        tl_vec3 p;
        tl_quat q;
        local_pose(v, carrier, tick, smooth, &m, &p, &q);
        *position = tl_vec3_add(p, tl_quat_rotate(q, *position));
        *rotation = tl_quat_multiply(q, *rotation);
        carrier_id = m.source.carrier_id;
    }
    return true;
}

bool tl_view_pose(const tl_view *v, int32_t entity, double tick, bool smooth, tl_vec3 *position, tl_quat *rotation)
{
    tl_view_moment moment;
    return tl_view_see(v, entity, tick, smooth, &moment, position, rotation);
}
