#include "kind_values.h"

#include "guard.h"
#include "variant.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char RATE_SUFFIX[] = "_velocity"; // of a position; of a rotation the spin in rad/s, of a scalar its rate

static bool to_vector(const gd_variant *value, tl_vec3 *out)
{
    if (gd_variant_type(value) != GD_VECTOR3) {
        return false;
    }
    gd_vector3 vector;
    gd.to_type[GD_VECTOR3](&vector, (gd_variant *)(uintptr_t)value);
    *out = gd_to_vec3(vector);
    return isfinite(out->x) && isfinite(out->y) && isfinite(out->z);
}

static bool to_rotation(const gd_variant *value, tl_quat *out)
{
    gd_quaternion q;
    if (gd_variant_type(value) != GD_QUATERNION && gd_variant_type(value) != GD_BASIS) {
        return false;
    }
    gd.to_type[GD_QUATERNION](&q, (gd_variant *)(uintptr_t)value);
    *out = gd_to_quat(q);
    return gd_quat_normalize(out);
}

// In doubles, for positions that a single-precision Vector3 would round.
static bool to_place(const gd_variant *value, tl_vec3 *out)
{
    if (gd_variant_type(value) != GD_FLOAT64S) {
        return to_vector(value, out);
    }
    gd_packed doubles;
    gd.to_type[GD_FLOAT64S](&doubles, (gd_variant *)(uintptr_t)value);
    const double *at = gd_size(GD_FLOAT64S, &doubles) == 3 ? gd.float64s_at(&doubles, 0) : NULL;
    if (at) {
        *out = (tl_vec3){at[0], at[1], at[2]};
    }
    bool good = at && isfinite(at[0]) && isfinite(at[1]) && isfinite(at[2]);
    gd.destroy[GD_FLOAT64S](&doubles);
    return good;
}

static bool to_bytes(const gd_variant *value, kind_values *out, tl_value *field)
{
    gd_packed *bytes = &out->keep[out->keep_count];
    gd_type type = gd_variant_type(value);
    if (out->keep_count == TL_FIELDS_MAX || type != GD_BYTES) {
        return false;
    }
    gd.to_type[GD_BYTES](bytes, (gd_variant *)(uintptr_t)value);
    out->keep_count++;
    field->size = (size_t)gd_size(GD_BYTES, bytes);
    field->bytes = field->size ? gd.bytes_at(bytes, 0) : NULL;
    return true;
}

static bool read_value(const tl_field_def *field, const gd_variant *value, kind_values *out, tl_value *to)
{
    switch (field->type) {
    case TL_FIELD_POSITION: return to_place(value, &to->position);
    case TL_FIELD_ROTATION: return to_rotation(value, &to->rotation);
    case TL_FIELD_SCALAR: return gd_variant_to_double(value, &to->scalar) && isfinite(to->scalar);
    case TL_FIELD_INTEGER: return gd_variant_to_int(value, &to->integer);
    default: return to_bytes(value, out, to);
    }
}

static bool read_rate(const tl_field_def *field, const gd_variant *value, tl_value *to)
{
    switch (field->type) {
    case TL_FIELD_POSITION: return to_vector(value, &to->velocity);
    case TL_FIELD_ROTATION: return to_vector(value, &to->spin);
    case TL_FIELD_SCALAR: return gd_variant_to_double(value, &to->rate) && isfinite(to->rate);
    default: return false;
    }
}

static const char *expected(tl_field_type type)
{
    static const char *const texts[] = {"a finite Vector3 (or a PackedFloat64Array of 3)", "a Quaternion or Basis",
                                        "a finite number", "an integer", "a PackedByteArray"};
    GD_ASSERT(type < sizeof texts / sizeof *texts);
    return texts[type];
}

// The field whose velocity, spin or rate `name` is, -1 if none.
static int find_rate(const tl_kind_def *kind, const char *name)
{
    size_t length = strlen(name), suffix = sizeof RATE_SUFFIX - 1;
    char field[TL_NAME_BYTES_MAX + 1];
    if (length <= suffix || length - suffix >= sizeof field || strcmp(name + length - suffix, RATE_SUFFIX) != 0) {
        return -1;
    }
    memcpy(field, name, length - suffix);
    field[length - suffix] = 0;
    return kind_find_field(kind, field);
}

bool kind_value_read(const tl_kind_def *kind, const char *name, const gd_variant *value, kind_values *out, char *text,
                     size_t text_bytes)
{
    int f = kind_find_field(kind, name);
    if (f >= 0) {
        if (!read_value(&kind->fields[f], value, out, &out->values.fields[f])) {
            snprintf(text, text_bytes, "the field '%s' of kind '%s' takes %s", name, kind->name,
                     expected(kind->fields[f].type));
            return false;
        }
        out->values.mask |= 1u << f;
        return true;
    }
    f = find_rate(kind, name);
    if (f < 0) {
        snprintf(text, text_bytes, "kind '%s' has no field '%s'", kind->name, name);
        return false;
    }
    if (!read_rate(&kind->fields[f], value, &out->values.fields[f])) {
        snprintf(text, text_bytes, "'%s' of kind '%s' takes a finite %s", name, kind->name,
                 kind->fields[f].type == TL_FIELD_SCALAR ? "number" : "Vector3");
        return false;
    }
    return true;
}

bool kind_values_read(const tl_kind_def *kind, const gd_dictionary *dictionary, kind_values *out, char *text,
                      size_t text_bytes)
{
    gd_array keys;
    gd.construct[GD_ARRAY](&keys, NULL);
    gd.dictionary_keys((void *)(uintptr_t)dictionary, NULL, &keys, 0);
    int64_t count = gd_size(GD_ARRAY, &keys);
    bool good = true;
    for (int64_t i = 0; i < count && good; i++) {
        const gd_variant *key = gd.array_at(&keys, i);
        char name[KIND_NAME_TEXT_BYTES];
        if (!gd_variant_to_text(key, name, sizeof name)) {
            snprintf(text, text_bytes, "values need the names of fields, as text, for keys");
            good = false;
            break;
        }
        good = kind_value_read(kind, name, gd.dictionary_at(dictionary, key), out, text, text_bytes);
    }
    gd.destroy[GD_ARRAY](&keys);
    return good;
}

void kind_values_free(kind_values *values)
{
    while (values->keep_count) {
        gd.destroy[GD_BYTES](&values->keep[--values->keep_count]);
    }
}

gd_variant kind_value_variant(const tl_field_def *field, const tl_value *value)
{
    switch (field->type) {
    case TL_FIELD_POSITION: return gd_variant_vector(value->position);
    case TL_FIELD_ROTATION: return gd_variant_quaternion(value->rotation);
    case TL_FIELD_SCALAR: return gd_variant_float(value->scalar);
    case TL_FIELD_INTEGER: return gd_variant_int(value->integer);
    default: return gd_variant_bytes(value->bytes, value->size);
    }
}

void kind_values_write(const tl_kind_def *kind, const tl_values *values, gd_dictionary *out)
{
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field_def *field = &kind->fields[i];
        if (!(values->mask >> i & 1)) {
            continue;
        }
        gd_dictionary_put(out, field->name, kind_value_variant(field, &values->fields[i]));
        char rate[TL_NAME_BYTES_MAX + sizeof RATE_SUFFIX];
        snprintf(rate, sizeof rate, "%s%s", field->name, RATE_SUFFIX);
        if (field->type == TL_FIELD_POSITION) {
            gd_dictionary_put(out, rate, gd_variant_vector(values->fields[i].velocity));
        }
    }
}

void kind_values_place(const tl_kind_def *kind, tl_values *values, tl_vec3 position, tl_quat rotation)
{
    int r = kind_rotation_field(kind);
    values->mask |= 1;
    values->fields[0].position = position;
    if (r >= 0) {
        values->mask |= 1u << r;
        values->fields[r].rotation = rotation;
    }
}

bool kind_values_require(const char *method, const tl_kind_def *kind, const gd_transform3d *transform,
                         const gd_dictionary *dictionary, kind_values *out)
{
    char text[KIND_ERROR_BYTES];
    tl_vec3 position;
    tl_quat rotation;
    if (transform && !gd_transform_split(transform, &position, &rotation)) {
        gd_error_print(method, "The transform is not finite, or its basis has no rotation.");
        return false;
    }
    if (transform) {
        kind_values_place(kind, &out->values, position, rotation);
    }
    if (!kind_values_read(kind, dictionary, out, text, sizeof text)) {
        gd_error_print(method, "%s.", text);
        return false;
    }
    return true;
}

void kind_values_complete(const tl_kind_def *kind, tl_values *values)
{
    for (int i = 0; i < kind->field_count; i++) {
        if (!(values->mask >> i & 1)) {
            values->fields[i].rotation.w = 1;
        }
    }
    values->mask = (1u << kind->field_count) - 1;
}
