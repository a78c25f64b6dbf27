// Classes as tables: what a class is called, what its instances hold, its properties, methods, signals and constants.
// One table drives the registration (class), calls with known and with unknown types (call), and the accessors of
// properties.
#ifndef GODOT_TABLES_H
#define GODOT_TABLES_H

#include "api.h"

enum { GD_ARGUMENTS_MAX = 8 };

typedef struct gd_class gd_class;

// The beginning of every instance.
typedef struct gd_instance {
    const gd_class *type;
    gd_object object;                  // NULL: the engine has freed it, or no signal is to be emitted any more
    struct gd_instance *next, **place; // in the list of all
    bool busy;                         // its frames are on the stack: it must not be released
    bool freed;                        // the engine has freed its object: released once it is no longer busy
    bool failed;                       // an assertion failed in its core object, see guard.h
} gd_instance;

// A value that the instance holds at `offset`; it gets set_NAME and get_NAME. For a node in the tree they are
// refused outside of the main thread; any thread may create and set up a node that is in no tree.
typedef struct gd_property {
    const char *name;
    gd_type type;
    size_t offset;
    double preset;    // numbers
    const char *text; // strings: preset
    uint32_t hint;
    const char *hint_text;
    const char *class_name;      // of objects: held by a gd_variant
    void (*changed)(void *self); // may be NULL
} gd_property;

typedef struct gd_argument {
    gd_type type; // GD_NIL: anything, a gd_variant
    const char *name;
    const char *class_name; // of objects
    bool optional;          // numbers are `preset` then, other types empty
    double preset;
} gd_argument;

typedef struct gd_method {
    const char *name;
    // `args`: pointers to values as the types' own; `ret`: space for a value of the result's type, which it sets.
    void (*call)(void *self, const void *const *args, void *ret);
    gd_type result;                          // GD_NIL: none
    uint32_t flags;                          // GD_METHOD_CONST, GD_GIVES_ERROR
    gd_argument arguments[GD_ARGUMENTS_MAX]; // up to the first without a name
} gd_method;
enum { GD_RETURNS_ERROR = 1 << 17 }; // beside Godot's flags: its number is an Error

// A method's line in its class's list, which is written X(name, result, flags, arguments…): its function is
// PREFIX_NAME(self, args, ret). Without arguments: GD_NONE.
#define GD_DECLARE(prefix, method) void prefix##_##method(void *self, const void *const *args, void *ret);
#define GD_ENTRY(prefix, method, result, flags, ...) {#method, prefix##_##method, result, flags, {__VA_ARGS__}},
// clang-format off
#define GD_NONE {0}
// Arguments that many methods have.
#define GD_ID {GD_INT, "id"}
#define GD_GROUP {GD_INT, "group"}
#define GD_KIND_NAME {GD_STRING, "kind_name"}
#define GD_TRANSFORM {GD_TRANSFORM3D, "transform"}
#define GD_DATA {GD_BYTES, "data"}
#define GD_CARRIER {GD_INT, "carrier", .optional = true}
#define GD_VALUES {GD_DICTIONARY, "values", .optional = true}
// clang-format on

typedef struct gd_signal {
    const char *name;
    gd_argument arguments[GD_ARGUMENTS_MAX];
} gd_signal;

typedef struct gd_constant {
    const char *group, *name;
    int64_t value;
} gd_constant;

struct gd_class {
    const char *name, *parent;
    size_t bytes; // of an instance
    // The engine has freed its object. False: it is busy, and calls gd_instance_release() once it no longer is.
    bool (*destroy)(void *self);
    void (*notify)(void *self, int32_t what);
    // An assertion failed in its core object: forgets that, and all that it used, without touching it. The next frame
    // may emit a signal, this function may not. NULL: it has no core object.
    void (*fail)(void *self, const char *why);
    // Each ends with an entry that has no name.
    const gd_property *properties;
    const gd_method *methods;
    const gd_signal *signals;
    const gd_constant *constants;
};

#endif
