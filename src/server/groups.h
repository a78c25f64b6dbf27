// Groups that come to be this server's, or cease to be; and the ids of what is made here.
#ifndef TRAMLINE_SERVER_GROUPS_H
#define TRAMLINE_SERVER_GROUPS_H

#include "server/state.h"

void tl_groups_take(tl_server *s, int32_t group); // its entities are published by this server from now on
void tl_groups_take_rest(tl_server *s);           // what there was no memory for, each own tick
void tl_groups_lose(tl_server *s, int32_t group);
tl_entity_id tl_groups_next_entity_id(tl_server *s); // one that is not in use
tl_group_id tl_groups_next_client_id(tl_server *s);  // of a group of what a client owns

#endif
