#include "client/view_change.h"

// In how many ticks the gap to a state that arrived in time is closed.
static const double AHEAD_TICKS = 1;
// At most this many if the state arrived early enough and the gap is this small.
static const double AHEAD_TICKS_MAX = 1.5, SMALL_TOLERANCES = 2;
static const double LATE_S = 0.1; // the same for a state that arrived late,
// or for a gap this wide, because earlier states were lost
static const double WIDE_TOLERANCES = 3;
static const double GAP_M_MAX = 2; // a gap beyond this and the tolerance is a teleport: the entity jumps

static tl_quat turned(tl_vec3 turn_rad, tl_quat rotation)
{
    return turn_rad.x != 0 || turn_rad.y != 0 || turn_rad.z != 0
               ? tl_quat_multiply(tl_quat_from_vector(turn_rad), rotation)
               : rotation;
}

tl_view_before tl_view_before_change(tl_view *v, int32_t entity, double at_tick, bool missed)
{
    tl_view_before before = {
        .entity = entity, .at_tick = at_tick, .missed = missed, .former = tl_view_make_former(v, entity)};
    if (before.former == NULL || v->shown_tick < 0) {
        return before; // nothing displays it
    }
    double tick = fmax(at_tick, v->shown_tick);
    tl_view_moment m;
    tl_view_moment_at(v, entity, tick, true, &m);
    before.carrier_id = m.source.carrier_id;
    tl_view_exact_pose(v, &m.source, tick, &before.position, &before.rotation);
    before.position = tl_vec3_add(before.position, m.offset_m);
    before.rotation = turned(m.turn_rad, before.rotation);
    return before;
}

void tl_view_no_change(tl_view *v, const tl_view_before *before)
{
    if (before->former) {
        tl_view_free_former(v, before->former);
    }
}

typedef struct frame { // a reference frame
    tl_vec3 position;
    tl_quat rotation;
} frame;

static bool frame_of(const tl_view *v, tl_entity_id carrier_id, double tick, frame *out)
{
    *out = (frame){{0, 0, 0}, {0, 0, 0, 1}};
    int32_t carrier = tl_view_find(v, carrier_id);
    return carrier_id == 0 ||
           (carrier != TL_NONE && tl_view_pose(v, carrier, tick, true, &out->position, &out->rotation));
}

// Measures the gap between the old and the new pose at a tick, in the old or the new reference frame.
static bool measure(const tl_view *v, const tl_view_before *before, const tl_view_source *now, double tick,
                    bool in_new_frame, tl_vec3 *gap_m, tl_vec3 *turn_rad)
{
    frame old_frame = {.rotation.w = 1}, new_frame = old_frame;
    tl_vec3 position;
    tl_quat rotation;
    tl_view_exact_pose(v, now, tick, &position, &rotation);
    bool same = now->carrier_id == before->carrier_id;
    if (!same &&
        !(frame_of(v, before->carrier_id, tick, &old_frame) && frame_of(v, now->carrier_id, tick, &new_frame))) {
        return false;
    }
    // The new pose, relative to the old reference frame.
    tl_quat back = tl_quat_conjugate(old_frame.rotation), between = tl_quat_multiply(back, new_frame.rotation);
    if (!same) {
        position = tl_vec3_add(tl_quat_rotate(back, tl_vec3_sub(new_frame.position, old_frame.position)),
                               tl_quat_rotate(between, position));
        rotation = tl_quat_multiply(between, rotation);
    }
    *gap_m = tl_vec3_sub(position, before->position);
    *turn_rad = tl_quat_to_vector(tl_quat_multiply(rotation, tl_quat_conjugate(before->rotation)));
    if (same || !in_new_frame) {
        return true;
    }
    *gap_m = tl_quat_rotate(tl_quat_conjugate(between), *gap_m);
    *turn_rad = tl_quat_rotate(tl_quat_conjugate(between), *turn_rad);
    return true;
}

// Decides how the gap to the state that shows it now is closed.
static void make_switch(const tl_view *v, const tl_view_before *before, const tl_view_source *now, tl_view_switch *s)
{
    double shown = v->shown_tick, tolerance_m = tl_level_tolerance_m(now->level);
    bool late = shown > s->at - AHEAD_TICKS, boards = now->carrier_id != before->carrier_id;
    tl_vec3 gap_m, turn_rad;
    if (!measure(v, before, now, fmax(s->at, shown), late, &gap_m, &turn_rad)) {
        return;
    }
    double length_m = tl_vec3_length(gap_m);
    if (!(length_m <= GAP_M_MAX + tolerance_m)) {
        return;
    }
    late |= before->missed && !boards && length_m > WIDE_TOLERANCES * tolerance_m;
    if (late) {
        s->from = boards ? fmax(s->at, shown) : shown;
        s->ticks = (float)fmax(LATE_S * v->kinds->tick_hz, AHEAD_TICKS);
    } else {
        double ahead = length_m > SMALL_TOLERANCES * tolerance_m ? AHEAD_TICKS : AHEAD_TICKS_MAX;
        s->from = fmin(s->at - AHEAD_TICKS, fmax(s->at - ahead, shown));
        s->ticks = (float)(s->at - s->from);
    }
    s->gap_m[0] = (float)gap_m.x, s->gap_m[1] = (float)gap_m.y, s->gap_m[2] = (float)gap_m.z;
    s->turn_rad[0] = (float)turn_rad.x, s->turn_rad[1] = (float)turn_rad.y, s->turn_rad[2] = (float)turn_rad.z;
}

void tl_view_after_change(tl_view *v, const tl_view_before *before)
{
    tl_view_former *f = before->former;
    tl_view_stale(v, before->entity);
    if (f == NULL) { // older states would not connect either
        v->full++;
        tl_view_drop_formers(v, before->entity);
        return;
    }
    tl_view_source now = tl_view_source_of(v, before->entity);
    f->to.at = before->at_tick;
    if (v->shown_tick >= 0) {
        make_switch(v, before, &now, &f->to);
    }
    f->needed_tick = fmax(f->to.at, v->shown_tick);
    tl_view_link_former(v, f);
}

double tl_view_stop_tick(const tl_view *v, int32_t entity, const int64_t *words, double last_tick)
{
    const tl_view_entity *e = &v->entities[entity];
    tl_view_source source = tl_view_source_of(v, entity);
    const int64_t *w = source.state;
    double way = 0, speed2 = 0;
    for (int axis = 1; axis <= 3; axis++) {
        double v_axis = (double)w[3 + axis];
        way += ((double)words[axis] - (double)w[axis]) * v_axis;
        speed2 += v_axis * v_axis;
    }
    if (speed2 == 0) {
        return last_tick;
    }
    double tick = (double)w[0] + way / speed2 * tl_power(v->kinds->rate_shift);
    return fmin(fmax(tick, e->former ? e->former->to.at : 0), last_tick);
}
