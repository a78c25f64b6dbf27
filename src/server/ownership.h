// What this server owns: its groups, what it has published of its entities, and which of them wait to be recorded.
#ifndef TRAMLINE_SERVER_OWNERSHIP_H
#define TRAMLINE_SERVER_OWNERSHIP_H

#include "server/state.h"

bool tl_own_owns(const tl_server *s, int32_t group);
bool tl_own_owns_any(const tl_server *s);
tl_entity *tl_own_entity(tl_server *s, tl_entity_ref ref); // NULL: not owned, or being deleted
size_t tl_own_state_bytes(const tl_server *s, const tl_entity *e);
double tl_own_share(const tl_server *s, const tl_entity *e); // the fraction of the tolerance that it may use up
void tl_own_mark(tl_server *s, int32_t index);               // it has changes to be recorded
void tl_own_unmark(tl_server *s, int32_t index);
void tl_own_track(tl_server *s, int32_t index); // after each change of what is published
void tl_own_forget_truth(tl_server *s, int32_t index);
// Publishes an own entity as standing at `position`, in its reference frame, from this tick on.
void tl_own_stop(tl_server *s, int32_t index, tl_vec3 position);

#endif
