#include "server/session.h"

enum {
    COARSEN_SECONDS = 60,
    CHOOSE_EVERY_SECONDS = 5,
    OPEN_ENTITIES_A_TICK = 6000, // in newly subscribed streams
    // not available to tiles farther away than they are wide; nearer tiles take about as many at most
    HANDLES_FOR_NEAR = 512,
    SUBSCRIPTIONS_MIN = 128, // initial capacity
    PAST_REPORTS = 64, // enough, counting the even ones among them, for a client's nacks: 256 notes, 24 per report
};
static const double LOOK_AHEAD_M = 3; // how far an observer may get before what it then needs has arrived

void tl_session_init(tl_session *s, tl_heap *heap, tl_pyramid *pyramid, uint32_t kbit_s, int level_finest)
{
    memset(s, 0, sizeof *s);
    s->heap = heap, s->pyramid = pyramid, s->level_finest = level_finest;
    s->settled_tick = s->candidate_tick = s->frame_tick = -1;
    s->next_sequence = s->oldest_sequence = 1;
    s->kept_max = TL_HANDLES_MAX;
    tl_pace_init(&s->pace, kbit_s);
    for (int i = 0; i < TL_HANDLES_MAX; i++) {
        s->by_handle[i] = TL_NONE;
    }
    tl_channel_init(&s->channel, heap);
}

static tl_sent *sent_at(tl_session *s, uint64_t sequence)
{
    return &s->sent[sequence % TL_IN_FLIGHT_MAX];
}

static void forget_sent(tl_session *s, tl_sent *sent)
{
    TL_ASSERT(sent->used);
    tl_heap_free(s->heap, sent->parts, sent->part_count * sizeof *sent->parts);
    *sent = (tl_sent){0};
}

void tl_session_end(tl_session *s)
{
    TL_ASSERT(s->subscription_top <= s->subscription_capacity);
    for (uint32_t i = 0; i < s->subscription_top; i++) {
        if (s->subscriptions[i].used && s->subscriptions[i].stream != TL_NONE) {
            tl_stream_release(&s->pyramid->streams, s->subscriptions[i].stream);
        }
    }
    for (int i = 0; i < TL_IN_FLIGHT_MAX; i++) {
        if (s->sent[i].used) {
            forget_sent(s, &s->sent[i]);
        }
    }
    tl_heap_free(s->heap, s->subscriptions, s->subscription_capacity * sizeof *s->subscriptions);
    tl_channel_reset(&s->channel);
    s->subscriptions = NULL;
    s->subscription_top = s->subscription_capacity = 0;
}

// ---- which streams ----

static tl_subscription *new_subscription(tl_session *s)
{
    for (uint32_t i = 0; i < s->subscription_top; i++) {
        if (!s->subscriptions[i].used) {
            return &s->subscriptions[i];
        }
    }
    if (s->subscription_top == s->subscription_capacity) {
        uint32_t capacity = s->subscription_capacity ? s->subscription_capacity * 2 : SUBSCRIPTIONS_MIN;
        if (capacity > TL_HANDLES_MAX) {
            return NULL;
        }
        void *grown = tl_heap_grow(s->heap, s->subscriptions, s->subscription_capacity, capacity,
                                   sizeof *s->subscriptions);
        if (grown == NULL) {
            return NULL;
        }
        s->subscriptions = grown;
        s->subscription_capacity = capacity;
    }
    return &s->subscriptions[s->subscription_top++];
}

// Whether a handle is left for one more tile.
static bool has_handle(const tl_session *s, const tl_tile *tile)
{
    uint32_t left = s->handle_free_count + TL_HANDLES_MAX - s->handle_top;
    if (left > HANDLES_FOR_NEAR) {
        return true;
    }
    return left && tl_tile_distance_m(tile, s->observer) <= tl_level_tile_m(tile->size);
}

// Returns false if a limit was reached.
static bool open_subscription(tl_session *s, int32_t tile, int coarser, bool is_new_tile)
{
    tl_subscription *sub = new_subscription(s);
    int32_t stream = sub ? tl_stream_acquire(&s->pyramid->streams, tile, coarser) : TL_NONE;
    if (stream == TL_NONE) {
        return false;
    }
    uint16_t handle = s->handle_free_count ? s->handles_free[--s->handle_free_count] : (uint16_t)s->handle_top++;
    TL_ASSERT(s->handle_top <= TL_HANDLES_MAX && s->by_handle[handle] == TL_NONE);
    *sub = (tl_subscription){.stream = stream,
                             .place = 2 * tile + coarser,
                             .handle = handle,
                             .used = true,
                             .wanted = true,
                             .is_new_tile = is_new_tile,
                             .unwanted_tick = -1,
                             .coarser_tick = -1};
    tl_cursor_reset(&sub->cursors);
    sub->cursors.runs[0].since = s->next_sequence; // losses of what the handle stood for before do not matter
    s->by_handle[handle] = (int16_t)(sub - s->subscriptions);
    return true;
}

typedef struct chooser {
    tl_session *s;
    int64_t tick;
    int32_t *marks; // of tiles' streams: 1 + index of the subscription
    uint32_t opened_entities, visited;
    bool deferred; // some streams are left for the next tick
    bool lacking;  // some streams cannot be opened
    double slack_m[TL_LEVELS_MAX];
} chooser;

// Whether a tile is far enough away for a level.
static bool usable(const chooser *c, const tl_tile *tile, int level)
{
    const tl_session *s = c->s;
    return level <= s->level_finest ||
           tl_tile_distance_m(tile, s->anchors[level]) >= tl_level_distance_m(level) + c->slack_m[level] + LOOK_AHEAD_M;
}

// A coarser stream costs less, but changing to it costs the whole tile: an observer that passes by keeps the finer one.
static bool better_coarser(chooser *c, const tl_tile *tile, int32_t index)
{
    if (!usable(c, tile, tile->size + 1)) {
        return false;
    }
    int32_t finer = c->marks[2 * index];
    if (finer == 0) {
        return true;
    }
    tl_subscription *sub = &c->s->subscriptions[finer - 1];
    if (sub->coarser_tick < 0) {
        sub->coarser_tick = c->tick;
    }
    return c->tick - sub->coarser_tick > (int64_t)COARSEN_SECONDS * c->s->pyramid->streams.kinds->tick_hz;
}

// Whether some part of the tile is subscribed to as smaller tiles.
static bool is_split(const chooser *c, int32_t index)
{
    const tl_tile *tiles = c->s->pyramid->tiles.at;
    if (c->marks[2 * index] || c->marks[2 * index + 1]) {
        return false;
    }
    for (int32_t child = tiles[index].child_first; child != TL_NONE; child = tiles[child].sibling_next) {
        if (c->marks[2 * child] || c->marks[2 * child + 1] || is_split(c, child)) {
            return true;
        }
    }
    return false;
}

// Four tiles are merged into one only where that also makes them coarser: the smaller tiles' coarser streams are as
// coarse as the larger one's finer stream, and changing to it would cost the whole tile for nothing. A tile with more
// entities than a stream has slots is split, too.
static bool is_to_be_split(const chooser *c, const tl_tile *tile, int32_t index)
{
    if (tile->size == 0) {
        return false;
    }
    if (tile->entity_count > c->s->pyramid->streams.slots_max) {
        return true;
    }
    return !usable(c, tile, tile->size) || (!usable(c, tile, tile->size + 1) && is_split(c, index));
}

// Whether the tile was empty when the client's streams were last chosen. This client did not cause entities to arrive
// there: the work counts for all clients together, or an entity that flies about could use up the budgets of those that
// see it.
static bool is_new_tile(const chooser *c, const tl_tile *tile)
{
    return (int32_t)(tile->inhabited_version - c->s->seen_version) > 0;
}

// Large tiles that are all due at once are opened over several ticks; the streams they replace stay until then.
static void open_in_turn(chooser *c, const tl_tile *tile, int32_t index, int coarser)
{
    if (!has_handle(c->s, tile)) {
        c->lacking = true;
        return;
    }
    int64_t set_up = tile->streams[coarser] == TL_NONE ? (int64_t)tile->entity_count : 0;
    bool is_new = is_new_tile(c, tile);
    if (c->opened_entities >= OPEN_ENTITIES_A_TICK || !tl_work_may(&c->s->work, TL_WORK_STREAM + set_up)) {
        c->deferred = true;
        return;
    }
    tl_work_spend(&c->s->work, TL_WORK_STREAM + set_up, TL_WORK_STREAM + set_up, is_new);
    c->opened_entities += tile->entity_count;
    if (!open_subscription(c->s, index, coarser, is_new)) {
        c->lacking = true;
    }
}

static void choose(chooser *c, int32_t index)
{
    tl_session *s = c->s;
    const tl_tile *tile = &s->pyramid->tiles.at[index];
    if (tile->entity_count == 0) {
        return;
    }
    c->visited++;
    if (is_to_be_split(c, tile, index)) {
        for (int32_t child = tile->child_first; child != TL_NONE; child = s->pyramid->tiles.at[child].sibling_next) {
            choose(c, child);
        }
        return;
    }
    int coarser = better_coarser(c, tile, index);
    int32_t mark = c->marks[2 * index + coarser];
    if (mark) {
        s->subscriptions[mark - 1].wanted = true;
    } else {
        open_in_turn(c, tile, index, coarser);
    }
}

// Counts the streams that are open only until their replacements have arrived. They cost as much as others do. Streams
// of tiles that are empty now do not count: others moved what was in them, and must not hold back a client that looks
// on.
static uint32_t count_kept(const tl_session *s)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->subscription_top; i++) {
        const tl_subscription *sub = &s->subscriptions[i];
        count += sub->used && !sub->closing && sub->unwanted_tick >= 0 &&
                 s->pyramid->tiles.at[sub->place / 2].entity_count > 0;
    }
    return count;
}

// Anchors follow the observer in steps, so that a level's tiles change seldom and never flutter. A client that moves on
// before what it needed has arrived, or never acknowledges it, would accumulate streams: its anchors stay until those
// are closed.
static bool move_anchors(tl_session *s, double slack_m[TL_LEVELS_MAX])
{
    bool due[TL_LEVELS_MAX] = {0}, any = false;
    for (int level = 0; level <= s->pyramid->tiles.size_count; level++) {
        slack_m[level] = fmax(2, tl_level_distance_m(level) / 24);
        due[level] = !s->anchored || tl_vec3_length(tl_vec3_sub(s->observer, s->anchors[level])) > slack_m[level];
        any |= due[level];
    }
    if (any && s->anchored && count_kept(s) > s->kept_max) {
        s->kept_waits++;
        return false;
    }
    for (int level = 0; level <= s->pyramid->tiles.size_count; level++) {
        if (due[level]) {
            s->anchors[level] = s->observer;
        }
    }
    s->anchored = true;
    return any;
}

void tl_session_subscribe(tl_session *s, int64_t tick, int32_t *marks)
{
    chooser c = {.s = s, .tick = tick, .marks = marks};
    tl_work_refill(&s->work, tick, s->pyramid->mirror->live_count);
    if (!tl_work_may(&s->work, 1)) { // where it looks from is used when its turn comes
        s->deferred |= s->shape_version !=
                       s->pyramid->tiles.shape_version; // the contents of new tiles are not on their way yet
        return;
    }
    if (!s->anchored) {
        s->seen_version = s->pyramid->tiles.shape_version; // a join's work is charged to the client itself
    }
    bool moved = move_anchors(s, c.slack_m);
    bool due = tick % ((int64_t)(s->lacking ? 1 : CHOOSE_EVERY_SECONDS) * s->pyramid->streams.kinds->tick_hz) == 0;
    if (!moved && !due && s->shape_version == s->pyramid->tiles.shape_version) {
        return;
    }
    s->shape_version = s->pyramid->tiles.shape_version;
    for (uint32_t i = 0; i < s->subscription_top; i++) {
        tl_subscription *sub = &s->subscriptions[i];
        if (!sub->used || sub->closing) {
            continue;
        }
        marks[sub->place] = 1 + (int32_t)i;
        sub->wanted = false;
    }
    uint32_t top = s->subscription_top;
    for (int32_t root = s->pyramid->tiles.root_first; root != TL_NONE; root = s->pyramid->tiles.at[root].sibling_next) {
        choose(&c, root);
    }
    s->deferred = c.deferred;
    s->lacking = c.lacking;
    s->pyramid->streams.full_count += c.lacking;
    tl_work_spend(&s->work, c.visited / TL_WORK_CELLS_A_UNIT, c.visited / TL_WORK_CELLS_A_UNIT, !moved && !due);
    if (c.deferred) {
        s->shape_version--; // continue in the next tick
    }
    if (!c.deferred) {
        s->seen_version = s->shape_version;
    }
    for (uint32_t i = 0; i < top; i++) {
        tl_subscription *sub = &s->subscriptions[i];
        if (!sub->used || sub->closing) {
            continue;
        }
        marks[sub->place] = 0;
        if (sub->wanted || c.deferred) {
            sub->unwanted_tick = -1;
        } else if (sub->unwanted_tick < 0) {
            sub->unwanted_tick = tick;
        }
    }
}

// ---- what has arrived ----

static void free_subscription(tl_session *s, tl_subscription *sub)
{
    TL_ASSERT(sub->used && sub->closing && s->handle_free_count < TL_HANDLES_MAX);
    s->by_handle[sub->handle] = TL_NONE;
    s->handles_free[s->handle_free_count++] = sub->handle;
    *sub = (tl_subscription){.stream = TL_NONE};
}

static tl_subscription *find(tl_session *s, uint32_t handle)
{
    return handle < TL_HANDLES_MAX && s->by_handle[handle] != TL_NONE ? &s->subscriptions[s->by_handle[handle]] : NULL;
}

static void on_arrived(tl_session *s, tl_sent *sent)
{
    for (uint32_t i = 0; i < sent->part_count; i++) {
        tl_subscription *sub = sent->parts[i].to == 0 ? find(s, sent->parts[i].handle) : NULL;
        if (sub && sub->closing) {
            free_subscription(s, sub);
        }
    }
    forget_sent(s, sent);
}

// Resets the slots of [begin, end) to a version, except for runs that were rebuilt after `sequence`. Returns false if
// nothing was reset.
static bool rewind_cursors(tl_session *s, tl_subscription *sub, uint32_t begin, uint32_t end, uint32_t version,
                           uint64_t sequence)
{
    TL_ASSERT(sub->used && !sub->closing);
    tl_cursor_map before = sub->cursors;
    bool any = false;
    for (uint32_t i = 0; i < before.run_count; i++) {
        uint32_t run_begin = before.runs[i].begin, run_end = tl_cursor_run_end(&before, i);
        if (run_end <= begin || run_begin >= end || before.runs[i].since > sequence) {
            continue;
        }
        tl_cursor_set(&sub->cursors, run_begin > begin ? run_begin : begin, run_end < end ? run_end : end, version,
                      s->next_sequence);
        sub->rewound = any = true;
    }
    return any;
}

static void on_lost(tl_session *s, tl_sent *sent, uint64_t sequence)
{
    s->datagrams_lost++;
    if (sequence <= s->candidate_sequence) {
        s->candidate_broken = true;
    }
    for (uint32_t i = 0; i < sent->part_count; i++) {
        const tl_sent_part *part = &sent->parts[i];
        tl_subscription *sub = find(s, part->handle);
        if (sub == NULL) {
            continue;
        }
        if (part->to == 0) {
            sub->close_due = sub->closing;
        } else if (!sub->closing) {
            rewind_cursors(s, sub, part->begin, part->end, part->from, sequence);
        }
    }
    forget_sent(s, sent);
}

// Once a frame that left nothing behind has arrived whole, with all before it, its tick is settled.
static void settle(tl_session *s)
{
    if (s->candidate_tick < 0 || s->oldest_sequence <= s->candidate_sequence) {
        return;
    }
    if (!s->candidate_broken) {
        TL_ASSERT(s->candidate_tick >= s->settled_tick);
        s->settled_tick = s->candidate_tick;
    }
    s->candidate_tick = -1;
    s->candidate_broken = false;
}

// Datagrams acknowledged or lost PAST_REPORTS reports ago will not be nacked any more.
static void note_past(tl_session *s)
{
    if (++s->past_reports < PAST_REPORTS) {
        return;
    }
    s->past_reports = 0;
    s->past_sequence = s->past_next;
    s->past_next = s->oldest_sequence;
}

// Expands the low 16 bits of a sequence number to the full one nearest to `near`.
static uint64_t full_sequence(uint64_t near, uint16_t low)
{
    return near + (uint64_t)(int64_t)(int16_t)(uint16_t)(low - (uint16_t)near);
}

bool tl_session_accept(tl_session *s, const tl_report_head *head, uint64_t now_us)
{
    if (s->reported && (int16_t)(head->sequence - s->report_sequence) <= 0) {
        return false;
    }
    s->reported = true;
    s->report_sequence = head->sequence;
    s->report_time_us = now_us;
    return true;
}

// A datagram that no newer one has overtaken counts as lost after this time. If much is queued before the client, the
// last acknowledgement took long, and the data behind it takes as long again: it must not be resent meanwhile.
static uint64_t timeout_us(tl_session *s, uint64_t now_us)
{
    const tl_sent *newest = sent_at(s, s->ack_sequence);
    if (newest->used && s->ack_sequence >= s->oldest_sequence) {
        s->ack_delay_us = now_us - newest->time_us;
    }
    return (uint64_t)tl_min_i64((int64_t)(TL_LOSS_TIMEOUT_US + 2 * s->ack_delay_us), TL_LOSS_TIMEOUT_US_MAX);
}

void tl_session_acknowledge(tl_session *s, const tl_report_head *head, uint64_t now_us)
{
    uint64_t ack = full_sequence(s->next_sequence - 1, head->ack);
    if (ack >= s->next_sequence || (int64_t)ack < 0) {
        return; // acknowledges nothing that was sent
    }
    if (ack > s->ack_sequence) {
        s->ack_sequence = ack;
    }
    tl_pace_acknowledge(&s->pace, ack, head, now_us);
    uint64_t timeout = timeout_us(s, now_us);
    for (uint64_t sequence = s->oldest_sequence; sequence < s->next_sequence; sequence++) {
        tl_sent *sent = sent_at(s, sequence);
        if (!sent->used) {
            continue;
        }
        uint64_t back = ack - sequence;
        bool arrived = sequence <= ack && back < TL_ACK_BITS && (head->bits[back / 8] >> (back % 8) & 1);
        if (arrived) {
            on_arrived(s, sent);
        } else if (sequence + TL_LOSS_REORDER < ack || now_us - sent->time_us > timeout) {
            on_lost(s, sent, sequence);
        }
    }
    while (s->oldest_sequence < s->next_sequence && !sent_at(s, s->oldest_sequence)->used) {
        s->oldest_sequence++;
    }
    TL_ASSERT(s->ack_sequence < s->next_sequence);
    note_past(s);
    settle(s);
}

void tl_session_nack(tl_session *s, uint16_t sequence, uint32_t handle, uint32_t begin, uint32_t end, uint32_t held)
{
    tl_subscription *sub = find(s, handle);
    s->nacks++;
    if (sub == NULL || sub->closing || begin >= end) {
        return;
    }
    const tl_stream *stream = &s->pyramid->streams.at[sub->stream];
    if (!tl_history_reaches(&stream->history, held)) {
        held = 0;
    }
    if (begin > stream->slot_top) {
        begin = stream->slot_top; // a client may send any value
    }
    if (end > stream->slot_top) {
        end = TL_SLOT_END;
    }
    if (rewind_cursors(s, sub, begin, end, held, full_sequence(s->next_sequence - 1, sequence))) {
        s->candidate_broken = true;
    }
}
