#include "class.h"

#include "call.h"
#include "instance.h"
#include "variant.h"

#include <stdio.h>

enum { ACCESSOR_BYTES = 80 }; // of an accessor's name

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
    int count = gd_argument_count(arguments), optional = gd_optional_count(arguments);
    for (int i = 0; i < count; i++) {
        infos[i] = describe(arguments[i].type, arguments[i].name,
                            arguments[i].type == GD_OBJECT ? arguments[i].class_name : NULL);
        bool typed = arguments[i].type == GD_ARRAY && arguments[i].class_name;
        gd.string_new(&hints[i], typed ? arguments[i].class_name : "");
        infos[i].hint = typed ? GD_HINT_ARRAY_TYPE : GD_HINT_NONE;
        infos[i].hint_string = &hints[i];
    }
    for (int i = 0; i < optional; i++) {
        gd_value value;
        const gd_argument *argument = &arguments[count - optional + i];
        gd_default_argument(argument, &value);
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
    if (method->flags & GD_RETURNS_ERROR) {
        result.class_name = (void *)gd_name("Error");
        result.usage |= GD_USAGE_CLASS_IS_ENUM;
    }
    gd_method_info info = {
        .name = (void *)gd_name(method->name),
        .method_data = (void *)(uintptr_t)method,
        .call = gd_method_call,
        .ptrcall = gd_method_ptrcall,
        .flags = GD_METHOD_NORMAL | (method->flags & GD_METHOD_CONST),
        .has_return = method->result != GD_NIL,
        .return_info = &result,
    };
    register_function(type, &info, method->arguments);
}

static void register_property(const gd_class *type, const gd_property *p)
{
    char setter[ACCESSOR_BYTES], getter[ACCESSOR_BYTES];
    snprintf(setter, sizeof setter, "set_%s", p->name);
    snprintf(getter, sizeof getter, "get_%s", p->name);
    gd_string hint;
    gd.string_new(&hint, p->hint_text ? p->hint_text : "");
    gd_property_info info = describe(p->type, p->name, p->type == GD_OBJECT ? p->class_name : NULL);
    info.hint = p->hint;
    info.hint_string = &hint;
    gd_property_info result = info;
    gd_string element; // of a typed array: its accessors' hint is the class alone
    gd.string_new(&element, p->class_name ? p->class_name : "");
    if (p->hint == GD_HINT_ARRAY_TYPE) {
        result.hint_string = &element;
    }
    gd_method_info set = {.name = (void *)gd_name(setter),
                          .method_data = (void *)(uintptr_t)p,
                          .call = gd_setter_call,
                          .ptrcall = gd_setter_ptrcall,
                          .flags = GD_METHOD_NORMAL};
    gd_method_info get = {.name = (void *)gd_name(getter),
                          .method_data = (void *)(uintptr_t)p,
                          .call = gd_getter_call,
                          .ptrcall = gd_getter_ptrcall,
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
    int count = gd_argument_count(signal->arguments);
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
        .notification = gd_instance_notify,
        .create_instance = gd_instance_create,
        .free_instance = gd_instance_free,
        .recreate_instance = gd_instance_recreate,
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
