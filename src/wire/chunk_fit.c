// A state that does not fit into a chunk could never be sent, so kinds with such states are refused. What a value costs
// depends on the models, so the cost is measured: each value at its longest, sent as a new entity and as an update,
// with a start in the future, whose age is as long as ages get.
#include "wire/chunk_fit.h"

enum { SERVER_BITS = 48, START_TICK = 1 << 20 };

static int64_t longest(int bits, int sign)
{
    int64_t value = (int64_t)(((uint64_t)1 << bits) - 1);
    return sign ? -value : value;
}

// Fills every second word with values of that sign, the others with the opposite sign: updates between the two have the
// longest differences.
static void fill_field(const tl_field *field, const tl_kinds *kinds, int level, int sign, int64_t *w)
{
    int shift = field->shift[level], first = 0, value_bits = 63, rate_bits = 0;
    bool linear = field->predictor == TL_PREDICT_LINEAR || field->type == TL_FIELD_POSITION;
    switch (field->type) {
    case TL_FIELD_POSITION:
        first = 1, value_bits = TL_POSITION_BITS_MAX + 1 + shift,
        rate_bits = TL_VELOCITY_BITS_MAX + shift + kinds->rate_shift;
        break;
    case TL_FIELD_ROTATION: first = 1, value_bits = 2 + shift, rate_bits = 19 + shift; break;
    case TL_FIELD_SCALAR: first = linear, value_bits = rate_bits = 61; break;
    case TL_FIELD_BYTES: memset(w, 0xa5, (size_t)field->word_count * sizeof *w), w[0] = field->bytes_max; return;
    default: break;
    }
    int values = field->type <= TL_FIELD_ROTATION ? 3 : 1;
    for (int i = 0; first + i < field->word_count; i++) {
        w[first + i] = longest(tl_min_i64(i < values ? value_bits : rate_bits, 62), (i & 1) ^ sign);
    }
    if (first) {
        w[0] = linear ? START_TICK : 0;
    }
}

static void fill(const tl_kinds *kinds, int kind, int level, int sign, int64_t *words)
{
    const tl_kind *k = &kinds->kinds[kind];
    memset(words, 0, (size_t)k->word_count * sizeof *words);
    for (int i = 0; i < k->field_count; i++) {
        fill_field(&k->fields[i], kinds, level, sign, words + k->fields[i].word);
    }
}

// Measures one slot in a chunk that begins with it.
static size_t cost(const tl_kinds *kinds, int kind, int level, bool whole, tl_chunk_op_type type, const int64_t *base,
                   int64_t *words)
{
    static _Thread_local tl_chunk_coder coder;
    unsigned char out[2 * TL_CHUNK_BYTES_MAX];
    tl_entity_id id = (tl_entity_id)0xaaaa << SERVER_BITS | 1;
    tl_chunk_encoder(&coder, kinds, level, 1, whole, START_TICK - 1, ~id, out, sizeof out);
    tl_chunk_added(&coder, TL_STREAM_SLOTS_MAX);
    tl_chunk_changed(&coder, true, base ? TL_MOTION_FAST : TL_MOTION_EMPTY, START_TICK);
    tl_chunk_op op = {.type = type, .kind = kind, .id = id, .carrier_id = id, .words = words};
    tl_chunk_code(&coder, &op, base, kind);
    return coder.codec.bad ? sizeof out : tl_codec_bytes(&coder.codec);
}

size_t tl_chunk_fit_bytes(const tl_kinds *kinds, int kind)
{
    TL_ASSERT(kind >= 0 && kind < kinds->count);
    int64_t words[TL_STATE_WORDS_MAX], base[TL_STATE_WORDS_MAX];
    size_t most = 0;
    for (int level = 0; level <= kinds->kinds[kind].level_last; level++) {
        for (int sign = 0; sign < 2; sign++) {
            fill(kinds, kind, level, sign, words);
            fill(kinds, kind, level, !sign, base);
            size_t tries[] = {cost(kinds, kind, level, true, TL_CHUNK_ENTER, NULL, words),
                              cost(kinds, kind, level, false, TL_CHUNK_ENTER, base, words),
                              cost(kinds, kind, level, false, TL_CHUNK_UPDATE, base, words)};
            for (int i = 0; i < 3; i++) {
                most = tries[i] > most ? tries[i] : most;
            }
        }
    }
    return most + TL_FIT_MARGIN_BYTES;
}
