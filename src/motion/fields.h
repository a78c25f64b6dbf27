// Encodes one entity's fields as bytes, in the grammar that records, requests and reports share.
#ifndef TRAMLINE_MOTION_FIELDS_H
#define TRAMLINE_MOTION_FIELDS_H

#include "motion/state.h"

// Writes the fields in the mask `fields`. Start ticks are written relative to `tick`.
void tl_fields_write(tl_writer *w, const tl_kind *kind, int64_t tick, uint32_t fields, const int64_t *words);
// Reads the fields into `words` and leaves other fields unchanged. Marks the reader bad if a value exceeds its limits.
void tl_fields_read(tl_reader *r, const tl_kind *kind, const tl_kinds *kinds, int64_t tick, uint32_t fields,
                    int64_t *words);
// The same without checks, for bytes that tl_fields_read() has already accepted.
void tl_fields_read_again(tl_reader *r, const tl_kind *kind, int64_t tick, uint32_t fields, int64_t *words);
static inline uint32_t tl_fields_all(const tl_kind *kind)
{
    return (1u << kind->field_count) - 1;
}

#endif
