// TramlineEntity: a node that is an entity. On a server it publishes where it is; on a client it is moved.
#include "classes.h"
#include "client_node.h"
#include "entity_node.h"
#include "instance.h"
#include "node_find.h"
#include "server_node.h"
#include "variant.h"

// A path says which of the two it is. Without one the nearest is used, a server before a client.
static void find_either(entity_node *e, server_node **server, client_node **client)
{
    gd_object object = e->instance.object;
    bool any_server = gd_node_path_is_empty(&e->client_path) || !gd_node_path_is_empty(&e->server_path),
         any_client = gd_node_path_is_empty(&e->server_path);
    *server = node_find_at_path(object, &e->server_path, &server_class, "TramlineEntity.server",
                                &e->server_path_settled);
    *client = *server ? NULL
                      : node_find_at_path(object, &e->client_path, &client_class, "TramlineEntity.client",
                                          &e->client_path_settled);
    for (gd_object above = node_parent(object); above && !*server && !*client; above = node_parent(above)) {
        *server = any_server ? node_find_at_level(above, &server_class) : NULL;
        *client = any_client && !*server ? node_find_at_level(above, &client_class) : NULL;
    }
}

static void on_enter(entity_node *e)
{
    gd_object parent = node_parent(e->instance.object);
    e->in_tree = true;
    e->alone = !parent || !gd.object_cast_to(parent, gd.tag.node3d);
    e->shown_any = false;
    e->faults_reported = e->fields_reported = 0;
    if (gd_in_editor() || e->spawned || !gd_on_main_thread()) {
        return;
    }
    server_node *server;
    client_node *client;
    find_either(e, &server, &client);
    if (e->publishes != server) {
        if (e->publishes) {
            server_remove_node(e->publishes, e, e->made);
            e->made = 0;
        }
        e->publishes = server && server_add_node(server, e) ? server : NULL;
    }
    if (e->follows != client) {
        if (e->follows) {
            client_remove_node(e->follows, e);
        }
        e->follows = client && client_add_node(client, e) ? client : NULL;
    }
}

static void on_notify(void *self, int32_t what)
{
    entity_node *e = self;
    if (what == GD_NOTIFICATION_ENTER_TREE) {
        on_enter(e);
    } else if (what == GD_NOTIFICATION_EXIT_TREE) {
        e->in_tree = false;
    }
}

static bool on_destroy(void *self)
{
    entity_node *e = self;
    if (e->publishes) {
        server_remove_node(e->publishes, e, e->made);
    }
    if (e->follows) {
        client_remove_node(e->follows, e);
    }
    return true;
}

static const gd_property entity_properties[] = {
    {"kind", GD_OBJECT, offsetof(entity_node, kind), .hint = GD_HINT_RESOURCE_TYPE, .hint_text = "TramlineKind",
     .class_name = "TramlineKind"},
    {"server", GD_NODE_PATH, offsetof(entity_node, server_path)},
    {"client", GD_NODE_PATH, offsetof(entity_node, client_path)},
    {"entity_id", GD_INT, offsetof(entity_node, entity_id)},
    {"group_id", GD_INT, offsetof(entity_node, group_id)},
    {0},
};

const gd_class entity_class = {
    .name = "TramlineEntity",
    .parent = "Node3D",
    .bytes = sizeof(entity_node),
    .destroy = on_destroy,
    .notify = on_notify,
    .properties = entity_properties,
};
