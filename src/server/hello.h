// A newcomer says HELLO, and becomes a client, or is turned away.
#ifndef TRAMLINE_SERVER_HELLO_H
#define TRAMLINE_SERVER_HELLO_H

#include "server/state.h"

tl_result tl_hello_take(tl_server *s, tl_peer peer, tl_reader *r); // TL_ERR_MALFORMED: it is discarded

#endif
