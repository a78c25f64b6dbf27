#include "client/view_nacks.h"

static bool is_newer(uint16_t sequence, uint16_t than)
{
    return (int16_t)(uint16_t)(sequence - than) > 0;
}

// Notes that the server must continue from what is held. Chunks of the same slots share a nack, which carries the
// newest datagram's sequence: whatever the server sends after that builds on the nack. A late datagram must not lower
// the sequence, or the server would ignore the nack. Returns false if there is no space.
bool tl_view_nack(tl_view *v, const tl_view_chunk *chunk)
{
    TL_ASSERT(v->nack_count <= TL_VIEW_NACKS_MAX && chunk->verdict == TL_VIEW_MISSED);
    const tl_chunk_head *head = &chunk->head;
    for (uint32_t i = 0; i < v->nack_count; i++) {
        tl_nack *n = &v->nacks[i];
        if (n->handle != head->handle || n->begin != head->begin || n->end != head->end) {
            continue;
        }
        if (is_newer(v->sequence, n->sequence)) {
            n->sequence = v->sequence;
        }
        n->tick = tl_max_i64(n->tick, chunk->to_tick);
        n->first_tick = tl_min_i64(n->first_tick, chunk->to_tick);
        return true;
    }
    if (v->nack_count == TL_VIEW_NACKS_MAX) {
        return false;
    }
    v->nacks[v->nack_count++] = (tl_nack){v->sequence, head->handle,   head->begin,
                                          head->end,   chunk->to_tick, chunk->to_tick};
    return true;
}

// Whether all of some slots are held as of a tick, or later.
bool tl_view_is_held(const tl_view_stream *stream, uint32_t begin, uint32_t end, int64_t tick)
{
    if (!stream->open) {
        return false;
    }
    for (uint32_t i = 0; i < stream->held.run_count; i++) {
        const tl_cursor_run *run = &stream->held.runs[i];
        if (run->begin >= end || tl_cursor_run_end(&stream->held, i) <= begin) {
            continue;
        }
        if (run->version == 0 || (int64_t)run->since < tick) {
            return false;
        }
    }
    return true;
}

// Drops nacks whose slots have all arrived.
void tl_view_drop_settled_nacks(tl_view *v, uint32_t handle)
{
    for (uint32_t i = 0; i < v->nack_count; i++) {
        const tl_nack *n = &v->nacks[i];
        if (n->handle == handle && tl_view_is_held(&v->streams[handle], n->begin, n->end, n->tick)) {
            v->nacks[i--] = v->nacks[--v->nack_count];
        }
    }
}

void tl_view_drop_nacks(tl_view *v, uint32_t handle)
{
    for (uint32_t i = 0; i < v->nack_count; i++) {
        if (v->nacks[i].handle == handle) {
            v->nacks[i--] = v->nacks[--v->nack_count];
        }
    }
}

// The handle was closed in this datagram: data missing in older ones is no longer needed.
void tl_view_drop_closed_nacks(tl_view *v, uint32_t handle)
{
    for (uint32_t i = 0; i < v->nack_count; i++) {
        const tl_nack *n = &v->nacks[i];
        if (n->handle == handle && !is_newer(n->sequence, v->sequence)) {
            v->nacks[i--] = v->nacks[--v->nack_count];
        }
    }
}

uint32_t tl_view_held(const tl_view *v, const tl_nack *nack)
{
    const tl_view_stream *stream = &v->streams[nack->handle];
    if (!stream->open) {
        return 0;
    }
    uint32_t version = tl_cursor_at(&stream->held, nack->begin)->version;
    return tl_cursor_is(&stream->held, nack->begin, nack->end, version) ? version : 0;
}

uint32_t tl_view_nack_parts(const tl_view *v, const tl_nack *nack, tl_nack_part parts[TL_CURSOR_RUNS_MAX])
{
    const tl_view_stream *stream = &v->streams[nack->handle];
    uint32_t count = 0;
    if (!stream->open) {
        parts[0] = (tl_nack_part){nack->begin, nack->end, 0};
        return 1;
    }
    for (uint32_t i = 0; i < stream->held.run_count; i++) {
        const tl_cursor_run *run = &stream->held.runs[i];
        uint32_t begin = run->begin > nack->begin ? run->begin : nack->begin,
                 run_end = tl_cursor_run_end(&stream->held, i);
        uint32_t end = run_end < nack->end ? run_end : nack->end;
        if (begin >= end || (run->version && (int64_t)run->since >= nack->tick)) {
            continue;
        }
        parts[count++] = (tl_nack_part){begin, end, run->version};
    }
    return count;
}
