#include "client_observe.h"

#include "call.h"
#include "guard.h"
#include "variant.h"

#include <math.h>
#include <string.h>

void client_apply_observer(client_node *c)
{
    if (!c->link.client || !c->observes) {
        return;
    }
    if (c->observes_entity) {
        tl_client_observe_entity(c->link.client, c->observed_entity);
    } else {
        tl_client_observe_point(c->link.client, c->observed_point);
    }
}

static void apply(void *context)
{
    client_apply_observer(context);
}

// It has a guard of its own because an observer's node calls it, too.
void client_observe(client_node *c, tl_entity_id entity, tl_vec3 point)
{
    c->observes = true;
    c->observes_entity = entity != 0;
    c->observed_entity = entity;
    c->observed_point = point;
    gd_guard(c, apply, c);
}

void client_observe_entity(void *self, const void *const *args, void *ret)
{
    if (gd_arg_int(args, 0)) {
        client_observe(self, (tl_entity_id)gd_arg_int(args, 0), (tl_vec3){0});
    } else {
        gd_error_print("TramlineClient.observe_entity", "0 is no entity; use observe_point() for a free point.");
    }
}

void client_observe_point(void *self, const void *const *args, void *ret)
{
    tl_vec3 point = {gd_arg_float(args, 0), gd_arg_float(args, 1), gd_arg_float(args, 2)};
    if (isfinite(point.x) && isfinite(point.y) && isfinite(point.z)) {
        client_observe(self, 0, point);
    } else {
        gd_error_print("TramlineClient.observe_point", "The point is not finite.");
    }
}

void client_set_origin(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    tl_vec3 origin = {gd_arg_float(args, 0), gd_arg_float(args, 1), gd_arg_float(args, 2)};
    if (!isfinite(origin.x) || !isfinite(origin.y) || !isfinite(origin.z)) {
        gd_error_print("TramlineClient.set_origin", "The origin is not finite.");
        return;
    }
    c->origin = origin;
}

void client_get_origin(void *self, const void *const *args, void *ret)
{
    const client_node *c = self;
    *(gd_packed *)ret = gd_packed_make(GD_FLOAT64S, 3);
    memcpy(gd.float64s_edit(ret, 0), (double[]){c->origin.x, c->origin.y, c->origin.z}, 3 * sizeof(double));
}
