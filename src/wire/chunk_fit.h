// Whether a kind's states fit into a chunk, whatever they are.
#ifndef TRAMLINE_WIRE_CHUNK_FIT_H
#define TRAMLINE_WIRE_CHUNK_FIT_H

#include "wire/chunk.h"

enum { TL_FIT_MARGIN_BYTES = 24 }; // what a state may cost more than the costliest that were tried

// What the costliest states of a kind take of a chunk, with that margin.
size_t tl_chunk_fit_bytes(const tl_kinds *kinds, int kind);

#endif
