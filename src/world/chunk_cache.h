// The chunks of a stream: each is made once, for all clients that hold the same version, and kept until the stream
// changes.
#ifndef TRAMLINE_WORLD_CHUNK_CACHE_H
#define TRAMLINE_WORLD_CHUNK_CACHE_H

#include "wire/chunk.h"
#include "world/stream.h"

enum { TL_CHUNK_SLOTS_A_UNIT = 16 }; // slots gone through for one unit of work, in chunks over several versions

// The chunk of a stream from a version (0, or one that tl_history_reaches) to now, for slots from `begin` to before
// `limit`. It may end earlier, for its size: see its `end`. Owned by the stream. NULL if memory ran out.
const tl_chunk_bytes *tl_chunk_get(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
// The two halves of tl_chunk_get(): finds it, NULL if it was not made yet; and makes it.
const tl_chunk_bytes *tl_chunk_find(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
const tl_chunk_bytes *tl_chunk_make(tl_streams *ss, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
// What it cost to make, in units of work.h: nothing if it covers only the newest version, which every client gets.
int64_t tl_chunk_work(const tl_stream *s, const tl_chunk_bytes *chunk);

#endif
