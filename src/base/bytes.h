// Bounded writing and reading of bytes: fixed little-endian integers and LEB128 varints. A writer or reader that runs
// past its end becomes bad and stays bad, so callers check once, at the end. Reads from a bad reader return 0.
#ifndef TRAMLINE_BASE_BYTES_H
#define TRAMLINE_BASE_BYTES_H

#include "base/base.h"

typedef struct tl_writer {
    unsigned char *data;
    size_t size, capacity;
    bool bad;
} tl_writer;

typedef struct tl_reader {
    const unsigned char *data;
    size_t size, at;
    bool bad;
} tl_reader;

static inline tl_writer tl_writer_make(void *data, size_t capacity)
{
    return (tl_writer){.data = data, .capacity = capacity};
}

static inline tl_reader tl_reader_make(const void *data, size_t size)
{
    return (tl_reader){.data = data, .size = size};
}

static inline size_t tl_reader_left(const tl_reader *r)
{
    return r->bad ? 0 : r->size - r->at;
}

void tl_write_bytes(tl_writer *w, const void *data, size_t size);
void tl_write_varint(tl_writer *w, uint64_t value);
void tl_write_fixed(tl_writer *w, uint64_t value, int bytes); // little-endian, 1..8 bytes
void tl_write_name(tl_writer *w, const char *name);           // length byte, bytes

// Returns a pointer into the reader's data, or NULL if too few bytes remain; the reader is bad then.
const unsigned char *tl_read_bytes(tl_reader *r, size_t size);
uint64_t tl_read_varint(tl_reader *r); // bad if longer than 10 bytes or larger than 64 bits
uint64_t tl_read_fixed(tl_reader *r, int bytes);
// Marks the reader bad if the name is longer than TL_NAME_BYTES_MAX or invalid.
void tl_read_name(tl_reader *r, char out[TL_NAME_BYTES_MAX + 1]);

static inline uint64_t tl_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t tl_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline void tl_write_signed(tl_writer *w, int64_t value)
{
    tl_write_varint(w, tl_zigzag(value));
}

static inline int64_t tl_read_signed(tl_reader *r)
{
    return tl_unzigzag(tl_read_varint(r));
}

// Reads an untrusted value of at most `max`. A larger value marks the reader bad and returns 0.
static inline uint64_t tl_read_limited(tl_reader *r, uint64_t max)
{
    uint64_t value = tl_read_varint(r);
    if (value > max) {
        r->bad = true;
    }
    return r->bad ? 0 : value;
}

#endif
