// The clients: their datagrams come in, and a frame goes out to each of them.
#ifndef TRAMLINE_SERVER_CLIENTS_H
#define TRAMLINE_SERVER_CLIENTS_H

#include "server/state.h"

void tl_clients_poll(tl_server *s);   // takes in what has come, as much as a step may
void tl_clients_frames(tl_server *s); // drops those that are to be dropped; one to each other client

#endif
