// A row of a log in mvsqlite that holds a record or a part of one; see store/mvsqlite/log.h.
#ifndef TRAMLINE_STORE_MVSQLITE_SLOT_H
#define TRAMLINE_STORE_MVSQLITE_SLOT_H

#include "store/mvsqlite/rows.h"

// The first bytes of a slot, little endian.
typedef struct tl_mvsqlite_slot {
    int64_t tick, previous_tick;
    uint64_t begun_us, sum;
    uint64_t previous_sum; // of the record before it, which its own sum covers
    uint32_t epoch;
    uint32_t size; // of the whole record
    uint32_t part; // 0: the record begins here
    uint32_t jump; // 0: the slot with the next number comes after it; else the one with this number less one
} tl_mvsqlite_slot;

// The slot that comes after this one in the ring.
int64_t tl_mvsqlite_slot_after(int64_t slot, const tl_mvsqlite_slot *head);
// How many a record of that size takes.
int64_t tl_mvsqlite_slot_parts(size_t size);
// The sum of a record whose slots have that head.
uint64_t tl_mvsqlite_slot_record_sum(const tl_mvsqlite_log *log, const tl_mvsqlite_slot *slot, const void *body,
                                     size_t size);
// Reads a slot's head, and up to `data_bytes` of what follows it.
tl_result tl_mvsqlite_slot_read(tl_mvsqlite_log *log, int64_t slot, tl_mvsqlite_slot *head, void *data,
                                size_t data_bytes, tl_fault *fault);
// The slot of the first record after `tick`, of those that the head knows of, and how many slots are passed before it.
// Looks from the newest on, where what is asked for mostly is. TL_AGAIN: there is none, and the slot is the free one.
tl_result tl_mvsqlite_slots_find(tl_mvsqlite_log *log, const tl_mvsqlite_head *head, int64_t tick, int64_t *slot,
                                 int64_t *passed, tl_mvsqlite_slot *out, tl_fault *fault);
// Writes over a slot; what the data leaves of it becomes zero, which costs nothing.
tl_result tl_mvsqlite_slot_write(tl_mvsqlite_log *log, int64_t slot, const tl_mvsqlite_slot *head, const void *data,
                                 size_t bytes, tl_fault *fault);
// Adds slots behind those that there are; the last one of them is followed by `next`.
tl_result tl_mvsqlite_slots_add(tl_mvsqlite_log *log, tl_mvsqlite_head *head, int64_t count, int64_t next,
                                tl_fault *fault);
// Makes the ring longer, right after its free slot.
tl_result tl_mvsqlite_slots_grow(tl_mvsqlite_log *log, tl_mvsqlite_head *head, int64_t count, tl_fault *fault);

#endif
