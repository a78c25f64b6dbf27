#include "world/publish.h"

#include "motion/holds.h"
#include "motion/motion.h"
#include "motion/segment.h"

enum {
    FAR_LEVEL = 3, // for this level and coarser ones
    FAR_EVERY_TICKS = 2,
    UNCHANGED_TICKS = 2, // when to check a segment again that no longer holds but that the level cannot improve
};
static const double FAR_OFF_LIMITS = 1.25; // beyond this multiple of its limit a position has jumped

// ---- turns ----

bool tl_stream_has_its_turn(const tl_streams *ss, int32_t stream, int64_t tick)
{
    return ss->at[stream].level < FAR_LEVEL || (tick + stream) % FAR_EVERY_TICKS == 0;
}

bool tl_stream_had_its_turn(const tl_streams *ss, int32_t stream, int64_t after_tick, int64_t tick)
{
    return ss->at[stream].urgent_tick > after_tick || tick - after_tick >= FAR_EVERY_TICKS ||
           tl_stream_has_its_turn(ss, stream, tick);
}

// ---- a stream's segment of an entity ----

static tl_level_context context_of(const tl_streams *ss, const tl_stream *s, const tl_entity *e)
{
    return (tl_level_context){.kinds = ss->kinds,
                              .kind = &ss->kinds->kinds[e->kind],
                              .level = s->level,
                              .tick = ss->tick,
                              .origin = e->carrier_id ? (tl_origin){0, 0, 0} : s->origin};
}

// For how many ticks the slot's segment is guaranteed to hold.
static int64_t slot_holds(const tl_streams *ss, const tl_stream *s, const tl_slot *slot, const tl_entity *e)
{
    tl_level_context c = context_of(ss, s, e);
    return tl_state_holds(&c, e->state, slot->state, tl_tolerance_share(c.kind, e->carrier_id != 0),
                          TL_WHEEL_AHEAD_TICKS_MAX);
}

static double place_limit_m(const tl_level_context *c, const tl_entity *e)
{
    const tl_field *place = &c->kind->fields[0];
    return tl_tolerance_share(c->kind, e->carrier_id != 0) * (place->tolerance[c->level] - place->tolerance[0]);
}

static void derive(const tl_streams *ss, const tl_stream *s, const tl_entity *e, int64_t *words)
{
    tl_level_context c = context_of(ss, s, e);
    tl_state_derive(&c, e->state, words);
    if (s->level && tl_state_accelerates(&c, e->state, e->acceleration)) {
        tl_state_lead(&c, e->acceleration, place_limit_m(&c, e), words);
    }
}

static void snap(const tl_streams *ss, const tl_stream *s, const tl_slot *slot, const tl_entity *e, int64_t *words)
{
    tl_level_context c = context_of(ss, s, e);
    tl_segment_snap(&c, place_limit_m(&c, e), slot->state, words);
}

// Whether the error is too large to wait for the stream's turn: the entity has jumped.
static bool is_far_off(const tl_streams *ss, const tl_stream *s, const tl_slot *slot, const tl_entity *e)
{
    tl_level_context c = context_of(ss, s, e);
    return tl_state_place_error_m(&c, e->state, slot->state) > FAR_OFF_LIMITS * place_limit_m(&c, e);
}

// ---- slots ----

// Updates the slot's motion after its state was set.
static void note_motion(const tl_streams *ss, const tl_stream *s, tl_slot *slot)
{
    slot->motion = (uint8_t)tl_motion_of(&ss->kinds->kinds[slot->kind], ss->kinds, s->level, slot->state);
    slot->segment_tick = slot->state[0];
}

static void schedule(tl_streams *ss, const tl_stream *s, tl_slot *slot, int64_t ticks)
{
    int64_t due_tick = ss->tick + tl_max_i64(1, ticks);
    TL_ASSERT(slot->used && s->level > 0); // level 0 is published at once, unchanged
    if (slot->due_tick > ss->tick && slot->due_tick <= due_tick) {
        return; // it is checked earlier anyway
    }
    slot->due_tick = due_tick;
    ss->full_count += !tl_wheel_add(ss->wheel, (tl_wheel_entry){slot->entity, s->rank}, due_tick);
}

void tl_stream_enter(tl_streams *ss, int32_t stream, int32_t entity)
{
    if (stream == TL_NONE) {
        return;
    }
    tl_stream *s = &ss->at[stream];
    const tl_entity *e = &ss->mirror->entities[entity];
    if (ss->kinds->kinds[e->kind].level_last < s->level) {
        return;
    }
    tl_slot *slot = tl_stream_take_slot(ss, s, entity);
    if (slot == NULL) {
        return;
    }
    derive(ss, s, e, slot->state);
    note_motion(ss, s, slot);
    if (s->level) {
        schedule(ss, s, slot, slot_holds(ss, s, slot, e));
    }
    ss->published_count[s->level]++;
}

void tl_stream_leave(tl_streams *ss, int32_t stream, int32_t entity)
{
    if (stream == TL_NONE || ss->mirror->entities[entity].slots[ss->at[stream].rank] == TL_NONE) {
        return;
    }
    tl_stream_free_slot(ss, &ss->at[stream], entity);
}

// Publishes the entity's state, unless the level has no better segment than the slot's. Returns for how many ticks the
// slot's segment then holds.
static int64_t publish(tl_streams *ss, tl_stream *s, tl_slot *slot, const tl_entity *e)
{
    int64_t words[TL_STATE_WORDS_MAX];
    size_t bytes = tl_stream_state_bytes(ss, slot->kind);
    bool carrier_changed = slot->carrier_id != e->carrier_id;
    TL_ASSERT(slot->used && slot->kind == e->kind);
    derive(ss, s, e, words);
    if (!carrier_changed && memcmp(words, slot->state, bytes) == 0) {
        return UNCHANGED_TICKS;
    }
    if (s->level && !carrier_changed) {
        snap(ss, s, slot, e, words);
    }
    tl_stream_keep_slot(ss, s, (uint32_t)(slot - s->slots));
    memcpy(slot->state, words, bytes);
    slot->carrier_id = e->carrier_id;
    note_motion(ss, s, slot);
    ss->published_count[s->level]++;
    return s->level ? slot_holds(ss, s, slot, e) : 0;
}

// For how many ticks the slot may stay unchanged; 0: publish now. Far levels wait for their turn, unless the entity
// boards, alights or jumps. A segment that would not hold until the next turn is published in this one.
static int64_t may_stay(const tl_streams *ss, tl_stream *s, const tl_slot *slot, const tl_entity *e)
{
    if (slot->carrier_id != e->carrier_id) {
        return 0;
    }
    int64_t ticks = slot_holds(ss, s, slot, e);
    if (s->level < FAR_LEVEL) {
        return ticks;
    }
    if (tl_stream_has_its_turn(ss, (int32_t)(s - ss->at), ss->tick)) {
        return ticks < FAR_EVERY_TICKS ? 0 : ticks;
    }
    if (ticks > 0) {
        return ticks;
    }
    if (is_far_off(ss, s, slot, e)) {
        s->urgent_tick = ss->tick;
        return 0;
    }
    return 1;
}

void tl_stream_refresh(tl_streams *ss, int32_t stream, int32_t entity)
{
    tl_stream *s = &ss->at[stream];
    const tl_entity *e = &ss->mirror->entities[entity];
    if (e->slots[s->rank] == TL_NONE) {
        if (ss->full_count) {
            tl_stream_enter(ss, stream, entity); // there may have been no space for it before
        }
        return;
    }
    tl_slot *slot = &s->slots[e->slots[s->rank]];
    if (s->level == 0) {
        publish(ss, s, slot, e);
        return;
    }
    int64_t ticks = may_stay(ss, s, slot, e);
    if (ticks == 0) {
        ticks = publish(ss, s, slot, e);
    }
    if (!tl_stream_has_its_turn(ss, stream, ss->tick + ticks)) {
        ticks--; // the turn before that
    }
    schedule(ss, s, slot, ticks);
}

// ---- the wheel ----

static tl_slot *slot_of(const tl_streams *ss, const tl_wheel_entry *entry, int32_t *stream)
{
    const tl_entity *e = &ss->mirror->entities[entry->entity];
    *stream = e->used && entry->reason < TL_RANKS_MAX ? tl_stream_of(ss, e, entry->reason) : TL_NONE;
    return *stream == TL_NONE ? NULL : &ss->at[*stream].slots[e->slots[entry->reason]];
}

const tl_slot *tl_stream_slot_of(const tl_streams *ss, const tl_wheel_entry *entry)
{
    int32_t stream;
    return slot_of(ss, entry, &stream);
}

void tl_stream_due(tl_streams *ss, const tl_wheel_entry *entry)
{
    int32_t stream;
    tl_slot *slot = slot_of(ss, entry, &stream);
    if (slot == NULL || slot->due_tick != ss->tick) {
        return; // it has moved since
    }
    slot->due_tick = -1;
    tl_stream_refresh(ss, stream, entry->entity);
}

void tl_stream_postpone(tl_streams *ss, const tl_wheel_entry *entry, int64_t missed, int64_t tick)
{
    int32_t stream;
    tl_slot *slot = slot_of(ss, entry, &stream);
    if (slot == NULL || slot->due_tick != missed) {
        return;
    }
    slot->due_tick = tick;
    ss->full_count += !tl_wheel_add(ss->wheel, *entry, tick);
}
