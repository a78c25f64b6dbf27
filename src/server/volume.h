// How many bytes a client may make servers publish.
#ifndef TRAMLINE_SERVER_VOLUME_H
#define TRAMLINE_SERVER_VOLUME_H

#include "server/state.h"

// Of fields in a record, about.
size_t tl_volume_bytes(const tl_server *s, const tl_kind *kind, uint32_t fields, const int64_t *words);
tl_result tl_volume_allowed(tl_server *s, tl_server_client *client); // TL_AGAIN: it has had as much published as it may
void tl_volume_spend(tl_server *s, tl_server_client *client, size_t bytes);
// A state of what it owns was taken. One that replaces another before that is recorded costs only what it adds.
void tl_volume_spend_state(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index);

#endif
