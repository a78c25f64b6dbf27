#include "world/record_apply.h"

enum { NAMED_MAX = 4096 };

typedef struct op_reader {
    tl_reader r;
    tl_mirror *m; // NULL: the record is only checked
    const tl_kinds *kinds;
    tl_server_number from;
    int64_t tick, store_tick;
    uint64_t last_id;
    bool loading, dry; // dry: read all, change nothing
    bool checkpoint;
    bool full;
    const tl_record_events *events;
    int64_t words[TL_STATE_WORDS_MAX];
    tl_entity_id named[NAMED_MAX]; // named by the ops, up to the array's capacity
    uint32_t named_count;
    // the indices of entities that the coming ops name, in this order; others may be in between
    const int32_t *likely;
    uint32_t likely_count;
} op_reader;

static uint64_t read_id(op_reader *o)
{
    uint64_t id = o->last_id + (uint64_t)tl_read_signed(&o->r);
    if (id == 0) {
        o->r.bad = true;
    }
    if (o->dry && o->m && o->named_count < NAMED_MAX) {
        tl_map_prefetch(&o->m->entity_map, id);
        o->named[o->named_count++] = id;
    }
    return o->last_id = id;
}

static const tl_kind *read_kind(op_reader *o, int *number)
{
    *number = (int)tl_read_limited(&o->r, (uint64_t)o->kinds->count - 1);
    return &o->kinds->kinds[*number];
}

static void read_fields(op_reader *o, const tl_kind *kind, uint32_t fields)
{
    if (!o->dry) { // the same bytes were checked before
        tl_fields_read_again(&o->r, kind, o->tick, fields, o->words);
        return;
    }
    tl_fields_read(&o->r, kind, o->kinds, o->tick, fields, o->words);
    for (int i = 0; i < kind->field_count && !o->r.bad; i++) {
        const tl_field *field = &kind->fields[i];
        if (fields >> i & 1 && field->type == TL_FIELD_POSITION &&
            !tl_place_words_valid(field, o->words + field->word)) {
            o->r.bad = true;
        }
    }
}

// While loading, ignore changes of a group whose checkpoint is at least as new as the record.
static bool passed_over(const op_reader *o, int32_t group)
{
    return o->loading && group != TL_NONE && o->m->groups[group].checkpoint_tick >= o->store_tick;
}

// While a server loads its own log: its changes of a group are in no checkpoint yet, or would be ignored.
static void note_change(op_reader *o, tl_group *group)
{
    group->changed_tick = o->store_tick;
    if (o->loading && o->events && o->events->own) {
        group->owed = true;
    }
}

static void read_group(op_reader *o)
{
    tl_group_id id = tl_read_varint(&o->r);
    tl_server_number owner = tl_record_read_server(&o->r);
    if (id == 0) {
        o->r.bad = true;
    }
    if (o->dry || o->r.bad) {
        return;
    }
    int32_t group = tl_mirror_find_group(o->m, id);
    if (o->loading && tl_tombs_tick(&o->m->tombs, id) >= o->store_tick) {
        return;
    }
    if (group == TL_NONE && tl_mirror_reserve_group(o->m, id, &group) != TL_OK) {
        o->full = true;
        tl_missing_note_group(&o->m->missing, id, owner);
        o->m->owes_unknown |= o->loading && o->events && o->events->own;
        return;
    }
    bool missing = tl_missing_found_group(&o->m->missing, id);
    if (passed_over(o, group)) {
        return;
    }
    o->m->groups[group].live = true;
    // This is a readable checkpoint, or its owner has sent the group again. While loading, a part of the log may be
    // truncated. If a group fits only now, its content was not applied: it has to be sent again.
    if (!o->loading) {
        o->m->groups[group].missing->unread = false;
    }
    if (missing && !o->checkpoint) {
        o->m->groups[group].missing->unread = true;
    }
    o->m->groups[group].owner = owner;
    note_change(o, &o->m->groups[group]);
}

static void read_group_client(op_reader *o)
{
    tl_group_id id = tl_read_varint(&o->r);
    tl_identity identity = tl_identity_read(&o->r);
    int64_t vanished_tick = tl_read_signed(&o->r), claim = (int64_t)tl_read_limited(&o->r, TL_CLAIM_MAX);
    if (vanished_tick < -1 || vanished_tick > o->tick) {
        o->r.bad = true;
    }
    int32_t index = o->dry || o->r.bad ? TL_NONE : tl_mirror_find_group(o->m, id);
    if (index == TL_NONE || passed_over(o, index)) {
        return;
    }
    tl_group *group = &o->m->groups[index];
    group->identity = identity;
    group->vanished_tick = vanished_tick;
    group->claim = claim;
    group->client_news = o->m->client_news = true;
    note_change(o, group);
}

static void read_group_delete(op_reader *o)
{
    tl_group_id id = tl_read_varint(&o->r);
    int32_t group = o->dry || o->r.bad ? TL_NONE : tl_mirror_find_group(o->m, id);
    if (o->dry || o->r.bad || passed_over(o, group)) {
        return;
    }
    tl_missing_found_group(&o->m->missing, id);
    if (group != TL_NONE && o->m->groups[group].live) {
        tl_mirror_delete_group(o->m, group);
    }
    bool told = tl_tombs_tick(&o->m->tombs, id) >= o->store_tick;
    if (o->loading && !told && o->events && o->events->group_deleted) {
        o->events->group_deleted(o->events->user, id);
    }
}

static void read_group_give(op_reader *o)
{
    tl_group_id id = tl_read_varint(&o->r);
    tl_server_number to = tl_record_read_server(&o->r);
    uint32_t epoch = (uint32_t)tl_read_limited(&o->r, UINT32_MAX);
    if (o->dry || o->r.bad) {
        return;
    }
    int32_t group = tl_mirror_find_group(o->m, id);
    bool missing = group == TL_NONE && tl_missing_has_group(&o->m->missing, id);
    if ((group == TL_NONE && !missing) || passed_over(o, group)) {
        return;
    }
    if (o->events && o->events->receiver) {
        to = o->events->receiver(o->events->user, to, epoch);
    }
    if (missing) {
        tl_missing_note_group(&o->m->missing, id, to);
        if (o->events && o->events->lacking_given) {
            o->events->lacking_given(o->events->user, to);
        }
        return;
    }
    tl_server_number from = o->m->groups[group].owner;
    o->m->groups[group].owner = to;
    note_change(o, &o->m->groups[group]);
    if (o->events && o->events->group_given) {
        o->events->group_given(o->events->user, group, from, to);
    }
}

// Finds an index for a CREATE: a new one, or the one that the owner reserved when it created the entity. If it does not
// fit, the mirror records it as missing.
static int32_t place_for(op_reader *o, tl_entity_id id, int kind, int32_t group)
{
    int32_t index = tl_mirror_find(o->m, id);
    if (index != TL_NONE) {
        return !o->m->entities[index].live && o->m->entities[index].changes == 0 && o->m->entities[index].kind == kind
                   ? index
                   : TL_NONE;
    }
    if (tl_mirror_reserve(o->m, id, kind, &index) == TL_OK) {
        tl_missing_forget(&o->m->missing, id);
        return index;
    }
    o->full = true;
    tl_missing_note(&o->m->missing, id, group);
    return TL_NONE;
}

// An entity that moved to another group is in two checkpoints: the newer one wins.
static bool take_over(op_reader *o, tl_entity_id id, const tl_kind *kind, int32_t group, tl_entity_id carrier)
{
    int32_t index = tl_mirror_find(o->m, id);
    if (index == TL_NONE || !o->m->entities[index].live) {
        return false;
    }
    tl_entity *e = &o->m->entities[index];
    e->stale = false;
    if (o->m->groups[e->group].checkpoint_tick >= o->store_tick || &o->m->kinds->kinds[e->kind] != kind) {
        return true;
    }
    tl_mirror_regroup(o->m, index, group);
    tl_mirror_board(o->m, index, carrier, o->words);
    return true;
}

static int32_t find(op_reader *o, tl_entity_id id)
{
    if (o->likely_count == 0) {
        return tl_mirror_find(o->m, id);
    }
    const tl_entity *e = &o->m->entities[*o->likely];
    if (!e->used || e->id != id) {
        return tl_mirror_find(o->m, id);
    }
    o->likely_count--;
    return *o->likely++;
}

// Finds the entity of an op, if it is live.
static int32_t find_live(op_reader *o, tl_entity_id id)
{
    int32_t index = find(o, id);
    return index == TL_NONE || !o->m->entities[index].live ? TL_NONE : index;
}

static void changed(op_reader *o, int32_t index, int changes)
{
    tl_entity *e = &o->m->entities[index];
    note_change(o, &o->m->groups[e->group]);
    if (e->said) {
        tl_mirror_say(o->m, index, o->words);
        return;
    }
    tl_state_acceleration(&o->m->kinds->kinds[e->kind], o->m->kinds, e->state, o->words, e->acceleration);
    memcpy(e->state, o->words, (size_t)o->m->kinds->kinds[e->kind].word_count * sizeof *o->words);
    tl_mirror_touch(o->m, index, changes);
}

// Moves the entity to another frame, or sets it again in the same one.
static void board(op_reader *o, int32_t index, tl_entity_id carrier)
{
    tl_entity *e = &o->m->entities[index];
    note_change(o, &o->m->groups[e->group]);
    tl_state_acceleration(&o->m->kinds->kinds[e->kind], o->m->kinds, e->state, o->words, e->acceleration);
    tl_mirror_board(o->m, index, carrier, o->words);
}

static void enter(op_reader *o, tl_entity_id id, int kind, int32_t group, tl_entity_id carrier)
{
    int32_t index = place_for(o, id, kind, group);
    if (index == TL_NONE) {
        return;
    }
    memcpy(o->m->entities[index].state, o->words, (size_t)o->m->kinds->kinds[kind].word_count * sizeof *o->words);
    tl_mirror_enter(o->m, index, group, carrier);
    note_change(o, &o->m->groups[group]);
}

// Moves the entity to another group, unless its group's checkpoint is newer: then it has returned since.
static void regroup(op_reader *o, int32_t index, int32_t group, tl_entity_id carrier)
{
    if (passed_over(o, o->m->entities[index].group)) {
        return;
    }
    const tl_entity *e = &o->m->entities[index];
    note_change(o, &o->m->groups[e->group]);
    if ((e->said ? e->said_carrier : e->carrier_id) != carrier) {
        board(o, index, carrier);
    } else {
        changed(o, index, TL_CHANGE_STATE);
    }
    tl_mirror_regroup(o->m, index, group);
    note_change(o, &o->m->groups[group]);
}

// Reads CREATE and REGROUP.
static void read_whole(op_reader *o, bool moves)
{
    int kind_number;
    tl_entity_id id = read_id(o);
    const tl_kind *kind = read_kind(o, &kind_number);
    tl_group_id group_id = tl_read_varint(&o->r);
    tl_entity_id carrier = tl_read_varint(&o->r);
    if (o->r.bad) {
        return;
    }
    memset(o->words, 0, (size_t)kind->word_count * sizeof *o->words);
    read_fields(o, kind, tl_fields_all(kind));
    if (o->dry || o->r.bad) {
        return;
    }
    int32_t group = tl_mirror_find_group(o->m, group_id);
    if (group == TL_NONE || passed_over(o, group)) {
        return;
    }
    if (o->checkpoint && take_over(o, id, kind, group, carrier)) {
        return;
    }
    int32_t index = find_live(o, id);
    if (index == TL_NONE) {
        enter(o, id, kind_number, group, carrier);
    } else if (moves && o->m->entities[index].kind == kind_number) {
        regroup(o, index, group, carrier);
    }
}

static void read_update(op_reader *o)
{
    tl_entity_id id = read_id(o);
    int number;
    const tl_kind *kind = read_kind(o, &number);
    uint32_t mask = (uint32_t)tl_read_limited(&o->r, tl_fields_all(kind));
    if (o->r.bad) {
        return;
    }
    int32_t index = o->dry ? TL_NONE : find_live(o, id);
    bool known = index != TL_NONE && o->m->entities[index].kind == number;
    if (known) {
        memcpy(o->words, o->m->entities[index].said ? o->m->entities[index].said : o->m->entities[index].state,
               (size_t)kind->word_count * sizeof *o->words);
    } else {
        memset(o->words, 0, (size_t)kind->word_count * sizeof *o->words);
    }
    read_fields(o, kind, mask);
    if (!known || o->dry || o->r.bad || passed_over(o, o->m->entities[index].group)) {
        return;
    }
    changed(o, index, TL_CHANGE_STATE);
}

static void read_carrier(op_reader *o)
{
    tl_entity_id id = read_id(o);
    int number;
    const tl_kind *kind = read_kind(o, &number);
    tl_entity_id carrier = tl_read_varint(&o->r);
    if (o->r.bad) {
        return;
    }
    memset(o->words, 0, (size_t)kind->word_count * sizeof *o->words);
    read_fields(o, kind, tl_fields_all(kind));
    int32_t index = o->dry ? TL_NONE : find_live(o, id),
            missing = o->dry ? TL_NONE : tl_missing_find(&o->m->missing, id);
    // all fields are present, so a missing entity can be created
    if (!o->r.bad && missing != TL_NONE && !passed_over(o, missing)) {
        enter(o, id, number, missing, carrier);
    }
    if (o->r.bad || index == TL_NONE || o->m->entities[index].kind != number ||
        passed_over(o, o->m->entities[index].group)) {
        return;
    }
    board(o, index, carrier);
}

static void read_delete(op_reader *o)
{
    tl_entity_id id = read_id(o);
    int32_t index = o->dry ? TL_NONE : find_live(o, id),
            missing = o->dry ? TL_NONE : tl_missing_find(&o->m->missing, id);
    if (!o->r.bad && missing != TL_NONE && !passed_over(o, missing)) {
        note_change(o, &o->m->groups[missing]);
        tl_missing_forget(&o->m->missing, id);
    }
    if (o->r.bad || index == TL_NONE || passed_over(o, o->m->entities[index].group)) {
        return;
    }
    note_change(o, &o->m->groups[o->m->entities[index].group]);
    tl_mirror_delete(o->m, index);
}

static void read_post(op_reader *o, tl_op op)
{
    tl_server_number to = (tl_server_number)tl_read_limited(&o->r, TL_SERVER_NUMBER_MAX);
    size_t size = tl_read_limited(&o->r, TL_POST_BYTES_MAX);
    const unsigned char *data = tl_read_bytes(&o->r, size);
    if (!o->dry && data && !o->loading && o->events && o->events->post) {
        o->events->post(o->events->user, op, o->from, to, data, size);
    }
}

static void read_op(op_reader *o)
{
    tl_op op = tl_read_fixed(&o->r, 1);
    switch (op) {
    case TL_OP_GROUP: read_group(o); break;
    case TL_OP_GROUP_DELETE: read_group_delete(o); break;
    case TL_OP_GROUP_GIVE: read_group_give(o); break;
    case TL_OP_GROUP_CLIENT: read_group_client(o); break;
    case TL_OP_NEED: tl_record_read_need(&o->r); break;
    case TL_OP_CREATE: read_whole(o, false); break;
    case TL_OP_UPDATE: read_update(o); break;
    case TL_OP_DELETE: read_delete(o); break;
    case TL_OP_CARRIER: read_carrier(o); break;
    case TL_OP_REGROUP: read_whole(o, true); break;
    case TL_OP_REQUEST:
    case TL_OP_RETELL:
    case TL_OP_RESPONSE:
    case TL_OP_CLAIM: read_post(o, op); break;
    case TL_OP_LEAVING:
        if (!o->dry && o->events && o->events->leaving) {
            o->events->leaving(o->events->user, o->from);
        }
        break;
        // processed on arrival, not when the record is applied
    case TL_OP_CLOCK: tl_clock_report_read(&o->r, o->tick, &(tl_clock_report){0}); break;
    default: o->r.bad = true;
    }
}

static tl_result read_head(op_reader *o)
{
    uint64_t format = tl_read_fixed(&o->r, 1);
    if (!o->r.bad && format != TL_RECORD_FORMAT) {
        return TL_ERR_VERSION;
    }
    o->tick = tl_read_signed(&o->r);
    return o->r.bad || o->tick != o->store_tick || o->tick > TL_TICK_MAX ? TL_ERR_MALFORMED : TL_OK;
}

// Looks up the entities that a record names and prefetches them together, instead of one after another as they are
// applied. `found` has the capacity for all named entities. Returns how many were found.
static uint32_t find_named(const op_reader *o, int32_t *found)
{
    const tl_mirror *m = o->m;
    uint32_t count = 0;
    for (uint32_t i = 0; i < o->named_count; i++) {
        int32_t index = tl_mirror_find(m, o->named[i]);
        if (index == TL_NONE) {
            continue;
        }
        tl_prefetch(&m->entities[index], offsetof(tl_entity, said_carrier));
        found[count++] = index;
    }
    for (uint32_t i = 0; i < count; i++) {
        const tl_entity *e = &m->entities[found[i]];
        if (e->live) {
            tl_prefetch(e->state, (size_t)m->kinds->kinds[e->kind].word_count * sizeof *e->state);
        }
    }
    return count;
}

static tl_result read_all(op_reader *o, const void *data, size_t size, bool dry)
{
    o->r = tl_reader_make(data, size);
    o->last_id = 0;
    o->dry = dry;
    tl_result result = read_head(o);
    if (result != TL_OK) {
        return result;
    }
    while (!o->r.bad && o->r.at < o->r.size) {
        read_op(o);
    }
    return o->r.bad ? TL_ERR_MALFORMED : TL_OK;
}

tl_result tl_record_check(tl_record_writer *r, tl_record_mark mark)
{
    tl_result result = r->w.bad ? TL_ERR_FULL : TL_OK;
    if (result == TL_OK) {
        op_reader o; // most of it is scratch that is written before it is read
        o.r = tl_reader_make(r->w.data, r->w.size);
        o.r.at = mark.size;
        o.m = NULL;
        o.kinds = r->kinds;
        o.tick = o.store_tick = r->tick;
        o.last_id = mark.last_id;
        o.dry = true;
        o.loading = o.checkpoint = false;
        o.likely_count = 0;
        o.events = NULL;
        while (!o.r.bad && o.r.at < o.r.size) {
            read_op(&o);
        }
        if (!o.r.bad) {
            return TL_OK;
        }
        result = TL_ERR_MALFORMED;
    }
    r->w.size = mark.size;
    r->w.bad = false;
    r->last_id = mark.last_id;
    return result;
}

tl_result tl_record_apply(tl_mirror *m, tl_server_number from, int64_t tick, const void *data, size_t size,
                          bool loading, const tl_record_events *events)
{
    op_reader o = {.m = m, .kinds = m->kinds, .from = from, .store_tick = tick, .loading = loading, .events = events};
    // An own record was checked when it was written, and its entities were in the cache then.
    bool own = events && events->checked;
    tl_result result = own ? TL_OK : read_all(&o, data, size, true);
    if (result != TL_OK) {
        return result;
    }
    int32_t found[NAMED_MAX];
    o.likely = own ? events->likely : found;
    o.likely_count = own ? events->likely_count : find_named(&o, found);
    m->applying_tick = tick;
    result = read_all(&o, data, size, false);
    m->applying_tick = -1;
    return result != TL_OK ? result : o.full ? TL_ERR_FULL : TL_OK;
}

// ---- checkpoints ----

tl_result tl_record_check_checkpoint(const tl_kinds *kinds, int64_t tick, const void *data, size_t size)
{
    op_reader o = {.kinds = kinds, .store_tick = tick, .checkpoint = true};
    return read_all(&o, data, size, true);
}

tl_result tl_record_apply_checkpoint(tl_mirror *m, int64_t tick, const void *data, size_t size)
{
    op_reader o = {.m = m, .kinds = m->kinds, .store_tick = tick, .checkpoint = true};
    m->applying_tick = tick;
    TL_ASSERT(read_all(&o, data, size, false) == TL_OK);
    m->applying_tick = -1;
    return o.full ? TL_ERR_FULL : TL_OK;
}
