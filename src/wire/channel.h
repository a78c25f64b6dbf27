// The channel: reliable, ordered messages beside the frames, in both directions. They ride in the datagrams that are
// sent anyway. Only the next message in order is taken; the rest is sent again.
#ifndef TRAMLINE_WIRE_CHANNEL_H
#define TRAMLINE_WIRE_CHANNEL_H

#include "base/bytes.h"
#include "base/heap.h"

enum {
    TL_CHANNEL_MESSAGES_MAX = 64, // unacknowledged
    TL_CHANNEL_RESEND_US = 250000,
};

typedef struct tl_channel_message {
    unsigned char *data;
    uint16_t size;
    uint8_t type;
    uint64_t sent_us;
} tl_channel_message;

typedef struct tl_channel {
    tl_heap *heap;
    tl_channel_message queue[TL_CHANNEL_MESSAGES_MAX]; // ring; the first is `acked`
    uint32_t first, count;
    uint16_t acked;    // sequence of the first in the queue
    uint16_t expected; // next to be received
    bool ack_due;
} tl_channel;

void tl_channel_init(tl_channel *c, tl_heap *heap);
void tl_channel_reset(tl_channel *c); // frees what is queued
// TL_AGAIN: the queue is full; try again when the other side has acknowledged.
tl_result tl_channel_send(tl_channel *c, int type, const void *data, size_t size);
// Whether there is a message to be sent (again) now.
bool tl_channel_due(const tl_channel *c, uint64_t now_us);
// Writes a section of messages into what room there is, if any is due. The count comes first, it may be 0.
void tl_channel_write(tl_channel *c, tl_writer *w, uint64_t now_us);

// A section as it was read, not yet taken in.
typedef struct tl_channel_section {
    const unsigned char *data; // from the first message on
    size_t size;
    uint16_t sequence;
    int count;
} tl_channel_section;
void tl_channel_read(tl_reader *r, tl_channel_section *out);
// Takes the messages that are next in order, one by one. `deliver` gives false if it has no room: the message is not
// taken, nor are those after it; they come again.
void tl_channel_take(tl_channel *c, const tl_channel_section *section,
                     bool (*deliver)(void *user, int type, const void *data, size_t size), void *user);
void tl_channel_acknowledge(tl_channel *c, uint16_t expected);

#endif
