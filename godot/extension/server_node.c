#include "server_node.h"

#include "entity_node.h"
#include "guard.h"

#include <stdlib.h>

enum { ORPHANS_FIRST = 64 }; // capacity at first

bool server_can_read(const server_node *s, const char *method)
{
    if (!s->server) {
        gd_error_print(method, "The server does not run; call start() and wait for the signal 'started'.");
    }
    return s->server != NULL;
}

bool server_can_change(const server_node *s, const char *method)
{
    if (!server_can_read(s, method)) {
        return false;
    }
    if (s->in_core && !s->ticking) {
        gd_error_print(method, "The world cannot be changed from within request_handler; use call_deferred().");
        return false;
    }
    if (s->state != SERVER_RUNNING && s->state != SERVER_LEAVING &&
        tl_server_get_state(s->server) != TL_SERVER_RUNNING) {
        gd_error_print(method, "The server has not joined yet; wait for the signal 'started'.");
        return false;
    }
    return true;
}

void *server_scratch(server_node *s, size_t bytes)
{
    if (bytes > s->scratch_bytes) {
        void *scratch = realloc(s->scratch, bytes);
        if (!scratch) {
            return NULL;
        }
        s->scratch = scratch;
        s->scratch_bytes = bytes;
    }
    return s->scratch;
}

bool server_add_node(server_node *s, struct entity_node *node)
{
    GD_ASSERT(node->publishes != s);
    return !s->instance.freed && node_list_add(&s->nodes, node);
}

void server_remove_node(server_node *s, struct entity_node *node, tl_entity_id made)
{
    node_list_remove(&s->nodes, node);
    if (made && s->orphan_count == s->orphan_capacity) {
        uint32_t capacity = s->orphan_capacity ? 2 * s->orphan_capacity : ORPHANS_FIRST;
        tl_entity_id *ids = realloc(s->orphans, capacity * sizeof *ids);
        if (!ids) {
            return; // out of memory: its entity stays in the world
        }
        s->orphans = ids;
        s->orphan_capacity = capacity;
    }
    if (made) {
        s->orphans[s->orphan_count++] = made;
    }
}

void server_remove_all_nodes(server_node *s)
{
    for (uint32_t i = 0; i < s->nodes.count; i++) {
        s->nodes.nodes[i]->publishes = NULL;
    }
    node_list_free(&s->nodes);
}
