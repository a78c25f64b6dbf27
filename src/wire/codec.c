#include "wire/codec.h"

#ifdef TL_TRAIN // bench/train.c counts the coded bits by context
void (*tl_train_bit)(int context, int bit);
void (*tl_train_raw)(int bits);
// bench/protocol_example.c traces each step; a context of -1 is a raw bit.
void (*tl_train_step)(const tl_codec *before, uint32_t bound, int context, int probability, int bit);
#endif

enum { ADAPT_SHIFT = 6, RANGE_MIN = 1 << 24, PROBABILITY_BITS = 15 };

void tl_codec_encoder(tl_codec *c, void *out, size_t capacity, uint16_t *models)
{
    *c = (tl_codec){.encode = true, .range = 0xffffffffu, .out = out, .size = capacity, .models = models};
}

static unsigned char next_byte(tl_codec *c)
{
    return c->at < c->size ? c->in[c->at++] : 0;
}

void tl_codec_decoder(tl_codec *c, const void *in, size_t size, uint16_t *models)
{
    *c = (tl_codec){.range = 0xffffffffu, .in = in, .size = size, .models = models};
    for (int i = 0; i < 4; i++) {
        c->code = c->code << 8 | next_byte(c);
    }
}

static void put_byte(tl_codec *c, unsigned char byte)
{
    if (c->at >= c->size) {
        c->bad = true;
        return;
    }
    c->out[c->at++] = byte;
}

// Moves the top byte of `low` to the output. A carry propagates through the pending bytes.
static void shift_low(tl_codec *c)
{
    if (c->low < 0xff000000u || c->low > 0xffffffffu) {
        unsigned char carry = (unsigned char)(c->low >> 32);
        if (c->started) {
            put_byte(c, (unsigned char)(c->cache + carry));
        }
        for (; c->pending; c->pending--) {
            put_byte(c, (unsigned char)(0xff + carry));
        }
        c->started = true;
        c->cache = (unsigned char)(c->low >> 24);
    } else {
        c->pending++;
    }
    c->low = (uint32_t)c->low << 8;
}

size_t tl_codec_bytes(const tl_codec *c)
{
    TL_ASSERT(c->encode);
    return c->at + c->pending + 1 + 4;
}

size_t tl_codec_finish(tl_codec *c)
{
    TL_ASSERT(c->encode);
    // Choose the value in the interval with the most trailing zero bits.
    for (int bits = 32; bits > 0; bits--) {
        uint64_t mask = ((uint64_t)1 << bits) - 1;
        uint64_t value = (c->low + mask) & ~mask;
        if (value <= c->low + c->range - 1) {
            c->low = value;
            break;
        }
    }
    for (int i = 0; i < 5; i++) {
        shift_low(c);
    }
    while (c->at && c->out[c->at - 1] == 0) {
        c->at--;
    }
    return c->bad ? 0 : c->at;
}

static void normalize(tl_codec *c)
{
    while (c->range < RANGE_MIN) {
        c->range <<= 8;
        if (c->encode) {
            shift_low(c);
        } else {
            c->code = c->code << 8 | next_byte(c);
        }
    }
}

// Codes one bit; a 0 gets the first `bound` of the range.
static int code_split(tl_codec *c, uint32_t bound, int bit)
{
    if (!c->encode) {
        bit = c->code >= bound;
    }
    if (bit) {
        if (c->encode) {
            c->low += bound;
        } else {
            c->code -= bound;
        }
        c->range -= bound;
    } else {
        c->range = bound;
    }
    normalize(c);
    return bit;
}

int tl_code_bit(tl_codec *c, int context, int bit)
{
    uint16_t *p = &c->models[context];
    uint32_t share = *p >> (16 - PROBABILITY_BITS);
    if (share == 0) {
        share = 1;
    }
#ifdef TL_TRAIN
    tl_codec before = *c;
#endif
    bit = code_split(c, (c->range >> PROBABILITY_BITS) * share, bit);
#ifdef TL_TRAIN
    if (tl_train_step) {
        tl_train_step(&before, (before.range >> PROBABILITY_BITS) * share, context, *p, bit);
    }
    if (tl_train_bit && c->encode) {
        tl_train_bit(context, bit);
    }
#endif
    *p = (uint16_t)(bit ? *p - (*p >> ADAPT_SHIFT) : *p + ((65535 - *p) >> ADAPT_SHIFT));
    return bit;
}

uint64_t tl_code_raw(tl_codec *c, int bits, uint64_t value)
{
    TL_ASSERT(bits >= 0 && bits <= 64);
    uint64_t result = 0;
#ifdef TL_TRAIN
    if (tl_train_raw && c->encode) {
        tl_train_raw(bits);
    }
#endif
    for (int i = bits - 1; i >= 0; i--) {
#ifdef TL_TRAIN
        tl_codec before = *c;
#endif
        int bit = code_split(c, c->range >> 1, (int)(value >> i & 1));
#ifdef TL_TRAIN
        if (tl_train_step) {
            tl_train_step(&before, before.range >> 1, -1, 0, bit);
        }
#endif
        result = result << 1 | (uint64_t)bit;
    }
    return result;
}

static int shared(int length)
{
    return length < TL_LENGTHS ? length : TL_LENGTHS - 1;
}

uint64_t tl_code_uint(tl_codec *c, int context, uint64_t value)
{
    int length = tl_bit_length(value), i = 0;
    while (i < 64 && tl_code_bit(c, context + shared(i), i < length)) {
        i++;
    }
    length = i;
    if (length <= 1) {
        return (uint64_t)length;
    }
    uint64_t second = (uint64_t)tl_code_bit(c, context + TL_LENGTHS + shared(length), (int)(value >> (length - 2) & 1));
    uint64_t rest = tl_code_raw(c, length - 2, value & (((uint64_t)1 << (length - 2)) - 1));
    return (uint64_t)1 << (length - 1) | second << (length - 2) | rest;
}

int64_t tl_code_signed(tl_codec *c, int context, int lean, int64_t value)
{
    TL_ASSERT(lean >= -1 && lean <= 1);
    uint64_t magnitude = tl_code_uint(c, context, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (magnitude == 0) {
        return 0;
    }
    int negative = tl_code_bit(c, context + TL_UINT_CONTEXTS + 1 + (lean > 0) - (lean < 0), value < 0);
    return (int64_t)(negative ? 0 - magnitude : magnitude);
}
