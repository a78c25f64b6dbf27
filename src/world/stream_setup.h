// Which streams there are: set up for their first subscriber, taken down when nobody has subscribed for a while.
#ifndef TRAMLINE_WORLD_STREAM_SETUP_H
#define TRAMLINE_WORLD_STREAM_SETUP_H

#include "world/stream.h"

enum {
    TL_STREAM_LINGER_TICKS = 100, // without subscribers, before it is taken down
    // a stream in which nothing changes gets a new version now and then all the same: ages stay small
    TL_QUIET_TICKS_MAX = 1 << 30,
};

// Subscribes to one of a tile's streams (coarser: 0 or 1). Its index, or TL_NONE if a limit was reached.
int32_t tl_stream_acquire(tl_streams *ss, int32_t tile, int coarser);
void tl_stream_release(tl_streams *ss, int32_t stream);
// Once a tick: takes down streams that nobody needs, and builds those anew that have far too many slots.
void tl_streams_sweep(tl_streams *ss);
void tl_stream_validate(const tl_streams *ss, int32_t stream);

#endif
