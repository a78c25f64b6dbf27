// How fast and how far what clients own may move.
#ifndef TRAMLINE_SERVER_TRAVEL_H
#define TRAMLINE_SERVER_TRAVEL_H

#include "server/state.h"

// What a client says of an entity: as tl_state_accept(), and not too fast (TL_ERR_INVALID).
tl_result tl_travel_accept(tl_server *s, const tl_kind *kind, const int64_t *words, uint32_t fields);
// The next state of what it owns. TL_AGAIN: all it owns has gone too far already.
tl_result tl_travel_allowed(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index,
                            tl_entity_id carrier, const int64_t *words);
// Now and then: counts what flies on without a word, and what rides. TL_AGAIN: all that its client owns has gone much
// too far, and it stops, or gets off.
tl_result tl_travel_go_on(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index);
// Whether the client may put something there that nobody will own.
bool tl_travel_lets_aboard(const tl_server *s, const tl_server_client *client, tl_entity_id carrier);

#endif
