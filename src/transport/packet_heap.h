// Packets of the in-memory network that are under way to one end: a binary heap by due time, then by order of sending.
#ifndef TRAMLINE_TRANSPORT_PACKET_HEAP_H
#define TRAMLINE_TRANSPORT_PACKET_HEAP_H

#include <stdbool.h>
#include <stdint.h>

typedef enum packet_type { PACKET_HELLO, PACKET_ACCEPT, PACKET_DATA, PACKET_CLOSE } packet_type;

typedef struct packet {
    uint64_t due_us, order;
    uint32_t link;
    uint16_t size;
    uint8_t type;
    uint8_t data[];
} packet;

typedef struct packet_heap {
    packet **packets;
    uint32_t count, capacity, count_max;
} packet_heap;

// Takes the packet, which malloc() made. False: it is full, or memory is out.
bool tl_packet_heap_push(packet_heap *heap, packet *p);
// The next one to arrive; there must be one.
packet *tl_packet_heap_pop(packet_heap *heap);
void tl_packet_heap_release(packet_heap *heap); // with all packets

#endif
