// Joining: loads the world from the store, then starts the server.
#ifndef TRAMLINE_SERVER_LOAD_H
#define TRAMLINE_SERVER_LOAD_H

#include "server/state.h"

void tl_load_checkpoint(tl_server *s, const tl_store_event *event);
bool tl_load_record(tl_server *s, const tl_store_event *event); // returns whether it was applied
void tl_load_all_here(tl_server *s);                            // the world is loaded
void tl_load_start(tl_server *s);                               // the world is loaded and the time is known

#endif
