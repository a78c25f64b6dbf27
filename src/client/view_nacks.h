// Slots that are not held as the server assumes; they are reported until settled.
#ifndef TRAMLINE_CLIENT_VIEW_NACKS_H
#define TRAMLINE_CLIENT_VIEW_NACKS_H

#include "client/view.h"

// Notes that the server must continue from what is held. Returns false if there is no space.
bool tl_view_nack(tl_view *v, const tl_view_chunk *chunk);
// Whether all of some slots are held as of a tick, or later.
bool tl_view_is_held(const tl_view_stream *stream, uint32_t begin, uint32_t end, int64_t tick);
void tl_view_drop_nacks(tl_view *v, uint32_t handle);         // all of the handle
void tl_view_drop_settled_nacks(tl_view *v, uint32_t handle); // those whose slots are held now
void tl_view_drop_closed_nacks(tl_view *v, uint32_t handle);  // when the handle was closed in this datagram

// The version held of all of a nack's slots, from which the server continues; 0 if they differ.
uint32_t tl_view_held(const tl_view *v, const tl_nack *nack);
// Parts of a nack's slots that are held at different versions, so that only the missing slots are sent again.
typedef struct tl_nack_part {
    uint32_t begin, end, held;
} tl_nack_part;
// Returns the number of parts; parts that are no longer missing are omitted.
uint32_t tl_view_nack_parts(const tl_view *v, const tl_nack *nack, tl_nack_part parts[TL_CURSOR_RUNS_MAX]);

#endif
