// The addon's classes by name. A node or resource is recognised by its class (gd_instance_of), also by files below the
// one that defines it: a server finds its entities, and an entity finds its server.
#ifndef GODOT_CLASSES_H
#define GODOT_CLASSES_H

#include "tables.h"

// Resources.
extern const gd_class field_class, kind_class;
// Nodes.
extern const gd_class server_class, client_class, entity_class, observer_class;

#endif
