// The groups of what clients own: which groups they are, whose each is, and how the log hears of it.
#ifndef TRAMLINE_SERVER_CLIENT_GROUPS_H
#define TRAMLINE_SERVER_CLIENT_GROUPS_H

#include "server/state.h"

#define TL_CLIENT_GROUP_BIT ((uint64_t)1 << 47) // in their ids

bool tl_client_groups_is_id(tl_group_id id);           // it is the id of such a group
bool tl_client_groups_is_owned(const tl_group *group); // a client owns it, not nobody
bool tl_client_groups_is_spare(const tl_group *group); // it is empty and nobody's
// The next group of an identity, from `from` on, or TL_NONE.
int32_t tl_client_groups_next(const tl_server *s, const tl_identity *identity, int32_t from);
void tl_client_groups_note(tl_server *s, tl_group *group);       // whose it is has to be recorded
bool tl_client_groups_record(tl_server *s, tl_record_writer *r); // returns whether all of it is in the record

#endif
