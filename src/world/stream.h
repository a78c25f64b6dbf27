// Streams: the slots of one tile at one level, their versions and their history. Part of the pyramid.
#ifndef TRAMLINE_WORLD_STREAM_H
#define TRAMLINE_WORLD_STREAM_H

#include "world/pyramid.h"

// An entity comes into a stream, or leaves it. `stream` may be TL_NONE: nothing happens.
void tl_stream_enter(tl_pyramid *p, int32_t stream, int32_t entity);
void tl_stream_leave(tl_pyramid *p, int32_t stream, int32_t entity);
// The entity's level-0 state or carrier changed: publishes a new segment if the level's no longer holds, else works out
// until when it does.
void tl_stream_refresh(tl_pyramid *p, int32_t stream, int32_t entity);
// The wheel has reached an entry: looks whether the slot's segment still holds.
void tl_stream_due(tl_pyramid *p, int32_t entity, int rank);
// The slot that an entry is about, NULL if it is gone.
const tl_slot *tl_stream_slot_of(const tl_pyramid *p, const tl_wheel_entry *entry);
// The wheel jumped over tick `missed`: the entry is for `tick` now.
void tl_stream_postpone(tl_pyramid *p, tl_wheel_entry entry, int64_t missed, int64_t tick);
// Takes down streams that nobody has subscribed to for a while.
void tl_streams_sweep(tl_pyramid *p);
void tl_stream_validate(const tl_pyramid *p, int32_t stream);
// Whether a stream is published and sent at a tick. Far levels are so only at every other tick, half of the streams at
// each: what changed in both ticks is sent once, and the error of a tick's delay is small beside their tolerance.
bool tl_stream_has_its_turn(const tl_pyramid *p, int32_t stream, int64_t tick);
// Whether it had one in the ticks (after_tick, tick], or one of them could not wait for it.
bool tl_stream_had_its_turn(const tl_pyramid *p, int32_t stream, int64_t after_tick, int64_t tick);
// Frees the chunks beyond TL_CHUNKS_KEPT. Must not be called while any of them is still to be written into a frame.
void tl_stream_drop_chunks(tl_pyramid *p, tl_stream *s);
// Whether the history goes back far enough for a chunk from that version.
bool tl_stream_can_continue(const tl_stream *s, uint32_t version);
// The tick at which the stream reached such a version.
int64_t tl_stream_reached_tick(const tl_stream *s, uint32_t version);

// pyramid.c's, for streams
void tl_pyramid_schedule(tl_pyramid *p, int32_t entity, int rank, int64_t due_tick);
void tl_pyramid_free_cell(tl_pyramid *p, int32_t cell);

#endif
