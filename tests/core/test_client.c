// A client whose server is broken or hostile: it says what no sound server would, well-formed. The server is this test;
// its datagrams are made by hand.
#include "check.h"
#include "client/client_internal.h"
#include "world/pyramid.h"

enum { TICK_HZ = 20, STEP_US = 10000, INBOX_MAX = 4096, FIRST_TICK = 1000 };

typedef struct datagram {
    size_t size;
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
} datagram;

typedef struct bench {
    tl_transport transport;
    tl_client *client;
    uint64_t now_us;
    datagram *inbox;
    uint32_t inbox_read, inbox_count;
    bool endless;                  // the last datagram comes again and again
    bool connects;                 // a CONNECTED event is due
    uint32_t others, sames, stops; // times that the client asked for another connection; that it was content
    uint32_t events[TL_CLIENT_OWN_LOST + 2];
    bool keeps_events; // nobody reads them
    uint16_t sequence, message;
    int64_t tick, first_tick;
    tl_kinds kinds;
} bench;

// ---- the transport ----

static tl_result take(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    bench *b = (bench *)self;
    (void)now_us;
    *out = (tl_transport_event){.type = TL_TRANSPORT_CONNECTED, .peer = 1};
    if (b->connects) {
        b->connects = false;
        return TL_OK;
    }
    if (b->inbox_read == b->inbox_count) {
        return TL_AGAIN;
    }
    const datagram *d = &b->inbox[b->inbox_read];
    if (!b->endless || b->inbox_read + 1 < b->inbox_count) {
        b->inbox_read++;
    }
    *out = (tl_transport_event){.type = TL_TRANSPORT_DATAGRAM, .peer = 1, .data = d->data, .size = d->size};
    return TL_OK;
}

static tl_result discard(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    (void)self, (void)peer, (void)data, (void)size;
    return TL_OK;
}

static void nothing(tl_transport *self)
{
    (void)self;
}

static void drop(tl_transport *self, tl_peer peer)
{
    (void)self, (void)peer;
}

static int wait_fd(tl_transport *self)
{
    (void)self;
    return -1;
}

static tl_result reconnect(tl_transport *self, tl_reconnect how)
{
    bench *b = (bench *)self;
    b->others += how == TL_RECONNECT_OTHER;
    b->sames += how == TL_RECONNECT_SAME;
    b->stops += how == TL_RECONNECT_STOP;
    return TL_OK;
}

static const tl_transport_ops ops = {take, discard, nothing, drop, wait_fd, nothing, reconnect};

static tl_writer new_datagram(bench *b)
{
    CHECK(b->inbox_count < INBOX_MAX);
    return tl_writer_make(b->inbox[b->inbox_count].data, TL_DATAGRAM_BYTES_MAX);
}

static void put(bench *b, const tl_writer *w)
{
    CHECK(!w->bad);
    b->inbox[b->inbox_count++].size = w->size;
}

// ---- what the server says ----

static void say_welcome(bench *b, int64_t tick, size_t table_bytes)
{
    tl_writer w = new_datagram(b);
    tl_write_fixed(&w, TL_WIRE_WELCOME, 1);
    tl_write_fixed(&w, TL_PROTOCOL_VERSION, 2);
    tl_write_fixed(&w, 1, 4);
    tl_write_fixed(&w, TICK_HZ, 1);
    tl_write_fixed(&w, 4, 1);
    tl_write_fixed(&w, (uint64_t)tick, 8);
    tl_write_fixed(&w, table_bytes, 4);
    tl_write_varint(&w, 0);
    put(b, &w);
}

static tl_writer begin_frame(bench *b, uint16_t sequence, int64_t tick, uint8_t flags)
{
    tl_writer w = new_datagram(b);
    tl_frame_head head = {
        .sequence = sequence, .tick = (uint32_t)tick, .held_units = TL_TIME_UNITS_MAX, .settled = 0, .flags = flags};
    tl_frame_head_write(&w, &head);
    return w;
}

// The next frame, without chunks.
static void say_frame(bench *b)
{
    tl_writer w = begin_frame(b, ++b->sequence, b->tick, TL_FRAME_FIRST | TL_FRAME_LAST);
    put(b, &w);
}

static void say_message(bench *b, int type, const void *data, size_t size)
{
    tl_writer w = begin_frame(b, ++b->sequence, b->tick, TL_FRAME_FIRST | TL_FRAME_LAST | TL_FRAME_MESSAGES);
    tl_write_fixed(&w, 1, 1);
    tl_write_fixed(&w, b->message++, 2);
    tl_write_fixed(&w, (uint64_t)type, 1);
    tl_write_fixed(&w, size, 2);
    tl_write_bytes(&w, data, size);
    put(b, &w);
}

static size_t write_table(bench *b, unsigned char *out, size_t capacity)
{
    tl_writer w = tl_writer_make(out, capacity);
    tl_kinds_write(&b->kinds, &w);
    CHECK(!w.bad);
    return w.size;
}

// ---- the client's end ----

static void step(bench *b)
{
    tl_client_event e;
    b->now_us += STEP_US;
    b->tick = b->first_tick + (int64_t)(b->now_us / 1000 * TICK_HZ / 1000);
    tl_client_step(b->client, b->now_us);
    while (!b->keeps_events && tl_client_next_event(b->client, &e)) {
        b->events[e.type]++;
    }
}

static void declare(bench *b, const tl_kind_def *kinds, int count)
{
    char text[128];
    CHECK_EQUAL(tl_kinds_init(&b->kinds, kinds, count, TICK_HZ, text, sizeof text), TL_OK);
}

static bench *begin_with(tl_client_def def)
{
    bench *b = calloc(1, sizeof *b);
    b->transport.ops = &ops;
    b->inbox = calloc(INBOX_MAX, sizeof *b->inbox);
    def.transport = &b->transport;
    CHECK_EQUAL(tl_client_create(&def, &b->client, NULL, 0), TL_OK);
    tl_kind_def kind = tl_kind_def_default("walker");
    declare(b, &kind, 1);
    b->first_tick = FIRST_TICK;
    b->connects = true;
    step(b);
    CHECK_EQUAL(tl_client_get_state(b->client), TL_CLIENT_JOINING);
    return b;
}

static bench *begin(void)
{
    tl_client_def def = tl_client_def_default();
    def.entities_max = 1000;
    return begin_with(def);
}

static void end(bench *b)
{
    tl_client_validate(b->client);
    tl_client_destroy(b->client);
    free(b->inbox);
    free(b);
}

static void join(bench *b)
{
    unsigned char table[TL_MESSAGE_BYTES_MAX];
    size_t size = write_table(b, table, sizeof table);
    say_welcome(b, b->tick, size);
    say_message(b, TL_MESSAGE_KINDS, table, size);
    step(b);
    CHECK_EQUAL(tl_client_get_state(b->client), TL_CLIENT_LIVE);
}

static bench *begin_live(void)
{
    bench *b = begin();
    join(b);
    return b;
}

static tl_client_stats stats(const bench *b)
{
    return tl_client_get_stats(b->client);
}

// A frame a tick for some time.
static void live_for(bench *b, uint32_t ms)
{
    int64_t told = b->tick;
    for (uint32_t i = 0; i < ms * 1000 / STEP_US; i++) {
        if (b->tick > told) {
            say_frame(b);
        }
        told = b->tick;
        step(b);
    }
}

// ---- ticks and sequences ----

// Its time in microseconds has no room in 64 bits.
TEST(ticks_beyond_the_limit_are_malformed)
{
    bench *b = begin();
    say_welcome(b, TL_TICK_MAX + 1, 10);
    say_welcome(b, (int64_t)1 << 56, 10);
    step(b);
    CHECK_EQUAL(stats(b).malformed, 2);
    CHECK(!b->client->welcomed);
    b->first_tick = b->tick = TL_TICK_MAX;
    join(b);
    tl_writer w = begin_frame(b, 2, TL_TICK_MAX + 1, 0); // its low bits are near to WELCOME's tick
    put(b, &w);
    step(b);
    CHECK_EQUAL(stats(b).malformed, 3);
    w = begin_frame(b, 3, TL_TICK_MAX, 0);
    put(b, &w);
    step(b);
    CHECK_EQUAL(stats(b).malformed, 3);
    CHECK_NEAR(tl_client_get_server_tick(b->client, b->now_us), (double)TL_TICK_MAX, 2);
    end(b);
}

// One that ends before its text does, and one with a text that is too long, refuse nobody.
TEST(a_refusal_that_is_not_whole_is_malformed)
{
    static const char text[] = "the world is full";
    bench *b = begin();
    for (uint64_t size = 18; size <= 300; size += 282) {
        tl_writer w = new_datagram(b);
        tl_write_fixed(&w, TL_WIRE_REFUSE, 1);
        tl_write_fixed(&w, TL_ERR_DENIED, 1);
        tl_write_varint(&w, size);
        tl_write_bytes(&w, text, sizeof text - 1);
        put(b, &w);
    }
    step(b);
    CHECK_EQUAL(stats(b).malformed, 2);
    CHECK(tl_client_get_state(b->client) != TL_CLIENT_CLOSED);
    tl_writer w = new_datagram(b);
    tl_write_fixed(&w, TL_WIRE_REFUSE, 1);
    tl_write_fixed(&w, TL_ERR_DENIED, 1);
    tl_write_varint(&w, sizeof text - 1);
    tl_write_bytes(&w, text, sizeof text - 1);
    put(b, &w);
    step(b);
    CHECK_EQUAL(tl_client_get_state(b->client), TL_CLIENT_CLOSED);
    CHECK(strcmp(tl_client_get_text(b->client), text) == 0);
    end(b);
}

// The first datagram is 1, so nothing is before it: whoever says so would make the newest one wrap.
TEST(sequences_below_the_first_are_malformed)
{
    static const uint16_t bad[] = {0, 0x8002, 0xffff};
    bench *b = begin();
    unsigned char table[TL_MESSAGE_BYTES_MAX];
    size_t size = write_table(b, table, sizeof table);
    say_welcome(b, b->tick, size);
    for (int i = 0; i < 3; i++) {
        tl_writer w = begin_frame(b, bad[i], b->tick, 0);
        put(b, &w);
    }
    step(b);
    CHECK_EQUAL(stats(b).malformed, 3);
    say_message(b, TL_MESSAGE_KINDS, table, size);
    step(b);
    CHECK_EQUAL(tl_client_get_state(b->client), TL_CLIENT_LIVE);
    tl_writer w = begin_frame(b, 0xfff0, b->tick, 0); // 17 before the first
    put(b, &w);
    live_for(b, 500);
    CHECK_EQUAL(stats(b).malformed, 4);
    CHECK(stats(b).tick >= b->tick - 2 && b->client->newest_sequence == b->sequence);
    end(b);
}

// ---- joining ----

// It welcomes, and sends frames, but never the kinds.
static uint32_t steps_until(bench *b, tl_client_state state, uint32_t steps_max)
{
    uint32_t steps = 0;
    int64_t told = b->tick;
    for (; tl_client_get_state(b->client) != state && steps < steps_max; steps++) {
        if (b->inbox_count == INBOX_MAX) {
            b->inbox_count = b->inbox_read = 0;
        }
        if (b->tick > told) {
            say_frame(b);
        }
        told = b->tick;
        step(b);
    }
    return steps;
}

TEST(a_server_that_never_tells_its_kinds_is_left)
{
    enum { S = 1000000 / STEP_US };
    bench *b = begin();
    say_welcome(b, b->tick, 126);
    uint32_t steps = steps_until(b, TL_CLIENT_CLOSED, 60 * S);
    CHECK(steps > 15 * S && steps < 16 * S);
    end(b);
}

// A client that has been live tries another server, well before its time to reconnect is over.
TEST(another_server_is_tried_if_one_never_tells_its_kinds)
{
    enum { S = 1000000 / STEP_US };
    bench *b = begin_live();
    b->connects = true;
    b->sequence = b->message = 0;
    step(b);
    say_welcome(b, b->tick, 126);
    CHECK_EQUAL(tl_client_get_state(b->client), TL_CLIENT_RECONNECTING);
    CHECK_EQUAL(b->others, 0);
    steps_until(b, TL_CLIENT_CLOSED, 5 * S);
    CHECK_EQUAL(b->others, 1);
    CHECK_EQUAL(tl_client_get_state(b->client), TL_CLIENT_RECONNECTING);
    end(b);
}

// ---- silence ----

// A frame now and then is not enough: the search for another server goes on until frames come as they should.
TEST(a_frame_now_and_then_does_not_keep_a_client)
{
    bench *b = begin_live();
    live_for(b, 500);
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 120; k++) {
            step(b); // 1.2 s
        }
        say_frame(b);
        step(b);
    }
    CHECK_EQUAL(b->sames, 1);
    CHECK_EQUAL(b->stops, 0);
    CHECK_EQUAL(tl_client_get_state(b->client), TL_CLIENT_RECONNECTING);
    for (int i = 0; i < 20; i++) { // one frame, again and again, is one frame
        say_frame(b);
        b->tick--;
    }
    step(b);
    CHECK_EQUAL(b->stops, 0);
    live_for(b, 500);
    CHECK_EQUAL(b->stops, 1);
    CHECK_EQUAL(tl_client_get_state(b->client), TL_CLIENT_LIVE);
    end(b);
}

// ---- what a step takes ----

// A server that sends without end does not keep a step from returning.
TEST(a_step_takes_a_limited_number_of_datagrams)
{
    bench *b = begin_live();
    uint64_t before = stats(b).datagrams;
    say_frame(b);
    b->endless = true;
    step(b);
    CHECK_EQUAL(stats(b).datagrams - before, 512);
    b->endless = false;
    step(b);
    CHECK_EQUAL(stats(b).datagrams - before, 513);
    end(b);
}

// A whole chunk of as many slots as a stream may have, all empty: a few bytes, and much to go through.
static void write_empty_slots(tl_writer *w, const tl_kinds *kinds, int64_t tick, uint32_t handle, int32_t *last)
{
    unsigned char bytes[1024];
    static tl_chunk_coder coder;
    tl_chunk_encoder(&coder, kinds, 0, 1, true, tick, 0, bytes, sizeof bytes);
    tl_chunk_added(&coder, TL_STREAM_SLOTS_MAX);
    tl_chunk_head head = {.handle = handle, .whole = true, .x = (int32_t)handle, .end = TL_SLOT_END, .steps = 1};
    for (uint32_t i = 0; i < TL_STREAM_SLOTS_MAX; i++) {
        tl_chunk_changed(&coder, false, TL_MOTION_EMPTY, 0);
    }
    CHECK(!coder.codec.bad);
    head.size = tl_codec_finish(&coder.codec);
    tl_chunk_head_write(w, &head, last);
    tl_write_bytes(w, bytes, head.size);
}

// Datagrams of few bytes that make much work: those of one step go through no more slots than one datagram may.
TEST(a_step_goes_through_a_limited_number_of_slots)
{
    enum { DATAGRAMS = 40 };
    bench *b = begin_live();
    for (uint32_t i = 0; i < DATAGRAMS; i++) {
        tl_writer w = begin_frame(b, ++b->sequence, b->tick, TL_FRAME_FIRST | TL_FRAME_LAST);
        int32_t last = -1;
        write_empty_slots(&w, &b->kinds, b->tick, i, &last);
        put(b, &w);
    }
    uint64_t before = stats(b).datagrams;
    step(b);
    CHECK_EQUAL(stats(b).malformed, 0);
    CHECK_EQUAL(stats(b).datagrams - before, TL_VIEW_SLOTS_VISITED_MAX / TL_STREAM_SLOTS_MAX);
    step(b);
    CHECK_EQUAL(stats(b).datagrams - before, DATAGRAMS);
    end(b);
}

// ---- messages ----

// Messages are reliable: what finds no room among the events waits at the server.
TEST(events_that_nobody_reads_keep_messages_out)
{
    bench *b = begin_live();
    unsigned char data[TL_MESSAGE_BYTES_MAX];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_varint(&w, 0);
    tl_write_varint(&w, TL_OWNED_MAX);
    for (uint64_t i = 0; i < TL_OWNED_MAX; i++) {
        tl_write_varint(&w, 1000 + i);
        tl_write_varint(&w, 0);
        tl_write_varint(&w, 0);
    }
    b->keeps_events = true;
    say_message(b, TL_MESSAGE_OWN, data, w.size);
    step(b);
    uint32_t unread = b->client->event_count, room = TL_CLIENT_EVENTS_MAX - unread;
    CHECK_EQUAL(unread, TL_OWNED_MAX);
    uint16_t first = b->message;
    for (uint32_t i = 0; i < room + 3; i++) {
        say_message(b, TL_MESSAGE_USER, "hello", 5);
    }
    step(b);
    CHECK_EQUAL(b->client->channel.expected, (uint16_t)(first + room)); // the last three were not taken
    CHECK(stats(b).limits_reached > 0);
    b->keeps_events = false;
    step(b);
    b->message = (uint16_t)(first + room);
    for (uint32_t i = 0; i < 3; i++) {
        say_message(b, TL_MESSAGE_USER, "hello", 5); // again
    }
    step(b);
    CHECK_EQUAL(b->events[TL_CLIENT_MESSAGE], room + 3);
    CHECK_EQUAL(b->events[TL_CLIENT_OWN_RETURNED], TL_OWNED_MAX);
    end(b);
}

// ---- own entities ----

static void give(bench *b, tl_entity_id id, int kind)
{
    unsigned char data[64];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_varint(&w, 0);
    tl_write_varint(&w, 1);
    tl_write_varint(&w, id);
    tl_write_varint(&w, (uint64_t)kind);
    tl_write_varint(&w, 0);
    say_message(b, TL_MESSAGE_OWN, data, w.size);
}

static tl_values standing_at(const tl_kind_def *kind, double x)
{
    tl_values v = {.mask = (1u << kind->field_count) - 1}; // all fields: the view knows none of them
    v.fields[0].position = (tl_vec3){x, 0, 0};
    v.fields[1].rotation = (tl_quat){0, 0, 0, 1};
    return v;
}

// Kinds are numbers in a table; with another table they mean something else.
TEST(own_entities_and_questions_end_with_the_table_of_kinds)
{
    tl_kind_def two[2] = {tl_kind_def_default("walker"), tl_kind_def_default("text")};
    two[1].fields[two[1].field_count] = tl_field_def_default("words", TL_FIELD_BYTES, TL_PREDICT_HOLD);
    two[1].fields[two[1].field_count++].bytes_max = 1000;
    bench *b = begin();
    declare(b, two, 2);
    join(b);
    give(b, 7, 1);
    live_for(b, 200);
    tl_values v = standing_at(&two[1], 1);
    uint32_t request;
    CHECK_EQUAL(tl_client_set_values(b->client, 7, (double)b->tick, 0, &v), TL_OK);
    CHECK_EQUAL(tl_client_request_create(b->client, 1, 0, &v, true, &request), TL_OK);
    two[1] = tl_kind_def_default("other");
    declare(b, two, 1);
    b->connects = true;
    b->sequence = b->message = 0;
    step(b);
    join(b);
    CHECK_EQUAL(b->client->owned_count, 0);
    CHECK_EQUAL(b->events[TL_CLIENT_OWN_LOST], 1);
    CHECK_EQUAL(tl_client_set_values(b->client, 7, (double)b->tick, 0, &v), TL_ERR_NOT_FOUND);
    unsigned char answer[16]; // to the question of before
    tl_writer w = tl_writer_make(answer, sizeof answer);
    tl_write_fixed(&w, request, 4);
    tl_write_varint(&w, TL_OK);
    tl_write_varint(&w, 8);
    say_message(b, TL_MESSAGE_ANSWER, answer, w.size);
    live_for(b, 200);
    CHECK_EQUAL(b->client->owned_count, 0);
    end(b);
}

// The same entity is another kind's now: what was to be said of it is not said.
TEST(an_own_entity_that_comes_back_as_another_kind_is_set_anew)
{
    tl_kind_def two[2] = {tl_kind_def_default("walker"), tl_kind_def_default("runner")};
    bench *b = begin();
    declare(b, two, 2);
    join(b);
    give(b, 7, 0);
    live_for(b, 200);
    tl_values v = standing_at(&two[0], 1);
    CHECK_EQUAL(tl_client_set_values(b->client, 7, (double)b->tick, 0, &v), TL_OK);
    CHECK(b->client->owned[0].unsent && !b->client->owned[0].unset);
    give(b, 7, 1);
    step(b);
    CHECK_EQUAL(b->client->owned_count, 1);
    CHECK(b->client->owned[0].kind == 1 && b->client->owned[0].unset && !b->client->owned[0].unsent);
    end(b);
}

int main(void)
{
    RUN(ticks_beyond_the_limit_are_malformed);
    RUN(a_refusal_that_is_not_whole_is_malformed);
    RUN(sequences_below_the_first_are_malformed);
    RUN(a_server_that_never_tells_its_kinds_is_left);
    RUN(another_server_is_tried_if_one_never_tells_its_kinds);
    RUN(a_frame_now_and_then_does_not_keep_a_client);
    RUN(a_step_takes_a_limited_number_of_datagrams);
    RUN(a_step_goes_through_a_limited_number_of_slots);
    RUN(own_entities_and_questions_end_with_the_table_of_kinds);
    RUN(an_own_entity_that_comes_back_as_another_kind_is_set_anew);
    RUN(events_that_nobody_reads_keep_messages_out);
    return 0;
}
