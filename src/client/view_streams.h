// The view's streams, and what it has no space for. A stream can only be decoded if all of it is held, so if a part
// finds no space the whole stream is omitted: it shows nothing and is not requested again for a while. Coarser streams,
// which are farther away, are dropped in favour of finer ones.
#ifndef TRAMLINE_CLIENT_VIEW_STREAMS_H
#define TRAMLINE_CLIENT_VIEW_STREAMS_H

#include "client/view_entities.h"
#include "client/view_nacks.h"

void tl_view_empty_slot(tl_view *v, uint32_t handle, uint32_t slot, int64_t tick);
void tl_view_close_stream(tl_view *v, uint32_t handle, int64_t tick);
// Discards everything (another world), with LEFT events for all entities.
void tl_view_reset(tl_view *v);
// The connection has ended and another begins: streams are closed, but all entities stay and continue along their
// segments. Entities that do not enter a stream of the new connection leave once everything of it has arrived.
void tl_view_detach(tl_view *v);

// Allocates a state, or space for slots; coarser streams may be dropped for it. Returns NULL or false if there is no
// space.
int64_t *tl_view_state_room(tl_view *v, uint32_t handle, size_t bytes);
bool tl_view_slots_room(tl_view *v, uint32_t handle, uint32_t top);
// Omits a whole stream that finds no space; after a waiting time it is requested again.
void tl_view_leave_out(tl_view *v, uint32_t handle);
void tl_view_ask_again(tl_view *v, uint32_t handle);

#endif
