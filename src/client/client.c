#include "base/memory.h"
#include "client/client_internal.h"
#include "motion/fields.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ENTITIES_LIMIT = 1 << 26,
    HELLO_EVERY_US = 200000,
    REPORT_EVERY_US = 50000,
    REPORT_SOON_US = 10000,   // when something should be acknowledged quickly
    STEP_US_MAX = 100000,     // of a step, counted as the server's silence; a longer step means a slow program
    OTHER_WORLD_S = 60,       // a server whose time differs by more than this shows another world
    STEP_DATAGRAMS_MAX = 512, // processed per step, as are this many slots; what a server sends beyond that waits
    STEP_SLOTS_MAX = TL_VIEW_SLOTS_VISITED_MAX,
    ANSWER_US = 10000000, // a request without an answer for this long has failed: its entity's server is gone
};

tl_client_def tl_client_def_default(void)
{
    return (tl_client_def){
        .entities_max = 200000, .kbit_s = 2000, .silence_ms = 1000, .reconnect_ms = 10000, .cookie = TL_DEF_COOKIE};
}

size_t tl_client_memory(const tl_client_def *def)
{
    // Generous limits; unused memory is not touched. An entity may be in two streams while levels change over.
    return tl_view_bytes(def->entities_max) + (size_t)def->entities_max * 2 * (sizeof(tl_view_slot) * 3 + 256) +
           TL_KIND_TABLE_BYTES_MAX * 4 + TL_OWNED_MAX * sizeof(tl_owned_entity) * 2 +
           TL_ASKED_MAX * sizeof(tl_asked) * 2 + (8u << 20);
}

static tl_result create(const tl_client_def *def, tl_client **out)
{
    tl_client *c = tl_alloc(sizeof *c);
    size_t bytes = def->memory_bytes ? def->memory_bytes : tl_client_memory(def);
    void *memory = c ? tl_alloc(bytes) : NULL;
    if (memory == NULL) {
        tl_free(c);
        return TL_ERR_MEMORY;
    }
    c->def = *def;
    if (def->token_bytes) {
        memcpy(c->token, def->token, def->token_bytes);
    }
    tl_heap_init(&c->heap, memory, bytes);
    c->kind_table = tl_heap_alloc(&c->heap, TL_KIND_TABLE_BYTES_MAX);
    c->kind_table_in = tl_heap_alloc(&c->heap, TL_KIND_TABLE_BYTES_MAX);
    c->owned = tl_heap_alloc(&c->heap, TL_OWNED_MAX * sizeof *c->owned);
    c->asked = tl_heap_alloc(&c->heap, TL_ASKED_MAX * sizeof *c->asked);
    c->event_data = tl_heap_alloc(&c->heap, TL_CLIENT_EVENTS_MAX * TL_MESSAGE_BYTES_MAX);
    c->world_tick = -1;
    tl_channel_init(&c->channel, &c->heap);
    bool good = c->kind_table && c->kind_table_in && c->owned && c->asked && c->event_data &&
                tl_view_init(&c->view, &c->heap, &c->kinds, def->entities_max) == TL_OK;
    if (!good) {
        tl_free(memory);
        tl_free(c);
        return TL_ERR_MEMORY;
    }
    c->view_made = true;
    *out = c;
    return TL_OK;
}

static const char *def_fault(const tl_client_def *def)
{
    if (def->cookie != TL_DEF_COOKIE) {
        return "the definition was not made by tl_client_def_default()";
    }
    if (def->token_bytes > TL_TOKEN_BYTES_MAX) {
        return "the token is longer than 768 bytes (TL_TOKEN_BYTES_MAX)";
    }
    if (def->token_bytes && def->token == NULL) {
        return "token_bytes is not 0, and token is NULL";
    }
    if (def->entities_max < 1 || def->entities_max > ENTITIES_LIMIT) {
        return "entities_max must be 1 to 67'108'864";
    }
    if (def->transport == NULL && def->send == NULL) {
        return "a client needs a transport, or a function that sends its datagrams";
    }
    return NULL;
}

tl_result tl_client_create(const tl_client_def *def, tl_client **out, char *text, size_t text_bytes)
{
    *out = NULL;
    const char *fault = def_fault(def);
    if (fault) {
        snprintf(text, text ? text_bytes : 0, "%s", fault);
        return TL_ERR_INVALID;
    }
    tl_result result = create(def, out);
    if (result != TL_OK) {
        snprintf(text, text ? text_bytes : 0, "there is no memory for %zu bytes; lower entities_max or memory_bytes",
                 def->memory_bytes ? def->memory_bytes : tl_client_memory(def));
    }
    return result;
}

static void send_bytes(tl_client *c, const void *data, size_t size)
{
    if (c->def.transport) {
        tl_transport_send(c->def.transport, 1, data, size);
    } else {
        c->def.send(c->def.send_user, data, size);
    }
}

void tl_client_destroy(tl_client *c)
{
    if (c == NULL) {
        return;
    }
    unsigned char bye = TL_WIRE_BYE;
    if (c->state == TL_CLIENT_LIVE || c->state == TL_CLIENT_JOINING || c->state == TL_CLIENT_RECONNECTING) {
        send_bytes(c, &bye, 1);
        if (c->def.transport) {
            tl_transport_flush(c->def.transport);
        }
    }
    tl_free(c->heap.memory);
    tl_free(c);
}

void tl_client_set_state(tl_client *c, tl_client_state state)
{
    c->state_changed |= c->state != state;
    c->state = state;
}

void tl_client_close(tl_client *c, const char *text)
{
    if (c->state == TL_CLIENT_CLOSED) {
        return;
    }
    snprintf(c->text, sizeof c->text, "%s", text);
    tl_client_set_state(c, TL_CLIENT_CLOSED);
}

// ---- events ----

void tl_client_push_event(tl_client *c, tl_client_event event)
{
    if (c->event_count == TL_CLIENT_EVENTS_MAX) {
        c->stats.limits_reached++;
        return;
    }
    uint32_t at = (c->event_first + c->event_count++) % TL_CLIENT_EVENTS_MAX;
    if (event.size) {
        memcpy(c->event_data + (size_t)at * TL_MESSAGE_BYTES_MAX, event.data, event.size);
    }
    event.data = c->event_data + (size_t)at * TL_MESSAGE_BYTES_MAX;
    c->events[at] = event;
}

bool tl_client_next_event(tl_client *c, tl_client_event *out)
{
    tl_view_event view_event;
    *out = (tl_client_event){.type = TL_CLIENT_STATE};
    if (c->state_changed) {
        c->state_changed = false;
        return true;
    }
    if (tl_view_next_event(&c->view, &view_event)) {
        static const tl_client_event_type types[] = {TL_CLIENT_ENTITY_ENTERED, TL_CLIENT_ENTITY_CHANGED,
                                                     TL_CLIENT_ENTITY_LEFT};
        *out = (tl_client_event){.type = types[view_event.change], .entity = view_event.id, .kind = view_event.kind};
        return true;
    }
    if (c->view.unshown && !c->told_full) {
        c->told_full = true;
        out->type = TL_CLIENT_FULL;
        return true;
    }
    if (c->event_count == 0) {
        return false;
    }
    *out = c->events[c->event_first];
    c->event_first = (c->event_first + 1) % TL_CLIENT_EVENTS_MAX;
    c->event_count--;
    return true;
}

// ---- messages ----

static void on_kinds(tl_client *c, const void *data, size_t size)
{
    if (c->joined || size > c->kind_table_in_bytes - c->kind_table_got) {
        return;
    }
    memcpy(c->kind_table_in + c->kind_table_got, data, size);
    c->kind_table_got += size;
    if (c->kind_table_got == c->kind_table_in_bytes) {
        tl_client_kinds_came(c);
    }
}

static void on_answer(tl_client *c, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    tl_client_event event = {.type = TL_CLIENT_ANSWER, .request = (uint32_t)tl_read_fixed(&r, 4)};
    event.result = tl_read_limited(&r, TL_RESULT_COUNT - 1);
    event.entity = tl_read_varint(&r);
    bool awaited = false;
    if (r.bad) {
        return;
    }
    for (uint32_t i = 0; i < c->asked_count; i++) {
        tl_asked *a = &c->asked[i];
        if (a->number != event.request) {
            continue;
        }
        if (a->own && event.result == TL_OK && c->owned_count < TL_OWNED_MAX) {
            tl_owned_entity *o = &c->owned[c->owned_count++];
            *o = (tl_owned_entity){.id = event.entity, .carrier = a->carrier, .kind = a->kind, .confirmed = true};
            memcpy(o->words, a->words, sizeof o->words);
        }
        *a = c->asked[--c->asked_count];
        awaited = true;
        break;
    }
    if (event.request == 0 && event.result == TL_AGAIN) {
        tl_client_own_say_again(c, event.entity);
    }
    if (event.request == 0 && event.result == TL_ERR_DENIED) {
        tl_client_own_gone(c, event.entity);
        return;
    }
    if (awaited || event.request == 0) {
        tl_client_push_event(c, event); // otherwise the request was abandoned
    }
}

// The most events that a message can cause.
static uint32_t events_of(int type)
{
    if (type == TL_MESSAGE_OWN) {
        return 2 * TL_OWNED_MAX; // returned, and lost
    }
    if (type == TL_MESSAGE_KINDS) {
        return TL_OWNED_MAX; // lost
    }
    return type == TL_MESSAGE_USER || type == TL_MESSAGE_ANSWER;
}

// Unread events delay further messages: messages are reliable, so they wait at the server.
static bool on_message(void *user, int type, const void *data, size_t size)
{
    tl_client *c = user;
    if (events_of(type) > TL_CLIENT_EVENTS_MAX - c->event_count) {
        c->stats.limits_reached++;
        return false;
    }
    if (type == TL_MESSAGE_KINDS) {
        on_kinds(c, data, size);
    }
    if (type == TL_MESSAGE_ANSWER) {
        on_answer(c, data, size);
    }
    if (type == TL_MESSAGE_OWN) {
        tl_client_own_list(c, data, size);
    }
    if (type == TL_MESSAGE_USER) {
        tl_client_push_event(c, (tl_client_event){.type = TL_CLIENT_MESSAGE, .data = data, .size = size});
    }
    return true;
}

// ---- incoming datagrams ----

static void on_welcome(tl_client *c, tl_reader *r)
{
    uint32_t version = (uint32_t)tl_read_fixed(r, 2);
    tl_read_fixed(r, 4);
    uint32_t tick_hz = (uint32_t)tl_read_fixed(r, 1), level_count = (uint32_t)tl_read_fixed(r, 1);
    int64_t tick = (int64_t)tl_read_fixed(r, 8);
    size_t table = tl_read_fixed(r, 4);
    size_t secret_bytes = tl_read_limited(r, TL_SECRET_BYTES);
    const unsigned char *secret = tl_read_bytes(r, secret_bytes);
    bool sound = !r->bad && (secret_bytes == 0 || secret_bytes == TL_SECRET_BYTES) && tick >= 0 && tick <= TL_TICK_MAX;
    if (!sound || version != TL_PROTOCOL_VERSION || tick_hz < 1 || tick_hz > 240 || level_count > TL_LEVELS_MAX ||
        table > TL_KIND_TABLE_BYTES_MAX) {
        c->stats.malformed++;
        return;
    }
    if (c->welcomed) {
        return; // a duplicate
    }
    c->welcomed = true;
    c->other_world = c->kinds_known && llabs(tick - (int64_t)tl_client_get_server_tick(c, c->now_us)) >
                                           (int64_t)OTHER_WORLD_S * c->tick_hz;
    c->tick_hz = tick_hz;
    c->world_tick = tick;
    c->kind_table_in_bytes = table;
    c->has_secret = secret_bytes > 0;
    if (c->has_secret) {
        memcpy(c->secret, secret, TL_SECRET_BYTES);
    }
}

static tl_result on_refuse(tl_client *c, tl_reader *r)
{
    tl_result result = tl_read_fixed(r, 1);
    size_t size = tl_read_limited(r, 200);
    const unsigned char *text = tl_read_bytes(r, size);
    char copy[201];
    if (r->bad) {
        return TL_ERR_MALFORMED;
    }
    for (size_t i = 0; i < size; i++) {
        copy[i] = text[i] >= 32 && text[i] < 127 ? (char)text[i] : '?';
    }
    copy[size] = 0;
    if (result == TL_ERR_UNAVAILABLE || result == TL_ERR_FULL || result == TL_AGAIN) {
        tl_client_lose(c, true, copy); // another server may accept, or this one later
    } else {
        tl_client_close(c, copy);
    }
    return TL_OK;
}

// The full sequence number of a datagram; below 1: there is no such datagram.
static int64_t full_sequence(const tl_client *c, uint16_t low)
{
    uint64_t near = c->any_sequence ? c->newest_sequence : 1;
    return (int64_t)near + (int16_t)(uint16_t)(low - (uint16_t)near);
}

// Returns false if the datagram was received before, or is too old.
static bool is_new(const tl_client *c, uint64_t full)
{
    if (!c->any_sequence || full > c->newest_sequence) {
        return true;
    }
    uint64_t back = c->newest_sequence - full;
    return back < TL_ACK_BITS && !(c->bits[back / 8] >> (back % 8) & 1);
}

// Moves the acknowledgement window on to a well-formed datagram.
static void note_sequence(tl_client *c, uint64_t full)
{
    if (c->any_sequence && full <= c->newest_sequence) {
        return;
    }
    uint64_t steps = c->any_sequence ? full - c->newest_sequence : TL_ACK_BITS;
    for (uint64_t i = 0; i < steps && i < TL_ACK_BITS; i++) { // one by one
        bool falls_out_missing = !(c->bits[sizeof c->bits - 1] & 0x80) && c->any_sequence &&
                                 c->newest_sequence > TL_ACK_BITS;
        c->stats.datagrams_lost += falls_out_missing;
        for (int b = sizeof c->bits - 1; b > 0; b--) {
            c->bits[b] = (unsigned char)(c->bits[b] << 1 | c->bits[b - 1] >> 7);
        }
        c->bits[0] = (unsigned char)(c->bits[0] << 1);
    }
    c->newest_sequence = full;
    c->any_sequence = true;
}

static void mark_taken(tl_client *c, uint64_t full)
{
    uint64_t back = c->newest_sequence - full;
    if (back < TL_ACK_BITS) {
        c->bits[back / 8] |= (unsigned char)(1 << (back % 8));
    }
}

static void take_time(tl_client *c, const tl_frame_head *head, int64_t tick)
{
    int64_t server_us = tick * 1000000 / c->tick_hz + (int64_t)head->sent_units * TL_TIME_UNIT_US, rtt_us = -1;
    bool of_last = head->held_units < TL_TIME_UNITS_MAX && (uint16_t)(c->report_sequence - head->ack) < TL_SENT_TIMES;
    if (of_last) {
        rtt_us = (int64_t)(c->now_us - c->sent_us[head->ack % TL_SENT_TIMES]) -
                 (int64_t)head->held_units * TL_TIME_UNIT_US;
    }
    if (of_last && rtt_us < 0) {
        rtt_us = 0;
    }
    if (head->sent_units < TL_TIME_UNITS_MAX) {
        tl_clock_add(&c->clock, c->now_us, server_us, rtt_us);
    }
    c->stats.rtt_ms = c->clock.rtt_us / 1000;
    c->stats.clock_error_ms = c->clock.error_us / 1000;
}

// The server has seen a report: what the reports up to it said of own entities has arrived.
static void take_report_ack(tl_client *c, const tl_frame_head *head)
{
    if (head->held_units >= TL_TIME_UNITS_MAX && !c->any_acked && head->ack == 0) {
        return;
    }
    c->any_acked = true;
    c->acked_report = head->ack;
    for (uint32_t i = 0; i < c->owned_count; i++) {
        tl_owned_entity *o = &c->owned[i];
        if (o->unsent && o->in_report && (int16_t)(head->ack - o->first_report) >= 0) {
            o->unsent = false;
        }
    }
}

static tl_result on_frame(tl_client *c, tl_reader *r)
{
    tl_frame_head head;
    tl_frame_head_read(r, &head);
    if (r->bad || !c->welcomed) {
        return r->bad ? TL_ERR_MALFORMED : TL_OK;
    }
    int64_t tick = c->world_tick + (int32_t)(head.tick - (uint32_t)c->world_tick);
    uint16_t channel_ack = 0;
    tl_channel_section messages = {0};
    uint32_t closes[TL_CLOSES_MAX];
    int close_count = 0;
    if (head.flags & TL_FRAME_CHANNEL_ACK) {
        channel_ack = (uint16_t)tl_read_fixed(r, 2);
    }
    if (head.flags & TL_FRAME_CLOSES) {
        close_count = (int)tl_read_fixed(r, 1);
        if (close_count > TL_CLOSES_MAX) {
            return TL_ERR_MALFORMED;
        }
        for (int i = 0; i < close_count; i++) {
            closes[i] = (uint32_t)tl_read_limited(r, TL_HANDLES_MAX - 1);
        }
    }
    if (head.flags & TL_FRAME_MESSAGES) {
        tl_channel_read(r, &messages);
    }
    if (r->bad || tick < 0 || tick > TL_TICK_MAX || (!c->joined && r->at < r->size)) {
        return TL_ERR_MALFORMED;
    }
    int64_t sequence = full_sequence(c, head.sequence);
    if (sequence < 1) {
        return TL_ERR_MALFORMED;
    }
    uint64_t full = (uint64_t)sequence;
    if (!is_new(c, full)) {
        return TL_OK;
    }
    int64_t settled = head.settled == 255 ? -1 : tick - head.settled;
    tl_result result = c->joined ? tl_view_apply(&c->view, head.sequence, tick, settled, closes, close_count, r)
                                 : TL_OK;
    if (c->view.settled_tick >= 0) {
        tl_clock_run(&c->clock); // everything has arrived, and neither side is busier than usual
    }
    if (c->joined) {
        c->step_slots += c->view.slots_visited;
    }
    if (result == TL_ERR_MALFORMED) {
        return result;
    }
    note_sequence(c, full);
    if (result == TL_OK) {
        mark_taken(c, full);
    }
    if (c->view.nack_count) {
        c->report_soon = true;
    }
    if (tick > c->world_tick) {
        c->world_tick = tick;
        c->stats.frames++;
    }
    take_time(c, &head, tick);
    take_report_ack(c, &head);
    if (head.flags & TL_FRAME_CHANNEL_ACK) {
        tl_channel_acknowledge(&c->channel, channel_ack);
    }
    if (head.flags & TL_FRAME_MESSAGES) {
        tl_channel_take(&c->channel, &messages, on_message, c);
        c->report_soon = true;
    }
    c->stats.latency_ms = (tl_clock_server_us(&c->clock, c->now_us) - (double)tick * 1e6 / c->tick_hz) / 1000;
    return TL_OK;
}

static tl_result take_datagram(tl_client *c, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    tl_result result = TL_OK;
    c->stats.datagrams++;
    c->stats.bytes += size;
    int type = (int)tl_read_fixed(&r, 1);
    switch (type) {
    case TL_WIRE_WELCOME: on_welcome(c, &r); break;
    case TL_WIRE_FRAME: result = on_frame(c, &r); break;
    case TL_WIRE_REFUSE: result = on_refuse(c, &r); break;
    case TL_WIRE_BYE: tl_client_lose(c, true, "the server said goodbye"); break;
    default: result = TL_ERR_MALFORMED; break;
    }
    if (result == TL_ERR_MALFORMED) {
        c->stats.malformed++;
    } else {
        tl_client_heard(c, type == TL_WIRE_FRAME);
    }
    return result;
}

tl_result tl_client_receive(tl_client *c, const void *datagram, size_t size, uint64_t now_us)
{
    if (now_us > c->now_us) {
        c->now_us = now_us;
    }
    if (c->state == TL_CLIENT_CLOSED) {
        return TL_ERR_STATE;
    }
    return take_datagram(c, datagram, size);
}

tl_result tl_client_receive_frame(tl_client *c, const void *frame, size_t size, uint64_t now_us)
{
    const unsigned char *bytes = frame;
    tl_result result = TL_OK;
    for (size_t at = 0; at < size;) {
        if (size - at < 2) {
            return TL_ERR_MALFORMED;
        }
        size_t datagram = bytes[at] | (size_t)bytes[at + 1] << 8;
        if (datagram > size - at - 2) {
            return TL_ERR_MALFORMED;
        }
        tl_result one = tl_client_receive(c, bytes + at + 2, datagram, now_us);
        if (one != TL_OK) {
            result = one;
        }
        at += 2 + datagram;
    }
    return result;
}

// ---- outgoing reports ----

void tl_client_say_hello(tl_client *c)
{
    unsigned char data[TL_TOKEN_BYTES_MAX + TL_SECRET_BYTES + 32];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_fixed(&w, TL_WIRE_HELLO, 1);
    tl_write_fixed(&w, TL_PROTOCOL_VERSION, 2);
    tl_write_varint(&w, c->def.kbit_s);
    tl_write_varint(&w, c->def.token_bytes);
    tl_write_bytes(&w, c->token, c->def.token_bytes);
    tl_write_varint(&w, c->has_secret ? TL_SECRET_BYTES : 0);
    if (c->has_secret) {
        tl_write_bytes(&w, c->secret, TL_SECRET_BYTES);
    }
    send_bytes(c, data, w.size);
    c->hello_us = c->now_us;
}

static void write_nacks(tl_client *c, tl_writer *w)
{
    tl_view *v = &c->view;
    size_t count_at = w->size;
    uint32_t count = 0;
    tl_write_varint(w, 0);                         // one byte, as the count is
    for (uint32_t i = 0; i < v->nack_count; i++) { // in rotation, if there are many
        const tl_nack *nack = &v->nacks[v->nack_next % v->nack_count];
        tl_nack_part parts[TL_CURSOR_RUNS_MAX];
        uint32_t part_count = tl_view_nack_parts(v, nack, parts);
        if (count + part_count > TL_NACKS_MAX) {
            break;
        }
        v->nack_next++;
        count += part_count;
        for (uint32_t k = 0; k < part_count; k++) {
            tl_write_fixed(w, nack->sequence, 2);
            tl_write_varint(w, nack->handle);
            tl_write_varint(w, parts[k].begin);
            tl_write_varint(w, parts[k].end == TL_SLOT_END ? 0 : parts[k].end);
            tl_write_varint(w, parts[k].held);
        }
    }
    if (!w->bad) {
        w->data[count_at] = (unsigned char)count;
    }
}
_Static_assert((int)TL_CURSOR_RUNS_MAX <= (int)TL_NACKS_MAX && TL_NACKS_MAX < 128,
               "any nack must fit, and the count in a byte");

static void write_double(tl_writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    tl_write_fixed(w, bits, 8);
}

static void write_observer(tl_client *c, tl_writer *w)
{
    tl_write_varint(w, c->observes_entity);
    if (c->observes_entity) {
        tl_write_fixed(w, c->observer_id, 8);
        return;
    }
    write_double(w, c->observer.x);
    write_double(w, c->observer.y);
    write_double(w, c->observer.z);
}

static bool any_owned_unsent(const tl_client *c)
{
    for (uint32_t i = 0; i < c->owned_count; i++) {
        if (c->owned[i].unsent) {
            return true;
        }
    }
    return false;
}

static void write_owned(tl_client *c, tl_writer *w)
{
    size_t count_at = w->size;
    uint32_t count = 0, first = c->owned_next % c->owned_count, next = first + 1;
    int64_t tick = (int64_t)tl_client_get_server_tick(c, c->now_us);
    tl_write_varint(w, 0);
    tl_write_signed(w, tick);
    for (uint32_t i = first; i < first + c->owned_count && count < 100; i++) { // in rotation: not all may fit or be due
        tl_owned_entity *o = &c->owned[i % c->owned_count];
        if (!o->unsent) {
            continue;
        }
        const tl_kind *kind = &c->kinds.kinds[o->kind];
        tl_writer before = *w;
        tl_write_varint(w, o->id);
        tl_write_fixed(w, o->version, 2);
        tl_write_varint(w, (uint64_t)o->kind);
        tl_write_varint(w, o->carrier);
        tl_fields_write(w, kind, tick, tl_fields_all(kind), o->words);
        if (w->bad) {
            *w = before; // the next report carries it
            o->in_report = false;
            if (next == first + 1) {
                next = i;
            }
            continue;
        }
        if (!o->in_report) {
            o->first_report = c->report_sequence;
        }
        o->in_report = true;
        count++;
    }
    c->owned_next = next;
    w->data[count_at] = (unsigned char)count;
}

static void send_report(tl_client *c)
{
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    tl_writer w = tl_writer_make(data, sizeof data);
    // a long message needs the space
    bool messages = tl_channel_due(&c->channel, c->now_us), alone = messages && (c->report_sequence & 1);
    bool owned = any_owned_unsent(c) && !alone;
    tl_report_head head = {.sequence = ++c->report_sequence, .ack = (uint16_t)c->newest_sequence};
    memcpy(head.bits, c->bits, sizeof head.bits);
    head.flags = (uint8_t)((c->channel.ack_due ? TL_REPORT_CHANNEL_ACK : 0) | (messages ? TL_REPORT_MESSAGES : 0) |
                           (c->view.nack_count && !alone ? TL_REPORT_NACKS : 0) |
                           (c->observer_set ? TL_REPORT_OBSERVER : 0) | (owned ? TL_REPORT_OWNED : 0));
    tl_report_head_write(&w, &head);
    if (head.flags & TL_REPORT_CHANNEL_ACK) {
        tl_write_fixed(&w, c->channel.expected, 2);
    }
    c->channel.ack_due = false;
    if (head.flags & TL_REPORT_NACKS) {
        write_nacks(c, &w);
    }
    if (head.flags & TL_REPORT_OBSERVER) {
        write_observer(c, &w);
    }
    if (owned) {
        write_owned(c, &w);
    }
    // so this report's arrival confirms nothing about them
    for (uint32_t i = 0; i < c->owned_count && !owned; i++) {
        c->owned[i].in_report = false;
    }
    if (messages) {
        tl_channel_write(&c->channel, &w, c->now_us);
    }
    c->sent_us[head.sequence % TL_SENT_TIMES] = c->now_us;
    c->report_us = c->now_us;
    c->report_soon = false;
    if (!w.bad) {
        send_bytes(c, data, w.size);
    }
}

void tl_client_connected(tl_client *c, uint64_t now_us)
{
    if (now_us > c->now_us) {
        c->now_us = now_us;
    }
    if (c->state != TL_CLIENT_CLOSED) {
        tl_client_begin_connection(c);
    }
}

static void give_up_asking(tl_client *c)
{
    for (uint32_t i = 0; i < c->asked_count && c->event_count < TL_CLIENT_EVENTS_MAX;) {
        if (c->now_us - c->asked[i].sent_us < ANSWER_US) {
            i++;
            continue;
        }
        tl_client_push_event(
            c,
            (tl_client_event){.type = TL_CLIENT_ANSWER, .request = c->asked[i].number, .result = TL_ERR_UNAVAILABLE});
        c->asked[i] = c->asked[--c->asked_count];
    }
}

static void poll_transport(tl_client *c)
{
    tl_transport *t = c->def.transport;
    tl_transport_event event;
    c->step_slots = 0;
    for (int events = 0; t && events < STEP_DATAGRAMS_MAX && c->step_slots < STEP_SLOTS_MAX; events++) {
        if (c->state == TL_CLIENT_CLOSED || tl_transport_poll(t, c->now_us, &event) != TL_OK) {
            return;
        }
        if (event.type == TL_TRANSPORT_CONNECTED) {
            tl_client_connected(c, c->now_us);
        }
        if (event.type == TL_TRANSPORT_DATAGRAM) {
            take_datagram(c, event.data, event.size);
        }
        if (event.type == TL_TRANSPORT_CLOSED) {
            tl_client_lose(c, true, event.text[0] ? event.text : "the connection was lost");
        }
    }
}

void tl_client_step(tl_client *c, uint64_t now_us)
{
    uint64_t passed_us = now_us > c->now_us ? now_us - c->now_us : 0;
    if (now_us > c->now_us) {
        c->now_us = now_us;
    }
    poll_transport(c);
    tl_client_watch(c, passed_us < STEP_US_MAX ? passed_us : STEP_US_MAX);
    give_up_asking(c);
    if (c->state == TL_CLIENT_CLOSED || c->state == TL_CLIENT_CONNECTING) {
        return;
    }
    if (!c->welcomed) {
        if (c->now_us - c->hello_us >= HELLO_EVERY_US && !c->seeking) {
            tl_client_say_hello(c);
        }
    } else if (c->now_us >= c->report_us + (c->report_soon ? REPORT_SOON_US : REPORT_EVERY_US)) {
        send_report(c);
    }
    if (c->def.transport) {
        tl_transport_flush(c->def.transport);
    }
}

// ---- requests ----

tl_client_state tl_client_get_state(const tl_client *c)
{
    return c->state;
}

const char *tl_client_get_text(const tl_client *c)
{
    return c->text;
}

tl_client_stats tl_client_get_stats(const tl_client *c)
{
    tl_client_stats stats = c->stats;
    stats.entities = c->view.entity_count;
    stats.skipped = c->view.skipped;
    stats.tick = c->view.tick;
    stats.settled_tick = c->view.settled_tick;
    stats.memory_used_bytes = c->heap.used_bytes;
    stats.memory_bytes = c->heap.bytes;
    stats.limits_reached += c->view.full;
    stats.streams_omitted = c->view.left_out_count;
    return stats;
}

void tl_client_observe_entity(tl_client *c, tl_entity_id entity)
{
    c->observer_id = entity;
    c->observes_entity = c->observer_set = true;
}

tl_result tl_client_observe_point(tl_client *c, tl_vec3 point)
{
    if (!tl_place_valid(point)) {
        return TL_ERR_OUTSIDE;
    }
    c->observer = point;
    c->observes_entity = false;
    c->observer_set = true;
    return TL_OK;
}

double tl_client_get_server_tick(const tl_client *c, uint64_t now_us)
{
    return tl_clock_server_us(&c->clock, now_us) * 1e-6 * c->tick_hz;
}

uint32_t tl_client_get_tick_hz(const tl_client *c)
{
    return c->tick_hz;
}

int64_t tl_client_get_frame_tick(const tl_client *c)
{
    return c->view.tick;
}

void tl_client_validate(const tl_client *c)
{
    tl_view_validate(&c->view);
}
