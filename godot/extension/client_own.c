#include "client_own.h"

#include "base/os/clock.h"
#include "call.h"
#include "instance.h"
#include "kind_values.h"
#include "variant.h"

#include <math.h>

#define VELOCITY_TICKS_MIN 0.5 // over a shorter time no velocity is computed
#define SETTLE_TICKS 4.0       // an own entity that has not been set for that long stands still

static own_entity *find_own(client_node *c, tl_entity_id id)
{
    for (int i = 0; i < c->own_count; i++) {
        if (c->own[i].id == id && id) {
            return &c->own[i];
        }
    }
    return NULL;
}

void client_remember_own(client_node *c, uint32_t request, int kind)
{
    if (c->own_count < OWN_MAX) {
        c->own[c->own_count++] = (own_entity){.request = request, .kind = kind};
    }
}

void client_forget_own(client_node *c, tl_entity_id id)
{
    own_entity *own = find_own(c, id);
    if (own) {
        *own = c->own[--c->own_count];
    }
}

// ---- what the core reports -----------------------------------------------------------------------------------------

static gd_variant variant_of(tl_entity_id id)
{
    return gd_variant_int((int64_t)id);
}

void client_on_answer(client_node *c, const tl_client_event *event)
{
    if (!event->request) { // not a request's answer: the server has refused the state of an own entity
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

// The server says that the entity is this client's. It is unknown here if an earlier run of the game created it, or if
// it was requested over the connection that broke.
void client_on_returned(client_node *c, const tl_client_event *event)
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

void client_on_lost(client_node *c, tl_entity_id id)
{
    client_forget_own(c, id);
    gd_emit(c, "own_entity_lost", (gd_variant[]){variant_of(id)}, 1);
}

// ---- setting -------------------------------------------------------------------------------------------------------

static tl_vec3 along(tl_vec3 from, tl_vec3 by, double share)
{
    return (tl_vec3){from.x + by.x * share, from.y + by.y * share, from.z + by.z * share};
}

// Its velocity, from where it was set before. Scripts set it in each frame, at uneven times.
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
    return ticks > VELOCITY_TICKS_MIN ? along((tl_vec3){0, 0, 0}, way, hz / ticks) : (tl_vec3){0, 0, 0};
}

// A segment begins at a whole tick: the position is moved back to where it was then.
static void set_segment(client_node *c, own_entity *own, tl_entity_id carrier, double tick, kind_values *values)
{
    double hz = tl_client_tick_hz(c->link.client);
    tl_value *place = &values->values.fields[0];
    tl_vec3 velocity = own_velocity(own, carrier, place->position, tick, hz);
    own->last_set = (struct own_place){place->position, tick};
    own->moving = place->velocity.x == 0 && place->velocity.y == 0 && place->velocity.z == 0; // the script passed none
    if (own->moving) {
        place->velocity = velocity;
    }
    place->position = along(place->position, place->velocity, -(tick - floor(tick)) / hz);
}

// A velocity that was computed here holds for the next few frames only.
void client_settle_own(client_node *c)
{
    const client_link *link = &c->link;
    tl_client_state state = client_core_state(c);
    if (!c->own_count || (state != TL_CLIENT_LIVE && state != TL_CLIENT_RECONNECTING)) {
        return;
    }
    double tick = tl_client_server_tick(link->client, tl_os_monotonic_us());
    for (int i = 0; i < c->own_count; i++) {
        own_entity *own = &c->own[i];
        if (own->id && own->moving && tick - own->last_set.tick > SETTLE_TICKS) {
            tl_values values = {.mask = 1};
            values.fields[0].position = own->last_set.position;
            own->moving = false;
            tl_client_set(link->client, own->id, tick, own->carrier, &values);
        }
    }
}

void client_set_own_entity(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    const char *method = "TramlineClient.set_own_entity";
    // the core passes it on to the next server
    tl_client *client = client_core_state(c) == TL_CLIENT_RECONNECTING ? c->link.client : client_live(c, method);
    gd_error error = GD_ERR_UNCONFIGURED;
    tl_entity_id id = (tl_entity_id)gd_arg_int(args, 0);
    own_entity *own = find_own(c, id);
    tl_kind_def kind;
    if (client && (!own || tl_client_kind(client, own->kind, &kind) != TL_OK)) {
        gd_error_print(
            method, "Entity %lld is not this client's own; request one with request_create(), and wait for the answer.",
            (long long)id);
        error = GD_ERR_UNAUTHORIZED;
    } else if (client) {
        kind_values values = {0};
        error = GD_ERR_INVALID_PARAMETER;
        if (kind_values_require(method, &kind, args[1], args[3], &values)) {
            double tick = tl_client_server_tick(client, tl_os_monotonic_us());
            tl_entity_id carrier = (tl_entity_id)gd_arg_int(args, 2);
            set_segment(c, own, carrier, tick, &values);
            error = gd_error_report(method, tl_client_set(client, id, tick, carrier, &values.values),
                                    "The entity cannot be set");
        }
        kind_values_free(&values);
    }
    gd_ret_int(ret, error);
}
