#include "motion/kinds.h"

#include <stdio.h>

enum {
    REACH_MAX_M = 2500, // farther out, the finest quantum of the carrier's rotation would exceed the tolerance
};

tl_field_def tl_field_def_default(const char *name, tl_field_type type, tl_predictor predictor)
{
    static const double tolerance[TL_FIELD_TYPE_COUNT] = {0.02, 0.1, 0.01, 0, 0};
    tl_field_def def = {.name = name, .type = type, .predictor = predictor, .level_last = TL_LEVELS_MAX - 1};
    if ((unsigned)type < TL_FIELD_TYPE_COUNT) {
        def.tolerance = tolerance[type];
    }
    if (type == TL_FIELD_BYTES) {
        def.bytes_max = 64;
    }
    return def;
}

tl_kind_def tl_kind_def_default(const char *name)
{
    tl_kind_def def = {.name = name, .field_count = 1, .level_last = TL_LEVELS_MAX - 1, .cookie = TL_DEF_COOKIE};
    def.fields[0] = tl_field_def_default("position", TL_FIELD_POSITION, TL_PREDICT_LINEAR);
    return def;
}

double tl_level_tolerance_m(int level)
{
    TL_ASSERT(level >= 0 && level < TL_LEVELS_MAX);
    return level == 0 ? 0.02 : 0.032 * tl_power(level);
}

double tl_level_distance_m(int level)
{
    TL_ASSERT(level >= 0 && level < TL_LEVELS_MAX);
    return level == 0 ? 0 : 32 * tl_power(level);
}

double tl_level_tile_m(int level)
{
    TL_ASSERT(level >= 0 && level < TL_LEVELS_MAX);
    return tl_power(TL_TILE_SHIFT + level);
}

double tl_tolerance_share(const tl_kind *kind, bool carried)
{
    static const double CARRIED_SHARE = 0.25; // the rest is reserved for the carriers
    // a carrier's own tolerance is already tightened
    return carried && kind->carrier_reach_m <= 0 ? CARRIED_SHARE : 1;
}

static int field_words(const tl_field *field)
{
    switch (field->type) {
    case TL_FIELD_POSITION: return TL_POSITION_WORDS;
    case TL_FIELD_ROTATION:
        return field->predictor == TL_PREDICT_LINEAR ? TL_ROTATION_LINEAR_WORDS : TL_ROTATION_HOLD_WORDS;
    case TL_FIELD_SCALAR: return field->predictor == TL_PREDICT_LINEAR ? 3 : 1;
    case TL_FIELD_INTEGER: return 1;
    default: return 1 + (field->bytes_max + 7) / 8;
    }
}

static double tolerance_max(tl_field_type type)
{
    return type == TL_FIELD_ROTATION ? 1.5 : 1e6; // radians; metres, or the scalar's unit
}

// The quantum is the largest power of two that is at most a quarter of the tolerance, and at most 64 m, which divides
// every tile's origin.
static int shift_of(double tolerance)
{
    int shift; // the smallest with 2^shift >= 4 / tolerance; frexp() is exact everywhere
    if (frexp(4 / tolerance, &shift) == 0.5) {
        shift--;
    }
    return shift > TL_SHIFT_MAX ? TL_SHIFT_MAX : shift < -TL_TILE_SHIFT ? -TL_TILE_SHIFT : shift;
}

static const char *field_fault(const tl_field_def *def)
{
    if (!tl_name_valid(def->name)) {
        return "its name must be 1 to 31 letters, digits, - _ .";
    }
    if ((unsigned)def->type >= TL_FIELD_TYPE_COUNT) {
        return "no such type";
    }
    if ((unsigned)def->predictor >= TL_PREDICTOR_COUNT) {
        return "no such predictor";
    }
    if (def->predictor == TL_PREDICT_HEADING && def->type != TL_FIELD_ROTATION) {
        return "only a rotation can follow the heading";
    }
    if (def->predictor == TL_PREDICT_LINEAR && def->type >= TL_FIELD_INTEGER) {
        return "integers and bytes only hold";
    }
    if (def->level_last < 0 || def->level_last >= TL_LEVELS_MAX) {
        return "level_last is out of range";
    }
    if (def->type < TL_FIELD_INTEGER && !(def->tolerance >= 1e-6 && def->tolerance <= 1e6)) {
        return "its tolerance must be 1e-6 to 1e6";
    }
    if (def->type == TL_FIELD_BYTES && (def->bytes_max < 1 || def->bytes_max > TL_FIELD_BYTES_MAX)) {
        return "bytes_max must be 1 to 1'024";
    }
    for (int level = 0; level < TL_LEVELS_MAX; level++) {
        double t = def->tolerance_level[level];
        if (!(t == 0 || (t >= 1e-6 && t <= 1e6))) {
            return "a level's tolerance must be 0 or 1e-6 to 1e6";
        }
    }
    return NULL;
}

static void resolve_levels(tl_field *field, const tl_field_def *def)
{
    for (int level = 0; level < TL_LEVELS_MAX; level++) {
        double scale = def->type <= TL_FIELD_ROTATION ? tl_level_tolerance_m(level) / tl_level_tolerance_m(0) : 1;
        double tolerance = def->tolerance_level[level] > 0 ? def->tolerance_level[level] : def->tolerance * scale;
        if (level && tolerance < field->tolerance[level - 1]) {
            tolerance = field->tolerance[level - 1];
        }
        tolerance = fmin(tolerance, tolerance_max(def->type));
        field->tolerance[level] = tolerance;
        field->shift[level] = def->type < TL_FIELD_INTEGER ? shift_of(tolerance) : 0;
    }
    field->half_cosine = cos(field->tolerance[0] / 2);
}

static const char *kind_fault(const tl_kind_def *def)
{
    if (def->cookie != TL_DEF_COOKIE) {
        return "it was not made by tl_kind_def_default()";
    }
    if (!tl_name_valid(def->name)) {
        return "its name must be 1 to 31 letters, digits, - _ .";
    }
    if (def->field_count < 1 || def->field_count > TL_FIELDS_MAX) {
        return "it must have 1 to 16 fields";
    }
    if (def->fields[0].type != TL_FIELD_POSITION) {
        return "field 0 must be a position";
    }
    if (def->level_last < 0 || def->level_last >= TL_LEVELS_MAX) {
        return "level_last is out of range";
    }
    if (!(def->carrier_reach_m >= 0 && def->carrier_reach_m <= REACH_MAX_M)) {
        return "carrier_reach_m must be 0 to 2'500";
    }
    if ((unsigned)def->update >= TL_POLICY_COUNT || (unsigned)def->remove >= TL_POLICY_COUNT ||
        (unsigned)def->create >= TL_POLICY_COUNT) {
        return "no such policy";
    }
    return NULL;
}

// Of the allowed error, a carrier uses a quarter for its position and an eighth for its rotation at its reach.
static void tighten_carrier(tl_field_def *field, const tl_kind_def *def)
{
    if (def->carrier_reach_m <= 0) {
        return;
    }
    double limit = field->type == TL_FIELD_POSITION ? 0.25 * tl_level_tolerance_m(0)
                                                    : 0.125 * tl_level_tolerance_m(0) / def->carrier_reach_m;
    if (field->type <= TL_FIELD_ROTATION && field->tolerance > limit) {
        field->tolerance = limit;
    }
}

static const char *resolve_kind(tl_kind *kind, const tl_kind_def *def)
{
    memset(kind, 0, sizeof *kind);
    const char *fault = kind_fault(def);
    if (fault) {
        return fault;
    }
    strcpy(kind->name, def->name);
    kind->field_count = def->field_count;
    kind->level_last = def->level_last;
    kind->carrier_reach_m = def->carrier_reach_m;
    kind->update = def->update, kind->remove = def->remove, kind->create = def->create;
    kind->rotation = TL_NONE;
    for (int i = 0; i < def->field_count; i++) {
        tl_field_def field_def = def->fields[i];
        tl_field *field = &kind->fields[i];
        if ((fault = field_fault(&field_def))) {
            return fault;
        }
        tighten_carrier(&field_def, def);
        strcpy(field->name, field_def.name);
        field->type = field_def.type;
        field->predictor = field_def.predictor;
        field->level_last = field_def.type == TL_FIELD_POSITION && i == 0 ? TL_LEVELS_MAX - 1 : field_def.level_last;
        field->bytes_max = field_def.type == TL_FIELD_BYTES ? field_def.bytes_max : 0;
        field->word = kind->word_count;
        field->word_count = field_words(field);
        kind->word_count += field->word_count;
        resolve_levels(field, &field_def);
        if (field->type == TL_FIELD_ROTATION && kind->rotation == TL_NONE) {
            kind->rotation = i;
        }
    }
    // A datagram must hold any single entity's full state, with each word at its longest.
    return kind->word_count * 8 > TL_FIELD_BYTES_MAX + 64 ? "its fields together are too large for one datagram" : NULL;
}

static void set_rates(tl_kinds *kinds, uint32_t tick_hz)
{
    TL_ASSERT(tick_hz > 0);
    kinds->tick_hz = tick_hz;
    // the error of a velocity is at most a sixteenth of a quantum per second
    kinds->rate_shift = tl_bit_length(tick_hz - 1) + 1;
}

// Returns false if the table is too large.
static bool set_hash(tl_kinds *kinds)
{
    static _Thread_local unsigned char bytes[TL_KIND_TABLE_BYTES_MAX];
    tl_writer w = tl_writer_make(bytes, sizeof bytes);
    tl_kinds_write(kinds, &w);
    if (w.bad) {
        return false;
    }
    kinds->hash = 0x7472616d6c696e65u;
    for (size_t i = 0; i < w.size; i++) {
        kinds->hash = tl_mix(kinds->hash ^ bytes[i]) + 1;
    }
    if (kinds->hash == 0) {
        kinds->hash = 1;
    }
    return true;
}

tl_result tl_kinds_init(tl_kinds *kinds, const tl_kind_def *defs, int count, uint32_t tick_hz, char *text,
                        size_t text_bytes)
{
    memset(kinds, 0, sizeof *kinds);
    const char *fault = NULL;
    int at = 0;
    if (count < 1 || count > TL_KINDS_MAX) {
        fault = "there must be 1 to 64 kinds";
    }
    if (tick_hz < 1 || tick_hz > 240) {
        fault = "the tick rate must be 1 to 240 Hz";
    }
    for (; fault == NULL && at < count; at++) {
        fault = resolve_kind(&kinds->kinds[at], &defs[at]);
        for (int i = 0; fault == NULL && i < at; i++) {
            if (strcmp(defs[i].name, defs[at].name) == 0) {
                fault = "another kind has that name";
            }
        }
        if (fault) {
            break;
        }
    }
    if (fault) {
        const char *name = at < count && defs && defs[at].name ? defs[at].name : "";
        if (text) {
            snprintf(text, text_bytes, "kind %d (%s): %s", at, name, fault);
        }
        return TL_ERR_INVALID;
    }
    kinds->count = count;
    set_rates(kinds, tick_hz);
    if (set_hash(kinds)) {
        return TL_OK;
    }
    if (text) {
        snprintf(text, text_bytes, "all kinds together have too many fields: their table is larger than %d bytes",
                 TL_KIND_TABLE_BYTES_MAX);
    }
    return TL_ERR_INVALID;
}

static void write_field(const tl_field *field, tl_writer *w)
{
    tl_write_name(w, field->name);
    tl_write_fixed(w, field->type, 1);
    tl_write_fixed(w, field->predictor, 1);
    tl_write_fixed(w, (uint64_t)field->level_last, 1);
    tl_write_fixed(w, (uint64_t)field->bytes_max, 2);
    for (int level = 0; level < TL_LEVELS_MAX && field->type < TL_FIELD_INTEGER; level++) {
        uint64_t bits;
        memcpy(&bits, &field->tolerance[level], sizeof bits);
        tl_write_fixed(w, bits, 8);
    }
}

void tl_kinds_write(const tl_kinds *kinds, tl_writer *w)
{
    TL_ASSERT(kinds->count >= 1 && kinds->count <= TL_KINDS_MAX);
    tl_write_fixed(w, kinds->tick_hz, 1);
    tl_write_fixed(w, (uint64_t)kinds->count, 1);
    for (int i = 0; i < kinds->count; i++) {
        const tl_kind *kind = &kinds->kinds[i];
        tl_write_name(w, kind->name);
        tl_write_fixed(w, (uint64_t)kind->field_count, 1);
        tl_write_fixed(w, (uint64_t)kind->level_last, 1);
        tl_write_fixed(w, (uint64_t)fmax(round(kind->carrier_reach_m * 100), kind->carrier_reach_m > 0), 4);
        tl_write_fixed(w, (uint64_t)(kind->update | kind->remove << 2 | kind->create << 4), 1);
        for (int f = 0; f < kind->field_count; f++) {
            write_field(&kind->fields[f], w);
        }
    }
}

static void read_field(tl_field *field, tl_reader *r)
{
    tl_read_name(r, field->name);
    field->type = tl_read_fixed(r, 1);
    field->predictor = tl_read_fixed(r, 1);
    field->level_last = (int)tl_read_fixed(r, 1);
    field->bytes_max = (int)tl_read_fixed(r, 2);
    if (field->type >= TL_FIELD_TYPE_COUNT || field->predictor >= TL_PREDICTOR_COUNT ||
        field->level_last >= TL_LEVELS_MAX || field->bytes_max > TL_FIELD_BYTES_MAX ||
        (field->type == TL_FIELD_BYTES) != (field->bytes_max > 0) ||
        (field->predictor == TL_PREDICT_HEADING && field->type != TL_FIELD_ROTATION) ||
        (field->predictor == TL_PREDICT_LINEAR && field->type >= TL_FIELD_INTEGER)) {
        r->bad = true;
    }
    for (int level = 0; level < TL_LEVELS_MAX && !r->bad && field->type < TL_FIELD_INTEGER; level++) {
        uint64_t bits = tl_read_fixed(r, 8);
        memcpy(&field->tolerance[level], &bits, sizeof bits);
        double t = field->tolerance[level];
        if (!(t >= 1e-7 && t <= tolerance_max(field->type)) || (level && t < field->tolerance[level - 1])) {
            r->bad = true;
        }
        if (!r->bad) {
            field->shift[level] = shift_of(t);
        }
    }
    field->half_cosine = cos(field->tolerance[0] / 2);
}

static void read_kind(tl_kind *kind, tl_reader *r)
{
    tl_read_name(r, kind->name);
    kind->field_count = (int)tl_read_fixed(r, 1);
    kind->level_last = (int)tl_read_fixed(r, 1);
    kind->carrier_reach_m = (double)tl_read_fixed(r, 4) / 100;
    int policies = (int)tl_read_fixed(r, 1);
    kind->update = policies & 3, kind->remove = policies >> 2 & 3, kind->create = policies >> 4 & 3;
    kind->rotation = TL_NONE;
    if (policies >> 6 || kind->update >= TL_POLICY_COUNT || kind->remove >= TL_POLICY_COUNT ||
        kind->create >= TL_POLICY_COUNT) {
        r->bad = true;
    }
    if (kind->field_count < 1 || kind->field_count > TL_FIELDS_MAX || kind->level_last >= TL_LEVELS_MAX) {
        r->bad = true;
    }
    if (kind->carrier_reach_m > REACH_MAX_M) {
        r->bad = true;
    }
    for (int i = 0; i < kind->field_count && !r->bad; i++) {
        tl_field *field = &kind->fields[i];
        read_field(field, r);
        field->word = kind->word_count;
        field->word_count = field_words(field);
        kind->word_count += field->word_count;
        if (kind->word_count > TL_STATE_WORDS_MAX) {
            r->bad = true;
        }
        if (field->type == TL_FIELD_ROTATION && kind->rotation == TL_NONE) {
            kind->rotation = i;
        }
    }
    if (!r->bad && kind->fields[0].type != TL_FIELD_POSITION) {
        r->bad = true;
    }
}

tl_result tl_kinds_read(tl_kinds *kinds, tl_reader *r)
{
    memset(kinds, 0, sizeof *kinds);
    uint32_t tick_hz = (uint32_t)tl_read_fixed(r, 1);
    int count = (int)tl_read_fixed(r, 1);
    if (tick_hz < 1 || tick_hz > 240 || count < 1 || count > TL_KINDS_MAX) {
        r->bad = true;
    }
    for (int i = 0; i < count && !r->bad; i++) {
        read_kind(&kinds->kinds[i], r);
    }
    if (r->bad || r->at != r->size) {
        return TL_ERR_MALFORMED;
    }
    kinds->count = count;
    set_rates(kinds, tick_hz);
    return set_hash(kinds) ? TL_OK : TL_ERR_MALFORMED;
}

void tl_kinds_def(const tl_kind *kind, tl_kind_def *out)
{
    TL_ASSERT(kind->field_count >= 1 && kind->field_count <= TL_FIELDS_MAX);
    *out = tl_kind_def_default(kind->name);
    out->field_count = kind->field_count;
    out->level_last = kind->level_last;
    out->carrier_reach_m = kind->carrier_reach_m;
    out->update = kind->update;
    out->remove = kind->remove;
    out->create = kind->create;
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        tl_field_def *def = &out->fields[i];
        *def = tl_field_def_default(field->name, field->type, field->predictor);
        def->tolerance = field->tolerance[0];
        def->level_last = field->level_last;
        def->bytes_max = field->bytes_max;
        for (int level = 0; level < TL_LEVELS_MAX; level++) {
            def->tolerance_level[level] = field->tolerance[level];
        }
    }
}
