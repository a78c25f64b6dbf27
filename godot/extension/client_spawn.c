#include "client_spawn.h"

#include "call.h"
#include "classes.h"
#include "entity_follow.h"
#include "guard.h"
#include "instance.h"
#include "variant.h"

// The parent of the nodes: the node at spawn_path, or else the client's own parent.
static gd_object spawn_parent(client_node *c)
{
    gd_object self = c->instance.object, parent = NULL;
    if (!gd_node_path_is_empty(&c->spawn_path)) {
        gd.method_ptrcall(gd.method.node_get_node_or_null, self, (const void *[]){&c->spawn_path}, &parent);
    } else {
        gd.method_ptrcall(gd.method.node_get_parent, self, NULL, &parent);
    }
    return parent;
}

static void place(client_node *c, tl_entity_id id, gd_object node)
{
    tl_placed placed;
    uint32_t hint = 0;
    if (tl_client_placed(c->link.client, id, &hint, c->display_tick, &placed) == TL_OK) {
        gd_transform3d transform = entity_scene_transform(c, &placed);
        gd.method_ptrcall(gd.method.node3d_set_global_transform, node, (const void *[]){&transform}, NULL);
    }
}

static gd_object require_parent(client_node *c, const char *kind)
{
    gd_object parent = spawn_parent(c);
    if (!parent) {
        gd_error_print("TramlineClient",
                       "There is no node at spawn_path; so no scene is added for entities of kind '%s'.", kind);
    }
    return parent;
}

// The scene's scripts run: anything may have changed afterwards, and the list of kinds may be gone. NULL: the scene
// cannot be instantiated.
static gd_object instantiate(const gd_variant *scene)
{
    gd_variant kept;
    gd_object node = NULL;
    gd.variant_new_copy(&kept, scene);
    gd.method_ptrcall(gd.method.scene_instantiate, gd_variant_to_object(&kept),
                      (const void *[]){&(int64_t){GD_EDIT_STATE_DISABLED}}, &node);
    gd_variant_free(&kept);
    return node;
}

// Adds the new node to the tree.
static void add(client_node *c, tl_entity_id id, gd_object parent, gd_object node)
{
    uint64_t node_id = gd.object_id(node);
    entity_node *entity = gd_instance_of(node, &entity_class);
    if (entity) {
        entity_bind(entity, c, id);
    }
    idmap_put(&c->spawned, id, node_id);
    if (!entity && gd.object_cast_to(node, gd.tag.node3d)) {
        idmap_put(&c->moved, id, node_id);
    }
    gd.method_ptrcall(gd.method.node_add_child, parent,
                      (const void *[]){&node, &(gd_bool){0}, &(int64_t){GD_INTERNAL_MODE_DISABLED}}, NULL);
    node = gd.object_from_id(node_id); // its _ready may have freed it
    if (node && c->link.client && gd.object_cast_to(node, gd.tag.node3d)) {
        place(c, id, node);
    }
}

bool client_spawn(client_node *c, tl_entity_id id, int scene)
{
    GD_ASSERT(scene >= 0 && scene < c->list->count);
    const gd_variant *packed = &c->list->scenes[scene];
    const char *kind = c->list->kinds[scene].name;
    gd_object resource = gd_variant_to_object(packed);
    uint32_t generation = c->generation;
    if (!require_parent(c, kind) || !resource || !gd.object_cast_to(resource, gd.tag.packed_scene) ||
        idmap_get(&c->spawned, id)) {
        return true;
    }
    gd_object node = instantiate(packed);
    bool going = !c->instance.freed && c->generation == generation;
    gd_object parent = going && node ? require_parent(c, kind) : NULL; // only now: the node's _init may have freed it
    if (going && !node) {
        gd_error_print("TramlineClient", "The scene of kind '%s' cannot be instantiated.", kind);
    } else if (parent) {
        add(c, id, parent, node);
    } else if (node) {
        gd.method_ptrcall(gd.method.node_queue_free, node, NULL, NULL);
    }
    return !c->instance.freed && c->generation == generation;
}

static void free_node(uint64_t object_id)
{
    gd_object node = object_id ? gd.object_from_id(object_id) : NULL;
    if (node) {
        gd.method_ptrcall(gd.method.node_queue_free, node, NULL, NULL);
    }
}

void client_unspawn(client_node *c, tl_entity_id id)
{
    free_node(idmap_get(&c->spawned, id));
    idmap_remove(&c->spawned, id);
    idmap_remove(&c->moved, id);
}

void client_unspawn_all(client_node *c)
{
    for (uint32_t i = 0; i < c->spawned.capacity; i++) {
        free_node(c->spawned.entries[i].value);
    }
    idmap_free(&c->spawned);
    idmap_free(&c->moved);
}

// Root nodes that are not a TramlineEntity are moved by the client itself.
void client_move_spawned(client_node *c)
{
    if (!client_has_view(c)) {
        return;
    }
    for (uint32_t i = 0; i < c->moved.capacity; i++) {
        const idmap_entry *entry = &c->moved.entries[i];
        gd_object node = entry->key ? gd.object_from_id(entry->value) : NULL;
        if (node) {
            place(c, entry->key, node);
        }
    }
}

void client_get_node_of(void *self, const void *const *args, void *ret)
{
    const client_node *c = self;
    uint64_t id = gd_arg_int(args, 0) ? idmap_get(&c->spawned, (uint64_t)gd_arg_int(args, 0)) : 0;
    gd_ret_int(ret, (int64_t)id);
}
