#include "store/mvsqlite/slot.h"

#include <string.h>

static void put_head(unsigned char *to, const tl_mvsqlite_slot *head)
{
    TL_ASSERT(head->part == 0 || head->size > 0);
    memset(to, 0, TL_SLOT_HEAD_BYTES);
    tl_store_put(to, (uint64_t)head->tick, 8);
    tl_store_put(to + 8, (uint64_t)head->previous_tick, 8);
    tl_store_put(to + 16, head->begun_us, 8);
    tl_store_put(to + 24, head->sum, 8);
    tl_store_put(to + 32, head->epoch, 4);
    tl_store_put(to + 36, head->size, 4);
    tl_store_put(to + 40, head->part, 4);
    tl_store_put(to + 44, head->jump, 4);
    tl_store_put(to + 48, head->previous_sum, 8);
}

static void get_head(const unsigned char *from, tl_mvsqlite_slot *out)
{
    out->tick = (int64_t)tl_store_get(from, 8);
    out->previous_tick = (int64_t)tl_store_get(from + 8, 8);
    out->begun_us = tl_store_get(from + 16, 8);
    out->sum = tl_store_get(from + 24, 8);
    out->epoch = (uint32_t)tl_store_get(from + 32, 4);
    out->size = (uint32_t)tl_store_get(from + 36, 4);
    out->part = (uint32_t)tl_store_get(from + 40, 4);
    out->jump = (uint32_t)tl_store_get(from + 44, 4);
    out->previous_sum = tl_store_get(from + 48, 8);
}

int64_t tl_mvsqlite_slot_after(int64_t slot, const tl_mvsqlite_slot *head)
{
    return head->jump == 0 ? slot + 1 : (int64_t)head->jump - 1;
}

int64_t tl_mvsqlite_slot_parts(size_t size)
{
    return size == 0 ? 1 : (int64_t)((size + TL_SLOT_DATA_BYTES - 1) / TL_SLOT_DATA_BYTES);
}

uint64_t tl_mvsqlite_slot_record_sum(const tl_mvsqlite_log *log, const tl_mvsqlite_slot *slot, const void *body,
                                     size_t size)
{
    const int64_t columns[] = {
        (int64_t)log->world_us, log->number, slot->epoch, slot->tick, slot->previous_tick, (int64_t)slot->previous_sum,
        (int64_t)slot->begun_us};
    return tl_store_row_sum('r', columns, sizeof(columns) / sizeof(columns[0]), body, size);
}

tl_result tl_mvsqlite_slot_read(tl_mvsqlite_log *log, int64_t slot, tl_mvsqlite_slot *head, void *data,
                                size_t data_bytes, tl_fault *fault)
{
    TL_ASSERT(data_bytes <= TL_SLOT_DATA_BYTES && (data_bytes == 0 || data));
    sqlite3_bind_int64(log->get_slot, 1, slot);
    tl_result result = tl_sqlite_file_step(&log->file, log->get_slot, fault);
    if (result == TL_AGAIN) {
        return tl_mvsqlite_log_damaged(log, "the chain of slots", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    const unsigned char *body = sqlite3_column_blob(log->get_slot, 0);
    bool sound = body && sqlite3_column_bytes(log->get_slot, 0) == TL_SLOT_BYTES;
    if (sound) {
        get_head(body, head);
        if (data_bytes > 0) {
            memcpy(data, body + TL_SLOT_HEAD_BYTES, data_bytes);
        }
    }
    sqlite3_reset(log->get_slot);
    return sound ? TL_OK : tl_mvsqlite_log_damaged(log, "a slot", fault);
}

// The slot before that one in the ring, if it is where it mostly is. TL_AGAIN: it is not; chains go forward only.
static tl_result read_before(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, int64_t slot, int64_t *before,
                             tl_mvsqlite_slot *out, tl_fault *fault)
{
    const int64_t guesses[] = {slot - 1, head->slots - 1};
    for (int i = 0; i < 2; i++) {
        *before = guesses[i];
        if (*before < 0) {
            continue;
        }
        tl_result result = tl_mvsqlite_slot_read(log, *before, out, NULL, 0, fault);
        if (result != TL_OK || tl_mvsqlite_slot_after(*before, out) == slot) {
            return result;
        }
    }
    return TL_AGAIN;
}

static tl_result find_forward(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, int64_t tick, int64_t *slot,
                              int64_t *passed, tl_mvsqlite_slot *out, tl_fault *fault)
{
    *slot = head->first;
    for (*passed = 0; *passed < head->used; ++*passed) {
        tl_result result = tl_mvsqlite_slot_read(log, *slot, out, NULL, 0, fault);
        if (result != TL_OK || out->tick > tick) {
            return result;
        }
        *slot = tl_mvsqlite_slot_after(*slot, out);
    }
    return TL_AGAIN;
}

tl_result tl_mvsqlite_slots_find(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, int64_t tick, int64_t *slot,
                                 int64_t *passed, tl_mvsqlite_slot *out, tl_fault *fault)
{
    *slot = head->next;
    *passed = head->used;
    if (tick >= head->base.tick) {
        return TL_AGAIN;
    }
    while (*passed > 0) {
        int64_t before = 0;
        tl_mvsqlite_slot at;
        tl_result result = read_before(log, head, *slot, &before, &at, fault);
        if (result == TL_AGAIN) {
            return find_forward(log, head, tick, slot, passed, out, fault);
        }
        if (result != TL_OK) {
            return result;
        }
        if (at.tick <= tick) {
            break;
        }
        *slot = before;
        *out = at;
        --*passed;
    }
    return *passed == head->used ? TL_AGAIN : TL_OK;
}

tl_result tl_mvsqlite_slot_write(tl_mvsqlite_log *log, int64_t slot, const tl_mvsqlite_slot *head, const void *data,
                                 size_t bytes, tl_fault *fault)
{
    TL_ASSERT(bytes <= TL_SLOT_DATA_BYTES && (bytes == 0 || data));
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    put_head(log->slot, head);
    if (bytes > 0) {
        memcpy(log->slot + TL_SLOT_HEAD_BYTES, data, bytes);
    }
    memset(log->slot + TL_SLOT_HEAD_BYTES + bytes, 0, TL_SLOT_DATA_BYTES - bytes);
    sqlite3_bind_int64(log->set_slot, 1, slot);
    sqlite3_bind_blob(log->set_slot, 2, log->slot, TL_SLOT_BYTES, SQLITE_STATIC);
    tl_result result = tl_sqlite_file_run(&log->file, log->set_slot, fault);
    sqlite3_bind_null(log->set_slot, 2);
    return result;
}

tl_result tl_mvsqlite_slots_add(tl_mvsqlite_log *log, tl_mvsqlite_head *head, int64_t count, int64_t next,
                                tl_fault *fault)
{
    TL_ASSERT(count > 0);
    TL_ASSERT(!sqlite3_get_autocommit(log->file.db));
    if (head->slots + count > TL_SLOTS_MAX) {
        return tl_fault_set(fault, TL_ERR_FULL, log->file.path,
                            "too many records are not truncated; let its server truncate them");
    }
    tl_result result = TL_OK;
    for (int64_t i = 0; i < count && result == TL_OK; i++) {
        result = tl_sqlite_file_run_with(&log->file, log->add_slots, (int64_t[]){head->slots + i, TL_SLOT_BYTES},
                                         fault);
    }
    tl_mvsqlite_slot last = {.jump = (uint32_t)(next + 1)};
    if (result == TL_OK) {
        result = tl_mvsqlite_slot_write(log, head->slots + count - 1, &last, NULL, 0, fault);
    }
    head->slots += count;
    return result;
}

tl_result tl_mvsqlite_slots_grow(tl_mvsqlite_log *log, tl_mvsqlite_head *head, int64_t count, tl_fault *fault)
{
    TL_ASSERT(count > 0);
    tl_mvsqlite_slot free_slot = {0};
    int64_t added = head->slots;
    tl_result result = tl_mvsqlite_slot_read(log, head->next, &free_slot, NULL, 0, fault);
    if (result == TL_OK) {
        result = tl_mvsqlite_slots_add(log, head, count, tl_mvsqlite_slot_after(head->next, &free_slot), fault);
    }
    if (result == TL_OK) {
        free_slot = (tl_mvsqlite_slot){.jump = (uint32_t)(added + 1)};
        result = tl_mvsqlite_slot_write(log, head->next, &free_slot, NULL, 0, fault);
    }
    return result;
}
