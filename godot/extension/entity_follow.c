#include "entity_follow.h"

#include "guard.h"
#include "kind_values.h"
#include "variant.h"

#include <string.h>

gd_transform3d entity_scene_transform(const client_node *c, const tl_placed *placed)
{
    gd_transform3d out;
    for (int i = 0; i < 9; i++) {
        out.rows[i / 3][i % 3] = placed->basis[i];
    }
    tl_vec3 p = placed->position;
    out.origin = gd_from_vec3((tl_vec3){p.x - c->origin.x, p.y - c->origin.y, p.z - c->origin.z});
    return out;
}

// What will be written to a node's properties.
typedef struct writes {
    gd_string_name names[TL_FIELDS_MAX];
    gd_variant values[TL_FIELDS_MAX];
    int count;
} writes;

static void collect_properties(const entity_node *e, const client_node *c, int kind, int listed, writes *out)
{
    tl_kind_def def;
    tl_values values;
    const kind_list *list = c->list;
    if (tl_client_kind(c->link.client, kind, &def) != TL_OK ||
        tl_client_get(c->link.client, (tl_entity_id)e->entity_id, c->display_tick, &values) != TL_OK) {
        return;
    }
    for (int f = 1; f < list->kinds[listed].field_count; f++) {
        const char *property = list->properties[listed][f];
        int of_view = property[0] ? kind_find_field(&def, list->kinds[listed].fields[f].name) : -1;
        if (of_view >= 0 && values.mask >> of_view & 1) {
            gd.string_name_new(&out->names[out->count], property, 0);
            out->values[out->count++] = kind_value_variant(&def.fields[of_view], &values.fields[of_view]);
        }
    }
}

// Setters run: they may free the node, end the connection, or free the client. So all values are copied first.
static void write_properties(entity_node *e, client_node *c, int kind, int listed)
{
    writes all = {.count = 0};
    collect_properties(e, c, kind, listed, &all);
    gd_object object = e->instance.object;
    uint64_t id = gd.object_id(object);
    uint32_t generation = c->generation;
    for (int i = 0; i < all.count; i++) {
        if (gd.object_from_id(id) && e->follows == c && !c->instance.freed && c->generation == generation) {
            gd.method_ptrcall(gd.method.object_set, object, (const void *[]){&all.names[i], &all.values[i]}, NULL);
        }
        gd_variant_free(&all.values[i]);
        gd.destroy[GD_STRING_NAME](&all.names[i]);
    }
}

void entity_follow(entity_node *e, client_node *c)
{
    tl_placed placed;
    if (!e->in_tree || !c->link.client || !c->link.has_view ||
        tl_client_placed(c->link.client, (tl_entity_id)e->entity_id, &e->hint, c->display_tick, &placed) != TL_OK) {
        return;
    }
    GD_ASSERT(e->follows == c);
    uint64_t id = gd.object_id(e->instance.object);
    uint32_t generation = c->generation;
    gd_transform3d transform = entity_scene_transform(c, &placed);
    if (!e->shown_any || !e->alone || memcmp(&transform, &e->shown, sizeof transform) != 0) {
        gd_bind method = e->alone ? gd.method.node3d_set_transform : gd.method.node3d_set_global_transform;
        e->shown = transform;
        e->shown_any = true;
        gd.method_ptrcall(method, e->instance.object, (const void *[]){&transform}, NULL); // its _notification may run
    }
    bool going = !c->instance.freed && c->generation == generation && gd.object_from_id(id);
    if (going && c->link.has_properties[placed.kind]) {
        write_properties(e, c, placed.kind, c->link.listed[placed.kind]);
    }
}

void entity_bind(entity_node *e, client_node *c, tl_entity_id id)
{
    e->entity_id = (int64_t)id;
    e->spawned = true;
    if (!e->follows && client_add_node(c, e)) {
        e->follows = c;
    }
}
