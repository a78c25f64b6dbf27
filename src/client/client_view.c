// Reading a client's view.
#include "client/client_internal.h"
#include "motion/values.h"

int tl_client_get_kind_count(const tl_client *c)
{
    return c->kinds_known ? c->kinds.count : 0;
}

const char *tl_client_get_kind_name(const tl_client *c, int kind)
{
    return kind >= 0 && kind < tl_client_get_kind_count(c) ? c->kinds.kinds[kind].name : "";
}

tl_result tl_client_get_kind(const tl_client *c, int kind, tl_kind_def *out)
{
    if (kind < 0 || kind >= tl_client_get_kind_count(c)) {
        return TL_ERR_NOT_FOUND;
    }
    tl_kinds_def(&c->kinds.kinds[kind], out);
    return TL_OK;
}

static bool fill_pose(const tl_client *c, int32_t index, double tick, bool smooth, tl_pose *out)
{
    tl_view_moment m;
    bool seen = tl_view_see(&c->view, index, tick, smooth, &m, &out->position, &out->rotation);
    out->entity = c->view.entities[index].id, out->carrier = m.source.carrier_id;
    out->kind = c->view.entities[index].kind, out->level = m.source.level;
    return seen;
}

uint32_t tl_client_get_poses(tl_client *c, double tick, bool smooth, tl_pose *out, uint32_t capacity)
{
    uint32_t count = 0;
    if (smooth) {
        tl_view_note_shown(&c->view, tick);
    }
    for (uint32_t i = 0; i < c->view.entity_top; i++) {
        tl_pose pose;
        if (!c->view.entities[i].used || !fill_pose(c, (int32_t)i, tick, smooth, &pose)) {
            continue;
        }
        if (count < capacity) {
            out[count] = pose;
        }
        count++;
    }
    return count;
}

tl_result tl_client_get_pose(tl_client *c, tl_entity_id entity, double tick, bool smooth, tl_pose *out)
{
    if (smooth) {
        tl_view_note_shown(&c->view, tick);
    }
    int32_t index = tl_view_find(&c->view, entity);
    return index != TL_NONE && fill_pose(c, index, tick, smooth, out) ? TL_OK : TL_ERR_NOT_FOUND;
}

void tl_client_get_instances(tl_client *c, double tick, tl_vec3 origin, tl_instances *const by_kind[TL_KINDS_MAX])
{
    for (int kind = 0; kind < TL_KINDS_MAX; kind++) {
        if (by_kind[kind]) {
            by_kind[kind]->count = 0;
        }
    }
    tl_view_instances(&c->view, tick, origin, by_kind);
}

uint32_t tl_client_get_entities(tl_client *c, double tick, tl_entity_id *out, uint32_t capacity)
{
    return tl_view_entities(&c->view, tick, out, capacity);
}

tl_result tl_client_get_placement(tl_client *c, tl_entity_id entity, uint32_t *hint, double tick, tl_placement *out)
{
    const tl_view *v = &c->view;
    if (*hint >= v->entity_top || !v->entities[*hint].used || v->entities[*hint].id != entity) {
        int32_t index = tl_view_find(v, entity);
        if (index == TL_NONE) {
            return TL_ERR_NOT_FOUND;
        }
        *hint = (uint32_t)index;
    }
    return tl_view_placed(&c->view, (int32_t)*hint, tick, out) ? TL_OK : TL_ERR_NOT_FOUND;
}

tl_result tl_client_get_values(const tl_client *c, tl_entity_id entity, double tick, tl_values *out)
{
    int32_t index = tl_view_find(&c->view, entity);
    if (index == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    tl_view_moment m;
    tl_view_moment_at(&c->view, index, tick, false, &m);
    tl_view_source source = m.source;
    tl_values_get(source.state, source.kind, &c->kinds, source.level, tick, out);
    if (source.carrier_id) {
        return TL_OK;
    }
    out->fields[0].position.x += (double)source.origin.x_m;
    out->fields[0].position.y += (double)source.origin.y_m;
    out->fields[0].position.z += (double)source.origin.z_m;
    return TL_OK;
}
