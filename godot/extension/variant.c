#include "variant.h"

#include <math.h>
#include <string.h>

#define INTEGER_MAX 9e18 // of a float that becomes an int64_t
// Lengths of a basis' axis, and of a quaternion, from which a rotation can be had without losing it to rounding.
#define AXIS_MIN 1e-9
#define AXIS_MAX 1e18
#define ROTATION_MIN 1e-6
#define ROTATION_MAX 1e6

// ---- variants ------------------------------------------------------------------------------------------------------

static gd_variant make(gd_type type, const void *value)
{
    gd_variant variant;
    gd.from_type[type](&variant, (void *)(uintptr_t)value);
    return variant;
}

gd_variant gd_variant_nil(void)
{
    gd_variant variant;
    gd.variant_new_nil(&variant);
    return variant;
}

gd_variant gd_variant_bool(bool value)
{
    return make(GD_BOOL, &(gd_bool){value});
}
gd_variant gd_variant_int(int64_t value)
{
    return make(GD_INT, &value);
}
gd_variant gd_variant_float(double value)
{
    return make(GD_FLOAT, &value);
}

gd_variant gd_variant_text(const char *text)
{
    gd_string string;
    gd.string_new(&string, text);
    return gd_variant_take(GD_STRING, &string);
}

gd_variant gd_variant_object(gd_object object)
{
    return make(GD_OBJECT, &object);
}

gd_variant gd_variant_transform(tl_vec3 position, tl_quat rotation)
{
    gd_transform3d transform = gd_transform_make(position, rotation);
    return make(GD_TRANSFORM3D, &transform);
}

gd_variant gd_variant_vector(tl_vec3 vector)
{
    gd_vector3 v = gd_from_vec3(vector);
    return make(GD_VECTOR3, &v);
}

gd_variant gd_variant_quaternion(tl_quat rotation)
{
    gd_quaternion q = gd_from_quat(rotation);
    return make(GD_QUATERNION, &q);
}

gd_variant gd_variant_bytes(const void *data, size_t size)
{
    gd_packed bytes = gd_packed_make(GD_BYTES, (int64_t)size);
    if (size) {
        memcpy(gd.bytes_edit(&bytes, 0), data, size);
    }
    return gd_variant_take(GD_BYTES, &bytes);
}

gd_variant gd_variant_take(gd_type type, void *value)
{
    gd_variant variant = make(type, value);
    if (gd.destroy[type]) {
        gd.destroy[type](value);
    }
    return variant;
}

void gd_variant_free(gd_variant *variant)
{
    gd.variant_destroy(variant);
}

gd_type gd_variant_type(const gd_variant *variant)
{
    return gd.variant_get_type(variant);
}

gd_object gd_variant_to_object(const gd_variant *variant)
{
    uint64_t id = gd_variant_type(variant) == GD_OBJECT ? gd.variant_get_object_instance_id(variant) : 0;
    return id ? gd.object_from_id(id) : NULL; // not by its pointer: it may have been freed
}

// What `variant` holds, which is of that type, copied out.
static void copy_out(const gd_variant *variant, gd_type type, void *out)
{
    gd.to_type[type](out, (gd_variant *)(uintptr_t)variant);
}

bool gd_variant_to_double(const gd_variant *variant, double *out)
{
    gd_type type = gd_variant_type(variant);
    if (type != GD_FLOAT && type != GD_INT && type != GD_BOOL) {
        return false;
    }
    copy_out(variant, GD_FLOAT, out);
    return true;
}

bool gd_variant_to_int(const gd_variant *variant, int64_t *out)
{
    gd_type type = gd_variant_type(variant);
    double value;
    if (type == GD_FLOAT) { // in C the conversion is undefined if the value does not fit
        copy_out(variant, GD_FLOAT, &value);
        if (!(fabs(value) < INTEGER_MAX)) {
            return false;
        }
    }
    if (type != GD_INT && type != GD_FLOAT && type != GD_BOOL) {
        return false;
    }
    copy_out(variant, GD_INT, out);
    return true;
}

bool gd_variant_to_text(const gd_variant *variant, char *out, size_t bytes)
{
    gd_type type = gd_variant_type(variant);
    out[0] = 0;
    if (type != GD_STRING && type != GD_STRING_NAME) {
        return false;
    }
    gd_string string;
    copy_out(variant, GD_STRING, &string);
    gd_string_to_text(&string, out, bytes);
    gd.destroy[GD_STRING](&string);
    return true;
}

// ---- strings, arrays, dictionaries ---------------------------------------------------------------------------------

bool gd_string_to_text(const gd_string *string, char *out, size_t bytes)
{
    int64_t size = gd.string_to_utf8(string, NULL, 0);
    int64_t written = gd.string_to_utf8(string, out, (int64_t)bytes - 1);
    written = written < (int64_t)bytes - 1 ? written : (int64_t)bytes - 1;
    out[written > 0 ? written : 0] = 0;
    return size < (int64_t)bytes;
}

int64_t gd_size(gd_type type, const void *array)
{
    int64_t size = 0;
    gd.size[type]((void *)(uintptr_t)array, NULL, &size, 0);
    return size;
}

void gd_resize(gd_type type, void *array, int64_t size)
{
    int64_t result;
    gd.resize[type](array, (const void *[]){&size}, &result, 1);
}

void gd_dictionary_put(gd_dictionary *dictionary, const char *key, gd_variant value)
{
    gd_variant name = gd_variant_text(key);
    gd_variant *place = gd.dictionary_edit(dictionary, &name);
    gd.variant_destroy(place);
    *place = value;
    gd.variant_destroy(&name);
}

gd_packed gd_packed_make(gd_type type, int64_t size)
{
    gd_packed packed;
    gd.construct[type](&packed, NULL);
    if (size > 0) {
        gd_resize(type, &packed, size);
    }
    return packed;
}

void gd_node_path_to_text(const gd_node_path *path, char *out, size_t bytes)
{
    gd_string text;
    gd.construct_path_text(&text, (const void *[]){path});
    gd_string_to_text(&text, out, bytes);
    gd.destroy[GD_STRING](&text);
}

bool gd_node_path_is_empty(const gd_node_path *path)
{
    char first[2];
    gd_node_path_to_text(path, first, sizeof first);
    return !first[0];
}

void gd_globalize_path(const gd_string *path, char *out, size_t bytes)
{
    gd_string global;
    gd.string_new(&global, "");
    gd.method_ptrcall(gd.method.settings_globalize_path, gd.settings, (const void *[]){path}, &global);
    gd_string_to_text(&global, out, bytes);
    gd.destroy[GD_STRING](&global);
}

// ---- places --------------------------------------------------------------------------------------------------------

tl_vec3 gd_to_vec3(gd_vector3 v)
{
    return (tl_vec3){v.x, v.y, v.z};
}
gd_vector3 gd_from_vec3(tl_vec3 v)
{
    return (gd_vector3){(gd_real)v.x, (gd_real)v.y, (gd_real)v.z};
}
tl_quat gd_to_quat(gd_quaternion q)
{
    return (tl_quat){q.x, q.y, q.z, q.w};
}

gd_quaternion gd_from_quat(tl_quat q)
{
    return (gd_quaternion){(gd_real)q.x, (gd_real)q.y, (gd_real)q.z, (gd_real)q.w};
}

gd_transform3d gd_transform_make(tl_vec3 position, tl_quat q)
{
    double xx = q.x * q.x, yy = q.y * q.y, zz = q.z * q.z, xy = q.x * q.y, xz = q.x * q.z, yz = q.y * q.z;
    double wx = q.w * q.x, wy = q.w * q.y, wz = q.w * q.z;
    return (gd_transform3d){
        .rows =
            {
                {(gd_real)(1 - 2 * (yy + zz)), (gd_real)(2 * (xy - wz)), (gd_real)(2 * (xz + wy))},
                {(gd_real)(2 * (xy + wz)), (gd_real)(1 - 2 * (xx + zz)), (gd_real)(2 * (yz - wx))},
                {(gd_real)(2 * (xz - wy)), (gd_real)(2 * (yz + wx)), (gd_real)(1 - 2 * (xx + yy))},
            },
        .origin = gd_from_vec3(position),
    };
}

// Makes the columns orthonormal (Gram-Schmidt); false: they are not independent.
static bool orthonormalize(double m[3][3])
{
    for (int c = 0; c < 3; c++) {
        for (int before = 0; before < c; before++) {
            double along = m[0][c] * m[0][before] + m[1][c] * m[1][before] + m[2][c] * m[2][before];
            for (int r = 0; r < 3; r++) {
                m[r][c] -= along * m[r][before];
            }
        }
        double length = sqrt(m[0][c] * m[0][c] + m[1][c] * m[1][c] + m[2][c] * m[2][c]);
        if (!(length > AXIS_MIN && length < AXIS_MAX)) {
            return false;
        }
        for (int r = 0; r < 3; r++) {
            m[r][c] /= length;
        }
    }
    double determinant = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                         m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                         m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    for (int r = 0; r < 3 && determinant < 0; r++) { // mirrored: what remains is its rotation
        m[r][2] = -m[r][2];
    }
    return true;
}

// Shepperd's method: from the largest of the four components, so that nothing is divided by a small number.
static tl_quat from_matrix(double m[3][3])
{
    double trace = m[0][0] + m[1][1] + m[2][2];
    tl_quat q;
    if (trace > 0) {
        double s = sqrt(trace + 1) * 2;
        q = (tl_quat){(m[2][1] - m[1][2]) / s, (m[0][2] - m[2][0]) / s, (m[1][0] - m[0][1]) / s, s / 4};
    } else if (m[0][0] > m[1][1] && m[0][0] > m[2][2]) {
        double s = sqrt(1 + m[0][0] - m[1][1] - m[2][2]) * 2;
        q = (tl_quat){s / 4, (m[0][1] + m[1][0]) / s, (m[0][2] + m[2][0]) / s, (m[2][1] - m[1][2]) / s};
    } else if (m[1][1] > m[2][2]) {
        double s = sqrt(1 + m[1][1] - m[0][0] - m[2][2]) * 2;
        q = (tl_quat){(m[0][1] + m[1][0]) / s, s / 4, (m[1][2] + m[2][1]) / s, (m[0][2] - m[2][0]) / s};
    } else {
        double s = sqrt(1 + m[2][2] - m[0][0] - m[1][1]) * 2;
        q = (tl_quat){(m[0][2] + m[2][0]) / s, (m[1][2] + m[2][1]) / s, s / 4, (m[1][0] - m[0][1]) / s};
    }
    return q;
}

bool gd_transform_split(const gd_transform3d *transform, tl_vec3 *position, tl_quat *rotation)
{
    double m[3][3];
    for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 3; c++) {
            m[r][c] = transform->rows[r][c];
        }
    }
    *position = gd_to_vec3(transform->origin);
    *rotation = (tl_quat){0, 0, 0, 1};
    if (!isfinite(position->x) || !isfinite(position->y) || !isfinite(position->z) || !orthonormalize(m)) {
        return false;
    }
    *rotation = from_matrix(m);
    return gd_quat_normalize(rotation);
}

tl_vec3 gd_quat_rotate(tl_quat q, tl_vec3 v)
{
    tl_vec3 t = {2 * (q.y * v.z - q.z * v.y), 2 * (q.z * v.x - q.x * v.z), 2 * (q.x * v.y - q.y * v.x)};
    return (tl_vec3){
        v.x + q.w * t.x + q.y * t.z - q.z * t.y,
        v.y + q.w * t.y + q.z * t.x - q.x * t.z,
        v.z + q.w * t.z + q.x * t.y - q.y * t.x,
    };
}

bool gd_quat_normalize(tl_quat *q)
{
    double length = sqrt(q->x * q->x + q->y * q->y + q->z * q->z + q->w * q->w);
    if (!(length > ROTATION_MIN && length < ROTATION_MAX)) {
        return false;
    }
    *q = (tl_quat){q->x / length, q->y / length, q->z / length, q->w / length};
    return true;
}

// ---- results -------------------------------------------------------------------------------------------------------

gd_error gd_error_from(tl_result result)
{
    switch (result) {
    case TL_OK: return GD_OK;
    case TL_AGAIN: return GD_ERR_BUSY;
    case TL_ERR_INVALID: return GD_ERR_INVALID_PARAMETER;
    case TL_ERR_STATE: return GD_ERR_UNCONFIGURED;
    case TL_ERR_FULL: return GD_ERR_OUT_OF_MEMORY;
    case TL_ERR_NOT_FOUND: return GD_ERR_DOES_NOT_EXIST;
    case TL_ERR_EXISTS: return GD_ERR_ALREADY_EXISTS;
    case TL_ERR_DENIED: return GD_ERR_UNAUTHORIZED;
    case TL_ERR_EXPIRED: return GD_ERR_TIMEOUT;
    case TL_ERR_MALFORMED: return GD_ERR_INVALID_DATA;
    case TL_ERR_VERSION: return GD_ERR_INVALID_DATA;
    case TL_ERR_FENCED: return GD_ERR_UNAUTHORIZED;
    case TL_ERR_UNAVAILABLE: return GD_ERR_UNAVAILABLE;
    case TL_ERR_BUSY: return GD_ERR_LOCKED;
    case TL_ERR_READ_ONLY:
    case TL_ERR_NO_SPACE: return GD_ERR_FILE_CANT_WRITE;
    case TL_ERR_CORRUPT: return GD_ERR_FILE_CORRUPT;
    case TL_ERR_MEMORY: return GD_ERR_OUT_OF_MEMORY;
    default: return GD_FAILED;
    }
}

gd_error gd_error_report(const char *method, tl_result result, const char *what)
{
    if (result != TL_OK && result != TL_AGAIN) {
        gd_error_print(method, "%s: %s.", what, tl_result_text(result));
    }
    return gd_error_from(result);
}
