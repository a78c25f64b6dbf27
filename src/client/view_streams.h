// The view's streams, and what it has no space for. A stream is decoded from what is held of it, all of it: so if a
// part finds no space the whole stream is left out, shows nothing, and is not asked for again for a while. Coarser
// streams, which are farther away, make way for finer ones.
#ifndef TRAMLINE_CLIENT_VIEW_STREAMS_H
#define TRAMLINE_CLIENT_VIEW_STREAMS_H

#include "client/view_entities.h"
#include "client/view_nacks.h"

void tl_view_empty_slot(tl_view *v, uint32_t handle, uint32_t slot, int64_t tick);
void tl_view_close_stream(tl_view *v, uint32_t handle, int64_t tick);
// Forgets everything (another world); LEFT events for all.
void tl_view_reset(tl_view *v);
// The connection has ended, another begins: streams are closed, but all entities stay and go on along their segments.
// Those that do not come into a stream of the new connection leave once everything of it has arrived.
void tl_view_detach(tl_view *v);

// Memory for a state, for so many slots: streams that are coarser may have to go for it. NULL, false: there is none.
int64_t *tl_view_state_room(tl_view *v, uint32_t handle, size_t bytes);
bool tl_view_slots_room(tl_view *v, uint32_t handle, uint32_t top);
// A stream that finds no room is left out, whole; once it has waited for long enough it is asked for again.
void tl_view_leave_out(tl_view *v, uint32_t handle);
void tl_view_ask_again(tl_view *v, uint32_t handle);

#endif
