// The channel: reliable, ordered messages beside the frames, in both directions, carried by the datagrams that are sent
// anyway. A receiver accepts only the next message in order; all others are sent again.
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
    tl_channel_message queue[TL_CHANNEL_MESSAGES_MAX]; // ring; the first one's sequence is `acked`
    uint32_t first, count;
    uint16_t acked;    // sequence of the first queued message
    uint16_t expected; // sequence of the next message to receive
    bool ack_due;
} tl_channel;

void tl_channel_init(tl_channel *c, tl_heap *heap);
void tl_channel_reset(tl_channel *c); // frees the queued messages
// TL_AGAIN: the queue is full; retry after the peer has acknowledged messages.
tl_result tl_channel_send(tl_channel *c, int type, const void *data, size_t size);
// Whether a message is due to be sent, or sent again.
bool tl_channel_due(const tl_channel *c, uint64_t now_us);
// Writes a section with the due messages that fit into the writer's remaining space. The count comes first and may be
// 0.
void tl_channel_write(tl_channel *c, tl_writer *w, uint64_t now_us);

// A section that was read but not yet delivered.
typedef struct tl_channel_section {
    const unsigned char *data; // beginning with the first message
    size_t size;
    uint16_t sequence;
    int count;
} tl_channel_section;
void tl_channel_read(tl_reader *r, tl_channel_section *out);
// Delivers the messages that are next in order, one by one. If `deliver` returns false (no space), that message and
// those after it are not acknowledged, so the peer sends them again.
void tl_channel_take(tl_channel *c, const tl_channel_section *section,
                     bool (*deliver)(void *user, int type, const void *data, size_t size), void *user);
void tl_channel_acknowledge(tl_channel *c, uint16_t expected);

#endif
