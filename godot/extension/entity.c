#include "entity.h"

#include "variant.h"

#include <string.h>

// ---- finding -------------------------------------------------------------------------------------------------------

static gd_object parent_of(gd_object object)
{
    gd_object parent = NULL;
    gd.method_ptrcall(gd.method.node_get_parent, object, NULL, &parent);
    return parent;
}

static void *among_children(gd_object object, const gd_class *type)
{
    int64_t count = 0;
    gd.method_ptrcall(gd.method.node_get_child_count, object, (const void *[]){&(gd_bool){1}}, &count);
    for (int64_t i = 0; i < count; i++) {
        gd_object child = NULL;
        gd.method_ptrcall(gd.method.node_get_child, object, (const void *[]){&i, &(gd_bool){1}}, &child);
        void *found = gd_instance_of(child, type);
        if (found) {
            return found;
        }
    }
    return NULL;
}

static void path_text(const gd_node_path *path, char *out, size_t bytes)
{
    gd_string text;
    gd.construct_path_text(&text, (const void *[]){path});
    gd_string_to_text(&text, out, bytes);
    gd.destroy[GD_STRING](&text);
}

static bool path_is_empty(const gd_node_path *path)
{
    char first[2];
    path_text(path, first, sizeof first);
    return !first[0];
}

static void *at_path(gd_object object, const gd_node_path *path, const gd_class *type, const char *who, bool *settled)
{
    if (path_is_empty(path)) {
        return NULL;
    }
    gd_object at = NULL;
    gd.method_ptrcall(gd.method.node_get_node_or_null, object, (const void *[]){path}, &at);
    void *found = gd_instance_of(at, type);
    if (!found && !*settled) {
        char text[256];
        path_text(path, text, sizeof text);
        gd_error_print(who, "Its path '%s' leads to no %s; the nearest one is taken, if there is one.", text,
                       type->name);
    }
    *settled = true;
    return found;
}

// At one of the nodes above, or directly below it.
static void *at_level(gd_object above, const gd_class *type)
{
    void *found = gd_instance_of(above, type);
    return found ? found : among_children(above, type);
}

void *entity_find(gd_object object, const gd_node_path *path, const gd_class *type, const char *who, bool *settled)
{
    // NULL also if the node has moved away from where the path was right
    void *found = at_path(object, path, type, who, settled);
    for (gd_object above = parent_of(object); above && !found; above = parent_of(above)) {
        found = at_level(above, type);
    }
    return found;
}

// A path says which of the two it is; without one the nearest is taken, a server before a client.
static void find_either(entity_node *e, server_node **server, client_node **client)
{
    gd_object object = e->instance.object;
    bool any_server = path_is_empty(&e->client_path) || !path_is_empty(&e->server_path),
         any_client = path_is_empty(&e->server_path);
    *server = at_path(object, &e->server_path, &server_class, "TramlineEntity.server", &e->server_path_settled);
    *client = *server
                  ? NULL
                  : at_path(object, &e->client_path, &client_class, "TramlineEntity.client", &e->client_path_settled);
    for (gd_object above = parent_of(object); above && !*server && !*client; above = parent_of(above)) {
        *server = any_server ? at_level(above, &server_class) : NULL;
        *client = any_client && !*server ? at_level(above, &client_class) : NULL;
    }
}

// ---- on a server ---------------------------------------------------------------------------------------------------

typedef enum fault_type {
    FAULT_KIND,
    FAULT_TRANSFORM,
    FAULT_OTHER_KIND,
    FAULT_GROUP,
    FAULT_MAKE,
    FAULT_CARRIER,
    FAULT_PLACE,
    FAULT_VALUES
} fault_type;

// `result` TL_OK: the text says all.
static void fault(entity_node *e, fault_type type, tl_result result)
{
    static const char *const texts[] = {
        [FAULT_KIND] = "Its kind must be one of its server's kinds",
        [FAULT_TRANSFORM] = "Its transform is not finite, or its scale is 0; it is not published until that is mended",
        [FAULT_OTHER_KIND] = "The entity of its entity_id is of another kind",
        [FAULT_GROUP] = "No group can be made for the entities of nodes; there must be room within groups_max",
        [FAULT_MAKE] = "The node's entity cannot be made; there must be room within entities_max, and its group_id be "
                       "a group of this server's, or 0",
        [FAULT_CARRIER] = "The entity cannot be put into the frame of the node above, or out of it",
        [FAULT_PLACE] = "The entity cannot be put where the node is",
        [FAULT_VALUES] = "The entity's fields cannot be set to the node's properties",
    };
    if (!(e->faults_told >> type & 1)) {
        gd_error_print("TramlineEntity", "%s%s%s.", texts[type], result != TL_OK ? ": " : "",
                       result != TL_OK ? tl_result_text(result) : "");
    }
    e->faults_told |= 1u << type;
}

static int kind_of(const entity_node *e, const kind_list *list)
{
    char name[TL_NAME_BYTES_MAX + 1];
    return kind_resource_name(gd_instance_of(gd_variant_to_object(&e->kind), &kind_class), name)
               ? kind_list_find(list, name)
               : -1;
}

static gd_transform3d multiply(const gd_transform3d *a, const gd_transform3d *b)
{
    gd_transform3d out;
    const gd_real o[3] = {b->origin.x, b->origin.y, b->origin.z}, t[3] = {a->origin.x, a->origin.y, a->origin.z};
    gd_real origin[3];
    for (int r = 0; r < 3; r++) {
        for (int k = 0; k < 3; k++) {
            out.rows[r][k] = a->rows[r][0] * b->rows[0][k] + a->rows[r][1] * b->rows[1][k] +
                             a->rows[r][2] * b->rows[2][k];
        }
        origin[r] = a->rows[r][0] * o[0] + a->rows[r][1] * o[1] + a->rows[r][2] * o[2] + t[r];
    }
    out.origin = (gd_vector3){origin[0], origin[1], origin[2]};
    return out;
}

// The nearest node above that is an entity in whose frame others can live. Its id, and the node's place in its frame;
// 0: the place in the world.
static tl_entity_id find_carrier(const entity_node *e, const server_node *s, gd_transform3d *place,
                                 const entity_node **out)
{
    gd_object object = e->instance.object;
    *out = NULL;
    if (e->alone) {
        gd.method_ptrcall(gd.method.node3d_get_transform, object, NULL, place);
        return 0;
    }
    gd.method_ptrcall(gd.method.node3d_get_transform, object, NULL, place);
    for (gd_object above = parent_of(object); above && gd.object_cast_to(above, gd.tag.node3d);
         above = parent_of(above)) {
        const entity_node *carrier = gd_instance_of(above, &entity_class);
        int kind = carrier && carrier->publishes == s && carrier->entity_id ? kind_of(carrier, s->list) : -1;
        if (kind >= 0 && s->list->kinds[kind].carrier_reach_m > 0) {
            *out = carrier;
            return (tl_entity_id)carrier->entity_id;
        }
        gd_transform3d local;
        gd.method_ptrcall(gd.method.node3d_get_transform, above, NULL, &local);
        *place = multiply(&local, place);
    }
    gd.method_ptrcall(gd.method.node3d_get_global_transform, object, NULL, place); // also of what is top-level
    return 0;
}

// Keeps where it is in the world at this tick.
static void note_place(entity_node *e, int64_t tick, tl_entity_id carrier, tl_vec3 position, tl_quat rotation)
{
    if (e->places[1].tick != tick) {
        e->places[0] = e->places[1];
    }
    e->places[1] = (struct entity_place){tick, position, rotation};
    if (carrier) {
        gd_transform3d global;
        gd.method_ptrcall(gd.method.node3d_get_global_transform, e->instance.object, NULL, &global);
        gd_transform_split(&global, &e->places[1].position, &e->places[1].rotation);
    }
}

// Where it was in the world before this tick; NULL: not known.
static const struct entity_place *place_before(const entity_node *e, int64_t tick)
{
    const struct entity_place *place = e->places[1].tick < tick ? &e->places[1] : &e->places[0];
    return place->tick > 0 && place->tick < tick && tick - place->tick < 20 ? place : NULL;
}

// How it moves in a frame that it has just come into: from where it was, to where it is, as seen from the carrier.
static tl_vec3 velocity_in(const entity_node *e, const entity_node *carrier, const server_node *s, int64_t tick,
                           tl_vec3 position)
{
    const struct entity_place *before = place_before(e, tick), *frame = carrier ? place_before(carrier, tick) : NULL;
    if (!before || (carrier && (!frame || frame->tick != before->tick))) {
        return (tl_vec3){0, 0, 0};
    }
    tl_vec3 was = before->position;
    if (carrier) {
        tl_quat back = {-frame->rotation.x, -frame->rotation.y, -frame->rotation.z, frame->rotation.w};
        was = gd_quat_rotate(
            back, (tl_vec3){was.x - frame->position.x, was.y - frame->position.y, was.z - frame->position.z});
    }
    double per_s = (double)s->world_hz / (double)(tick - before->tick);
    return (tl_vec3){(position.x - was.x) * per_s, (position.y - was.y) * per_s, (position.z - was.z) * per_s};
}

// What the kind's fields name of the node's properties. False: a script has freed the node meanwhile.
static bool read_properties(entity_node *e, const kind_list *list, int kind, kind_values *out)
{
    const tl_kind_def *def = &list->kinds[kind];
    gd_object object = e->instance.object;
    uint64_t id = gd.object_id(object);
    for (int f = 0; f < def->field_count; f++) {
        const char *property = list->properties[kind][f];
        if (!property[0] || f == 0) {
            continue;
        }
        gd_string_name name = {0};
        gd.string_name_new(&name, property, 0);
        gd_variant value = gd_variant_nil();
        gd.method_ptrcall(gd.method.object_get, object, (const void *[]){&name}, &value);
        char text[256];
        bool there = gd.object_from_id(id) != NULL;
        if (there && !kind_value_read(def, def->fields[f].name, &value, out, text, sizeof text)) {
            if (!(e->fields_told >> f & 1)) {
                gd_error_print("TramlineEntity", "The property '%s': %s.", property, text);
            }
            e->fields_told |= 1u << f;
        }
        gd_variant_free(&value);
        gd.destroy[GD_STRING_NAME](&name);
        if (!there) {
            return false;
        }
    }
    return true;
}

// The group of nodes that name none.
static tl_result find_group(server_node *s, tl_group_id *out)
{
    tl_result result = TL_OK;
    if (!s->node_group || !tl_server_owns_group(s->server, s->node_group)) {
        s->node_group = 0;
        result = tl_server_create_group(s->server, 0, &s->node_group);
        if (result == TL_OK) {
            tl_server_keep_group(s->server, s->node_group, true); // other servers do not have its nodes
        }
    }
    *out = s->node_group;
    return result;
}

static void make(entity_node *e, server_node *s, int kind, tl_entity_id carrier, kind_values *values)
{
    const tl_kind_def *def = &s->list->kinds[kind];
    tl_group_id group = (tl_group_id)e->group_id;
    tl_result result = group ? TL_OK : find_group(s, &group);
    if (result != TL_OK) {
        fault(e, FAULT_GROUP, result);
        return;
    }
    for (int f = 0; f < def->field_count; f++) {
        if (!(values->values.mask >> f & 1)) {
            values->values.fields[f].rotation.w = 1;
        }
    }
    values->values.mask = (1u << def->field_count) - 1;
    tl_entity_def entity = {
        .id = (tl_entity_id)e->entity_id, .group = group, .kind = kind, .carrier = carrier, .values = values->values};
    tl_entity_ref ref;
    tl_entity_info info;
    result = tl_server_create_entity(s->server, &entity, &ref);
    result = result == TL_OK ? tl_server_info(s->server, ref, &info) : result;
    if (result != TL_OK) {
        fault(e, FAULT_MAKE, result);
        return;
    }
    e->entity_id = (int64_t)info.id;
    e->made = info.id;
    e->carrier = carrier;
}

static void tell(entity_node *e, server_node *s, tl_entity_ref ref, int kind, tl_entity_id carrier, kind_values *values)
{
    const tl_kind_def *def = &s->list->kinds[kind];
    int turned = kind_rotation_field(def);
    tl_value *fields = values->values.fields;
    if (carrier != e->carrier) {
        tl_result result = tl_server_set_carrier(s->server, ref, carrier, &values->values);
        if (result == TL_OK) {
            e->carrier = carrier;
        } else {
            fault(e, FAULT_CARRIER, result);
        }
        return;
    }
    // It works the velocity out.
    if (!tl_server_set_poses(s->server, &ref, 1, &fields[0].position, NULL,
                             turned >= 0 ? &fields[turned].rotation : NULL)) {
        fault(e, FAULT_PLACE, TL_ERR_INVALID);
    }
    values->values.mask &= ~(1u | (turned >= 0 ? 1u << turned : 0));
    tl_result result = values->values.mask ? tl_server_set(s->server, ref, &values->values) : TL_OK;
    if (result != TL_OK) {
        fault(e, FAULT_VALUES, result);
    }
}

// Another server's: it is shown as that says.
static void follow_server(entity_node *e, server_node *s, tl_entity_ref ref)
{
    tl_vec3 position;
    tl_quat rotation;
    if (tl_server_pose(s->server, ref, (double)s->world_tick, &position, &rotation) == TL_OK) {
        gd_transform3d transform = gd_transform_make(position, rotation);
        gd.method_ptrcall(gd.method.node3d_set_global_transform, e->instance.object, (const void *[]){&transform},
                          NULL);
    }
}

void entity_publish(entity_node *e, server_node *s)
{
    if (!e->in_tree) { // it has left, and not come back until this tick
        tl_entity_ref ref = e->made ? tl_server_find(s->server, e->made) : TL_REF_NONE;
        if (ref != TL_REF_NONE) {
            tl_server_delete_entity(s->server, ref);
        }
        e->entity_id = e->entity_id == (int64_t)e->made ? 0 : e->entity_id;
        e->made = 0;
        return;
    }
    int kind = kind_of(e, s->list);
    if (kind < 0) {
        fault(e, FAULT_KIND, TL_OK);
        return;
    }
    const tl_entity_id id = (tl_entity_id)e->entity_id;
    tl_server_find_all(s->server, &id, 1, &e->ref);
    tl_entity_ref ref = e->ref;
    tl_entity_info info;
    bool here = ref != TL_REF_NONE && tl_server_info(s->server, ref, &info) == TL_OK;
    if (here && !info.owned) {
        follow_server(e, s, ref);
        return;
    }
    kind_values values = {0};
    if (!read_properties(e, s->list, kind, &values) || !e->in_tree || e->publishes != s || s->doomed) {
        kind_values_free(&values);
        return;
    }
    gd_transform3d place; // and the carrier: getters may have changed both
    tl_vec3 position;
    tl_quat rotation;
    const entity_node *carrier_node;
    int64_t tick = s->tick_now;
    tl_entity_id carrier = find_carrier(e, s, &place, &carrier_node);
    if (!gd_transform_split(&place, &position, &rotation)) {
        fault(e, FAULT_TRANSFORM, TL_OK);
        kind_values_free(&values);
        return;
    }
    int turned = kind_rotation_field(&s->list->kinds[kind]);
    bool named = turned >= 0 && values.values.mask >> turned & 1; // by a property of its own
    kind_values_place(&s->list->kinds[kind], &values.values, position,
                      named ? values.values.fields[turned].rotation : rotation);
    note_place(e, tick, carrier, position, rotation);
    if (here && carrier != e->carrier) {
        values.values.fields[0].velocity = velocity_in(e, carrier_node, s, tick, position);
    }
    if (!here) {
        make(e, s, kind, carrier, &values);
    } else if (info.kind == kind) {
        if (!e->made) { // it was there before: what its carrier was is not known
            e->carrier = info.carrier;
        }
        e->made = info.id;
        tell(e, s, ref, kind, carrier, &values);
    } else {
        fault(e, FAULT_OTHER_KIND, TL_OK);
    }
    kind_values_free(&values);
}

// As long as its node is still below that carrier's, it tries to board again.
void entity_set_down(entity_node *e, tl_entity_id entity)
{
    if (e->made == entity) {
        e->carrier = 0;
    }
}

void entity_server_gone(entity_node *e)
{
    e->publishes = NULL;
}

// ---- on a client ---------------------------------------------------------------------------------------------------

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

// What is to be written to a node's properties.
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

// Setters run: they may free the node, end the connection, or free the client. All that is written was copied before.
static void write_properties(entity_node *e, client_node *c, int kind, int listed)
{
    writes all = {.count = 0};
    collect_properties(e, c, kind, listed, &all);
    gd_object object = e->instance.object;
    uint64_t id = gd.object_id(object);
    uint32_t generation = c->generation;
    for (int i = 0; i < all.count; i++) {
        if (gd.object_from_id(id) && e->follows == c && !c->doomed && c->generation == generation) {
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
    uint64_t id = gd.object_id(e->instance.object);
    uint32_t generation = c->generation;
    gd_transform3d transform = entity_scene_transform(c, &placed);
    if (!e->shown_any || !e->alone || memcmp(&transform, &e->shown, sizeof transform) != 0) {
        gd_bind method = e->alone ? gd.method.node3d_set_transform : gd.method.node3d_set_global_transform;
        e->shown = transform;
        e->shown_any = true;
        gd.method_ptrcall(method, e->instance.object, (const void *[]){&transform}, NULL); // its _notification may run
    }
    bool going = !c->doomed && c->generation == generation && gd.object_from_id(id);
    if (going && c->link.has_properties[placed.kind]) {
        write_properties(e, c, placed.kind, c->link.listed[placed.kind]);
    }
}

void entity_client_gone(entity_node *e)
{
    e->follows = NULL;
}

void entity_bind(entity_node *e, client_node *c, tl_entity_id id)
{
    e->entity_id = (int64_t)id;
    e->spawned = true;
    if (!e->follows && client_add_node(c, e)) {
        e->follows = c;
    }
}

// ---- its life ------------------------------------------------------------------------------------------------------

static void on_enter(entity_node *e)
{
    gd_object parent = parent_of(e->instance.object);
    e->in_tree = true;
    e->alone = !parent || !gd.object_cast_to(parent, gd.tag.node3d);
    e->shown_any = false;
    e->faults_told = e->fields_told = 0;
    if (gd_in_editor() || e->spawned || !gd_on_main_thread()) {
        return;
    }
    server_node *server;
    client_node *client;
    find_either(e, &server, &client);
    if (e->publishes != server) {
        if (e->publishes) {
            server_forget_node(e->publishes, e, e->made);
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
        server_forget_node(e->publishes, e, e->made);
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
