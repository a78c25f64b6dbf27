#include "store/engine/work.h"
#include "base/memory.h"

#include <string.h>

tl_work *tl_work_create(tl_work_type type, const void *data, size_t size)
{
    TL_ASSERT(size == 0 || data);
    tl_work *work = tl_alloc(sizeof(*work) + size);
    if (!work) {
        return NULL;
    }
    memset(work, 0, sizeof(*work));
    work->type = type;
    work->size = size;
    if (size > 0) {
        memcpy(work->data, data, size);
    }
    return work;
}

tl_work *tl_work_create_fence(tl_server_number server, uint32_t epoch, int64_t tick)
{
    tl_work *work = tl_work_create(TL_WORK_FENCE, NULL, 0);
    if (work) {
        work->server = server;
        work->epoch = epoch;
        work->tick = tick;
    }
    return work;
}

tl_work *tl_work_create_quarantine(tl_server_number server, uint32_t epoch, int64_t tick, const void *bad,
                                   size_t bad_bytes)
{
    tl_work *work = tl_work_create(TL_WORK_FENCE, bad, bad ? bad_bytes : 0);
    if (work) {
        work->server = server;
        work->epoch = epoch;
        work->tick = tick;
        work->quarantine = true;
        work->has_bad = bad != NULL;
    }
    return work;
}

bool tl_work_is_about(const tl_work *quarantine, const void *data, size_t size)
{
    TL_ASSERT(quarantine->type == TL_WORK_FENCE && quarantine->quarantine);
    if (!quarantine->has_bad) {
        return true;
    }
    return quarantine->size == size && (size == 0 || memcmp(quarantine->data, data, size) == 0);
}

void tl_work_queue_push(tl_work_queue *queue, tl_work *work)
{
    TL_ASSERT(!queue->last == !queue->first);
    work->next = NULL;
    if (queue->last) {
        queue->last->next = work;
    } else {
        queue->first = work;
    }
    queue->last = work;
    queue->count++;
    queue->bytes += work->size;
}

tl_work *tl_work_queue_pop(tl_work_queue *queue)
{
    TL_ASSERT(!queue->first == (queue->count == 0));
    tl_work *work = queue->first;
    if (!work) {
        return NULL;
    }
    queue->first = work->next;
    if (!queue->first) {
        queue->last = NULL;
    }
    TL_ASSERT(queue->count > 0 && queue->bytes >= work->size);
    queue->count--;
    queue->bytes -= work->size;
    work->next = NULL;
    return work;
}

void tl_work_queue_clear(tl_work_queue *queue)
{
    for (tl_work *work = tl_work_queue_pop(queue); work; work = tl_work_queue_pop(queue)) {
        tl_free(work);
    }
}

bool tl_work_queue_is_full(const tl_work_queue *queue, size_t size, size_t count_max)
{
    TL_ASSERT(count_max > 0);
    return queue->count >= count_max || queue->bytes + size > TL_STORE_QUEUE_BYTES_MAX;
}

tl_note *tl_note_create(tl_store_event_type type, size_t size)
{
    tl_note *note = tl_alloc(sizeof(*note) + size);
    if (!note) {
        return NULL;
    }
    memset(note, 0, sizeof(*note));
    note->event.type = type;
    note->event.data = note->data;
    note->event.size = size;
    return note;
}

void tl_note_queue_push(tl_note_queue *queue, tl_note *note)
{
    TL_ASSERT(!queue->last == !queue->first);
    note->next = NULL;
    if (queue->last) {
        queue->last->next = note;
    } else {
        queue->first = note;
    }
    queue->last = note;
    queue->count++;
    queue->bytes += note->event.size;
}

tl_note *tl_note_queue_pop(tl_note_queue *queue)
{
    TL_ASSERT(!queue->first == (queue->count == 0));
    tl_note *note = queue->first;
    if (!note) {
        return NULL;
    }
    queue->first = note->next;
    if (!queue->first) {
        queue->last = NULL;
    }
    TL_ASSERT(queue->count > 0 && queue->bytes >= note->event.size);
    queue->count--;
    queue->bytes -= note->event.size;
    note->next = NULL;
    return note;
}

void tl_note_queue_clear(tl_note_queue *queue)
{
    for (tl_note *note = tl_note_queue_pop(queue); note; note = tl_note_queue_pop(queue)) {
        tl_free(note);
    }
}

tl_result tl_world_info_check(const tl_world_info *info)
{
    if (info->format != TL_STORE_FORMAT) {
        return TL_ERR_VERSION;
    }
    if (info->tick_hz < 1 || info->tick_hz > 240) {
        return TL_ERR_INVALID;
    }
    if (strnlen(info->scenario, sizeof(info->scenario)) == sizeof(info->scenario)) {
        return TL_ERR_INVALID;
    }
    return TL_OK;
}

void tl_store_put(unsigned char *to, uint64_t value, int bytes)
{
    TL_ASSERT(bytes >= 1 && bytes <= 8);
    for (int i = 0; i < bytes; i++) {
        to[i] = (unsigned char)(value >> (8 * i));
    }
}

uint64_t tl_store_get(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    TL_ASSERT(bytes >= 1 && bytes <= 8);
    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}

// Four lanes, so that a sum of a large record costs little more than reading it.
uint64_t tl_store_sum(uint64_t a, uint64_t b, const void *data, size_t size)
{
    TL_ASSERT(size == 0 || data);
    uint64_t lanes[4] = {a + TL_SPLITMIX_STEP, b + 0xbf58476d1ce4e5b9u, size, 1};
    const unsigned char *bytes = data;
    size_t left = size;
    while (left > 0) {
        unsigned char block[32] = {0};
        size_t taken = left < sizeof(block) ? left : sizeof(block);
        memcpy(block, bytes, taken);
        for (int i = 0; i < 4; i++) {
            uint64_t word = 0;
            memcpy(&word, block + 8 * i, 8);
            lanes[i] = (lanes[i] ^ word) * 0x9fb21c651e98df25u;
            lanes[i] ^= lanes[i] >> 29;
        }
        bytes += taken;
        left -= taken;
    }
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        sum = tl_mix(sum + lanes[i] + TL_SPLITMIX_STEP);
    }
    return sum;
}

uint64_t tl_store_row_sum(char table, const int64_t *columns, size_t count, const void *data, size_t size)
{
    uint64_t numbers = tl_store_sum((uint64_t)table, count, columns, count * sizeof(*columns));
    return tl_store_sum((uint64_t)table, numbers, data, size);
}
