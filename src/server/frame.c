// Writes a client's frame: which chunks, in which order, in which datagrams.
#include "base/sort.h"
#include "server/session.h"

enum {
    PARTS_MAX = 4096,
    FRAME_DATAGRAMS_MAX = 256,
    HEAD_BYTES_MAX = 40,
    STREAM_SHARES = 4,           // of a frame: a stream's limit at first is one share
    VERSIONS_BEHIND_URGENT = 36, // of TL_HISTORY_VERSIONS: the rest is reserve for losses in transit
    // the order of streams, lower is earlier: four ticks of waiting weigh as much as a level; urgent streams come
    // before all others, however long those have waited
    URGENCY_PER_LEVEL = 64,
    URGENCY_PER_TICK = 16,
    URGENCY_WAITED_MAX = 1000, // ticks
    URGENCY_OF_THE_REST = 100000,
    SETTLED_AGE_MAX = UINT8_MAX, // in ticks: the newest settled tick is older, or nothing is settled yet
};

typedef struct part {
    const tl_chunk_bytes *chunk;
    tl_chunk_head head;
    uint32_t subscription;
} part;

struct tl_frame_scratch {
    part parts[PARTS_MAX];
    tl_sort_pair order[PARTS_MAX];
    tl_sent_part sent[PARTS_MAX];
};

size_t tl_frame_scratch_bytes(void)
{
    return sizeof(tl_frame_scratch);
}

// ---- which chunks ----

// How many versions a stream is behind, counting only those that can be continued from.
static uint32_t versions_behind(const tl_stream *stream, const tl_cursor_map *map)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < map->run_count; i++) {
        uint32_t behind = stream->history.version - map->runs[i].version;
        if (behind > most && map->runs[i].version && tl_history_reaches(&stream->history, map->runs[i].version)) {
            most = behind;
        }
    }
    return most;
}

// Lower is earlier. First come streams that will soon be too far behind to be continued, which would cost a whole tile;
// then the near levels, with each tick of waiting counted in.
static uint64_t urgency(const tl_session *s, const tl_subscription *sub, int64_t tick)
{
    const tl_stream *stream = &s->pyramid->streams.at[sub->stream];
    uint32_t behind = versions_behind(stream, &sub->cursors);
    if (behind >= VERSIONS_BEHIND_URGENT) {
        return TL_HISTORY_VERSIONS - behind;
    }
    int64_t waited = tl_min_i64(tick - sub->sent_tick, URGENCY_WAITED_MAX);
    return (uint64_t)(URGENCY_OF_THE_REST + stream->level * URGENCY_PER_LEVEL - waited * URGENCY_PER_TICK);
}

static bool is_behind(const tl_session *s, const tl_subscription *sub)
{
    return !tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, s->pyramid->streams.at[sub->stream].history.version);
}

static bool has_its_turn(const tl_session *s, const tl_subscription *sub, int64_t tick)
{
    // otherwise streams that are opened in each tick could keep a view from settling
    bool fresh = tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, 0);
    return fresh || tl_stream_had_its_turn(&s->pyramid->streams, sub->stream, s->frame_tick, tick);
}

static uint32_t order_subscriptions(tl_session *s, int64_t tick, tl_sort_pair *order)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->subscription_top; i++) {
        const tl_subscription *sub = &s->subscriptions[i];
        if (!sub->used || sub->closing || !is_behind(s, sub) || !has_its_turn(s, sub, tick)) {
            continue;
        }
        order[count++] = (tl_sort_pair){urgency(s, sub, tick), i};
    }
    tl_sort(order, count);
    return count;
}

static void make_head(const tl_session *s, const tl_subscription *sub, const tl_chunk_bytes *chunk, int64_t tick,
                      tl_chunk_head *head)
{
    const tl_stream *stream = &s->pyramid->streams.at[sub->stream];
    const tl_tile *tile = &s->pyramid->tiles.at[stream->tile];
    *head = (tl_chunk_head){.handle = sub->handle,
                            .whole = chunk->from == 0,
                            .tile_size = tile->size,
                            .level = stream->level,
                            .x = tile->x,
                            .y = tile->y,
                            .z = tile->z,
                            .begin = chunk->begin,
                            .end = chunk->end,
                            .size = chunk->size};
    head->from = chunk->from;
    head->from_width = chunk->from ? tl_from_width(stream->history.version_tick -
                                                   tl_history_tick(&stream->history, chunk->from))
                                   : 0;
    head->steps = stream->history.version - chunk->from;
    head->age_ticks = (uint32_t)(tick - stream->history.version_tick);
}

// Returns a chunk if the client has work left for it, or NULL: the chunk waits. Changes since a stream was last sent
// are free: every tick has them, and about as many. A tile that is coded whole is charged to each client that gets it.
// Data that is coded again, from a version and for slots that a loss or a nack has reset, is charged to the client it
// is coded for, unless others had it coded in this tick.
static const tl_chunk_bytes *chunk_for(tl_session *s, const tl_subscription *sub, uint32_t from, uint32_t begin,
                                       uint32_t limit)
{
    tl_streams *ss = &s->pyramid->streams;
    int32_t stream_index = sub->stream;
    const tl_stream *stream = &ss->at[stream_index];
    const tl_chunk_bytes *chunk = tl_chunk_find(ss, stream_index, from, begin, limit);
    bool costs = from == 0 || (chunk == NULL && sub->rewound);
    if (costs && !tl_work_may(&s->work, 1)) {
        return NULL;
    }
    uint64_t before = ss->work_count;
    if (chunk == NULL && (chunk = tl_chunk_make(ss, stream_index, from, begin, limit)) == NULL) {
        return NULL;
    }
    int64_t each = from == 0 ? TL_WORK_CHUNK : 0;
    int64_t made = (int64_t)(ss->work_count - before);
    if (costs) {
        tl_work_spend(&s->work, each + tl_chunk_work(stream, chunk), each + made, sub->is_new_tile && from == 0);
    }
    return chunk;
}

typedef enum taken { TAKEN_ALL, TAKEN_SHARE, TAKEN_BUDGET } taken; // what has been taken or used up

// Takes the chunks that one subscription waits for, as far as its share and the budget allow.
static taken take_chunks(tl_session *s, uint32_t index, int64_t tick, tl_frame_scratch *scratch, uint32_t *count,
                         double *budget, double share)
{
    tl_subscription *sub = &s->subscriptions[index];
    TL_ASSERT(sub->used && !sub->closing && sub->stream != TL_NONE);
    const tl_stream *stream = &s->pyramid->streams.at[sub->stream];
    if (sub->cursors.run_count > 1) {
        tl_cursor_settle(&sub->cursors, s->past_sequence);
    }
    tl_cursor_map runs = sub->cursors;
    for (uint32_t i = 0; i < runs.run_count; i++) {
        if (runs.runs[i].version == stream->history.version) {
            continue;
        }
        uint32_t from = tl_history_reaches(&stream->history, runs.runs[i].version) ? runs.runs[i].version : 0;
        uint32_t limit = tl_cursor_run_end(&runs, i);
        for (uint32_t begin = runs.runs[i].begin; begin < limit;) {
            if (*budget <= 0 || *count == PARTS_MAX) {
                return TAKEN_BUDGET;
            }
            if (share <= 0) {
                return TAKEN_SHARE;
            }
            const tl_chunk_bytes *chunk = chunk_for(s, sub, from, begin, limit);
            if (chunk == NULL) { // the client keeps what it has
                s->pace.waiting = true;
                break;
            }
            if (chunk->too_large) { // the kinds allow no state this large (chunk_fit.c); its cursor stays, and nothing
                                    // is settled
                begin = chunk->end;
                continue;
            }
            part *p = &scratch->parts[(*count)++];
            p->chunk = chunk;
            p->subscription = index;
            make_head(s, sub, chunk, tick, &p->head);
            *budget -= chunk->size + 3.0;
            share -= chunk->size + 3.0;
            tl_cursor_set(&sub->cursors, begin, chunk->end, stream->history.version, runs.runs[i].since);
            if (from == 0) {
                s->resends_whole++;
            }
            begin = chunk->end;
        }
    }
    sub->sent_tick = tick;
    sub->is_new_tile = false;
    if (sub->cursors.run_count == 1 && sub->cursors.runs[0].version == stream->history.version) {
        sub->rewound = false;
    }
    return TAKEN_ALL;
}

// If the budget is short, a stream with very many changes must not use it up before the others' turn: at first each
// takes at most one share, then those with more continue. If it is not, this makes no difference, since put_all()
// sorts.
static uint32_t take_all(tl_session *s, int64_t tick, tl_frame_scratch *scratch, double budget)
{
    uint32_t count = 0, waiting = order_subscriptions(s, tick, scratch->order);
    double share = budget / STREAM_SHARES;
    while (waiting) {
        uint32_t left = 0;
        for (uint32_t i = 0; i < waiting; i++) {
            taken how_far = take_chunks(s, scratch->order[i].value, tick, scratch, &count, &budget, share);
            if (how_far == TAKEN_SHARE) {
                scratch->order[left++] = scratch->order[i];
            }
            if (how_far == TAKEN_BUDGET) {
                s->pace.limited = s->pace.waiting = true;
                return count;
            }
        }
        waiting = left;
        share = budget;
    }
    return count;
}

// ---- which datagrams ----

typedef struct packer {
    tl_session *s;
    int64_t tick;
    uint64_t tick_time_us, now_us;
    unsigned char *out;
    size_t capacity, used;
    tl_writer w; // the open datagram
    bool open, first;
    size_t flags_at;
    int32_t last_handle;
    tl_sent_part *sent;
    uint32_t sent_count, ops, words;
} packer;

static uint64_t units(uint64_t us)
{
    return (uint64_t)tl_min_i64((int64_t)(us / TL_TIME_UNIT_US), TL_TIME_UNITS_MAX);
}

static void write_closes(packer *k)
{
    tl_session *s = k->s;
    size_t count_at = k->w.size;
    uint32_t count = 0;
    tl_write_fixed(&k->w, 0, 1);
    for (uint32_t i = 0; i < s->subscription_top && count < TL_CLOSES_MAX; i++) {
        tl_subscription *sub = &s->subscriptions[i];
        if (!sub->used || !sub->close_due) {
            continue;
        }
        sub->close_due = false;
        tl_write_varint(&k->w, sub->handle);
        k->sent[k->sent_count++] = (tl_sent_part){.handle = sub->handle};
        count++;
    }
    k->w.data[count_at] = (unsigned char)count;
}

static bool closes_due(const tl_session *s)
{
    for (uint32_t i = 0; i < s->subscription_top; i++) {
        if (s->subscriptions[i].used && s->subscriptions[i].close_due) {
            return true;
        }
    }
    return false;
}

static void open_datagram(packer *k)
{
    TL_ASSERT(!k->open);
    tl_session *s = k->s;
    uint64_t held = s->reported ? units(k->now_us - s->report_time_us) : TL_TIME_UNITS_MAX;
    int64_t settled = s->settled_tick < 0 ? SETTLED_AGE_MAX : tl_min_i64(k->tick - s->settled_tick, SETTLED_AGE_MAX);
    bool closes = closes_due(s), messages = tl_channel_due(&s->channel, k->now_us);
    tl_frame_head head = {.sequence = (uint16_t)s->next_sequence,
                          .tick = (uint32_t)k->tick,
                          .sent_units = (uint16_t)units(k->now_us - k->tick_time_us),
                          .ack = s->report_sequence,
                          .held_units = (uint16_t)held,
                          .settled = (uint8_t)settled};
    head.flags = (uint8_t)((k->first ? TL_FRAME_FIRST : 0) | (s->channel.ack_due ? TL_FRAME_CHANNEL_ACK : 0) |
                           (messages ? TL_FRAME_MESSAGES : 0) | (closes ? TL_FRAME_CLOSES : 0));
    k->first = false;
    k->open = true;
    k->last_handle = -1;
    k->sent_count = k->ops = k->words = 0;
    k->w = tl_writer_make(k->out + k->used + 2, TL_DATAGRAM_BYTES_MAX);
    tl_frame_head_write(&k->w, &head);
    k->flags_at = k->w.size - 1;
    if (s->channel.ack_due) {
        tl_write_fixed(&k->w, s->channel.expected, 2);
    }
    s->channel.ack_due = false;
    if (closes) {
        write_closes(k);
    }
    if (messages) {
        tl_channel_write(&s->channel, &k->w, k->now_us);
    }
}

// Resets the cursors of a datagram that cannot be noted, and makes its closes due again, as if it had been lost.
static void take_back(packer *k)
{
    tl_session *s = k->s;
    for (uint32_t i = 0; i < k->sent_count; i++) {
        const tl_sent_part *what = &k->sent[i];
        tl_subscription *sub = &s->subscriptions[s->by_handle[what->handle]];
        if (what->to == 0) {
            sub->close_due = true;
        } else {
            tl_cursor_set(&sub->cursors, what->begin, what->end, what->from, s->next_sequence + 1);
        }
    }
}

// Notes what the datagram carries. Without memory for that it counts as lost at once.
static void remember(packer *k)
{
    tl_session *s = k->s;
    tl_sent *sent = &s->sent[s->next_sequence % TL_IN_FLIGHT_MAX];
    TL_ASSERT(!sent->used);
    *sent = (tl_sent){.used = true, .time_us = k->now_us, .part_count = k->sent_count};
    sent->parts = k->sent_count ? tl_heap_alloc(s->heap, k->sent_count * sizeof *sent->parts) : NULL;
    if (k->sent_count && sent->parts == NULL) {
        sent->part_count = 0;
        take_back(k);
    }
    if (sent->part_count) {
        memcpy(sent->parts, k->sent, k->sent_count * sizeof *sent->parts);
    }
}

static void close_datagram(packer *k, bool last)
{
    tl_session *s = k->s;
    TL_ASSERT(k->open && k->used + 2 + k->w.size <= k->capacity);
    TL_ASSERT(!k->w.bad);
    if (last) {
        k->w.data[k->flags_at] |= TL_FRAME_LAST;
    }
    unsigned char *size_at = k->out + k->used;
    size_at[0] = (unsigned char)k->w.size;
    size_at[1] = (unsigned char)(k->w.size >> 8);
    k->used += 2 + k->w.size;
    remember(k);
    s->bytes_sent += k->w.size;
    tl_pace_sent(&s->pace, s->next_sequence, k->w.size, k->now_us);
    s->datagrams_sent++;
    s->next_sequence++;
    k->open = false;
}

static bool room_for(const packer *k)
{
    return k->capacity - k->used >= 2 + TL_DATAGRAM_BYTES_MAX &&
           k->s->next_sequence - k->s->oldest_sequence < TL_IN_FLIGHT_MAX - 1;
}

static bool fits(const packer *k, const tl_chunk_bytes *chunk)
{
    return k->w.capacity - k->w.size >= (size_t)chunk->size + TL_CHUNK_HEAD_BYTES_MAX &&
           k->ops + chunk->ops <= TL_DATAGRAM_OPS_MAX && k->words + chunk->words <= TL_DATAGRAM_WORDS_MAX;
}
_Static_assert((int)URGENCY_OF_THE_REST > (int)TL_HISTORY_VERSIONS + (int)URGENCY_WAITED_MAX * (int)URGENCY_PER_TICK,
               "what is urgent comes first");
// Any chunk fits into an empty datagram, with its head, an acknowledgement, and a section without messages.
_Static_assert(TL_CHUNK_BYTES_MAX + TL_CHUNK_HEAD_BYTES_MAX + 15 + 2 + 3 <= TL_DATAGRAM_BYTES_MAX, "chunks must fit");
_Static_assert((int)TL_CHUNK_OPS_MAX <= (int)TL_DATAGRAM_OPS_MAX &&
                   (int)TL_CHUNK_WORDS_MAX <= (int)TL_DATAGRAM_WORDS_MAX,
               "chunks must fit");

// Puts one chunk into the open datagram, or into the next. Returns false if the frame is full; the cursor is reset.
static bool put(packer *k, part *p)
{
    while (!fits(k, p->chunk)) { // a new datagram may be full at once, of closes and messages
        close_datagram(k, false);
        if (!room_for(k)) {
            return false;
        }
        open_datagram(k);
    }
    tl_chunk_head_write(&k->w, &p->head, &k->last_handle);
    tl_write_bytes(&k->w, p->chunk->data, p->chunk->size);
    TL_ASSERT(!k->w.bad);
    k->ops += p->chunk->ops;
    k->words += p->chunk->words;
    const tl_stream *stream = &k->s->pyramid->streams.at[k->s->subscriptions[p->subscription].stream];
    TL_ASSERT(k->sent_count < PARTS_MAX);
    k->sent[k->sent_count++] = (tl_sent_part){p->head.handle & 0xffff, p->head.begin, p->head.end, p->chunk->from,
                                              stream->history.version};
    k->s->chunks_sent++;
    return true;
}

static void put_all(packer *k, tl_frame_scratch *scratch, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        scratch->order[i] = (tl_sort_pair){(uint64_t)scratch->parts[i].head.handle << 32 | scratch->parts[i].head.begin,
                                           i};
    }
    tl_sort(scratch->order, count);
    bool room = true;
    for (uint32_t i = 0; i < count; i++) {
        part *p = &scratch->parts[scratch->order[i].value];
        if (room && (room = put(k, p))) {
            continue;
        }
        tl_subscription *sub = &k->s->subscriptions[p->subscription];
        tl_cursor_set(&sub->cursors, p->head.begin, p->head.end, p->chunk->from, k->s->next_sequence);
    }
}

// Closes streams that another set has replaced: once that set has arrived, or soon if the set is incomplete.
static void close_unwanted(tl_session *s, int64_t tick)
{
    for (uint32_t i = 0; i < s->subscription_top; i++) {
        tl_subscription *sub = &s->subscriptions[i];
        if (!sub->used || sub->closing || sub->unwanted_tick < 0) {
            continue;
        }
        bool arrived = s->settled_tick >= sub->unwanted_tick,
             soon = s->lacking && tick - sub->unwanted_tick > s->pyramid->streams.kinds->tick_hz;
        if (!arrived && !soon) {
            continue;
        }
        tl_stream_release(&s->pyramid->streams, sub->stream);
        sub->stream = TL_NONE;
        sub->closing = sub->close_due = true;
    }
}

// Whether a stream is behind only by the changes of this very tick. A stream of which nothing has been sent is behind
// by everything in it: its first version may be of this tick only because it was subscribed to just now.
static bool is_of_the_last_tick(const tl_session *s, const tl_subscription *sub, int64_t tick)
{
    const tl_stream *stream = &s->pyramid->streams.at[sub->stream];
    return stream->history.version > 1 && stream->history.version_tick == tick &&
           tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, stream->history.version - 1);
}

static void note_candidate(tl_session *s, int64_t tick)
{
    if (s->candidate_tick >= 0 || !s->anchored || s->deferred || s->lacking) {
        return;
    }
    int64_t whole_tick = tick;
    for (uint32_t i = 0; i < s->subscription_top; i++) {
        const tl_subscription *sub = &s->subscriptions[i];
        if (!sub->used || sub->closing || !is_behind(s, sub)) {
            continue;
        }
        if (!is_of_the_last_tick(s, sub, tick)) {
            return;
        }
        whole_tick = tick - 1;
    }
    s->candidate_tick = whole_tick;
    s->candidate_sequence = s->next_sequence - 1;
    s->candidate_broken = false;
}

static double refill(tl_session *s, uint64_t now_us)
{
    double rate = s->pace.rate, burst = tl_pace_burst(&s->pace);
    double seconds = s->allowance_time_us ? (double)(now_us - s->allowance_time_us) * 1e-6 : 0.05;
    s->allowance_time_us = now_us;
    s->allowance_bytes = fmin(s->allowance_bytes + seconds * rate, burst);
    return tl_pace_full(&s->pace) ? 0 : s->allowance_bytes;
}

size_t tl_frame_write(tl_session *s, int64_t tick, uint64_t tick_time_us, uint64_t now_us, tl_frame_scratch *scratch,
                      unsigned char *out, size_t capacity)
{
    packer k = {.s = s,
                .tick = tick,
                .tick_time_us = tick_time_us,
                .now_us = now_us,
                .out = out,
                .capacity = capacity,
                .first = true,
                .sent = scratch->sent};
    double budget = refill(s, now_us);
    uint64_t before = s->bytes_sent;
    close_unwanted(s, tick);
    if (!room_for(&k)) {
        return 0; // the client has been silent for long: nothing more is sent until it reports again or is dropped
    }
    uint32_t count = take_all(s, tick, scratch, budget);
    open_datagram(&k);
    put_all(&k, scratch, count);
    if (k.open) {
        close_datagram(&k, true);
    }
    s->allowance_bytes -= (double)(s->bytes_sent - before);
    s->frames++;
    s->frame_tick = tick;
    note_candidate(s, tick);
    return k.used;
}
