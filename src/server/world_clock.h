// A server's idea of the world's time, in microseconds since tick 0. It runs by the server's own monotonic clock, is
// set by the other servers' ticks when the server starts, and kept near theirs from then on. A wall clock counts only
// where no other server lives, and only at the start.
//
// What is known of another server's clock is certain, since nothing arrives before it was sent. A record of tick t that
// has come in says: that server's time was t or later by now. What it reports of the newest own record that it has
// seen, and when, says: its time was no later than that when this server made the tick. So its lead over this server's
// monotonic clock lies between two bounds, which a slow store or server can only widen: it is never taken for a wrong
// clock.
#ifndef TRAMLINE_SERVER_WORLD_CLOCK_H
#define TRAMLINE_SERVER_WORLD_CLOCK_H

#include "base/base.h"

enum {
    TL_CLOCK_TICKS = 1024,         // own ticks of which the moment is remembered
    TL_CLOCK_SLEW_PPM_MAX = 10000, // 1 %
    TL_CLOCK_STEP_US = 100000,     // further behind the others: step to their time
    // what a server in its first second lets be, by what is likely; four times that until it is settled
    TL_CLOCK_YOUNG_US = 5000,
    TL_CLOCK_HOLD_US = 80000, // further ahead of them: stand still until they are here
    // clocks closer than this can be brought together by all; beyond, a majority is right
    TL_CLOCK_NEAR_US = 1000000,
    TL_CLOCK_JUMP_US = 100000,     // of the wall clock against the monotonic one
    TL_CLOCK_WINDOW_US = 1000000,  // bounds are the best of one to two windows
    TL_CLOCK_SETTLED_US = 5000000, // who has run for so long counts; others only where nobody has
    TL_CLOCK_RISE_US = 50000,
    TL_CLOCK_HEARD_US = 1000000, // who was not heard for longer says nothing of the time
};

// The highest of one to two windows.
typedef struct tl_clock_bound {
    bool known, has_former;
    int64_t best, former, last;
    uint64_t begun_us;
} tl_clock_bound;

typedef struct tl_peer_clock {
    bool heard;
    uint64_t heard_us;    // monotonic
    uint64_t risen_us;    // when `least` last rose by much: what came before had been under way for long
    bool settled;         // it says so
    tl_clock_bound least; // of its lead over this server's monotonic clock
    tl_clock_bound most;  // of the same, negated
    bool has_seen;        // the record that said most of `least` since the last report:
    int64_t seen_tick, seen_lead_us;
    uint64_t seen_at_us; // by this server's world clock
    bool has_wall;
    int64_t wall_lead_us; // its wall clock less its world clock
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
    int64_t wall_lead_us; // wall less monotonic, some moments ago
    uint64_t wall_looked_us;
    int64_t ahead_us;                      // of the other servers, for sure; below 0: behind
    uint64_t tick_made_us[TL_CLOCK_TICKS]; // monotonic, by tick
    int64_t tick_made[TL_CLOCK_TICKS];
    tl_peer_clock peers[TL_SERVERS_MAX + 1];
} tl_world_clock;

void tl_world_clock_init(tl_world_clock *c, uint64_t created_us, uint32_t tick_hz);
// The clocks go on. Gives by how much the wall clock has jumped against the monotonic one, 0: it has not.
int64_t tl_world_clock_take(tl_world_clock *c, tl_time now);
// By how much the time of the peers that were heard is ahead of this server's monotonic clock, so that it can start by
// theirs. False: nobody was heard. `quiet_us`: for how long nothing better has come in.
bool tl_world_clock_find(const tl_world_clock *c, int64_t *lead_us, uint64_t *quiet_us);
// It has run for long enough, and without a leap, that others may go by it.
bool tl_world_clock_settled(const tl_world_clock *c);
void tl_world_clock_set(tl_world_clock *c, uint64_t world_us);
uint64_t tl_world_clock_at(const tl_world_clock *c, uint64_t monotonic_us);
uint64_t tl_world_clock_tick_us(const tl_world_clock *c, int64_t tick);
int64_t tl_world_clock_tick(const tl_world_clock *c); // the one that it is now
// Further ahead than any living server's record may be.
bool tl_world_clock_too_far(const tl_world_clock *c, int64_t tick);

// An own tick is made.
void tl_world_clock_ticked(tl_world_clock *c, int64_t tick);
// A record of another server has come in.
void tl_world_clock_hear(tl_world_clock *c, tl_server_number peer, int64_t tick);
// Another server reports: when its world clock said `at_us`, it had seen this server's record of that tick.
// Whether this server or one that it hears is about to find the time, and what is reported should be fresh.
bool tl_world_clock_finding(const tl_world_clock *c);
void tl_world_clock_seen(tl_world_clock *c, tl_server_number peer, int64_t own_tick, uint64_t at_us);
// The monotonic clock may have leapt: what was measured by it says nothing any more.
void tl_world_clock_leapt(tl_world_clock *c);
// Another epoch of it: what was known of its clock says nothing of the new one.
void tl_world_clock_forget(tl_world_clock *c, tl_server_number peer);
// Compares with the peers, once a tick: slews, steps or holds the clock. Gives by how much it was set forward, 0: it
// was not.
uint64_t tl_world_clock_judge(tl_world_clock *c);
// A peer's world clock less this one's: in the middle of what it can be, and how far off that may be. False: not known.
bool tl_world_clock_offset(const tl_world_clock *c, tl_server_number peer, int64_t *offset_us, int64_t *error_us);
// A moment of a peer's wall clock, by this server's wall clock, as far as can be told; 0: it cannot.
uint64_t tl_world_clock_own_wall(const tl_world_clock *c, tl_server_number peer, uint64_t wall_us);

#endif
