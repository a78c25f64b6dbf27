// Groups that hold clients' entities: their ids, the identity each belongs to, and how the log records that.
#ifndef TRAMLINE_SERVER_CLIENT_GROUPS_H
#define TRAMLINE_SERVER_CLIENT_GROUPS_H

#include "server/state.h"

#define TL_CLIENT_GROUP_BIT ((uint64_t)1 << 47) // set in the ids of these groups

bool tl_client_groups_is_id(tl_group_id id);           // whether `id` is the id of such a group
bool tl_client_groups_is_owned(const tl_group *group); // whether a client owns it
bool tl_client_groups_is_spare(const tl_group *group); // whether it is empty and nobody's
// Returns the next group of `identity` at or after index `from`, or TL_NONE.
int32_t tl_client_groups_next(const tl_server *s, const tl_identity *identity, int32_t from);
void tl_client_groups_note(tl_server *s, tl_group *group);       // its identity has to be recorded
bool tl_client_groups_record(tl_server *s, tl_record_writer *r); // returns whether everything fit in the record

#endif
