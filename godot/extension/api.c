#include "api.h"

#include "base/os/thread.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

gd_api gd;

static uintptr_t main_thread;

bool gd_on_main_thread(void)
{
    return tl_os_thread_self() == main_thread;
}

// ---- names ---------------------------------------------------------------------------------------------------------

// Not Godot's static names: those keep pointing into this library after it is unloaded.
typedef struct kept_name {
    char *text;
    gd_string_name name;
} kept_name;

enum { NAMES_MAX = 1024 }; // the tables have less than half of that together
static kept_name names[NAMES_MAX];

static uint32_t hash_text(const char *text)
{
    uint32_t hash = 2166136261u; // FNV-1a's numbers
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    }
    return hash;
}

const gd_string_name *gd_name(const char *text)
{
    uint32_t at = hash_text(text) % NAMES_MAX;
    for (int probes = 0; names[at].text; at = (at + 1) % NAMES_MAX, probes++) {
        if (strcmp(names[at].text, text) == 0) {
            return &names[at].name;
        }
        if (probes == NAMES_MAX / 2) {
            abort(); // the tables have outgrown NAMES_MAX
        }
    }
    char *kept = strdup(text);
    if (!kept) {
        abort(); // as Godot does when memory runs out
    }
    gd.string_name_new(&names[at].name, text, 0);
    names[at].text = kept;
    return &names[at].name;
}

void gd_api_unload(void)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        if (names[i].text) {
            gd.destroy[GD_STRING_NAME](&names[i].name);
            free(names[i].text);
        }
        names[i] = (kept_name){0};
    }
}

// ---- loading -------------------------------------------------------------------------------------------------------

bool gd_api_load(gd_get_function get, void *library)
{
    gd.library = library;
    main_thread = tl_os_thread_self();
    const char *missing = NULL;
#define LOAD(member, name, result, parameters)   \
    gd.member = (result(*) parameters)get(name); \
    if (!gd.member) {                            \
        missing = name;                          \
    }
    GD_FUNCTIONS(LOAD)
#undef LOAD
    if (missing && gd.print_error) {
        gd_error_print("tramline", "This Godot has no '%s'; Tramline needs Godot 4.4 or later.", missing);
    }
    return !missing;
}

static void load_types(void)
{
    static const gd_type types[] = {GD_BOOL,       GD_INT,         GD_FLOAT,       GD_STRING,    GD_VECTOR3,
                                    GD_QUATERNION, GD_TRANSFORM3D, GD_STRING_NAME, GD_NODE_PATH, GD_OBJECT,
                                    GD_CALLABLE,   GD_DICTIONARY,  GD_ARRAY,       GD_BYTES,     GD_INT32S,
                                    GD_INT64S,     GD_FLOAT32S,    GD_FLOAT64S,    GD_STRINGS};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        gd_type type = types[i];
        gd.from_type[type] = gd.get_variant_from_type(type);
        gd.to_type[type] = gd.get_variant_to_type(type);
        if (type != GD_OBJECT) {
            gd.construct[type] = gd.get_constructor(type, 0);
            gd.copy[type] = gd.get_constructor(type, 1);
            gd.destroy[type] = gd.get_destructor(type);
        }
    }
}

static gd_object singleton(const char *name)
{
    return gd.global_get_singleton(gd_name(name));
}

// In an engine of the other precision vectors have twice or half the size of ours.
static bool check_precision(void)
{
    gd_string text;
    gd.string_new(&text, "double");
    gd_bool is_double = 0;
    gd.method_ptrcall(gd.method.os_has_feature, gd.os, (const void *[]){&text}, &is_double);
    gd.destroy[GD_STRING](&text);
    bool same = is_double == (sizeof(gd_real) == 8);
    if (!same) {
        gd_error_print("tramline",
                       "This library is for engines of %s precision, and this one has %s; see tramline.gdextension for "
                       "which is loaded.",
                       GD_PRECISION, is_double ? "double" : "single");
    }
    return same;
}

bool gd_api_load_methods(void)
{
    load_types();
    const char *missing = NULL;
#define LOAD(member, class, name, hash)                                         \
    gd.method.member = gd.get_method_bind(gd_name(class), gd_name(name), hash); \
    if (!gd.method.member) {                                                    \
        missing = class "." name;                                               \
    }
    GD_METHODS(LOAD)
#undef LOAD
#define LOAD(member, type, type_name, name, hash)                 \
    gd.member = gd.get_builtin_method(type, gd_name(name), hash); \
    if (!gd.member) {                                             \
        missing = type_name "." name;                             \
    }
    GD_BUILTINS(LOAD)
#undef LOAD
#define LOAD(member, class) gd.tag.member = gd.get_class_tag(gd_name(class));
    GD_CLASS_TAGS(LOAD)
#undef LOAD
    gd.construct_path_text = gd.get_constructor(GD_STRING, 3);
    gd.engine = singleton("Engine");
    gd.os = singleton("OS");
    gd.settings = singleton("ProjectSettings");
    if (missing) {
        gd_error_print("tramline",
                       "This Godot has another %s than Tramline knows; update both to their newest releases.", missing);
    }
    return !missing && check_precision();
}

bool gd_in_editor(void)
{
    gd_bool hint = 0;
    gd.method_ptrcall(gd.method.engine_is_editor_hint, gd.engine, NULL, &hint);
    return hint;
}

enum { TEXT_BYTES = 1024 }; // of an error or warning

void gd_error_print(const char *where, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    gd.print_error(text, where, "tramline", 0, 0);
}

void gd_warning_print(const char *where, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    gd.print_warning(text, where, "tramline", 0, 0);
}
