// The entropy coder: an adaptive binary range coder (G. N. N. Martin 1979; carry handling as in Igor Pavlov's LZMA),
// with one set of functions for both directions: each tl_code_… encodes the value it is given, or ignores it and gives
// what it decodes. So the grammar of a chunk is written once (chunk.c) and writer and reader cannot drift apart.
//
// The end costs as few bytes as the interval allows: zero bytes at the end are left away, and a decoder that runs past
// the end reads zeros.
#ifndef TRAMLINE_WIRE_CODEC_H
#define TRAMLINE_WIRE_CODEC_H

#include "base/base.h"

enum {
    TL_LENGTHS = 20,                   // bit lengths that have models of their own; longer ones share the last
    TL_UINT_CONTEXTS = 2 * TL_LENGTHS, // of one tl_code_uint: the bit length in unary, the bit after the leading one
    TL_SIGNED_CONTEXTS = TL_UINT_CONTEXTS + 3,
};

typedef struct tl_codec {
    bool encode, bad;
    uint32_t range;
    uint64_t low;        // encoder
    uint32_t pending;    // encoder: bytes held back for a carry
    unsigned char cache; // encoder: the byte before them
    bool started;        // encoder: the first byte carries no information and is left away
    uint32_t code;       // decoder
    unsigned char *out;  // encoder
    const unsigned char *in;
    size_t at, size;  // bytes written or read; capacity or length
    uint16_t *models; // probabilities of a 0, of 65'536
} tl_codec;

// `models` is adapted in place: hand over a fresh copy of the level's start values for each chunk.
void tl_codec_encoder(tl_codec *c, void *out, size_t capacity, uint16_t *models);
void tl_codec_decoder(tl_codec *c, const void *in, size_t size, uint16_t *models);
// Ends the encoding; gives the bytes written, or 0 and bad if the capacity did not do.
size_t tl_codec_finish(tl_codec *c);
// Bytes that finish() would give at most, now.
size_t tl_codec_bytes(const tl_codec *c);

int tl_code_bit(tl_codec *c, int context, int bit);
// Bits without a model, 0..64 of them, most significant first.
uint64_t tl_code_raw(tl_codec *c, int bits, uint64_t value);
// Exp-Golomb: the bit length in unary (modelled), the bit after the leading one (modelled), the rest raw.
uint64_t tl_code_uint(tl_codec *c, int context, uint64_t value);
// Magnitude, then sign. `lean` picks one of three models for the sign: -1, 0, 1: what the value is expected to be.
int64_t tl_code_signed(tl_codec *c, int context, int lean, int64_t value);

#endif
