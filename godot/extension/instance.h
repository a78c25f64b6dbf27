// Instances of the addon's classes: created and freed by the engine, and listed.
#ifndef GODOT_INSTANCE_H
#define GODOT_INSTANCE_H

#include "tables.h"

// What the engine calls for each instance of a class.
gd_object gd_instance_create(void *class_data, gd_bool notify);
void *gd_instance_recreate(void *class_data, gd_object object);
void gd_instance_free(void *class_data, void *self);
void gd_instance_notify(void *self, int32_t what, gd_bool reversed);

// Calls `act` with each instance of the class; it must not release any.
void gd_class_each(const gd_class *type, void (*act)(void *self));
// The instance of an object, if it is one of that class; NULL otherwise.
void *gd_instance_of(gd_object object, const gd_class *type);
// Destroys what the properties hold, and frees.
void gd_instance_release(void *self);
// What is called from the engine ends with this if its guard returned false: releases the instance if that is due.
void gd_instance_after_failure(void *self);

// Emits a signal; destroys the arguments. Scripts run: anything may have changed afterwards.
void gd_emit(void *self, const char *signal, gd_variant *arguments, int count);

#endif
