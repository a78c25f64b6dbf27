#include "world/kept_chunks.h"

void tl_kept_chunks_drop(tl_kept_chunks *kept, tl_heap *heap)
{
    while (kept->first) {
        tl_chunk_bytes *chunk = kept->first;
        kept->first = chunk->next;
        tl_heap_free(heap, chunk, sizeof *chunk + chunk->capacity);
        kept->count--;
    }
    TL_ASSERT(kept->count == 0);
}

void tl_kept_chunks_limit(tl_kept_chunks *kept, tl_heap *heap)
{
    if (kept->count > TL_CHUNKS_KEPT) {
        tl_kept_chunks_drop(kept, heap);
    }
}

const tl_chunk_bytes *tl_kept_chunks_add(tl_kept_chunks *kept, tl_heap *heap, const tl_chunk_bytes *about,
                                         const void *data)
{
    TL_ASSERT(about->begin < about->end && about->size == about->capacity);
    tl_chunk_bytes *chunk = tl_heap_alloc(heap, sizeof *chunk + about->size);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = *about;
    memcpy(chunk->data, data, about->size);
    chunk->next = kept->first;
    kept->first = chunk;
    kept->count++;
    return chunk;
}

const tl_chunk_bytes *tl_kept_chunks_find(const tl_kept_chunks *kept, uint32_t from, uint32_t begin, uint32_t limit)
{
    for (const tl_chunk_bytes *chunk = kept->first; chunk; chunk = chunk->next) {
        if (chunk->from == from && chunk->begin == begin && chunk->limit == limit) {
            return chunk;
        }
    }
    return NULL;
}
