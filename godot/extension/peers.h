// A server's transport that joins two: UDP with DTLS, and peers whose datagrams a script carries by whatever means it
// likes. What a tick sends to one of the latter is gathered into one packed frame: datagrams, each after its size in
// two bytes.
#ifndef GODOT_PEERS_H
#define GODOT_PEERS_H

#include "tramline/transport.h"

enum { PEERS_CUSTOM_MAX = 1024 };

typedef struct peers peers;

// `inner` may be NULL; it is closed with this. NULL: out of memory.
peers *peers_create(tl_transport *inner);
tl_transport *peers_transport(peers *p);
// Returns a new peer's number; 0: PEERS_CUSTOM_MAX is reached.
tl_peer peers_add(peers *p);
// The peer is gone. False: there is no such peer.
bool peers_remove(peers *p, tl_peer peer);
// A datagram from it. TL_ERR_NOT_FOUND, TL_ERR_INVALID (its size), TL_ERR_FULL: too many wait for the next step.
tl_result peers_receive(peers *p, tl_peer peer, const void *data, size_t size);
// Takes the next frame to send; false if there is none. `data` is valid until the next call.
bool peers_next_frame(peers *p, tl_peer *peer, const void **data, size_t *size);

#endif
