// Whether every possible state of a kind fits into a chunk.
#ifndef TRAMLINE_WIRE_CHUNK_FIT_H
#define TRAMLINE_WIRE_CHUNK_FIT_H

#include "wire/chunk.h"

enum { TL_FIT_MARGIN_BYTES = 24 }; // how much a state may exceed the costliest measured one

// The chunk bytes that a kind's costliest states need, margin included.
size_t tl_chunk_fit_bytes(const tl_kinds *kinds, int kind);

#endif
