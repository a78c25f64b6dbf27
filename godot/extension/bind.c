#include "bind.h"

#include "base/os/thread.h"
#include "variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Room for one value of any type; the largest is a Transform3D.
typedef union any_value {
    unsigned char bytes[sizeof(gd_transform3d)];
    gd_variant variant;
    double align;
} any_value;

// ---- instances -----------------------------------------------------------------------------------------------------

static void *at(void *self, const gd_property *property)
{
    return (char *)self + property->offset;
}

static void preset_property(void *self, const gd_property *p)
{
    switch (p->type) {
    case GD_BOOL: *(gd_bool *)at(self, p) = p->preset != 0; break;
    case GD_INT: *(int64_t *)at(self, p) = (int64_t)p->preset; break;
    case GD_FLOAT: *(double *)at(self, p) = p->preset; break;
    case GD_STRING: gd.string_new(at(self, p), p->text ? p->text : ""); break;
    case GD_OBJECT: gd.variant_new_nil(at(self, p)); break;
    case GD_ARRAY: {
        gd.construct[GD_ARRAY](at(self, p), NULL);
        gd_variant no_script = gd_variant_nil();
        if (p->class_name) {
            gd.array_set_typed(at(self, p), GD_OBJECT, gd_name(p->class_name), &no_script);
        }
        break;
    }
    default: gd.construct[p->type](at(self, p), NULL); break;
    }
}

static void forget_property(void *self, const gd_property *p)
{
    if (p->type == GD_OBJECT) {
        gd.variant_destroy(at(self, p));
    } else if (gd.destroy[p->type]) {
        gd.destroy[p->type](at(self, p));
    }
}

static gd_instance *all_instances;
static tl_os_mutex all_lock = TL_OS_MUTEX_INIT; // scenes may be made by other threads

static void list_instance(gd_instance *instance)
{
    tl_os_mutex_lock(&all_lock);
    instance->next = all_instances;
    instance->place = &all_instances;
    if (instance->next) {
        instance->next->place = &instance->next;
    }
    all_instances = instance;
    tl_os_mutex_unlock(&all_lock);
}

static void unlist_instance(gd_instance *instance)
{
    tl_os_mutex_lock(&all_lock);
    *instance->place = instance->next;
    if (instance->next) {
        instance->next->place = instance->place;
    }
    tl_os_mutex_unlock(&all_lock);
}

void gd_class_each(const gd_class *type, void (*act)(void *self))
{
    for (gd_instance *instance = all_instances; instance; instance = instance->next) {
        if (instance->type == type) {
            act(instance);
        }
    }
}

static const gd_binding_callbacks no_callbacks = {0};

static void *make_instance(const gd_class *type, gd_object object)
{
    gd_instance *self = calloc(1, type->bytes);
    if (!self) {
        abort(); // as Godot does without memory
    }
    self->type = type;
    self->object = object;
    for (const gd_property *p = type->properties; p && p->name; p++) {
        preset_property(self, p);
    }
    gd.object_set_binding(object, gd.library, self, &no_callbacks);
    list_instance(self);
    return self;
}

void gd_instance_release(void *self)
{
    gd_instance *instance = self;
    unlist_instance(instance);
    for (const gd_property *p = instance->type->properties; p && p->name; p++) {
        forget_property(self, p);
    }
    free(self);
}

static gd_object on_create(void *class_data, gd_bool notify)
{
    const gd_class *type = class_data;
    gd_object object = gd.construct_object(gd_name(type->parent));
    void *self = make_instance(type, object);
    gd.object_set_instance(object, gd_name(type->name), self);
    if (notify) {
        gd.method_ptrcall(gd.method.object_notification, object,
                          (const void *[]){&(int64_t){GD_NOTIFICATION_POSTINITIALIZE}, &(gd_bool){0}}, NULL);
    }
    return object;
}

// The library was loaded anew: Godot sets the properties that it had kept.
static void *on_recreate(void *class_data, gd_object object)
{
    return make_instance(class_data, object);
}

static void on_free(void *class_data, void *self)
{
    gd_instance *instance = self;
    instance->object = NULL;
    if (!instance->type->destroy || instance->type->destroy(self)) {
        gd_instance_release(self);
    }
}

static void on_notify(void *self, int32_t what, gd_bool reversed)
{
    const gd_instance *instance = self;
    if (instance->type->notify) {
        instance->type->notify(self, what);
    }
}

void *gd_instance_of(gd_object object, const gd_class *type)
{
    gd_instance *instance = object ? gd.object_get_binding(object, gd.library, NULL) : NULL;
    return instance && instance->type == type ? instance : NULL;
}

// ---- methods -------------------------------------------------------------------------------------------------------

static int argument_count(const gd_argument *arguments)
{
    int count = 0;
    while (count < GD_ARGUMENTS_MAX && arguments[count].name) {
        count++;
    }
    return count;
}

static int optional_count(const gd_argument *arguments)
{
    int count = 0;
    for (int i = 0; i < argument_count(arguments); i++) {
        count += arguments[i].optional;
    }
    return count;
}

// A zero, or an empty one.
static void make_empty(gd_type type, any_value *out)
{
    memset(out, 0, sizeof *out);
    if (gd.destroy[type]) {
        gd.construct[type](out, NULL);
    }
}

static void drop_value(gd_type type, any_value *value)
{
    if (gd.destroy[type]) {
        gd.destroy[type](value);
    }
}

static void call_method(const gd_method *method, void *self, const void *const *args, any_value *ret)
{
    if (!(method->flags & GD_ANY_THREAD) && !gd_on_main_thread()) {
        gd_error_print(
            method->name,
            "Tramline's nodes belong to the thread that runs the scene tree; use call_deferred() from others.");
        make_empty(method->result, ret);
        if (method->flags & GD_GIVES_ERROR) {
            gd_ret_int(ret, GD_ERR_UNAVAILABLE);
        }
        return;
    }
    method->call(self, args, ret);
}

static void on_ptrcall(void *method_data, void *self, const void *const *args, void *ret)
{
    const gd_method *method = method_data;
    any_value value;
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
    if (method->result == GD_OBJECT) { // all that we give are reference-counted
        gd.ref_set_object(ret, *(gd_object *)&value);
        return;
    }
    if (gd.destroy[method->result]) {
        gd.destroy[method->result](ret);
    }
    memcpy(ret, &value, sizes[method->result]);
}

static bool check_count(const gd_argument *arguments, int64_t count, gd_call_error *error)
{
    int most = argument_count(arguments), least = most - optional_count(arguments);
    if (count > most) {
        *error = (gd_call_error){GD_CALL_TOO_MANY_ARGUMENTS, most, most};
    } else if (count < least) {
        *error = (gd_call_error){GD_CALL_TOO_FEW_ARGUMENTS, least, least};
    }
    return count >= least && count <= most;
}

// From a variant to a value of the type. False: it cannot be one.
static bool read_argument(const gd_argument *argument, const gd_variant *variant, any_value *out)
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

static void default_argument(const gd_argument *argument, any_value *out)
{
    make_empty(argument->type, out);
    switch (argument->type) {
    case GD_BOOL: *(gd_bool *)out = argument->preset != 0; break;
    case GD_INT: *(int64_t *)out = (int64_t)argument->preset; break;
    case GD_FLOAT: *(double *)out = argument->preset; break;
    default: break;
    }
}

static void on_call(void *method_data, void *self, const gd_variant *const *variants, int64_t count, gd_variant *ret,
                    gd_call_error *error)
{
    const gd_method *method = method_data;
    any_value values[GD_ARGUMENTS_MAX], result;
    const void *args[GD_ARGUMENTS_MAX];
    error->type = GD_CALL_OK;
    if (!check_count(method->arguments, count, error)) {
        return;
    }
    int made = 0, wanted = argument_count(method->arguments);
    for (; made < wanted; made++) {
        const gd_argument *argument = &method->arguments[made];
        args[made] = &values[made];
        if (argument->type == GD_NIL) {
            args[made] = variants[made];
        } else if (made >= count) {
            default_argument(argument, &values[made]);
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

// ---- properties' accessors -----------------------------------------------------------------------------------------

// As Godot's own nodes have it: those in the tree belong to the thread that runs it.
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

static void get_property(const gd_property *p, void *self, any_value *out)
{
    if (!may_access(p, self)) { // it may be set just now
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

static void on_set_ptrcall(void *data, void *self, const void *const *args, void *ret)
{
    set_property(data, self, args[0]);
}

static void on_set_call(void *data, void *self, const gd_variant *const *args, int64_t count, gd_variant *ret,
                        gd_call_error *error)
{
    const gd_property *p = data;
    const gd_argument argument = {p->type, "value"};
    any_value value;
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

static void on_get_ptrcall(void *data, void *self, const void *const *args, void *ret)
{
    const gd_property *p = data;
    any_value value;
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

static void on_get_call(void *data, void *self, const gd_variant *const *args, int64_t count, gd_variant *ret,
                        gd_call_error *error)
{
    const gd_property *p = data;
    any_value value;
    error->type = GD_CALL_OK;
    if (!check_count((const gd_argument[GD_ARGUMENTS_MAX]){{0}}, count, error)) {
        return;
    }
    get_property(p, self, &value);
    *ret = gd_variant_take(p->type, &value);
}

// ---- registration --------------------------------------------------------------------------------------------------

static gd_string empty_string;

static gd_property_info describe(gd_type type, const char *name, const char *class_name)
{
    bool anything = type == GD_NIL && name[0];
    return (gd_property_info){
        .type = type,
        .name = (void *)gd_name(name),
        .class_name = (void *)gd_name(class_name ? class_name : ""),
        .hint_string = &empty_string,
        .usage = GD_USAGE_DEFAULT | (anything ? GD_USAGE_NIL_IS_VARIANT : 0),
    };
}

// Registers one method; the accessors of properties too.
static void register_function(const gd_class *type, gd_method_info *info, const gd_argument *arguments)
{
    gd_property_info infos[GD_ARGUMENTS_MAX];
    gd_string hints[GD_ARGUMENTS_MAX];
    uint32_t metadata[GD_ARGUMENTS_MAX] = {0};
    gd_variant presets[GD_ARGUMENTS_MAX], *defaults[GD_ARGUMENTS_MAX];
    int count = argument_count(arguments), optional = optional_count(arguments);
    for (int i = 0; i < count; i++) {
        infos[i] = describe(arguments[i].type, arguments[i].name,
                            arguments[i].type == GD_OBJECT ? arguments[i].class_name : NULL);
        bool typed = arguments[i].type == GD_ARRAY && arguments[i].class_name;
        gd.string_new(&hints[i], typed ? arguments[i].class_name : "");
        infos[i].hint = typed ? GD_HINT_ARRAY_TYPE : GD_HINT_NONE;
        infos[i].hint_string = &hints[i];
    }
    for (int i = 0; i < optional; i++) {
        any_value value;
        const gd_argument *argument = &arguments[count - optional + i];
        default_argument(argument, &value);
        presets[i] = gd_variant_take(argument->type, &value);
        defaults[i] = &presets[i];
    }
    info->argument_count = (uint32_t)count;
    info->arguments = infos;
    info->argument_metadata = metadata;
    info->default_count = (uint32_t)optional;
    info->defaults = defaults;
    gd.register_method(gd.library, gd_name(type->name), info);
    for (int i = 0; i < optional; i++) {
        gd_variant_free(&presets[i]);
    }
    for (int i = 0; i < count; i++) {
        gd.destroy[GD_STRING](&hints[i]);
    }
}

static void register_method(const gd_class *type, const gd_method *method)
{
    gd_property_info result = describe(method->result, "", NULL);
    if (method->flags & GD_GIVES_ERROR) {
        result.class_name = (void *)gd_name("Error");
        result.usage |= GD_USAGE_CLASS_IS_ENUM;
    }
    gd_method_info info = {
        .name = (void *)gd_name(method->name),
        .method_data = (void *)(uintptr_t)method,
        .call = on_call,
        .ptrcall = on_ptrcall,
        .flags = GD_METHOD_NORMAL | (method->flags & GD_METHOD_CONST),
        .has_return = method->result != GD_NIL,
        .return_info = &result,
    };
    register_function(type, &info, method->arguments);
}

static void register_property(const gd_class *type, const gd_property *p)
{
    char setter[80], getter[80];
    snprintf(setter, sizeof setter, "set_%s", p->name);
    snprintf(getter, sizeof getter, "get_%s", p->name);
    gd_string hint;
    gd.string_new(&hint, p->hint_text ? p->hint_text : "");
    gd_property_info info = describe(p->type, p->name, p->type == GD_OBJECT ? p->class_name : NULL);
    info.hint = p->hint;
    info.hint_string = &hint;
    gd_property_info result = info;
    gd_string element; // of a typed array: the accessors name the class alone
    gd.string_new(&element, p->class_name ? p->class_name : "");
    if (p->hint == GD_HINT_ARRAY_TYPE) {
        result.hint_string = &element;
    }
    gd_method_info set = {.name = (void *)gd_name(setter),
                          .method_data = (void *)(uintptr_t)p,
                          .call = on_set_call,
                          .ptrcall = on_set_ptrcall,
                          .flags = GD_METHOD_NORMAL};
    gd_method_info get = {.name = (void *)gd_name(getter),
                          .method_data = (void *)(uintptr_t)p,
                          .call = on_get_call,
                          .ptrcall = on_get_ptrcall,
                          .flags = GD_METHOD_NORMAL | GD_METHOD_CONST,
                          .has_return = 1,
                          .return_info = &result};
    register_function(type, &set, (const gd_argument[GD_ARGUMENTS_MAX]){{p->type, "value", p->class_name}});
    register_function(type, &get, (const gd_argument[GD_ARGUMENTS_MAX]){{0}});
    if (p->type == GD_CALLABLE) {
        info.usage = 0; // for scripts only
    }
    gd.register_property(gd.library, gd_name(type->name), &info, gd_name(setter), gd_name(getter));
    gd.destroy[GD_STRING](&hint);
    gd.destroy[GD_STRING](&element);
}

static void register_signal(const gd_class *type, const gd_signal *signal)
{
    gd_property_info infos[GD_ARGUMENTS_MAX];
    int count = argument_count(signal->arguments);
    for (int i = 0; i < count; i++) {
        infos[i] = describe(signal->arguments[i].type, signal->arguments[i].name, NULL);
    }
    gd.register_signal(gd.library, gd_name(type->name), gd_name(signal->name), infos, count);
}

bool gd_class_register(const gd_class *type)
{
    gd.string_new(&empty_string, "");
    gd_class_info info = {
        .is_exposed = 1,
        .notification = on_notify,
        .create_instance = on_create,
        .free_instance = on_free,
        .recreate_instance = on_recreate,
        .class_data = (void *)(uintptr_t)type,
    };
    gd.register_class(gd.library, gd_name(type->name), gd_name(type->parent), &info);
    for (const gd_constant *c = type->constants; c && c->name; c++) {
        gd.register_constant(gd.library, gd_name(type->name), gd_name(c->group), gd_name(c->name), c->value, 0);
    }
    for (const gd_property *p = type->properties; p && p->name; p++) {
        register_property(type, p);
    }
    for (const gd_method *m = type->methods; m && m->name; m++) {
        register_method(type, m);
    }
    for (const gd_signal *s = type->signals; s && s->name; s++) {
        register_signal(type, s);
    }
    gd.destroy[GD_STRING](&empty_string);
    return true;
}

void gd_class_unregister(const gd_class *type)
{
    gd.unregister_class(gd.library, gd_name(type->name));
}

// ---- signals -------------------------------------------------------------------------------------------------------

void gd_emit(void *self, const char *signal, gd_variant *arguments, int count)
{
    const gd_instance *instance = self;
    gd_object object = instance->object;
    if (object) {
        gd_string_name name = *gd_name(signal);
        gd_variant first, result;
        gd.from_type[GD_STRING_NAME](&first, &name);
        const gd_variant *all[GD_ARGUMENTS_MAX + 1] = {&first};
        for (int i = 0; i < count; i++) {
            all[i + 1] = &arguments[i];
        }
        gd_call_error error;
        gd.method_call(gd.method.object_emit_signal, object, all, count + 1, &result, &error);
        gd.variant_destroy(&result);
        gd.variant_destroy(&first);
    }
    for (int i = 0; i < count; i++) {
        gd_variant_free(&arguments[i]);
    }
}
