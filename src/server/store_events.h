// Handles the store's events.
#ifndef TRAMLINE_SERVER_STORE_EVENTS_H
#define TRAMLINE_SERVER_STORE_EVENTS_H

#include "server/state.h"

void tl_store_events_take(tl_server *s, const tl_store_event *event);

#endif
