// Received datagrams waiting to be processed: a fixed pool, in queues. Those that find no free slot are dropped.
#ifndef TRAMLINE_TRANSPORT_INBOX_H
#define TRAMLINE_TRANSPORT_INBOX_H

#include "transport/sources.h"
#include "transport/udp.h"

typedef struct inbox_slot {
    struct inbox_slot *next;
    tl_os_address from;
    source *source; // held, of a stranger's; else NULL
    size_t size;
    uint8_t data[UDP_RECEIVE_BYTES_MAX];
} inbox_slot;

typedef struct inbox_queue {
    inbox_slot *first, *last;
    uint32_t count;
} inbox_queue;

typedef struct inbox {
    inbox_slot *slots, *free;
    uint32_t count_max, touched; // slots that were never used are never touched
} inbox;

bool tl_inbox_init(inbox *in, uint32_t count_max);
void tl_inbox_release(inbox *in);
// Copies a datagram to the end of a queue. NULL: there is no place.
inbox_slot *tl_inbox_push(inbox *in, inbox_queue *queue, const udp_datagram *datagram);
// The first of a queue; free it with tl_inbox_free(). NULL: the queue is empty.
inbox_slot *tl_inbox_pop(inbox_queue *queue);
void tl_inbox_free(inbox *in, inbox_slot *slot);

#endif
