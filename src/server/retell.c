// Publishes own groups again for servers that miss parts of them.
#include "server/retell.h"
#include "server/client_groups.h"
#include "server/ownership.h"
#include "server/state.h"
#include "world/missing.h"
#include "world/record_apply.h"

// Records the end of a group that is published again, once all before it is in the record: only then does the other
// server have the whole group.
bool tl_retell_record(tl_server *s, tl_record_writer *r)
{
    uint32_t i = 0;
    for (; i < s->changes.retold_count; i++) {
        int32_t group = tl_mirror_find_group(&s->mirror, s->changes.retold[i]);
        if (group == TL_NONE || !tl_own_owns(s, group) || tl_missing_any(s->mirror.groups[group].missing)) {
            continue;
        }
        tl_record_mark mark = tl_record_here(r);
        tl_record_group(r, s->changes.retold[i], s->number);
        if (tl_record_check(r, mark) != TL_OK) {
            break;
        }
    }
    memmove(s->changes.retold, s->changes.retold + i, (s->changes.retold_count - i) * sizeof *s->changes.retold);
    s->changes.retold_count -= i;
    return s->changes.retold_count == 0;
}

// Another server is degraded; it may ask for a group of this server (`to` is 0 if it does not know the owner).
void tl_retell_take(tl_server *s, tl_server_number from, tl_server_number to, const void *data, size_t size)
{
    TL_ASSERT(s->changes.retold_count <= TL_RETOLD_MAX);
    if (from >= 1 && from <= TL_SERVERS_MAX) {
        s->peers.servers[from].degraded_tick = s->mirror.tick;
    }
    tl_reader r = tl_reader_make(data, size);
    tl_group_id id = tl_read_varint(&r);
    int32_t group = r.bad || (to != 0 && to != s->number) ? TL_NONE : tl_mirror_find_group(&s->mirror, id);
    if (group == TL_NONE || !tl_own_owns(s, group) || tl_missing_any(s->mirror.groups[group].missing)) {
        return;
    }
    if (s->changes.retold_count == TL_RETOLD_MAX) {
        return;
    }
    for (uint32_t i = 0; i < s->changes.retold_count; i++) {
        if (s->changes.retold[i] == id) {
            return;
        }
    }
    s->changes.retold[s->changes.retold_count++] = id;
    if (tl_client_groups_is_id(id)) {
        s->mirror.groups[group].unsent_claim = s->changes.has_claims = true;
    }
    for (int32_t i = s->mirror.groups[group].entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        tl_entity *e = &s->mirror.entities[i];
        if (e->published == NULL) {
            continue;
        }
        e->unsent_retell = true;
        tl_own_mark(s, i);
    }
}
