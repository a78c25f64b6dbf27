// A seat is one attachment to a store under test, with a journal of all that the store ever told it.
#ifndef TRAMLINE_TEST_STORE_SEAT_H
#define TRAMLINE_TEST_STORE_SEAT_H

#include "check.h"
#include "tramline/store.h"

typedef struct told {
    tl_store_event event;
    unsigned char *data; // a copy of the event's
} told;

typedef struct seat {
    tl_store *store;
    char name[TL_NAME_BYTES_MAX + 1];
    tl_server_number server; // from JOINED
    uint32_t epoch;
    int64_t tick; // last that was submitted
    bool joined, loaded, lost;
    bool may_end_early; // epochs may end before records that were told: some are set aside
    told *journal;
    size_t count, room;
} seat;

void seat_open(seat *s, tl_store *store, const char *name);
// Polls until there is nothing; returns the number of events.
size_t seat_poll(seat *s);
// Closes the store; the journal stays until seat_free().
void seat_close(seat *s, bool leave);
void seat_free(seat *s);
// How many events of that type, from that server (0: any), are in the journal.
size_t seat_count(const seat *s, tl_store_event_type type, tl_server_number server);
// The last of them, or NULL.
const told *seat_last(const seat *s, tl_store_event_type type, tl_server_number server);

// A record's bytes follow from who wrote it, so that any reader can check them.
enum { BODY_BYTES_MAX = 40000 };
size_t body_fill(unsigned char *out, tl_server_number server, uint32_t epoch, int64_t tick);
void body_check(const told *t);
tl_result seat_submit(seat *s, int64_t tick, uint64_t now_us);

// What holds for every journal: each server's epochs in order, a record only in its epoch and in order of ticks, an end
// told once with the last tick, nothing of an epoch after its end.
void seat_check(const seat *s);
// Both were told the same records of that server. With `tail`, b may have begun later (its log was cut).
// Takes out of the journal the records that were set aside after they had been told.
void seat_drop_set_aside(seat *s);
void seat_check_same(const seat *a, const seat *b, tl_server_number server, bool tail);

#endif
