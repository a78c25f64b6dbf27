// Work that a client causes on the server, counted in slots: of streams that are set up for it, of tiles that are coded
// whole, and of data that is coded again for it after a loss. All other work costs about the same in every tick and is
// free. A client may do as much at once as a join takes, and then continues at a steady rate. All clients together have
// a limit per tick; beyond it each client still has its own rate, so nobody can use up what another depends on. A
// client without work left waits and keeps the data it has. The account belongs to the client's proven name, not to its
// connection: a client that reconnects continues with what was left (server/accounts.c).
#ifndef TRAMLINE_SERVER_WORK_H
#define TRAMLINE_SERVER_WORK_H

#include "base/base.h"

enum {
    TL_WORK_SLOTS_A_TICK = 100, // per client, steadily: riders in cities need ten
    TL_WORK_SHARE = 256,        // plus this part of all entities
    TL_WORK_SLOTS_MORE = 20000, // that may be saved up, plus twice the number of entities
    TL_WORK_ALL_A_TICK = 30000, // of all clients, by default
    TL_WORK_STREAM = 8,         // for a stream, in addition to its slots
    TL_WORK_CHUNK = 4,          // for a chunk, in addition to its slots
    TL_WORK_CELLS_A_UNIT = 16,  // visited cells per unit when streams are chosen
    // for a client that moves on before what it needed has arrived; a jump each second keeps 150
    TL_STREAMS_KEPT = 192,
};

typedef struct tl_work_account {
    int64_t left;
    int64_t steady; // left of the tick's rate, for when the limit of all clients is reached
    int64_t tick;
    bool begun;
} tl_work_account;

typedef struct tl_work {
    tl_work_account own;
    tl_work_account *account; // shared by several connections; NULL: its own
    int64_t *shared;          // left for all clients in this tick; NULL: no limit
    uint64_t waits;           // ticks in which something had to wait
    int64_t waited_tick;
} tl_work;

static inline tl_work_account *tl_work_account_of(tl_work *w)
{
    return w->account ? w->account : &w->own;
}

// Begins a tick; `entity_count` is the world's.
static inline void tl_work_refill(tl_work *w, int64_t tick, uint32_t entity_count)
{
    tl_work_account *a = tl_work_account_of(w);
    int64_t most = 2 * (int64_t)entity_count + TL_WORK_SLOTS_MORE,
            rate = TL_WORK_SLOTS_A_TICK + entity_count / TL_WORK_SHARE;
    int64_t ticks = tick - a->tick;
    if (a->begun && ticks > 0) {
        a->left = ticks > 2 * most / rate ? most : tl_min_i64(most, a->left + ticks * rate);
    }
    if (a->begun && ticks > 0) {
        a->steady = ticks > 2 * most / rate ? rate : tl_min_i64(rate, a->steady + ticks * rate);
    }
    if (!a->begun) {
        a->left = most, a->steady = rate;
    }
    a->begun = true;
    a->tick = tick;
}

static inline bool tl_work_spent_by_all(const tl_work *w)
{
    return w->shared && *w->shared <= 0;
}

// Whether the client may start something indivisible that takes at least `slots`.
static inline bool tl_work_may(tl_work *w, int64_t slots)
{
    const tl_work_account *a = tl_work_account_of(w);
    if (!a->begun || (a->left > 0 && (!tl_work_spent_by_all(w) || a->steady >= tl_max_i64(slots, 1)))) {
        return true;
    }
    if (w->waited_tick != a->tick) {
        w->waits++;
    }
    w->waited_tick = a->tick;
    return false;
}

// `own` is charged to the client, unless others caused the work. `all` is charged to all clients together; work done
// once for several clients counts once. When the limit of all clients is reached, a client spends its own rate, whoever
// caused the work.
static inline void tl_work_spend(tl_work *w, int64_t own, int64_t all, bool is_others_doing)
{
    if (tl_work_spent_by_all(w)) {
        tl_work_account_of(w)->steady -= own;
    }
    if (!is_others_doing) {
        tl_work_account_of(w)->left -= own;
    }
    if (w->shared) {
        *w->shared -= all;
    }
}

#endif
