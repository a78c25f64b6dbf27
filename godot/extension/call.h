// Calls from the engine: of methods, and of the accessors of properties, with arguments whose types are known (ptrcall)
// and with arguments that are checked and converted (call).
#ifndef GODOT_CALL_H
#define GODOT_CALL_H

#include "tables.h"

// A value of any type; the largest is a Transform3D.
typedef union gd_value {
    unsigned char bytes[sizeof(gd_transform3d)];
    gd_variant variant;
    double align;
} gd_value;

int gd_argument_count(const gd_argument *arguments);
int gd_optional_count(const gd_argument *arguments); // the last ones
void gd_default_argument(const gd_argument *argument, gd_value *out);

// What the engine calls. `method`: a gd_method; `property`: a gd_property.
void gd_method_ptrcall(void *method, void *self, const void *const *args, void *ret);
void gd_method_call(void *method, void *self, const gd_variant *const *args, int64_t count, gd_variant *ret,
                    gd_call_error *error);
void gd_setter_ptrcall(void *property, void *self, const void *const *args, void *ret);
void gd_setter_call(void *property, void *self, const gd_variant *const *args, int64_t count, gd_variant *ret,
                    gd_call_error *error);
void gd_getter_ptrcall(void *property, void *self, const void *const *args, void *ret);
void gd_getter_call(void *property, void *self, const gd_variant *const *args, int64_t count, gd_variant *ret,
                    gd_call_error *error);

// How a method reads its arguments and sets its result.
static inline int64_t gd_arg_int(const void *const *args, int i)
{
    return *(const int64_t *)args[i];
}
static inline double gd_arg_float(const void *const *args, int i)
{
    return *(const double *)args[i];
}
static inline bool gd_arg_bool(const void *const *args, int i)
{
    return *(const gd_bool *)args[i] != 0;
}
static inline gd_object gd_arg_object(const void *const *args, int i)
{
    return *(const gd_object *)args[i];
}
static inline void gd_ret_int(void *ret, int64_t value)
{
    *(int64_t *)ret = value;
}
static inline void gd_ret_float(void *ret, double value)
{
    *(double *)ret = value;
}
static inline void gd_ret_bool(void *ret, bool value)
{
    *(gd_bool *)ret = value;
}

#endif
