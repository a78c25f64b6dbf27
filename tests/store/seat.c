#include "seat.h"

void seat_open(seat *s, tl_store *store, const char *name)
{
    memset(s, 0, sizeof(*s));
    s->store = store;
    s->tick = -1;
    if (name) {
        snprintf(s->name, sizeof(s->name), "%s", name);
    }
    CHECK_EQUAL(tl_store_join(store, name), TL_OK);
}

static void keep(seat *s, const tl_store_event *event)
{
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->journal = realloc(s->journal, s->room * sizeof(*s->journal));
        CHECK(s->journal);
    }
    told *t = &s->journal[s->count++];
    t->event = *event;
    t->data = malloc(event->size + 1);
    CHECK(t->data);
    if (event->size > 0) {
        memcpy(t->data, event->data, event->size);
    }
    t->event.data = NULL;
}

size_t seat_poll(seat *s)
{
    tl_store_event event;
    size_t count = 0;
    while (s->store && tl_store_poll(s->store, &event) == TL_OK) {
        keep(s, &event);
        count++;
        if (event.type == TL_STORE_JOINED) {
            s->joined = true;
            s->server = event.server;
            s->epoch = event.epoch;
            s->tick = event.tick;
        }
        if (event.type == TL_STORE_FAILED) {
            fprintf(stderr, "  told: %s: %s\n", tl_result_name(event.result), event.text);
        }
        s->loaded |= event.type == TL_STORE_LOADED;
        s->lost |= event.type == TL_STORE_LOST;
    }
    return count;
}

void seat_close(seat *s, bool leave)
{
    if (s->store) {
        tl_store_close(s->store, leave);
        s->store = NULL;
    }
}

void seat_free(seat *s)
{
    seat_close(s, false);
    for (size_t i = 0; i < s->count; i++) {
        free(s->journal[i].data);
    }
    free(s->journal);
    s->journal = NULL;
    s->count = s->room = 0;
}

static bool is_of(const told *t, tl_store_event_type type, tl_server_number server)
{
    return t->event.type == type && (server == 0 || t->event.server == server);
}

size_t seat_count(const seat *s, tl_store_event_type type, tl_server_number server)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        count += is_of(&s->journal[i], type, server);
    }
    return count;
}

const told *seat_last(const seat *s, tl_store_event_type type, tl_server_number server)
{
    for (size_t i = s->count; i > 0; i--) {
        if (is_of(&s->journal[i - 1], type, server)) {
            return &s->journal[i - 1];
        }
    }
    return NULL;
}

// ---- records -------------------------------------------------------------------------------------------------------

size_t body_fill(unsigned char *out, tl_server_number server, uint32_t epoch, int64_t tick)
{
    uint64_t random = (uint64_t)tick * 1000003u + server * 7919u + epoch;
    size_t size = check_random(&random) % 16 == 0 ? BODY_BYTES_MAX : check_random(&random) % 3000;
    for (size_t i = 0; i < size; i++) {
        out[i] = (unsigned char)(i % 64 == 0 ? check_random(&random) : i);
    }
    return size;
}

void body_check(const told *t)
{
    static unsigned char body[BODY_BYTES_MAX];
    size_t size = body_fill(body, t->event.server, t->event.epoch, t->event.tick);
    CHECK_EQUAL(size, t->event.size);
    CHECK(memcmp(body, t->data, size) == 0);
}

tl_result seat_submit(seat *s, int64_t tick, uint64_t now_us)
{
    static unsigned char body[BODY_BYTES_MAX];
    size_t size = body_fill(body, s->server, s->epoch, tick);
    tl_result result = tl_store_submit(s->store, tick, body, size, now_us);
    if (result == TL_OK) {
        s->tick = tick;
    }
    return result;
}

// ---- what must hold ------------------------------------------------------------------------------------------------

typedef struct log_state {
    uint32_t epoch;
    bool ended, left;
    int64_t tick;
} log_state;

static void check_event(const seat *s, const told *t, log_state *logs)
{
    const tl_store_event *event = &t->event;
    log_state *log = &logs[event->server];
    bool own = s->joined && event->server == s->server;
    switch (event->type) {
    case TL_STORE_SERVER:
        CHECK(!own || event->epoch > s->epoch);
        CHECK(log->epoch == 0 || log->ended);
        CHECK(log->epoch == 0 || event->epoch == log->epoch + 1 || (own && event->epoch == s->epoch + 1));
        CHECK(event->name[0] != 0);
        log->epoch = event->epoch;
        log->ended = log->left = false;
        break;
    case TL_STORE_RECORD:
        if (own && log->epoch < event->epoch) { // own earlier epochs are not announced
            CHECK(event->epoch < s->epoch || s->lost);
            log->epoch = event->epoch;
            log->ended = false;
        }
        CHECK_EQUAL(event->epoch, log->epoch);
        CHECK(!log->ended);
        CHECK(event->tick > log->tick);
        log->tick = event->tick;
        body_check(t);
        break;
    case TL_STORE_FENCED:
        if (own && log->epoch < event->epoch) {
            log->epoch = event->epoch;
            log->ended = log->left = false;
        }
        CHECK_EQUAL(event->epoch, log->epoch);
        CHECK(!log->ended || (log->left && event->heir != 0));
        CHECK(event->tick >= log->tick || s->may_end_early);
        log->tick = event->tick < log->tick ? event->tick : log->tick;
        log->ended = true;
        log->left = event->heir == 0;
        break;
    default: break;
    }
}

void seat_check(const seat *s)
{
    static log_state logs[TL_SERVERS_MAX + 1];
    for (int i = 0; i <= TL_SERVERS_MAX; i++) {
        logs[i] = (log_state){.tick = -1};
    }
    int64_t committed = -1;
    size_t loaded = 0, lost = 0;
    bool stalled = false;
    for (size_t i = 0; i < s->count; i++) {
        const tl_store_event *event = &s->journal[i].event;
        check_event(s, &s->journal[i], logs);
        loaded += event->type == TL_STORE_LOADED;
        lost += event->type == TL_STORE_LOST;
        CHECK(event->type != TL_STORE_CHECKPOINT || loaded == 0);
        CHECK(event->type != TL_STORE_FAILED);
        if (event->type == TL_STORE_COMMITTED) {
            CHECK(lost == 0);
            CHECK(event->tick > committed);
            CHECK(event->done_us >= event->begun_us);
            committed = event->tick;
        }
        if (event->type == TL_STORE_STALLED || event->type == TL_STORE_RECOVERED) {
            CHECK(stalled == (event->type == TL_STORE_RECOVERED)); // told once each
            stalled = !stalled;
        }
    }
    CHECK(loaded <= 1 && lost <= 1);
}

static bool is_set_aside(const seat *s, size_t index)
{
    const tl_store_event *event = &s->journal[index].event;
    for (size_t i = index + 1; event->type == TL_STORE_RECORD && i < s->count; i++) {
        const tl_store_event *end = &s->journal[i].event;
        if (is_of(&s->journal[i], TL_STORE_FENCED, event->server) && end->epoch == event->epoch &&
            event->tick > end->tick) {
            return true;
        }
    }
    return false;
}

void seat_drop_set_aside(seat *s)
{
    for (size_t i = s->count; i-- > 0;) {
        if (is_set_aside(s, i)) {
            free(s->journal[i].data);
            memmove(&s->journal[i], &s->journal[i + 1], (--s->count - i) * sizeof(s->journal[0]));
        }
    }
}

static const told *next_record(const seat *s, size_t *index, tl_server_number server)
{
    for (; *index < s->count; (*index)++) {
        if (is_of(&s->journal[*index], TL_STORE_RECORD, server)) {
            return &s->journal[(*index)++];
        }
    }
    return NULL;
}

void seat_check_same(const seat *a, const seat *b, tl_server_number server, bool tail)
{
    size_t i = 0, j = 0;
    const told *from_b = next_record(b, &j, server);
    const told *from_a = next_record(a, &i, server);
    while (tail && from_a && from_b && from_a->event.tick < from_b->event.tick) {
        from_a = next_record(a, &i, server);
    }
    while (from_a && from_b) {
        CHECK_EQUAL(from_a->event.tick, from_b->event.tick);
        CHECK_EQUAL(from_a->event.epoch, from_b->event.epoch);
        CHECK_EQUAL(from_a->event.begun_us, from_b->event.begun_us);
        from_a = next_record(a, &i, server);
        from_b = next_record(b, &j, server);
    }
    CHECK(!from_a && !from_b);
}
