// Handles a newcomer's HELLO: accepts it as a client or refuses it.
#ifndef TRAMLINE_SERVER_HELLO_H
#define TRAMLINE_SERVER_HELLO_H

#include "server/state.h"

tl_result tl_hello_take(tl_server *s, tl_peer peer, tl_reader *r); // TL_ERR_MALFORMED: discard the datagram

#endif
