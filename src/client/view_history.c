// What showed an entity before. A display runs a tick or two behind the newest frame, so that a change is known before
// it is displayed: the state before it shows the entity until the tick at which the new one begins to hold, and in the
// last tick before that the gap between the two is crossed evenly. A change that comes late, when the display has
// passed that tick, is corrected from where the display is, evenly and within a tenth of a second. A gap is measured
// from what is displayed to what is right at the same tick, with all that is left of earlier ones: so they do not add
// up.
#include "client/view_internal.h"

// in which the gap to a state that came in time is crossed,
static const double AHEAD_TICKS = 1;
// or as many, if it came early enough and the gap is so small
static const double AHEAD_TICKS_MAX = 1.5, SMALL_TOLERANCES = 2;
static const double LATE_S = 0.1; // and to one that came late,
// or over a gap so wide, since others before it were lost
static const double WIDE_TOLERANCES = 3;
static const double GAP_M_MAX = 2;     // beyond this and the tolerance it leaps: a teleport
static const double SHOWN_AHEAD_S = 1; // no display is so far ahead of the newest frame

// ---- what is kept ----

static size_t former_bytes(const tl_view *v, int kind)
{
    return sizeof(tl_view_former) + (size_t)v->kinds->kinds[kind].word_count * sizeof(int64_t);
}

static void drop_oldest(tl_view *v)
{
    tl_view_former *f = v->former_first;
    TL_ASSERT(v->former_count > 0 && f->before == NULL);
    if (f->after) {
        f->after->before = NULL;
    } else if (f->entity != TL_NONE) {
        v->entities[f->entity].former = NULL;
    }
    v->former_first = f->next;
    if (v->former_first == NULL) {
        v->former_last = NULL;
    }
    tl_heap_free(v->heap, f, former_bytes(v, f->kind));
    v->former_count--;
}

void tl_view_forget_formers(tl_view *v, int64_t before_tick)
{
    while (v->former_first && v->former_first->needed_tick < (double)before_tick) {
        drop_oldest(v);
    }
}

void tl_view_drop_formers(tl_view *v, int32_t entity)
{
    for (tl_view_former *f = v->entities[entity].former, *before; f; f = before) { // they go in their turn
        before = f->before;
        f->entity = TL_NONE;
        f->before = f->after = NULL;
    }
    v->entities[entity].former = NULL;
}

// NULL: there is no room.
static tl_view_former *make_former(tl_view *v, int32_t entity)
{
    tl_view_source source = tl_view_source_of(v, entity);
    int kind = (int)(source.kind - v->kinds->kinds);
    if (v->former_count >= v->entities_max) {
        drop_oldest(v);
    }
    tl_view_former *f = tl_heap_alloc(v->heap, former_bytes(v, kind));
    if (f == NULL) {
        return NULL;
    }
    *f = (tl_view_former){.entity = entity,
                          .level = source.level,
                          .carrier_id = source.carrier_id,
                          .origin = source.origin,
                          .kind = (uint8_t)kind};
    memcpy(f->state, source.state, (size_t)source.kind->word_count * sizeof *f->state);
    return f;
}

static void link_former(tl_view *v, tl_view_former *f)
{
    tl_view_entity *e = &v->entities[f->entity];
    f->before = e->former;
    if (f->before) {
        f->before->after = f;
    }
    e->former = f;
    if (v->former_last) {
        v->former_last->next = f;
    } else {
        v->former_first = f;
    }
    v->former_last = f;
    v->former_count++;
}

static tl_view_source source_of_former(const tl_view *v, const tl_view_former *f)
{
    return (tl_view_source){f->state, f->carrier_id, f->origin, f->level, &v->kinds->kinds[f->kind]};
}

// ---- at a time ----

static void add_scaled(tl_vec3 *to, const float by[3], double share)
{
    to->x += (double)by[0] * share;
    to->y += (double)by[1] * share;
    to->z += (double)by[2] * share;
}

// Adds what a switch does at a tick: before the new state holds the part of the gap that has been crossed, after that
// the part that has not.
static void add_gap(tl_view_moment *m, const tl_view_switch *s, double tick)
{
    if (s->ticks <= 0 || tick >= s->from + (double)s->ticks) {
        return;
    }
    if (tick < s->from) {
        m->until_tick = fmin(m->until_tick, s->from);
        return;
    }
    double share = (tick - s->from) / (double)s->ticks - (tick < s->at ? 0 : 1);
    m->until_tick = fmin(m->until_tick, s->from + (double)s->ticks);
    m->corrected = true;
    add_scaled(&m->offset_m, s->gap_m, share);
    add_scaled(&m->turn_rad, s->turn_rad, share);
    add_scaled(&m->offset_rate_m, s->gap_m, 1 / (double)s->ticks);
    m->turning |= s->turn_rad[0] != 0 || s->turn_rad[1] != 0 || s->turn_rad[2] != 0;
}

void tl_view_moment_at(const tl_view *v, int32_t entity, double tick, bool smooth, tl_view_moment *m)
{
    const tl_view_former *f = v->entities[entity].former;
    *m = (tl_view_moment){.source = tl_view_source_of(v, entity), .until_tick = INFINITY};
    for (; f && tick < f->to.at; f = f->before) {
        if (f->carrier_id && tl_view_find(v, f->carrier_id) == TL_NONE) {
            return; // it could not be shown
        }
        m->until_tick = fmin(m->until_tick, f->to.at);
        if (smooth) {
            add_gap(m, &f->to, tick);
        }
        m->source = source_of_former(v, f);
    }
    if (f && smooth) {
        add_gap(m, &f->to, tick);
    }
}

void tl_view_note_shown(tl_view *v, double tick)
{
    if (tick > v->shown_tick && tick <= (double)v->tick + SHOWN_AHEAD_S * v->kinds->tick_hz) {
        v->shown_tick = tick;
    }
}

// ---- changes ----

static tl_quat turned(tl_vec3 turn_rad, tl_quat rotation)
{
    return turn_rad.x != 0 || turn_rad.y != 0 || turn_rad.z != 0
               ? tl_quat_multiply(tl_quat_from_vector(turn_rad), rotation)
               : rotation;
}

tl_view_before tl_view_before_change(tl_view *v, int32_t entity, double at_tick, bool missed)
{
    tl_view_before before = {.entity = entity, .at_tick = at_tick, .missed = missed, .former = make_former(v, entity)};
    if (before.former == NULL || v->shown_tick < 0) {
        return before; // nobody looks
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
        tl_heap_free(v->heap, before->former, former_bytes(v, before->former->kind));
    }
}

typedef struct frame { // of reference
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

// From what was to what is, at a tick, in the old or the new frame.
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
    // The new pose, as seen from the old frame.
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

// How the gap to the state that shows it now is crossed.
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
    if (f == NULL) { // then what is further back does not join on either
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
    link_former(v, f);
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
