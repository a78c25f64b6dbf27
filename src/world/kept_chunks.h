// A stream's encoded chunks, kept for all clients that hold the same version of it.
#ifndef TRAMLINE_WORLD_KEPT_CHUNKS_H
#define TRAMLINE_WORLD_KEPT_CHUNKS_H

#include "base/heap.h"

enum { TL_CHUNKS_KEPT = 32 }; // per stream, from one tick to the next: clients can request arbitrarily many

typedef struct tl_chunk_bytes { // an encoded chunk
    struct tl_chunk_bytes *next;
    uint32_t from, begin, limit, end; // covers slots up to limit (exclusive); those before end are included
    uint16_t size, capacity;
    bool too_large;      // the slot `begin` does not fit on its own: it cannot be sent
    uint32_t ops, words; // contained in it
    unsigned char data[];
} tl_chunk_bytes;

typedef struct tl_kept_chunks {
    tl_chunk_bytes *first; // of the stream's present version
    uint32_t count;
    int64_t asked_tick; // tick of the last request
} tl_kept_chunks;

void tl_kept_chunks_drop(tl_kept_chunks *kept, tl_heap *heap);
// Drops all chunks if there are more than TL_CHUNKS_KEPT. Not while any of them has yet to be written into a frame.
void tl_kept_chunks_limit(tl_kept_chunks *kept, tl_heap *heap);
// Keeps a copy of the chunk with its bytes. Returns NULL if out of memory.
const tl_chunk_bytes *tl_kept_chunks_add(tl_kept_chunks *kept, tl_heap *heap, const tl_chunk_bytes *about,
                                         const void *data);
const tl_chunk_bytes *tl_kept_chunks_find(const tl_kept_chunks *kept, uint32_t from, uint32_t begin, uint32_t limit);

#endif
