// Godot's values from and to C's and Tramline's. The caller destroys what a function returns, unless the function says
// otherwise.
#ifndef GODOT_VARIANT_H
#define GODOT_VARIANT_H

#include "api.h"

#include "tramline/values.h"

// ---- variants ----

gd_variant gd_variant_nil(void);
gd_variant gd_variant_bool(bool value);
gd_variant gd_variant_int(int64_t value);
gd_variant gd_variant_float(double value);
gd_variant gd_variant_text(const char *text); // UTF-8
gd_variant gd_variant_object(gd_object object);
gd_variant gd_variant_transform(tl_vec3 position, tl_quat rotation);
gd_variant gd_variant_vector(tl_vec3 vector);
gd_variant gd_variant_quaternion(tl_quat rotation);
gd_variant gd_variant_bytes(const void *data, size_t size);
// Takes ownership of the value.
gd_variant gd_variant_take(gd_type type, void *value);
void gd_variant_free(gd_variant *variant);
gd_type gd_variant_type(const gd_variant *variant);
// The object in it, NULL if there is none or it has been freed. Borrowed.
gd_object gd_variant_to_object(const gd_variant *variant);
// False: it is not a number.
bool gd_variant_to_double(const gd_variant *variant, double *out);
bool gd_variant_to_int(const gd_variant *variant, int64_t *out);
// Into `out`, truncated to its size; false if it is neither a String nor a StringName.
bool gd_variant_to_text(const gd_variant *variant, char *out, size_t bytes);

// ---- strings, arrays, dictionaries ----

// UTF-8, zero-terminated, truncated to the size. True: it was not truncated.
bool gd_string_to_text(const gd_string *string, char *out, size_t bytes);
int64_t gd_size(gd_type type, const void *array);
void gd_resize(gd_type type, void *array, int64_t size);
void gd_dictionary_put(gd_dictionary *dictionary, const char *key, gd_variant value); // takes ownership of the value
gd_packed gd_packed_make(gd_type type, int64_t size);
void gd_node_path_to_text(const gd_node_path *path, char *out, size_t bytes);
bool gd_node_path_is_empty(const gd_node_path *path);
// The path in the file system that user:// or res:// stands for.
void gd_globalize_path(const gd_string *path, char *out, size_t bytes);

// ---- places ----

enum { GD_TRANSFORM_DOUBLES = 7 }; // of a transform in an array of doubles: x y z qx qy qz qw

tl_vec3 gd_to_vec3(gd_vector3 vector);
gd_vector3 gd_from_vec3(tl_vec3 vector);
tl_quat gd_to_quat(gd_quaternion rotation);
gd_quaternion gd_from_quat(tl_quat rotation);
gd_transform3d gd_transform_make(tl_vec3 position, tl_quat rotation);
// Without the basis' scale. False: not finite, or the basis has no rotation (a scale of 0).
bool gd_transform_split(const gd_transform3d *transform, tl_vec3 *position, tl_quat *rotation);
tl_vec3 gd_quat_rotate(tl_quat q, tl_vec3 v);
// Scaled to length 1; false: not finite or of no length.
bool gd_quat_normalize(tl_quat *q);

// ---- results ----

gd_error gd_error_from(tl_result result);
// The same; prints an error of `method` too, unless the result is TL_OK or TL_AGAIN.
gd_error gd_error_report(const char *method, tl_result result, const char *what);

#endif
