// Taking in a datagram: first everything is read into scratch and checked, then it is committed. So a datagram that is
// not well-formed changes nothing.
#include "view_internal.h"

static size_t state_bytes(const tl_view *v, int kind)
{
    return (size_t)v->kinds->kinds[kind].word_count * sizeof(int64_t);
}

// ---- reading ----

// Notes that the server is to go on from what is held. False: there is no room for the note.
static bool nack(tl_view *v, const tl_chunk_head *head, uint32_t held)
{
    tl_nack note = {v->sequence, head->handle, head->begin, head->end, held};
    for (uint32_t i = 0; i < v->nack_count; i++) {
        tl_nack *n = &v->nacks[i];
        if (n->handle != head->handle || n->begin != head->begin || n->end != head->end) continue;
        *n = note;
        return true;
    }
    if (v->nack_count == TL_VIEW_NACKS_MAX) return false;
    v->nacks[v->nack_count++] = note;
    return true;
}

// What a nack asked for has come, unless the nack is of a later datagram; or the stream is closed.
static void drop_nacks(tl_view *v, uint32_t handle, uint32_t begin, uint32_t end, bool closed)
{
    for (uint32_t i = 0; i < v->nack_count; i++) {
        const tl_nack *n = &v->nacks[i];
        bool over = closed || (int16_t)(v->sequence - n->sequence) >= 0;
        if (n->handle == handle && n->begin < end && n->end > begin && over) v->nacks[i--] = v->nacks[--v->nack_count];
    }
}

static bool same_tile(const tl_view_stream *stream, const tl_chunk_head *head)
{
    return stream->open && stream->tile_size == head->tile_size && stream->level == head->level && stream->x == head->x && stream->y == head->y && stream->z == head->z;
}

// Whether a whole chunk comes late: something of what it tells is held already, as new or newer.
static bool is_late(const tl_view_stream *stream, const tl_chunk_head *head)
{
    if (!head->whole || !same_tile(stream, head)) return false;
    for (uint32_t i = 0; i < stream->held.run_count; i++) {
        const tl_cursor_run *run = &stream->held.runs[i];
        if (run->begin < head->end && tl_cursor_run_end(&stream->held, i) > head->begin && run->version >= head->steps) return true;
    }
    return false;
}

// Whether a chunk goes on from what is held. `from`: the version that is, 0 if it is not one and the same.
static bool continues(tl_view *v, const tl_chunk_head *head, uint32_t *from)
{
    const tl_view_stream *stream = &v->streams[head->handle];
    *from = 0;
    if (!stream->open) return false;
    *from = tl_cursor_at(&stream->held, head->begin)->version;
    bool even = tl_cursor_is(&stream->held, head->begin, head->end, *from);
    if (even && *from != 0 && (*from & ((1 << TL_VERSION_BITS) - 1)) == head->from_bits) return true;
    if (!even) *from = 0;
    return false;
}

// Reads one slot's part of a chunk: nothing, or an op.
static bool read_slot(tl_view *v, const tl_view_chunk *chunk, uint32_t index)
{
    const tl_view_stream *stream = &v->streams[chunk->head.handle];
    tl_chunk_coder *c = v->coder;
    const tl_view_slot *slot = !chunk->head.whole && index < stream->top && stream->slots[index].used ? &stream->slots[index] : NULL;
    const int64_t *base = slot ? slot->state : NULL;
    int base_kind = slot ? slot->kind : 0;
    if (!tl_chunk_changed(c, false, slot ? slot->motion : TL_MOTION_EMPTY, slot ? slot->course_tick : 0)) return true;
    if (v->op_count == TL_DATAGRAM_OPS_MAX || v->word_count + TL_STATE_WORDS_MAX > TL_DATAGRAM_WORDS_MAX) return false;
    tl_view_op *o = &v->ops[v->op_count++];
    o->op = (tl_chunk_op){.slot = index, .words = v->words + v->word_count};
    tl_chunk_code(c, &o->op, base, base_kind);
    if (c->codec.bad) return false;
    if (o->op.type == TL_CHUNK_LEAVE || o->op.type == TL_CHUNK_DELETE) return true;
    v->word_count += (uint32_t)v->kinds->kinds[o->op.kind].word_count;
    return tl_state_valid(&v->kinds->kinds[o->op.kind], v->kinds, o->op.words, c->level, chunk->to_tick);
}

// Reads the ops of a chunk that goes on from what is held.
static bool read_slots(tl_view *v, tl_view_chunk *chunk)
{
    const tl_chunk_head *head = &chunk->head;
    uint32_t top_before = head->whole ? head->begin : v->streams[head->handle].end_top;
    chunk->top = head->end;
    if (head->end == TL_SLOT_END) chunk->top = top_before + tl_chunk_added(v->coder, 0);
    if (v->coder->codec.bad || chunk->top > TL_STREAM_SLOTS_MAX) return false;
    uint32_t count = chunk->top > head->begin ? chunk->top - head->begin : 0;
    if (count > TL_VIEW_SLOTS_VISITED_MAX - v->slots_visited) return false;
    v->slots_visited += count;
    for (uint32_t i = head->begin; i < chunk->top; i++)
        if (!read_slot(v, chunk, i)) return false;
    chunk->op_count = v->op_count - chunk->first_op;
    return true;
}

// Chunks of one stream are of slots that rise, and of one tile: none goes on from what the one before takes the place of.
static bool may_follow(const tl_view *v, const tl_view_chunk *before, const tl_chunk_head *head)
{
    const tl_chunk_head *b = &before->head;
    if (b->handle != head->handle) return true;
    if (head->begin < b->end) return false;
    if (b->whole && head->whole) return b->tile_size == head->tile_size && b->level == head->level && b->x == head->x && b->y == head->y && b->z == head->z;
    const tl_view_stream *stream = &v->streams[b->handle];
    return !b->whole || before->skipped || !stream->open || same_tile(stream, b);
}

// The id in the first of the chunk's slots that holds something, which ids are told from.
static tl_entity_id near_id(const tl_view *v, const tl_chunk_head *head)
{
    const tl_view_stream *stream = &v->streams[head->handle];
    for (uint32_t i = head->begin; !head->whole && i < stream->top && i < head->end; i++)
        if (stream->slots[i].used) return stream->slots[i].id;
    return 0;
}

static bool read_chunk(tl_view *v, tl_reader *r, int64_t tick, int32_t *last_handle)
{
    if (v->chunk_count == TL_VIEW_CHUNKS_MAX) return false;
    tl_view_chunk *chunk = &v->chunks[v->chunk_count];
    *chunk = (tl_view_chunk){.first_op = v->op_count};
    tl_chunk_head *head = &chunk->head;
    tl_chunk_head_read(r, head, last_handle);
    const unsigned char *bytes = tl_read_bytes(r, head->size);
    if (r->bad) return false;
    if (v->chunk_count && !may_follow(v, chunk - 1, head)) return false;
    v->chunk_count++;
    chunk->to_tick = tick - head->age_ticks;
    const tl_view_stream *stream = &v->streams[head->handle];
    uint32_t from = 0;
    // What is older than the handle's last close is of another stream.
    chunk->skipped = tick <= stream->closed_tick || is_late(stream, head) || (!head->whole && !continues(v, head, &from));
    chunk->to_version = from;
    if (chunk->skipped) return true;
    chunk->to_version = from + head->steps;
    int level = head->whole ? head->level : stream->level;
    tl_chunk_decoder(v->coder, v->kinds, level, head->steps, head->whole, chunk->to_tick, near_id(v, head), bytes, head->size);
    return read_slots(v, chunk);
}

// ---- committing ----

static void empty_slot(tl_view *v, uint32_t handle, uint32_t slot, int64_t tick)
{
    tl_view_slot *s = &v->streams[handle].slots[slot];
    if (!s->used) return;
    tl_view_remove_holder(v, (int32_t)handle, (int32_t)slot, tick);
    tl_heap_free(v->heap, s->state, state_bytes(v, s->kind));
    *s = (tl_view_slot){.entity = TL_NONE};
}

void tl_view_close_stream(tl_view *v, uint32_t handle, int64_t tick)
{
    tl_view_stream *stream = &v->streams[handle];
    if (!stream->open) return;
    for (uint32_t i = 0; i < stream->top; i++) empty_slot(v, handle, i, tick);
    tl_heap_free(v->heap, stream->slots, stream->capacity * sizeof *stream->slots);
    *stream = (tl_view_stream){.closed_tick = tick};
    drop_nacks(v, handle, 0, TL_SLOT_END, true);
}

static bool make_room(tl_view *v, tl_view_stream *stream, uint32_t top)
{
    uint32_t capacity = stream->capacity ? stream->capacity : 8;
    while (capacity < top) capacity *= 2;
    if (capacity == stream->capacity) return true;
    void *grown = tl_heap_grow(v->heap, stream->slots, stream->capacity, capacity, sizeof *stream->slots);
    if (grown == NULL) return false;
    stream->slots = grown;
    stream->capacity = capacity;
    return true;
}

static void note_motion(const tl_view *v, const tl_view_stream *stream, tl_view_slot *slot)
{
    slot->motion = (uint8_t)tl_motion_of(&v->kinds->kinds[slot->kind], v->kinds, stream->level, slot->state);
    slot->course_tick = slot->state[0];
}

static void enter(tl_view *v, const tl_view_chunk *chunk, const tl_chunk_op *op)
{
    tl_view_stream *stream = &v->streams[chunk->head.handle];
    int32_t known = tl_view_find(v, op->id);
    tl_vec3 seen;
    bool was_seen = known != TL_NONE && tl_view_before_change(v, known, (double)v->tick, &seen);
    tl_entity_id carrier_before = known == TL_NONE ? op->carrier_id : tl_view_source_of(v, known).carrier_id;
    int64_t *state = tl_heap_alloc(v->heap, state_bytes(v, op->kind));
    if (state == NULL) {
        v->full++;
        return;
    }
    empty_slot(v, chunk->head.handle, op->slot, chunk->to_tick);
    memcpy(state, op->words, state_bytes(v, op->kind));
    stream->slots[op->slot] = (tl_view_slot){.id = op->id, .carrier_id = op->carrier_id, .state = state, .enter_tick = chunk->to_tick,
                                             .entity = TL_NONE, .kind = (uint8_t)op->kind, .used = true};
    note_motion(v, stream, &stream->slots[op->slot]);
    tl_view_add_holder(v, (int32_t)chunk->head.handle, (int32_t)op->slot);
    int32_t entity = stream->slots[op->slot].entity;
    if (entity == TL_NONE) return;
    if (was_seen) tl_view_after_change(v, entity, (double)v->tick, seen);
    if (carrier_before != op->carrier_id) tl_view_push_event(v, TL_VIEW_CHANGED, &v->entities[entity]);
}

static bool values_differ(const tl_kind *kind, const int64_t *a, const int64_t *b)
{
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        if (field->type >= TL_FIELD_SCALAR && memcmp(a + field->word, b + field->word, (size_t)field->word_count * sizeof *a)) return true;
    }
    return false;
}

static void update(tl_view *v, const tl_view_chunk *chunk, const tl_chunk_op *op)
{
    tl_view_slot *slot = &v->streams[chunk->head.handle].slots[op->slot];
    int32_t entity = slot->entity;
    bool shown = entity != TL_NONE && v->entities[entity].home_stream == (int32_t)chunk->head.handle;
    tl_vec3 seen;
    bool was_seen = shown && tl_view_before_change(v, entity, (double)v->tick, &seen);
    bool differs = shown && values_differ(&v->kinds->kinds[op->kind], slot->state, op->words);
    memcpy(slot->state, op->words, state_bytes(v, op->kind));
    note_motion(v, &v->streams[chunk->head.handle], slot);
    if (was_seen) tl_view_after_change(v, entity, (double)v->tick, seen);
    if (differs) tl_view_push_event(v, TL_VIEW_CHANGED, &v->entities[entity]);
}

static void commit_op(tl_view *v, const tl_view_chunk *chunk, const tl_chunk_op *op)
{
    switch (op->type) {
    case TL_CHUNK_ENTER: enter(v, chunk, op); break;
    case TL_CHUNK_UPDATE: update(v, chunk, op); break;
    case TL_CHUNK_DELETE: {
        int32_t entity = v->streams[chunk->head.handle].slots[op->slot].entity;
        if (entity != TL_NONE) tl_view_remove_entity(v, entity);
        empty_slot(v, chunk->head.handle, op->slot, chunk->to_tick);
        break;
    }
    default: empty_slot(v, chunk->head.handle, op->slot, chunk->to_tick); break;
    }
}

static void begin_whole(tl_view *v, const tl_view_chunk *chunk)
{
    const tl_chunk_head *head = &chunk->head;
    tl_view_stream *stream = &v->streams[head->handle];
    bool same = same_tile(stream, head);
    if (!same) {
        tl_view_close_stream(v, head->handle, chunk->to_tick);
        int64_t width = (int64_t)1 << (TL_TILE_SHIFT + head->tile_size);
        *stream = (tl_view_stream){.open = true, .tile_size = head->tile_size, .level = head->level, .x = head->x, .y = head->y, .z = head->z, .closed_tick = stream->closed_tick,
                                   .origin = {head->x * width, head->y * width, head->z * width}};
        tl_cursor_reset(&stream->held);
    }
    for (uint32_t i = head->begin; i < stream->top && i < head->end; i++) empty_slot(v, head->handle, i, chunk->to_tick);
}

static void commit(tl_view *v, const tl_view_chunk *chunk)
{
    if (chunk->skipped) return;
    tl_view_stream *stream = &v->streams[chunk->head.handle];
    if (chunk->head.whole) begin_whole(v, chunk);
    if (!make_room(v, stream, chunk->top)) {
        v->full++;
        return;
    }
    if (chunk->top > stream->top) stream->top = chunk->top;
    drop_nacks(v, chunk->head.handle, chunk->head.begin, chunk->head.end, false);
    for (uint32_t i = 0; i < chunk->op_count; i++) commit_op(v, chunk, &v->ops[chunk->first_op + i].op);
    if (chunk->head.end == TL_SLOT_END) stream->end_top = chunk->top;
    tl_cursor_set(&stream->held, chunk->head.begin, chunk->head.end, chunk->to_version, 0);
}

tl_result tl_view_apply(tl_view *v, uint16_t sequence, int64_t tick, int64_t settled_tick, const uint32_t *closes, int close_count, tl_reader *r)
{
    v->sequence = sequence;
    int32_t last_handle = -1;
    bool good = true, unnoted = false;
    v->chunk_count = v->op_count = v->word_count = v->slots_visited = 0;
    while (good && r->at < r->size) good = read_chunk(v, r, tick, &last_handle);
    for (int i = 0; i < close_count && good; i++) {
        good = closes[i] < TL_HANDLES_MAX;
        for (uint32_t c = 0; c < v->chunk_count; c++) good &= v->chunks[c].head.handle != closes[i];
    }
    if (!good || r->bad) {
        v->malformed++;
        return TL_ERR_MALFORMED;
    }
    if (tick > v->tick) v->tick = tick;
    if (settled_tick > v->settled_tick) v->settled_tick = settled_tick;
    for (int i = 0; i < close_count; i++) {
        tl_view_close_stream(v, closes[i], tick);
        v->streams[closes[i]].closed_tick = tl_max_i64(v->streams[closes[i]].closed_tick, tick); // also if its first chunk is still to come, late
    }
    for (uint32_t i = 0; i < v->chunk_count; i++) {
        const tl_view_chunk *chunk = &v->chunks[i];
        commit(v, chunk);
        if (!chunk->skipped) continue;
        v->skipped++;
        if (!chunk->head.whole) unnoted |= !nack(v, &chunk->head, chunk->to_version);
    }
    tl_view_settle_orphans(v);
    v->applied++;
    return unnoted ? TL_AGAIN : TL_OK;
}
