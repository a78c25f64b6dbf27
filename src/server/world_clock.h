// A server's estimate of the world's time, in microseconds since tick 0. It runs on the server's own monotonic clock,
// is set by the other servers' ticks when the server starts, and is kept near theirs from then on. A wall clock counts
// only if no other server is alive, and only at the start.
//
// What is known of another server's clock is certain, since nothing arrives before it was sent. When a record of
// tick t has arrived, that server's time is t or later. That server also reports the newest record of this server that
// it has seen, and when it saw it: when this server made that tick, the other's time was no later than that. So its
// lead over this server's monotonic clock lies between two bounds. A slow store or server can only widen them: it is
// never mistaken for a wrong clock.
#ifndef TRAMLINE_SERVER_WORLD_CLOCK_H
#define TRAMLINE_SERVER_WORLD_CLOCK_H

#include "base/base.h"

enum {
    TL_CLOCK_TICKS = 1024,         // own ticks whose time is remembered
    TL_CLOCK_SLEW_PPM_MAX = 10000, // 1 %
    TL_CLOCK_STEP_US = 100000,     // further behind the others: step to their time
    // a server in its first second ignores differences from the likely time up to this, up to four times as much until
    // it is settled
    TL_CLOCK_YOUNG_US = 5000,
    TL_CLOCK_HOLD_US = 80000, // further ahead of the others: stand still until they catch up
    // closer clocks are brought together by all servers; beyond this a majority is right
    TL_CLOCK_NEAR_US = 1000000,
    TL_CLOCK_JUMP_US = 100000,     // of the wall clock against the monotonic one
    TL_CLOCK_WINDOW_US = 1000000,  // a bound is the best of one to two windows
    TL_CLOCK_SETTLED_US = 5000000, // servers that have run this long count; others only if there are none
    TL_CLOCK_RISE_US = 50000,
    TL_CLOCK_HEARD_US = 1000000, // servers not heard for longer do not count
};

// The highest value of one to two windows.
typedef struct tl_clock_bound {
    bool known, has_former;
    int64_t best, former, last;
    uint64_t begun_us;
} tl_clock_bound;

typedef struct tl_peer_clock {
    bool heard;
    uint64_t heard_us;    // monotonic
    uint64_t risen_us;    // when `least` last rose by much: earlier records had been under way for long
    bool settled;         // as the peer reports
    tl_clock_bound least; // lower bound of its lead over this server's monotonic clock
    tl_clock_bound most;  // upper bound of it, negated
    bool has_seen;        // the record that raised `least` most since the last report:
    int64_t seen_tick, seen_lead_us;
    uint64_t seen_at_us; // by this server's world clock
    bool has_wall;
    int64_t wall_lead_us; // its wall clock minus its world clock
} tl_peer_clock;

typedef struct tl_world_clock {
    uint32_t tick_hz;
    uint64_t created_us; // by the wall clock: when tick 0 began
    bool set, held;
    uint64_t run_us; // since it was set, or the monotonic clock last leapt
    uint64_t now_us; // monotonic
    uint64_t wall_us;
    uint64_t world_us;
    int64_t slew_ppm, slew_rest;
    int64_t wall_lead_us; // wall minus monotonic, a few moments ago
    uint64_t wall_looked_us;
    int64_t ahead_us;                      // certain lead over the other servers; negative: behind
    uint64_t tick_made_us[TL_CLOCK_TICKS]; // monotonic, by tick
    int64_t tick_made[TL_CLOCK_TICKS];
    tl_peer_clock peers[TL_SERVERS_MAX + 1];
} tl_world_clock;

void tl_world_clock_init(tl_world_clock *c, uint64_t created_us, uint32_t tick_hz);
// Advances the clocks. Returns by how much the wall clock jumped against the monotonic one, 0 if it did not.
int64_t tl_world_clock_take(tl_world_clock *c, tl_time now);
// Finds by how much the time of the peers heard so far is ahead of this server's monotonic clock, to start by their
// time. Returns false if no peer was heard. `quiet_us` receives for how long the estimate has not improved.
bool tl_world_clock_find(const tl_world_clock *c, int64_t *lead_us, uint64_t *quiet_us);
// It has run for long enough, without a leap, that others may follow it.
bool tl_world_clock_settled(const tl_world_clock *c);
void tl_world_clock_set(tl_world_clock *c, uint64_t world_us);
uint64_t tl_world_clock_at(const tl_world_clock *c, uint64_t monotonic_us);
uint64_t tl_world_clock_tick_us(const tl_world_clock *c, int64_t tick);
int64_t tl_world_clock_tick(const tl_world_clock *c); // the current one
// Whether `tick` is further ahead than any living server's record may be.
bool tl_world_clock_too_far(const tl_world_clock *c, int64_t tick);

// This server has made a tick.
void tl_world_clock_ticked(tl_world_clock *c, int64_t tick);
// A record of another server has arrived.
void tl_world_clock_hear(tl_world_clock *c, tl_server_number peer, int64_t tick);
// Whether this server, or one that it hears, is about to find the time, so that reports should be fresh.
bool tl_world_clock_finding(const tl_world_clock *c);
// A peer reports that it had seen this server's record of `own_tick` when its world clock read `at_us`.
void tl_world_clock_seen(tl_world_clock *c, tl_server_number peer, int64_t own_tick, uint64_t at_us);
// The monotonic clock may have leapt: discards what was measured by it.
void tl_world_clock_leapt(tl_world_clock *c);
// A peer's next epoch: discards what was known of the peer's clock.
void tl_world_clock_forget(tl_world_clock *c, tl_server_number peer);
// Compares the clock with the peers', once a tick: slews, steps or holds it. Returns by how much it was stepped
// forward, 0 if it was not.
uint64_t tl_world_clock_judge(tl_world_clock *c);
// A peer's world clock minus this one's: the middle of the possible range, and half its width. Returns false if
// unknown.
bool tl_world_clock_offset(const tl_world_clock *c, tl_server_number peer, int64_t *offset_us, int64_t *error_us);
// Converts a time of a peer's wall clock to this server's wall clock, as well as is known; returns 0 if it cannot.
uint64_t tl_world_clock_own_wall(const tl_world_clock *c, tl_server_number peer, uint64_t wall_us);

#endif
