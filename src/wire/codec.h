// The entropy coder: an adaptive binary range coder (G. N. N. Martin 1979; carry handling as in Igor Pavlov's LZMA).
// One set of functions serves both directions: each tl_code_… encodes the value it receives, or ignores it and returns
// the decoded one. So the grammar of a chunk is written once (chunk.c), and writer and reader cannot diverge.
//
// The end costs as few bytes as the interval allows: trailing zero bytes are omitted, and a decoder that runs past the
// end reads zeros.
#ifndef TRAMLINE_WIRE_CODEC_H
#define TRAMLINE_WIRE_CODEC_H

#include "base/base.h"

enum {
    TL_LENGTHS = 20,                   // bit lengths that have their own models; longer ones share the last
    TL_UINT_CONTEXTS = 2 * TL_LENGTHS, // for one tl_code_uint: the bit length in unary, the bit after the leading one
    TL_SIGNED_CONTEXTS = TL_UINT_CONTEXTS + 3,
};

typedef struct tl_codec {
    bool encode, bad;
    uint32_t range;
    uint64_t low;        // encoder
    uint32_t pending;    // encoder: bytes held back for a carry
    unsigned char cache; // encoder: the byte before them
    bool started;        // encoder: the first byte carries no information and is omitted
    uint32_t code;       // decoder
    unsigned char *out;  // encoder
    const unsigned char *in;
    size_t at, size;  // bytes written or read; capacity or length
    uint16_t *models; // probabilities of a 0, in units of 1 / 65'536
} tl_codec;

// `models` is adapted in place: pass a fresh copy of the level's start values for each chunk.
void tl_codec_encoder(tl_codec *c, void *out, size_t capacity, uint16_t *models);
void tl_codec_decoder(tl_codec *c, const void *in, size_t size, uint16_t *models);
// Ends the encoding. Returns the bytes written, or 0 if the capacity was insufficient; the codec is bad then.
size_t tl_codec_finish(tl_codec *c);
// The most bytes that tl_codec_finish() would return now.
size_t tl_codec_bytes(const tl_codec *c);

int tl_code_bit(tl_codec *c, int context, int bit);
// Codes 0..64 bits without a model, most significant first.
uint64_t tl_code_raw(tl_codec *c, int bits, uint64_t value);
// Exp-Golomb: the bit length in unary (modelled), the bit after the leading one (modelled), the rest raw.
uint64_t tl_code_uint(tl_codec *c, int context, uint64_t value);
// Codes magnitude, then sign. `lean` (-1, 0 or 1) is the expected sign and selects one of three models for it.
int64_t tl_code_signed(tl_codec *c, int context, int lean, int64_t value);

#endif
