// Answers to what clients ask for.
#ifndef TRAMLINE_SERVER_ANSWERS_H
#define TRAMLINE_SERVER_ANSWERS_H

#include "server/state.h"

// To a request, or of an own entity (request 0). False: too much is waiting for this client.
bool tl_answers_send(tl_server *s, tl_client_number number, uint32_t request, tl_result result, tl_entity_id entity);

#endif
