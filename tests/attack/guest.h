// An attacker whom the server lets in: the core's own client over a peer. What it reports can be held back, and what
// its client would never say be sent in its place.
#ifndef TRAMLINE_TESTS_ATTACK_GUEST_H
#define TRAMLINE_TESTS_ATTACK_GUEST_H

#include "attack.h"
#include "client/client_internal.h"

typedef struct guest {
    attack *attack;
    peer peer;
    tl_client *client;
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t created_max; // of its token
    bool mute;            // its client's own reports are not sent
    bool connected;       // its client knows of the connection
    double live_s;        // since when, 0: it is not
    double again_s;       // it does not connect before that
    uint32_t answers[TL_RESULT_COUNT];
    tl_entity_id made;                           // the last one that was created
    unsigned char report[TL_DATAGRAM_BYTES_MAX]; // the last one that its client sent
    size_t report_bytes;
} guest;

void guest_init(attack *a, guest *g, int server, const char *name);
// All on the first server, named PREFIX-0 and so on.
void guests_init(attack *a, guest *guests, int count, const char *prefix);
// Connects, anew if the connection has ended; steps its client.
void guest_step(guest *g);
void guest_end(guest *g, double pause_s); // says goodbye
bool guest_is_live(const guest *g);
void guests_step(guest *guests, int count);
void guests_end(guest *guests, int count);

// A report's head with the next sequence and true acknowledgements; sections are the caller's.
tl_writer guest_report(guest *g, unsigned char data[TL_DATAGRAM_BYTES_MAX], uint8_t flags);
void guest_say(guest *g, const void *data, size_t size);
// The kind that clients may create.
enum { KIND_AVATAR = 5 };
// Asks for an avatar at a place in a carrier's frame.
bool guest_create(guest *g, tl_entity_id carrier, tl_vec3 place, bool own);
// Says of one of its entities that it is in a carrier, and its words.
void guest_say_owned(guest *g, tl_owned_entity *o, int64_t tick, tl_entity_id carrier, const int64_t *words);
// Some entity of the view; with a carrier's reach if `carrier`. 0: none is known.
tl_entity_id guest_finds(guest *g, bool carrier);

#endif
