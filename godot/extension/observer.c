// TramlineObserver: the point of view that decides how finely each entity is seen.
#include "classes.h"
#include "client_observe.h"
#include "node_find.h"
#include "variant.h"

typedef struct observer_node {
    gd_instance instance;
    gd_node_path client_path;
    int64_t entity_id;
    bool path_settled;
} observer_node;

static void on_process(observer_node *o)
{
    gd_object object = o->instance.object;
    client_node *client = gd_on_main_thread() ? node_find(object, &o->client_path, &client_class,
                                                          "TramlineObserver.client", &o->path_settled)
                                              : NULL;
    if (!client) {
        return;
    }
    gd_transform3d place;
    gd.method_ptrcall(gd.method.node3d_get_global_transform, object, NULL, &place);
    tl_vec3 point = gd_to_vec3(place.origin);
    client_observe(client, (tl_entity_id)o->entity_id,
                   (tl_vec3){point.x + client->origin.x, point.y + client->origin.y, point.z + client->origin.z});
}

static void on_notify(void *self, int32_t what)
{
    observer_node *o = self;
    if (what == GD_NOTIFICATION_ENTER_TREE) {
        gd.method_ptrcall(gd.method.node_set_process_internal, o->instance.object,
                          (const void *[]){&(gd_bool){!gd_in_editor()}}, NULL);
    } else if (what == GD_NOTIFICATION_INTERNAL_PROCESS) {
        on_process(o);
    }
}

static const gd_property properties[] = {
    {"client", GD_NODE_PATH, offsetof(observer_node, client_path)},
    {"entity_id", GD_INT, offsetof(observer_node, entity_id)},
    {0},
};

const gd_class observer_class = {
    .name = "TramlineObserver",
    .parent = "Node3D",
    .bytes = sizeof(observer_node),
    .notify = on_notify,
    .properties = properties,
};
