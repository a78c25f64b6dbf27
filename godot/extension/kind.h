// TramlineField and TramlineKind: declared types of entities, edited in the inspector; and the list of kinds that a
// server or client works with.
#ifndef GODOT_KIND_H
#define GODOT_KIND_H

#include "classes.h"

#include "tramline/kind.h"

enum {
    PROPERTY_BYTES = 64,
    KIND_NAME_TEXT_BYTES =
        64,                 // of a script's text that should be a kind's name: longer than one, so that it equals none
    KIND_ERROR_BYTES = 256, // of a text that says what is wrong with kinds or values
};

// Kinds with their names, in the world's order.
typedef struct kind_list {
    int count;
    tl_kind_def kinds[TL_KINDS_MAX];
    char names[TL_KINDS_MAX][TL_FIELDS_MAX + 1][TL_NAME_BYTES_MAX + 1]; // of the fields, then of the kind
    char properties[TL_KINDS_MAX][TL_FIELDS_MAX]
                   [PROPERTY_BYTES]; // the node's property that a field is read from and written to, "" none
    gd_variant scenes[TL_KINDS_MAX]; // PackedScene or nil
} kind_list;

// Writes the name of a TramlineKind (its instance) to `out`, of TL_NAME_BYTES_MAX + 1 bytes; false: it is NULL or has
// no name.
bool kind_resource_name(const void *kind, char *out);
// From an Array of TramlineKind. NULL with `text` if one of its elements is not a kind that can be declared.
kind_list *kind_list_create(const gd_array *kinds, char *text, size_t text_bytes);
void kind_list_destroy(kind_list *list);                     // NULL is fine
int kind_list_find(const kind_list *list, const char *name); // -1: none
int kind_find_field(const tl_kind_def *kind, const char *name);
int kind_rotation_field(const tl_kind_def *kind); // the first one, -1: none

#endif
