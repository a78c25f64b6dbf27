// Scenes for entities: a kind's scene is made for each entity of it that comes into view, and freed when it leaves.
#include "client.h"

#include "entity.h"
#include "variant.h"

// Where the nodes are put: at spawn_path, or beside the client.
static gd_object spawn_parent(client_node *c)
{
    gd_object self = c->instance.object, parent = NULL;
    gd_string text;
    gd.construct_path_text(&text, (const void *[]){&c->spawn_path});
    char first[2];
    gd_string_to_text(&text, first, sizeof first);
    gd.destroy[GD_STRING](&text);
    if (first[0]) {
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
    if (tl_client_placed(c->shown.client, id, &hint, c->display_tick, &placed) == TL_OK) {
        gd_transform3d transform = entity_scene_transform(c, &placed);
        gd.method_ptrcall(gd.method.node3d_set_global_transform, node, (const void *[]){&transform}, NULL);
    }
}

void client_spawn(client_node *c, tl_entity_id id, int scene)
{
    gd_object resource = gd_variant_to_object(&c->list->scenes[scene]), parent = spawn_parent(c), node = NULL;
    if (!parent) {
        gd_error_print("TramlineClient", "There is no node at spawn_path; the scene of kind '%s' is put nowhere.", c->list->kinds[scene].name);
        return;
    }
    if (!resource || !gd.object_cast_to(resource, gd.tag.packed_scene) || idmap_get(&c->spawned, id)) {
        return;
    }
    gd.method_ptrcall(gd.method.scene_instantiate, resource, (const void *[]){&(int64_t){0}}, &node);
    if (!node) {
        gd_error_print("TramlineClient", "The scene of kind '%s' cannot be made.", c->list->kinds[scene].name);
        return;
    }
    entity_node *entity = gd_instance_of(node, &entity_class);
    if (entity) {
        entity_bind(entity, c, id);
    }
    idmap_put(&c->spawned, id, gd.object_id(node));
    if (!entity && gd.object_cast_to(node, gd.tag.node3d)) {
        idmap_put(&c->moved, id, gd.object_id(node));
    }
    uint64_t node_id = gd.object_id(node);
    gd.method_ptrcall(gd.method.node_add_child, parent, (const void *[]){&node, &(gd_bool){0}, &(int64_t){0}}, NULL);
    node = gd.object_from_id(node_id); // its _ready may have freed it
    if (node && c->shown.client && gd.object_cast_to(node, gd.tag.node3d)) {
        place(c, id, node);
    }
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
    for (uint32_t i = 0; i < c->spawned.room; i++) {
        free_node(c->spawned.entries[i].value);
    }
    idmap_free(&c->spawned);
    idmap_free(&c->moved);
}

// Roots that are no TramlineEntity are moved by the client itself.
void client_move_spawned(client_node *c)
{
    if (!c->shown.client || !c->shown.live_us) {
        return;
    }
    for (uint32_t i = 0; i < c->moved.room; i++) {
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
