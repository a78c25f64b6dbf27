// The view's entities and the slots that hold them. An entity that has left its last stream and not entered the next
// one yet is an orphan: it continues along its segment until everything that could show it has arrived.
#ifndef TRAMLINE_CLIENT_VIEW_ENTITIES_H
#define TRAMLINE_CLIENT_VIEW_ENTITIES_H

#include "client/view_change.h"

void tl_view_remove_entity(tl_view *v, int32_t index);
// A slot in use holds its entity from now on; or no longer.
void tl_view_add_holder(tl_view *v, int32_t stream, int32_t slot);
void tl_view_remove_holder(tl_view *v, int32_t stream, int32_t slot, int64_t tick);
void tl_view_settle_orphans(tl_view *v);
// An entity was deleted at a tick: later data must not bring it back.
void tl_view_note_end(tl_view *v, tl_entity_id id, int64_t tick);

#endif
