#include "client/view_apply.h"

static size_t state_bytes(const tl_view *v, int kind)
{
    return (size_t)v->kinds->kinds[kind].word_count * sizeof(int64_t);
}

// ---- reading ----

static bool same_tile(const tl_view_stream *stream, const tl_chunk_head *head)
{
    return stream->open && stream->tile_size == head->tile_size && stream->level == head->level &&
           stream->x == head->x && stream->y == head->y && stream->z == head->z;
}

// Whether some of the slots are held at a tick later than `tick`.
static bool is_passed(const tl_view_stream *stream, uint32_t begin, uint32_t end, int64_t tick)
{
    for (uint32_t i = 0; i < stream->held.run_count; i++) {
        const tl_cursor_run *run = &stream->held.runs[i];
        if (run->begin < end && tl_cursor_run_end(&stream->held, i) > begin && run->version &&
            (int64_t)run->since > tick) {
            return true;
        }
    }
    return false;
}

// Whether a chunk starts from the held version, of which its head contains the low n bits.
//
// Let V(t) be the stream's version at tick t; a the held version, reached at tick r (so V(r) = a); f the version that
// the chunk starts from; V(c) = f + steps the one that it leads to, at tick c. Checked are: a and f agree in their low
// n bits; r < c <= r + 2^n; steps < 2^n. Then f = a. For V never decreases, and increases by at most one per tick, so
// that
//   if f > a:  f >= a + 2^n, and f was reached 2^n ticks after r or later, but before c: so c > r + 2^n. No.
//   if f < a:  f <= a - 2^n, so a >= f + 2^n > f + steps = V(c); but r < c, so a = V(r) <= V(c). No.
// None of this depends on what the server assumes, on what was lost or rewound, or on how often a level is published.
// Chunks for which it cannot be proved are nacked; the server writes as many bits as are needed (frame.c: make_head()).
static bool runs_from_held(const tl_view_stream *stream, const tl_view_chunk *chunk, uint32_t *from)
{
    const tl_chunk_head *head = &chunk->head;
    const tl_cursor_run *run = tl_cursor_at(&stream->held, head->begin);
    *from = run->version;
    if (run->version == 0 || !tl_cursor_is(&stream->held, head->begin, head->end, run->version)) {
        return false;
    }
    if (head->from_width == TL_FROM_FULL) {
        return run->version == head->from;
    }
    uint32_t mask = (1u << head->from_width) - 1;
    int64_t ticks = chunk->to_tick - (int64_t)run->since;
    return (run->version & mask) == head->from && ticks > 0 && ticks <= (int64_t)1 << head->from_width &&
           head->steps <= mask;
}

static tl_view_verdict judge(const tl_view *v, const tl_view_chunk *chunk, int64_t tick, uint32_t *from)
{
    const tl_chunk_head *head = &chunk->head;
    const tl_view_stream *stream = &v->streams[head->handle];
    if (tick <= stream->closed_tick) {
        return TL_VIEW_LATE; // it belongs to the handle's previous stream
    }
    if (stream->left_out) {
        return TL_VIEW_LATE;
    }
    if (tl_view_is_held(stream, head->begin, head->end, chunk->to_tick)) {
        return TL_VIEW_LATE;
    }
    if (!head->whole) {
        return stream->open && runs_from_held(stream, chunk, from) ? TL_VIEW_TAKEN : TL_VIEW_MISSED;
    }
    return stream->open && is_passed(stream, head->begin, head->end, chunk->to_tick) ? TL_VIEW_MISSED : TL_VIEW_TAKEN;
}

// Reads one slot's part of a chunk: nothing, or an op.
static bool read_slot(tl_view *v, const tl_view_chunk *chunk, uint32_t index)
{
    const tl_view_stream *stream = &v->streams[chunk->head.handle];
    tl_chunk_coder *c = v->coder;
    const tl_view_slot *slot = !chunk->head.whole && index < stream->top && stream->slots[index].used
                                   ? &stream->slots[index]
                                   : NULL;
    const int64_t *base = slot ? slot->state : NULL;
    int base_kind = slot ? slot->kind : 0;
    if (!tl_chunk_changed(c, false, slot ? slot->motion : TL_MOTION_EMPTY, slot ? slot->segment_tick : 0)) {
        return true;
    }
    if (v->op_count == TL_DATAGRAM_OPS_MAX || v->word_count + TL_STATE_WORDS_MAX > TL_DATAGRAM_WORDS_MAX) {
        return false;
    }
    tl_chunk_op *op = &v->ops[v->op_count++];
    *op = (tl_chunk_op){.slot = index, .words = v->words + v->word_count};
    tl_chunk_code(c, op, base, base_kind);
    if (c->codec.bad) {
        return false;
    }
    if (op->type == TL_CHUNK_LEAVE || op->type == TL_CHUNK_DELETE) {
        return true;
    }
    v->word_count += (uint32_t)v->kinds->kinds[op->kind].word_count;
    return tl_state_valid(&v->kinds->kinds[op->kind], v->kinds, op->words, c->level, chunk->to_tick);
}

// Reads the ops of a chunk that starts from what is held.
static bool read_slots(tl_view *v, tl_view_chunk *chunk)
{
    const tl_chunk_head *head = &chunk->head;
    uint32_t top_before = head->whole ? head->begin : v->streams[head->handle].end_top;
    chunk->top = head->end;
    if (head->end == TL_SLOT_END) {
        chunk->top = top_before + tl_chunk_added(v->coder, 0);
    }
    if (v->coder->codec.bad || chunk->top > TL_STREAM_SLOTS_MAX) {
        return false;
    }
    uint32_t count = chunk->top > head->begin ? chunk->top - head->begin : 0;
    if (count > TL_VIEW_SLOTS_VISITED_MAX - v->slots_visited) {
        return false;
    }
    v->slots_visited += count;
    for (uint32_t i = head->begin; i < chunk->top; i++) {
        if (!read_slot(v, chunk, i)) {
            return false;
        }
    }
    chunk->op_count = v->op_count - chunk->first_op;
    return true;
}

// Chunks of one stream must have ascending slots, and the same tile.
static bool may_follow(const tl_view_chunk *before, const tl_chunk_head *head)
{
    const tl_chunk_head *b = &before->head;
    if (b->handle != head->handle) {
        return true;
    }
    if (head->begin < b->end) {
        return false;
    }
    return !b->whole || !head->whole ||
           (b->tile_size == head->tile_size && b->level == head->level && b->x == head->x && b->y == head->y &&
            b->z == head->z);
}

// The id in the first of the chunk's slots that is in use; ids are coded relative to it.
static tl_entity_id near_id(const tl_view *v, const tl_chunk_head *head)
{
    const tl_view_stream *stream = &v->streams[head->handle];
    for (uint32_t i = head->begin; !head->whole && i < stream->top && i < head->end; i++) {
        if (stream->slots[i].used) {
            return stream->slots[i].id;
        }
    }
    return 0;
}

static bool read_chunk(tl_view *v, tl_reader *r, int64_t tick, int32_t *last_handle)
{
    if (v->chunk_count == TL_VIEW_CHUNKS_MAX) {
        return false;
    }
    tl_view_chunk *chunk = &v->chunks[v->chunk_count];
    *chunk = (tl_view_chunk){.first_op = v->op_count};
    tl_chunk_head *head = &chunk->head;
    tl_chunk_head_read(r, head, last_handle);
    const unsigned char *bytes = tl_read_bytes(r, head->size);
    if (r->bad) {
        return false;
    }
    if (v->chunk_count && !may_follow(chunk - 1, head)) {
        return false;
    }
    v->chunk_count++;
    chunk->to_tick = tick - head->age_ticks;
    if (chunk->to_tick < 0) {
        return false;
    }
    const tl_view_stream *stream = &v->streams[head->handle];
    // An open handle refers to one tile until it is closed.
    if (head->whole && stream->open && tick > stream->closed_tick && !same_tile(stream, head)) {
        return false;
    }
    uint32_t from = 0;
    chunk->verdict = judge(v, chunk, tick, &from);
    if (chunk->verdict != TL_VIEW_TAKEN) {
        return true;
    }
    if (head->whole) {
        from = 0;
    }
    if (head->steps > UINT32_MAX - from) {
        return false;
    }
    chunk->to_version = from + head->steps;
    int level = head->whole ? head->level : stream->level;
    tl_chunk_decoder(v->coder, v->kinds, level, head->steps, head->whole, chunk->to_tick, near_id(v, head), bytes,
                     head->size);
    return read_slots(v, chunk);
}

// ---- committing ----

// A late close does not apply to a stream that was opened since.
static void take_close(tl_view *v, uint32_t handle, int64_t tick)
{
    tl_view_stream *stream = &v->streams[handle];
    if (stream->open && stream->opened_tick <= tick) {
        tl_view_close_stream(v, handle, tick);
    }
    stream->closed_tick = tl_max_i64(stream->closed_tick, tick); // even if its first chunk has yet to arrive, late
    tl_view_drop_closed_nacks(v, handle);
}

static void note_motion(const tl_view *v, const tl_view_stream *stream, tl_view_slot *slot)
{
    slot->motion = (uint8_t)tl_motion_of(&v->kinds->kinds[slot->kind], v->kinds, stream->level, slot->state);
    slot->segment_tick = slot->state[0];
}

// The tick from which a chunk's state shows an entity: see docs/PROTOCOL.md, section 11.4.
static double start_tick(const tl_view *v, const tl_view_chunk *chunk, const tl_chunk_op *op, int32_t entity)
{
    bool moves = op->words[4] | op->words[5] | op->words[6];
    int64_t start = op->words[0], start_before = tl_view_source_of(v, entity).state[0];
    if (moves && start > start_before && start <= chunk->to_tick) {
        return (double)start;
    }
    if (moves || op->type != TL_CHUNK_UPDATE || chunk->head.steps == 1) {
        return (double)chunk->to_tick;
    }
    return tl_view_stop_tick(v, entity, op->words, (double)chunk->to_tick);
}

// Whether a value that is the same at all levels differs from the one shown now.
static bool enters_changed(const tl_view *v, int32_t entity, const tl_chunk_op *op, int level)
{
    tl_view_source source = tl_view_source_of(v, entity);
    if (source.carrier_id != op->carrier_id || source.kind != &v->kinds->kinds[op->kind]) {
        return true;
    }
    for (int i = 0; i < source.kind->field_count; i++) {
        const tl_field *field = &source.kind->fields[i];
        if (field->type < TL_FIELD_INTEGER || !tl_field_at(field, level) || !tl_field_at(field, source.level)) {
            continue;
        }
        if (memcmp(source.state + field->word, op->words + field->word,
                   (size_t)field->word_count * sizeof *op->words)) {
            return true;
        }
    }
    return false;
}

// Returns false if there is no space.
static bool enter(tl_view *v, const tl_view_chunk *chunk, const tl_chunk_op *op)
{
    tl_view_stream *stream = &v->streams[chunk->head.handle];
    int64_t *state = tl_view_state_room(v, chunk->head.handle, state_bytes(v, op->kind));
    if (state == NULL) {
        return false;
    }
    int32_t known = tl_view_find(v, op->id);
    tl_view_before before = {0};
    // it may have been one for long; its changes since then were not received
    bool orphan = known != TL_NONE && v->entities[known].home_stream == TL_NONE;
    if (known != TL_NONE) {
        before = tl_view_before_change(v, known, start_tick(v, chunk, op, known), orphan);
    }
    bool changed = known != TL_NONE && (orphan ? enters_changed(v, known, op, stream->level)
                                               : tl_view_source_of(v, known).carrier_id != op->carrier_id);
    tl_view_empty_slot(v, chunk->head.handle, op->slot, chunk->to_tick);
    memcpy(state, op->words, state_bytes(v, op->kind));
    stream->slots[op->slot] = (tl_view_slot){.id = op->id,
                                             .carrier_id = op->carrier_id,
                                             .state = state,
                                             .enter_tick = chunk->to_tick,
                                             .entity = TL_NONE,
                                             .kind = (uint8_t)op->kind,
                                             .used = true};
    note_motion(v, stream, &stream->slots[op->slot]);
    tl_view_add_holder(v, (int32_t)chunk->head.handle, (int32_t)op->slot);
    int32_t entity = stream->slots[op->slot].entity;
    if (entity == TL_NONE) {
        return true;
    }
    const tl_view_entity *e = &v->entities[entity];
    bool shows = e->home_stream == (int32_t)chunk->head.handle && e->home_slot == (int32_t)op->slot;
    if (known != TL_NONE && shows) {
        tl_view_after_change(v, &before);
    }
    if (known != TL_NONE && !shows) {
        tl_view_no_change(v, &before);
    }
    if (changed) {
        tl_view_push_event(v, TL_VIEW_CHANGED, e);
    }
    return true;
}

static bool values_differ(const tl_kind *kind, const int64_t *a, const int64_t *b)
{
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        if (field->type >= TL_FIELD_SCALAR &&
            memcmp(a + field->word, b + field->word, (size_t)field->word_count * sizeof *a)) {
            return true;
        }
    }
    return false;
}

static void update(tl_view *v, const tl_view_chunk *chunk, const tl_chunk_op *op)
{
    tl_view_slot *slot = &v->streams[chunk->head.handle].slots[op->slot];
    int32_t entity = slot->entity;
    const tl_view_entity *e = entity == TL_NONE ? NULL : &v->entities[entity];
    bool shown = e && e->home_stream == (int32_t)chunk->head.handle && e->home_slot == (int32_t)op->slot;
    tl_view_before before = {0};
    if (shown) {
        before = tl_view_before_change(v, entity, start_tick(v, chunk, op, entity), chunk->head.steps > 1);
    }
    bool differs = shown && values_differ(&v->kinds->kinds[op->kind], slot->state, op->words);
    memcpy(slot->state, op->words, state_bytes(v, op->kind));
    note_motion(v, &v->streams[chunk->head.handle], slot);
    if (shown) {
        tl_view_after_change(v, &before);
    }
    if (differs) {
        tl_view_push_event(v, TL_VIEW_CHANGED, &v->entities[entity]);
    }
}

static bool commit_op(tl_view *v, const tl_view_chunk *chunk, const tl_chunk_op *op)
{
    TL_ASSERT(op->slot >= chunk->head.begin && op->slot < chunk->top);
    switch (op->type) {
    case TL_CHUNK_ENTER: return enter(v, chunk, op);
    case TL_CHUNK_UPDATE: update(v, chunk, op); break;
    case TL_CHUNK_DELETE: {
        int32_t entity = v->streams[chunk->head.handle].slots[op->slot].entity;
        // It is not in the world at the frame's tick, though it may have left this stream earlier.
        tl_view_note_end(v, v->streams[chunk->head.handle].slots[op->slot].id, chunk->to_tick + chunk->head.age_ticks);
        if (entity != TL_NONE) {
            tl_view_remove_entity(v, entity);
        }
        tl_view_empty_slot(v, chunk->head.handle, op->slot, chunk->to_tick);
        break;
    }
    default: tl_view_empty_slot(v, chunk->head.handle, op->slot, chunk->to_tick); break;
    }
    return true;
}

static void begin_whole(tl_view *v, const tl_view_chunk *chunk, int64_t tick)
{
    const tl_chunk_head *head = &chunk->head;
    tl_view_stream *stream = &v->streams[head->handle];
    TL_ASSERT(head->whole && head->level < TL_LEVELS_MAX);
    if (!stream->open) {
        int64_t width = (int64_t)1 << (TL_TILE_SHIFT + head->tile_size);
        *stream = (tl_view_stream){.open = true,
                                   .tile_size = head->tile_size,
                                   .level = head->level,
                                   .x = head->x,
                                   .y = head->y,
                                   .z = head->z,
                                   .opened_tick = tick,
                                   .closed_tick = stream->closed_tick,
                                   .origin = {head->x * width, head->y * width, head->z * width}};
        tl_cursor_reset(&stream->held);
    }
    for (uint32_t i = head->begin; i < stream->top && i < head->end; i++) {
        tl_view_empty_slot(v, head->handle, i, chunk->to_tick);
    }
}

// Returns false if there is no space for all ops.
static bool commit_ops(tl_view *v, const tl_view_chunk *chunk)
{
    tl_view_stream *stream = &v->streams[chunk->head.handle];
    if (!tl_view_slots_room(v, chunk->head.handle, chunk->top)) {
        return false;
    }
    if (chunk->top > stream->top) {
        stream->top = chunk->top;
    }
    for (uint32_t i = 0; i < chunk->op_count; i++) {
        if (!commit_op(v, chunk, &v->ops[chunk->first_op + i])) {
            return false;
        }
    }
    return true;
}

static void commit(tl_view *v, const tl_view_chunk *chunk, int64_t tick)
{
    tl_view_stream *stream = &v->streams[chunk->head.handle];
    if (stream->left_out) { // because of another chunk of this datagram
        v->skipped++;
        return;
    }
    if (chunk->head.whole) {
        begin_whole(v, chunk, tick);
    }
    if (!commit_ops(v, chunk)) {
        tl_view_leave_out(v, chunk->head.handle);
        return;
    }
    if (chunk->head.end == TL_SLOT_END) {
        stream->end_top = chunk->top;
    }
    tl_cursor_set(&stream->held, chunk->head.begin, chunk->head.end, chunk->to_version, (uint64_t)chunk->to_tick);
    tl_view_drop_settled_nacks(v, chunk->head.handle);
}

// The server may have settled ticks before it received the nacks. Its settled tick is valid only up to the first
// missing chunk.
static void settle(tl_view *v)
{
    int64_t tick = v->settled_told;
    for (uint32_t i = 0; i < v->nack_count; i++) {
        tick = tl_min_i64(tick, v->nacks[i].first_tick - 1);
    }
    if (tick > v->settled_tick) {
        v->settled_tick = tick;
    }
    tl_view_settle_orphans(v);
}

tl_result tl_view_apply(tl_view *v, uint16_t sequence, int64_t tick, int64_t settled_tick, const uint32_t *closes,
                        int close_count, tl_reader *r)
{
    v->sequence = sequence;
    int32_t last_handle = -1;
    bool good = true, unnoted = false;
    v->chunk_count = v->op_count = v->word_count = v->slots_visited = 0;
    while (good && r->at < r->size) {
        good = read_chunk(v, r, tick, &last_handle);
    }
    for (int i = 0; i < close_count && good; i++) {
        good = closes[i] < TL_HANDLES_MAX;
        for (uint32_t c = 0; c < v->chunk_count; c++) {
            good &= v->chunks[c].head.handle != closes[i];
        }
    }
    if (!good || r->bad) {
        v->malformed++;
        return TL_ERR_MALFORMED;
    }
    if (tick > v->tick) {
        v->tick = tick;
    }
    if (settled_tick > v->settled_told) {
        v->settled_told = settled_tick;
    }
    for (int i = 0; i < close_count; i++) {
        take_close(v, closes[i], tick);
    }
    for (uint32_t i = 0; i < v->chunk_count; i++) {
        const tl_view_chunk *chunk = &v->chunks[i];
        if (chunk->verdict == TL_VIEW_TAKEN) {
            commit(v, chunk, tick);
            continue;
        }
        v->skipped++;
        if (chunk->verdict == TL_VIEW_MISSED) {
            unnoted |= !tl_view_nack(v, chunk);
        }
    }
    for (uint32_t i = 0; i < v->chunk_count && v->left_out_count; i++) {
        tl_view_ask_again(v, v->chunks[i].head.handle);
    }
    settle(v);
    tl_view_forget_formers(v, v->tick - v->kinds->tick_hz / TL_VIEW_FORMERS_PER_S);
    v->applied++;
    return unnoted ? TL_AGAIN : TL_OK;
}
