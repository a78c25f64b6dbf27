// The store's contract as one suite, run over each backend.
#ifndef TRAMLINE_TEST_STORE_CONTRACT_H
#define TRAMLINE_TEST_STORE_CONTRACT_H

#include "seat.h"

// What a backend brings along. Its world is fresh at create().
typedef struct contract_backend {
    const char *name;
    void *(*create)(uint64_t seed);
    void (*destroy)(void *world);
    tl_store *(*attach)(void *world);
    // Lets a little time go by; returns the time, as submit() wants it.
    uint64_t (*pass)(void *world);
    // Nothing commits while stalled. `name`: the server that must notice.
    void (*stall)(void *world, const char *name, bool stalled);
    // One more attachment to a second store of the fixture, that can be copied into and holds no world at first.
    tl_store *(*attach_copy)(void *world);
    // Changes how many steps the random tests take: real files are slower than memory.
    int steps;
} contract_backend;

void contract_run(const contract_backend *backend);

#endif
