// Passengers and their carriers in a mirror.
//
// An owner sets a carrier's id; whether the entity can ride in that carrier is decided here, by rules that do not
// depend on the order in which records of several servers arrive. It cannot if the carrier is deleted or unknown, or if
// they would form a loop or nest too deep: then, of all in the loop or stack, the one that boarded last does not ride
// (of several, the one with the highest id). An entity that cannot ride is *set down*: it stands in the world where it
// was, or at its carrier's last position, and the state that its owner sets is kept (`said`) until it can ride or its
// owner changes the carrier. Only an entity that has never had a position waits unseen.
#include "world/mirror.h"

static void count_aboard(tl_mirror *m, int32_t carrier, int32_t more)
{
    for (; carrier != TL_NONE; carrier = m->entities[carrier].carrier) {
        m->entities[carrier].aboard += more;
    }
}

static void link_rider(tl_mirror *m, int32_t index, int32_t carrier)
{
    tl_entity *e = &m->entities[index], *c = &m->entities[carrier];
    e->carrier = carrier;
    e->rider_prev = TL_NONE;
    e->rider_next = c->rider_first;
    if (c->rider_first != TL_NONE) {
        m->entities[c->rider_first].rider_prev = index;
    }
    c->rider_first = index;
    count_aboard(m, carrier, 1 + e->aboard);
}

void tl_mirror_unlink_rider(tl_mirror *m, int32_t index)
{
    tl_entity *e = &m->entities[index];
    if (e->carrier == TL_NONE) {
        return;
    }
    count_aboard(m, e->carrier, -1 - e->aboard);
    if (e->rider_prev != TL_NONE) {
        m->entities[e->rider_prev].rider_next = e->rider_next;
    } else {
        m->entities[e->carrier].rider_first = e->rider_next;
    }
    if (e->rider_next != TL_NONE) {
        m->entities[e->rider_next].rider_prev = e->rider_prev;
    }
    e->carrier = e->rider_next = e->rider_prev = TL_NONE;
}

int tl_mirror_height(const tl_mirror *m, int32_t index)
{
    int highest = 0;
    for (int32_t r = m->entities[index].rider_first; r != TL_NONE; r = m->entities[r].rider_next) {
        highest = (int)tl_max_i64(highest, tl_mirror_height(m, r));
    }
    return 1 + highest;
}

// Whether `index` may ride in `carrier`: no loop, not too deep.
static bool may_ride(const tl_mirror *m, int32_t index, int32_t carrier)
{
    int depth = tl_mirror_height(m, index);
    for (int32_t at = carrier; at != TL_NONE; at = m->entities[at].carrier) {
        if (at == index || ++depth > TL_CARRIER_DEPTH_MAX) {
            return false;
        }
    }
    return true;
}

// ---- set down ----

size_t tl_mirror_state_bytes(const tl_mirror *m, const tl_entity *e)
{
    return (size_t)m->kinds->kinds[e->kind].word_count * sizeof(int64_t);
}

static void forget_said(tl_mirror *m, tl_entity *e)
{
    tl_heap_free(m->heap, e->said, tl_mirror_state_bytes(m, e));
    e->said = NULL;
    e->said_carrier = 0;
}

static void list_unresolved(tl_mirror *m, int32_t index)
{
    if (m->entities[index].unresolved_listed) {
        return;
    }
    m->entities[index].unresolved_listed = true;
    m->unresolved[m->unresolved_count++] = index;
}

static void set_place(const tl_mirror *m, tl_entity *e, int64_t tick, tl_vec3 position, tl_quat rotation)
{
    const tl_kind *kind = &m->kinds->kinds[e->kind];
    tl_position_set(e->state, kind->fields[0].shift[0], m->kinds, tick, position, (tl_vec3){0, 0, 0}, false);
    if (kind->rotation == TL_NONE) {
        return;
    }
    const tl_field *field = &kind->fields[kind->rotation];
    tl_rotation_set(e->state + field->word, field, m->kinds, tick, rotation, (tl_vec3){0, 0, 0}, false);
}

// Sets down an entity that cannot ride in its carrier, at that pose in the world. Without memory to keep its owner's
// state, the pose is treated as if the owner had set it.
static void set_down(tl_mirror *m, int32_t index, tl_vec3 position, tl_quat rotation)
{
    tl_entity *e = &m->entities[index];
    tl_mirror_unlink_rider(m, index);
    TL_ASSERT(e->said == NULL && e->carrier_id != 0);
    e->said = tl_heap_alloc(m->heap, tl_mirror_state_bytes(m, e));
    if (e->said) {
        memcpy(e->said, e->state, tl_mirror_state_bytes(m, e));
        e->said_carrier = e->carrier_id;
        list_unresolved(m, index);
    }
    e->carrier_id = 0;
    set_place(m, e, tl_mirror_op_tick(m), position, rotation);
    tl_mirror_touch(m, index, TL_CHANGE_CARRIER | TL_CHANGE_STATE);
    m->set_down_count++;
}

// Last poses of deleted carriers.
static const tl_ghost *find_ghost(const tl_mirror *m, tl_entity_id id)
{
    for (uint32_t i = 0; i < TL_GHOSTS_MAX; i++) {
        if (m->ghosts[i].id == id) {
            return &m->ghosts[i];
        }
    }
    return NULL;
}

void tl_mirror_carrier_goes(tl_mirror *m, int32_t index)
{
    tl_entity *e = &m->entities[index];
    tl_vec3 position, at;
    tl_quat rotation, turned;
    double tick = (double)tl_mirror_op_tick(m);
    bool seen = tl_mirror_pose(m, index, tick, &position, &rotation);
    if (seen && m->kinds->kinds[e->kind].carrier_reach_m > 0) {
        m->ghosts[m->ghost_count++ % TL_GHOSTS_MAX] = (tl_ghost){e->id, position, rotation};
    }
    while (e->rider_first != TL_NONE) {
        int32_t rider = e->rider_first;
        if (tl_mirror_pose(m, rider, tick, &at, &turned)) {
            set_down(m, rider, at, turned);
        } else { // its carrier has never had a position
            tl_mirror_unlink_rider(m, rider);
            list_unresolved(m, rider);
        }
    }
    if (e->said) {
        forget_said(m, e);
    }
}

// ---- boarding ----

static bool boarded_later(const tl_entity *a, const tl_entity *b)
{
    return a->boarded_tick != b->boarded_tick ? a->boarded_tick > b->boarded_tick : a->id > b->id;
}

static int32_t later_of(const tl_mirror *m, int32_t a, int32_t b)
{
    return boarded_later(&m->entities[b], &m->entities[a]) ? b : a;
}

// Returns which entity boarded last on the longest chain of passengers above an entity, or `last`.
static int32_t last_above(const tl_mirror *m, int32_t index, int32_t last)
{
    int32_t r = m->entities[index].rider_first, highest = r;
    for (; r != TL_NONE; r = m->entities[r].rider_next) {
        if (tl_mirror_height(m, r) > tl_mirror_height(m, highest)) {
            highest = r;
        }
    }
    return highest == TL_NONE ? last : last_above(m, highest, later_of(m, last, highest));
}

// `index` cannot ride in `carrier`. Returns which entity of the loop or stack boarded last.
static int32_t last_boarded(const tl_mirror *m, int32_t index, int32_t carrier)
{
    int32_t last = index, at = carrier;
    for (; at != TL_NONE && at != index; at = m->entities[at].carrier) {
        if (m->entities[at].carrier != TL_NONE) {
            last = later_of(m, last, at);
        }
    }
    return at == index ? last : last_above(m, index, last);
}

// Links an entity to its carrier. Returns false if it cannot ride in it now.
static bool ride(tl_mirror *m, int32_t index, tl_entity_id carrier_id)
{
    int32_t carrier = tl_mirror_find(m, carrier_id);
    if (carrier == TL_NONE || !m->entities[carrier].live || carrier == index) {
        return false;
    }
    for (int tries = 0; !may_ride(m, index, carrier); tries++) {
        int32_t last = last_boarded(m, index, carrier);
        tl_vec3 position;
        tl_quat rotation;
        if (last == index || tries > TL_CARRIER_DEPTH_MAX ||
            !tl_mirror_pose(m, last, (double)tl_mirror_op_tick(m), &position, &rotation)) {
            return false;
        }
        set_down(m, last, position, rotation);
    }
    tl_entity *e = &m->entities[index];
    if (e->said) {
        memcpy(e->state, e->said, tl_mirror_state_bytes(m, e));
        forget_said(m, e);
    }
    e->carrier_id = carrier_id;
    link_rider(m, index, carrier);
    return true;
}

void tl_mirror_set_carrier(tl_mirror *m, int32_t index, tl_entity_id carrier_id)
{
    tl_mirror_board(m, index, carrier_id, m->entities[index].state);
}

void tl_mirror_board(tl_mirror *m, int32_t index, tl_entity_id carrier_id, const int64_t *words)
{
    tl_entity *e = &m->entities[index];
    tl_vec3 position;
    tl_quat rotation;
    bool seen = !(e->changes & TL_CHANGE_ENTERED) &&
                tl_mirror_pose(m, index, (double)tl_mirror_op_tick(m), &position, &rotation);
    if (e->said) {
        forget_said(m, e);
    }
    tl_mirror_unlink_rider(m, index);
    if (words != e->state) {
        memcpy(e->state, words, tl_mirror_state_bytes(m, e));
    }
    e->carrier_id = carrier_id;
    e->boarded_tick = tl_mirror_op_tick(m);
    tl_mirror_touch(m, index, TL_CHANGE_CARRIER | TL_CHANGE_STATE);
    if (carrier_id == 0 || ride(m, index, carrier_id)) {
        return;
    }
    if (seen) {
        set_down(m, index, position, rotation);
    } else {
        list_unresolved(m, index);
    }
}

// Keeps the owner's state of an entity that is set down. Its position and rotation are in the frame of the carrier that
// it cannot ride in, so only the other fields become visible.
void tl_mirror_say(tl_mirror *m, int32_t index, const int64_t *words)
{
    tl_entity *e = &m->entities[index];
    const tl_kind *kind = &m->kinds->kinds[e->kind];
    memcpy(e->said, words, tl_mirror_state_bytes(m, e));
    for (int i = 1; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        if (i != kind->rotation) {
            memcpy(e->state + field->word, words + field->word, (size_t)field->word_count * sizeof *words);
        }
    }
    tl_mirror_touch(m, index, TL_CHANGE_STATE);
}

// Sets an entity down relative to its deleted carrier's last pose. The result is the same on every server, whatever the
// order of arrival.
static bool stand_by_ghost(tl_mirror *m, int32_t index)
{
    tl_entity *e = &m->entities[index];
    const tl_ghost *ghost = find_ghost(m, e->said ? e->said_carrier : e->carrier_id);
    if (ghost == NULL) {
        return false;
    }
    tl_entity local = *e;
    if (e->said) {
        local.state = e->said;
    }
    tl_vec3 position;
    tl_quat rotation;
    tl_mirror_local_pose(m, &local, (double)m->tick, &position, &rotation);
    position = tl_vec3_add(ghost->position, tl_quat_rotate(ghost->rotation, position));
    rotation = tl_quat_multiply(ghost->rotation, rotation);
    if (e->said) {
        set_place(m, e, m->tick, position, rotation);
    } else {
        set_down(m, index, position, rotation);
    }
    return true;
}

void tl_mirror_resolve(tl_mirror *m)
{
    uint32_t count = m->unresolved_count, kept = 0;
    for (uint32_t i = 0; i < count; i++) { // others may be set down meanwhile and are appended
        int32_t index = m->unresolved[i];
        tl_entity *e = &m->entities[index];
        bool waits = e->used && e->live && (e->said || (e->carrier_id != 0 && e->carrier == TL_NONE));
        bool fresh = waits && e->changes & TL_CHANGE_CARRIER;
        if (waits && !ride(m, index, e->said ? e->said_carrier : e->carrier_id)) {
            if (fresh || e->said == NULL) {
                stand_by_ghost(m, index);
            }
            m->unresolved[kept++] = index;
            continue;
        }
        e->unresolved_listed = false;
        if (waits) {
            tl_mirror_touch(m, index, TL_CHANGE_CARRIER | TL_CHANGE_STATE);
        }
    }
    memmove(m->unresolved + kept, m->unresolved + count, (m->unresolved_count - count) * sizeof *m->unresolved);
    m->unresolved_count -= count - kept;
}
