// A cursor map: which version of a stream is held, for each slot, as runs of slots. It almost always has one run. The
// server keeps one per client and stream (what it has sent), the view one per stream (what it has received).
#ifndef TRAMLINE_WIRE_CURSOR_H
#define TRAMLINE_WIRE_CURSOR_H

#include "base/base.h"

enum {
    TL_CURSOR_RUNS_MAX = 12,
    TL_STREAM_SLOTS_MAX = 1 << 17,
};
#define TL_SLOT_END 0xffffffffu // past every slot

typedef struct tl_cursor_run {
    uint32_t begin;   // the run ends at the next one's `begin`
    uint32_t version; // 0: nothing is held
    // On the server: the first datagram since the run was last sent from version 0; earlier losses do not affect it. In
    // the view: the tick at which the stream reached that version.
    uint64_t since;
} tl_cursor_run;

typedef struct tl_cursor_map {
    uint32_t run_count; // at least 1; runs[0].begin is 0
    tl_cursor_run runs[TL_CURSOR_RUNS_MAX];
} tl_cursor_map;

void tl_cursor_reset(tl_cursor_map *map); // nothing is held
// Sets slots [begin, end) as held at `version`. Runs of one version that were resent at different times stay separate:
// a joined run would count losses from before the newer one. They are joined only when the map is out of runs; if that
// is not enough, the last runs count as not held.
void tl_cursor_set(tl_cursor_map *map, uint32_t begin, uint32_t end, uint32_t version, uint64_t since);
// Joins runs that differ only by losses before that datagram, which cannot be reported any more.
void tl_cursor_settle(tl_cursor_map *map, uint64_t sequence);
// Whether all of [begin, end) is held at that version.
bool tl_cursor_is(const tl_cursor_map *map, uint32_t begin, uint32_t end, uint32_t version);
// The run that `slot` is in.
const tl_cursor_run *tl_cursor_at(const tl_cursor_map *map, uint32_t slot);
// The end of a run (exclusive).
static inline uint32_t tl_cursor_run_end(const tl_cursor_map *map, uint32_t run)
{
    return run + 1 < map->run_count ? map->runs[run + 1].begin : TL_SLOT_END;
}

#endif
