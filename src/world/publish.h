// Publishing: which changes of the world enter a stream, and when. Nothing is computed between changes: when either
// changes, the time until which the stream's segment stays within the level's tolerance of level 0 is computed and put
// on the wheel.
#ifndef TRAMLINE_WORLD_PUBLISH_H
#define TRAMLINE_WORLD_PUBLISH_H

#include "world/stream.h"

// Adds an entity to a stream, or removes it. If `stream` is TL_NONE, nothing happens.
void tl_stream_enter(tl_streams *ss, int32_t stream, int32_t entity);
void tl_stream_leave(tl_streams *ss, int32_t stream, int32_t entity);
// Called when the entity's level-0 state or carrier changed: publishes a new segment if the level's no longer holds;
// otherwise computes until when it does.
void tl_stream_refresh(tl_streams *ss, int32_t stream, int32_t entity);

// ---- the wheel; the reason of an entry is its rank ----

// Handles a due entry: checks whether the slot's segment still holds.
void tl_stream_due(tl_streams *ss, const tl_wheel_entry *entry);
// The slot that an entry refers to; NULL if it is gone.
const tl_slot *tl_stream_slot_of(const tl_streams *ss, const tl_wheel_entry *entry);
// The wheel skipped tick `missed`: moves the entry to the present tick.
void tl_stream_postpone(tl_streams *ss, const tl_wheel_entry *entry, int64_t missed, int64_t tick);

// ---- turns ----

// Whether a stream is published and sent at a tick. Far levels have their turn only at every other tick, half of the
// streams at each: changes of both ticks are sent once, and the error of a tick's delay is small relative to their
// tolerance.
bool tl_stream_has_its_turn(const tl_streams *ss, int32_t stream, int64_t tick);
// Whether it had a turn in the ticks (after_tick, tick], or an urgent change outside its turn.
bool tl_stream_had_its_turn(const tl_streams *ss, int32_t stream, int64_t after_tick, int64_t tick);

#endif
