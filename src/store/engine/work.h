// Shared by the backends: limits, names, sums, and the bounded queues of what is to be done (work) and of what is to be
// reported (notes). Queues are plain lists without locks: their owner locks them.
#ifndef TRAMLINE_STORE_ENGINE_WORK_H
#define TRAMLINE_STORE_ENGINE_WORK_H

#include "base/base.h"
#include "tramline/store.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TL_STORE_RECORDS_MAX = 64,           // that wait for their commit
    TL_STORE_MAINTENANCE_MAX = 4096,     // checkpoints and truncations that wait
    TL_STORE_FENCES_MAX = 1024,          // that wait
    TL_STORE_QUEUE_BYTES_MAX = 64 << 20, // of each of these queues
    TL_STORE_UNPOLLED_MAX = 4096,        // own notes (COMMITTED and so on) not yet polled; then submit() is full
};

typedef enum tl_work_type {
    TL_WORK_RECORD,
    TL_WORK_CHECKPOINT,
    TL_WORK_TRUNCATE,
    TL_WORK_FENCE,
} tl_work_type;

typedef struct tl_work {
    struct tl_work *next;
    tl_work_type type;
    tl_server_number server; // FENCE
    uint32_t epoch;          // FENCE
    bool quarantine;         // FENCE: although later records are committed
    bool has_bad;            // quarantine: `data` has the first of them, as it was read
    int64_t tick;
    tl_group_id group; // CHECKPOINT
    uint64_t begun_us; // RECORD
    uint64_t due_us;   // memory only: when it is done
    size_t size;
    unsigned char data[];
} tl_work;

typedef struct tl_work_queue {
    tl_work *first, *last;
    size_t count, bytes;
} tl_work_queue;

// A piece of work with its own copy of the data; NULL if out of memory. Freed with free().
tl_work *tl_work_create(tl_work_type type, const void *data, size_t size);
tl_work *tl_work_create_fence(tl_server_number server, uint32_t epoch, int64_t tick);
tl_work *tl_work_create_quarantine(tl_server_number server, uint32_t epoch, int64_t tick, const void *bad,
                                   size_t bad_bytes);
// Whether that is the record after a quarantine's tick that it is about.
bool tl_work_is_about(const tl_work *quarantine, const void *data, size_t size);
void tl_work_queue_push(tl_work_queue *queue, tl_work *work);
// The first, or NULL; the caller frees it.
tl_work *tl_work_queue_pop(tl_work_queue *queue);
void tl_work_queue_clear(tl_work_queue *queue);
// Whether one more of `size` would be past the limits.
bool tl_work_queue_is_full(const tl_work_queue *queue, size_t size, size_t count_max);

// An event with its own copy of the data.
typedef struct tl_note {
    struct tl_note *next;
    uint64_t order; // its place among what all logs say
    // RECORD: its own, and that of the one before it, which its own covers; 0: there is none
    uint64_t sum, previous_sum;
    tl_store_event event;
    unsigned char data[];
} tl_note;

typedef struct tl_note_queue {
    tl_note *first, *last;
    size_t count, bytes;
} tl_note_queue;

// A note of that type with space for `size` bytes, event.data pointing at them. NULL if out of memory.
tl_note *tl_note_create(tl_store_event_type type, size_t size);
void tl_note_queue_push(tl_note_queue *queue, tl_note *note);
tl_note *tl_note_queue_pop(tl_note_queue *queue);
void tl_note_queue_clear(tl_note_queue *queue);

tl_result tl_world_info_check(const tl_world_info *info);
// A 64-bit sum of stored bytes and of the two numbers they are stored under: finds damage, not malice.
uint64_t tl_store_sum(uint64_t a, uint64_t b, const void *data, size_t size);
// The same of a row of that table (a letter of its own), with so many columns of numbers.
uint64_t tl_store_row_sum(char table, const int64_t *columns, size_t count, const void *data, size_t size);
// A number in little endian, of 1 to 8 bytes.
void tl_store_put(unsigned char *to, uint64_t value, int bytes);
uint64_t tl_store_get(const unsigned char *from, int bytes);

#endif
