// Values by the names of fields, as scripts have them: {"position": Vector3, "position_velocity": Vector3, "seat": 3,
// …}.
#ifndef GODOT_KIND_VALUES_H
#define GODOT_KIND_VALUES_H

#include "kind.h"

#include "tramline/values.h"

typedef struct kind_values {
    tl_values values;
    gd_packed keep[TL_FIELDS_MAX]; // holds the bytes that `values` refers to, until kind_values_free()
    int keep_count;
} kind_values;

// Reads a dictionary. False with `text`: a name or a type is wrong.
bool kind_values_read(const tl_kind_def *kind, const gd_dictionary *dictionary, kind_values *out, char *text,
                      size_t text_bytes);
// Reads a place, if `transform` is not NULL, and a dictionary; prints an error of `method` if one of them is wrong.
bool kind_values_require(const char *method, const tl_kind_def *kind, const gd_transform3d *transform,
                         const gd_dictionary *dictionary, kind_values *out);
// Reads one value of a field, or of the velocity, spin or rate of one.
bool kind_value_read(const tl_kind_def *kind, const char *name, const gd_variant *value, kind_values *out, char *text,
                     size_t text_bytes);
void kind_values_free(kind_values *values);
// Adds a key to the dictionary for each field.
void kind_values_write(const tl_kind_def *kind, const tl_values *values, gd_dictionary *out);
gd_variant kind_value_variant(const tl_field_def *field, const tl_value *value);

// Sets position and rotation: those of the first field, and of the kind's first rotation, if it has one.
void kind_values_place(const tl_kind_def *kind, tl_values *values, tl_vec3 position, tl_quat rotation);
// For a new entity: sets the fields that are not set, to 0, and rotations to none.
void kind_values_complete(const tl_kind_def *kind, tl_values *values);

#endif
