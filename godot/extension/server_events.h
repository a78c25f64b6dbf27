// What has happened within a step of the core. It is kept, and emitted as signals once the step is over, so that
// scripts may then do anything.
#ifndef GODOT_SERVER_EVENTS_H
#define GODOT_SERVER_EVENTS_H

#include "server_node.h"

// `data` is copied, and a zero byte added. Without memory the event is lost.
void server_add_event(server_node *s, server_event event, const void *data, size_t size);
// Emits a signal for each event, and for each frame that a script is to send.
void server_emit_events(server_node *s);
void server_drop_events(server_node *s);

#endif
