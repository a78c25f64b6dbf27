// Fills a store with a scenario: makes the world, and all groups and entities in it.
#ifndef APP_POPULATE_H
#define APP_POPULATE_H

#include "app/game.h"

#include <stdbool.h>

typedef struct populate_def {
    const char *store; // URI
    const game_choice *choice;
    const scenario *scenario;
    uint32_t tick_hz;
    bool quiet; // no progress
} populate_def;

// Blocks until everything is committed. Says on stderr what is wrong; then false.
bool populate_run(const populate_def *def);

#endif
