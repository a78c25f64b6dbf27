#include "chunk.h"

#include <stddef.h>

#define MODEL(member) ((int)(offsetof(tl_models, member) / sizeof(uint16_t)))

#ifdef TL_TRAIN
void (*tl_train_start)(int level, bool whole);
#endif

static void start(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick, tl_entity_id near_id)
{
    memcpy(&c->models, tl_models_start(level), sizeof c->models);
    c->kinds = kinds, c->level = level, c->whole = whole, c->one_step = steps == 1, c->to_tick = to_tick;
    c->last_id = near_id;
    c->last_carrier = 0;
    c->recent = 0;
#ifdef TL_TRAIN
    if (tl_train_start) tl_train_start(level, whole);
#endif
}

void tl_chunk_encoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick, tl_entity_id near_id, void *out, size_t capacity)
{
    start(c, kinds, level, steps, whole, to_tick, near_id);
    tl_codec_encoder(&c->codec, out, capacity, (uint16_t *)&c->models);
}

void tl_chunk_decoder(tl_chunk_coder *c, const tl_kinds *kinds, int level, uint32_t steps, bool whole, int64_t to_tick, tl_entity_id near_id, const void *in, size_t size)
{
    start(c, kinds, level, steps, whole, to_tick, near_id);
    tl_codec_decoder(&c->codec, in, size, (uint16_t *)&c->models);
}

// ---- the grammar ----

uint32_t tl_chunk_added(tl_chunk_coder *c, uint32_t added)
{
    uint64_t value = tl_code_uint(&c->codec, MODEL(added), added);
    if (value > TL_STREAM_SLOTS_MAX) c->codec.bad = true;
    return c->codec.bad ? 0 : (uint32_t)value;
}

enum { ALONG, ACROSS, VERTICAL };

static int role_of(int axis, const int64_t *motion)
{
    if (axis == 1) return VERTICAL;
    bool x_leads = tl_magnitude(motion[0]) >= tl_magnitude(motion[2]);
    return (axis == 0) == x_leads ? ALONG : ACROSS;
}

static int sign_of(int64_t value)
{
    return (value > 0) - (value < 0);
}

static int class_of_slot(const tl_chunk_coder *c, tl_motion motion, int64_t course_tick)
{
    if (motion < TL_MOTION_SLOW) return (int)motion;
    int age = tl_bit_length((uint64_t)(c->to_tick > course_tick ? c->to_tick - course_tick : 0));
    if (age >= TL_COURSE_AGES) age = TL_COURSE_AGES - 1;
    return TL_SLOT_MOVING + (motion == TL_MOTION_FAST) * TL_COURSE_AGES + age;
}

enum { NEAR_SLOTS = 8 };

bool tl_chunk_changed(tl_chunk_coder *c, bool changed, tl_motion motion, int64_t course_tick)
{
    if (c->whole) return tl_code_bit(&c->codec, MODEL(filled), changed);
    bool some = c->recent & ((1 << NEAR_SLOTS) - 1);
    int set = (!c->one_step * 2 + some) * TL_SLOT_CLASSES;
    changed = tl_code_bit(&c->codec, MODEL(changed) + set + class_of_slot(c, motion, course_tick), changed);
    c->recent = c->recent << 1 | changed;
    return changed;
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
    int64_t step = tl_code_signed(&c->codec, MODEL(id) + c->whole * TL_SIGNED_CONTEXTS, 1, (int64_t)(id & mask) - (int64_t)(c->last_id & mask));
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
    uint64_t age = tl_code_uint(&c->codec, MODEL(age) + changed * TL_UINT_CONTEXTS, (uint64_t)c->to_tick - (uint64_t)start_tick);
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

// What a turn makes of a velocity. Who was fast for a moment goes on as if afresh.
enum { TURN_STRAIGHT, TURN_LEFT, TURN_RIGHT, TURN_BACK, TURN_AFRESH, TURNS };

static void turned(const int64_t *v, int turn, int64_t out[3])
{
    static const int8_t cosine[TURNS] = {1, 0, 0, -1, 0}, sine[TURNS] = {0, 1, -1, 0, 0};
    out[0] = cosine[turn] * v[0] + sine[turn] * v[2];
    out[1] = turn == TURN_AFRESH ? 0 : v[1];
    out[2] = cosine[turn] * v[2] - sine[turn] * v[0];
}

static int nearest_turn(const int64_t *from, const int64_t *to)
{
    int best = 0;
    double least = INFINITY;
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t v[3];
        turned(from, turn, v);
        double dx = (double)(to[0] - v[0]), dz = (double)(to[2] - v[2]), d = dx * dx + dz * dz;
        if (d < least) least = d, best = turn;
    }
    return best;
}

static int code_turn(tl_chunk_coder *c, int turn)
{
    tl_codec *codec = &c->codec;
    if (!tl_code_bit(codec, MODEL(turn), turn != TURN_STRAIGHT)) return TURN_STRAIGHT;
    if (tl_code_bit(codec, MODEL(turn) + 1, turn == TURN_LEFT || turn == TURN_RIGHT)) return tl_code_bit(codec, MODEL(turn) + 2, turn == TURN_RIGHT) ? TURN_RIGHT : TURN_LEFT;
    return tl_code_bit(codec, MODEL(turn) + 3, turn == TURN_AFRESH) ? TURN_AFRESH : TURN_BACK;
}

static void code_speed(tl_chunk_coder *c, int64_t *v)
{
    for (int axis = 0; axis < 3; axis++) v[axis] = tl_code_signed(&c->codec, MODEL(speed) + (2 + (axis == 1)) * TL_SIGNED_CONTEXTS, 0, v[axis]);
}

static void code_swerve(tl_chunk_coder *c, const tl_field *field, const int64_t *from, int64_t *to)
{
    int turn = code_turn(c, c->codec.encode ? nearest_turn(from, to) : 0);
    if (turn == TURN_AFRESH) {
        code_speed(c, to);
        return;
    }
    int64_t expected[3];
    turned(from, turn, expected);
    for (int axis = 0; axis < 3; axis++) {
        int models = MODEL(swerve) + (((turn != 0) * 2 + tl_velocity_is_fast(field, c->kinds, c->level, from)) * 3 + role_of(axis, expected)) * TL_SIGNED_CONTEXTS;
        to[axis] = tl_add_wrap(expected[axis], tl_code_signed(&c->codec, models, sign_of(expected[axis]), tl_sub_wrap(to[axis], expected[axis])));
    }
}

// How a course changed: from the old one's place at a tick to the new one's.
typedef struct course_change {
    int64_t old_place[3]; // by the old course
    double change[3], length; // of the velocity
    double tolerance; // in quanta
    bool sudden;      // in a tick it is off by more than half the tolerance: then it is told how many ticks ago it happened
} course_change;

enum { SINCE_TICKS_MAX = 15 };

static course_change change_of(const tl_chunk_coder *c, const tl_field *field, const int64_t *base, const int64_t *w, int64_t tick)
{
    course_change d = {.tolerance = (field->tolerance[c->level] - (c->level ? field->tolerance[0] : 0)) * tl_power(field->shift[c->level])};
    tl_position_quanta(base, c->kinds->rate_shift, tick, d.old_place);
    for (int axis = 0; axis < 3; axis++) {
        d.change[axis] = (double)w[4 + axis] - (double)base[4 + axis];
        d.length += d.change[axis] * d.change[axis];
    }
    d.length = sqrt(d.length);
    d.sudden = d.length * 2 > d.tolerance * tl_power(c->kinds->rate_shift);
    return d;
}

// Velocities from the wire may be anything, until tl_state_valid() has seen them.
static int64_t whole_of(double value)
{
    return fabs(value) < 0x1p62 ? (int64_t)value : 0;
}

// Where it should be: by the old course, and, since it is told only because it left that by about the tolerance, so much
// on in the direction of the change; or as far as the change makes in the ticks since.
static void expect_place(const tl_chunk_coder *c, const course_change *d, int since_ticks, int64_t expected[3])
{
    memcpy(expected, d->old_place, sizeof d->old_place);
    if (d->length == 0) return;
    double scale = d->sudden ? since_ticks * tl_power(-c->kinds->rate_shift) : d->tolerance / d->length;
    for (int axis = 0; axis < 3; axis++) expected[axis] = tl_add_wrap(expected[axis], whole_of(floor(d->change[axis] * scale + 0.5)));
}

static double distance_of(const int64_t *a, const int64_t *b)
{
    double x = (double)tl_sub_wrap(a[0], b[0]), y = (double)tl_sub_wrap(a[1], b[1]), z = (double)tl_sub_wrap(a[2], b[2]);
    return sqrt(x * x + y * y + z * z);
}

static int nearest_since(const tl_chunk_coder *c, const course_change *d, const int64_t *place)
{
    int best = 0;
    double least = INFINITY;
    for (int since = 0; d->sudden && since <= SINCE_TICKS_MAX; since++) {
        int64_t expected[3];
        expect_place(c, d, since, expected);
        double distance = distance_of(expected, place);
        if (distance < least) least = distance, best = since;
    }
    return best;
}

// How much of the tolerance a snapped place may use up, and a snapped velocity in so many seconds.
static const double SNAP_SHARE = 0.5, SNAP_SECONDS = 10;

void tl_chunk_snap(const tl_kind *kind, const tl_kinds *kinds, int level, double limit_m, int64_t tick, const int64_t *before, int64_t *words)
{
    const tl_field *place = &kind->fields[0];
    tl_chunk_coder about = {.kinds = kinds, .level = level};
    double limit_quanta = SNAP_SHARE * limit_m * tl_power(place->shift[level]);
    double limit_rate = limit_quanta * tl_power(kinds->rate_shift) / (SNAP_SECONDS * kinds->tick_hz);
    bool was_moving = before[4] | before[5] | before[6], moves = words[4] | words[5] | words[6];
    int64_t expected[3];
    int turn = was_moving && moves ? nearest_turn(before + 4, words + 4) : TURN_AFRESH;
    if (turn != TURN_AFRESH) {
        turned(before + 4, turn, expected);
        if (distance_of(expected, words + 4) <= limit_rate) memcpy(words + 4, expected, sizeof expected);
    }
    course_change d = change_of(&about, place, before, words, moves ? words[0] : tick);
    expect_place(&about, &d, nearest_since(&about, &d, words + 1), expected);
    if (distance_of(expected, words + 1) <= limit_quanta) memcpy(words + 1, expected, sizeof expected);
}

static void code_position(tl_chunk_coder *c, const tl_field *field, const int64_t *base, int64_t *w)
{
    tl_codec *codec = &c->codec;
    bool was_moving = base[4] | base[5] | base[6];
    bool moves = tl_code_bit(codec, MODEL(still) + (was_moving ? 1 : 2), (w[4] | w[5] | w[6]) != 0);
    w[0] = moves ? code_start(c, true, w[0]) : 0;
    if (!moves)
        w[4] = w[5] = w[6] = 0;
    else if (was_moving)
        code_swerve(c, field, base + 4, w + 4);
    else
        code_speed(c, w + 4);
    course_change d = change_of(c, field, base, w, moves ? w[0] : c->to_tick);
    uint64_t since = d.sudden ? tl_code_uint(codec, MODEL(since), codec->encode ? (uint64_t)nearest_since(c, &d, w + 1) : 0) : 0;
    if (since > SINCE_TICKS_MAX) codec->bad = true, since = 0;
    int64_t expected[3];
    expect_place(c, &d, (int)since, expected);
    int how = d.sudden ? 3 : moves ? (was_moving ? 0 : 2) : 1;
    const int64_t change[3] = {tl_sub_wrap(w[4], base[4]), tl_sub_wrap(w[5], base[5]), tl_sub_wrap(w[6], base[6])};
    for (int axis = 0; axis < 3; axis++) {
        int models = MODEL(miss) + (how * 3 + role_of(axis, change)) * TL_SIGNED_CONTEXTS;
        w[1 + axis] = tl_add_wrap(expected[axis], tl_code_signed(codec, models, sign_of(change[axis]), tl_sub_wrap(w[1 + axis], expected[axis])));
    }
}

static void code_vector(tl_chunk_coder *c, int models, const int64_t *base, int64_t *w)
{
    for (int axis = 0; axis < 3; axis++) {
        int64_t from = base ? base[axis] : 0;
        w[axis] = tl_add_wrap(from, tl_code_signed(&c->codec, models + axis * TL_SIGNED_CONTEXTS, 0, tl_sub_wrap(w[axis], from)));
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
        w[0] = tl_add_wrap(from, tl_code_signed(&c->codec, MODEL(scalar), 0, tl_sub_wrap(w[0], from)));
        return;
    }
    int64_t value_from = base ? base[1] : 0, rate_from = base ? base[2] : 0;
    w[1] = tl_add_wrap(value_from, tl_code_signed(&c->codec, MODEL(scalar) + TL_SIGNED_CONTEXTS, 0, tl_sub_wrap(w[1], value_from)));
    w[2] = tl_add_wrap(rate_from, tl_code_signed(&c->codec, MODEL(scalar) + 2 * TL_SIGNED_CONTEXTS, 0, tl_sub_wrap(w[2], rate_from)));
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
        if (!c->codec.bad) code_state(c, &c->kinds->kinds[op->kind], NULL, op->words);
    }
}

// ---- the chunks of a stream ----

// What a slot held at the chunk's start, and what it holds now: the op, if there is one.
static bool op_of(const tl_slot *slot, const tl_undo *undo, uint32_t index, int64_t *words, const tl_pyramid *p, tl_chunk_op *op)
{
    const tl_kinds *kinds = p->kinds;
    bool held = undo && undo->state;
    *op = (tl_chunk_op){.slot = index, .kind = slot->kind, .id = slot->id, .carrier_id = slot->carrier_id, .words = words};
    if (!slot->used) {
        // Of the one that was held: the slot may have had others since. Ids are never used twice.
        op->type = held && tl_mirror_find(p->mirror, undo->id) == TL_NONE ? TL_CHUNK_DELETE : TL_CHUNK_LEAVE;
        return held;
    }
    memcpy(words, slot->state, (size_t)kinds->kinds[slot->kind].word_count * sizeof *words);
    bool same = held && undo->id == slot->id && undo->carrier_id == slot->carrier_id && undo->kind == slot->kind;
    op->type = same ? TL_CHUNK_UPDATE : TL_CHUNK_ENTER;
    return !same || memcmp(words, undo->state, (size_t)kinds->kinds[slot->kind].word_count * sizeof *words) != 0;
}

// The oldest undo entry after `from` of each slot that changed since.
static void find_changes(const tl_stream *s, uint32_t from, const tl_undo **by_slot)
{
    for (uint32_t i = s->undo_count; i-- > 0;) {
        const tl_undo *undo = &s->undo[(s->undo_first + i) % s->undo_capacity];
        if (undo->version <= from) break;
        by_slot[undo->slot] = undo;
    }
}

typedef struct encoding {
    tl_pyramid *p;
    const tl_stream *s;
    const tl_undo **by_slot;
    tl_chunk_coder *coder;
    tl_chunk_bytes about;
} encoding;

// Codes one slot. False: there is no room for it.
static bool encode_slot(encoding *e, uint32_t index)
{
    int64_t words[TL_STATE_WORDS_MAX];
    static const tl_slot none;
    const tl_slot *slot = index < e->s->slot_top ? &e->s->slots[index] : &none;
    const tl_undo *undo = e->about.from ? e->by_slot[index] : NULL;
    const int64_t *base = e->about.from == 0 ? NULL : undo ? undo->state : slot->state;
    tl_chunk_op op;
    bool changed = (undo || e->about.from == 0) && op_of(slot, undo, index, words, e->p, &op);
    if (e->about.from == 0 || base == NULL)
        tl_chunk_changed(e->coder, changed, TL_MOTION_EMPTY, 0);
    else if (undo)
        tl_chunk_changed(e->coder, changed, tl_motion_of(&e->p->kinds->kinds[undo->kind], e->p->kinds, e->s->level, base), base[0]);
    else
        tl_chunk_changed(e->coder, false, slot->motion, slot->course_tick);
    if (changed) {
        bool has_words = op.type == TL_CHUNK_UPDATE || op.type == TL_CHUNK_ENTER;
        e->about.ops++;
        e->about.words += has_words ? (uint32_t)e->p->kinds->kinds[op.kind].word_count : 0;
        tl_chunk_code(e->coder, &op, base, undo ? undo->kind : 0);
    }
    return !e->coder->codec.bad && tl_codec_bytes(&e->coder->codec) <= TL_CHUNK_BYTES_MAX && e->about.ops <= TL_CHUNK_OPS_MAX && e->about.words <= TL_CHUNK_WORDS_MAX;
}

// The id in the first of the chunk's slots that held something at its start.
static tl_entity_id near_id(const encoding *e, uint32_t end)
{
    for (uint32_t i = e->about.begin; e->about.from && i < end; i++) {
        const tl_undo *undo = e->by_slot[i];
        if (undo ? undo->state != NULL : e->s->slots[i].used) return undo ? undo->id : e->s->slots[i].id;
    }
    return 0;
}

// Encodes slots until the chunk is full, or all are in; `about` gets the slot to go on from, and the sizes. If not even the
// first one fits, it is a chunk of nothing.
static void encode(encoding *e, unsigned char *out, uint32_t limit)
{
    const tl_stream *s = e->s;
    uint32_t from = e->about.from, begin = e->about.begin;
    bool to_end = limit == TL_SLOT_END;
    uint32_t end = to_end ? s->slot_top : limit, top_before = from ? s->top_at[from % TL_HISTORY_RING] : begin;
    tl_chunk_encoder(e->coder, e->p->kinds, s->level, s->version - from, from == 0, s->version_tick, near_id(e, end), out, TL_CHUNK_BYTES_MAX + 64);
    if (to_end) tl_chunk_added(e->coder, end > top_before ? end - top_before : 0);
    e->about.end = limit;
    for (uint32_t i = begin; i < end; i++) {
        tl_codec before = e->coder->codec; // models that change with a slot that does not fit are not used again
        tl_chunk_bytes about = e->about;
        if (encode_slot(e, i)) continue;
        e->coder->codec = before;
        e->about = about;
        e->about.end = i > begin ? i : begin + 1;
        e->about.too_large = i == begin;
        break;
    }
    e->about.size = e->about.capacity = (uint16_t)tl_codec_finish(&e->coder->codec);
    TL_ASSERT(!e->coder->codec.bad);
}

const tl_chunk_bytes *tl_chunk_make(tl_pyramid *p, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit)
{
    static _Thread_local tl_chunk_coder coder;
    tl_stream *s = &p->streams[stream];
    TL_ASSERT(from == 0 || tl_stream_can_continue(s, from));
    unsigned char out[TL_CHUNK_BYTES_MAX + 64];
    uint32_t top = s->slot_top ? s->slot_top : 1;
    encoding e = {.p = p, .s = s, .coder = &coder, .about = {.from = from, .begin = begin, .limit = limit}};
    e.by_slot = tl_heap_alloc(p->heap, top * sizeof *e.by_slot);
    if (e.by_slot == NULL) return NULL;
    if (from) find_changes(s, from, e.by_slot);
    encode(&e, out, limit);
    if (e.about.too_large) p->full_count++;
    // Cut short, it is a chunk of some slots, and does not say how many there are: the same again with that limit.
    if (limit == TL_SLOT_END && e.about.end != TL_SLOT_END && !e.about.too_large) {
        uint32_t end = e.about.end;
        do {
            e.about = (tl_chunk_bytes){.from = from, .begin = begin, .limit = limit};
            encode(&e, out, end);
        } while (e.about.end < end && (end = e.about.end));
    }
    tl_heap_free(p->heap, e.by_slot, top * sizeof *e.by_slot);
    tl_chunk_bytes *chunk = tl_heap_alloc(p->heap, sizeof *chunk + e.about.size);
    if (chunk == NULL) return NULL;
    p->work_count += (uint64_t)tl_chunk_work(s, &e.about);
    e.about.next = s->chunks;
    s->chunk_count++;
    *chunk = e.about;
    memcpy(chunk->data, out, e.about.size);
    return s->chunks = chunk;
}

int64_t tl_chunk_work(const tl_stream *s, const tl_chunk_bytes *chunk)
{
    int64_t slots = (int64_t)(chunk->end == TL_SLOT_END ? s->slot_top : chunk->end) - chunk->begin, used = (int64_t)s->slot_top - s->slot_free_count;
    if (chunk->from == 0) return tl_min_i64(used, slots) + slots / TL_CHUNK_SLOTS_A_UNIT; // those that hold nothing are soon gone through
    return chunk->from + 1 == s->version ? 0 : 1 + slots / TL_CHUNK_SLOTS_A_UNIT;
}

const tl_chunk_bytes *tl_chunk_find(tl_pyramid *p, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit)
{
    tl_stream *s = &p->streams[stream];
    if (s->chunk_tick != p->tick) tl_stream_drop_chunks(p, s);
    s->chunk_tick = p->tick;
    for (const tl_chunk_bytes *chunk = s->chunks; chunk; chunk = chunk->next)
        if (chunk->from == from && chunk->begin == begin && chunk->limit == limit) return chunk;
    return NULL;
}

const tl_chunk_bytes *tl_chunk_get(tl_pyramid *p, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit)
{
    const tl_chunk_bytes *chunk = tl_chunk_find(p, stream, from, begin, limit);
    return chunk ? chunk : tl_chunk_make(p, stream, from, begin, limit);
}
