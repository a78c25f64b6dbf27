// What somebody knows of the ends of all logs. Each log keeps it beside its own end, and so does the world's manifest:
// what one file has lost, another one shows. Ends only move forward, so a log behind what another has seen was
// damaged.
#ifndef TRAMLINE_STORE_ENGINE_HEADS_H
#define TRAMLINE_STORE_ENGINE_HEADS_H

#include "store/engine/log.h"

typedef struct tl_heads {
    uint64_t world_serial;                // how often the manifest had changed, 0: not known
    tl_log_head logs[TL_SERVERS_MAX + 1]; // by number; epoch 0: not known
} tl_heads;

enum { TL_HEADS_BYTES_MAX = 8 + TL_SERVERS_MAX * 24 };

// Whether `a` is an earlier end of the same log than `b`.
bool tl_log_head_is_behind(const tl_log_head *a, const tl_log_head *b);
// Takes over what `from` knows later; true if anything was.
bool tl_heads_merge(tl_heads *heads, const tl_heads *from);
// To bytes (at most TL_HEADS_BYTES_MAX; returns how many), and back; false if they are malformed.
size_t tl_heads_write(const tl_heads *heads, unsigned char *out);
bool tl_heads_read(tl_heads *out, const void *data, size_t size);
// "DIR/alpha.log.db: ...": its end is behind what `witness` has seen of it. TL_ERR_CORRUPT.
tl_result tl_heads_fault(const char *place, const tl_log_head *found, const tl_log_head *seen, const char *witness,
                         tl_fault *fault);

#endif
