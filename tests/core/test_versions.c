// No chunk is ever applied to a base that it was not made from, whatever the network does; and what the server takes as
// settled has come. An oracle keeps what each stream held at each of its versions: whatever the view holds is looked up
// there by the full version and the tick, slot by slot.
//
//   test_core_versions               the tests
//   test_core_versions --tape FILE   a ride over a bad network, for a decoder that was written from docs/PROTOCOL.md
#include "check.h"
#include "client/view_apply.h"
#include "server/session.h"
#include "world.h"

#include <inttypes.h>

enum {
    SIZES = 5,
    SEQUENCES = 1 << 15,
    REPORTS = 1 << 15,
    FRAME_BYTES_MAX = 64 * (TL_DATAGRAM_BYTES_MAX + 2),
    RECORDS_MAX = 1 << 17,
    IDS_MAX = 1 << 16,
    NEVER = INT32_MAX
};

typedef struct path { // each way
    int delay_ticks, jitter_ticks;
    double loss;
} path;

typedef struct held_record { // a stream as it was at a version
    int rank, x, y, z;
    int64_t tick;
    uint32_t version, top;
    uint64_t *slots;
} held_record;

typedef struct datagram {
    unsigned char *data;
    size_t size;
    int64_t due_tick;
} datagram;

typedef struct report {
    tl_report_head head;
    int64_t due_tick;
    struct {
        uint16_t sequence;
        uint32_t handle, begin, end, held;
    } nacks[TL_VIEW_NACKS_MAX];
    uint32_t nack_count;
} report;

typedef struct link {
    world *w;
    tl_session *session;
    tl_frame_scratch *scratch;
    int32_t *marks;
    unsigned char *frame;
    void *memory;
    tl_heap heap;
    tl_view view;
    uint64_t tick_us, random;
    path down, up;
    int64_t up_silent_until;
    int report_every_ticks;
    datagram *datagrams; // by sequence
    uint64_t first_flying;
    report *reports;
    uint32_t report_count, first_report_flying;
    uint64_t newest;
    unsigned char bits[TL_ACK_BITS / 8];
    held_record *records; // a hash table
    uint32_t record_count;
    uint64_t looked_up;
    bool gone[4][IDS_MAX], forgets;     // forgets: too many were deleted at once
    int64_t subscribed[TL_HANDLES_MAX]; // since which tick, 0: not
} link;

static link *begin(uint32_t entities, uint64_t seed, double hz)
{
    link *l = calloc(1, sizeof *l);
    l->w = world_create(2 * entities, SIZES, seed);
    l->w->width_m = 700;
    l->w->change = 0.2;
    l->w->groups_fixed = true;
    l->session = calloc(1, sizeof *l->session);
    tl_session_init(l->session, &l->w->heap, &l->w->pyramid, 50000, 0);
    l->scratch = malloc(tl_frame_scratch_bytes());
    l->marks = calloc(2 * l->w->pyramid.tiles.count_max, sizeof *l->marks);
    l->frame = malloc(FRAME_BYTES_MAX);
    size_t bytes = tl_view_bytes(4 * entities) + entities * 8192 + (4u << 20);
    l->memory = calloc(1, bytes);
    tl_heap_init(&l->heap, l->memory, bytes);
    CHECK_EQUAL(tl_view_init(&l->view, &l->heap, &l->w->kinds, 4 * entities), TL_OK);
    l->datagrams = calloc(SEQUENCES, sizeof *l->datagrams);
    l->reports = calloc(REPORTS, sizeof *l->reports);
    l->records = calloc(RECORDS_MAX, sizeof *l->records);
    l->random = seed * 31;
    l->tick_us = (uint64_t)(1e6 / hz);
    l->report_every_ticks = hz > 20 ? (int)(hz / 20) : 1;
    l->first_flying = 1;
    return l;
}

static void end(link *l)
{
    tl_session_end(l->session);
    world_destroy(l->w);
    for (uint32_t i = 0; i < RECORDS_MAX; i++) {
        free(l->records[i].slots);
    }
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        free(l->datagrams[i].data);
    }
    free(l->records);
    free(l->reports);
    free(l->datagrams);
    free(l->session);
    free(l->scratch);
    free(l->marks);
    free(l->frame);
    free(l->memory);
    free(l);
}

// ---- the oracle ----

static held_record *record_at(link *l, int rank, int x, int y, int z, int64_t tick)
{
    uint64_t hash = tl_mix(tl_mix(tl_mix(tl_mix((uint64_t)rank + 1) ^ (uint32_t)x) ^ (uint32_t)y) ^ (uint32_t)z) ^
                    tl_mix((uint64_t)tick);
    for (uint32_t i = (uint32_t)tl_mix(hash) % RECORDS_MAX;; i = (i + 1) % RECORDS_MAX) {
        held_record *r = &l->records[i];
        if (r->slots == NULL || (r->rank == rank && r->x == x && r->y == y && r->z == z && r->tick == tick)) {
            return r;
        }
    }
}

static uint64_t slot_hash(const tl_kinds *kinds, bool used, tl_entity_id id, tl_entity_id carrier, int kind,
                          const int64_t *state)
{
    if (!used) {
        return 1;
    }
    const uint64_t head[3] = {id, carrier, (uint64_t)kind};
    return world_hash(world_hash(7, head, sizeof head), state, (size_t)kinds->kinds[kind].word_count * sizeof *state);
}

static void record_streams(link *l)
{
    tl_pyramid *p = &l->w->pyramid;
    for (uint32_t i = 0; i < p->streams.top; i++) {
        const tl_stream *s = &p->streams.at[i];
        if (!s->used || s->history.version_tick != p->streams.tick) {
            continue;
        }
        const tl_tile *tile = &p->tiles.at[s->tile];
        held_record *r = record_at(l, s->rank, tile->x, tile->y, tile->z, p->streams.tick);
        CHECK(r->slots == NULL && ++l->record_count < RECORDS_MAX / 2);
        *r = (held_record){s->rank,         tile->x,
                           tile->y,         tile->z,
                           p->streams.tick, s->history.version,
                           s->slot_top,     calloc(s->slot_top + 1, sizeof *r->slots)};
        for (uint32_t k = 0; k < s->slot_top; k++) {
            r->slots[k] = slot_hash(p->streams.kinds, s->slots[k].used, s->slots[k].id, s->slots[k].carrier_id,
                                    s->slots[k].kind, s->slots[k].state);
        }
    }
}

static void check_run(link *l, const tl_view_stream *s, const tl_cursor_run *run, uint32_t run_end)
{
    if (run->version == 0) {
        return;
    }
    const held_record *r = record_at(l, s->tile_size + s->level, s->x, s->y, s->z, (int64_t)run->since);
    CHECK(r->slots != NULL);
    CHECK_EQUAL(run->version, r->version);
    for (uint32_t k = run->begin; k < run_end && k < r->top; k++) {
        static const tl_view_slot none;
        const tl_view_slot *slot = k < s->top ? &s->slots[k] : &none;
        CHECK(slot_hash(l->view.kinds, slot->used, slot->id, slot->carrier_id, slot->kind, slot->state) == r->slots[k]);
    }
    for (uint32_t k = r->top > run->begin ? r->top : run->begin; k < run_end && k < s->top; k++) {
        CHECK(!s->slots[k].used);
    }
    l->looked_up++;
}

static void check_view(link *l)
{
    tl_view_validate(&l->view);
    for (uint32_t h = 0; h < TL_HANDLES_MAX; h++) {
        const tl_view_stream *s = &l->view.streams[h];
        for (uint32_t i = 0; s->open && i < s->held.run_count; i++) {
            check_run(l, s, &s->held.runs[i], tl_cursor_run_end(&s->held, i));
        }
    }
}

// ---- the tape: every datagram that the client gets, and now and then all that it then holds ----

static FILE *tape;

static void tape_bytes(const char *name, const unsigned char *data, size_t size)
{
    if (tape == NULL) {
        return;
    }
    fprintf(tape, "%s ", name);
    for (size_t i = 0; i < size; i++) {
        fprintf(tape, "%02x", data[i]);
    }
    fputc('\n', tape);
}

static void tape_slot(const tl_kinds *kinds, uint32_t index, const tl_view_slot *slot)
{
    if (!slot->used) {
        return;
    }
    fprintf(tape, "slot %" PRIu32 " %" PRIu64 " %" PRIu64 " %d", index, slot->id, slot->carrier_id, slot->kind);
    for (int i = 0; i < kinds->kinds[slot->kind].word_count; i++) {
        fprintf(tape, " %" PRId64, slot->state[i]);
    }
    fputc('\n', tape);
}

static void tape_view(const tl_view *v)
{
    fputs("view\n", tape);
    for (uint32_t h = 0; h < TL_HANDLES_MAX; h++) {
        const tl_view_stream *s = &v->streams[h];
        if (!s->open) {
            continue;
        }
        fprintf(tape, "stream %" PRIu32 " %d %d %d %d %d\n", h, s->tile_size, s->level, s->x, s->y, s->z);
        for (uint32_t i = 0; i < s->held.run_count; i++) {
            const tl_cursor_run *run = &s->held.runs[i];
            fprintf(tape, "run %" PRIu32 " %" PRIu32 " %" PRId64 "\n", run->begin, run->version,
                    run->version ? (int64_t)run->since : -1);
        }
        for (uint32_t i = 0; i < s->top; i++) {
            tape_slot(v->kinds, i, &s->slots[i]);
        }
    }
    fputs("end\n", tape);
}

// ---- the path ----

static int64_t arrival(link *l, const path *p)
{
    if (check_random_between(&l->random, 0, 1) < p->loss) {
        return NEVER;
    }
    return l->w->tick + p->delay_ticks +
           (p->jitter_ticks ? (int64_t)(check_random(&l->random) % (uint64_t)(p->jitter_ticks + 1)) : 0);
}

static void send_frame(link *l)
{
    uint64_t now_us = (uint64_t)l->w->tick * l->tick_us, sequence = l->session->next_sequence;
    size_t size = tl_frame_write(l->session, l->w->tick, now_us, now_us, l->scratch, l->frame, FRAME_BYTES_MAX);
    for (size_t at = 0; at < size; sequence++) {
        datagram *d = &l->datagrams[sequence];
        CHECK(sequence < SEQUENCES);
        d->size = l->frame[at] | (size_t)l->frame[at + 1] << 8;
        d->data = malloc(d->size);
        memcpy(d->data, l->frame + at + 2, d->size);
        d->due_tick = arrival(l, &l->down);
        at += 2 + d->size;
    }
    CHECK_EQUAL(sequence, l->session->next_sequence);
}

static tl_result apply(link *l, const datagram *d)
{
    tl_frame_head head;
    uint32_t closes[TL_CLOSES_MAX];
    int close_count = 0;
    tl_reader r = tl_reader_make(d->data + 1, d->size - 1);
    tl_frame_head_read(&r, &head);
    if (head.flags & TL_FRAME_CLOSES) {
        close_count = (int)tl_read_limited(&r, TL_CLOSES_MAX);
        for (int i = 0; i < close_count; i++) {
            closes[i] = (uint32_t)tl_read_limited(&r, TL_HANDLES_MAX - 1);
        }
    }
    CHECK(!r.bad && !(head.flags & (TL_FRAME_CHANNEL_ACK | TL_FRAME_MESSAGES)));
    int64_t tick = head.tick, settled = head.settled == 255 ? -1 : tick - head.settled;
    return tl_view_apply(&l->view, head.sequence, tick, settled, closes, close_count, &r);
}

// Hands the client one datagram, as client.c does.
static void deliver(link *l, uint64_t sequence)
{
    const datagram *d = &l->datagrams[sequence];
    CHECK(d->data);
    if (sequence + TL_ACK_BITS <= l->newest) {
        return;
    }
    tape_bytes("datagram", d->data, d->size);
    tl_result result = apply(l, d);
    CHECK(result == TL_OK || result == TL_AGAIN);
    for (; l->newest < sequence; l->newest++) {
        for (int b = (int)sizeof l->bits - 1; b > 0; b--) {
            l->bits[b] = (unsigned char)(l->bits[b] << 1 | l->bits[b - 1] >> 7);
        }
        l->bits[0] = (unsigned char)(l->bits[0] << 1);
    }
    uint64_t back = l->newest - sequence;
    if (result == TL_OK) {
        l->bits[back / 8] |= (unsigned char)(1 << (back % 8));
    }
    check_view(l);
    tl_view_event event;
    while (tl_view_next_event(&l->view, &event)) {
        bool *gone = &l->gone[event.id >> 48][event.id & (IDS_MAX - 1)];
        CHECK(event.id >> 48 < 4 && (event.id & (((uint64_t)1 << 48) - 1)) < IDS_MAX);
        l->forgets |= l->view.ended_count == TL_VIEW_ENDED_MAX;
        CHECK(event.change != TL_VIEW_ENTERED || !*gone || l->forgets); // what was deleted does not come back
        for (uint32_t i = 0; i < l->view.ended_count && event.change == TL_VIEW_LEFT; i++) {
            *gone |= l->view.ended[i].id == event.id;
        }
    }
}

static void send_report(link *l)
{
    report *p = &l->reports[l->report_count++];
    CHECK(l->report_count < REPORTS && l->view.nack_count <= TL_VIEW_NACKS_MAX);
    p->head = (tl_report_head){.sequence = (uint16_t)l->report_count, .ack = (uint16_t)l->newest};
    memcpy(p->head.bits, l->bits, sizeof l->bits);
    for (; p->nack_count < l->view.nack_count; p->nack_count++) {
        const tl_nack *n = &l->view.nacks[p->nack_count];
        p->nacks[p->nack_count].sequence = n->sequence, p->nacks[p->nack_count].handle = n->handle;
        p->nacks[p->nack_count].begin = n->begin, p->nacks[p->nack_count].end = n->end,
        p->nacks[p->nack_count].held = tl_view_held(&l->view, n);
    }
    p->due_tick = l->w->tick < l->up_silent_until ? NEVER : arrival(l, &l->up);
}

static void hear_report(link *l, const report *p)
{
    uint64_t now_us = (uint64_t)l->w->tick * l->tick_us;
    if (!tl_session_accept(l->session, &p->head, now_us)) {
        return;
    }
    for (uint32_t i = 0; i < p->nack_count; i++) {
        tl_session_nack(l->session, p->nacks[i].sequence, p->nacks[i].handle, p->nacks[i].begin, p->nacks[i].end,
                        p->nacks[i].held);
    }
    tl_session_acknowledge(l->session, &p->head, now_us);
}

static void note_subscriptions(link *l)
{
    bool used[TL_HANDLES_MAX] = {0};
    for (uint32_t i = 0; i < l->session->subscription_top; i++) {
        const tl_subscription *sub = &l->session->subscriptions[i];
        if (sub->used && !sub->closing) {
            used[sub->handle] = true;
        }
    }
    for (uint32_t h = 0; h < TL_HANDLES_MAX; h++) {
        l->subscribed[h] = !used[h] ? 0 : l->subscribed[h] ? l->subscribed[h] : l->w->tick;
    }
}

static void make_tick(link *l)
{
    world_step(l->w);
    tl_session_subscribe(l->session, l->w->tick, l->marks);
    note_subscriptions(l);
    record_streams(l);
    send_frame(l);
}

static void fly(link *l)
{
    for (uint64_t s = l->first_flying; s < l->session->next_sequence; s++) {
        if (l->datagrams[s].due_tick <= l->w->tick) {
            deliver(l, s), l->datagrams[s].due_tick = NEVER;
        }
        if (s == l->first_flying && l->datagrams[s].due_tick == NEVER) {
            l->first_flying++;
        }
    }
    if (l->newest && l->w->tick % l->report_every_ticks == 0) {
        send_report(l);
    }
    for (uint32_t i = l->first_report_flying; i < l->report_count; i++) {
        if (l->reports[i].due_tick <= l->w->tick) {
            hear_report(l, &l->reports[i]), l->reports[i].due_tick = NEVER;
        }
        if (i == l->first_report_flying && l->reports[i].due_tick == NEVER) {
            l->first_report_flying++;
        }
    }
}

static void tick(link *l)
{
    make_tick(l);
    fly(l);
}

// Nothing changes any more, and nothing is lost or overtaken: after two seconds and three round trips (until it is
// known what was lost, that the next frame has arrived, and until that is told) the client holds all that it is
// subscribed to, and knows it.
static void quieten(link *l)
{
    l->w->change = 0, l->w->count_wanted = 0;
    l->down.loss = l->up.loss = 0, l->down.jitter_ticks = l->up.jitter_ticks = 0;
    for (uint64_t t = 0; t < 2000000 / l->tick_us + 3 * (uint64_t)(l->down.delay_ticks + l->up.delay_ticks); t++) {
        tick(l);
    }
    uint32_t streams = 0;
    int64_t lag = l->down.delay_ticks + 4; // what goes on moving is published now and then
    for (uint32_t i = 0; i < l->session->subscription_top; i++) {
        const tl_subscription *sub = &l->session->subscriptions[i];
        if (!sub->used || sub->closing) {
            continue;
        }
        const tl_stream *s = &l->w->pyramid.streams.at[sub->stream];
        const tl_view_stream *held = &l->view.streams[sub->handle];
        streams++;
        if (l->subscribed[sub->handle] > l->w->tick - lag - 1) {
            continue; // its first chunk is on its way
        }
        CHECK(held->open);
        bool on_its_way = s->history.version_tick > l->w->tick - lag;
        for (uint32_t k = 0; k < held->held.run_count; k++) {
            CHECK(held->held.runs[k].version &&
                  (on_its_way || (int64_t)held->held.runs[k].since == s->history.version_tick));
        }
    }
    CHECK(streams > 0 && l->view.settled_tick > 0);
    for (uint32_t i = 0; i < l->view.entity_top; i++) {
        if (l->view.entities[i].used) {
            CHECK(tl_mirror_find(&l->w->mirror, l->view.entities[i].id) != TL_NONE ||
                  l->view.entities[i].home_stream == TL_NONE);
        }
    }
}

static void ride(link *l, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        l->session->observer.x = 600 * sin((double)i / 90);
        l->session->observer.z = 400 * cos((double)i / 70);
        tick(l);
    }
}

// ---- many versions on their way ----

TEST(long_ways_at_120_hz)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        link *l = begin(120, seed, 120);
        l->down = l->up = (path){.delay_ticks = 42, .loss = 0.03};
        ride(l, 600);
        quieten(l);
        end(l);
    }
}

TEST(a_silent_uplink_at_60_hz)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        link *l = begin(120, seed, 60);
        l->down = l->up = (path){.delay_ticks = 2, .jitter_ticks = 2, .loss = 0.02};
        ride(l, 120);
        for (int round = 0; round < 3; round++) {
            l->up_silent_until = l->w->tick + 81; // 1.35 s
            ride(l, 160);
        }
        quieten(l);
        end(l);
    }
}

TEST(random_networks)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        int hz = seed % 3 == 0 ? 20 : seed % 3 == 1 ? 60 : 120;
        link *l = begin(100, seed, hz);
        for (int round = 0; round < 4; round++) {
            path *ways[2] = {&l->down, &l->up};
            for (int i = 0; i < 2; i++) {
                *ways[i] = (path){(int)check_random_between(&l->random, 0, 0.4 * hz),
                                  check_random(&l->random) % 2 ? 0
                                                               : (int)check_random_between(&l->random, 0, 0.25 * hz),
                                  check_random_between(&l->random, 0, 0.3)};
            }
            l->w->change = check_random(&l->random) % 2 ? 0.2 : 0.004; // or nearly quiet
            if (check_random(&l->random) % 3 == 0) {
                l->up_silent_until = l->w->tick + (int64_t)(check_random(&l->random) % 200);
            }
            ride(l, 150);
        }
        quieten(l);
        end(l);
    }
}

// ---- one stream, datagram by datagram ----

static link *begin_still(void)
{
    link *l = begin(20, 5, 20);
    l->w->width_m = 25;
    l->w->centre = (tl_vec3){300, 300, 300};
    l->w->change = 1;
    l->down.loss = 2; // only what the test delivers arrives
    l->up.loss = 2;
    l->session->level_finest = TL_LEVELS_MAX; // one stream for all
    return l;
}

static void report_now(link *l)
{
    send_report(l);
    hear_report(l, &l->reports[l->report_count - 1]);
}

static void resume_and_quieten(link *l)
{
    l->down.loss = l->up.loss = 0;
    quieten(l);
}

// The server has rewound for a nack; what it then sends does not fit either, for something late has come meanwhile;
// then a datagram from before that comes last. The nack that counts is the newest one's.
TEST(a_late_datagram_does_not_take_a_nack_back)
{
    link *l = begin_still();
    for (int i = 0; i < 5; i++) {
        make_tick(l);
    }
    deliver(l, 1), deliver(l, 5);
    CHECK(l->view.nack_count > 0);
    report_now(l); // rewinds to what datagram 1 brought
    make_tick(l);
    deliver(l, 2); // so 6 will not fit
    deliver(l, 6);
    deliver(l, 4); // from before the report
    for (uint32_t i = 0; i < l->view.nack_count; i++) {
        CHECK_EQUAL(l->view.nacks[i].sequence, 6);
    }
    l->w->change = 0, l->w->count_wanted = 0;
    report_now(l);
    resume_and_quieten(l);
    end(l);
}

// What is older than what is held is not missing.
TEST(a_late_chunk_is_not_nacked)
{
    link *l = begin_still();
    for (int i = 0; i < 4; i++) {
        make_tick(l);
    }
    deliver(l, 1), deliver(l, 4);
    report_now(l);
    make_tick(l);
    deliver(l, 5); // from what 1 brought
    CHECK_EQUAL(l->view.nack_count, 0);
    deliver(l, 2), deliver(l, 3);
    CHECK_EQUAL(l->view.nack_count, 0);
    end(l);
}

// A frame may say that all is settled before the server has heard of a nack: the client knows better.
TEST(nothing_is_settled_past_a_nack)
{
    link *l = begin_still();
    for (int i = 0; i < 3; i++) {
        make_tick(l);
    }
    deliver(l, 1), deliver(l, 2);
    CHECK_EQUAL(l->view.nack_count, 0);
    make_tick(l);
    deliver(l, 4); // without 3
    CHECK(l->view.nack_count > 0);
    int64_t missing = l->view.nacks[0].first_tick;
    // As if a report had brought the acknowledgements alone, twice, and all was well.
    l->bits[0] |= 2;
    for (int i = 0; i < 4; i++) {
        uint32_t nack_count = l->view.nack_count;
        l->view.nack_count = 0;
        report_now(l);
        l->view.nack_count = nack_count;
        make_tick(l);
        deliver(l, l->session->next_sequence - 1);
        l->bits[0] |= 2;
    }
    CHECK(l->view.settled_told >= missing && l->view.settled_tick < missing);
    l->w->change = 0, l->w->count_wanted = 0;
    report_now(l);
    resume_and_quieten(l);
    CHECK(l->view.settled_tick > missing);
    end(l);
}

// A close that comes late is not of the stream that its handle stands for by now.
TEST(a_late_close_leaves_a_newer_stream_open)
{
    link *l = begin_still();
    make_tick(l);
    deliver(l, 1);
    uint32_t handle = 0;
    while (!l->view.streams[handle].open) {
        handle++;
    }
    int64_t tick = l->view.streams[handle].opened_tick;
    tl_reader r = tl_reader_make(NULL, 0);
    CHECK_EQUAL(tl_view_apply(&l->view, 2, tick - 1, -1, &handle, 1, &r), TL_OK);
    CHECK(l->view.streams[handle].open);
    CHECK_EQUAL(tl_view_apply(&l->view, 3, tick + 1, -1, &handle, 1, &r), TL_OK);
    CHECK(!l->view.streams[handle].open && l->view.nack_count == 0);
    deliver(l, 1); // and its first chunk, doubled, does not open it again
    CHECK(!l->view.streams[handle].open);
    end(l);
}

// ---- quiet streams, and versions at their end ----

// After a long silence a chunk still finds its base; once it is not known for sure, it comes with more of the version.
TEST(quiet_streams_go_on)
{
    static const int quiet_ticks[] = {62, 63, 64, 65, 66, 254, 255, 256, 257, 1000};
    for (int i = 0; i < 10; i++) {
        link *l = begin_still();
        l->down.loss = l->up.loss = 0;
        for (int k = 0; k < 10; k++) {
            tick(l);
        }
        double change = l->w->change;
        uint32_t wanted = l->w->count_wanted;
        l->w->change = 0, l->w->count_wanted = 0;
        for (int k = 0; k < quiet_ticks[i]; k++) {
            tick(l);
        }
        uint64_t nacks = l->session->nacks, whole = l->session->resends_whole;
        l->w->change = change, l->w->count_wanted = wanted;
        for (int k = 0; k < 10; k++) {
            tick(l);
        }
        CHECK(l->session->nacks == nacks && l->session->resends_whole == whole);
        end(l);
    }
}

static tl_stream *only_stream(link *l)
{
    for (uint32_t i = 0; i < l->session->subscription_top; i++) {
        if (l->session->subscriptions[i].used) {
            return &l->w->pyramid.streams.at[l->session->subscriptions[i].stream];
        }
    }
    CHECK(false);
    return NULL;
}

// As if the stream had changed four thousand million times.
TEST(versions_begin_anew_at_their_end)
{
    link *l = begin_still();
    make_tick(l);
    tl_stream *s = only_stream(l);
    s->history.version = s->history.version_oldest = UINT32_MAX - 30;
    s->history.reached[s->history.version % TL_HISTORY_RING] = s->history.version_tick;
    s->history.top_at[s->history.version % TL_HISTORY_RING] = s->slot_top;
    l->session->subscriptions[0].cursors.runs[0].version = 0;
    for (uint32_t i = 0; i < RECORDS_MAX; i++) { // that was another version
        free(l->records[i].slots);
        l->records[i] = (held_record){0};
    }
    l->down = l->up = (path){.delay_ticks = 3, .jitter_ticks = 5, .loss = 0.1};
    for (int i = 0; i < 120; i++) {
        tick(l);
    }
    CHECK(s->history.version > 1 && s->history.version < 120);
    quieten(l);
    end(l);
}

TEST(ages_stay_small)
{
    link *l = begin_still();
    l->down.loss = l->up.loss = 0;
    l->w->change = 0;
    for (int k = 0; k < 10; k++) {
        tick(l);
    }
    l->w->count_wanted = 0;
    for (int k = 0; k < 20; k++) {
        tick(l);
    }
    tl_stream *s = only_stream(l);
    uint32_t version = s->history.version;
    // As if it had been quiet for years.
    s->history.version_tick -= TL_QUIET_TICKS_MAX;
    for (int k = 0; k < 40; k++) {
        tick(l);
    }
    CHECK_EQUAL(s->history.version, version + 1);
    CHECK(s->history.version_tick > 0 && l->session->nacks == 0);
    end(l);
}

static int write_tape(const char *file_name)
{
    CHECK(tape = fopen(file_name, "w"));
    link *l = begin(60, 7, 60);
    static unsigned char table[TL_KIND_TABLE_BYTES_MAX];
    tl_writer w = tl_writer_make(table, sizeof table);
    tl_kinds_write(&l->w->kinds, &w);
    CHECK(!w.bad);
    tape_bytes("table", table, w.size);
    l->down = l->up = (path){.delay_ticks = 20, .jitter_ticks = 8, .loss = 0.1};
    for (int round = 0; round < 12; round++) {
        l->w->change = round % 3 ? 0.1 : 0.002; // or nearly quiet, so that all forms of heads occur
        ride(l, 40);
        tape_view(&l->view);
    }
    quieten(l);
    tape_view(&l->view);
    end(l);
    return fclose(tape) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--tape") == 0) {
        return write_tape(argv[2]);
    }
    RUN(a_late_datagram_does_not_take_a_nack_back);
    RUN(a_late_chunk_is_not_nacked);
    RUN(nothing_is_settled_past_a_nack);
    RUN(a_late_close_leaves_a_newer_stream_open);
    RUN(quiet_streams_go_on);
    RUN(versions_begin_anew_at_their_end);
    RUN(ages_stay_small);
    RUN(long_ways_at_120_hz);
    RUN(a_silent_uplink_at_60_hz);
    RUN(random_networks);
}
