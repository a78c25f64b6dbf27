// Writes the record of a tick. Everything in it is read back as the other servers will read it, so that whatever is
// committed can be applied: what cannot be read is left out, and affects only its sender. What does not fit waits for
// the next record, in order: nothing overtakes what it depends on.
#include "server/tick_record.h"
#include "server/client_groups.h"
#include "server/client_table.h"
#include "server/groups.h"
#include "server/ownership.h"
#include "server/retell.h"
#include "server/state.h"
#include "server/time.h"
#include "world/record_apply.h"

enum {
    DELETE_BYTES_MAX = 11, // of one DELETE
    DELETE_SHARE = 4,      // of the space left, entities leave one byte in this many to deletions
    // with less space nothing is recorded: needs, posts and times have to fit in any case
    RECORD_ROOM_BYTES_MIN = 1 << 20,
};

// The limit on a tick's posts: clients' requests leave space for answers, and both for what servers need.
static size_t posts_max(tl_op op)
{
    return op == TL_OP_REQUEST    ? TL_POSTS_BYTES_MAX / 2
           : op == TL_OP_RESPONSE ? TL_POSTS_BYTES_MAX / 8 * 7
                                  : TL_POSTS_BYTES_MAX;
}

bool tl_tick_record_post(tl_server *s, tl_op op, tl_server_number to, const void *data, size_t size)
{
    TL_ASSERT(s->changes.posts_bytes <= TL_POSTS_BYTES_MAX);
    tl_writer w = {.data = s->changes.posts, .size = s->changes.posts_bytes, .capacity = posts_max(op)};
    w.bad = w.size > w.capacity;
    if (size <= TL_POST_BYTES_MAX) {
        tl_record_post(&w, op, to, data, size);
    }
    bool fits = !w.bad && size <= TL_POST_BYTES_MAX;
    if (fits) {
        s->changes.posts_bytes = w.size;
    } else {
        s->stats.limits_reached++;
    }
    return fits;
}

static void write_entity(const tl_server *s, tl_record_writer *r, const tl_entity *e)
{
    // For mirrors that miss the entity; the others ignore it.
    if (e->unsent_retell && !e->unsent_create && e->group != TL_NONE) {
        tl_record_create(r, e, s->mirror.groups[e->group].id, e->published_carrier, e->published);
    }
    if (e->unsent_create) {
        tl_record_create(r, e, s->mirror.groups[e->pending_group].id, e->published_carrier, e->published);
    } else if (e->unsent_carrier) {
        tl_record_carrier(r, e, e->published_carrier, e->published);
    } else if (e->unsent_fields) {
        tl_record_update(r, e, e->unsent_fields, e->published);
    }
}

static bool is_readable(const tl_server *s, const tl_kind *kind, const int64_t *words)
{
    bool places = true;
    for (int i = 0; i < kind->field_count; i++) {
        places &= kind->fields[i].type != TL_FIELD_POSITION ||
                  tl_place_words_valid(&kind->fields[i], words + kind->fields[i].word);
    }
    return places && tl_state_valid(kind, &s->kinds, words, 0, s->tick);
}

// An entity that cannot be read back is not recorded: it is reset to what everybody has of it, and deleted if that
// cannot be read either, or nobody has anything of it.
static void refuse_entity(tl_server *s, int32_t index)
{
    tl_entity *e = &s->mirror.entities[index];
    TL_ASSERT(e->used && e->published);
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    s->stats.states_refused++;
    tl_server_say(s, "entity %llx (%s) is in a state that no server could read; it is not committed",
                  (unsigned long long)e->id, kind->name);
    tl_client_table_blame(s, e->id, "an entity's state cannot be stored");
    if (!e->live || !is_readable(s, kind, e->state)) {
        tl_server_delete_entity(s, (tl_entity_ref)index);
        return;
    }
    memcpy(e->published, e->state, (size_t)kind->word_count * sizeof *e->state);
    e->published_carrier = e->carrier_id;
    e->unsent_carrier = true; // all of it, because a record that is not applied yet may differ
    tl_own_track(s, index);
    tl_own_mark(s, index);
}

// Returns false if there is no space for it.
static bool record_entity(tl_server *s, tl_record_writer *r, int32_t index)
{
    tl_entity *e = &s->mirror.entities[index];
    if (!e->used || e->published == NULL) {
        return true;
    }
    tl_record_mark mark = tl_record_here(r);
    write_entity(s, r, e);
    tl_result result = tl_record_check(r, mark);
    if (result == TL_ERR_FULL) {
        return false;
    }
    if (result == TL_ERR_MALFORMED) {
        refuse_entity(s, index);
        return true;
    }
    e->unsent_create = e->unsent_carrier = e->unsent_retell = false;
    e->unsent_fields = 0;
    if (s->records.newest_count < TL_RECORDED_MAX) {
        s->records.newest[s->records.newest_count++] = index;
    }
    return true;
}

// Unlists entities that are being deleted: one may be freed before the next record, and its index reused.
static void drop_gone(tl_server *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->changes.entity_count; i++) {
        tl_entity *e = &s->mirror.entities[s->changes.entities[i]];
        e->unsent_listed = e->used && e->published;
        if (e->unsent_listed) {
            s->changes.entities[kept++] = s->changes.entities[i];
        }
    }
    s->changes.entity_count = kept;
}

// Each stage returns whether all of it fit in the record; what is left stays for the next one.

static bool record_entities(tl_server *s, tl_record_writer *r)
{
    size_t room = (size_t)s->changes.deleted_count * DELETE_BYTES_MAX;
    size_t capacity = r->w.capacity, most = (capacity - r->w.size) / DELETE_SHARE;
    r->w.capacity -= room < most ? room : most;
    uint32_t i = 0;
    while (i < s->changes.entity_count) { // refused ones are appended at the end
        s->mirror.entities[s->changes.entities[i]].unsent_listed = false;
        bool fits = record_entity(s, r, s->changes.entities[i]);
        if (!fits) {
            s->mirror.entities[s->changes.entities[i]].unsent_listed = true;
        }
        if (!fits) {
            break;
        }
        i++;
    }
    if (i) {
        memmove(s->changes.entities, s->changes.entities + i,
                (s->changes.entity_count - i) * sizeof *s->changes.entities);
    }
    s->changes.entity_count -= i;
    drop_gone(s);
    r->w.capacity = capacity;
    return s->changes.entity_count == 0;
}

static bool record_deletions(tl_server *s, tl_record_writer *r)
{
    uint32_t i = 0;
    for (; i < s->changes.deleted_count; i++) {
        tl_record_mark mark = tl_record_here(r);
        tl_record_delete(r, s->changes.deleted[i]);
        if (tl_record_check(r, mark) != TL_OK) {
            break;
        }
    }
    memmove(s->changes.deleted, s->changes.deleted + i, (s->changes.deleted_count - i) * sizeof *s->changes.deleted);
    s->changes.deleted_count -= i;
    return s->changes.deleted_count == 0;
}

static bool record_needs(tl_server *s, tl_record_writer *r)
{
    tl_record_mark mark = tl_record_here(r);
    for (uint32_t i = 0; i < s->changes.need_count; i++) {
        tl_record_need(r, s->changes.needs[i].server, s->changes.needs[i].epoch, s->changes.needs[i].tick);
    }
    TL_ASSERT(tl_record_check(r, mark) == TL_OK); // one per server, at the beginning of a record
    s->changes.need_count = 0;
    return true;
}

// Posts pass on what clients sent. One that cannot be read back takes the tick's other posts with it.
static bool record_posts(tl_server *s, tl_record_writer *r)
{
    tl_record_mark mark = tl_record_here(r);
    tl_write_bytes(&r->w, s->changes.posts, s->changes.posts_bytes);
    if (tl_record_check(r, mark) != TL_OK) {
        s->stats.limits_reached++;
    }
    s->changes.posts_bytes = 0;
    return true;
}

static bool record_groups_created(tl_server *s, tl_record_writer *r)
{
    uint32_t i = 0;
    for (; i < s->changes.groups_created_count; i++) {
        tl_group *g = &s->mirror.groups[s->changes.groups_created[i]];
        tl_record_mark mark = tl_record_here(r);
        tl_record_group(r, g->id, s->number);
        if (tl_record_check(r, mark) != TL_OK) {
            break;
        }
        g->unsent_create = false;
        g->changed_tick = s->tick;
    }
    memmove(s->changes.groups_created, s->changes.groups_created + i,
            (s->changes.groups_created_count - i) * sizeof *s->changes.groups_created);
    s->changes.groups_created_count -= i;
    return s->changes.groups_created_count == 0;
}

static bool record_groups_deleted(tl_server *s, tl_record_writer *r)
{
    uint32_t i = 0;
    for (; i < s->changes.groups_deleted_count; i++) {
        tl_record_mark mark = tl_record_here(r);
        tl_record_group_delete(r, s->changes.groups_deleted[i]);
        if (tl_record_check(r, mark) != TL_OK) {
            break;
        }
    }
    memmove(s->changes.groups_deleted, s->changes.groups_deleted + i,
            (s->changes.groups_deleted_count - i) * sizeof *s->changes.groups_deleted);
    s->changes.groups_deleted_count -= i;
    return s->changes.groups_deleted_count == 0;
}

static bool record_gives(tl_server *s, tl_record_writer *r)
{
    uint32_t i = 0;
    for (; i < s->changes.give_count; i++) {
        int32_t group = tl_mirror_find_group(&s->mirror, s->changes.gives[i].group);
        bool lacking = s->changes.gives[i].lacking && group == TL_NONE;
        if (!lacking && (group == TL_NONE || !tl_own_owns(s, group))) {
            continue;
        }
        tl_record_mark mark = tl_record_here(r);
        tl_record_group_give(r, s->changes.gives[i].group, s->changes.gives[i].to, s->changes.gives[i].epoch);
        if (tl_record_check(r, mark) != TL_OK) {
            break;
        }
        if (lacking) {
            continue;
        }
        bool games = !tl_client_groups_is_id(s->changes.gives[i].group);
        if (s->def.callbacks.group && games) {
            s->def.callbacks.group(s->def.callbacks.user, s, s->changes.gives[i].group, false);
        }
        tl_groups_lose(s, group);
        s->mirror.groups[group].giving = true;
    }
    memmove(s->changes.gives, s->changes.gives + i, (s->changes.give_count - i) * sizeof *s->changes.gives);
    s->changes.give_count -= i;
    return s->changes.give_count == 0;
}

// In this order, each stage only once everything before it is recorded: an entity follows its group, and a group is
// handed over only after everything that was still to be recorded of its entities.
static void record_all(tl_server *s, tl_record_writer *r)
{
    record_needs(s, r);
    tl_time_report(s, r);
    record_posts(s, r);
    if (s->state == TL_SERVER_LEAVING) {
        tl_record_leaving(r);
    }
    bool all = record_groups_created(s, r) && tl_client_groups_record(s, r) && record_entities(s, r) &&
               tl_retell_record(s, r);
    all = record_deletions(s, r) && all;
    all = all && record_groups_deleted(s, r) && record_gives(s, r);
    s->stats.records_split += !all;
}

bool tl_tick_record_pending(const tl_server *s)
{
    return s->changes.entity_count || s->changes.deleted_count || s->changes.groups_created_count ||
           s->changes.groups_deleted_count;
}

void tl_tick_record_make(tl_server *s)
{
    size_t room = tl_ring_room(&s->records.data);
    // A long stall: changes accumulate, and are recorded once there is space.
    if (s->records.count == TL_OWN_RECORDS_MAX || room < RECORD_ROOM_BYTES_MIN) {
        return;
    }
    const tl_own_record *newest =
        &s->records.waiting[(s->records.first + s->records.count + TL_OWN_RECORDS_MAX - 1) % TL_OWN_RECORDS_MAX];
    TL_ASSERT(s->records.count == 0 || newest->tick < s->tick);
    tl_record_writer r;
    tl_record_begin(&r, &s->kinds, s->tick, s->records.scratch,
                    room < TL_RECORD_BYTES_MAX ? room : TL_RECORD_BYTES_MAX);
    s->records.newest_count = 0;
    record_all(s, &r);
    TL_ASSERT(!r.w.bad && r.w.size <= room && s->changes.need_count == 0 && s->changes.posts_bytes == 0);
    unsigned char *data = tl_ring_push(&s->records.data, r.w.size);
    TL_ASSERT(data != NULL);
    memcpy(data, s->records.scratch, r.w.size);
    s->records.waiting[(s->records.first + s->records.count++) % TL_OWN_RECORDS_MAX] = (tl_own_record){
        .tick = s->tick, .data = data, .size = r.w.size};
    s->stats.records++;
    s->stats.record_bytes += r.w.size;
}
