#include "instance.h"

#include "base/os/thread.h"
#include "guard.h"
#include "variant.h"

#include <stdlib.h>

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
static tl_os_mutex all_lock = TL_OS_MUTEX_INIT; // other threads may create scenes

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
            gd_guard(instance, act, instance);
        }
    }
}

static const gd_binding_callbacks no_callbacks = {0};

static void *make_instance(const gd_class *type, gd_object object)
{
    gd_instance *self = calloc(1, type->bytes);
    if (!self) {
        abort(); // as Godot does when memory runs out
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
    GD_ASSERT(!instance->busy);
    unlist_instance(instance);
    for (const gd_property *p = instance->type->properties; p && p->name; p++) {
        forget_property(self, p);
    }
    free(self);
}

gd_object gd_instance_create(void *class_data, gd_bool notify)
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

// The library was reloaded: Godot sets the properties that it has kept.
void *gd_instance_recreate(void *class_data, gd_object object)
{
    return make_instance(class_data, object);
}

typedef struct destruction {
    gd_instance *instance;
    bool done;
} destruction;

static void destroy(void *context)
{
    destruction *d = context;
    d->done = !d->instance->type->destroy || d->instance->type->destroy(d->instance);
}

void gd_instance_free(void *class_data, void *self)
{
    destruction d = {.instance = self};
    d.instance->object = NULL;
    d.instance->freed = true;
    if (!gd_guard(self, destroy, &d)) {
        gd_instance_after_failure(self);
    } else if (d.done) {
        gd_instance_release(self);
    }
}

typedef struct notification {
    gd_instance *instance;
    int32_t what;
} notification;

static void notify(void *context)
{
    const notification *n = context;
    n->instance->type->notify(n->instance, n->what);
}

void gd_instance_notify(void *self, int32_t what, gd_bool reversed)
{
    notification n = {self, what};
    if (n.instance->type->notify && !gd_guard(self, notify, &n)) {
        gd_instance_after_failure(self);
    }
}

void gd_instance_after_failure(void *self)
{
    const gd_instance *instance = self;
    if (instance->freed && !instance->busy) { // the frame that would have released it was jumped over
        gd_instance_release(self);
    }
}

void *gd_instance_of(gd_object object, const gd_class *type)
{
    gd_instance *instance = object ? gd.object_get_binding(object, gd.library, NULL) : NULL;
    return instance && instance->type == type ? instance : NULL;
}

void gd_emit(void *self, const char *signal, gd_variant *arguments, int count)
{
    const gd_instance *instance = self;
    gd_object object = instance->object;
    GD_ASSERT(count <= GD_ARGUMENTS_MAX);
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
