// Answers to clients' requests.
#ifndef TRAMLINE_SERVER_ANSWERS_H
#define TRAMLINE_SERVER_ANSWERS_H

#include "server/state.h"

// Answers a request, or reports on an entity the client owns (request 0). Returns false if the client's queue is full.
bool tl_answers_send(tl_server *s, tl_client_number number, uint32_t request, tl_result result, tl_entity_id entity);

#endif
