// Finds a server's or client's node from another node: by its path, or the nearest one above.
#ifndef GODOT_NODE_FIND_H
#define GODOT_NODE_FIND_H

#include "tables.h"

gd_object node_parent(gd_object object);
// At `path` from `object`; NULL if the path is empty, or there is no instance of the class. Prints an error of `who` if
// the path has never led to one; once, which is noted in `settled`.
void *node_find_at_path(gd_object object, const gd_node_path *path, const gd_class *type, const char *who,
                        bool *settled);
// The node itself, or the first of those directly below it that is an instance of the class. NULL: none.
void *node_find_at_level(gd_object above, const gd_class *type);
// At the path, or if that is empty or leads to none, at the nearest of the nodes above. NULL: none.
void *node_find(gd_object object, const gd_node_path *path, const gd_class *type, const char *who, bool *settled);

#endif
