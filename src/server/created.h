// Quotas: how many entities each client, and all clients together, may have created at a time.
#ifndef TRAMLINE_SERVER_CREATED_H
#define TRAMLINE_SERVER_CREATED_H

#include "server/state.h"

size_t tl_created_bytes(const tl_server_def *def);
bool tl_created_init(tl_server *s);
uint32_t tl_created_elsewhere(const tl_server *s); // through other servers, as far as mirrored
uint32_t tl_created_count(tl_server *s);           // through all servers, as far as known
tl_result tl_created_allowed(tl_server *s, const tl_server_client *client, bool own); // TL_ERR_FULL: a quota is used up
void tl_created_new(tl_server *s, const tl_server_client *client, tl_entity_id id);   // just created
void tl_created_forget(tl_server *s, tl_entity_id id);
// Counts the client-created entities of a group that arrived here. `creator` is NULL if its client is not here.
void tl_created_take_group(tl_server *s, int32_t group, const tl_server_client *creator);
void tl_created_lose_group(tl_server *s, int32_t group);
void tl_created_sweep(tl_server *s);

#endif
