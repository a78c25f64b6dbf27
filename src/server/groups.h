// Gaining and losing groups, and allocating ids for new groups and entities.
#ifndef TRAMLINE_SERVER_GROUPS_H
#define TRAMLINE_SERVER_GROUPS_H

#include "server/state.h"

void tl_groups_take(tl_server *s, int32_t group); // this server publishes its entities from now on
void tl_groups_take_rest(tl_server *s);           // retries groups for which memory ran out, once each own tick
void tl_groups_lose(tl_server *s, int32_t group);
tl_entity_id tl_groups_next_entity_id(tl_server *s); // one that is not in use
tl_group_id tl_groups_next_client_id(tl_server *s);  // for a group that holds a client's entities

#endif
