// The chunks of a stream: made once, for whoever is at that version, and kept until the stream changes.
#ifndef TRAMLINE_CORE_CHUNK_CACHE_H
#define TRAMLINE_CORE_CHUNK_CACHE_H

#include "chunk.h"
#include "stream.h"

enum { TL_CHUNK_SLOTS_A_UNIT = 16 }; // of work, that are gone through for what changed over several versions

// The chunk of a stream from a version (0, or one that tl_stream_can_continue) to now, for slots from `begin` to before
// `limit`, as far as the size allows (to `end`). NULL if memory ran out.
const tl_chunk_bytes *tl_chunk_get(tl_pyramid *p, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
// Its two halves: if it is there already, else NULL; and made, where it is not.
const tl_chunk_bytes *tl_chunk_find(tl_pyramid *p, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
const tl_chunk_bytes *tl_chunk_make(tl_pyramid *p, int32_t stream, uint32_t from, uint32_t begin, uint32_t limit);
// What it cost to make it (work.h): nothing, if it is of what changed last, which each client gets.
int64_t tl_chunk_work(const tl_stream *s, const tl_chunk_bytes *chunk);

#endif
