#include "kind.h"

#include "instance.h"
#include "variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct field_resource {
    gd_instance instance;
    gd_string field_name, property;
    int64_t type, predictor, level_last, bytes_max;
    double tolerance;
} field_resource;

typedef struct kind_resource {
    gd_instance instance;
    gd_string kind_name;
    gd_array fields;
    int64_t level_last, update_policy, remove_policy, create_policy;
    double carrier_reach_m;
    gd_variant scene;
} kind_resource;

static const gd_property field_properties[] = {
    {"field_name", GD_STRING, offsetof(field_resource, field_name)},
    {"type", GD_INT, offsetof(field_resource, type), .hint = GD_HINT_ENUM,
     .hint_text = "Position,Rotation,Scalar,Integer,Bytes"},
    {"predictor", GD_INT, offsetof(field_resource, predictor), .preset = TL_PREDICT_LINEAR, .hint = GD_HINT_ENUM,
     .hint_text = "Hold,Linear,Heading"},
    {"tolerance", GD_FLOAT, offsetof(field_resource, tolerance), .hint = GD_HINT_RANGE,
     .hint_text = "0,10,0.001,or_greater"},
    {"level_last", GD_INT, offsetof(field_resource, level_last), .preset = TL_LEVELS_MAX - 1, .hint = GD_HINT_RANGE,
     .hint_text = "0,11"},
    {"bytes_max", GD_INT, offsetof(field_resource, bytes_max), .preset = 64, .hint = GD_HINT_RANGE,
     .hint_text = "1,1024"},
    {"property", GD_STRING, offsetof(field_resource, property)},
    {0},
};

static const gd_constant field_constants[] = {
    {"Type", "POSITION", TL_FIELD_POSITION},
    {"Type", "ROTATION", TL_FIELD_ROTATION},
    {"Type", "SCALAR", TL_FIELD_SCALAR},
    {"Type", "INTEGER", TL_FIELD_INTEGER},
    {"Type", "BYTES", TL_FIELD_BYTES},
    {"Predictor", "HOLD", TL_PREDICT_HOLD},
    {"Predictor", "LINEAR", TL_PREDICT_LINEAR},
    {"Predictor", "HEADING", TL_PREDICT_HEADING},
    {0},
};

const gd_class field_class = {
    .name = "TramlineField",
    .parent = "Resource",
    .bytes = sizeof(field_resource),
    .properties = field_properties,
    .constants = field_constants,
};

#define POLICY_HINT .hint = GD_HINT_ENUM, .hint_text = "Deny,Ask,Allow"

static const gd_property kind_properties[] = {
    {"kind_name", GD_STRING, offsetof(kind_resource, kind_name)},
    {"fields", GD_ARRAY, offsetof(kind_resource, fields), .hint = GD_HINT_ARRAY_TYPE,
     .hint_text = GD_RESOURCES_OF("TramlineField"), .class_name = "TramlineField"},
    {"level_last", GD_INT, offsetof(kind_resource, level_last), .preset = TL_LEVELS_MAX - 1, .hint = GD_HINT_RANGE,
     .hint_text = "0,11"},
    {"carrier_reach_m", GD_FLOAT, offsetof(kind_resource, carrier_reach_m), .hint = GD_HINT_RANGE,
     .hint_text = "0,1000,0.1,or_greater,suffix:m"},
    {"update_policy", GD_INT, offsetof(kind_resource, update_policy), POLICY_HINT},
    {"remove_policy", GD_INT, offsetof(kind_resource, remove_policy), POLICY_HINT},
    {"create_policy", GD_INT, offsetof(kind_resource, create_policy), POLICY_HINT},
    {"scene", GD_OBJECT, offsetof(kind_resource, scene), .hint = GD_HINT_RESOURCE_TYPE, .hint_text = "PackedScene",
     .class_name = "PackedScene"},
    {0},
};

static const gd_constant kind_constants[] = {
    {"Policy", "DENY", TL_POLICY_DENY},
    {"Policy", "ASK", TL_POLICY_ASK},
    {"Policy", "ALLOW", TL_POLICY_ALLOW},
    {0},
};

const gd_class kind_class = {
    .name = "TramlineKind",
    .parent = "Resource",
    .bytes = sizeof(kind_resource),
    .properties = kind_properties,
    .constants = kind_constants,
};

// ---- the list ------------------------------------------------------------------------------------------------------

typedef struct list_maker {
    kind_list *list;
    int kind;
    char *text;
    size_t text_bytes;
} list_maker;

#define KIND_LENGTH_MAX 1e9 // of a tolerance or reach; rejects infinity and NaN, too

#define REFUSE(text, bytes, ...) (snprintf(text, bytes, __VA_ARGS__), false)

static bool in_range(int64_t value, int64_t count)
{
    return value >= 0 && value < count;
}

static bool add_field(list_maker *m, const field_resource *field)
{
    kind_list *list = m->list;
    tl_kind_def *kind = &list->kinds[m->kind];
    int f = kind->field_count;
    char *name = list->names[m->kind][f];
    if (f == TL_FIELDS_MAX) {
        return REFUSE(m->text, m->text_bytes, "kind '%s' has more than %d fields", kind->name, TL_FIELDS_MAX);
    }
    if (!gd_string_to_text(&field->field_name, name, TL_NAME_BYTES_MAX + 1)) {
        return REFUSE(m->text, m->text_bytes, "a field_name of kind '%s' is longer than %d letters", kind->name,
                      TL_NAME_BYTES_MAX);
    }
    if (!in_range(field->type, TL_FIELD_TYPE_COUNT) || !in_range(field->predictor, TL_PREDICTOR_COUNT) ||
        !in_range(field->level_last, TL_LEVELS_MAX)) {
        return REFUSE(m->text, m->text_bytes, "field '%s' of kind '%s' has an unknown type, predictor or level_last",
                      name, kind->name);
    }
    if (!(field->tolerance >= 0 && field->tolerance < KIND_LENGTH_MAX)) {
        return REFUSE(m->text, m->text_bytes, "field '%s' of kind '%s' needs a tolerance of 0 (the default) or more",
                      name, kind->name);
    }
    gd_string_to_text(&field->property, list->properties[m->kind][f], PROPERTY_BYTES);
    tl_field_def def = tl_field_def_default(name, (tl_field_type)field->type, (tl_predictor)field->predictor);
    if (field->type == TL_FIELD_INTEGER || field->type == TL_FIELD_BYTES) {
        def.predictor = TL_PREDICT_HOLD; // the only one that makes sense
    }
    if (field->tolerance > 0) {
        def.tolerance = field->tolerance;
    }
    def.level_last = (int)field->level_last;
    if (field->type == TL_FIELD_BYTES) {
        def.bytes_max = (int)(field->bytes_max < 0                    ? 0
                              : field->bytes_max > TL_FIELD_BYTES_MAX ? TL_FIELD_BYTES_MAX + 1
                                                                      : field->bytes_max);
    }
    kind->fields[kind->field_count++] = def;
    return true;
}

static bool add_fields(list_maker *m, const kind_resource *resource)
{
    tl_kind_def *kind = &m->list->kinds[m->kind];
    int64_t count = gd_size(GD_ARRAY, &resource->fields);
    kind->field_count = 0;
    if (count == 0) {
        kind->fields[0] = tl_field_def_default(strcpy(m->list->names[m->kind][0], "position"), TL_FIELD_POSITION,
                                               TL_PREDICT_LINEAR);
        kind->fields[1] = tl_field_def_default(strcpy(m->list->names[m->kind][1], "rotation"), TL_FIELD_ROTATION,
                                               TL_PREDICT_HEADING);
        kind->field_count = 2;
    }
    for (int64_t i = 0; i < count; i++) {
        const gd_variant *element = gd.array_at(&resource->fields, i);
        const field_resource *field = element ? gd_instance_of(gd_variant_to_object(element), &field_class) : NULL;
        if (!field) {
            return REFUSE(m->text, m->text_bytes, "element %d of the fields of kind '%s' is not a TramlineField",
                          (int)i, kind->name);
        }
        if (!add_field(m, field)) {
            return false;
        }
    }
    return true;
}

static bool add_kind(list_maker *m, const kind_resource *resource)
{
    kind_list *list = m->list;
    char *name = list->names[m->kind][TL_FIELDS_MAX];
    if (!gd_string_to_text(&resource->kind_name, name, TL_NAME_BYTES_MAX + 1) || !name[0]) {
        return REFUSE(m->text, m->text_bytes, "kind %d needs a kind_name of 1 to %d letters", m->kind,
                      TL_NAME_BYTES_MAX);
    }
    if (!in_range(resource->update_policy, TL_POLICY_COUNT) || !in_range(resource->remove_policy, TL_POLICY_COUNT) ||
        !in_range(resource->create_policy, TL_POLICY_COUNT) || !in_range(resource->level_last, TL_LEVELS_MAX)) {
        return REFUSE(m->text, m->text_bytes, "kind '%s' has an unknown policy or level_last", name);
    }
    if (!(resource->carrier_reach_m >= 0 && resource->carrier_reach_m < KIND_LENGTH_MAX)) {
        return REFUSE(m->text, m->text_bytes, "kind '%s' needs a carrier_reach_m of 0 or more", name);
    }
    tl_kind_def *kind = &list->kinds[m->kind];
    *kind = tl_kind_def_default(name);
    kind->level_last = (int)resource->level_last;
    kind->carrier_reach_m = resource->carrier_reach_m;
    kind->update = (tl_policy)resource->update_policy;
    kind->remove = (tl_policy)resource->remove_policy;
    kind->create = (tl_policy)resource->create_policy;
    gd.variant_destroy(&list->scenes[m->kind]);
    gd.variant_new_copy(&list->scenes[m->kind], &resource->scene);
    return add_fields(m, resource);
}

kind_list *kind_list_create(const gd_array *kinds, char *text, size_t text_bytes)
{
    int64_t count = gd_size(GD_ARRAY, kinds);
    if (count > TL_KINDS_MAX) {
        snprintf(text, text_bytes, "there are %d kinds; at most %d are allowed", (int)count, TL_KINDS_MAX);
        return NULL;
    }
    kind_list *list = calloc(1, sizeof *list);
    for (int i = 0; list && i < TL_KINDS_MAX; i++) {
        gd.variant_new_nil(&list->scenes[i]);
    }
    for (int64_t i = 0; list && i < count; i++) {
        const gd_variant *element = gd.array_at(kinds, i);
        const kind_resource *resource = element ? gd_instance_of(gd_variant_to_object(element), &kind_class) : NULL;
        list_maker m = {list, (int)i, text, text_bytes};
        list->count = (int)i + 1;
        if (!resource) {
            snprintf(text, text_bytes, "element %d of the kinds is not a TramlineKind", (int)i);
        }
        if (!resource || !add_kind(&m, resource)) {
            kind_list_destroy(list);
            return NULL;
        }
    }
    return list;
}

bool kind_resource_name(const void *kind, char *out)
{
    const kind_resource *resource = kind;
    return resource && gd_string_to_text(&resource->kind_name, out, TL_NAME_BYTES_MAX + 1) && out[0];
}

void kind_list_destroy(kind_list *list)
{
    for (int i = 0; list && i < TL_KINDS_MAX; i++) {
        gd.variant_destroy(&list->scenes[i]);
    }
    free(list);
}

int kind_list_find(const kind_list *list, const char *name)
{
    for (int i = 0; list && i < list->count; i++) {
        if (strcmp(list->kinds[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int kind_find_field(const tl_kind_def *kind, const char *name)
{
    for (int i = 0; i < kind->field_count; i++) {
        if (strcmp(kind->fields[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int kind_rotation_field(const tl_kind_def *kind)
{
    for (int i = 0; i < kind->field_count; i++) {
        if (kind->fields[i].type == TL_FIELD_ROTATION) {
            return i;
        }
    }
    return -1;
}
