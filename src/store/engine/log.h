// What every backend's log of a server says about itself, for any backend; and faults.
#ifndef TRAMLINE_STORE_ENGINE_LOG_H
#define TRAMLINE_STORE_ENGINE_LOG_H

#include "store/engine/work.h"

enum {
    TL_HEIR_NONE = -1, // the epoch goes on
    TL_HEIR_LEFT = 0,  // it ended in order, nobody has taken over yet
};

typedef struct tl_log_head {
    uint32_t epoch; // 0: nobody has joined yet
    int64_t tick;   // last committed, -1: none
    int heir;
    uint64_t sum; // of the record of that tick, and so of all before it; 0: not known
} tl_log_head;

typedef struct tl_log_epoch {
    uint64_t began_us;
    int64_t began_tick; // the log's last tick when it began
    uint64_t ended_us;
    int64_t last_tick;
    int heir;
    // Their place among what all logs say: ticks (tl_log_order()), or the versions of a database.
    uint64_t began_order, ended_order;
} tl_log_epoch;

// The order between logs whose backend defines none. It goes by ticks because servers' wall clocks differ: what a
// server had received when it made a record was of an earlier tick. An epoch ends, and the next begins, after its
// tick.
static inline uint64_t tl_log_order(int64_t tick, bool is_epoch)
{
    return (uint64_t)(tick + 1) * 2 + is_epoch;
}

// What is wrong, where, and what to do.
typedef struct tl_fault {
    tl_result result;
    char text[256];
} tl_fault;

// of the release before: a directory of it can be read and copied (store/sqlite/former.h)
enum { TL_STORE_FORMAT_FORMER = 1 };
// Another format than ours was found: what to do. TL_ERR_VERSION.
tl_result tl_fault_format(tl_fault *fault, const char *place, int64_t format);
#define TL_CREATE_READ_ONLY_TEXT "cannot be both created and opened for reading only; set one of create and read_only"

// "place: text", of a long place only the end; returns the result.
tl_result tl_fault_set(tl_fault *fault, tl_result result, const char *place, const char *text);
// The fault's text, or none if the result is TL_OK, into `text` (may be NULL); returns the result.
tl_result tl_fault_report(tl_result result, const tl_fault *fault, char *text, size_t text_bytes);

#endif
