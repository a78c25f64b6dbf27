// What the extension uses of Godot's GDExtension interface, declared here: sizes, numbers and layouts as Godot 4.4 and
// later have them on 64-bit machines. Godot returns each function by its name (api.c).
#ifndef GODOT_INTERFACE_H
#define GODOT_INTERFACE_H

#include <stddef.h>
#include <stdint.h>

// Godot's real_t: double in engines built with precision=double.
#ifdef TL_GODOT_DOUBLE
typedef double gd_real;
#define GD_PRECISION "double"
#else
typedef float gd_real;
#define GD_PRECISION "single"
#endif

typedef enum gd_type {
    GD_NIL = 0,
    GD_BOOL = 1,
    GD_INT = 2,
    GD_FLOAT = 3,
    GD_STRING = 4,
    GD_VECTOR3 = 9,
    GD_QUATERNION = 15,
    GD_BASIS = 17,
    GD_TRANSFORM3D = 18,
    GD_STRING_NAME = 21,
    GD_NODE_PATH = 22,
    GD_OBJECT = 24,
    GD_CALLABLE = 25,
    GD_DICTIONARY = 27,
    GD_ARRAY = 28,
    GD_BYTES = 29,    // PackedByteArray
    GD_INT32S = 30,   // PackedInt32Array
    GD_INT64S = 31,   // PackedInt64Array
    GD_FLOAT32S = 32, // PackedFloat32Array
    GD_FLOAT64S = 33, // PackedFloat64Array
    GD_STRINGS = 34,  // PackedStringArray
    GD_TYPE_COUNT = 39,
} gd_type;

// Godot's values, as opaque as their size allows.
typedef struct gd_variant {
    uint64_t opaque[sizeof(gd_real) == 8 ? 5 : 3];
} gd_variant;
typedef struct gd_string {
    uint64_t opaque;
} gd_string;
typedef struct gd_string_name {
    uint64_t opaque;
} gd_string_name;
typedef struct gd_node_path {
    uint64_t opaque;
} gd_node_path;
typedef struct gd_callable {
    uint64_t opaque[2];
} gd_callable;
typedef struct gd_dictionary {
    uint64_t opaque;
} gd_dictionary;
typedef struct gd_array {
    uint64_t opaque;
} gd_array;
typedef struct gd_packed { // any of the packed arrays
    uint64_t opaque[2];
} gd_packed;
typedef struct gd_vector3 {
    gd_real x, y, z;
} gd_vector3;
typedef struct gd_quaternion {
    gd_real x, y, z, w;
} gd_quaternion;
typedef struct gd_transform3d {
    gd_real rows[3][3]; // of the basis
    gd_vector3 origin;
} gd_transform3d;
_Static_assert(sizeof(gd_variant) == (sizeof(gd_real) == 8 ? 40 : 24), "Variant");
_Static_assert(sizeof(gd_transform3d) == 12 * sizeof(gd_real), "Transform3D");

typedef void *gd_object;     // an engine object
typedef const void *gd_bind; // one of its methods
typedef uint8_t gd_bool;

typedef enum gd_call_error_type {
    GD_CALL_OK,
    GD_CALL_INVALID_METHOD,
    GD_CALL_INVALID_ARGUMENT,
    GD_CALL_TOO_MANY_ARGUMENTS,
    GD_CALL_TOO_FEW_ARGUMENTS,
} gd_call_error_type;

typedef struct gd_call_error {
    gd_call_error_type type;
    int32_t argument, expected;
} gd_call_error;

typedef void (*gd_function)(void);
typedef gd_function (*gd_get_function)(const char *name);

typedef struct gd_property_info {
    gd_type type;
    void *name, *class_name; // StringName
    uint32_t hint;
    void *hint_string; // String
    uint32_t usage;
} gd_property_info;

typedef struct gd_class_info { // the fourth form, since 4.4
    gd_bool is_virtual, is_abstract, is_exposed, is_runtime;
    const void *icon_path;
    void *set, *get, *get_property_list, *free_property_list, *property_can_revert, *property_get_revert,
        *validate_property;
    void (*notification)(void *instance, int32_t what, gd_bool reversed);
    void *to_string, *reference, *unreference;
    gd_object (*create_instance)(void *class_data, gd_bool notify);
    void (*free_instance)(void *class_data, void *instance);
    void *(*recreate_instance)(void *class_data, gd_object object);
    void *get_virtual, *get_virtual_call_data, *call_virtual_with_data;
    void *class_data;
} gd_class_info;

typedef struct gd_method_info {
    void *name;
    void *method_data;
    void (*call)(void *method_data, void *instance, const gd_variant *const *args, int64_t count, gd_variant *ret,
                 gd_call_error *error);
    void (*ptrcall)(void *method_data, void *instance, const void *const *args, void *ret);
    uint32_t flags;
    gd_bool has_return;
    gd_property_info *return_info;
    uint32_t return_metadata;
    uint32_t argument_count;
    gd_property_info *arguments;
    uint32_t *argument_metadata;
    uint32_t default_count;
    gd_variant **defaults;
} gd_method_info;

typedef struct gd_binding_callbacks {
    void *(*create)(void *token, void *object);
    void (*free)(void *token, void *object, void *binding);
    gd_bool (*reference)(void *token, void *binding, gd_bool reference);
} gd_binding_callbacks;

enum { // levels of initialization
    GD_LEVEL_CORE,
    GD_LEVEL_SERVERS,
    GD_LEVEL_SCENE,
    GD_LEVEL_EDITOR,
};

typedef struct gd_initialization {
    uint32_t minimum_level;
    void *data;
    void (*initialize)(void *data, uint32_t level);
    void (*deinitialize)(void *data, uint32_t level);
} gd_initialization;

enum { // of nodes, scenes and MultiMeshes
    GD_PROCESS_MODE_ALWAYS = 3,
    GD_INTERNAL_MODE_DISABLED = 0,
    GD_EDIT_STATE_DISABLED = 0,
    GD_TRANSFORM_3D = 1,
};

enum { // method flags
    GD_METHOD_NORMAL = 1,
    GD_METHOD_CONST = 4,
};

enum { // of a property: hint and usage
    GD_HINT_NONE = 0,
    GD_HINT_RANGE = 1,
    GD_HINT_ENUM = 2,
    GD_HINT_FILE = 13,
    GD_HINT_RESOURCE_TYPE = 17,
    GD_HINT_ARRAY_TYPE = 31,
    GD_USAGE_DEFAULT = 6,
    GD_USAGE_CLASS_IS_ENUM = 1 << 16,
    GD_USAGE_NIL_IS_VARIANT = 1 << 17,
};

// The hint of an Array of resources of one class: "24/17:", type Object with the hint of a resource's type.
#define GD_RESOURCES_OF(class_name) "24/17:" class_name

enum { // notifications
    GD_NOTIFICATION_POSTINITIALIZE = 0,
    GD_NOTIFICATION_ENTER_TREE = 10,
    GD_NOTIFICATION_EXIT_TREE = 11,
    GD_NOTIFICATION_READY = 13,
    GD_NOTIFICATION_INTERNAL_PROCESS = 25,
};

// Godot's Error, as far as it is used.
typedef enum gd_error {
    GD_OK = 0,
    GD_FAILED = 1,
    GD_ERR_UNAVAILABLE = 2,
    GD_ERR_UNCONFIGURED = 3,
    GD_ERR_UNAUTHORIZED = 4,
    GD_ERR_OUT_OF_MEMORY = 6,
    GD_ERR_FILE_CANT_WRITE = 13,
    GD_ERR_FILE_CORRUPT = 16,
    GD_ERR_ALREADY_IN_USE = 22,
    GD_ERR_TIMEOUT = 24,
    GD_ERR_CANT_CONNECT = 25,
    GD_ERR_INVALID_DATA = 30,
    GD_ERR_INVALID_PARAMETER = 31,
    GD_ERR_ALREADY_EXISTS = 32,
    GD_ERR_DOES_NOT_EXIST = 33,
    GD_ERR_LOCKED = 23,
    GD_ERR_BUSY = 44,
} gd_error;

#endif
