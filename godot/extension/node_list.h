// The entities' nodes that a server or a client works for, in the order in which they were added.
#ifndef GODOT_NODE_LIST_H
#define GODOT_NODE_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct entity_node;

enum { NODES_FIRST = 64 }; // capacity at first

typedef struct node_list {
    struct entity_node **nodes;
    uint32_t count, capacity;
} node_list;

static inline bool node_list_add(node_list *l, struct entity_node *node) // false: out of memory
{
    if (l->count == l->capacity) {
        uint32_t capacity = l->capacity ? 2 * l->capacity : NODES_FIRST;
        struct entity_node **nodes = realloc(l->nodes, capacity * sizeof *nodes);
        if (!nodes) {
            return false;
        }
        l->nodes = nodes;
        l->capacity = capacity;
    }
    l->nodes[l->count++] = node;
    return true;
}

static inline void node_list_remove(node_list *l, const struct entity_node *node)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->nodes[i] == node) {
            memmove(&l->nodes[i], &l->nodes[i + 1], (--l->count - i) * sizeof *l->nodes);
            return;
        }
    }
}

static inline void node_list_free(node_list *l)
{
    free(l->nodes);
    *l = (node_list){0};
}

#endif
