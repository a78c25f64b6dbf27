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
    TL_ASSERT(level >= 0 && level < TL_LEVELS_MAX);
    c->kinds = kinds;
    c->level = level;
    c->whole = whole;
    c->one_step = steps == 1;
    c->to_tick = to_tick;
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
    TL_ASSERT(!c->codec.encode || added <= TL_STREAM_SLOTS_MAX);
    uint64_t value = tl_code_uint(&c->codec, MODEL(added), added);
    if (value > TL_STREAM_SLOTS_MAX) {
        c->codec.bad = true;
    }
    return c->codec.bad ? 0 : (uint32_t)value;
}

// The roles of axes in a motion, see tl_models.
enum { ALONG, ACROSS, VERTICAL, ROLES };
enum { SPEEDS = 2 }; // slow, fast

// The first context of model `index` in an array of models for signed values.
static int signed_model(int first, int index)
{
    return first + index * TL_SIGNED_CONTEXTS;
}

// Codes a value as its difference from another one.
static int64_t code_from(tl_chunk_coder *c, int model, int lean, int64_t from, int64_t value)
{
    return tl_add_wrap(from, tl_code_signed(&c->codec, model, lean, tl_sub_wrap(value, from)));
}

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

static int class_of_slot(const tl_chunk_coder *c, tl_motion motion, int64_t segment_tick)
{
    if (motion < TL_MOTION_SLOW) {
        return (int)motion;
    }
    int64_t ticks = tl_max_i64(0, c->to_tick - segment_tick);
    int age = (int)tl_min_i64(tl_bit_length((uint64_t)ticks), TL_SEGMENT_AGES - 1);
    return TL_SLOT_MOVING + (motion == TL_MOTION_FAST) * TL_SEGMENT_AGES + age;
}

enum { NEAR_SLOTS = 8 };

bool tl_chunk_changed(tl_chunk_coder *c, bool changed, tl_motion motion, int64_t segment_tick)
{
    if (c->whole) {
        return tl_code_bit(&c->codec, MODEL(filled), changed);
    }
    bool some_near = c->recent & ((1 << NEAR_SLOTS) - 1);
    int set = (!c->one_step * 2 + some_near) * TL_SLOT_CLASSES;
    changed = tl_code_bit(&c->codec, MODEL(changed) + set + class_of_slot(c, motion, segment_tick), changed);
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

enum { KIND_BITS = 6 };
_Static_assert(1 << KIND_BITS == TL_KINDS_MAX, "a kind is a leaf of the tree");

static int code_kind(tl_chunk_coder *c, int kind)
{
    int node = 1; // node of a binary tree
    for (int bit = KIND_BITS - 1; bit >= 0; bit--) {
        node = node * 2 + tl_code_bit(&c->codec, MODEL(kind) + node, kind >> bit & 1);
    }
    kind = node - (1 << KIND_BITS);
    if (kind >= c->kinds->count) {
        c->codec.bad = true;
        return 0;
    }
    return kind;
}

enum { COUNTER_BITS = 48, SERVER_BITS = 16 }; // bits of an id

static tl_entity_id code_id(tl_chunk_coder *c, tl_entity_id id)
{
    const uint64_t mask = ((uint64_t)1 << COUNTER_BITS) - 1;
    uint64_t server = id >> COUNTER_BITS, last_server = c->last_id >> COUNTER_BITS;
    uint64_t counter = id & mask, last_counter = c->last_id & mask;
    bool other_server = tl_code_bit(&c->codec, MODEL(server), server != last_server);
    server = other_server ? tl_code_raw(&c->codec, SERVER_BITS, server) : last_server;
    int64_t step = tl_code_signed(&c->codec, signed_model(MODEL(id), c->whole), 1,
                                  (int64_t)counter - (int64_t)last_counter);
    id = server << COUNTER_BITS | ((last_counter + (uint64_t)step) & mask);
    if (id == 0) {
        c->codec.bad = true;
    }
    c->last_id = id;
    return id;
}

static tl_entity_id code_carrier(tl_chunk_coder *c, tl_entity_id carrier)
{
    if (!tl_code_bit(&c->codec, MODEL(carrier), carrier != 0)) {
        return 0;
    }
    if (!tl_code_bit(&c->codec, MODEL(carrier) + 1, carrier != c->last_carrier)) {
        return c->last_carrier;
    }
    c->last_carrier = tl_code_raw(&c->codec, 64, carrier);
    return c->last_carrier;
}

static int64_t code_start(tl_chunk_coder *c, bool changed, int64_t start_tick)
{
    uint64_t age = tl_code_uint(&c->codec, MODEL(age) + changed * TL_UINT_CONTEXTS,
                                (uint64_t)c->to_tick - (uint64_t)start_tick);
    return (int64_t)((uint64_t)c->to_tick - age); // tl_state_valid() rejects values beyond the limits
}

static void code_new_position(tl_chunk_coder *c, int64_t *w)
{
    tl_codec *codec = &c->codec;
    bool moves = tl_code_bit(codec, MODEL(still), tl_position_moves(w));
    w[0] = moves ? code_start(c, false, w[0]) : 0;
    for (int axis = 0; axis < 3; axis++) {
        bool vertical = axis == 1;
        w[1 + axis] = tl_code_signed(codec, signed_model(MODEL(place), vertical), 1, w[1 + axis]);
        w[4 + axis] = moves ? tl_code_signed(codec, signed_model(MODEL(speed), vertical), 0, w[4 + axis]) : 0;
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
    enum { FROM_REST = 2 }; // index behind the models of new entities
    for (int axis = 0; axis < 3; axis++) {
        bool vertical = axis == 1;
        v[axis] = tl_code_signed(&c->codec, signed_model(MODEL(speed), FROM_REST + vertical), 0, v[axis]);
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
    bool turned = turn != TL_TURN_STRAIGHT, fast = tl_velocity_is_fast(field, c->kinds, c->level, from);
    for (int axis = 0; axis < 3; axis++) {
        int model = signed_model(MODEL(swerve), (turned * SPEEDS + fast) * ROLES + role_of(axis, expected));
        to[axis] = code_from(c, model, sign_of(expected[axis]), expected[axis], to[axis]);
    }
}

// Codes how many ticks ago a sudden change happened.
static int code_since(tl_chunk_coder *c, const tl_segment_change *change, const int64_t *place)
{
    if (!change->sudden) {
        return 0;
    }
    int nearest = c->codec.encode ? tl_segment_since(c->kinds, change, place) : 0;
    uint64_t since = tl_code_uint(&c->codec, MODEL(since), (uint64_t)nearest);
    if (since > TL_SINCE_TICKS_MAX) {
        c->codec.bad = true;
        return 0;
    }
    return (int)since;
}

static void code_velocity(tl_chunk_coder *c, const tl_field *field, bool was_moving, const int64_t *from, int64_t *to)
{
    if (was_moving) {
        code_swerve(c, field, from, to);
    } else {
        code_speed(c, to);
    }
}

// How the motion changed; this affects how far the position is from the expected one.
enum { GOES_ON, STOPS, STARTS, SUDDENLY };

static int class_of_change(bool sudden, bool was_moving, bool moves)
{
    if (sudden) {
        return SUDDENLY;
    }
    if (!moves) {
        return STOPS;
    }
    return was_moving ? GOES_ON : STARTS;
}

static void code_position(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    bool was_moving = tl_position_moves(base);
    bool moves = tl_code_bit(&c->codec, MODEL(still) + (was_moving ? 1 : 2), tl_position_moves(w));
    w[0] = moves ? code_start(c, true, w[0]) : 0;
    if (moves) {
        code_velocity(c, field, was_moving, base + 4, w + 4);
    } else {
        w[4] = w[5] = w[6] = 0;
    }
    tl_segment_change change = tl_segment_change_of(c->kinds, c->level, field, base, w, moves ? w[0] : c->to_tick);
    int64_t expected[3];
    tl_segment_expect(c->kinds, &change, code_since(c, &change, w + 1), expected);
    int how = class_of_change(change.sudden, was_moving, moves);
    const int64_t turn[3] = {tl_sub_wrap(w[4], base[4]), tl_sub_wrap(w[5], base[5]), tl_sub_wrap(w[6], base[6])};
    for (int axis = 0; axis < 3; axis++) {
        int model = signed_model(MODEL(miss), how * ROLES + role_of(axis, turn));
        w[1 + axis] = code_from(c, model, sign_of(turn[axis]), expected[axis], w[1 + axis]);
    }
}

static void code_vector(tl_chunk_coder *c, int models, const int64_t *base, int64_t *w)
{
    for (int axis = 0; axis < 3; axis++) {
        w[axis] = code_from(c, signed_model(models, axis), 0, base ? base[axis] : 0, w[axis]);
    }
}

// Codes a rotation that spins.
static void code_spinning(tl_chunk_coder *c, int models, const int64_t *base, int64_t *w)
{
    code_vector(c, models, base ? base + 1 : NULL, w + 1);
    code_vector(c, MODEL(spin), base ? base + 4 : NULL, w + 4);
    w[0] = tl_position_moves(w) ? code_start(c, base != NULL, w[0]) : 0;
}

// Codes whether the rotation follows the heading.
static bool code_mode(tl_chunk_coder *c, const tl_field *field, const int64_t *base, bool heads)
{
    if (field->predictor != TL_PREDICT_HEADING) {
        return false;
    }
    int model = MODEL(mode);
    if (base) {
        model += base[0] == 1 ? 2 : 1;
    }
    return tl_code_bit(&c->codec, model, heads);
}

static void code_rotation(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    int models = signed_model(MODEL(rotation), base ? 3 : 0);
    if (field->predictor == TL_PREDICT_LINEAR) {
        code_spinning(c, models, base, w);
        return;
    }
    w[0] = code_mode(c, field, base, w[0] == 1);
    if (w[0] == 1) {
        w[1] = w[2] = w[3] = 0;
        return;
    }
    code_vector(c, models, base && base[0] == 0 ? base + 1 : NULL, w + 1);
}

static void code_scalar(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    enum { HELD, VALUE, RATE };
    if (field->predictor != TL_PREDICT_LINEAR) {
        w[0] = code_from(c, signed_model(MODEL(scalar), HELD), 0, base ? base[0] : 0, w[0]);
        return;
    }
    w[1] = code_from(c, signed_model(MODEL(scalar), VALUE), 0, base ? base[1] : 0, w[1]);
    w[2] = code_from(c, signed_model(MODEL(scalar), RATE), 0, base ? base[2] : 0, w[2]);
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
    case TL_FIELD_POSITION:
        if (base) {
            code_position(c, field, base, w);
        } else {
            code_new_position(c, w);
        }
        break;
    case TL_FIELD_ROTATION: code_rotation(c, field, base, w); break;
    case TL_FIELD_SCALAR: code_scalar(c, field, base, w); break;
    case TL_FIELD_INTEGER: w[0] = code_from(c, MODEL(integer), 0, base ? base[0] : 0, w[0]); break;
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
    TL_ASSERT(base_kind >= 0 && base_kind < c->kinds->count);
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
