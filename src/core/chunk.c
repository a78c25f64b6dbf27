#include "chunk.h"

#include <stddef.h>

#define MODEL(member) ((int)(offsetof(tl_models, member) / sizeof(uint16_t)))

static void start(tl_chunk_coder *c, const tl_kinds *kinds, int level, bool whole, int64_t to_tick, uint32_t first_slot)
{
    memcpy(&c->models, tl_models_start(level), sizeof c->models);
    c->kinds = kinds, c->level = level, c->whole = whole, c->to_tick = to_tick, c->next_slot = first_slot;
    c->last_id = c->last_carrier = 0;
}

void tl_chunk_encoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, bool whole, int64_t to_tick, uint32_t first_slot, void *out, size_t capacity)
{
    start(c, kinds, level, whole, to_tick, first_slot);
    tl_codec_encoder(&c->codec, out, capacity, (uint16_t *)&c->models);
}

void tl_chunk_decoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, bool whole, int64_t to_tick, uint32_t first_slot, const void *in, size_t size)
{
    start(c, kinds, level, whole, to_tick, first_slot);
    tl_codec_decoder(&c->codec, in, size, (uint16_t *)&c->models);
}

// ---- the grammar ----

bool tl_chunk_more(tl_chunk_coder *c, bool more)
{
    return tl_code_bit(&c->codec, MODEL(more) + !c->whole, more);
}

uint32_t tl_chunk_slot(tl_chunk_coder *c, uint32_t slot)
{
    uint64_t gap = tl_code_uint(&c->codec, MODEL(gap) + !c->whole * TL_UINT_CONTEXTS, slot - c->next_slot);
    if (gap >= TL_STREAM_SLOTS_MAX || c->next_slot + gap >= TL_STREAM_SLOTS_MAX) {
        c->codec.bad = true;
        return 0;
    }
    slot = c->next_slot + (uint32_t)gap;
    c->next_slot = slot + 1;
    return slot;
}

static tl_chunk_op_type code_type(tl_chunk_coder *c, tl_chunk_op_type type, bool held)
{
    if (!held) return TL_CHUNK_ENTER;
    if (!tl_code_bit(&c->codec, MODEL(op), type != TL_CHUNK_UPDATE)) return TL_CHUNK_UPDATE;
    if (!tl_code_bit(&c->codec, MODEL(op) + 1, type != TL_CHUNK_LEAVE)) return TL_CHUNK_LEAVE;
    return tl_code_bit(&c->codec, MODEL(op) + 2, type != TL_CHUNK_ENTER) ? TL_CHUNK_DELETE : TL_CHUNK_ENTER;
}

static int code_kind(tl_chunk_coder *c, int kind)
{
    int node = 1; // a binary tree of six bits
    for (int bit = 5; bit >= 0; bit--) node = node * 2 + tl_code_bit(&c->codec, MODEL(kind) + node, kind >> bit & 1);
    kind = node - 64;
    if (kind >= c->kinds->count) c->codec.bad = true, kind = 0;
    return kind;
}

enum { COUNTER_BITS = 48 };

static tl_entity_id code_id(tl_chunk_coder *c, tl_entity_id id)
{
    uint64_t server = id >> COUNTER_BITS, mask = ((uint64_t)1 << COUNTER_BITS) - 1;
    if (tl_code_bit(&c->codec, MODEL(server), server != c->last_id >> COUNTER_BITS))
        server = tl_code_raw(&c->codec, 16, server);
    else
        server = c->last_id >> COUNTER_BITS;
    int64_t step = tl_code_signed(&c->codec, MODEL(id), 1, (int64_t)(id & mask) - (int64_t)(c->last_id & mask));
    id = server << COUNTER_BITS | (((c->last_id & mask) + (uint64_t)step) & mask);
    if (id == 0) c->codec.bad = true;
    return c->last_id = id;
}

static tl_entity_id code_carrier(tl_chunk_coder *c, tl_entity_id carrier)
{
    if (!tl_code_bit(&c->codec, MODEL(carrier), carrier != 0)) return 0;
    if (!tl_code_bit(&c->codec, MODEL(carrier) + 1, carrier != c->last_carrier)) return c->last_carrier;
    return c->last_carrier = tl_code_raw(&c->codec, 64, carrier);
}

static int64_t code_start(tl_chunk_coder *c, bool changed, int64_t start_tick)
{
    return c->to_tick - (int64_t)tl_code_uint(&c->codec, MODEL(age) + changed * TL_UINT_CONTEXTS, (uint64_t)(c->to_tick - start_tick));
}

static int sign_of(int64_t value)
{
    return (value > 0) - (value < 0);
}

static void code_new_position(tl_chunk_coder *c, int64_t *w)
{
    tl_codec *codec = &c->codec;
    bool moves = tl_code_bit(codec, MODEL(still), (w[4] | w[5] | w[6]) != 0);
    w[0] = moves ? code_start(c, false, w[0]) : 0;
    for (int axis = 0; axis < 3; axis++) {
        int vertical = (axis == 1) * TL_SIGNED_CONTEXTS;
        w[1 + axis] = tl_code_signed(codec, MODEL(place) + vertical, 1, w[1 + axis]);
        w[4 + axis] = moves ? tl_code_signed(codec, MODEL(speed) + vertical, 0, w[4 + axis]) : 0;
    }
}

static void code_position(tl_chunk_coder *c, const int64_t *base, int64_t *w)
{
    tl_codec *codec = &c->codec;
    bool was_moving = base[4] | base[5] | base[6];
    bool moves = tl_code_bit(codec, MODEL(still) + (was_moving ? 1 : 2), (w[4] | w[5] | w[6]) != 0);
    w[0] = moves ? code_start(c, true, w[0]) : 0;
    int64_t expected[3];
    tl_position_quanta(base, c->kinds->rate_shift, moves ? w[0] : c->to_tick, expected);
    int how = moves ? (was_moving ? 0 : 2) : 1;
    for (int axis = 0; axis < 3; axis++) {
        int vertical = (axis == 1) * TL_SIGNED_CONTEXTS;
        int64_t miss = tl_code_signed(codec, MODEL(miss) + how * 2 * TL_SIGNED_CONTEXTS + vertical, sign_of(-base[4 + axis]),
                                      tl_add_wrap(w[1 + axis], -expected[axis]));
        w[1 + axis] = tl_add_wrap(expected[axis], miss);
        if (!moves)
            w[4 + axis] = 0;
        else if (was_moving)
            w[4 + axis] = tl_add_wrap(base[4 + axis], tl_code_signed(codec, MODEL(turn) + vertical, sign_of(miss), tl_add_wrap(w[4 + axis], -base[4 + axis])));
        else
            w[4 + axis] = tl_code_signed(codec, MODEL(speed) + vertical, sign_of(miss), w[4 + axis]);
    }
}

static void code_vector(tl_chunk_coder *c, int models, const int64_t *base, int64_t *w)
{
    for (int axis = 0; axis < 3; axis++) {
        int64_t from = base ? base[axis] : 0;
        w[axis] = tl_add_wrap(from, tl_code_signed(&c->codec, models + axis * TL_SIGNED_CONTEXTS, 0, tl_add_wrap(w[axis], -from)));
    }
}

static void code_rotation(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    int models = MODEL(rotation) + (base ? 3 * TL_SIGNED_CONTEXTS : 0);
    if (field->predictor != TL_PREDICT_LINEAR) {
        if (field->predictor == TL_PREDICT_HEADING)
            w[0] = tl_code_bit(&c->codec, MODEL(mode) + (base ? 1 + (base[0] == 1) : 0), w[0] == 1);
        else
            w[0] = 0;
        if (w[0] == 1) {
            w[1] = w[2] = w[3] = 0;
            return;
        }
        code_vector(c, models, base && base[0] == 0 ? base + 1 : NULL, w + 1);
        return;
    }
    code_vector(c, models, base ? base + 1 : NULL, w + 1);
    code_vector(c, MODEL(spin), base ? base + 4 : NULL, w + 4);
    w[0] = w[4] | w[5] | w[6] ? code_start(c, base != NULL, w[0]) : 0;
}

static void code_scalar(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    if (field->predictor != TL_PREDICT_LINEAR) {
        int64_t from = base ? base[0] : 0;
        w[0] = tl_add_wrap(from, tl_code_signed(&c->codec, MODEL(scalar), 0, tl_add_wrap(w[0], -from)));
        return;
    }
    int64_t value_from = base ? base[1] : 0, rate_from = base ? base[2] : 0;
    w[1] = tl_add_wrap(value_from, tl_code_signed(&c->codec, MODEL(scalar) + TL_SIGNED_CONTEXTS, 0, tl_add_wrap(w[1], -value_from)));
    w[2] = tl_add_wrap(rate_from, tl_code_signed(&c->codec, MODEL(scalar) + 2 * TL_SIGNED_CONTEXTS, 0, tl_add_wrap(w[2], -rate_from)));
    w[0] = w[2] ? code_start(c, base != NULL, w[0]) : 0;
}

static void code_bytes(tl_chunk_coder *c, const tl_field *field, int64_t *w)
{
    uint64_t size = tl_code_uint(&c->codec, MODEL(bytes), (uint64_t)w[0]);
    if (size > (uint64_t)field->bytes_max) {
        c->codec.bad = true;
        return;
    }
    unsigned char *bytes = (unsigned char *)(w + 1);
    for (uint64_t i = 0; i < size; i++) bytes[i] = (unsigned char)tl_code_raw(&c->codec, 8, bytes[i]);
    w[0] = (int64_t)size;
    memset(bytes + size, 0, (size_t)(field->word_count - 1) * 8 - size);
}

static void code_field(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    switch (field->type) {
    case TL_FIELD_POSITION: base ? code_position(c, base, w) : code_new_position(c, w); break;
    case TL_FIELD_ROTATION: code_rotation(c, field, base, w); break;
    case TL_FIELD_SCALAR: code_scalar(c, field, base, w); break;
    case TL_FIELD_INTEGER: {
        int64_t from = base ? base[0] : 0;
        w[0] = tl_add_wrap(from, tl_code_signed(&c->codec, MODEL(integer), 0, tl_add_wrap(w[0], -from)));
        break;
    }
    default: code_bytes(c, field, w); break;
    }
}

// Fields that the level does not send are 0 on both sides.
static void code_state(tl_chunk_coder *c, const tl_kind *kind, const int64_t *base, int64_t *words)
{
    for (int i = 0; i < kind->field_count && !c->codec.bad; i++) {
        const tl_field *field = &kind->fields[i];
        int64_t *w = words + field->word;
        const int64_t *b = base ? base + field->word : NULL;
        size_t bytes = (size_t)field->word_count * sizeof *w;
        if (!tl_field_at(field, c->level)) {
            memset(w, 0, bytes);
            continue;
        }
        if (b && !tl_code_bit(&c->codec, MODEL(field) + field->type, memcmp(b, w, bytes) != 0)) {
            memcpy(w, b, bytes);
            continue;
        }
        code_field(c, field, b, w);
    }
}

void tl_chunk_code(tl_chunk_coder *c, tl_chunk_op *op, const int64_t *base, int base_kind)
{
    op->type = code_type(c, op->type, base != NULL);
    if (op->type == TL_CHUNK_UPDATE) {
        op->kind = base_kind;
        code_state(c, &c->kinds->kinds[base_kind], base, op->words);
    } else if (op->type == TL_CHUNK_ENTER) {
        op->id = code_id(c, op->id);
        op->kind = code_kind(c, op->kind);
        op->carrier_id = code_carrier(c, op->carrier_id);
        if (!c->codec.bad) code_state(c, &c->kinds->kinds[op->kind], NULL, op->words);
    }
}

// ---- the chunks of a stream ----

// What a slot held at the chunk's start, and what it holds now: the op, if there is one.
static bool op_of(const tl_slot *slot, const tl_undo *undo, uint32_t index, int64_t *words, const tl_kinds *kinds, tl_chunk_op *op)
{
    bool held = undo && undo->state;
    *op = (tl_chunk_op){.slot = index, .kind = slot->kind, .id = slot->id, .carrier_id = slot->carrier_id, .words = words};
    if (!slot->used) {
        op->type = slot->deleted ? TL_CHUNK_DELETE : TL_CHUNK_LEAVE;
        return held;
    }
    memcpy(words, slot->state, (size_t)kinds->kinds[slot->kind].word_count * sizeof *words);
    bool same = held && undo->id == slot->id && undo->carrier_id == slot->carrier_id && undo->kind == slot->kind;
    op->type = same ? TL_CHUNK_UPDATE : TL_CHUNK_ENTER;
    return !same || memcmp(words, undo->state, (size_t)kinds->kinds[slot->kind].word_count * sizeof *words) != 0;
}

// The slots that changed since `from`, each with its oldest undo entry after that, in the order of slots.
static uint32_t changed_slots(tl_pyramid *p, const tl_stream *s, uint32_t from, const tl_undo **by_slot, uint32_t *slots)
{
    uint32_t count = 0;
    for (uint32_t i = s->undo_count; i-- > 0;) {
        const tl_undo *undo = &s->undo[(s->undo_first + i) % s->undo_capacity];
        if (undo->version <= from) break;
        by_slot[undo->slot] = undo;
    }
    for (uint32_t i = 0; i < s->slot_top; i++)
        if (by_slot[i]) slots[count++] = i;
    (void)p;
    return count;
}

// Encodes ops until the chunk is full; `about` gets the slot to go on from, and the sizes.
static void encode(tl_pyramid *p, const tl_stream *s, uint32_t from, uint32_t begin, const tl_undo **by_slot, const uint32_t *slots,
                       uint32_t count, tl_chunk_bytes *about, unsigned char *out)
{
    static _Thread_local tl_chunk_coder coder;
    int64_t words[TL_STATE_WORDS_MAX];
    uint32_t limit = about->limit;
    about->end = limit;
    tl_chunk_encoder(&coder, p->kinds, s->level, from == 0, s->version_tick, begin, out, TL_CHUNK_BYTES_MAX + 64);
    for (uint32_t i = 0; i < count; i++) {
        const tl_slot *slot = &s->slots[slots[i]];
        const tl_undo *undo = from ? by_slot[slots[i]] : NULL;
        tl_chunk_op op;
        if (slots[i] < begin || slots[i] >= limit || !op_of(slot, undo, slots[i], words, p->kinds, &op)) continue;
        tl_codec before = coder.codec;
        uint16_t more_before[2] = {coder.models.more[0], coder.models.more[1]};
        tl_chunk_more(&coder, true);
        tl_chunk_slot(&coder, op.slot);
        const int64_t *base = undo ? undo->state : NULL;
        tl_chunk_code(&coder, &op, base, undo ? undo->kind : 0);
        uint32_t words_more = op.type == TL_CHUNK_LEAVE || op.type == TL_CHUNK_DELETE ? 0 : (uint32_t)p->kinds->kinds[op.kind].word_count;
        if (coder.codec.bad || tl_codec_bytes(&coder.codec) + 2 > TL_CHUNK_BYTES_MAX || 
            about->ops == TL_CHUNK_OPS_MAX || about->words + words_more > TL_CHUNK_WORDS_MAX) {
            TL_ASSERT(about->ops > 0); // a kind's largest state fits (kinds.c)
            coder.codec = before;
            memcpy(coder.models.more, more_before, sizeof more_before);
            about->end = slots[i];
            break;
        }
        about->ops++;
        about->words += words_more;
    }
    tl_chunk_more(&coder, false);
    about->size = about->capacity = (uint16_t)tl_codec_finish(&coder.codec);
    TL_ASSERT(!coder.codec.bad);
}

static const tl_chunk_bytes *make(tl_pyramid *p, tl_stream *s, uint32_t from, uint32_t begin, uint32_t limit)
{
    unsigned char out[TL_CHUNK_BYTES_MAX + 64];
    tl_chunk_bytes about = {.from = from, .begin = begin, .limit = limit};
    uint32_t top = s->slot_top ? s->slot_top : 1, count = 0;
    const tl_undo **by_slot = tl_heap_alloc(p->heap, top * sizeof *by_slot);
    uint32_t *slots = tl_heap_alloc(p->heap, top * sizeof *slots);
    tl_chunk_bytes *chunk = NULL;
    if (by_slot && slots) {
        if (from)
            count = changed_slots(p, s, from, by_slot, slots);
        else
            for (uint32_t i = begin; i < s->slot_top; i++)
                if (s->slots[i].used) slots[count++] = i;
        encode(p, s, from, begin, by_slot, slots, count, &about, out);
        if ((chunk = tl_heap_alloc(p->heap, sizeof *chunk + about.size))) {
            about.next = s->chunks;
            *chunk = about;
            memcpy(chunk->data, out, about.size);
            s->chunks = chunk;
        }
    }
    tl_heap_free(p->heap, by_slot, top * sizeof *by_slot);
    tl_heap_free(p->heap, slots, top * sizeof *slots);
    return chunk;
}

const tl_chunk_bytes *tl_chunk_get(tl_pyramid *p, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit)
{
    tl_stream *s = &p->streams[stream];
    TL_ASSERT(from == 0 || tl_stream_can_continue(s, from));
    for (const tl_chunk_bytes *chunk = s->chunks; chunk; chunk = chunk->next)
        if (chunk->from == from && chunk->begin == begin && chunk->limit == limit) return chunk;
    return make(p, s, from, begin, limit);
}
