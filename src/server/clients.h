// Clients: receives their datagrams and sends each of them a frame.
#ifndef TRAMLINE_SERVER_CLIENTS_H
#define TRAMLINE_SERVER_CLIENTS_H

#include "server/state.h"

void tl_clients_poll(tl_server *s);   // reads received datagrams, up to the step's limit
void tl_clients_frames(tl_server *s); // drops marked clients, then sends a frame to each of the others

#endif
