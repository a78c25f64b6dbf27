// TramlineField and TramlineKind: declared types of entities, edited in the inspector; and the list of kinds that a
// server or client works with.
#ifndef GODOT_KIND_H
#define GODOT_KIND_H

#include "bind.h"

#include "tramline/kind.h"
#include "tramline/values.h"

extern const gd_class field_class, kind_class;

enum { PROPERTY_BYTES = 64 };

// Kinds with their names, in the world's order.
typedef struct kind_list {
    int count;
    tl_kind_def kinds[TL_KINDS_MAX];
    char names[TL_KINDS_MAX][TL_FIELDS_MAX + 1][TL_NAME_BYTES_MAX + 1]; // of the fields, then of the kind
    char properties[TL_KINDS_MAX][TL_FIELDS_MAX][PROPERTY_BYTES];       // of the nodes that a field is of, "" none
    gd_variant scenes[TL_KINDS_MAX];                                    // PackedScene or nil
} kind_list;

// The name of a TramlineKind (its instance) into `out`, of TL_NAME_BYTES_MAX + 1 bytes; false: it is NULL or has none.
bool kind_resource_name(const void *kind, char *out);
// From an Array of TramlineKind. NULL with `text` if one of it cannot be one.
kind_list *kind_list_create(const gd_array *kinds, char *text, size_t text_bytes);
void kind_list_destroy(kind_list *list);                     // NULL is fine
int kind_list_find(const kind_list *list, const char *name); // -1: none
int kind_find_field(const tl_kind_def *kind, const char *name);

// Values by field names, as scripts give them: {"position": Vector3, "position_velocity": Vector3, "seat": 3, …}. Bytes
// are borrowed from `keep`, which holds them until kind_values_free(). False with `text`: a name or a type is wrong.
typedef struct kind_values {
    tl_values values;
    gd_packed keep[TL_FIELDS_MAX];
    int keep_count;
} kind_values;
bool kind_values_read(const tl_kind_def *kind, const gd_dictionary *dictionary, kind_values *out, char *text,
                      size_t text_bytes);
// One value to one field, or to the velocity, spin or rate of one.
bool kind_value_read(const tl_kind_def *kind, const char *name, const gd_variant *value, kind_values *out, char *text,
                     size_t text_bytes);
void kind_values_free(kind_values *values);
// And back: adds a key for each field.
void kind_values_write(const tl_kind_def *kind, const tl_values *values, gd_dictionary *out);
gd_variant kind_value_variant(const tl_field_def *field, const tl_value *value);

// Place and rotation into values; the kind's first rotation, if it has one.
void kind_values_place(const tl_kind_def *kind, tl_values *values, tl_vec3 position, tl_quat rotation);
int kind_rotation_field(const tl_kind_def *kind); // -1: none

#endif
