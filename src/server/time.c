#include "server/time.h"
#include "server/peers.h"
#include "server/state.h"
#include "world/clock_report.h"
#include "world/record_apply.h"

#include <stdio.h>

enum {
    LISTEN_US = 500000,       // how long a starting server waits for its first peer
    LISTEN_MORE_US = 1000000, // once it has heard one: the limit on waiting,
    QUIET_US = 150000,        // or until its estimate has not improved for this long
    STILL_MAX = 16,           // a server that stands still again and again while it starts does start
    JUDGE_EVERY_US = 10000,
    REPORT_EVERY_US = 1000000,
    SAY_EVERY_US = 10000000, // least interval between log lines that a clock may cause repeatedly
};

// Logs a line that a clock may cause repeatedly, unless one of its kind was logged a short while ago: omitted lines are
// counted. `format` takes the seconds.
static void say_seldom(tl_server *s, tl_clock_line *line, const char *format, int64_t us)
{
    char text[192], unsaid[48] = "";
    if (line->said && s->time.now_us - line->said_us < SAY_EVERY_US) {
        line->unsaid++;
        return;
    }
    snprintf(text, sizeof text, format, (double)us * 1e-6);
    if (line->unsaid) {
        snprintf(unsaid, sizeof unsaid, " (and %u times before)", line->unsaid);
    }
    *line = (tl_clock_line){.said = true, .said_us = s->time.now_us};
    tl_server_say(s, "%s%s", text, unsaid);
}

static void judge(tl_server *s)
{
    bool was_held = s->time.clock.held;
    uint64_t step_us = tl_world_clock_judge(&s->time.clock);
    s->time.judged_us = s->time.now_us;
    s->stats.clock_ahead_ms = (double)s->time.clock.ahead_us * 1e-3;
    if (step_us) {
        s->time.report_due = true;
    }
    if (step_us >= TL_CLOCK_STEP_US) {
        s->stats.clock_steps++;
        say_seldom(s, &s->time.step_line, "was %.3f s behind the other servers, and goes on at their time",
                   (int64_t)step_us);
    }
    if (s->time.clock.held && !was_held && s->time.clock.ahead_us >= TL_CLOCK_HOLD_US) {
        s->stats.clock_holds++;
        say_seldom(s, &s->time.hold_line, "is %.3f s ahead of the other servers, and waits for them",
                   s->time.clock.ahead_us);
    }
}

// Called after a step of a second or more: either the process stood still or its monotonic clock leapt, and it cannot
// know which. A tick made now might be in the others' future. So it stands still until it hears another server at its
// own time. If it hears the others only at an earlier time, they will soon have fenced it, and it rejoins by their
// time. If it hears nobody any more (the machine with all servers slept, or the others are dead) it continues.
static void begin_doubt(tl_server *s, uint64_t step_us)
{
    TL_ASSERT(s->time.clock.set && !s->time.doubts);
    s->time.doubts = s->time.clock.held = true;
    s->time.doubt_said = false;
    tl_world_clock_leapt(&s->time.clock);
    s->time.doubt_us = s->time.doubt_heard_us = s->time.now_us;
    s->time.clock.ahead_us = (int64_t)step_us;
}

static bool start_with_peers(tl_server *s, int64_t lead_us);

static void end_doubt(tl_server *s)
{
    s->time.doubts = s->time.clock.held = false;
    s->time.clock.ahead_us = 0;
    s->time.judged_us = s->time.now_us;
}

static void look_at_doubt(tl_server *s)
{
    int64_t lead_us;
    uint64_t quiet_us, doubted_us = s->time.now_us - s->time.doubt_us;
    if (tl_peers_alive_count(s) == 0 || s->time.now_us - s->time.doubt_heard_us >= LISTEN_US) {
        end_doubt(s);
    } else if (doubted_us >= 2000ull * s->def.lease_ms && tl_world_clock_find(&s->time.clock, &lead_us, &quiet_us) &&
               start_with_peers(s, lead_us)) {
        tl_server_say(
            s,
            "nobody has fenced it; it goes on at the other servers' time"); // it owns nothing that could be taken over
    } else if (s->time.now_us - s->time.doubt_us >= LISTEN_US && !s->time.doubt_said) {
        s->time.doubt_said = true;
        s->stats.clock_holds++;
        s->stats.clock_ahead_ms = (double)s->time.clock.ahead_us * 1e-3;
        say_seldom(s, &s->time.hold_line, "is %.3f s ahead of the other servers, and waits for them",
                   s->time.clock.ahead_us);
    }
}

static void hear_in_doubt(tl_server *s, int64_t tick)
{
    uint64_t peer_us = tl_world_clock_tick_us(&s->time.clock, tick);
    s->time.doubt_heard_us = s->time.now_us;
    if (peer_us + TL_CLOCK_NEAR_US / 2 >= s->time.clock.world_us) {
        end_doubt(s);
    }
}

void tl_time_take(tl_server *s, tl_time now)
{
    int64_t jump_us = tl_world_clock_take(&s->time.clock, now);
    TL_ASSERT(s->time.clock.now_us >= s->time.now_us); // the world clock never lets it run backwards
    uint64_t step_us = s->time.clock.now_us - s->time.now_us;
    bool was_settled = s->time.settled;
    // a server that stood still has not listened
    if (step_us > TL_CLOCK_JUMP_US && s->time.stood_still++ < STILL_MAX) {
        s->time.loaded_us = s->time.clock.now_us;
    }
    s->time.now_us = s->time.clock.now_us;
    s->time.settled = tl_world_clock_settled(&s->time.clock);
    s->time.report_due = s->time.report_due || s->time.settled != was_settled;
    s->stats.clock_jumps += jump_us != 0;
    if (jump_us) {
        say_seldom(s, &s->time.jump_line, "the wall clock jumped by %+.3f s; ticks go on by the monotonic clock",
                   jump_us);
    }
    if (s->time.clock.set && step_us >= TL_CLOCK_NEAR_US && !s->time.doubts && tl_peers_alive_count(s)) {
        begin_doubt(s, step_us);
    }
    if (s->time.doubts) {
        look_at_doubt(s);
    } else if (s->time.clock.set && s->time.now_us - s->time.judged_us >= JUDGE_EVERY_US) {
        judge(s);
    }
}

// ---- reports of each other's clocks ----

static void take_report(tl_server *s, tl_server_number from, const tl_clock_report *report)
{
    tl_peer_clock *p = &s->time.clock.peers[from];
    p->has_wall = true;
    p->settled = report->settled;
    p->wall_lead_us = report->wall_lead_us;
    for (uint32_t i = 0; i < report->count; i++) {
        if (report->seen[i].server == s->number) {
            tl_world_clock_seen(&s->time.clock, from, report->seen[i].tick, report->seen[i].at_us);
        }
    }
}

void tl_time_hear(tl_server *s, const tl_store_event *event)
{
    tl_clock_report report;
    tl_world_clock_hear(&s->time.clock, event->server, event->tick);
    if (s->time.doubts) {
        hear_in_doubt(s, event->tick);
    }
    if (tl_record_clock_read(event->data, event->size, &report)) {
        take_report(s, event->server, &report);
    }
    // A server that is ahead, or seems to be, learns of it only from this report.
    if (s->time.clock.set &&
        tl_world_clock_tick_us(&s->time.clock, event->tick) > s->time.clock.world_us + TL_CLOCK_STEP_US) {
        s->time.report_due = true;
    }
}

void tl_time_report(tl_server *s, tl_record_writer *r)
{
    if (!s->time.report_due && s->time.now_us - s->time.reported_us < REPORT_EVERY_US &&
        !tl_world_clock_finding(&s->time.clock)) {
        return;
    }
    int64_t wall_lead_us = (int64_t)(s->time.clock.wall_us - s->time.clock.created_us - s->time.clock.world_us),
            most_us = (int64_t)TL_CLOCK_US_MAX;
    tl_clock_report report = {.settled = tl_world_clock_settled(&s->time.clock),
                              .wall_lead_us = tl_max_i64(-most_us, tl_min_i64(wall_lead_us, most_us))};
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        tl_peer_clock *p = &s->time.clock.peers[n];
        if (!p->has_seen) {
            continue;
        }
        report.seen[report.count++] = (tl_clock_seen){.server = n, .tick = p->seen_tick, .at_us = p->seen_at_us};
        p->has_seen = false;
    }
    tl_record_mark mark = tl_record_here(r);
    tl_record_clock_write(r, &report);
    TL_ASSERT(tl_record_check(r, mark) == TL_OK); // a few bytes per server, near the beginning of a record
    s->time.reported_us = s->time.now_us;
    s->time.report_due = false;
}

// Whether what is mirrored is final: the records of a server that is ahead may be set aside, but a checkpoint cannot be
// undone. A server without peers has nobody who could set its records aside.
bool tl_time_sure(const tl_server *s)
{
    if (s->time.clock.held) {
        return false;
    }
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX && !s->time.settled; n++) {
        if (n != s->number && s->peers.servers[n].known && !s->peers.servers[n].ended) {
            return false;
        }
    }
    return true;
}

// ---- the start ----

static void set_clock(tl_server *s, uint64_t world_us)
{
    uint64_t wall_us = s->time.clock.wall_us > s->time.clock.created_us
                           ? s->time.clock.wall_us - s->time.clock.created_us
                           : 0;
    double off_s = (double)(int64_t)(world_us - wall_us) * 1e-6;
    tl_world_clock_set(&s->time.clock, world_us);
    end_doubt(s);
    s->time.report_due = true;
    if (fabs(off_s) * 1e6 > TL_CLOCK_JUMP_US) {
        tl_server_say(s, "this server's wall clock is %.3f s %s the world's time, which counts", fabs(off_s),
                      off_s > 0 ? "behind" : "ahead of");
    }
}

// No other server is alive: starts by the wall clock, but after everything that was committed.
static void start_alone(tl_server *s)
{
    int64_t head_tick = s->tick;
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (s->peers.servers[n].known) {
            head_tick = tl_max_i64(head_tick, s->peers.servers[n].head_tick);
        }
    }
    uint64_t wall_us = s->time.clock.wall_us > s->time.clock.created_us
                           ? s->time.clock.wall_us - s->time.clock.created_us
                           : 0;
    uint64_t after_us = tl_world_clock_tick_us(&s->time.clock, head_tick + 1);
    set_clock(s, after_us > wall_us ? after_us : wall_us);
}

// Starts by the time of the living servers. What this server committed in a former epoch may be ahead of that: then it
// cannot commit yet, and its groups go to the others, since they hear nothing from it.
static bool start_with_peers(tl_server *s, int64_t lead_us)
{
    uint64_t world_us = s->time.now_us + (uint64_t)lead_us, last_us = tl_world_clock_tick_us(&s->time.clock, s->tick);
    if (s->tick >= 0 && world_us <= last_us) {
        if (!s->time.early_said && last_us - world_us > TL_CLOCK_NEAR_US) {
            tl_server_say(s,
                          "what this server committed is %.3f s ahead of the other servers' time; it waits until then",
                          (double)(last_us - world_us) * 1e-6);
        }
        s->time.early_said = s->time.early_said || last_us - world_us > TL_CLOCK_NEAR_US;
        return false;
    }
    set_clock(s, world_us);
    return true;
}

bool tl_time_start(tl_server *s)
{
    uint32_t living = 0;
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        living += n != s->number && s->peers.servers[n].known && !s->peers.servers[n].ended;
    }
    int64_t lead_us;
    uint64_t listened_us = s->time.now_us - s->time.loaded_us, quiet_us;
    if (tl_world_clock_find(&s->time.clock, &lead_us, &quiet_us)) {
        return (quiet_us >= QUIET_US || listened_us >= LISTEN_MORE_US) && start_with_peers(s, lead_us);
    }
    if (living && listened_us < LISTEN_US) {
        return false;
    }
    start_alone(s);
    return true;
}
