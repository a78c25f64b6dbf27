#include "node_find.h"

#include "instance.h"
#include "variant.h"

enum { PATH_BYTES = 256 }; // of a path in an error

gd_object node_parent(gd_object object)
{
    gd_object parent = NULL;
    gd.method_ptrcall(gd.method.node_get_parent, object, NULL, &parent);
    return parent;
}

static void *among_children(gd_object object, const gd_class *type)
{
    int64_t count = 0;
    gd.method_ptrcall(gd.method.node_get_child_count, object, (const void *[]){&(gd_bool){1}}, &count);
    for (int64_t i = 0; i < count; i++) {
        gd_object child = NULL;
        gd.method_ptrcall(gd.method.node_get_child, object, (const void *[]){&i, &(gd_bool){1}}, &child);
        void *found = gd_instance_of(child, type);
        if (found) {
            return found;
        }
    }
    return NULL;
}

void *node_find_at_path(gd_object object, const gd_node_path *path, const gd_class *type, const char *who,
                        bool *settled)
{
    if (gd_node_path_is_empty(path)) {
        return NULL;
    }
    gd_object at = NULL;
    gd.method_ptrcall(gd.method.node_get_node_or_null, object, (const void *[]){path}, &at);
    void *found = gd_instance_of(at, type);
    if (!found && !*settled) {
        char text[PATH_BYTES];
        gd_node_path_to_text(path, text, sizeof text);
        gd_error_print(who, "Its path '%s' leads to no %s; the nearest one above is used, if there is one.", text,
                       type->name);
    }
    *settled = true;
    return found;
}

void *node_find_at_level(gd_object above, const gd_class *type)
{
    void *found = gd_instance_of(above, type);
    return found ? found : among_children(above, type);
}

void *node_find(gd_object object, const gd_node_path *path, const gd_class *type, const char *who, bool *settled)
{
    // NULL also if the node has moved since, and the path is no longer right
    void *found = node_find_at_path(object, path, type, who, settled);
    for (gd_object above = node_parent(object); above && !found; above = node_parent(above)) {
        found = node_find_at_level(above, type);
    }
    return found;
}
