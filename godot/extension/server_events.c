#include "server_events.h"

#include "guard.h"
#include "instance.h"
#include "variant.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_FIRST = 64 }; // capacity at first

void server_add_event(server_node *s, server_event event, const void *data, size_t size)
{
    if (s->event_count == s->event_capacity) {
        uint32_t capacity = s->event_capacity ? 2 * s->event_capacity : EVENTS_FIRST;
        server_event *events = realloc(s->events, capacity * sizeof *events);
        if (!events) {
            return;
        }
        s->events = events;
        s->event_capacity = capacity;
    }
    if (data) {
        event.data = malloc(size + 1);
        if (!event.data) {
            return;
        }
        memcpy(event.data, data, size);
        ((char *)event.data)[size] = 0;
        event.size = size;
    }
    s->events[s->event_count++] = event;
}

static void emit(server_node *s, const server_event *event)
{
    switch (event->type) {
    case EVENT_GROUP:
        gd_emit(s, event->yes ? "group_adopted" : "group_lost", (gd_variant[]){gd_variant_int((int64_t)event->group)},
                1);
        break;
    case EVENT_CLIENT:
        gd_emit(s, event->yes ? "client_joined" : "client_left",
                (gd_variant[]){gd_variant_int(event->client), gd_variant_text(event->name)}, 2);
        break;
    case EVENT_MESSAGE:
        gd_emit(s, "message_received",
                (gd_variant[]){gd_variant_int(event->client), gd_variant_bytes(event->data, event->size)}, 2);
        break;
    case EVENT_SET_DOWN:
        gd_emit(s, "entity_set_down",
                (gd_variant[]){gd_variant_int((int64_t)event->entity), gd_variant_int((int64_t)event->carrier)}, 2);
        break;
    case EVENT_LOG: gd_emit(s, "log", (gd_variant[]){gd_variant_text(event->data)}, 1); break;
    }
}

// Scripts may cause further events, or end the server.
void server_emit_events(server_node *s)
{
    GD_ASSERT(!s->in_core); // scripts may do anything
    for (uint32_t i = 0; i < s->event_count; i++) {
        server_event event = s->events[i];
        s->events[i].data = NULL;
        if (!s->instance.freed) {
            emit(s, &event);
        }
        free(event.data);
    }
    s->event_count = 0;
    if (!s->peers || s->instance.freed) {
        return;
    }
    tl_peer peer;
    const void *data;
    size_t size;
    while (s->peers && !s->instance.freed && peers_next_frame(s->peers, &peer, &data, &size)) {
        s->custom_frames++;
        s->custom_bytes += size;
        gd_emit(s, "frame_ready", (gd_variant[]){gd_variant_int(peer), gd_variant_bytes(data, size)}, 2);
    }
}

void server_drop_events(server_node *s)
{
    for (uint32_t i = 0; i < s->event_count; i++) {
        free(s->events[i].data);
    }
    free(s->events);
    s->events = NULL;
    s->event_count = s->event_capacity = 0;
}
