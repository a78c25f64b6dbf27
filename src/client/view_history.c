#include "client/view_history.h"

static const double SHOWN_AHEAD_S = 1; // no display is this far ahead of the newest frame

// ---- former states ----

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
    for (tl_view_former *f = v->entities[entity].former, *before; f; f = before) { // they are freed in their turn
        before = f->before;
        f->entity = TL_NONE;
        f->before = f->after = NULL;
    }
    v->entities[entity].former = NULL;
}

// Returns NULL if there is no space.
tl_view_former *tl_view_make_former(tl_view *v, int32_t entity)
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

void tl_view_link_former(tl_view *v, tl_view_former *f)
{
    TL_ASSERT(f->entity != TL_NONE && f->after == NULL);
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

void tl_view_free_former(tl_view *v, tl_view_former *f)
{
    TL_ASSERT(f->before == NULL && f->after == NULL);
    tl_heap_free(v->heap, f, former_bytes(v, f->kind));
}

static tl_view_source source_of_former(const tl_view *v, const tl_view_former *f)
{
    return (tl_view_source){f->state, f->carrier_id, f->origin, f->level, &v->kinds->kinds[f->kind]};
}

// ---- evaluation ----

static void add_scaled(tl_vec3 *to, const float by[3], double share)
{
    to->x += (double)by[0] * share;
    to->y += (double)by[1] * share;
    to->z += (double)by[2] * share;
}

// Adds a switch's effect at a tick: before the new state holds, the part of the gap that is closed; after that, the
// part that is not.
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
