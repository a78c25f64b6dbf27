// Limits the bytes that a client may make servers publish.
#ifndef TRAMLINE_SERVER_VOLUME_H
#define TRAMLINE_SERVER_VOLUME_H

#include "server/state.h"

// Estimates the bytes of these fields in a record.
size_t tl_volume_bytes(const tl_server *s, const tl_kind *kind, uint32_t fields, const int64_t *words);
tl_result tl_volume_allowed(tl_server *s, tl_server_client *client); // TL_AGAIN: its budget is used up
void tl_volume_spend(tl_server *s, tl_server_client *client, size_t bytes);
// A state of an owned entity was accepted. One that replaces an unrecorded one costs only the difference.
void tl_volume_spend_state(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index);

#endif
