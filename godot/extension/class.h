// Registers classes with the engine from their tables.
#ifndef GODOT_CLASS_H
#define GODOT_CLASS_H

#include "tables.h"

bool gd_class_register(const gd_class *type);
void gd_class_unregister(const gd_class *type);

#endif
