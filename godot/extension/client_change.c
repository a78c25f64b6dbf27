// What a client asks for and does: messages, requests, own entities; and what a script carries for it.
#include "client.h"

#include "base/os/clock.h"
#include "variant.h"

#include <math.h>
#include <string.h>

#define SETTLE_TICKS 4.0 // an own entity that was not set for so long stands still

static tl_client_state state_of(const client_node *c)
{
    return c->link.client ? tl_client_get_state(c->link.client) : TL_CLIENT_CLOSED;
}

// NULL: it is not. While it reconnects the result alone tells so, for it is nobody's fault.
static tl_client *live(client_node *c, const char *method)
{
    tl_client_state state = state_of(c);
    if (state != TL_CLIENT_LIVE && state != TL_CLIENT_RECONNECTING) {
        gd_error_print(method, "The client is not connected; wait for the signal 'connected'.");
    }
    return state == TL_CLIENT_LIVE ? c->link.client : NULL;
}

static gd_error tell(const char *method, tl_result result, const char *what)
{
    if (result != TL_OK && result != TL_AGAIN) {
        gd_error_print(method, "%s: %s.", what, tl_result_text(result));
    }
    return gd_error_from(result);
}

void client_send_message(void *self, const void *const *args, void *ret)
{
    const char *method = "TramlineClient.send_message";
    tl_client *client = live(self, method);
    int64_t size = gd_size(GD_BYTES, args[0]);
    const void *data = size ? (const void *)gd.bytes_at(args[0], 0) : "";
    gd_ret_int(ret, client ? tell(method, tl_client_send(client, data, (size_t)size),
                                  "The message cannot be sent; it may have up to 1'024 bytes")
                    : state_of(self) == TL_CLIENT_RECONNECTING ? GD_ERR_UNAVAILABLE
                                                               : GD_ERR_UNCONFIGURED);
}

// ---- requests ------------------------------------------------------------------------------------------------------

static int find_kind(tl_client *client, const char *method, const gd_string *name, tl_kind_def *out)
{
    char text[TL_NAME_BYTES_MAX + 33];
    gd_string_to_text(name, text, sizeof text);
    for (int i = 0; i < tl_client_kind_count(client); i++) {
        if (strcmp(tl_client_kind_name(client, i), text) == 0 && tl_client_kind(client, i, out) == TL_OK) {
            return i;
        }
    }
    gd_error_print(method, "The world has no kind '%s'; see get_kind_names().", text);
    return -1;
}

// Place and values of an entity from a method's arguments; prints what is wrong.
static bool read_values(const char *method, const tl_kind_def *kind, const gd_transform3d *transform,
                        const gd_dictionary *dictionary, kind_values *out)
{
    char text[256];
    tl_vec3 position;
    tl_quat rotation;
    if (transform && !gd_transform_split(transform, &position, &rotation)) {
        gd_error_print(method, "The transform is not finite, or its basis has no rotation.");
        return false;
    }
    if (transform) {
        kind_values_place(kind, &out->values, position, rotation);
    }
    if (!kind_values_read(kind, dictionary, out, text, sizeof text)) {
        gd_error_print(method, "%s.", text);
        return false;
    }
    return true;
}

static void remember_own(client_node *c, uint32_t request, int kind)
{
    if (c->own_count < OWN_MAX) {
        c->own[c->own_count++] = (own_entity){.request = request, .kind = kind};
    }
}

static own_entity *find_own(client_node *c, tl_entity_id id)
{
    for (int i = 0; i < c->own_count; i++) {
        if (c->own[i].id == id && id) {
            return &c->own[i];
        }
    }
    return NULL;
}

static gd_variant variant_of(tl_entity_id id)
{
    return gd_variant_int((int64_t)id);
}

void client_answered(client_node *c, const tl_client_event *event)
{
    if (!event->request) { // nobody asked: what was said of an own entity cannot be
        gd_emit(c, "own_entity_refused",
                (gd_variant[]){variant_of(event->entity), gd_variant_int(gd_error_from(event->result))}, 2);
        return;
    }
    for (int i = 0; i < c->own_count; i++) {
        own_entity *own = &c->own[i];
        if (own->id || own->request != event->request) {
            continue;
        }
        own->id = event->entity;
        if (event->result != TL_OK) {
            *own = c->own[--c->own_count];
        }
        break;
    }
    gd_emit(c, "request_answered",
            (gd_variant[]){gd_variant_int(event->request), gd_variant_int(gd_error_from(event->result)),
                           variant_of(event->entity)},
            3);
}

// The server that it has come to says that it is this client's. Unknown here is what an earlier run of the game made,
// or what was asked for in the connection that broke.
void client_given_back(client_node *c, const tl_client_event *event)
{
    gd_variant name;
    if (event->kind >= c->link.kind_count) {
        return;
    }
    if (!find_own(c, event->entity) && c->own_count < OWN_MAX) {
        c->own[c->own_count++] = (own_entity){.id = event->entity, .kind = event->kind};
    }
    gd.variant_new_copy(&name, &c->link.kind_names[event->kind]);
    gd_emit(c, "own_entity_given_back", (gd_variant[]){variant_of(event->entity), name}, 2);
}

void client_lost(client_node *c, tl_entity_id id)
{
    own_entity *own = find_own(c, id);
    if (own) {
        *own = c->own[--c->own_count];
    }
    gd_emit(c, "own_entity_lost", (gd_variant[]){variant_of(id)}, 1);
}

void client_request_create(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    const char *method = "TramlineClient.request_create";
    tl_client *client = live(c, method);
    tl_kind_def kind;
    int number = client ? find_kind(client, method, args[0], &kind) : -1;
    uint32_t request = 0;
    if (number >= 0) {
        kind_values values = {0};
        for (int i = 0; i < kind.field_count; i++) {
            values.values.fields[i].rotation.w = 1;
        }
        bool good = read_values(method, &kind, args[1], args[3], &values);
        values.values.mask = (1u << kind.field_count) - 1;
        tl_result result = good ? tl_client_request_create(client, number, (tl_entity_id)gd_arg_int(args, 2),
                                                           &values.values, gd_arg_bool(args, 4), &request)
                                : TL_AGAIN;
        tell(method, result, "It cannot be asked for");
        if (result == TL_OK && gd_arg_bool(args, 4)) {
            remember_own(c, request, number);
        }
        kind_values_free(&values);
    }
    gd_ret_int(ret, request);
}

void client_request_update(void *self, const void *const *args, void *ret)
{
    const char *method = "TramlineClient.request_update";
    tl_client *client = live(self, method);
    tl_entity_id id = (tl_entity_id)gd_arg_int(args, 0);
    uint32_t request = 0;
    tl_pose pose;
    tl_kind_def kind;
    if (client &&
        (tl_client_pose(client, id, 0, false, &pose) != TL_OK || tl_client_kind(client, pose.kind, &kind) != TL_OK)) {
        gd_error_print(method, "Entity %lld is not in view.", (long long)id);
    } else if (client) {
        kind_values values = {0};
        if (read_values(method, &kind, NULL, args[1], &values)) {
            tell(method, tl_client_request_update(client, id, &values.values, &request), "It cannot be asked for");
        }
        kind_values_free(&values);
    }
    gd_ret_int(ret, request);
}

void client_request_delete(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    const char *method = "TramlineClient.request_delete";
    tl_client *client = live(c, method);
    uint32_t request = 0;
    if (client) {
        tl_entity_id id = (tl_entity_id)gd_arg_int(args, 0);
        tl_result result = id ? tl_client_request_delete(client, id, &request) : TL_ERR_INVALID;
        own_entity *own = find_own(c, id);
        if (tell(method, result, "It cannot be asked for") == GD_OK && own) {
            *own = c->own[--c->own_count];
        }
    }
    gd_ret_int(ret, request);
}

static tl_vec3 along(tl_vec3 from, tl_vec3 by, double share)
{
    return (tl_vec3){from.x + by.x * share, from.y + by.y * share, from.z + by.z * share};
}

// How it moves, from where it was set to before; scripts set it in each frame, at uneven times.
static tl_vec3 own_velocity(own_entity *own, tl_entity_id carrier, tl_vec3 position, double tick, double hz)
{
    struct own_place *before = &own->places[0], *last = &own->places[1];
    bool anew = carrier != own->carrier || last->tick <= 0 || tick < last->tick || tick - last->tick > hz;
    if (anew) {
        *before = *last = (struct own_place){position, tick};
    } else if (tick - last->tick >= 1) {
        *before = *last;
        *last = (struct own_place){position, tick};
    }
    own->carrier = carrier;
    double ticks = tick - before->tick;
    tl_vec3 way = along(position, before->position, -1);
    return ticks > 0.5 ? along((tl_vec3){0, 0, 0}, way, hz / ticks) : (tl_vec3){0, 0, 0};
}

// A course begins at a whole tick: the place is taken back to where it was then.
static void own_course(client_node *c, own_entity *own, tl_entity_id carrier, double tick, kind_values *values)
{
    double hz = tl_client_tick_hz(c->link.client);
    tl_value *place = &values->values.fields[0];
    tl_vec3 velocity = own_velocity(own, carrier, place->position, tick, hz);
    own->said = (struct own_place){place->position, tick};
    own->moving = place->velocity.x == 0 && place->velocity.y == 0 && place->velocity.z == 0; // none is given
    if (own->moving) {
        place->velocity = velocity;
    }
    place->position = along(place->position, place->velocity, -(tick - floor(tick)) / hz);
}

// A velocity that was worked out says what is likely for the next frames, and no more.
void client_settle_own(client_node *c)
{
    const client_link *link = &c->link;
    tl_client_state state = state_of(c);
    if (!c->own_count || (state != TL_CLIENT_LIVE && state != TL_CLIENT_RECONNECTING)) {
        return;
    }
    double tick = tl_client_server_tick(link->client, tl_os_monotonic_us());
    for (int i = 0; i < c->own_count; i++) {
        own_entity *own = &c->own[i];
        if (own->id && own->moving && tick - own->said.tick > SETTLE_TICKS) {
            tl_values values = {.mask = 1};
            values.fields[0].position = own->said.position;
            own->moving = false;
            tl_client_set(link->client, own->id, tick, own->carrier, &values);
        }
    }
}

void client_set_own_entity(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    const char *method = "TramlineClient.set_own_entity";
    // it is said to the next server
    tl_client *client = state_of(c) == TL_CLIENT_RECONNECTING ? c->link.client : live(c, method);
    gd_error error = GD_ERR_UNCONFIGURED;
    tl_entity_id id = (tl_entity_id)gd_arg_int(args, 0);
    own_entity *own = find_own(c, id);
    tl_kind_def kind;
    if (client && (!own || tl_client_kind(client, own->kind, &kind) != TL_OK)) {
        gd_error_print(
            method, "Entity %lld is not this client's own; ask for one with request_create(), and wait for its answer.",
            (long long)id);
        error = GD_ERR_UNAUTHORIZED;
    } else if (client) {
        kind_values values = {0};
        error = GD_ERR_INVALID_PARAMETER;
        if (read_values(method, &kind, args[1], args[3], &values)) {
            double tick = tl_client_server_tick(client, tl_os_monotonic_us());
            tl_entity_id carrier = (tl_entity_id)gd_arg_int(args, 2);
            own_course(c, own, carrier, tick, &values);
            error = tell(method, tl_client_set(client, id, tick, carrier, &values.values), "It cannot be set");
        }
        kind_values_free(&values);
    }
    gd_ret_int(ret, error);
}

// ---- where it looks from -------------------------------------------------------------------------------------------

void client_observe(client_node *c, tl_entity_id entity, tl_vec3 point)
{
    c->observes = true;
    c->observes_entity = entity != 0;
    c->observed_entity = entity;
    c->observed_point = point;
    client_apply_observer(c);
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

// ---- a script's own transport --------------------------------------------------------------------------------------

static client_link *custom_link(client_node *c, const char *method)
{
    client_link *link = &c->link;
    if (!link->client || link->servers) { // as it was when it began: the property may say otherwise by now
        gd_error_print(method, "This is for custom_transport; set that, and call connect_to_server() first.");
        return NULL;
    }
    return link;
}

void client_transport_connected(void *self, const void *const *args, void *ret)
{
    client_link *link = custom_link(self, "TramlineClient.transport_connected");
    if (link) {
        tl_client_connected(link->client, tl_os_monotonic_us());
    }
}

// What is wrong with bytes from outside is told by the error alone: they are not the caller's fault.
void client_apply_frame(void *self, const void *const *args, void *ret)
{
    client_link *link = custom_link(self, "TramlineClient.apply_frame");
    int64_t size = gd_size(GD_BYTES, args[0]);
    tl_result result = TL_OK;
    if (link && size) {
        result = tl_client_receive_frame(link->client, gd.bytes_at(args[0], 0), (size_t)size, tl_os_monotonic_us());
    }
    gd_ret_int(ret, link ? gd_error_from(result) : GD_ERR_UNCONFIGURED);
}
