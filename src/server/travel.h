// Limits on how fast and how far what clients own may move.
#ifndef TRAMLINE_SERVER_TRAVEL_H
#define TRAMLINE_SERVER_TRAVEL_H

#include "server/state.h"

// Checks a client's state like tl_state_accept(), and that it is not too fast (TL_ERR_INVALID).
tl_result tl_travel_accept(tl_server *s, const tl_kind *kind, const int64_t *words, uint32_t fields);
// Charges the next state of an entity the client owns. TL_AGAIN: all it owns has already travelled too far.
tl_result tl_travel_allowed(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index,
                            tl_entity_id carrier, const int64_t *words);
// Called now and then: charges the motion of entities without new states, and of passengers. TL_AGAIN: all that the
// client owns has travelled far too far, and the entity stops or leaves its carrier.
tl_result tl_travel_go_on(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index);
// Whether the client may put something into the carrier that nobody will own.
bool tl_travel_lets_aboard(const tl_server *s, const tl_server_client *client, tl_entity_id carrier);

#endif
