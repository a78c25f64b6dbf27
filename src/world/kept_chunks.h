// The encoded chunks that are kept of a stream, for all clients that hold the same version of it.
#ifndef TRAMLINE_WORLD_KEPT_CHUNKS_H
#define TRAMLINE_WORLD_KEPT_CHUNKS_H

#include "base/heap.h"

enum { TL_CHUNKS_KEPT = 32 }; // of a stream, from one tick to the next: clients can ask for endless ones

typedef struct tl_chunk_bytes { // an encoded chunk
    struct tl_chunk_bytes *next;
    uint32_t from, begin, limit, end; // of slots up to limit, those before end are in
    uint16_t size, capacity;
    bool too_large;      // the slot `begin` does not fit by itself: there is nothing to send of it
    uint32_t ops, words; // in it
    unsigned char data[];
} tl_chunk_bytes;

typedef struct tl_kept_chunks {
    tl_chunk_bytes *first; // for the stream's present version
    uint32_t count;
    int64_t asked_tick; // when one was last asked for
} tl_kept_chunks;

void tl_kept_chunks_drop(tl_kept_chunks *kept, tl_heap *heap);
// Drops them if they are more than TL_CHUNKS_KEPT. Not while any is still to be written into a frame.
void tl_kept_chunks_limit(tl_kept_chunks *kept, tl_heap *heap);
// A copy with its bytes; NULL: there is no memory.
const tl_chunk_bytes *tl_kept_chunks_add(tl_kept_chunks *kept, tl_heap *heap, const tl_chunk_bytes *about,
                                         const void *data);
const tl_chunk_bytes *tl_kept_chunks_find(const tl_kept_chunks *kept, uint32_t from, uint32_t begin, uint32_t limit);

#endif
