// What clients have created: how much of it each of them may have at a time, and all of them together.
#ifndef TRAMLINE_SERVER_CREATED_H
#define TRAMLINE_SERVER_CREATED_H

#include "server/state.h"

size_t tl_created_bytes(const tl_server_def *def);
bool tl_created_init(tl_server *s);
uint32_t tl_created_elsewhere(const tl_server *s); // through other servers, as far as is mirrored
uint32_t tl_created_count(tl_server *s);           // through all servers, as far as is known
tl_result tl_created_allowed(tl_server *s, const tl_server_client *client, bool own); // TL_ERR_FULL: a quota is used up
void tl_created_new(tl_server *s, const tl_server_client *client, tl_entity_id id);   // just now
void tl_created_forget(tl_server *s, tl_entity_id id);
// Of what clients created, is here now. `creator` NULL: its client is not.
void tl_created_take_group(tl_server *s, int32_t group, const tl_server_client *creator);
void tl_created_lose_group(tl_server *s, int32_t group);
void tl_created_sweep(tl_server *s);

#endif
