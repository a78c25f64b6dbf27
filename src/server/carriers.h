// Rules for carriers and passengers, and setting down own entities that can no longer be passengers.
#ifndef TRAMLINE_SERVER_CARRIERS_H
#define TRAMLINE_SERVER_CARRIERS_H

#include "server/state.h"

// Checks whether an entity (TL_NONE: a new one) may board a carrier at `position` in its frame. `text` receives the
// reason and may be NULL.
tl_result tl_carriers_check(const tl_server *s, int32_t index, tl_entity_id carrier, tl_vec3 position, char *text,
                            size_t text_bytes);
// The greatest distance from the carrier that a passenger may have, in metres; INFINITY without a carrier.
double tl_carriers_reach_m(const tl_server *s, tl_entity_id carrier);
bool tl_carriers_reach(const tl_server *s, tl_entity_id carrier, tl_vec3 position);
// The same check for a state reported by a client.
tl_result tl_carriers_check_words(const tl_server *s, int32_t index, const tl_kind *kind, tl_entity_id carrier,
                                  const int64_t *words);
void tl_carriers_publish_set_down(tl_server *s, int32_t index);
// Sets down own entities that can no longer be passengers, where they stand.
void tl_carriers_follow_set_down(tl_server *s);
// Stops a client's entity at the edge of its carrier's reach. Returns TL_ERR_INVALID if it was stopped.
tl_result tl_carriers_hold(tl_server *s, int32_t index);

#endif
