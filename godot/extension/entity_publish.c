#include "entity_publish.h"

#include "guard.h"
#include "instance.h"
#include "kind_values.h"
#include "node_find.h"
#include "variant.h"

// ---- faults --------------------------------------------------------------------------------------------------------

enum { PLACE_AGE_TICKS_MAX = 20 }; // an older place says nothing of the present velocity

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

// Prints an error, the first time. `result` TL_OK: the text alone says what is wrong.
static void fault(entity_node *e, fault_type type, tl_result result)
{
    static const char *const texts[] = {
        [FAULT_KIND] = "Its kind must be one of its server's kinds",
        [FAULT_TRANSFORM] = "Its transform is not finite, or its scale is 0; it is not published until that is fixed",
        [FAULT_OTHER_KIND] = "The entity of its entity_id is of another kind",
        [FAULT_GROUP] = "No group can be created for the entities of nodes; raise groups_max",
        [FAULT_MAKE] =
            "The node's entity cannot be created; entities_max must not be reached, and its group_id must be "
            "a group of this server's, or 0",
        [FAULT_CARRIER] = "The entity cannot be put into the frame of the node above, or out of it",
        [FAULT_PLACE] = "The entity cannot be put where the node is",
        [FAULT_VALUES] = "The entity's fields cannot be set to the node's properties",
    };
    if (!(e->faults_reported >> type & 1)) {
        gd_error_print("TramlineEntity", "%s%s%s.", texts[type], result != TL_OK ? ": " : "",
                       result != TL_OK ? tl_result_text(result) : "");
    }
    e->faults_reported |= 1u << type;
}

// ---- where it is ---------------------------------------------------------------------------------------------------

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

// Finds the nearest node above that is an entity in whose reference frame others can live. Returns its id, and the
// node's place in its frame; or 0, and the place in the world.
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
    for (gd_object above = node_parent(object); above && gd.object_cast_to(above, gd.tag.node3d);
         above = node_parent(above)) {
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
    // Also right for a node that is top-level.
    gd.method_ptrcall(gd.method.node3d_get_global_transform, object, NULL, place);
    return 0;
}

// Notes where it is in the world at this tick.
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
    return place->tick > 0 && place->tick < tick && tick - place->tick < PLACE_AGE_TICKS_MAX ? place : NULL;
}

// Its velocity in a reference frame that it has just entered: from where it was to where it is, as seen from the
// carrier.
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

// ---- publishing ----------------------------------------------------------------------------------------------------

// Reads the node's properties that the kind's fields name. False: a script has freed the node meanwhile.
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
        char text[KIND_ERROR_BYTES];
        bool there = gd.object_from_id(id) != NULL;
        if (there && !kind_value_read(def, def->fields[f].name, &value, out, text, sizeof text)) {
            if (!(e->fields_reported >> f & 1)) {
                gd_error_print("TramlineEntity", "The property '%s': %s.", property, text);
            }
            e->fields_reported |= 1u << f;
        }
        gd_variant_free(&value);
        gd.destroy[GD_STRING_NAME](&name);
        if (!there) {
            return false;
        }
    }
    return true;
}

// The group of nodes that name no group.
static tl_result find_group(server_node *s, tl_group_id *out)
{
    tl_result result = TL_OK;
    if (!s->node_group || !tl_server_owns_group(s->server, s->node_group)) {
        s->node_group = 0;
        result = tl_server_create_group(s->server, 0, &s->node_group);
        if (result == TL_OK) {
            tl_server_keep_group(s->server, s->node_group, true); // not shared out: other servers do not have its nodes
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
    kind_values_complete(def, &values->values);
    tl_entity_def entity = {
        .id = (tl_entity_id)e->entity_id, .group = group, .kind = kind, .carrier = carrier, .values = values->values};
    tl_entity_ref ref;
    tl_entity_info info;
    result = tl_server_create_entity(s->server, &entity, &ref);
    result = result == TL_OK ? tl_server_get_entity_info(s->server, ref, &info) : result;
    if (result != TL_OK) {
        fault(e, FAULT_MAKE, result);
        return;
    }
    e->entity_id = (int64_t)info.id;
    e->made = info.id;
    e->carrier = carrier;
}

static void update(entity_node *e, server_node *s, tl_entity_ref ref, int kind, tl_entity_id carrier,
                   kind_values *values)
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
    // This computes the velocity, too.
    if (!tl_server_set_poses(s->server, &ref, 1, &fields[0].position, NULL,
                             turned >= 0 ? &fields[turned].rotation : NULL)) {
        fault(e, FAULT_PLACE, TL_ERR_INVALID);
    }
    values->values.mask &= ~(1u | (turned >= 0 ? 1u << turned : 0));
    tl_result result = values->values.mask ? tl_server_set_values(s->server, ref, &values->values) : TL_OK;
    if (result != TL_OK) {
        fault(e, FAULT_VALUES, result);
    }
}

// The entity is another server's: the node is moved as that server publishes.
static void follow_server(entity_node *e, server_node *s, tl_entity_ref ref)
{
    tl_vec3 position;
    tl_quat rotation;
    if (tl_server_get_pose(s->server, ref, (double)s->world_tick, &position, &rotation) == TL_OK) {
        gd_transform3d transform = gd_transform_make(position, rotation);
        gd.method_ptrcall(gd.method.node3d_set_global_transform, e->instance.object, (const void *[]){&transform},
                          NULL);
    }
}

static void leave_world(entity_node *e, server_node *s)
{
    tl_entity_ref ref = e->made ? tl_server_find(s->server, e->made) : TL_REF_NONE;
    if (ref != TL_REF_NONE) {
        tl_server_delete_entity(s->server, ref);
    }
    e->entity_id = e->entity_id == (int64_t)e->made ? 0 : e->entity_id;
    e->made = 0;
}

// Adds place and velocity to the values, and sets the entity to them. `info` NULL: there is none yet.
static void publish_place(entity_node *e, server_node *s, int kind, const tl_entity_info *info, kind_values *values)
{
    gd_transform3d place; // and the carrier: getters may have changed both
    tl_vec3 position;
    tl_quat rotation;
    const entity_node *carrier_node;
    tl_entity_id carrier = find_carrier(e, s, &place, &carrier_node);
    if (!gd_transform_split(&place, &position, &rotation)) {
        fault(e, FAULT_TRANSFORM, TL_OK);
        return;
    }
    int turned = kind_rotation_field(&s->list->kinds[kind]);
    bool named = turned >= 0 && values->values.mask >> turned & 1; // the rotation is a property of its own
    kind_values_place(&s->list->kinds[kind], &values->values, position,
                      named ? values->values.fields[turned].rotation : rotation);
    note_place(e, s->tick_now, carrier, position, rotation);
    if (info && carrier != e->carrier) {
        values->values.fields[0].velocity = velocity_in(e, carrier_node, s, s->tick_now, position);
    }
    if (!info) {
        make(e, s, kind, carrier, values);
    } else if (info->kind == kind) {
        if (!e->made) { // the entity existed before: this node has not set its carrier
            e->carrier = info->carrier;
        }
        e->made = info->id;
        update(e, s, e->ref, kind, carrier, values);
    } else {
        fault(e, FAULT_OTHER_KIND, TL_OK);
    }
}

// Whether nothing has ended its publishing: a script may have.
static bool still_publishes(const entity_node *e, const server_node *s)
{
    return e->in_tree && e->publishes == s && !s->instance.freed && !s->instance.failed;
}

void entity_publish(entity_node *e, server_node *s)
{
    GD_ASSERT(e->publishes == s && s->ticking);
    if (!e->in_tree) { // it has left the tree, and not come back before this tick
        leave_world(e, s);
        return;
    }
    int kind = kind_of(e, s->list);
    if (kind < 0) {
        fault(e, FAULT_KIND, TL_OK);
        return;
    }
    const tl_entity_id id = (tl_entity_id)e->entity_id;
    tl_server_find_all(s->server, &id, 1, &e->ref);
    tl_entity_info info;
    bool exists = e->ref != TL_REF_NONE && tl_server_get_entity_info(s->server, e->ref, &info) == TL_OK;
    if (exists && !info.owned) {
        follow_server(e, s, e->ref);
        return;
    }
    kind_values values = {0};
    if (read_properties(e, s->list, kind, &values) && still_publishes(e, s)) {
        publish_place(e, s, kind, exists ? &info : NULL, &values);
    }
    kind_values_free(&values);
}

// As long as its node is below that carrier's, it tries to board again.
void entity_set_down(entity_node *e, tl_entity_id entity)
{
    if (e->made == entity) {
        e->carrier = 0;
    }
}
