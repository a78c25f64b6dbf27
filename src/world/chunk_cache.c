#include "world/chunk_cache.h"

// Derives a slot's op, if any, from what it held at the chunk's start and what it holds now.
static bool op_of(const tl_slot *slot, const tl_undo *undo, uint32_t index, int64_t *words, const tl_streams *ss,
                  tl_chunk_op *op)
{
    const tl_kinds *kinds = ss->kinds;
    bool held = undo && undo->state;
    *op = (tl_chunk_op){
        .slot = index, .kind = slot->kind, .id = slot->id, .carrier_id = slot->carrier_id, .words = words};
    if (!slot->used) {
        // About the entity that was held: the slot may have had others since. Ids are never reused.
        op->type = held && tl_mirror_find(ss->mirror, undo->id) == TL_NONE ? TL_CHUNK_DELETE : TL_CHUNK_LEAVE;
        return held;
    }
    memcpy(words, slot->state, (size_t)kinds->kinds[slot->kind].word_count * sizeof *words);
    bool same = held && undo->id == slot->id && undo->carrier_id == slot->carrier_id && undo->kind == slot->kind;
    op->type = same ? TL_CHUNK_UPDATE : TL_CHUNK_ENTER;
    return !same || memcmp(words, undo->state, (size_t)kinds->kinds[slot->kind].word_count * sizeof *words) != 0;
}

// Finds the oldest undo entry after `from` of each slot that has changed since.
static void find_changes(const tl_stream *s, uint32_t from, const tl_undo **by_slot)
{
    for (uint32_t i = s->history.undo_count; i-- > 0;) {
        const tl_undo *undo = tl_history_undo(&s->history, i);
        if (undo->version <= from) {
            break;
        }
        by_slot[undo->slot] = undo;
    }
}

typedef struct encoding {
    tl_streams *ss;
    const tl_stream *s;
    const tl_undo **by_slot;
    tl_chunk_coder *coder;
    tl_chunk_bytes about;
} encoding;

// Codes one slot. Returns false if it does not fit.
static bool encode_slot(encoding *e, uint32_t index)
{
    int64_t words[TL_STATE_WORDS_MAX];
    static const tl_slot none;
    const tl_slot *slot = index < e->s->slot_top ? &e->s->slots[index] : &none;
    const tl_undo *undo = e->about.from ? e->by_slot[index] : NULL;
    const int64_t *base = e->about.from == 0 ? NULL : undo ? undo->state : slot->state;
    tl_chunk_op op;
    bool changed = (undo || e->about.from == 0) && op_of(slot, undo, index, words, e->ss, &op);
    if (e->about.from == 0 || base == NULL) {
        tl_chunk_changed(e->coder, changed, TL_MOTION_EMPTY, 0);
    } else if (undo) {
        tl_chunk_changed(e->coder, changed,
                         tl_motion_of(&e->ss->kinds->kinds[undo->kind], e->ss->kinds, e->s->level, base), base[0]);
    } else {
        tl_chunk_changed(e->coder, false, slot->motion, slot->segment_tick);
    }
    if (changed) {
        bool has_words = op.type == TL_CHUNK_UPDATE || op.type == TL_CHUNK_ENTER;
        e->about.ops++;
        e->about.words += has_words ? (uint32_t)e->ss->kinds->kinds[op.kind].word_count : 0;
        tl_chunk_code(e->coder, &op, base, undo ? undo->kind : 0);
    }
    return !e->coder->codec.bad && tl_codec_bytes(&e->coder->codec) <= TL_CHUNK_BYTES_MAX &&
           e->about.ops <= TL_CHUNK_OPS_MAX && e->about.words <= TL_CHUNK_WORDS_MAX;
}

// The id in the first of the chunk's slots that was in use at its start.
static tl_entity_id near_id(const encoding *e, uint32_t end)
{
    for (uint32_t i = e->about.begin; e->about.from && i < end; i++) {
        const tl_undo *undo = e->by_slot[i];
        if (undo ? undo->state != NULL : e->s->slots[i].used) {
            return undo ? undo->id : e->s->slots[i].id;
        }
    }
    return 0;
}

// Encodes slots until the chunk is full or all are in. `about` receives the slot to continue from, and the sizes. If
// not even the first slot fits, the chunk is empty.
static void encode(encoding *e, unsigned char *out, uint32_t limit)
{
    const tl_stream *s = e->s;
    uint32_t from = e->about.from, begin = e->about.begin;
    bool to_end = limit == TL_SLOT_END;
    uint32_t end = to_end ? s->slot_top : limit, top_before = from ? tl_history_top(&s->history, from) : begin;
    tl_chunk_encoder(e->coder, e->ss->kinds, s->level, s->history.version - from, from == 0, s->history.version_tick,
                     near_id(e, end), out, TL_CHUNK_BYTES_MAX + 64);
    if (to_end) {
        tl_chunk_added(e->coder, end > top_before ? end - top_before : 0);
    }
    e->about.end = limit;
    for (uint32_t i = begin; i < end; i++) {
        tl_codec before = e->coder->codec; // for a slot that does not fit; its changed models are not used again
        tl_chunk_bytes about = e->about;
        if (encode_slot(e, i)) {
            continue;
        }
        e->coder->codec = before;
        e->about = about;
        e->about.end = i > begin ? i : begin + 1;
        e->about.too_large = i == begin;
        break;
    }
    e->about.size = e->about.capacity = (uint16_t)tl_codec_finish(&e->coder->codec);
    TL_ASSERT(!e->coder->codec.bad);
}

const tl_chunk_bytes *tl_chunk_make(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit)
{
    static _Thread_local tl_chunk_coder coder;
    tl_stream *s = &ss->at[stream];
    TL_ASSERT(from == 0 || tl_history_reaches(&s->history, from));
    unsigned char out[TL_CHUNK_BYTES_MAX + 64];
    uint32_t top = s->slot_top ? s->slot_top : 1;
    encoding e = {.ss = ss, .s = s, .coder = &coder, .about = {.from = from, .begin = begin, .limit = limit}};
    e.by_slot = tl_heap_alloc(ss->heap, top * sizeof *e.by_slot);
    if (e.by_slot == NULL) {
        return NULL;
    }
    if (from) {
        find_changes(s, from, e.by_slot);
    }
    encode(&e, out, limit);
    if (e.about.too_large) {
        ss->full_count++;
    }
    // A truncated chunk covers a range of slots and omits their total number, so encode it again with that limit.
    if (limit == TL_SLOT_END && e.about.end != TL_SLOT_END && !e.about.too_large) {
        uint32_t end = e.about.end;
        do {
            e.about = (tl_chunk_bytes){.from = from, .begin = begin, .limit = limit};
            encode(&e, out, end);
        } while (e.about.end < end && (end = e.about.end));
    }
    tl_heap_free(ss->heap, e.by_slot, top * sizeof *e.by_slot);
    const tl_chunk_bytes *chunk = tl_kept_chunks_add(&s->chunks, ss->heap, &e.about, out);
    if (chunk) {
        ss->work_count += (uint64_t)tl_chunk_work(s, chunk);
    }
    return chunk;
}

int64_t tl_chunk_work(const tl_stream *s, const tl_chunk_bytes *chunk)
{
    int64_t slots = (int64_t)(chunk->end == TL_SLOT_END ? s->slot_top : chunk->end) - chunk->begin,
            used = (int64_t)s->slot_top - s->slot_free_count;
    // empty slots cost little
    if (chunk->from == 0) {
        return tl_min_i64(used, slots) + slots / TL_CHUNK_SLOTS_A_UNIT;
    }
    return chunk->from + 1 == s->history.version ? 0 : 1 + slots / TL_CHUNK_SLOTS_A_UNIT;
}

const tl_chunk_bytes *tl_chunk_find(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit)
{
    tl_stream *s = &ss->at[stream];
    if (s->chunks.asked_tick != ss->tick) {
        tl_kept_chunks_limit(&s->chunks, ss->heap);
    }
    s->chunks.asked_tick = ss->tick;
    return tl_kept_chunks_find(&s->chunks, from, begin, limit);
}

const tl_chunk_bytes *tl_chunk_get(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit)
{
    const tl_chunk_bytes *chunk = tl_chunk_find(ss, stream, from, begin, limit);
    return chunk ? chunk : tl_chunk_make(ss, stream, from, begin, limit);
}
