// Godot's functions, loaded by their names, and the engine's methods that the extension calls.
#ifndef GODOT_API_H
#define GODOT_API_H

#include "interface.h"

#include <stdbool.h>

// X(member, name in Godot, type of the function's result, parameters)
#define GD_FUNCTIONS(X)                                                                                               \
    X(print_error, "print_error", void, (const char *, const char *, const char *, int32_t, gd_bool))                 \
    X(print_warning, "print_warning", void, (const char *, const char *, const char *, int32_t, gd_bool))             \
    X(variant_new_copy, "variant_new_copy", void, (gd_variant *, const gd_variant *))                                 \
    X(variant_new_nil, "variant_new_nil", void, (gd_variant *))                                                       \
    X(variant_destroy, "variant_destroy", void, (gd_variant *))                                                       \
    X(variant_call, "variant_call", void,                                                                             \
      (gd_variant *, const gd_string_name *, const gd_variant *const *, int64_t, gd_variant *, gd_call_error *))      \
    X(variant_booleanize, "variant_booleanize", gd_bool, (const gd_variant *))                                        \
    X(variant_get_type, "variant_get_type", uint32_t, (const gd_variant *))                                           \
    X(variant_get_object_instance_id, "variant_get_object_instance_id", uint64_t, (const gd_variant *))               \
    X(variant_can_convert_strict, "variant_can_convert_strict", gd_bool, (uint32_t, uint32_t))                        \
    X(get_variant_from_type, "get_variant_from_type_constructor", gd_from_type, (uint32_t))                           \
    X(get_variant_to_type, "get_variant_to_type_constructor", gd_to_type, (uint32_t))                                 \
    X(get_builtin_method, "variant_get_ptr_builtin_method", gd_builtin, (uint32_t, const gd_string_name *, int64_t))  \
    X(get_constructor, "variant_get_ptr_constructor", gd_constructor, (uint32_t, int32_t))                            \
    X(get_destructor, "variant_get_ptr_destructor", gd_destructor, (uint32_t))                                        \
    X(string_new, "string_new_with_utf8_chars", void, (gd_string *, const char *))                                    \
    X(string_to_utf8, "string_to_utf8_chars", int64_t, (const gd_string *, char *, int64_t))                          \
    X(string_name_new, "string_name_new_with_latin1_chars", void, (gd_string_name *, const char *, gd_bool))          \
    X(bytes_at, "packed_byte_array_operator_index_const", const uint8_t *, (const gd_packed *, int64_t))              \
    X(bytes_edit, "packed_byte_array_operator_index", uint8_t *, (gd_packed *, int64_t))                              \
    X(int32s_edit, "packed_int32_array_operator_index", int32_t *, (gd_packed *, int64_t))                            \
    X(int64s_at, "packed_int64_array_operator_index_const", const int64_t *, (const gd_packed *, int64_t))            \
    X(int64s_edit, "packed_int64_array_operator_index", int64_t *, (gd_packed *, int64_t))                            \
    X(float32s_at, "packed_float32_array_operator_index_const", const float *, (const gd_packed *, int64_t))          \
    X(float32s_edit, "packed_float32_array_operator_index", float *, (gd_packed *, int64_t))                          \
    X(float64s_at, "packed_float64_array_operator_index_const", const double *, (const gd_packed *, int64_t))         \
    X(float64s_edit, "packed_float64_array_operator_index", double *, (gd_packed *, int64_t))                         \
    X(strings_at, "packed_string_array_operator_index_const", const gd_string *, (const gd_packed *, int64_t))        \
    X(strings_edit, "packed_string_array_operator_index", gd_string *, (gd_packed *, int64_t))                        \
    X(array_at, "array_operator_index_const", const gd_variant *, (const gd_array *, int64_t))                        \
    X(array_set_typed, "array_set_typed", void, (gd_array *, uint32_t, const gd_string_name *, const gd_variant *))   \
    X(dictionary_edit, "dictionary_operator_index", gd_variant *, (gd_dictionary *, const gd_variant *))              \
    X(dictionary_at, "dictionary_operator_index_const", const gd_variant *,                                           \
      (const gd_dictionary *, const gd_variant *))                                                                    \
    X(method_call, "object_method_bind_call", void,                                                                   \
      (gd_bind, gd_object, const gd_variant *const *, int64_t, gd_variant *, gd_call_error *))                        \
    X(method_ptrcall, "object_method_bind_ptrcall", void, (gd_bind, gd_object, const void *const *, void *))          \
    X(global_get_singleton, "global_get_singleton", gd_object, (const gd_string_name *))                              \
    X(object_get_binding, "object_get_instance_binding", void *, (gd_object, void *, const gd_binding_callbacks *))   \
    X(object_set_binding, "object_set_instance_binding", void,                                                        \
      (gd_object, void *, void *, const gd_binding_callbacks *))                                                      \
    X(object_set_instance, "object_set_instance", void, (gd_object, const gd_string_name *, void *))                  \
    X(object_cast_to, "object_cast_to", gd_object, (gd_object, void *))                                               \
    X(object_from_id, "object_get_instance_from_id", gd_object, (uint64_t))                                           \
    X(object_id, "object_get_instance_id", uint64_t, (gd_object))                                                     \
    X(ref_set_object, "ref_set_object", void, (void *, gd_object))                                                    \
    X(construct_object, "classdb_construct_object2", gd_object, (const gd_string_name *))                             \
    X(get_method_bind, "classdb_get_method_bind", gd_bind, (const gd_string_name *, const gd_string_name *, int64_t)) \
    X(get_class_tag, "classdb_get_class_tag", void *, (const gd_string_name *))                                       \
    X(register_class, "classdb_register_extension_class4", void,                                                      \
      (void *, const gd_string_name *, const gd_string_name *, const gd_class_info *))                                \
    X(register_method, "classdb_register_extension_class_method", void,                                               \
      (void *, const gd_string_name *, const gd_method_info *))                                                       \
    X(register_property, "classdb_register_extension_class_property", void,                                           \
      (void *, const gd_string_name *, const gd_property_info *, const gd_string_name *, const gd_string_name *))     \
    X(register_signal, "classdb_register_extension_class_signal", void,                                               \
      (void *, const gd_string_name *, const gd_string_name *, const gd_property_info *, int64_t))                    \
    X(register_constant, "classdb_register_extension_class_integer_constant", void,                                   \
      (void *, const gd_string_name *, const gd_string_name *, const gd_string_name *, int64_t, gd_bool))             \
    X(unregister_class, "classdb_unregister_extension_class", void, (void *, const gd_string_name *))                 \
    X(editor_help_load, "editor_help_load_xml_from_utf8_chars", void, (const char *))

typedef void (*gd_from_type)(gd_variant *, void *);
typedef void (*gd_to_type)(void *, gd_variant *);
typedef void (*gd_builtin)(void *self, const void *const *args, void *ret, int32_t count);
typedef void (*gd_constructor)(void *self, const void *const *args);
typedef void (*gd_destructor)(void *self);

// X(member, class, method, hash)
#define GD_METHODS(X)                                                                              \
    X(object_notification, "Object", "notification", 4023243586)                                   \
    X(object_emit_signal, "Object", "emit_signal", 4047867050)                                     \
    X(object_get, "Object", "get", 2760726917)                                                     \
    X(object_set, "Object", "set", 3776071444)                                                     \
    X(engine_is_editor_hint, "Engine", "is_editor_hint", 36873697)                                 \
    X(os_has_feature, "OS", "has_feature", 3927539163)                                             \
    X(settings_globalize_path, "ProjectSettings", "globalize_path", 3135753539)                    \
    X(node_set_process_internal, "Node", "set_process_internal", 2586408642)                       \
    X(node_set_process_mode, "Node", "set_process_mode", 1841290486)                               \
    X(node_get_parent, "Node", "get_parent", 3160264692)                                           \
    X(node_get_node_or_null, "Node", "get_node_or_null", 2734337346)                               \
    X(node_add_child, "Node", "add_child", 3863233950)                                             \
    X(node_get_child_count, "Node", "get_child_count", 894402480)                                  \
    X(node_get_child, "Node", "get_child", 541253412)                                              \
    X(node_queue_free, "Node", "queue_free", 3218959716)                                           \
    X(node_is_inside_tree, "Node", "is_inside_tree", 36873697)                                     \
    X(node3d_get_global_transform, "Node3D", "get_global_transform", 3229777777)                   \
    X(node3d_set_global_transform, "Node3D", "set_global_transform", 2952846383)                   \
    X(node3d_get_transform, "Node3D", "get_transform", 3229777777)                                 \
    X(node3d_set_transform, "Node3D", "set_transform", 2952846383)                                 \
    X(scene_instantiate, "PackedScene", "instantiate", 2628778455)                                 \
    X(multimesh_set_buffer, "MultiMesh", "set_buffer", 2899603908)                                 \
    X(multimesh_get_buffer, "MultiMesh", "get_buffer", 675695659)                                  \
    X(multimesh_set_instance_count, "MultiMesh", "set_instance_count", 1286410249)                 \
    X(multimesh_get_instance_count, "MultiMesh", "get_instance_count", 3905245786)                 \
    X(multimesh_set_visible_instance_count, "MultiMesh", "set_visible_instance_count", 1286410249) \
    X(multimesh_get_transform_format, "MultiMesh", "get_transform_format", 2444156481)             \
    X(multimesh_is_using_colors, "MultiMesh", "is_using_colors", 36873697)                         \
    X(multimesh_is_using_custom_data, "MultiMesh", "is_using_custom_data", 36873697)

// X(member, type, its name in Godot, method, hash)
#define GD_BUILTINS(X)                                                             \
    X(dictionary_keys, GD_DICTIONARY, "Dictionary", "keys", 4144163970)            \
    X(callable_is_valid, GD_CALLABLE, "Callable", "is_valid", 3918633141)          \
    X(size[GD_ARRAY], GD_ARRAY, "Array", "size", 3173160232)                       \
    X(size[GD_BYTES], GD_BYTES, "PackedByteArray", "size", 3173160232)             \
    X(size[GD_INT32S], GD_INT32S, "PackedInt32Array", "size", 3173160232)          \
    X(size[GD_INT64S], GD_INT64S, "PackedInt64Array", "size", 3173160232)          \
    X(size[GD_FLOAT32S], GD_FLOAT32S, "PackedFloat32Array", "size", 3173160232)    \
    X(size[GD_FLOAT64S], GD_FLOAT64S, "PackedFloat64Array", "size", 3173160232)    \
    X(size[GD_STRINGS], GD_STRINGS, "PackedStringArray", "size", 3173160232)       \
    X(resize[GD_ARRAY], GD_ARRAY, "Array", "resize", 848867239)                    \
    X(resize[GD_BYTES], GD_BYTES, "PackedByteArray", "resize", 848867239)          \
    X(resize[GD_INT32S], GD_INT32S, "PackedInt32Array", "resize", 848867239)       \
    X(resize[GD_INT64S], GD_INT64S, "PackedInt64Array", "resize", 848867239)       \
    X(resize[GD_FLOAT32S], GD_FLOAT32S, "PackedFloat32Array", "resize", 848867239) \
    X(resize[GD_FLOAT64S], GD_FLOAT64S, "PackedFloat64Array", "resize", 848867239) \
    X(resize[GD_STRINGS], GD_STRINGS, "PackedStringArray", "resize", 848867239)

// Godot's classes against which objects from scripts are checked.
#define GD_CLASS_TAGS(X)      \
    X(node, "Node")           \
    X(node3d, "Node3D")       \
    X(multimesh, "MultiMesh") \
    X(packed_scene, "PackedScene")

typedef struct gd_api {
    void *library;
#define GD_MEMBER(member, name, result, parameters) result(*member) parameters;
    GD_FUNCTIONS(GD_MEMBER)
#undef GD_MEMBER
#define GD_MEMBER(member, class, method, hash) gd_bind member;
    struct {
        GD_METHODS(GD_MEMBER)
    } method;
#undef GD_MEMBER
#define GD_MEMBER(member, class) void *member;
    struct {
        GD_CLASS_TAGS(GD_MEMBER)
    } tag;
#undef GD_MEMBER
    gd_from_type from_type[GD_TYPE_COUNT];
    gd_to_type to_type[GD_TYPE_COUNT];
    gd_constructor construct[GD_TYPE_COUNT], copy[GD_TYPE_COUNT];
    gd_destructor destroy[GD_TYPE_COUNT];                  // NULL: nothing to destroy
    gd_builtin size[GD_TYPE_COUNT], resize[GD_TYPE_COUNT]; // of arrays
    gd_builtin dictionary_keys, callable_is_valid;
    gd_constructor construct_path_text; // a String from a NodePath
    gd_object engine, os, settings;     // singletons
} gd_api;

extern gd_api gd;

// Loads the functions. False: this engine is missing one of them; an error was printed.
bool gd_api_load(gd_get_function get, void *library);
// Loads methods and singletons, once Godot's classes exist. False: an error was printed.
bool gd_api_load_methods(void);
// A name, valid until gd_api_unload(); `text` is copied. Main thread only.
const gd_string_name *gd_name(const char *text);
void gd_api_unload(void);
// Whether the calling thread is the one that loaded the extension, which runs the scene tree.
bool gd_on_main_thread(void);
bool gd_in_editor(void);
// Prints an error to Godot's log. `where`: the class and method that it is about.
void gd_error_print(const char *where, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gd_warning_print(const char *where, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
