// The chunks of a stream: each is encoded once, for all clients that hold the same version, and kept until the stream
// changes.
#ifndef TRAMLINE_WORLD_CHUNK_CACHE_H
#define TRAMLINE_WORLD_CHUNK_CACHE_H

#include "wire/chunk.h"
#include "world/stream.h"

enum { TL_CHUNK_SLOTS_A_UNIT = 16 }; // slots per unit of work, in chunks over several versions

// Returns the stream's chunk from a version (0, or one that tl_history_reaches) to the present one, for slots `begin`
// to `limit` (exclusive). It may end earlier, if it is full: see its `end`. The stream owns it. NULL if out of memory.
const tl_chunk_bytes *tl_chunk_get(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
// The two halves of tl_chunk_get(): find returns NULL if the chunk is not encoded yet; make encodes it.
const tl_chunk_bytes *tl_chunk_find(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
const tl_chunk_bytes *tl_chunk_make(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
// Its cost in units of work (work.h): 0 if it covers only the newest version, which every client receives.
int64_t tl_chunk_work(const tl_stream *s, const tl_chunk_bytes *chunk);

#endif
