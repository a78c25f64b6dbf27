// A server and a client in this process, joined without a network: every datagram between them can be looked at, kept
// and damaged. The same calls give the same bytes.
#ifndef TRAMLINE_FUZZ_PAIR_H
#define TRAMLINE_FUZZ_PAIR_H

#include "tramline/client.h"
#include "tramline/server.h"

typedef struct pair_datagram {
    size_t size;
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
} pair_datagram;

enum { PAIR_QUEUE_MAX = 256, PAIR_ENTITIES = 120 };

typedef struct pair {
    tl_memory_world *world;
    tl_store *store;
    tl_transport transport; // the server's; its peer is the client
    tl_server *server;
    tl_client *client;
    uint64_t now_us;
    bool connected;
    tl_entity_ref refs[PAIR_ENTITIES];
    tl_entity_id carrier;
    uint32_t count;
    pair_datagram to_server[PAIR_QUEUE_MAX], to_client[PAIR_QUEUE_MAX];
    uint32_t to_server_count, to_client_count, to_server_read;
    pair_datagram taken; // the one that the server has at hand
    bool by_frames;      // the client gets packed frames; only what is no frame comes as datagrams
    unsigned char frame[64 * 1024];
    size_t frame_size;
    // Called for each datagram before it is delivered; may be NULL.
    void (*seen)(void *user, bool to_server, const unsigned char *data, size_t size);
    void *seen_user;
} pair;

pair *pair_create(void);
void pair_destroy(pair *p);
void pair_step(pair *p); // ten milliseconds
void pair_run(pair *p, int steps);
bool pair_join(pair *p); // until the client is live and sees everything; false if that does not come about
// Bytes from the client's side, as if they had come over the network; the server takes them at its next step.
void pair_send_to_server(pair *p, const void *data, size_t size);

#endif
