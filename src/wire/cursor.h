// A cursor map: which version of a stream is held, for each slot, as runs of slots. Almost always it is one run. The
// server keeps one for each client and stream (what it has sent), the view one for each stream (what it has).
#ifndef TRAMLINE_WIRE_CURSOR_H
#define TRAMLINE_WIRE_CURSOR_H

#include "base/base.h"

enum {
    TL_CURSOR_RUNS_MAX = 12,
    TL_STREAM_SLOTS_MAX = 1 << 17,
};
#define TL_SLOT_END 0xffffffffu // past every slot

typedef struct tl_cursor_run {
    uint32_t begin;   // up to the next run's begin
    uint32_t version; // 0: nothing is held
    // The server's: the datagram from which on the run is built anew; losses before it do not matter. The view's: the
    // tick at which the stream came to that version.
    uint64_t since;
} tl_cursor_run;

typedef struct tl_cursor_map {
    uint32_t run_count; // at least 1; runs[0].begin is 0
    tl_cursor_run runs[TL_CURSOR_RUNS_MAX];
} tl_cursor_map;

void tl_cursor_reset(tl_cursor_map *map); // nothing is held
// Slots [begin, end) are held at `version`. Runs of one version stay apart while they were built anew at different
// times: joined, they would count losses from before the newer one. Out of runs they are joined all the same, and if
// that is not enough the last ones count as not held.
void tl_cursor_set(tl_cursor_map *map, uint32_t begin, uint32_t end, uint32_t version, uint64_t since);
// Nothing before that datagram will be reported as lost any more: runs that only such losses told apart are joined.
void tl_cursor_settle(tl_cursor_map *map, uint64_t sequence);
// Whether all of [begin, end) is held at that version.
bool tl_cursor_is(const tl_cursor_map *map, uint32_t begin, uint32_t end, uint32_t version);
// The run that `slot` is in.
const tl_cursor_run *tl_cursor_at(const tl_cursor_map *map, uint32_t slot);
// The end of a run.
static inline uint32_t tl_cursor_run_end(const tl_cursor_map *map, uint32_t run)
{
    return run + 1 < map->run_count ? map->runs[run + 1].begin : TL_SLOT_END;
}

#endif
