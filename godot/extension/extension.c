// Where Godot enters: loads Godot's functions, registers the classes, and undoes both at the end.
#include "class.h"
#include "classes.h"
#include "client.h"
#include "docs.h"
#include "guard.h"
#include "server.h"
#include "tramline/hooks.h"

static const gd_class *const classes[] = {&field_class,  &kind_class,   &server_class,
                                          &client_class, &entity_class, &observer_class};
enum { CLASS_COUNT = sizeof classes / sizeof *classes };

static bool registered;

static void initialize(void *data, uint32_t level)
{
    if (level == GD_LEVEL_SCENE && gd_api_load_methods()) {
        tl_set_assert_handler(gd_guard_on_assert, NULL);
        for (int i = 0; i < CLASS_COUNT; i++) {
            gd_class_register(classes[i]);
        }
        registered = true;
    }
    if (level == GD_LEVEL_EDITOR && registered) {
        docs_load();
    }
}

static void deinitialize(void *data, uint32_t level)
{
    if (level != GD_LEVEL_SCENE) {
        return;
    }
    if (registered) { // nodes that scripts have leaked
        client_end_all();
        server_end_all();
    }
    for (int i = CLASS_COUNT - 1; i >= 0 && registered; i--) {
        gd_class_unregister(classes[i]);
    }
    registered = false;
    tl_set_assert_handler(NULL, NULL);
    gd_api_unload();
}

__attribute__((visibility("default"))) gd_bool tramline_godot_init(gd_get_function get, void *library,
                                                                   gd_initialization *out);

gd_bool tramline_godot_init(gd_get_function get, void *library, gd_initialization *out)
{
    if (!gd_api_load(get, library)) {
        return 0;
    }
    *out = (gd_initialization){.minimum_level = GD_LEVEL_SCENE, .initialize = initialize, .deinitialize = deinitialize};
    return 1;
}
