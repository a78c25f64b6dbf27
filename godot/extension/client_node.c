#include "client_node.h"

#include "entity_node.h"
#include "guard.h"

bool client_has_view(const client_node *c)
{
    return c->link.client && c->link.has_view;
}

tl_client_state client_core_state(const client_node *c)
{
    return c->link.client ? tl_client_get_state(c->link.client) : TL_CLIENT_CLOSED;
}

tl_client *client_live(const client_node *c, const char *method)
{
    tl_client_state state = client_core_state(c);
    if (state != TL_CLIENT_LIVE && state != TL_CLIENT_RECONNECTING) {
        gd_error_print(method, "The client is not connected; wait for the signal 'connected'.");
    }
    return state == TL_CLIENT_LIVE ? c->link.client : NULL;
}

bool client_add_node(client_node *c, struct entity_node *node)
{
    GD_ASSERT(node->follows != c);
    return !c->instance.freed && node_list_add(&c->nodes, node);
}

void client_remove_node(client_node *c, struct entity_node *node)
{
    node_list_remove(&c->nodes, node);
}

void client_remove_all_nodes(client_node *c)
{
    for (uint32_t i = 0; i < c->nodes.count; i++) {
        c->nodes.nodes[i]->follows = NULL;
    }
    node_list_free(&c->nodes);
}
