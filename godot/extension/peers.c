#include "peers.h"
#include "guard.h"

#include <stdlib.h>
#include <string.h>

// Datagrams of a peer that wait for the next step; a datagram's size before it in a frame; a frame.
enum { WAITING_MAX = 64, SIZE_BYTES = 2, FRAME_BYTES_FIRST = 4096, FRAME_BYTES_MAX = 256 * 1024 };
#define CUSTOM_BIT 0x80000000u // set in the number of a script's peer; DTLS counts from 1

typedef struct waiting {
    struct waiting *next;
    size_t size;
    unsigned char data[];
} waiting;

typedef struct custom_peer {
    tl_peer number; // 0: free
    bool announced, removed, dropped;
    waiting *first, *last;
    int waiting_count;
    unsigned char *frame;
    size_t frame_bytes, frame_capacity;
} custom_peer;

struct peers {
    tl_transport transport;
    tl_transport *inner;
    uint32_t numbers;
    custom_peer custom[PEERS_CUSTOM_MAX];
    int custom_top;
    waiting *reading;    // returned by the last poll
    unsigned char *sent; // returned by peers_next_frame()
};

static peers *of(tl_transport *transport)
{
    return (peers *)transport;
}

static custom_peer *find(peers *p, tl_peer number)
{
    for (int i = 0; i < p->custom_top; i++) {
        if (p->custom[i].number == number && number) {
            return &p->custom[i];
        }
    }
    return NULL;
}

static void forget(custom_peer *c)
{
    while (c->first) {
        waiting *next = c->first->next;
        free(c->first);
        c->first = next;
    }
    free(c->frame);
    *c = (custom_peer){0};
}

static tl_result next_of(peers *p, custom_peer *c, tl_transport_event *out)
{
    *out = (tl_transport_event){.peer = c->number};
    if (!c->announced) {
        c->announced = true;
        out->type = TL_TRANSPORT_CONNECTED;
        return TL_OK;
    }
    if (c->first) {
        waiting *w = c->first;
        c->first = w->next;
        c->waiting_count--;
        GD_ASSERT(c->waiting_count >= 0);
        p->reading = w;
        out->type = TL_TRANSPORT_DATAGRAM;
        out->data = w->data;
        out->size = w->size;
        p->transport.stats.datagrams_received++;
        p->transport.stats.bytes_received += w->size;
        return TL_OK;
    }
    if (c->removed) {
        out->type = TL_TRANSPORT_CLOSED;
        strcpy(out->text, "removed");
        forget(c);
        return TL_OK;
    }
    return TL_AGAIN;
}

static tl_result peers_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    peers *p = of(self);
    free(p->reading);
    p->reading = NULL;
    for (int i = 0; i < p->custom_top; i++) {
        if (p->custom[i].number && !p->custom[i].dropped && next_of(p, &p->custom[i], out) == TL_OK) {
            return TL_OK;
        }
    }
    return p->inner ? p->inner->ops->poll(p->inner, now_us, out) : TL_AGAIN;
}

// Appends to the peer's frame. What does not fit is lost, as on any network.
static tl_result append(peers *p, custom_peer *c, const void *data, size_t size)
{
    if (c->frame_bytes + SIZE_BYTES + size > FRAME_BYTES_MAX) {
        p->transport.stats.dropped_full++;
        return TL_OK;
    }
    if (c->frame_bytes + SIZE_BYTES + size > c->frame_capacity) {
        size_t capacity = c->frame_capacity ? 2 * c->frame_capacity : FRAME_BYTES_FIRST;
        unsigned char *frame = realloc(c->frame, capacity);
        if (!frame) {
            p->transport.stats.dropped_full++;
            return TL_OK;
        }
        c->frame = frame;
        c->frame_capacity = capacity;
    }
    GD_ASSERT(size > 0 && size <= TL_DATAGRAM_BYTES_MAX && c->frame_bytes + SIZE_BYTES + size <= c->frame_capacity);
    unsigned char *to = c->frame + c->frame_bytes;
    to[0] = (unsigned char)size;
    to[1] = (unsigned char)(size >> 8);
    memcpy(to + SIZE_BYTES, data, size);
    c->frame_bytes += SIZE_BYTES + size;
    p->transport.stats.datagrams_sent++;
    p->transport.stats.bytes_sent += size;
    return TL_OK;
}

static tl_result peers_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    peers *p = of(self);
    if (peer & CUSTOM_BIT) {
        custom_peer *c = find(p, peer);
        return c && !c->removed ? append(p, c, data, size) : TL_ERR_NOT_FOUND;
    }
    return p->inner ? p->inner->ops->send(p->inner, peer, data, size) : TL_ERR_NOT_FOUND;
}

static void peers_flush(tl_transport *self)
{
    peers *p = of(self);
    if (p->inner) {
        p->inner->ops->flush(p->inner);
    }
}

static void peers_drop(tl_transport *self, tl_peer peer)
{
    peers *p = of(self);
    if (!(peer & CUSTOM_BIT)) {
        if (p->inner) {
            p->inner->ops->drop(p->inner, peer);
        }
        return;
    }
    custom_peer *c = find(p, peer);
    if (c && c->frame_bytes) {
        c->dropped = true; // its last frame still goes out
    } else if (c) {
        forget(c);
    }
}

static int peers_wait_fd(tl_transport *self)
{
    peers *p = of(self);
    return p->inner ? p->inner->ops->wait_fd(p->inner) : -1;
}

static void peers_close(tl_transport *self)
{
    peers *p = of(self);
    for (int i = 0; i < p->custom_top; i++) {
        forget(&p->custom[i]);
    }
    if (p->inner) {
        p->inner->ops->close(p->inner);
    }
    free(p->reading);
    free(p->sent);
    free(p);
}

static const tl_transport_ops ops = {peers_poll, peers_send, peers_flush, peers_drop, peers_wait_fd, peers_close, NULL};

peers *peers_create(tl_transport *inner)
{
    peers *p = calloc(1, sizeof *p);
    if (p) {
        p->transport.ops = &ops;
        p->inner = inner;
    }
    return p;
}

tl_transport *peers_transport(peers *p)
{
    return &p->transport;
}

tl_peer peers_add(peers *p)
{
    int i = 0;
    while (i < p->custom_top && p->custom[i].number) {
        i++;
    }
    if (i == PEERS_CUSTOM_MAX || p->numbers == ~CUSTOM_BIT) {
        return 0;
    }
    p->custom_top = i == p->custom_top ? i + 1 : p->custom_top;
    p->custom[i] = (custom_peer){.number = CUSTOM_BIT | ++p->numbers};
    return p->custom[i].number;
}

bool peers_remove(peers *p, tl_peer peer)
{
    custom_peer *c = find(p, peer);
    if (!c || c->removed || c->dropped) {
        return false;
    }
    c->removed = true;
    return true;
}

tl_result peers_receive(peers *p, tl_peer peer, const void *data, size_t size)
{
    custom_peer *c = find(p, peer);
    if (!c || c->removed || c->dropped) {
        return TL_ERR_NOT_FOUND;
    }
    if (size < 1 || size > TL_DATAGRAM_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    waiting *w = c->waiting_count < WAITING_MAX ? malloc(sizeof *w + size) : NULL;
    if (!w) {
        p->transport.stats.dropped_full++;
        return TL_ERR_FULL;
    }
    *w = (waiting){.size = size};
    memcpy(w->data, data, size);
    if (c->first) {
        c->last->next = w;
    } else {
        c->first = w;
    }
    c->last = w;
    c->waiting_count++;
    return TL_OK;
}

bool peers_next_frame(peers *p, tl_peer *peer, const void **data, size_t *size)
{
    free(p->sent);
    p->sent = NULL;
    for (int i = 0; i < p->custom_top; i++) {
        custom_peer *c = &p->custom[i];
        if (!c->number || !c->frame_bytes) {
            continue;
        }
        *peer = c->number;
        *data = p->sent = c->frame;
        *size = c->frame_bytes;
        c->frame = NULL;
        c->frame_bytes = c->frame_capacity = 0;
        if (c->dropped) {
            forget(c);
        }
        return true;
    }
    return false;
}
