// Entities owned by this server. The functions that games call are in tramline/server.h.
#ifndef TRAMLINE_SERVER_ENTITIES_H
#define TRAMLINE_SERVER_ENTITIES_H

#include "server/state.h"

// Publishes a state that a client reported of its entity. TL_ERR_NOT_FOUND: this server does not own the entity.
tl_result tl_entities_set_words(tl_server *s, int32_t index, tl_entity_id carrier, const int64_t *words,
                                uint32_t changed);

#endif
