#include "client_draw.h"

#include "base/os/clock.h"
#include "call.h"
#include "guard.h"
#include "variant.h"

#include <string.h>

// In a MultiMesh's buffer: floats of a transform, of a colour or custom data; spare instances, so that it grows seldom.
enum { ROWS_FLOATS = 12, COLOUR_FLOATS = 4, MARGIN_MIN = 64 };

static int64_t ask_int(gd_bind method, gd_object object)
{
    int64_t value = 0;
    gd.method_ptrcall(method, object, NULL, &value);
    return value;
}

static bool ask_bool(gd_bind method, gd_object object)
{
    gd_bool value = 0;
    gd.method_ptrcall(method, object, NULL, &value);
    return value;
}

static void forget(draw_target *t)
{
    if (t->object_id) {
        gd.destroy[GD_FLOAT32S](&t->buffer);
    }
    *t = (draw_target){0};
}

void client_drop_draws(client_node *c)
{
    for (int i = 0; i < DRAWS_MAX; i++) {
        forget(&c->draws[i]);
    }
}

void client_drop_freed_draws(client_node *c)
{
    for (int i = 0; i < DRAWS_MAX; i++) {
        if (c->draws[i].object_id && !gd.object_from_id(c->draws[i].object_id)) {
            forget(&c->draws[i]);
        }
    }
}

// What is kept for a MultiMesh. If all targets are in use, the least recently used one is replaced.
static draw_target *find_target(client_node *c, gd_object multimesh)
{
    uint64_t id = gd.object_id(multimesh);
    draw_target *oldest = &c->draws[0];
    for (int i = 0; i < DRAWS_MAX; i++) {
        if (c->draws[i].object_id == id) {
            c->draws[i].used_at = ++c->draw_clock;
            return &c->draws[i];
        }
    }
    client_drop_freed_draws(c);
    for (int i = 0; i < DRAWS_MAX; i++) {
        oldest = c->draws[i].used_at < oldest->used_at ? &c->draws[i] : oldest;
    }
    forget(oldest);
    oldest->object_id = id;
    oldest->used_at = ++c->draw_clock;
    oldest->buffer = gd_packed_make(GD_FLOAT32S, 0);
    return oldest;
}

// Makes space for `count` instances. Existing colours stay, new ones are white.
static void make_capacity(draw_target *t, gd_object multimesh, uint32_t count, uint32_t stride, uint32_t colour,
                          uint32_t custom)
{
    gd_packed old = gd_packed_make(GD_FLOAT32S, 0);
    uint32_t had = (uint32_t)ask_int(gd.method.multimesh_get_instance_count, multimesh);
    gd.method_ptrcall(gd.method.multimesh_get_buffer, multimesh, NULL, &old);
    had = gd_size(GD_FLOAT32S, &old) == (int64_t)had * stride ? had : 0;
    t->capacity = count + count / 8 + MARGIN_MIN;
    t->stride = stride;
    t->custom = custom;
    gd.method_ptrcall(gd.method.multimesh_set_instance_count, multimesh, (const void *[]){&(int64_t){t->capacity}},
                      NULL);
    gd_resize(GD_FLOAT32S, &t->buffer, (int64_t)t->capacity * stride);
    float *to = gd.float32s_edit(&t->buffer, 0);
    const float *from = had ? gd.float32s_at(&old, 0) : NULL;
    memset(to, 0, (size_t)t->capacity * stride * sizeof *to);
    for (uint32_t i = 0; i < t->capacity && colour; i++) {
        static const float white[COLOUR_FLOATS] = {1, 1, 1, 1};
        memcpy(to + (size_t)i * stride + colour, i < had ? from + (size_t)i * stride + colour : white, sizeof white);
    }
    gd.destroy[GD_FLOAT32S](&old);
}

static void prepare(draw_target *t, gd_object multimesh, uint32_t count)
{
    bool colours = ask_bool(gd.method.multimesh_is_using_colors, multimesh),
         customs = ask_bool(gd.method.multimesh_is_using_custom_data, multimesh);
    uint32_t stride = ROWS_FLOATS + COLOUR_FLOATS * (colours + customs),
             custom = customs ? ROWS_FLOATS + COLOUR_FLOATS * colours : 0;
    if (count > t->capacity || t->stride != stride || t->custom != custom ||
        ask_int(gd.method.multimesh_get_instance_count, multimesh) != (int64_t)t->capacity) {
        make_capacity(t, multimesh, count, stride, colours ? ROWS_FLOATS : 0, custom);
    }
}

static bool is_multimesh(const char *method, gd_object object)
{
    if (!object || !gd.object_cast_to(object, gd.tag.multimesh)) {
        gd_error_print(method, "The argument is not a MultiMesh.");
        return false;
    }
    if (ask_int(gd.method.multimesh_get_transform_format, object) != GD_TRANSFORM_3D) {
        gd_error_print(
            method, "The MultiMesh must have transform_format TRANSFORM_3D; set that while its instance_count is 0.");
        return false;
    }
    return true;
}

typedef struct drawing {
    gd_object objects[TL_KINDS_MAX];
    draw_target *targets[TL_KINDS_MAX];
    tl_instances instances[TL_KINDS_MAX];
    int kinds[TL_KINDS_MAX]; // of the view; -1: it has no kind of that name
    int count;
} drawing;

static int find_kind(const client_node *c, const gd_string *name)
{
    char text[KIND_NAME_TEXT_BYTES];
    gd_string_to_text(name, text, sizeof text);
    for (int i = 0; i < c->link.kind_count; i++) {
        if (strcmp(tl_client_kind_name(c->link.client, i), text) == 0) {
            return i;
        }
    }
    return -1;
}

// One pass, and a second one with larger arrays if one was too short.
static void fill(client_node *c, drawing *d, tl_vec3 origin)
{
    for (int pass = 0; pass < 2; pass++) {
        tl_instances *by_kind[TL_KINDS_MAX] = {0};
        bool complete = true;
        for (int i = 0; i < d->count; i++) {
            prepare(d->targets[i], d->objects[i], d->instances[i].count);
        }
        for (int i = 0; i < d->count;
             i++) { // only now, when no array grows any more: the same MultiMesh may be passed twice
            draw_target *t = d->targets[i];
            d->instances[i] = (tl_instances){gd.float32s_edit(&t->buffer, 0), t->stride, t->custom, t->capacity};
            if (d->instances[i].floats && d->kinds[i] >= 0) {
                by_kind[d->kinds[i]] = &d->instances[i];
            }
        }
        if (c->link.client && c->link.has_view) {
            tl_client_instances(c->link.client, c->display_tick, origin, by_kind);
        }
        for (int i = 0; i < d->count; i++) {
            complete &= d->instances[i].count <= d->instances[i].capacity;
        }
        if (complete) {
            break;
        }
    }
}

static uint32_t show(const drawing *d, int i)
{
    const tl_instances *in = &d->instances[i];
    GD_ASSERT(in->capacity <= d->targets[i]->capacity);
    uint32_t count = in->count < in->capacity ? in->count : in->capacity;
    gd.method_ptrcall(gd.method.multimesh_set_buffer, d->objects[i], (const void *[]){&d->targets[i]->buffer}, NULL);
    gd.method_ptrcall(gd.method.multimesh_set_visible_instance_count, d->objects[i],
                      (const void *[]){&(int64_t){count}}, NULL);
    return count;
}

void client_fill_multimesh(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    gd_ret_int(ret, 0);
    gd_object object = gd_arg_object(args, 0);
    if (!is_multimesh("TramlineClient.fill_multimesh", object)) {
        return;
    }
    uint64_t begun_us = tl_os_monotonic_us();
    tl_vec3 offset = gd_to_vec3(*(const gd_vector3 *)args[2]),
            origin = {c->origin.x + offset.x, c->origin.y + offset.y, c->origin.z + offset.z};
    drawing d = {
        .objects = {object}, .targets = {find_target(c, object)}, .kinds = {find_kind(c, args[1])}, .count = 1};
    fill(c, &d, origin);
    gd_ret_int(ret, show(&d, 0));
    c->draw_ms = (double)(tl_os_monotonic_us() - begun_us) / 1000;
}

void client_update_multimeshes(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    const char *method = "TramlineClient.update_multimeshes";
    int64_t count = gd_size(GD_ARRAY, args[0]), names = gd_size(GD_STRINGS, args[1]);
    *(gd_packed *)ret = gd_packed_make(GD_INT32S, 0);
    if (count != names || count > TL_KINDS_MAX) {
        gd_error_print(method, "Pass as many names of kinds as MultiMeshes, and at most %d.", TL_KINDS_MAX);
        return;
    }
    uint64_t begun_us = tl_os_monotonic_us();
    drawing d = {.count = (int)count};
    for (int i = 0; i < d.count; i++) {
        d.objects[i] = gd_variant_to_object(gd.array_at(args[0], i));
        if (!is_multimesh(method, d.objects[i])) {
            return;
        }
        d.targets[i] = find_target(c, d.objects[i]);
        d.kinds[i] = find_kind(c, gd.strings_at(args[1], i));
    }
    fill(c, &d, c->origin);
    gd_resize(GD_INT32S, ret, count);
    for (int i = 0; i < d.count; i++) {
        gd.int32s_edit(ret, 0)[i] = (int32_t)show(&d, i);
    }
    c->draw_ms = (double)(tl_os_monotonic_us() - begun_us) / 1000;
}
