// The mirror against a naive model: who is there, in which group, in whose frame.
#include "check.h"
#include "world.h"

enum { IDS = 60, GROUPS = 4 };

typedef struct model {
    bool live[IDS + 1], known_group[GROUPS + 1];
    uint64_t carrier[IDS + 1], group[IDS + 1];
} model;

typedef struct fixture {
    void *memory;
    tl_heap heap;
    tl_kinds kinds;
    tl_mirror m;
    model o;
    uint64_t random;
} fixture;

static void begin(fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    size_t bytes = tl_mirror_bytes(IDS, GROUPS) + (1u << 20);
    f->memory = calloc(1, bytes);
    f->random = seed;
    world_kinds(&f->kinds);
    tl_heap_init(&f->heap, f->memory, bytes);
    CHECK_EQUAL(tl_mirror_init(&f->m, &f->heap, &f->kinds, IDS, GROUPS), TL_OK);
    f->m.tick = 10;
}

static void end(fixture *f)
{
    free(f->memory);
}

static int32_t group_of(fixture *f, uint64_t id)
{
    int32_t group = tl_mirror_find_group(&f->m, id);
    if (group != TL_NONE) {
        return group;
    }
    CHECK_EQUAL(tl_mirror_reserve_group(&f->m, id, &group), TL_OK);
    f->m.groups[group].live = true;
    f->o.known_group[id] = true;
    return group;
}

static int32_t enter(fixture *f, uint64_t id, uint64_t carrier, uint64_t group, double x)
{
    int32_t index;
    CHECK_EQUAL(tl_mirror_reserve(&f->m, id, WORLD_CABIN, &index), TL_OK);
    tl_position_set(f->m.entities[index].state, f->kinds.kinds[WORLD_CABIN].fields[0].shift[0], &f->kinds, 10,
                    (tl_vec3){x, 0, 0}, (tl_vec3){0, 0, 0}, true);
    tl_mirror_enter(&f->m, index, group_of(f, group), carrier);
    f->o.live[id] = true, f->o.carrier[id] = carrier, f->o.group[id] = group;
    return index;
}

static void delete(fixture *f, uint64_t id)
{
    tl_mirror_delete(&f->m, tl_mirror_find(&f->m, id));
    f->o.live[id] = false;
}

// One entity as the model has it, and no loops, no towers. Gives whether it waits for its carrier.
static bool check_entity(const fixture *f, uint64_t id)
{
    int32_t index = tl_mirror_find(&f->m, id);
    CHECK((index != TL_NONE && f->m.entities[index].live) == f->o.live[id]);
    if (!f->o.live[id]) {
        return false;
    }
    const tl_entity *e = &f->m.entities[index];
    CHECK_EQUAL(f->m.groups[e->group].id, f->o.group[id]);
    CHECK_EQUAL(e->said ? e->said_carrier : e->carrier_id, f->o.carrier[id]);
    int depth = 1;
    for (int32_t at = e->carrier; at != TL_NONE; at = f->m.entities[at].carrier) {
        CHECK(at != index);
        depth++;
    }
    CHECK(depth <= TL_CARRIER_DEPTH_MAX);
    tl_vec3 p;
    tl_quat q;
    CHECK(tl_mirror_pose(&f->m, index, 10, &p, &q) == (tl_mirror_root(&f->m, index) != TL_NONE));
    return e->said || (e->carrier_id && e->carrier == TL_NONE);
}

static void settle(fixture *f)
{
    tl_mirror_resolve(&f->m);
    uint32_t unresolved = 0;
    for (uint64_t id = 1; id <= IDS; id++) {
        unresolved += check_entity(f, id);
    }
    CHECK_EQUAL(unresolved, f->m.unresolved_count);
    tl_mirror_validate(&f->m);
    for (uint32_t i = 0; i < f->m.changed_count; i++) {
        CHECK(f->m.entities[f->m.changed[i]].changes != 0);
    }
    tl_mirror_settle(&f->m);
    CHECK_EQUAL(f->m.changed_count, 0);
    tl_mirror_validate(&f->m);
}

static void random_operation(fixture *f)
{
    uint64_t id = 1 + check_random(&f->random) % IDS,
             carrier = check_random(&f->random) % 3 ? 1 + check_random(&f->random) % IDS : 0;
    uint64_t group = 1 + check_random(&f->random) % GROUPS;
    int32_t index = tl_mirror_find(&f->m, id);
    if (index == TL_NONE) {
        enter(f, id, carrier, group, (double)id);
        return;
    }
    if (!f->m.entities[index].live) {
        return; // deleted in this tick
    }
    switch (check_random(&f->random) % 4) {
    case 0: delete (f, id); break;
    case 1:
        tl_mirror_regroup(&f->m, index, group_of(f, group));
        f->o.group[id] = group;
        break;
    default: tl_mirror_set_carrier(&f->m, index, carrier); f->o.carrier[id] = carrier;
    }
}

TEST(random_operations_agree_with_a_list)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        fixture f;
        begin(&f, seed);
        for (int tick = 0; tick < 2000; tick++) {
            // at times the same entity many times in a tick
            int count = (int)(check_random(&f.random) % (tick % 50 == 0 ? 400 : 12));
            for (int i = 0; i < count; i++) {
                random_operation(&f);
            }
            CHECK(f.m.unresolved_count <= IDS && f.m.changed_count <= IDS);
            if (check_random(&f.random) % 40 == 0) {
                uint64_t group = 1 + check_random(&f.random) % GROUPS;
                for (uint64_t id = 1; id <= IDS; id++) {
                    if (f.o.live[id] && f.o.group[id] == group) {
                        delete (&f, id);
                    }
                }
                if (f.o.known_group[group]) {
                    tl_mirror_delete_group(&f.m, tl_mirror_find_group(&f.m, group));
                }
                f.o.known_group[group] = false;
            }
            settle(&f);
        }
        end(&f);
    }
}

TEST(loops_and_towers_are_refused)
{
    fixture f;
    begin(&f, 1);
    for (uint64_t id = 1; id <= 8; id++) {
        enter(&f, id, 0, 1, 1);
    }
    settle(&f);
    int32_t index[9];
    for (uint64_t id = 1; id <= 8; id++) {
        index[id] = tl_mirror_find(&f.m, id);
    }
    tl_mirror_set_carrier(&f.m, index[1], 1); // in itself
    CHECK_EQUAL(f.m.entities[index[1]].carrier, TL_NONE);
    tl_mirror_set_carrier(&f.m, index[1], 2);
    tl_mirror_set_carrier(&f.m, index[2], 3);
    tl_mirror_set_carrier(&f.m, index[3], 1); // a loop of three
    CHECK_EQUAL(f.m.entities[index[3]].carrier, TL_NONE);
    CHECK_EQUAL(tl_mirror_root(&f.m, index[1]), index[3]); // it is set down where it was, and nobody is lost
    CHECK(f.m.entities[index[3]].said && f.m.entities[index[3]].said_carrier == 1);
    tl_mirror_set_carrier(&f.m, index[3], 0);
    CHECK_EQUAL(tl_mirror_root(&f.m, index[1]), index[3]);
    tl_mirror_set_carrier(&f.m, index[3], 4); // four of them: as many as there may be
    CHECK_EQUAL(tl_mirror_root(&f.m, index[1]), index[4]);
    tl_mirror_set_carrier(&f.m, index[5], 1); // on top: too high
    CHECK_EQUAL(f.m.entities[index[5]].carrier, TL_NONE);
    tl_mirror_set_carrier(&f.m, index[4], 6); // below: too high as well
    CHECK_EQUAL(f.m.entities[index[4]].carrier, TL_NONE);
    CHECK_EQUAL(tl_mirror_root(&f.m, index[1]), index[4]);
    tl_mirror_resolve(&f.m);
    CHECK_EQUAL(f.m.unresolved_count, 2);
    tl_mirror_set_carrier(&f.m, index[1], 0); // the tower is lower now
    tl_mirror_resolve(&f.m);
    CHECK_EQUAL(f.m.unresolved_count, 0);
    CHECK_EQUAL(tl_mirror_root(&f.m, index[2]), index[6]);
    tl_mirror_validate(&f.m);
    end(&f);
}

// Whoever boards last stands, in whichever order it is told; so all servers show the same.
TEST(the_order_does_not_matter)
{
    for (int order = 0; order < 6; order++) {
        fixture f;
        begin(&f, 1);
        for (uint64_t id = 1; id <= 3; id++) {
            enter(&f, id, 0, 1, (double)(10 * id));
        }
        settle(&f);
        int32_t index[4];
        for (uint64_t id = 1; id <= 3; id++) {
            index[id] = tl_mirror_find(&f.m, id);
        }
        static const int orders[6][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
        static const int64_t boarded[4] = {0, 7, 9, 8}; // 2 is the last
        f.m.tick = 10;
        for (int i = 0; i < 3; i++) {
            int id = orders[order][i];
            f.m.applying_tick = boarded[id];
            tl_mirror_set_carrier(&f.m, index[id], (tl_entity_id)(id % 3 + 1));
            f.o.carrier[id] = (uint64_t)(id % 3 + 1);
        }
        f.m.applying_tick = -1;
        settle(&f);
        CHECK(f.m.entities[index[2]].said && !f.m.entities[index[1]].said && !f.m.entities[index[3]].said);
        CHECK(tl_mirror_root(&f.m, index[1]) == index[2] && tl_mirror_root(&f.m, index[3]) == index[2]);
        end(&f);
    }
    for (int order = 0; order < 2; order++) { // one boards what goes in the same tick
        fixture f;
        begin(&f, 1);
        int32_t rider = enter(&f, 1, 0, 1, 1);
        enter(&f, 7, 0, 1, 100);
        settle(&f);
        if (order) {
            delete (&f, 7);
        }
        tl_mirror_set_carrier(&f.m, rider, 7);
        f.o.carrier[1] = 7;
        if (!order) {
            delete (&f, 7);
        }
        settle(&f);
        tl_vec3 p;
        tl_quat q;
        CHECK(tl_mirror_pose(&f.m, rider, 10, &p, &q));
        CHECK_NEAR(p.x, 101, 0.01);
        end(&f);
    }
}

TEST(a_carrier_that_comes_later_is_found)
{
    fixture f;
    begin(&f, 1);
    int32_t rider = enter(&f, 1, 7, 1, 1);
    settle(&f);
    CHECK_EQUAL(f.m.entities[rider].carrier, TL_NONE);
    CHECK_EQUAL(f.m.unresolved_count, 1);
    enter(&f, 7, 0, 2, 100);
    tl_mirror_resolve(&f.m);
    CHECK(f.m.entities[rider].changes & TL_CHANGE_CARRIER); // the pyramid is told
    tl_vec3 p;
    tl_quat q;
    CHECK(tl_mirror_pose(&f.m, rider, 10, &p, &q));
    CHECK_NEAR(p.x, 101, 0.01);
    settle(&f);
    end(&f);
}

TEST(riders_of_a_deleted_carrier_are_set_down)
{
    fixture f;
    begin(&f, 1);
    int32_t carrier = enter(&f, 7, 0, 1, 100), rider = enter(&f, 1, 7, 1, 1), upper = enter(&f, 2, 1, 1, 0.5);
    const tl_kind *kind = &f.kinds.kinds[WORLD_CABIN];
    const tl_field *rotation = &kind->fields[1];
    tl_position_set(f.m.entities[carrier].state, kind->fields[0].shift[0], &f.kinds, 10, (tl_vec3){100, 0, 0},
                    (tl_vec3){20, 0, 0}, true);
    tl_rotation_set(f.m.entities[carrier].state + rotation->word, rotation, &f.kinds, 10,
                    tl_quat_from_vector((tl_vec3){0, 3.14159265 / 2, 0}), (tl_vec3){0, 0, 0}, false);
    settle(&f);
    f.m.tick = 30; // a second later, 20 m on
    tl_vec3 before[2], after[2];
    tl_quat q_before[2], q_after[2];
    CHECK(tl_mirror_pose(&f.m, rider, 30, &before[0], &q_before[0]) &&
          tl_mirror_pose(&f.m, upper, 30, &before[1], &q_before[1]));
    delete (&f, 7);
    CHECK(f.m.entities[rider].changes & TL_CHANGE_CARRIER);
    CHECK_EQUAL(f.m.entities[rider].carrier_id, 0);
    CHECK_EQUAL(f.m.entities[upper].carrier_id, 1); // it rides in the other still
    settle(&f);
    for (int64_t tick = 30; tick < 100; tick += 60) {
        CHECK(tl_mirror_pose(&f.m, rider, (double)tick, &after[0], &q_after[0]) &&
              tl_mirror_pose(&f.m, upper, (double)tick, &after[1], &q_after[1]));
        for (int i = 0; i < 2; i++) {
            CHECK(tl_vec3_length(tl_vec3_sub(before[i], after[i])) < 0.01);
            CHECK(tl_quat_angle(q_before[i], q_after[i]) < 0.01);
        }
    }
    CHECK_NEAR(after[0].x, 120, 0.02);
    CHECK_NEAR(after[0].z, -1, 0.02);
    end(&f);
}

TEST(limits_are_kept)
{
    fixture f;
    begin(&f, 1);
    int32_t index, first;
    for (uint64_t id = 1; id <= IDS; id++) {
        CHECK_EQUAL(tl_mirror_reserve(&f.m, id, 0, id == 1 ? &first : &index), TL_OK);
    }
    CHECK_EQUAL(tl_mirror_reserve(&f.m, 5, 0, &index), TL_ERR_EXISTS);
    CHECK_EQUAL(tl_mirror_reserve(&f.m, IDS + 1, 0, &index), TL_ERR_FULL);
    tl_mirror_release(&f.m, first);
    CHECK_EQUAL(tl_mirror_reserve(&f.m, IDS + 1, 0, &index), TL_OK);
    for (uint64_t id = 1; id <= GROUPS; id++) {
        CHECK_EQUAL(tl_mirror_reserve_group(&f.m, id, &index), TL_OK);
    }
    CHECK_EQUAL(tl_mirror_reserve_group(&f.m, 1, &index), TL_ERR_EXISTS);
    CHECK_EQUAL(tl_mirror_reserve_group(&f.m, GROUPS + 1, &index), TL_ERR_FULL);
    CHECK(tl_mirror_find(&f.m, 0) == TL_NONE && tl_mirror_find_group(&f.m, 0) == TL_NONE);
    end(&f);
}

int main(void)
{
    RUN(random_operations_agree_with_a_list);
    RUN(loops_and_towers_are_refused);
    RUN(the_order_does_not_matter);
    RUN(a_carrier_that_comes_later_is_found);
    RUN(riders_of_a_deleted_carrier_are_set_down);
    RUN(limits_are_kept);
}
