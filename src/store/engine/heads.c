#include "store/engine/heads.h"

#include <string.h>

enum { HEAD_BYTES = 24 };

// How far an epoch has come: it goes on, it was left, it has an heir.
static int stage(const tl_log_head *head)
{
    return head->heir == TL_HEIR_NONE ? 0 : head->heir == TL_HEIR_LEFT ? 1 : 2;
}

bool tl_log_head_is_behind(const tl_log_head *a, const tl_log_head *b)
{
    if (a->epoch != b->epoch) {
        return a->epoch < b->epoch;
    }
    // An epoch may be ended before its last tick, for what follows is set aside: its end counts for more than its tick.
    return stage(a) != stage(b) ? stage(a) < stage(b) : a->tick < b->tick;
}

bool tl_heads_merge(tl_heads *heads, const tl_heads *from)
{
    bool any = from->world_serial > heads->world_serial;
    heads->world_serial = any ? from->world_serial : heads->world_serial;
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        if (from->logs[number].epoch > 0 && tl_log_head_is_behind(&heads->logs[number], &from->logs[number])) {
            heads->logs[number] = from->logs[number];
            any = true;
        }
    }
    return any;
}

size_t tl_heads_write(const tl_heads *heads, unsigned char *out)
{
    size_t size = 8;
    tl_store_put(out, heads->world_serial, 8);
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        const tl_log_head *head = &heads->logs[number];
        if (head->epoch == 0) {
            continue;
        }
        tl_store_put(out + size, (uint64_t)number, 2);
        tl_store_put(out + size + 2, (uint64_t)(head->heir + 1), 2);
        tl_store_put(out + size + 4, head->epoch, 4);
        tl_store_put(out + size + 8, (uint64_t)head->tick, 8);
        tl_store_put(out + size + 16, head->sum, 8);
        size += HEAD_BYTES;
    }
    TL_ASSERT(size <= TL_HEADS_BYTES_MAX);
    return size;
}

bool tl_heads_read(tl_heads *out, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    memset(out, 0, sizeof(*out));
    if (size < 8 || size > TL_HEADS_BYTES_MAX || (size - 8) % HEAD_BYTES != 0) {
        return false;
    }
    out->world_serial = tl_store_get(bytes, 8);
    for (size_t at = 8; at < size; at += HEAD_BYTES) {
        uint64_t number = tl_store_get(bytes + at, 2);
        tl_log_head head = {.epoch = (uint32_t)tl_store_get(bytes + at + 4, 4),
                            .tick = (int64_t)tl_store_get(bytes + at + 8, 8),
                            .heir = (int)tl_store_get(bytes + at + 2, 2) - 1,
                            .sum = tl_store_get(bytes + at + 16, 8)};
        if (number < 1 || number > TL_SERVERS_MAX || head.epoch == 0 || head.tick < -1 || head.heir > TL_SERVERS_MAX) {
            return false;
        }
        out->logs[number] = head;
    }
    return true;
}

tl_result tl_heads_fault(const char *place, const tl_log_head *found, const tl_log_head *seen, const char *witness,
                         tl_fault *fault)
{
    TL_ASSERT(tl_log_head_is_behind(found, seen));
    char text[240];
    snprintf(text, sizeof(text),
             "table head: ends at epoch %u, tick %lld%s, but %.32s has seen epoch %u, tick %lld%s; stop all servers, "
             "restore it "
             "from a copy (or inspect --accept-loss)",
             found->epoch, (long long)found->tick, stage(found) ? " (ended)" : "", witness, seen->epoch,
             (long long)seen->tick, stage(seen) ? " (ended)" : "");
    return tl_fault_set(fault, TL_ERR_CORRUPT, place, text);
}
