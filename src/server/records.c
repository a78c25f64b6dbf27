// Queues of other servers' records, and of the ends of their epochs, until their tick comes.
#include "server/records.h"
#include "server/peers.h"
#include "server/state.h"

static tl_followed_record *alloc_record(tl_server *s, size_t size)
{
    tl_followed_record *record = tl_heap_alloc(&s->peers.heap, sizeof *record + size);
    return record ? record : tl_heap_alloc(&s->heap, sizeof *record + size);
}

void tl_records_release(tl_server *s, tl_followed_record *record)
{
    uintptr_t at = (uintptr_t)record, begin = (uintptr_t)s->peers.heap.memory;
    tl_heap *heap = at >= begin && at < begin + s->peers.heap.bytes ? &s->peers.heap : &s->heap;
    tl_heap_free(heap, record, sizeof *record + record->size);
}

void tl_records_queue(tl_server *s, tl_peer_server *p, const tl_store_event *event, bool is_end)
{
    TL_ASSERT(p && (p->first == NULL) == (p->last == NULL));
    size_t size = is_end ? 0 : event->size;
    tl_followed_record *record = alloc_record(s, size);
    if (record == NULL) {
        tl_server_fail(s, TL_SERVER_FAILED, "no memory is left to follow the other servers; raise memory_bytes");
        return;
    }
    *record = (tl_followed_record){.tick = event->tick,
                                   .epoch = event->epoch,
                                   .begun_us = event->begun_us,
                                   .is_end = is_end,
                                   .heir = event->heir,
                                   .size = size};
    if (is_end) {
        record->end_serial = s->peers.ends_queued++;
    }
    if (is_end && event->epoch > p->end_known_epoch) {
        p->end_known_epoch = event->epoch;
    }
    if (size) {
        memcpy(record->data, event->data, size);
    }
    if (p->last) {
        p->last->next = record;
    } else {
        p->first = record;
    }
    p->last = record;
}

bool tl_records_can_apply(const tl_server *s, const tl_peer_server *p, const tl_followed_record *record, int64_t tick)
{
    TL_ASSERT(record == p->first && s->peers.ends_applied <= s->peers.ends_queued);
    if (record->is_end) {
        return record->end_serial == s->peers.ends_applied;
    }
    // A record this far ahead waits to be set aside, unless its epoch has ended with it.
    bool ended_ahead = record->epoch <= p->end_known_epoch && tl_world_clock_too_far(&s->time.clock, record->tick);
    if ((record->tick > tick && !ended_ahead) || (p->bad && record->epoch == p->bad_epoch)) {
        return false;
    }
    tl_need needs[TL_NEEDS_MAX];
    int count = tl_record_needs(record->data, record->size, needs, TL_NEEDS_MAX);
    for (int i = 0; i < count; i++) {
        if (!tl_peers_need_met(s, &needs[i])) {
            return false;
        }
    }
    return true;
}
