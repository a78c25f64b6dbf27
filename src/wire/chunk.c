#include "wire/chunk.h"

#include <stddef.h>

#define MODEL(member) ((int)(offsetof(tl_models, member) / sizeof(uint16_t)))

#ifdef TL_TRAIN
void (*tl_train_start)(int level, bool whole);
#endif

static void start(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick,
                  tl_entity_id near_id)
{
    memcpy(&c->models, tl_models_start(level), sizeof c->models);
    c->kinds = kinds, c->level = level, c->whole = whole, c->one_step = steps == 1, c->to_tick = to_tick;
    c->last_id = near_id;
    c->last_carrier = 0;
    c->recent = 0;
#ifdef TL_TRAIN
    if (tl_train_start) {
        tl_train_start(level, whole);
    }
#endif
}

void tl_chunk_encoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick,
                      tl_entity_id near_id, void *out, size_t capacity)
{
    start(c, kinds, level, steps, whole, to_tick, near_id);
    tl_codec_encoder(&c->codec, out, capacity, (uint16_t *)&c->models);
}

void tl_chunk_decoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick,
                      tl_entity_id near_id, const void *in, size_t size)
{
    start(c, kinds, level, steps, whole, to_tick, near_id);
    tl_codec_decoder(&c->codec, in, size, (uint16_t *)&c->models);
}

// ---- the grammar ----

uint32_t tl_chunk_added(tl_chunk_coder *c, uint32_t added)
{
    uint64_t value = tl_code_uint(&c->codec, MODEL(added), added);
    if (value > TL_STREAM_SLOTS_MAX) {
        c->codec.bad = true;
    }
    return c->codec.bad ? 0 : (uint32_t)value;
}

enum { ALONG, ACROSS, VERTICAL };

static int role_of(int axis, const int64_t *motion)
{
    if (axis == 1) {
        return VERTICAL;
    }
    bool x_leads = tl_magnitude(motion[0]) >= tl_magnitude(motion[2]);
    return (axis == 0) == x_leads ? ALONG : ACROSS;
}

static int sign_of(int64_t value)
{
    return (value > 0) - (value < 0);
}

static int class_of_slot(const tl_chunk_coder *c, tl_motion motion, int64_t course_tick)
{
    if (motion < TL_MOTION_SLOW) {
        return (int)motion;
    }
    int age = tl_bit_length((uint64_t)(c->to_tick > course_tick ? c->to_tick - course_tick : 0));
    if (age >= TL_COURSE_AGES) {
        age = TL_COURSE_AGES - 1;
    }
    return TL_SLOT_MOVING + (motion == TL_MOTION_FAST) * TL_COURSE_AGES + age;
}

enum { NEAR_SLOTS = 8 };

bool tl_chunk_changed(tl_chunk_coder *c, bool changed, tl_motion motion, int64_t course_tick)
{
    if (c->whole) {
        return tl_code_bit(&c->codec, MODEL(filled), changed);
    }
    bool some = c->recent & ((1 << NEAR_SLOTS) - 1);
    int set = (!c->one_step * 2 + some) * TL_SLOT_CLASSES;
    changed = tl_code_bit(&c->codec, MODEL(changed) + set + class_of_slot(c, motion, course_tick), changed);
    c->recent = c->recent << 1 | changed;
    return changed;
}

static tl_chunk_op_type code_type(tl_chunk_coder *c, tl_chunk_op_type type, bool held)
{
    if (!held) {
        return TL_CHUNK_ENTER;
    }
    if (!tl_code_bit(&c->codec, MODEL(op), type != TL_CHUNK_UPDATE)) {
        return TL_CHUNK_UPDATE;
    }
    if (!tl_code_bit(&c->codec, MODEL(op) + 1, type != TL_CHUNK_LEAVE)) {
        return TL_CHUNK_LEAVE;
    }
    return tl_code_bit(&c->codec, MODEL(op) + 2, type != TL_CHUNK_ENTER) ? TL_CHUNK_DELETE : TL_CHUNK_ENTER;
}

static int code_kind(tl_chunk_coder *c, int kind)
{
    int node = 1; // a binary tree of six bits
    for (int bit = 5; bit >= 0; bit--) {
        node = node * 2 + tl_code_bit(&c->codec, MODEL(kind) + node, kind >> bit & 1);
    }
    kind = node - 64;
    if (kind >= c->kinds->count) {
        c->codec.bad = true, kind = 0;
    }
    return kind;
}

enum { COUNTER_BITS = 48 };

static tl_entity_id code_id(tl_chunk_coder *c, tl_entity_id id)
{
    uint64_t server = id >> COUNTER_BITS, mask = ((uint64_t)1 << COUNTER_BITS) - 1;
    if (tl_code_bit(&c->codec, MODEL(server), server != c->last_id >> COUNTER_BITS)) {
        server = tl_code_raw(&c->codec, 16, server);
    } else {
        server = c->last_id >> COUNTER_BITS;
    }
    int64_t step = tl_code_signed(&c->codec, MODEL(id) + c->whole * TL_SIGNED_CONTEXTS, 1,
                                  (int64_t)(id & mask) - (int64_t)(c->last_id & mask));
    id = server << COUNTER_BITS | (((c->last_id & mask) + (uint64_t)step) & mask);
    if (id == 0) {
        c->codec.bad = true;
    }
    return c->last_id = id;
}

static tl_entity_id code_carrier(tl_chunk_coder *c, tl_entity_id carrier)
{
    if (!tl_code_bit(&c->codec, MODEL(carrier), carrier != 0)) {
        return 0;
    }
    if (!tl_code_bit(&c->codec, MODEL(carrier) + 1, carrier != c->last_carrier)) {
        return c->last_carrier;
    }
    return c->last_carrier = tl_code_raw(&c->codec, 64, carrier);
}

static int64_t code_start(tl_chunk_coder *c, bool changed, int64_t start_tick)
{
    uint64_t age = tl_code_uint(&c->codec, MODEL(age) + changed * TL_UINT_CONTEXTS,
                                (uint64_t)c->to_tick - (uint64_t)start_tick);
    return (int64_t)((uint64_t)c->to_tick - age); // what is out of its limits is found by tl_state_valid()
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

static int code_turn(tl_chunk_coder *c, int turn)
{
    tl_codec *codec = &c->codec;
    if (!tl_code_bit(codec, MODEL(turn), turn != TL_TURN_STRAIGHT)) {
        return TL_TURN_STRAIGHT;
    }
    if (tl_code_bit(codec, MODEL(turn) + 1, turn == TL_TURN_LEFT || turn == TL_TURN_RIGHT)) {
        return tl_code_bit(codec, MODEL(turn) + 2, turn == TL_TURN_RIGHT) ? TL_TURN_RIGHT : TL_TURN_LEFT;
    }
    return tl_code_bit(codec, MODEL(turn) + 3, turn == TL_TURN_AFRESH) ? TL_TURN_AFRESH : TL_TURN_BACK;
}

static void code_speed(tl_chunk_coder *c, int64_t *v)
{
    for (int axis = 0; axis < 3; axis++) {
        v[axis] = tl_code_signed(&c->codec, MODEL(speed) + (2 + (axis == 1)) * TL_SIGNED_CONTEXTS, 0, v[axis]);
    }
}

static void code_swerve(tl_chunk_coder *c, const tl_field *field, const int64_t *from, int64_t *to)
{
    int turn = code_turn(c, c->codec.encode ? tl_segment_turn(from, to) : 0);
    if (turn == TL_TURN_AFRESH) {
        code_speed(c, to);
        return;
    }
    int64_t expected[3];
    tl_segment_turned(from, turn, expected);
    for (int axis = 0; axis < 3; axis++) {
        int models = MODEL(swerve) + (((turn != 0) * 2 + tl_velocity_is_fast(field, c->kinds, c->level, from)) * 3 +
                                      role_of(axis, expected)) *
                                         TL_SIGNED_CONTEXTS;
        to[axis] = tl_add_wrap(expected[axis], tl_code_signed(&c->codec, models, sign_of(expected[axis]),
                                                              tl_sub_wrap(to[axis], expected[axis])));
    }
}

static void code_position(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    tl_codec *codec = &c->codec;
    bool was_moving = base[4] | base[5] | base[6];
    bool moves = tl_code_bit(codec, MODEL(still) + (was_moving ? 1 : 2), (w[4] | w[5] | w[6]) != 0);
    w[0] = moves ? code_start(c, true, w[0]) : 0;
    if (!moves) {
        w[4] = w[5] = w[6] = 0;
    } else if (was_moving) {
        code_swerve(c, field, base + 4, w + 4);
    } else {
        code_speed(c, w + 4);
    }
    tl_segment_change d = tl_segment_change_of(c->kinds, c->level, field, base, w, moves ? w[0] : c->to_tick);
    uint64_t since = d.sudden ? tl_code_uint(codec, MODEL(since),
                                             codec->encode ? (uint64_t)tl_segment_since(c->kinds, &d, w + 1) : 0)
                              : 0;
    if (since > TL_SINCE_TICKS_MAX) {
        codec->bad = true, since = 0;
    }
    int64_t expected[3];
    tl_segment_expect(c->kinds, &d, (int)since, expected);
    int how = d.sudden ? 3 : moves ? (was_moving ? 0 : 2) : 1;
    const int64_t change[3] = {tl_sub_wrap(w[4], base[4]), tl_sub_wrap(w[5], base[5]), tl_sub_wrap(w[6], base[6])};
    for (int axis = 0; axis < 3; axis++) {
        int models = MODEL(miss) + (how * 3 + role_of(axis, change)) * TL_SIGNED_CONTEXTS;
        w[1 + axis] = tl_add_wrap(expected[axis], tl_code_signed(codec, models, sign_of(change[axis]),
                                                                 tl_sub_wrap(w[1 + axis], expected[axis])));
    }
}

static void code_vector(tl_chunk_coder *c, int models, const int64_t *base, int64_t *w)
{
    for (int axis = 0; axis < 3; axis++) {
        int64_t from = base ? base[axis] : 0;
        w[axis] = tl_add_wrap(
            from, tl_code_signed(&c->codec, models + axis * TL_SIGNED_CONTEXTS, 0, tl_sub_wrap(w[axis], from)));
    }
}

static void code_rotation(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    int models = MODEL(rotation) + (base ? 3 * TL_SIGNED_CONTEXTS : 0);
    if (field->predictor != TL_PREDICT_LINEAR) {
        if (field->predictor == TL_PREDICT_HEADING) {
            w[0] = tl_code_bit(&c->codec, MODEL(mode) + (base ? 1 + (base[0] == 1) : 0), w[0] == 1);
        } else {
            w[0] = 0;
        }
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
        w[0] = tl_add_wrap(from, tl_code_signed(&c->codec, MODEL(scalar), 0, tl_sub_wrap(w[0], from)));
        return;
    }
    int64_t value_from = base ? base[1] : 0, rate_from = base ? base[2] : 0;
    w[1] = tl_add_wrap(value_from,
                       tl_code_signed(&c->codec, MODEL(scalar) + TL_SIGNED_CONTEXTS, 0, tl_sub_wrap(w[1], value_from)));
    w[2] = tl_add_wrap(
        rate_from, tl_code_signed(&c->codec, MODEL(scalar) + 2 * TL_SIGNED_CONTEXTS, 0, tl_sub_wrap(w[2], rate_from)));
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
    for (uint64_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)tl_code_raw(&c->codec, 8, bytes[i]);
    }
    w[0] = (int64_t)size;
    memset(bytes + size, 0, (size_t)(field->word_count - 1) * 8 - size);
}

static void code_field(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    switch (field->type) {
    case TL_FIELD_POSITION: base ? code_position(c, field, base, w) : code_new_position(c, w); break;
    case TL_FIELD_ROTATION: code_rotation(c, field, base, w); break;
    case TL_FIELD_SCALAR: code_scalar(c, field, base, w); break;
    case TL_FIELD_INTEGER: {
        int64_t from = base ? base[0] : 0;
        w[0] = tl_add_wrap(from, tl_code_signed(&c->codec, MODEL(integer), 0, tl_sub_wrap(w[0], from)));
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
        if (!c->codec.bad) {
            code_state(c, &c->kinds->kinds[op->kind], NULL, op->words);
        }
    }
}
