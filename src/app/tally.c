#include "app/tally.h"

#include "base/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKPOINT_CAPACITY_MIN = 1024 };

void tally_init(tally *t)
{
    memset(t, 0, sizeof *t);
    t->checkpoint_tick = -1;
    for (int i = 0; i <= TL_SERVERS_MAX; i++) {
        t->logs[i].tick = t->logs[i].first_tick = t->logs[i].last_tick = -1;
    }
}

void tally_free(tally *t)
{
    free(t->checkpoints);
}

// ---- sums ----------------------------------------------------------------------------------------------------------

static uint64_t add(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * 0x9fb21c651e98df25u;
    return sum ^ (sum >> 29);
}

static uint64_t add_bytes(uint64_t sum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (; size >= sizeof(uint64_t); bytes += sizeof(uint64_t), size -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        sum = add(sum, word);
    }
    uint64_t rest = 0;
    if (size > 0) {
        memcpy(&rest, bytes, size);
    }
    return add(sum, rest);
}

static uint64_t add_event(uint64_t sum, const tl_store_event *event)
{
    const uint64_t words[] = {event->type,           event->server, event->heir,     event->epoch,
                              (uint64_t)event->tick, event->group,  event->begun_us, event->size};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        sum = add(sum, words[i]);
    }
    return add_bytes(add_bytes(sum, event->name, strlen(event->name)), event->data, event->size);
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

static tally_checkpoint *find(tally_checkpoint *table, size_t capacity, tl_group_id group)
{
    TL_ASSERT(capacity > 0 && (capacity & (capacity - 1)) == 0); // a power of two with empty places
    size_t i = (size_t)(add(0, group) & (capacity - 1));
    while (table[i].group != 0 && table[i].group != group) {
        i = (i + 1) & (capacity - 1);
    }
    return &table[i];
}

static bool grow(tally *t)
{
    size_t capacity = t->checkpoint_capacity ? t->checkpoint_capacity * 2 : CHECKPOINT_CAPACITY_MIN;
    tally_checkpoint *table = calloc(capacity, sizeof *table);
    if (!table) {
        return false;
    }
    for (size_t i = 0; i < t->checkpoint_capacity; i++) {
        if (t->checkpoints[i].group) {
            *find(table, capacity, t->checkpoints[i].group) = t->checkpoints[i];
        }
    }
    free(t->checkpoints);
    t->checkpoints = table;
    t->checkpoint_capacity = capacity;
    return true;
}

// Of a group that is reported again the newest counts, and that is the last one reported.
static bool take_checkpoint(tally *t, const tl_store_event *event)
{
    if (event->group == 0 || ((t->checkpoint_count + 1) * 2 > t->checkpoint_capacity && !grow(t))) {
        return event->group == 0;
    }
    tally_checkpoint *known = find(t->checkpoints, t->checkpoint_capacity, event->group);
    if (known->group) {
        t->checkpoint_count--;
        t->checkpoints_empty -= known->size == 0;
        t->checkpoint_bytes -= known->size;
        t->checkpoint_sum -= known->sum;
    }
    *known = (tally_checkpoint){.group = event->group, .sum = add_event(1, event), .size = event->size};
    t->checkpoint_count++;
    t->checkpoints_empty += event->size == 0;
    t->checkpoint_bytes += event->size;
    t->checkpoint_sum += known->sum;
    t->checkpoint_tick = event->tick > t->checkpoint_tick ? event->tick : t->checkpoint_tick;
    return true;
}

// ---- logs ----------------------------------------------------------------------------------------------------------

static void take_of_log(tally *t, tally_log *log, const tl_store_event *event)
{
    bool ends = event->type == TL_STORE_FENCED;
    if (ends && log->ended) {
        log->sum = log->open_sum; // reported before without its heir
    }
    log->known = true;
    log->ended = ends;
    log->open_sum = log->sum;
    log->sum = add_event(log->sum, event);
    log->epoch = event->epoch;
    log->tick = event->tick;
    if (event->type == TL_STORE_SERVER) {
        snprintf(log->name, sizeof log->name, "%s", event->name);
    } else if (event->type == TL_STORE_RECORD) {
        log->first_tick = log->records ? log->first_tick : event->tick;
        log->last_tick = event->tick;
        log->records++;
        log->bytes += event->size;
        t->records++;
        t->bytes += event->size;
    }
}

bool tally_take(tally *t, const tl_store_event *event)
{
    bool of_log = event->type == TL_STORE_SERVER || event->type == TL_STORE_RECORD || event->type == TL_STORE_FENCED;
    if (of_log && event->server >= 1 && event->server <= TL_SERVERS_MAX) {
        take_of_log(t, &t->logs[event->server], event);
    }
    return event->type != TL_STORE_CHECKPOINT || take_checkpoint(t, event);
}

// ---- comparing -----------------------------------------------------------------------------------------------------

const char *tally_difference(const tally *source, const tally *copy, char *text, size_t text_bytes)
{
    for (int i = 1; i <= TL_SERVERS_MAX; i++) {
        const tally_log *a = &source->logs[i], *b = &copy->logs[i];
        if (a->known != b->known || a->records != b->records || a->bytes != b->bytes || a->sum != b->sum) {
            snprintf(text, text_bytes,
                     "server %s (%d) has %" PRIu64 " records of %" PRIu64 " bytes up to tick %" PRId64
                     ", in the copy %" PRIu64 " of %" PRIu64 " bytes up to tick %" PRId64 "%s",
                     a->known ? a->name : b->name, i, a->records, a->bytes, a->tick, b->records, b->bytes, b->tick,
                     a->bytes == b->bytes && a->records == b->records ? ", with different contents" : "");
            return text;
        }
    }
    if (source->checkpoint_count != copy->checkpoint_count || source->checkpoint_bytes != copy->checkpoint_bytes ||
        source->checkpoint_sum != copy->checkpoint_sum) {
        snprintf(text, text_bytes,
                 "it has %" PRIu64 " checkpoints of %" PRIu64 " bytes, the copy %" PRIu64 " of %" PRIu64 " bytes%s",
                 source->checkpoint_count, source->checkpoint_bytes, copy->checkpoint_count, copy->checkpoint_bytes,
                 source->checkpoint_bytes == copy->checkpoint_bytes ? ", with different contents" : "");
        return text;
    }
    return NULL;
}
