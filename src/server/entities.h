// The entities of this server. What games call is in tramline/server.h.
#ifndef TRAMLINE_SERVER_ENTITIES_H
#define TRAMLINE_SERVER_ENTITIES_H

#include "server/state.h"

// Publishes the state that a client reports of its entity. TL_ERR_NOT_FOUND: it is not this server's.
tl_result tl_entities_set_words(tl_server *s, int32_t index, tl_entity_id carrier, const int64_t *words,
                                uint32_t changed);

#endif
