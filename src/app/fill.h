// Fills a store with a scenario: makes the world, and all groups and entities in it.
#ifndef APP_FILL_H
#define APP_FILL_H

#include "app/game.h"

#include <stdbool.h>

typedef struct fill_def {
    const char *store; // URI
    const game_choice *choice;
    const scenario *scenario;
    uint32_t tick_hz;
    bool quiet; // no progress
} fill_def;

// Blocks until everything is committed. Says on stderr what is wrong; then false.
bool fill_run(const fill_def *def);

#endif
