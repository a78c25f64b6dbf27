// What every test of the contract does: a fresh world, seats in it, and time that goes by until something is told.
#ifndef TRAMLINE_TEST_STORE_FIXTURE_H
#define TRAMLINE_TEST_STORE_FIXTURE_H

#include "contract.h"

extern const contract_backend *backend;
extern void *world;
extern uint64_t now_us;

void begin(uint64_t seed);
void end(void);
void attach(seat *s, const char *name);
// Lets time go by until the seat was told `count` such events in all; gives the last.
const told *await(seat *s, tl_store_event_type type, tl_server_number server, size_t count);
// Attaches and loads.
void join(seat *s, const char *name);
// Lets enough time go by for whatever is not going to happen.
void idle(seat *s);
// Submits, and waits until it is committed.
void commit(seat *s, int64_t tick);
// Lets time go by until nothing is queued.
void drain(seat *s);
// Checks the journal and frees all.
void finish(seat *s);

// All of it at random (contract_random.c).
void random_interleavings_lose_and_double_nothing(void);
// Epochs that are ended early (contract_quarantine.c).
void quarantine_run(void);
// What is done while others go on (contract_alive.c).
void alive_run(void);
// Copies of worlds (contract_restore.c).
void restore_run(void);

#endif
