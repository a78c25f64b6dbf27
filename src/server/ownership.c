#include "server/state.h"
#include "world/lack.h"

enum { CHECKPOINT_SECONDS = 10, CUT_SECONDS = 5, OWED_A_TICK = 4, GIVES_AT_ONCE = 32, ID_COUNTER_BITS = 24 };
#define IDS_PER_EPOCH ((uint64_t)1 << ID_COUNTER_BITS) // more than any server has entities

static tl_result running(const tl_server *s)
{
    return s->state == TL_SERVER_RUNNING || s->state == TL_SERVER_LEAVING ? TL_OK : TL_ERR_STATE;
}

bool tl_own_owns(const tl_server *s, int32_t group)
{
    const tl_group *g = &s->mirror.groups[group];
    return g->used && !g->giving && g->owner == s->number && (g->live || g->unsent_create || g->changed_tick >= 0);
}

bool tl_own_owns_any(const tl_server *s)
{
    if (tl_lack_group_of(&s->mirror, s->number)) {
        return true;
    }
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        if (tl_own_owns(s, g)) {
            return true;
        }
    }
    return false;
}

void tl_own_mark(tl_server *s, int32_t index)
{
    tl_entity *e = &s->mirror.entities[index];
    if (e->unsent_listed) {
        return;
    }
    TL_ASSERT(s->unsent_count < s->mirror.entities_max);
    e->unsent_listed = true;
    s->unsent[s->unsent_count++] = index;
}

// An entity that is freed before it was recorded: its index may come again.
static void unlist(tl_server *s, int32_t index)
{
    for (uint32_t i = s->unsent_count; i-- > 0;) {
        if (s->unsent[i] != index) {
            continue;
        }
        s->unsent[i] = s->unsent[--s->unsent_count];
        return;
    }
}

static size_t state_bytes(const tl_server *s, const tl_entity *e)
{
    return (size_t)s->kinds.kinds[e->kind].word_count * sizeof(int64_t);
}

double tl_own_share(const tl_server *s, const tl_entity *e)
{
    return tl_tolerance_share(&s->kinds.kinds[e->kind], e->published_carrier != 0);
}

// After each change of what is published.
void tl_own_track(tl_server *s, int32_t index)
{
    const tl_entity *e = &s->mirror.entities[index];
    if (e->published == NULL) {
        tl_track_reset(&s->tracks[index]);
    } else {
        tl_track_set(&s->tracks[index], &s->kinds.kinds[e->kind], &s->kinds, e->published, tl_own_share(s, e));
    }
}

// What it did before says nothing of what it does now: it is new, or in another frame.
void tl_own_forget_truth(tl_server *s, int32_t index)
{
    s->truth_ticks[index] = s->turns[index].tick = -1;
}

// ---- groups ----

static void take_entity(tl_server *s, int32_t index)
{
    tl_entity *e = &s->mirror.entities[index];
    if (e->published == NULL) {
        e->published = tl_heap_alloc(&s->heap, state_bytes(s, e));
    }
    e->untaken = e->published == NULL;
    if (e->untaken) {
        if (!s->untaken) {
            tl_server_say(s, "no memory is left for entities that are this server's now: they stand still until there "
                             "is; raise memory_bytes");
        }
        s->untaken = true;
        s->stats.limits_reached++;
        return;
    }
    memcpy(e->published, e->state, state_bytes(s, e));
    e->published_carrier = e->carrier_id;
    e->unsent_fields = 0;
    tl_own_forget_truth(s, index);
    tl_own_track(s, index);
    if (e->said) {
        tl_carriers_publish_set_down(s, index);
    }
}

void tl_own_take_rest(tl_server *s)
{
    if (!s->untaken || s->tick % s->world.tick_hz != 0) {
        return;
    }
    bool any = false;
    for (int32_t i = 0; i < s->mirror.entity_top; i++) {
        tl_entity *e = &s->mirror.entities[i];
        if (!e->used || !e->untaken) {
            continue;
        }
        e->untaken = e->live && tl_own_owns(s, e->group);
        if (e->untaken) {
            take_entity(s, i);
        }
        any |= e->untaken;
    }
    s->untaken = any;
}

void tl_own_take_group(tl_server *s, int32_t group)
{
    const tl_group *g = &s->mirror.groups[group];
    for (int32_t i = g->entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        take_entity(s, i);
    }
    if (tl_claims_is_group(g->id)) {
        tl_claims_taken(s, group);
    } else if (s->def.callbacks.group) {
        s->def.callbacks.group(s->def.callbacks.user, s, g->id, true);
    }
}

void tl_own_lose_group(tl_server *s, int32_t group)
{
    tl_group *g = &s->mirror.groups[group];
    g->kept = g->doomed = false;
    g->holder = 0;
    g->spare_tick = -1;
    if (tl_claims_is_group(g->id)) {
        tl_created_lose_group(s, group);
    }
    for (int32_t i = g->entity_first; i != TL_NONE; i = s->mirror.entities[i].group_next) {
        tl_entity *e = &s->mirror.entities[i];
        tl_heap_free(&s->heap, e->published, state_bytes(s, e));
        e->published = NULL;
        tl_own_track(s, i);
    }
}

// The epoch keeps ids apart over restarts. Once all of an epoch's have been used they begin again, without those still
// in use.
static uint64_t next_id(const tl_server *s, uint64_t *counter)
{
    *counter = (*counter + 1) % IDS_PER_EPOCH;
    return (uint64_t)s->number << 48 | (uint64_t)s->epoch << ID_COUNTER_BITS | *counter;
}

static tl_entity_id next_entity_id(tl_server *s)
{
    tl_entity_id id;
    do {
        id = next_id(s, &s->entity_counter);
    } while (tl_mirror_find(&s->mirror, id) != TL_NONE || tl_lack_find(&s->mirror, id) != TL_NONE);
    return id;
}

tl_group_id tl_own_next_group_id(tl_server *s, uint64_t bits)
{
    tl_group_id id;
    do {
        id = next_id(s, &s->group_counter) | bits;
    } while (tl_mirror_find_group(&s->mirror, id) != TL_NONE);
    return id;
}

tl_result tl_server_create_group(tl_server *s, tl_group_id id, tl_group_id *out)
{
    if (running(s) != TL_OK) {
        return TL_ERR_STATE;
    }
    if ((uint32_t)s->mirror.group_top - s->mirror.group_free_count >= s->def.groups_max) {
        return TL_ERR_FULL;
    }
    if (id == 0) {
        id = tl_own_next_group_id(s, 0);
    }
    int32_t group;
    tl_result result = tl_mirror_reserve_group(&s->mirror, id, &group);
    if (result != TL_OK) {
        return result;
    }
    s->mirror.groups[group].owner = s->number;
    s->mirror.groups[group].unsent_create = true;
    s->groups_created[s->groups_created_count++] = group;
    if (out) {
        *out = id;
    }
    if (s->def.callbacks.group && !tl_claims_is_group(id)) {
        s->def.callbacks.group(s->def.callbacks.user, s, id, true);
    }
    return TL_OK;
}

tl_result tl_server_delete_group(tl_server *s, tl_group_id id)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    if (running(s) != TL_OK) {
        return TL_ERR_STATE;
    }
    if (group == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_own_owns(s, group) || s->mirror.groups[group].unsent_create) {
        return TL_ERR_DENIED;
    }
    if (s->checkpoints_due_count == TL_GIVES_MAX) {
        return TL_AGAIN;
    }
    s->groups_deleted[s->groups_deleted_count++] = id;
    s->checkpoints_due[s->checkpoints_due_count++] = id;
    tl_own_lose_group(s, group);
    s->mirror.groups[group].giving = s->mirror.groups[group].deleting = true;
    return TL_OK;
}

bool tl_server_owns_group(const tl_server *s, tl_group_id id)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    return group != TL_NONE && tl_own_owns(s, group);
}

tl_result tl_server_keep_group(tl_server *s, tl_group_id id, bool keep)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    if (group == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_own_owns(s, group)) {
        return TL_ERR_DENIED;
    }
    s->mirror.groups[group].kept = keep;
    return TL_OK;
}

// To the receiver as it lives now: should that epoch of it end before, the group goes where its other groups go.
static void give(tl_server *s, tl_group_id id, tl_server_number to)
{
    uint32_t epoch = s->servers[to].epoch;
    s->gives[s->give_count++] = (tl_own_give){.group = id, .to = to, .epoch = epoch};
    if (epoch > 1) {
        tl_follow_need(s, to, epoch - 1, -1); // what ended then is not to be mistaken for it
    }
}

tl_result tl_server_give_group(tl_server *s, tl_group_id id, tl_server_number to)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    if (group == TL_NONE || to == 0 || to > TL_SERVERS_MAX || !tl_follow_heard(s, to)) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_own_owns(s, group) || !s->mirror.groups[group].live) {
        return TL_ERR_DENIED;
    }
    if (s->give_count == TL_GIVES_MAX) {
        return TL_AGAIN;
    }
    give(s, id, to);
    return TL_OK;
}

// Groups per living server, by number.
static void count_groups(const tl_server *s, uint32_t counts[TL_SERVERS_MAX + 1])
{
    memset(counts, 0, (TL_SERVERS_MAX + 1) * sizeof *counts);
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        if (tl_claims_is_group(group->id)) {
            continue; // it is where its client is
        }
        if (group->used && group->live && !group->giving && group->owner <= TL_SERVERS_MAX) {
            counts[group->owner]++;
        }
    }
}

// Degraded servers are given nothing; but of one that leaves they get all if there are no others.
static tl_server_number poorest(const tl_server *s, const uint32_t *counts, bool degraded)
{
    tl_server_number best = 0;
    for (tl_server_number n = 1; n <= TL_SERVERS_MAX; n++) {
        if (tl_follow_alive(s, n) && (degraded || !tl_room_degraded(s, n)) && (best == 0 || counts[n] < counts[best])) {
            best = n;
        }
    }
    return best == 0 && !degraded && s->state == TL_SERVER_LEAVING ? poorest(s, counts, true) : best;
}

// What was given to this server, or inherited by it, and found no room here: nobody would say anything of it.
static void give_on(tl_server *s)
{
    uint32_t counts[TL_SERVERS_MAX + 1];
    tl_group_id id = tl_lack_group_of(&s->mirror, s->number);
    if (id) {
        count_groups(s, counts);
    }
    for (; id && s->give_count < TL_GIVES_MAX; id = tl_lack_group_of(&s->mirror, s->number)) {
        tl_server_number to = poorest(s, counts, false);
        if (to == 0) {
            return;
        }
        give(s, id, to);
        s->gives[s->give_count - 1].lacking = true;
        tl_lack_note_group(&s->mirror, id, to);
        counts[to]++;
    }
}

// Gives groups to the living server that has the fewest: all of them when leaving, else until it has as many.
void tl_own_balance(tl_server *s)
{
    uint32_t counts[TL_SERVERS_MAX + 1];
    bool leaving = s->state == TL_SERVER_LEAVING;
    give_on(s);
    if (!leaving && s->tick % tl_max_i64(1, s->world.tick_hz / 4) != 0) {
        return;
    }
    count_groups(s, counts);
    uint32_t left = leaving ? TL_GIVES_MAX : GIVES_AT_ONCE;
    for (int32_t g = 0; g < s->mirror.group_top && left && s->give_count < TL_GIVES_MAX; g++) {
        const tl_group *group = &s->mirror.groups[g];
        bool incomplete = tl_lack_any(group); // whoever has it whole owns it
        if (!tl_own_owns(s, g) || !group->live ||
            ((group->kept || group->id == s->client_group || tl_claims_is_group(group->id)) && !leaving &&
             !incomplete)) {
            continue;
        }
        tl_server_number to = poorest(s, counts, false);
        if (to == 0) {
            return;
        }
        if (!leaving && !incomplete && counts[s->number] < counts[to] + 2) {
            if (!s->mirror.lacked) {
                return;
            }
            continue;
        }
        give(s, group->id, to);
        counts[s->number]--;
        counts[to]++;
        left--;
    }
}

// ---- entities ----

tl_entity *tl_own_entity(tl_server *s, tl_entity_ref ref)
{
    if (ref >= (uint32_t)s->mirror.entity_top) {
        return NULL;
    }
    tl_entity *e = &s->mirror.entities[ref];
    return e->used && e->published && !(e->changes & TL_CHANGE_DELETED) ? e : NULL;
}

tl_result tl_server_create_entity(tl_server *s, const tl_entity_def *def, tl_entity_ref *out)
{
    if (running(s) != TL_OK) {
        return TL_ERR_STATE;
    }
    if (def->kind < 0 || def->kind >= s->kinds.count) {
        return TL_ERR_INVALID;
    }
    const tl_kind *kind = &s->kinds.kinds[def->kind];
    if (!(def->values.mask & 1)) {
        return TL_ERR_INVALID;
    }
    tl_result values = tl_values_check(kind, &def->values);
    if (values != TL_OK) {
        return values;
    }
    int32_t group = tl_mirror_find_group(&s->mirror, def->group), index;
    if (group == TL_NONE) {
        return TL_ERR_NOT_FOUND;
    }
    if (!tl_own_owns(s, group)) {
        return TL_ERR_DENIED;
    }
    tl_result rides = tl_carriers_check(s, TL_NONE, def->carrier, def->values.fields[0].position, NULL, 0);
    if (rides != TL_OK) {
        return rides;
    }
    if (tl_lack_find(&s->mirror, def->id) != TL_NONE) {
        return TL_ERR_EXISTS;
    }
    if ((uint32_t)s->mirror.entity_top - s->mirror.entity_free_count >= s->def.entities_max) {
        return TL_ERR_FULL;
    }
    tl_result result = tl_mirror_reserve(&s->mirror, def->id ? def->id : next_entity_id(s), def->kind, &index);
    if (result != TL_OK) {
        return result;
    }
    tl_entity *e = &s->mirror.entities[index];
    e->published = tl_heap_alloc(&s->heap, state_bytes(s, e));
    if (e->published == NULL) {
        tl_mirror_release(&s->mirror, index);
        return TL_ERR_FULL;
    }
    for (int i = 0; i < kind->field_count; i++) {
        if (def->values.mask >> i & 1) {
            tl_value_set(e->published, kind, i, &s->kinds, s->tick, &def->values.fields[i]);
        }
    }
    e->published_carrier = def->carrier;
    e->pending_group = group;
    e->unsent_create = true;
    tl_own_forget_truth(s, index);
    tl_own_track(s, index);
    tl_own_mark(s, index);
    if (out) {
        *out = (tl_entity_ref)index;
    }
    return TL_OK;
}

tl_result tl_server_delete_entity(tl_server *s, tl_entity_ref ref)
{
    tl_entity *e = tl_own_entity(s, ref);
    if (e == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    if (s->deleted_count == s->mirror.entities_max) {
        return TL_AGAIN;
    }
    tl_created_forget(s, e->id);
    tl_heap_free(&s->heap, e->published, state_bytes(s, e));
    e->published = NULL;
    tl_own_track(s, (int32_t)ref);
    if (e->unsent_create) {
        e->unsent_create = false;
        if (e->unsent_listed) {
            unlist(s, (int32_t)ref);
        }
        tl_mirror_release(&s->mirror, (int32_t)ref);
    } else {
        s->deleted[s->deleted_count++] = e->id;
    }
    return TL_OK;
}

tl_result tl_server_set(tl_server *s, tl_entity_ref ref, const tl_values *values)
{
    tl_entity *e = tl_own_entity(s, ref);
    if (e == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    tl_result good = tl_values_check(kind, values);
    if (good != TL_OK) {
        return good;
    }
    if (values->mask & 1 && e->published_carrier &&
        !tl_carriers_reach(s, e->published_carrier, values->fields[0].position)) {
        return TL_ERR_INVALID;
    }
    uint32_t changed = tl_values_publish(e->published, kind, &s->kinds, s->tick, values, tl_own_share(s, e));
    if (values->mask & 1) {
        s->truth_ticks[ref] = -1; // the game says how it moves: nothing is worked out any more
    }
    if (kind->rotation != TL_NONE && values->mask >> kind->rotation & 1) {
        s->turns[ref].tick = -1;
    }
    e->unsent_fields |= changed;
    if (changed) {
        tl_own_track(s, (int32_t)ref);
    }
    if (changed) {
        tl_own_mark(s, (int32_t)ref);
    }
    return TL_OK;
}

tl_result tl_server_set_carrier(tl_server *s, tl_entity_ref ref, tl_entity_id carrier, const tl_values *values)
{
    tl_entity *e = tl_own_entity(s, ref);
    if (e == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    if (!(values->mask & 1)) {
        return TL_ERR_INVALID;
    }
    tl_result good = tl_values_check(kind, values);
    if (good != TL_OK) {
        return good;
    }
    tl_result rides = tl_carriers_check(s, (int32_t)ref, carrier, values->fields[0].position, NULL, 0);
    if (rides != TL_OK) {
        return rides;
    }
    for (int i = 0; i < kind->field_count; i++) {
        if (values->mask >> i & 1) {
            tl_value_set(e->published, kind, i, &s->kinds, s->tick, &values->fields[i]);
        }
    }
    e->published_carrier = carrier;
    e->unsent_carrier = true;
    tl_own_forget_truth(s, (int32_t)ref);
    tl_own_track(s, (int32_t)ref);
    tl_own_mark(s, (int32_t)ref);
    return TL_OK;
}

// A client's own words for its entity.
void tl_own_stop(tl_server *s, int32_t index, tl_vec3 position)
{
    tl_entity *e = &s->mirror.entities[index];
    tl_position_set(e->published, s->kinds.kinds[e->kind].fields[0].shift[0], &s->kinds, s->tick, position,
                    (tl_vec3){0, 0, 0}, false);
    e->unsent_fields |= 1;
    tl_own_track(s, index);
    tl_own_mark(s, index);
}

tl_result tl_own_set_words(tl_server *s, int32_t index, tl_entity_id carrier, const int64_t *words, uint32_t changed)
{
    tl_entity *e = tl_own_entity(s, (tl_entity_ref)index);
    if (e == NULL) {
        return TL_ERR_NOT_FOUND;
    }
    tl_result rides = tl_carriers_check_words(s, index, &s->kinds.kinds[e->kind], carrier, words);
    if (rides != TL_OK) {
        return rides;
    }
    memcpy(e->published, words, state_bytes(s, e));
    if (e->published_carrier != carrier) {
        e->unsent_carrier = true;
    }
    e->published_carrier = carrier;
    e->unsent_fields |= changed;
    tl_own_track(s, index);
    tl_own_mark(s, index);
    return TL_OK;
}

// ---- own records, from the queue to the mirror ----

void tl_own_submit(tl_server *s)
{
    for (uint32_t i = 0; i < s->own_count; i++) {
        tl_own_record *record = &s->own_records[(s->own_first + i) % TL_OWN_RECORDS_MAX];
        if (record->submitted) {
            continue;
        }
        tl_result result = s->def.store->ops->submit(s->def.store, record->tick, record->data, record->size,
                                                     s->clock.wall_us);
        if (result != TL_OK) {
            return; // full: later; fenced: the event says so
        }
        record->submitted = true;
        record->submitted_us = s->now_us;
    }
}

// Records that are both committed and mirrored are done.
static void drop_done(tl_server *s)
{
    while (s->own_count) {
        tl_own_record *record = &s->own_records[s->own_first];
        if (!record->committed || !record->applied) {
            return;
        }
        tl_ring_pop(&s->own_data, record->size);
        *record = (tl_own_record){0};
        s->own_first = (s->own_first + 1) % TL_OWN_RECORDS_MAX;
        s->own_count--;
    }
}

uint64_t tl_own_committed(tl_server *s, int64_t tick)
{
    uint64_t us = 0;
    for (uint32_t i = 0; i < s->own_count; i++) {
        tl_own_record *record = &s->own_records[(s->own_first + i) % TL_OWN_RECORDS_MAX];
        if (record->tick > tick) {
            break;
        }
        record->committed = true;
        us = s->now_us - record->submitted_us;
    }
    drop_done(s);
    return us;
}

bool tl_own_ready(const tl_server *s, int64_t tick)
{
    for (uint32_t i = 0; i < s->own_count; i++) {
        const tl_own_record *record = &s->own_records[(s->own_first + i) % TL_OWN_RECORDS_MAX];
        if (record->tick > tick) {
            break;
        }
        if (!record->committed) {
            return false;
        }
    }
    return true;
}

static void on_given(void *user, int32_t group, tl_server_number from, tl_server_number to)
{
    tl_server *s = user;
    s->mirror.groups[group].giving = false;
    (void)from;
    tl_own_lose_group(s, group);
    if (to == s->number) {
        tl_own_take_group(s, group);
    } else {
        s->mirror.groups[group].owed = s->owes = true;
    }
}

static void on_post(void *user, tl_op op, tl_server_number from, tl_server_number to, const void *data, size_t size)
{
    tl_server *s = user;
    if (op == TL_OP_RETELL) {
        return; // our own
    }
    if (to == s->number) {
        tl_requests_post(s, op, from, data, size);
    }
}

// The newest record's entities come into the cache side by side, as those of others' records do (record.c).
static void prefetch_recorded(const tl_server *s)
{
    const tl_mirror *m = &s->mirror;
    for (uint32_t i = 0; i < s->recorded_count; i++) {
        tl_prefetch(&m->entities[s->recorded[i]], offsetof(tl_entity, said_carrier));
    }
    for (uint32_t i = 0; i < s->recorded_count; i++) {
        const tl_entity *e = &m->entities[s->recorded[i]];
        if (e->used) {
            tl_prefetch(e->state, (size_t)m->kinds->kinds[e->kind].word_count * sizeof *e->state);
        }
    }
}

void tl_own_apply(tl_server *s, int64_t tick)
{
    tl_record_events events = {
        .user = s, .checked = true, .receiver = tl_follow_receiver, .group_given = on_given, .post = on_post};
    for (uint32_t i = 0; i < s->own_count; i++) {
        tl_own_record *record = &s->own_records[(s->own_first + i) % TL_OWN_RECORDS_MAX];
        if (record->tick > tick) {
            break;
        }
        if (record->applied) {
            continue;
        }
        record->applied = true;
        bool newest = i + 1 == s->own_count;
        if (newest) {
            prefetch_recorded(s);
        }
        events.likely = s->recorded;
        events.likely_count = newest ? s->recorded_count : 0;
        tl_result result = tl_record_apply(&s->mirror, s->number, record->tick, record->data, record->size, false,
                                           &events);
        TL_ASSERT(result != TL_ERR_MALFORMED);
        if (result == TL_ERR_FULL) {
            s->stats.limits_reached++;
        }
    }
    drop_done(s);
}

// ---- checkpoints ----

// Whether the mirror has all that there is of a group up to its tick: then a checkpoint may stand for the log. A group
// that is being given away or deleted has not got there yet.
static bool is_whole(const tl_server *s, int32_t group)
{
    const tl_group *g = &s->mirror.groups[group];
    if (g->giving || tl_lack_any(g)) {
        return false;
    }
    return g->owner == s->number || (g->owner <= TL_SERVERS_MAX && s->servers[g->owner].applied_tick >= s->mirror.tick);
}

static void say_failed(tl_server *s, tl_group_id id, tl_result result)
{
    if (s->stats.checkpoints_refused++) {
        return;
    }
    if (result == TL_ERR_FULL) {
        tl_server_say(s,
                      "group %llx is larger than a checkpoint may be (%d MiB): it is not stored, and the log stays and "
                      "grows; spread its entities over "
                      "more groups",
                      (unsigned long long)id, TL_RECORD_BYTES_MAX >> 20);
    } else {
        tl_server_say(s, "the checkpoint of group %llx cannot be read back: it is not stored, and the log stays",
                      (unsigned long long)id);
    }
}

// False: not now.
static bool checkpoint(tl_server *s, tl_group_id id)
{
    int32_t group = tl_mirror_find_group(&s->mirror, id);
    size_t size = 0;
    tl_result result = TL_OK;
    if (group != TL_NONE) {
        result = tl_checkpoint_write(&s->mirror, group, s->mirror.tick, s->record, TL_RECORD_BYTES_MAX, &size);
    }
    if (result != TL_OK) {
        say_failed(s, id, result);
        s->mirror.groups[group].retry_tick = s->mirror.tick + CHECKPOINT_SECONDS * (int64_t)s->world.tick_hz;
        return false;
    }
    if (!tl_hold_checkpoint(s, id, s->record, size)) {
        return false;
    }
    if (group == TL_NONE) {
        return true;
    }
    s->mirror.groups[group].checkpoint_tick = s->mirror.tick;
    s->mirror.groups[group].owed = false;
    return true;
}

// That groups were deleted.
static void checkpoint_due(tl_server *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->checkpoints_due_count; i++) {
        tl_group_id id = s->checkpoints_due[i];
        int32_t group = tl_mirror_find_group(&s->mirror, id);
        bool whole = group == TL_NONE || (is_whole(s, group) && s->mirror.groups[group].retry_tick <= s->mirror.tick);
        if (!whole || !checkpoint(s, id)) {
            s->checkpoints_due[kept++] = id;
        }
    }
    s->checkpoints_due_count = kept;
}

void tl_own_owe_end(void *server, tl_group_id deleted)
{
    tl_server *s = server;
    if (s->checkpoints_due_count < TL_GIVES_MAX) {
        s->checkpoints_due[s->checkpoints_due_count++] = deleted;
    } else {
        s->cuts_blocked = true;
    }
}

// Groups of others of which the own log says something. What becomes one's own has its turn among the own ones.
static void checkpoint_owed(tl_server *s)
{
    int left = OWED_A_TICK;
    bool any = false;
    for (int32_t g = 0; s->owes && g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!group->used || !group->owed) {
            continue;
        }
        if (group->owner == s->number && !group->giving) {
            group->owed = false;
            continue;
        }
        any = true;
        if (left == 0 || !group->live || group->retry_tick > s->mirror.tick || !is_whole(s, g)) {
            continue;
        }
        checkpoint(s, group->id);
        left--;
    }
    s->owes = any;
}

// The log must stay as long as it says something that no stored checkpoint says. Nobody but its author ever cuts a log,
// and no server knows what others have stored; so the rule is that a server relies on its own checkpoints alone: it
// writes one of each group that its log says anything of since the group's last checkpoint, be it another's by now.
// That is known of what it owns and of what it gives away; and of its former lives' records, which it reads itself when
// it comes back, it notes which groups they change beyond the checkpoints that it has read (`owed`), and what they
// delete. So it does not matter whether an heir or a receiver has got round to its own checkpoints, nor whether a giver
// lived to write its own: as long as it does not come back, its log stays whole. Checkpoints and cuts go to the store
// in their order (server/held_checkpoints.c). Of a group that has no checkpoint here yet the log says nothing from
// before the group was known here: or else clients that come and go, whose groups are new, would keep the log from ever
// being cut.
static void cut(tl_server *s)
{
    int64_t hz = s->world.tick_hz, tick = s->mirror.tick - (int64_t)s->def.log_keep_s * hz;
    if (s->cuts_blocked || s->mirror.owes_unknown || s->checkpoints_due_count) {
        return;
    }
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        const tl_group *group = &s->mirror.groups[g];
        bool unstored = group->owed || (group->owner == s->number && group->changed_tick > group->checkpoint_tick);
        if (group->used && unstored) {
            tick = tl_min_i64(tick, group->checkpoint_tick >= 0 ? group->checkpoint_tick : group->known_tick);
        }
    }
    if (tick <= s->cut_tick + CUT_SECONDS * hz) {
        return;
    }
    if (tl_hold_cut(s, tick)) {
        s->cut_tick = tick;
    }
}

// A group a tick, each every ten seconds if it changes. Only what is committed goes into a checkpoint.
void tl_own_checkpoint(tl_server *s)
{
    tl_hold_release(s);
    if (s->own_count && s->own_records[s->own_first].tick <= s->mirror.tick) {
        return; // mirrored, but not committed yet
    }
    if (!tl_time_sure(s)) {
        return;
    }
    checkpoint_due(s);
    checkpoint_owed(s);
    int64_t hz = s->world.tick_hz;
    for (int looked = 0; looked < 64 && s->mirror.group_top; looked++) {
        s->checkpoint_group = (s->checkpoint_group + 1) % s->mirror.group_top;
        const tl_group *g = &s->mirror.groups[s->checkpoint_group];
        if (!tl_own_owns(s, s->checkpoint_group) || !g->live || g->changed_tick <= g->checkpoint_tick ||
            tl_lack_any(g)) {
            continue;
        }
        if (g->retry_tick > s->mirror.tick) {
            continue;
        }
        if (g->checkpoint_tick >= 0 && s->mirror.tick - g->checkpoint_tick < CHECKPOINT_SECONDS * hz) {
            continue;
        }
        checkpoint(s, g->id);
        break;
    }
    if (s->mirror.tick % (CUT_SECONDS * hz) == 0) {
        cut(s);
    }
}
