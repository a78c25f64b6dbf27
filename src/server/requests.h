// Clients' requests.
#ifndef TRAMLINE_SERVER_REQUESTS_H
#define TRAMLINE_SERVER_REQUESTS_H

#include "server/state.h"

// Carries out a client's request and answers it, or passes it on to the server that owns the entity.
void tl_requests_serve(tl_server *s, tl_server_client *client, const void *data, size_t size);
// From other servers' logs: a request for an entity of this server, the answer to one, or a claim.
void tl_requests_post(tl_server *s, tl_op op, tl_server_number from, const void *data, size_t size);

#endif
