// A hostile client: says whatever a test wants, byte by byte, beside what it takes to be let in and served.
#ifndef TRAMLINE_TESTS_RAW_H
#define TRAMLINE_TESTS_RAW_H

#include "check.h"
#include "tramline/server.h"
#include "wire/channel.h"
#include "wire/datagram.h"

typedef struct raw {
    tl_transport *transport;
    bool connected, welcomed, closed;
    uint16_t ack, next_report, expected; // datagrams of the server; own reports; messages that are expected
    unsigned char bits[TL_ACK_BITS / 8];
    uint16_t sent_message, acked_message;
    int64_t tick;
    uint32_t answers, answers_ok;
    tl_result answer;
    tl_entity_id made[64];
    uint32_t made_count;
    unsigned char secret[16];
    uint32_t datagrams;
    uint64_t bytes;
    int refused; // -1: not
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    tl_writer w;
    size_t flags_at;
    bool never_acks;
} raw;

void raw_open(raw *r, tl_memory_network *network);
void raw_close(raw *r);
void raw_hello(raw *r, const char *name, const unsigned char *secret);
void raw_poll(raw *r, uint64_t now_us); // takes in what came
// The same for several; and what it takes that each is let in, as hostile-0, hostile-1, ..., and stays.
void raw_poll_all(raw *all, int count, uint64_t now_us);
void raw_keep_all(raw *all, int count, uint64_t now_us);
tl_writer *raw_begin(raw *r, int flags); // a report; sections are to follow in their order
void raw_send(raw *r);
// A section of messages with one request in it.
void raw_request(raw *r, uint32_t number, const void *body, size_t size);
// The fields of a kind of a position and a linear rotation, standing.
void raw_fields(tl_writer *w, int64_t x, int64_t y, int64_t z);
void raw_create(raw *r, int kind, tl_entity_id carrier, bool own, int64_t x, int64_t y, int64_t z); // quanta
void raw_plain(raw *r); // a report that only acknowledges

#endif
