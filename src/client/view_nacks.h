// What is not held as the server believes: it is reported until it is mended.
#ifndef TRAMLINE_CLIENT_VIEW_NACKS_H
#define TRAMLINE_CLIENT_VIEW_NACKS_H

#include "client/view.h"

// Notes that the server is to go on from what is held. False: there is no space.
bool tl_view_nack(tl_view *v, const tl_view_chunk *chunk);
// Whether all of some slots are held as they were at a tick, or later.
bool tl_view_is_held(const tl_view_stream *stream, uint32_t begin, uint32_t end, int64_t tick);
void tl_view_drop_nacks(tl_view *v, uint32_t handle);         // all of its
void tl_view_drop_settled_nacks(tl_view *v, uint32_t handle); // whose slots are held now
void tl_view_drop_closed_nacks(tl_view *v, uint32_t handle);  // it was closed in this datagram

// The one version that is held of all of a nack's slots, 0 if it is not one and the same: what the server goes on from.
uint32_t tl_view_held(const tl_view *v, const tl_nack *nack);
// The same part by part, where it holds different versions: so what is missing of a few slots costs no more than those.
typedef struct tl_nack_part {
    uint32_t begin, end, held;
} tl_nack_part;
// Returns how many there are; parts that are no longer missing are omitted.
uint32_t tl_view_nack_parts(const tl_view *v, const tl_nack *nack, tl_nack_part parts[TL_CURSOR_RUNS_MAX]);

#endif
