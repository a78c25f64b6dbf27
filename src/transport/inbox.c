#include "transport/inbox.h"
#include "base/memory.h"

#include "base/base.h"

#include <stdlib.h>
#include <string.h>

bool tl_inbox_init(inbox *in, uint32_t count_max)
{
    TL_ASSERT(count_max > 0);
    *in = (inbox){.count_max = count_max};
    in->slots = tl_alloc(count_max * sizeof *in->slots);
    return in->slots != NULL;
}

void tl_inbox_release(inbox *in)
{
    tl_free(in->slots);
    *in = (inbox){0};
}

static inbox_slot *take_slot(inbox *in)
{
    TL_ASSERT(in->touched <= in->count_max);
    inbox_slot *slot = in->free;
    if (slot) {
        in->free = slot->next;
        return slot;
    }
    return in->touched < in->count_max ? &in->slots[in->touched++] : NULL;
}

inbox_slot *tl_inbox_push(inbox *in, inbox_queue *queue, const udp_datagram *datagram)
{
    inbox_slot *slot = take_slot(in);
    if (!slot) {
        return NULL;
    }
    TL_ASSERT(datagram->size >= 1 && datagram->size <= sizeof slot->data);
    slot->next = NULL;
    slot->from = datagram->from;
    slot->source = NULL;
    slot->size = datagram->size;
    memcpy(slot->data, datagram->data, datagram->size);
    *(queue->last ? &queue->last->next : &queue->first) = slot;
    queue->last = slot;
    queue->count++;
    return slot;
}

inbox_slot *tl_inbox_pop(inbox_queue *queue)
{
    inbox_slot *slot = queue->first;
    if (!slot) {
        return NULL;
    }
    TL_ASSERT(queue->count > 0 && queue->last);
    queue->first = slot->next;
    if (!queue->first) {
        queue->last = NULL;
    }
    queue->count--;
    TL_ASSERT(!queue->first == (queue->count == 0));
    return slot;
}

void tl_inbox_free(inbox *in, inbox_slot *slot)
{
    TL_ASSERT(slot >= in->slots && slot < in->slots + in->touched);
    slot->next = in->free;
    in->free = slot;
}
