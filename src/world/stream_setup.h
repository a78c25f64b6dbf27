// The lifetime of streams: set up for their first subscriber, removed some time after the last one has left.
#ifndef TRAMLINE_WORLD_STREAM_SETUP_H
#define TRAMLINE_WORLD_STREAM_SETUP_H

#include "world/stream.h"

enum {
    TL_STREAM_LINGER_TICKS = 100, // without subscribers, before a stream is removed
    // an unchanged stream gets a new version now and then, so that ages stay small
    TL_QUIET_TICKS_MAX = 1 << 30,
};

// Subscribes to one of a tile's streams (coarser: 0 or 1). Returns its index, or TL_NONE if a limit was reached.
int32_t tl_stream_acquire(tl_streams *ss, int32_t tile, int coarser);
void tl_stream_release(tl_streams *ss, int32_t stream);
// Once a tick: removes unused streams, and rebuilds those that have far too many slots.
void tl_streams_sweep(tl_streams *ss);
void tl_stream_validate(const tl_streams *ss, int32_t stream);

#endif
