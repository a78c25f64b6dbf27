// A client's connection: its start, its loss, and the next one. The view and the client's own entities outlive it.
#include "client/client_internal.h"

#include <stdio.h>

enum {
    HELLO_GIVE_UP_US = 10000000,  // no WELCOME for this long: the first server does not run this release
    JOIN_FIRST_US_MAX = 15000000, // until the kind table has arrived, whatever else has
    // the same in a later connection, where another server may exist; and of silence in the first one
    JOIN_US_MAX = 4000000,
    TABLE_US_PER_BYTE = 250,    // added for a large table: half of the slowest rate
    SILENT_FRAMES = 8,          // silence is at least this many missing frames
    CLOSE_SILENT_US = 10000000, // for a client that cannot reconnect
};

static bool can_reconnect(const tl_client *c)
{
    return c->def.reconnect_ms && c->def.transport && tl_transport_can_reconnect(c->def.transport);
}

static void seek(tl_client *c, tl_reconnect how)
{
    c->seeking = how != TL_RECONNECT_STOP;
    tl_transport_reconnect(c->def.transport, how);
}

// Requests and messages that were under way may or may not have arrived; no answer will come.
static void end_asking(tl_client *c)
{
    for (uint32_t i = 0; i < c->asked_count; i++) {
        c->asked[i].sent_us = 0; // long ago, so that it fails
        c->asked[i].own = false; // its kind was from the old table; the list of own entities brings what it created
    }
    tl_channel_reset(&c->channel);
}

void tl_client_begin_connection(tl_client *c)
{
    bool again = c->state != TL_CLIENT_CONNECTING;
    if (again) {
        end_asking(c);
        tl_client_own_reconnected(c);
        tl_view_detach(&c->view);
        tl_clock_restart(&c->clock);
        c->stats.reconnects++;
    }
    c->ended = c->seeking = c->welcomed = c->joined = c->any_sequence = c->any_acked = c->report_soon = false;
    c->newest_sequence = c->kind_table_got = 0;
    c->report_sequence = c->acked_report = 0;
    memset(c->bits, 0, sizeof c->bits);
    if (!again) {
        c->started_us = c->now_us;
    }
    c->heard_us = c->now_us;
    c->silent_us = c->joining_us = 0;
    // a program's own transport has reconnected
    if (again && c->lost_us == 0 && c->kinds_known) {
        c->lost_us = c->now_us;
    }
    tl_client_set_state(c, c->kinds_known ? TL_CLIENT_RECONNECTING : TL_CLIENT_JOINING);
    tl_client_say_hello(c);
}

// How long a client that has never seen anything may try, over all connections.
static uint64_t first_us_max(const tl_client *c)
{
    return HELLO_GIVE_UP_US + (can_reconnect(c) ? c->def.reconnect_ms * 1000ull : 0);
}

// A client may also try another connection before its first view: servers close connections that stay silent, and on a
// bad link neither the hello nor the end may have arrived.
static bool may_try_again(const tl_client *c)
{
    return can_reconnect(c) &&
           (c->kinds_known || (c->state == TL_CLIENT_JOINING && c->now_us - c->started_us < first_us_max(c)));
}

void tl_client_lose(tl_client *c, bool by_server, const char *text)
{
    if (c->state == TL_CLIENT_CLOSED) {
        return;
    }
    if (!may_try_again(c)) {
        tl_client_close(c, text);
        return;
    }
    snprintf(c->text, sizeof c->text, "%s", text);
    c->ended |= by_server;
    if (c->kinds_known) {
        if (c->lost_us == 0) {
            c->lost_us = c->now_us;
        }
        tl_client_set_state(c, TL_CLIENT_RECONNECTING);
    }
    seek(c, by_server ? TL_RECONNECT_OTHER : TL_RECONNECT_SAME);
}

static uint64_t silence_us_max(const tl_client *c)
{
    uint64_t frames_us = (uint64_t)SILENT_FRAMES * 1000000 / (c->tick_hz ? c->tick_hz : 1),
             silence_us = c->def.silence_ms * 1000ull;
    if (!c->joined) {
        return JOIN_US_MAX;
    }
    return silence_us > frames_us ? silence_us : frames_us;
}

// Whether a server that was silent is back: for a quarter of the time that counts as silence, frames have arrived at no
// less than a quarter of their rate. Single frames do not end the search for another server; otherwise an ailing server
// would keep its clients.
static bool is_back(tl_client *c)
{
    uint64_t run_us_min = silence_us_max(c) / 4;
    if (c->stats.frames == c->run_frames) {
        return false; // the same server again
    }
    if (c->now_us - c->frame_us > run_us_min) {
        c->run_began_us = c->now_us;
        c->run_began_frames = c->stats.frames;
    }
    c->frame_us = c->now_us;
    c->run_frames = c->stats.frames;
    uint64_t run_us = c->now_us - c->run_began_us;
    return run_us >= run_us_min && (c->stats.frames - c->run_began_frames) * 4 >= run_us * c->tick_hz / 1000000;
}

void tl_client_heard(tl_client *c, bool frame)
{
    c->heard_us = c->now_us;
    c->silent_us = 0;
    if (c->seeking && c->state == TL_CLIENT_JOINING) {
        seek(c, TL_RECONNECT_STOP); // it answers after all
    }
    bool back = frame && c->joined && is_back(c);
    if (!back || !c->seeking || c->ended || c->state == TL_CLIENT_CLOSED) {
        return;
    }
    seek(c, TL_RECONNECT_STOP); // it was only silent
    c->lost_us = 0;
    tl_client_set_state(c, TL_CLIENT_LIVE);
}

// The table decides whether the view can continue: it is the same, or everything seen so far is void.
void tl_client_kinds_came(tl_client *c)
{
    bool same = c->kinds_known && c->kind_table_bytes == c->kind_table_in_bytes &&
                memcmp(c->kind_table, c->kind_table_in, c->kind_table_in_bytes) == 0;
    if (!same || c->other_world) {
        if (c->kinds_known) {
            tl_view_reset(&c->view);
        }
        if (c->kinds_known) {
            tl_clock_reset(&c->clock);
        }
        tl_client_own_none(c); // their words and kinds are from the old table
        tl_reader r = tl_reader_make(c->kind_table_in, c->kind_table_in_bytes);
        if (tl_kinds_read(&c->kinds, &r) != TL_OK || c->kinds.tick_hz != c->tick_hz) {
            c->kinds_known = false;
            tl_client_close(c, "the server's table of kinds is not well-formed; bring both sides to the same release");
            return;
        }
        memcpy(c->kind_table, c->kind_table_in, c->kind_table_in_bytes);
        c->kind_table_bytes = c->kind_table_in_bytes;
    }
    c->kinds_known = c->joined = true;
    c->lost_us = 0;
    tl_client_set_state(c, TL_CLIENT_LIVE);
}

static bool joins_too_slowly(const tl_client *c, uint64_t limit_us)
{
    return !c->joined && c->joining_us > limit_us + (uint64_t)c->kind_table_in_bytes * TABLE_US_PER_BYTE;
}

static void watch_joining(tl_client *c)
{
    if (!c->welcomed && c->now_us - c->started_us > first_us_max(c)) {
        tl_client_close(c, "the server does not answer; is it a Tramline server of this release?");
    } else if (!can_reconnect(c) && c->now_us - c->heard_us > CLOSE_SILENT_US) {
        tl_client_close(c, "nothing was heard from the server for ten seconds");
    } else if (c->welcomed && joins_too_slowly(c, JOIN_FIRST_US_MAX)) {
        tl_client_close(c,
                        "the server answers, but does not say which kinds there are; restart it, or try another one");
    } else if (!c->seeking && c->silent_us > JOIN_US_MAX && may_try_again(c)) {
        tl_client_lose(c, true, "nothing is heard from the server");
    }
}

static void watch_live(tl_client *c)
{
    if (!can_reconnect(c)) {
        if (c->now_us - c->heard_us > CLOSE_SILENT_US) {
            tl_client_close(c, "nothing was heard from the server for ten seconds");
        }
    } else if (!c->seeking && joins_too_slowly(c, JOIN_US_MAX)) {
        tl_client_lose(c, true, "the server does not say which kinds there are");
    } else if (!c->seeking && c->silent_us > silence_us_max(c)) {
        tl_client_lose(c, !c->joined, "nothing is heard from the server");
    }
}

void tl_client_watch(tl_client *c, uint64_t passed_us)
{
    if (c->state == TL_CLIENT_CLOSED || c->state == TL_CLIENT_CONNECTING) {
        return;
    }
    c->silent_us += passed_us;
    c->joining_us += passed_us;
    if (c->state == TL_CLIENT_JOINING) {
        watch_joining(c);
        return;
    }
    watch_live(c);
    bool given_up = c->lost_us && c->now_us - c->lost_us > c->def.reconnect_ms * 1000ull;
    if (!given_up || c->state != TL_CLIENT_RECONNECTING) {
        return;
    }
    char text[sizeof c->text];
    snprintf(text, sizeof text, "no connection came about for %u ms: %.160s", c->def.reconnect_ms, c->text);
    if (c->seeking) {
        seek(c, TL_RECONNECT_STOP);
    }
    tl_client_close(c, text);
}
