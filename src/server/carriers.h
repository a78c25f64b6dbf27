// What may ride in what, and what becomes of own entities that no longer can.
#ifndef TRAMLINE_SERVER_CARRIERS_H
#define TRAMLINE_SERVER_CARRIERS_H

#include "server/state.h"

// Whether an entity (TL_NONE: a new one) may ride in a carrier at a place in its frame. `text` may be NULL.
tl_result tl_carriers_check(const tl_server *s, int32_t index, tl_entity_id carrier, tl_vec3 position, char *text,
                            size_t text_bytes);
// How far from that carrier a place may be, in metres; INFINITY without a carrier.
double tl_carriers_reach_m(const tl_server *s, tl_entity_id carrier);
bool tl_carriers_reach(const tl_server *s, tl_entity_id carrier, tl_vec3 position);
// The same of a client's state.
tl_result tl_carriers_check_words(const tl_server *s, int32_t index, const tl_kind *kind, tl_entity_id carrier,
                                  const int64_t *words);
void tl_carriers_publish_set_down(tl_server *s, int32_t index);
void tl_carriers_follow_set_down(tl_server *s); // own entities that cannot ride are published where they stand
// Stops a client's entity at the edge of its carrier's reach. TL_ERR_INVALID: it was stopped.
tl_result tl_carriers_hold(tl_server *s, int32_t index);

#endif
