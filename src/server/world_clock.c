#include "server/world_clock.h"

enum {
    DEADBAND_US = 1000,    // closer clocks are left alone
    SLEW_US = 4000000,     // a difference is slewed away in about this time
    ERROR_US_MAX = 150000, // values with a larger error are not used
};

void tl_world_clock_init(tl_world_clock *c, uint64_t created_us, uint32_t tick_hz)
{
    *c = (tl_world_clock){.tick_hz = tick_hz, .created_us = created_us};
    for (int i = 0; i < TL_CLOCK_TICKS; i++) {
        c->tick_made[i] = -1;
    }
}

uint64_t tl_world_clock_tick_us(const tl_world_clock *c, int64_t tick)
{
    return (uint64_t)tick * 1000000u / c->tick_hz;
}

int64_t tl_world_clock_tick(const tl_world_clock *c)
{
    int64_t tick = (int64_t)(c->world_us / 1000000u * c->tick_hz + c->world_us % 1000000u * c->tick_hz / 1000000u);
    return tl_world_clock_tick_us(c, tick + 1) <= c->world_us ? tick + 1 : tick;
}

bool tl_world_clock_too_far(const tl_world_clock *c, int64_t tick)
{
    return c->set && tick > 0 &&
           (tick > TL_TICK_MAX || tl_world_clock_tick_us(c, tick) > c->world_us + TL_CLOCK_NEAR_US);
}

// ---- running ----

static int64_t lead(const tl_world_clock *c)
{
    return (int64_t)(c->world_us - c->now_us);
}

static int64_t look_at_wall(tl_world_clock *c)
{
    int64_t now_us = (int64_t)(c->wall_us - c->now_us), jump_us = now_us - c->wall_lead_us;
    bool first = c->wall_looked_us == 0, jumped = !first && tl_magnitude(jump_us) > TL_CLOCK_JUMP_US;
    if (!first && !jumped && c->now_us - c->wall_looked_us < TL_CLOCK_WINDOW_US) {
        return 0;
    }
    c->wall_lead_us = now_us; // a wall clock that is slewed to the right time is followed
    c->wall_looked_us = c->now_us ? c->now_us : 1;
    return jumped ? jump_us : 0;
}

int64_t tl_world_clock_take(tl_world_clock *c, tl_time now)
{
    uint64_t before_us = c->now_us;
    if (now.monotonic_us > c->now_us) {
        c->now_us = now.monotonic_us;
    }
    c->wall_us = now.wall_us;
    if (c->set && !c->held) {
        int64_t passed_us = (int64_t)(c->now_us - before_us), slewed = passed_us * c->slew_ppm + c->slew_rest;
        c->slew_rest = slewed % 1000000;
        c->run_us = passed_us < TL_CLOCK_NEAR_US ? c->run_us + (uint64_t)passed_us : 0;
        c->world_us += (uint64_t)(passed_us + slewed / 1000000);
    }
    return look_at_wall(c);
}

uint64_t tl_world_clock_at(const tl_world_clock *c, uint64_t monotonic_us)
{
    if (!c->set) {
        return c->wall_us > c->created_us ? c->wall_us - c->created_us : 0;
    }
    return c->held ? c->world_us : c->world_us + (monotonic_us - c->now_us);
}

void tl_world_clock_set(tl_world_clock *c, uint64_t world_us)
{
    c->world_us = world_us;
    c->run_us = 0;
    c->set = true;
}

// ---- what is known of the others ----

static void bound_reset(tl_clock_bound *b)
{
    *b = (tl_clock_bound){0};
}

static void bound_add(tl_clock_bound *b, int64_t value, uint64_t now_us)
{
    if (b->known && now_us - b->begun_us >= TL_CLOCK_WINDOW_US) {
        b->has_former = now_us - b->begun_us < 2 * TL_CLOCK_WINDOW_US;
        b->former = b->best;
        b->known = false;
    }
    if (!b->known) {
        b->begun_us = now_us;
    }
    b->best = b->known ? tl_max_i64(b->best, value) : value;
    b->last = value;
    b->known = true;
}

static int64_t bound_value(const tl_clock_bound *b)
{
    return b->has_former ? tl_max_i64(b->best, b->former) : b->best;
}

// The bounds contradict each other: that clock was set meanwhile. The latest values are used.
static void settle_bounds(tl_peer_clock *p)
{
    if (!p->least.known || !p->most.known || bound_value(&p->least) <= -bound_value(&p->most)) {
        return;
    }
    p->least.best = p->least.last, p->least.has_former = false;
    p->most.best = p->most.last, p->most.has_former = false;
    if (p->least.best > -p->most.best) {
        bound_reset(&p->most);
    }
}

void tl_world_clock_ticked(tl_world_clock *c, int64_t tick)
{
    c->tick_made[tick % TL_CLOCK_TICKS] = tick;
    c->tick_made_us[tick % TL_CLOCK_TICKS] = c->now_us;
}

void tl_world_clock_hear(tl_world_clock *c, tl_server_number peer, int64_t tick)
{
    tl_peer_clock *p = &c->peers[peer];
    if (tick < 0 || tick > TL_TICK_MAX) {
        return;
    }
    int64_t lead_us = (int64_t)(tl_world_clock_tick_us(c, tick) - c->now_us);
    if (!p->heard || lead_us > bound_value(&p->least) + TL_CLOCK_RISE_US) {
        p->risen_us = c->now_us;
    }
    bound_add(&p->least, lead_us, c->now_us);
    if (!p->has_seen || lead_us > p->seen_lead_us) {
        p->seen_tick = tick;
        p->seen_lead_us = lead_us;
        p->seen_at_us = c->world_us;
        p->has_seen = true;
    }
    p->heard = true;
    p->heard_us = c->now_us;
    settle_bounds(p);
}

void tl_world_clock_seen(tl_world_clock *c, tl_server_number peer, int64_t own_tick, uint64_t at_us)
{
    tl_peer_clock *p = &c->peers[peer];
    if (own_tick < 0 || c->tick_made[own_tick % TL_CLOCK_TICKS] != own_tick) {
        return;
    }
    bound_add(&p->most, -(int64_t)(at_us - c->tick_made_us[own_tick % TL_CLOCK_TICKS]), c->now_us);
    settle_bounds(p);
}

void tl_world_clock_forget(tl_world_clock *c, tl_server_number peer)
{
    c->peers[peer] = (tl_peer_clock){0};
}

void tl_world_clock_leapt(tl_world_clock *c)
{
    for (int i = 0; i < TL_CLOCK_TICKS; i++) {
        c->tick_made[i] = -1;
    }
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        tl_peer_clock *p = &c->peers[n];
        p->heard = p->has_seen = false;
        bound_reset(&p->least);
        bound_reset(&p->most);
    }
}

static bool is_heard(const tl_world_clock *c, const tl_peer_clock *p)
{
    return p->heard && c->now_us - p->heard_us < TL_CLOCK_HEARD_US;
}

// ---- what follows from it ----

typedef struct middle { // of several clocks; both are the same if their number is odd
    int64_t low, high;
} middle;

static void insert(int64_t *sorted, uint32_t count, int64_t value)
{
    for (; count && sorted[count - 1] > value; count--) {
        sorted[count] = sorted[count - 1];
    }
    sorted[count] = value;
}

static middle middle_of(const int64_t *sorted, uint32_t count)
{
    return (middle){sorted[(count - 1) / 2], sorted[count / 2]};
}

// The least that a peer's clock must differ from this one, in either direction; 0 if they may be the same.
static int64_t certain_offset(const tl_world_clock *c, const tl_peer_clock *p)
{
    int64_t least_us = bound_value(&p->least) - lead(c);
    if (least_us > 0) {
        return least_us;
    }
    return p->most.known ? tl_min_i64(0, -bound_value(&p->most) - lead(c)) : 0;
}

bool tl_world_clock_offset(const tl_world_clock *c, tl_server_number peer, int64_t *offset_us, int64_t *error_us)
{
    const tl_peer_clock *p = &c->peers[peer];
    if (!p->least.known || !p->most.known) {
        return false;
    }
    int64_t least_us = bound_value(&p->least) - lead(c), most_us = -bound_value(&p->most) - lead(c);
    *offset_us = (least_us + most_us) / 2;
    *error_us = (most_us - least_us) / 2;
    return true;
}

bool tl_world_clock_settled(const tl_world_clock *c)
{
    return c->set && c->run_us >= TL_CLOCK_SETTLED_US;
}

// Servers that have just started may all have guessed wrong: they count only among themselves.
static bool any_settled(const tl_world_clock *c)
{
    bool any = tl_world_clock_settled(c);
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX && !any; n++) {
        any = c->peers[n].settled && is_heard(c, &c->peers[n]);
    }
    return any;
}

bool tl_world_clock_finding(const tl_world_clock *c)
{
    if (!tl_world_clock_settled(c)) {
        return true;
    }
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (is_heard(c, &c->peers[n]) && !c->peers[n].settled) {
            return true;
        }
    }
    return false;
}

bool tl_world_clock_find(const tl_world_clock *c, int64_t *lead_us, uint64_t *quiet_us)
{
    int64_t leads[TL_SERVERS_MAX + 1];
    uint32_t count = 0;
    bool settled = any_settled(c);
    *quiet_us = UINT64_MAX;
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        const tl_peer_clock *p = &c->peers[n];
        if (!is_heard(c, p)) {
            continue;
        }
        if (c->now_us - p->risen_us < *quiet_us) {
            *quiet_us = c->now_us - p->risen_us;
        }
        if (p->settled || !settled) {
            insert(leads, count++, bound_value(&p->least));
        }
    }
    if (count == 0) {
        return false;
    }
    middle m = middle_of(leads, count);
    int64_t found = m.high - m.low <= TL_CLOCK_NEAR_US ? m.high : m.low;
    *lead_us = found;
    return found > -(int64_t)c->now_us; // otherwise it would be before tick 0
}

// Of several clocks that are near each other, those behind step forward to the middle ones, which costs only the ticks
// between. If they are far apart a majority is right, and of two the one that is behind.
static int64_t target_of(middle m)
{
    return m.high - m.low <= TL_CLOCK_NEAR_US ? m.high : m.low;
}

static void slew(tl_world_clock *c, middle m)
{
    int64_t target_us = m.high - m.low <= TL_CLOCK_NEAR_US ? (m.low + m.high) / 2 : m.low;
    int64_t ppm = tl_magnitude(target_us) < DEADBAND_US ? 0 : target_us * 1000000 / SLEW_US;
    c->slew_ppm = tl_max_i64(-TL_CLOCK_SLEW_PPM_MAX, tl_min_i64(TL_CLOCK_SLEW_PPM_MAX, ppm));
}

uint64_t tl_world_clock_judge(tl_world_clock *c)
{
    int64_t certain[TL_SERVERS_MAX + 2], likely[TL_SERVERS_MAX + 2], likely_us, error_us;
    uint32_t count = 0;
    bool settled = any_settled(c);
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (!is_heard(c, &c->peers[n]) || (settled && !c->peers[n].settled)) {
            continue;
        }
        int64_t offset_us = certain_offset(c, &c->peers[n]), middle_us = offset_us;
        if (tl_world_clock_offset(c, n, &likely_us, &error_us) && error_us <= ERROR_US_MAX) {
            middle_us = likely_us;
        }
        insert(certain, count, offset_us);
        insert(likely, count++, middle_us);
    }
    if (!settled || tl_world_clock_settled(c)) {
        insert(certain, count, 0);
        insert(likely, count++, 0);
    }
    bool young = !tl_world_clock_settled(c); // nobody follows it yet: it is set at once to the likely time
    int64_t target_us = target_of(middle_of(young ? likely : certain, count));
    c->ahead_us = -target_us;
    int64_t young_us = c->run_us < TL_CLOCK_WINDOW_US ? TL_CLOCK_YOUNG_US : 4 * TL_CLOCK_YOUNG_US;
    c->held = target_us < (c->held ? 0 : young ? -young_us : -TL_CLOCK_HOLD_US);
    slew(c, middle_of(likely, count));
    if (target_us < (young ? young_us : TL_CLOCK_STEP_US)) {
        return 0;
    }
    c->world_us += (uint64_t)target_us;
    c->ahead_us = 0;
    return (uint64_t)target_us;
}

uint64_t tl_world_clock_own_wall(const tl_world_clock *c, tl_server_number peer, uint64_t wall_us)
{
    const tl_peer_clock *p = &c->peers[peer];
    int64_t offset_us, error_us;
    if (!p->has_wall || wall_us == 0 || !tl_world_clock_offset(c, peer, &offset_us, &error_us)) {
        return 0;
    }
    int64_t own_lead_us = (int64_t)(c->wall_us - c->created_us - c->world_us);
    int64_t less_us = p->wall_lead_us + offset_us - own_lead_us; // its wall clock minus this one's
    return tl_magnitude(less_us) <= (uint64_t)error_us ? wall_us : wall_us - (uint64_t)less_us;
}
