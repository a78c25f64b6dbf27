// Publishing: what of the world's changes goes into a stream, and when. Between changes nothing is computed: until when
// a stream's segment stays within the level's tolerance of level 0 is worked out when either changes, and put on the
// wheel.
#ifndef TRAMLINE_WORLD_PUBLISH_H
#define TRAMLINE_WORLD_PUBLISH_H

#include "world/stream.h"

// An entity comes into a stream, or leaves it. `stream` may be TL_NONE: nothing happens.
void tl_stream_enter(tl_streams *ss, int32_t stream, int32_t entity);
void tl_stream_leave(tl_streams *ss, int32_t stream, int32_t entity);
// The entity's level-0 state or carrier changed: publishes a new segment if the level's no longer holds, else works out
// until when it does.
void tl_stream_refresh(tl_streams *ss, int32_t stream, int32_t entity);

// ---- the wheel; a rank is the reason of its entries ----

// An entry is due: looks whether the slot's segment still holds.
void tl_stream_due(tl_streams *ss, const tl_wheel_entry *entry);
// The slot that an entry is about, NULL if it is gone.
const tl_slot *tl_stream_slot_of(const tl_streams *ss, const tl_wheel_entry *entry);
// The wheel jumped over tick `missed`: the entry is for the present tick now.
void tl_stream_postpone(tl_streams *ss, const tl_wheel_entry *entry, int64_t missed, int64_t tick);

// ---- turns ----

// Whether a stream is published and sent at a tick. Far levels are so only at every other tick, half of the streams at
// each: what changed in both ticks is sent once, and the error of a tick's delay is small beside their tolerance.
bool tl_stream_has_its_turn(const tl_streams *ss, int32_t stream, int64_t tick);
// Whether it had one in the ticks (after_tick, tick], or one of them could not wait for it.
bool tl_stream_had_its_turn(const tl_streams *ss, int32_t stream, int64_t after_tick, int64_t tick);

#endif
