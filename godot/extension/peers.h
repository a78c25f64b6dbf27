// A server's transport that joins two ways: UDP with DTLS, and peers whose datagrams a script carries, over whatever it
// likes. Of the latter, what a tick sends is gathered into one packed frame: datagrams, each after two bytes of its
// size.
#ifndef GODOT_PEERS_H
#define GODOT_PEERS_H

#include "tramline/transport.h"

enum { PEERS_CUSTOM_MAX = 1024 };

typedef struct peers peers;

// `inner` may be NULL; it is closed with this. NULL: out of memory.
peers *peers_create(tl_transport *inner);
tl_transport *peers_transport(peers *p);
// A new peer's number; 0: there are as many as can be.
tl_peer peers_add(peers *p);
// It is gone. False: no such peer.
bool peers_remove(peers *p, tl_peer peer);
// A datagram from it. TL_ERR_NOT_FOUND, TL_ERR_INVALID (its size), TL_ERR_FULL: too many wait for the next step.
tl_result peers_receive(peers *p, tl_peer peer, const void *data, size_t size);
// The next frame that is to go out, which is then taken as sent; false if there is none. `data` is good until the next
// call.
bool peers_next_frame(peers *p, tl_peer *peer, const void **data, size_t *size);

#endif
