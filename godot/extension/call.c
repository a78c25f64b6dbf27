#include "call.h"

#include "guard.h"
#include "instance.h"
#include "variant.h"

#include <string.h>

static void *at(void *self, const gd_property *property)
{
    return (char *)self + property->offset;
}

// ---- arguments -----------------------------------------------------------------------------------------------------

int gd_argument_count(const gd_argument *arguments)
{
    int count = 0;
    while (count < GD_ARGUMENTS_MAX && arguments[count].name) {
        count++;
    }
    return count;
}

int gd_optional_count(const gd_argument *arguments)
{
    int count = 0;
    for (int i = 0; i < gd_argument_count(arguments); i++) {
        count += arguments[i].optional;
    }
    return count;
}

// Zero, or empty.
static void make_empty(gd_type type, gd_value *out)
{
    memset(out, 0, sizeof *out);
    if (gd.destroy[type]) {
        gd.construct[type](out, NULL);
    }
}

static void drop_value(gd_type type, gd_value *value)
{
    if (gd.destroy[type]) {
        gd.destroy[type](value);
    }
}

void gd_default_argument(const gd_argument *argument, gd_value *out)
{
    make_empty(argument->type, out);
    switch (argument->type) {
    case GD_BOOL: *(gd_bool *)out = argument->preset != 0; break;
    case GD_INT: *(int64_t *)out = (int64_t)argument->preset; break;
    case GD_FLOAT: *(double *)out = argument->preset; break;
    default: break;
    }
}

static bool check_count(const gd_argument *arguments, int64_t count, gd_call_error *error)
{
    int most = gd_argument_count(arguments), least = most - gd_optional_count(arguments);
    if (count > most) {
        *error = (gd_call_error){GD_CALL_TOO_MANY_ARGUMENTS, most, most};
    } else if (count < least) {
        *error = (gd_call_error){GD_CALL_TOO_FEW_ARGUMENTS, least, least};
    }
    return count >= least && count <= most;
}

// Converts a variant to a value of the argument's type. False: it cannot be converted.
static bool read_argument(const gd_argument *argument, const gd_variant *variant, gd_value *out)
{
    gd_type type = gd_variant_type(variant);
    if (type != argument->type && !gd.variant_can_convert_strict(type, argument->type)) {
        return false;
    }
    if (argument->type == GD_OBJECT) {
        *(gd_object *)out = gd_variant_to_object(variant);
    } else if (argument->type == GD_INT && type == GD_FLOAT) {
        return gd_variant_to_int(variant, (int64_t *)out);
    } else {
        gd.to_type[argument->type](out, (gd_variant *)(uintptr_t)variant);
    }
    return true;
}

// ---- methods -------------------------------------------------------------------------------------------------------

typedef struct method_call {
    const gd_method *method;
    void *self;
    const void *const *args;
    gd_value *ret;
} method_call;

static void do_call(void *context)
{
    const method_call *c = context;
    c->method->call(c->self, c->args, c->ret);
}

static void refuse(const gd_method *method, gd_error error, gd_value *ret)
{
    make_empty(method->result, ret);
    if (method->flags & GD_RETURNS_ERROR) {
        gd_ret_int(ret, error);
    }
}

static void call_method(const gd_method *method, void *self, const void *const *args, gd_value *ret)
{
    if (!gd_on_main_thread()) {
        gd_error_print(
            method->name,
            "Tramline's nodes belong to the thread that runs the scene tree; use call_deferred() from others.");
        refuse(method, GD_ERR_UNAVAILABLE, ret);
        return;
    }
    method_call call = {method, self, args, ret};
    if (!gd_guard(self, do_call, &call)) {
        refuse(method, GD_FAILED, ret);
        gd_instance_after_failure(self);
    }
}

void gd_method_ptrcall(void *method_data, void *self, const void *const *args, void *ret)
{
    const gd_method *method = method_data;
    gd_value value;
    call_method(method, self, args, &value);
    if (method->result == GD_NIL || !ret) {
        return;
    }
    static const size_t sizes[GD_TYPE_COUNT] = {
        [GD_BOOL] = 1,
        [GD_INT] = 8,
        [GD_FLOAT] = 8,
        [GD_STRING] = 8,
        [GD_VECTOR3] = sizeof(gd_vector3),
        [GD_QUATERNION] = sizeof(gd_quaternion),
        [GD_TRANSFORM3D] = sizeof(gd_transform3d),
        [GD_STRING_NAME] = 8,
        [GD_NODE_PATH] = 8,
        [GD_CALLABLE] = 16,
        [GD_DICTIONARY] = 8,
        [GD_ARRAY] = 8,
        [GD_BYTES] = 16,
        [GD_INT32S] = 16,
        [GD_INT64S] = 16,
        [GD_FLOAT32S] = 16,
        [GD_FLOAT64S] = 16,
        [GD_STRINGS] = 16,
    };
    if (method->result == GD_OBJECT) { // all objects that we return are reference-counted
        gd.ref_set_object(ret, *(gd_object *)&value);
        return;
    }
    if (gd.destroy[method->result]) {
        gd.destroy[method->result](ret);
    }
    memcpy(ret, &value, sizes[method->result]);
}

void gd_method_call(void *method_data, void *self, const gd_variant *const *variants, int64_t count, gd_variant *ret,
                    gd_call_error *error)
{
    const gd_method *method = method_data;
    gd_value values[GD_ARGUMENTS_MAX], result;
    const void *args[GD_ARGUMENTS_MAX];
    error->type = GD_CALL_OK;
    if (!check_count(method->arguments, count, error)) {
        return;
    }
    GD_ASSERT(count <= GD_ARGUMENTS_MAX);
    int made = 0, wanted = gd_argument_count(method->arguments);
    for (; made < wanted; made++) {
        const gd_argument *argument = &method->arguments[made];
        args[made] = &values[made];
        if (argument->type == GD_NIL) {
            args[made] = variants[made];
        } else if (made >= count) {
            gd_default_argument(argument, &values[made]);
        } else if (!read_argument(argument, variants[made], &values[made])) {
            *error = (gd_call_error){GD_CALL_INVALID_ARGUMENT, made, (int32_t)argument->type};
            break;
        }
    }
    if (error->type == GD_CALL_OK) {
        call_method(method, self, args, &result);
        if (method->result != GD_NIL) {
            *ret = gd_variant_take(method->result, &result);
        }
    }
    for (int i = 0; i < made; i++) {
        drop_value(method->arguments[i].type, &values[i]);
    }
}

// ---- accessors of properties ---------------------------------------------------------------------------------------

// As with Godot's own nodes: those in the tree belong to the thread that runs it.
static bool may_access(const gd_property *p, const gd_instance *instance)
{
    gd_bool in_tree = 0;
    if (!gd_on_main_thread() && instance->object && gd.object_cast_to(instance->object, gd.tag.node)) {
        gd.method_ptrcall(gd.method.node_is_inside_tree, instance->object, NULL, &in_tree);
    }
    if (in_tree) {
        gd_error_print(p->name, "The properties of Tramline's nodes belong to the thread that runs the scene tree; use "
                                "set_deferred() from others.");
    }
    return !in_tree;
}

static void set_property(const gd_property *p, void *self, const void *value)
{
    if (!may_access(p, self)) {
        return;
    }
    void *place = at(self, p);
    switch (p->type) {
    case GD_BOOL: *(gd_bool *)place = *(const gd_bool *)value; break;
    case GD_INT: *(int64_t *)place = *(const int64_t *)value; break;
    case GD_FLOAT: *(double *)place = *(const double *)value; break;
    case GD_OBJECT:
        gd.variant_destroy(place);
        *(gd_variant *)place = gd_variant_object(*(const gd_object *)value);
        break;
    default:
        gd.destroy[p->type](place);
        gd.copy[p->type](place, (const void *[]){value});
        break;
    }
    if (p->changed) {
        p->changed(self);
    }
}

static void get_property(const gd_property *p, void *self, gd_value *out)
{
    if (!may_access(p, self)) { // another thread may be setting it
        make_empty(p->type, out);
        return;
    }
    void *place = at(self, p);
    switch (p->type) {
    case GD_BOOL: *(gd_bool *)out = *(gd_bool *)place; break;
    case GD_INT: *(int64_t *)out = *(int64_t *)place; break;
    case GD_FLOAT: *(double *)out = *(double *)place; break;
    case GD_OBJECT: *(gd_object *)out = gd_variant_to_object(place); break;
    default: gd.copy[p->type](out, (const void *[]){place}); break;
    }
}

void gd_setter_ptrcall(void *data, void *self, const void *const *args, void *ret)
{
    set_property(data, self, args[0]);
}

void gd_setter_call(void *data, void *self, const gd_variant *const *args, int64_t count, gd_variant *ret,
                    gd_call_error *error)
{
    const gd_property *p = data;
    const gd_argument argument = {p->type, "value"};
    gd_value value;
    error->type = GD_CALL_OK;
    if (!check_count((const gd_argument[GD_ARGUMENTS_MAX]){argument}, count, error)) {
        return;
    }
    if (!read_argument(&argument, args[0], &value)) {
        *error = (gd_call_error){GD_CALL_INVALID_ARGUMENT, 0, (int32_t)p->type};
        return;
    }
    set_property(p, self, &value);
    drop_value(p->type, &value);
}

void gd_getter_ptrcall(void *data, void *self, const void *const *args, void *ret)
{
    const gd_property *p = data;
    gd_value value;
    get_property(p, self, &value);
    if (p->type == GD_OBJECT) {
        gd.ref_set_object(ret, *(gd_object *)&value);
        return;
    }
    if (p->type == GD_BOOL || p->type == GD_INT || p->type == GD_FLOAT) {
        memcpy(ret, &value, p->type == GD_BOOL ? 1 : 8);
        return;
    }
    gd.destroy[p->type](ret);
    memcpy(ret, &value, p->type >= GD_BYTES || p->type == GD_CALLABLE ? 16 : 8);
}

void gd_getter_call(void *data, void *self, const gd_variant *const *args, int64_t count, gd_variant *ret,
                    gd_call_error *error)
{
    const gd_property *p = data;
    gd_value value;
    error->type = GD_CALL_OK;
    if (!check_count((const gd_argument[GD_ARGUMENTS_MAX]){{0}}, count, error)) {
        return;
    }
    get_property(p, self, &value);
    *ret = gd_variant_take(p->type, &value);
}
