// Plays a scenario onto a server: in each tick, what the scenario's entities in the server's groups do.
#ifndef APP_PLAY_H
#define APP_PLAY_H

#include "scenario/scenario.h"
#include "tramline/server.h"

typedef struct play play;

// `s` is borrowed. NULL: out of memory.
play *play_create(const scenario *s);
void play_destroy(play *p);
// The server was created again: it owns nothing.
void play_reset(play *p);

// For the server's callbacks of the same names.
void play_group(play *p, tl_group_id group, bool owned);
void play_tick(play *p, tl_server *server, double time_s);

// Entities of the owned groups that could not be made (yet) in the last tick, and why not. A passenger waits for its
// carrier; what finds no space waits.
uint32_t play_waiting(const play *p, tl_result *why);
uint32_t play_groups_owned(const play *p);

#endif
