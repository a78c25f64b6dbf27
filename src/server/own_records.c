// This server's records that wait to be submitted, committed or mirrored.
#include "server/own_records.h"
#include "server/state.h"

void tl_own_records_submit(tl_server *s)
{
    for (uint32_t i = 0; i < s->records.count; i++) {
        tl_own_record *record = &s->records.waiting[(s->records.first + i) % TL_OWN_RECORDS_MAX];
        if (record->submitted) {
            continue;
        }
        tl_result result = tl_store_submit(s->def.store, record->tick, record->data, record->size,
                                           s->time.clock.wall_us);
        if (result != TL_OK) {
            return; // full: retried later; fenced: an event reports it
        }
        record->submitted = true;
        record->submitted_us = s->time.now_us;
    }
}

// Discards records that are both committed and mirrored.
void tl_own_records_drop_done(tl_server *s)
{
    TL_ASSERT(s->records.first < TL_OWN_RECORDS_MAX && s->records.count <= TL_OWN_RECORDS_MAX);
    while (s->records.count) {
        tl_own_record *record = &s->records.waiting[s->records.first];
        if (!record->committed || !record->applied) {
            return;
        }
        tl_ring_pop(&s->records.data, record->size);
        *record = (tl_own_record){0};
        s->records.first = (s->records.first + 1) % TL_OWN_RECORDS_MAX;
        s->records.count--;
    }
}

uint64_t tl_own_records_committed(tl_server *s, int64_t tick)
{
    uint64_t us = 0;
    for (uint32_t i = 0; i < s->records.count; i++) {
        tl_own_record *record = &s->records.waiting[(s->records.first + i) % TL_OWN_RECORDS_MAX];
        if (record->tick > tick) {
            break;
        }
        record->committed = true;
        us = s->time.now_us - record->submitted_us;
    }
    tl_own_records_drop_done(s);
    return us;
}

bool tl_own_records_ready(const tl_server *s, int64_t tick)
{
    for (uint32_t i = 0; i < s->records.count; i++) {
        const tl_own_record *record = &s->records.waiting[(s->records.first + i) % TL_OWN_RECORDS_MAX];
        if (record->tick > tick) {
            break;
        }
        if (!record->committed) {
            return false;
        }
    }
    return true;
}
