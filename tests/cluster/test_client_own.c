// What clients own: who sees it where, and how long it stays when they go.
#include "client_lab.h"

#include <math.h>

// An avatar in a cabin of the other server's: seen by all in the cabin's frame, as near as its way over the network
// lets it.
TEST(an_own_entity)
{
    for (int bad = 0; bad < 2; bad++) {
        lab *l = lab_create();
        if (bad) {
            for (int i = 0; i < 2; i++) {
                tl_memory_network_set_faults(l->nodes[i].network,
                                             (tl_link_faults){.loss = 0.05, .delay_us = 15000, .jitter_us = 10000});
            }
        }
        for (int i = 0; i < 3; i++) {
            lab_connect(l, i, i % 2, "friend");
            tl_client_observe_entity(l->friends[i].client, l->nodes[1].cabin_id);
        }
        lab_run(l, 1.5);
        lab_avatar = lab_create_own(l, 0, l->nodes[1].cabin_id);
        l->each = lab_walk_avatar;
        lab_run(l, 1);
        double sum = 0, max = 0;
        int count = 0;
        for (int i = 0; i < 100; i++) {
            lab_run(l, 0.1);
            for (int f = 1; f < 3; f++, count++) {
                double error = lab_avatar_error_m(l, f);
                sum += error, max = fmax(max, error);
            }
        }
        printf("  error %.3f m, at most %.3f m\n", sum / count, max);
        // It is told of up to some 0.1 s later, in which its speed changes by 0.23 m/s.
        CHECK(sum / count < (bad ? 0.06 : 0.035));
        CHECK(max < (bad ? 0.5 : 0.1));
        // Others may not move it, nor what it rides in.
        CHECK_EQUAL(lab_update(l, 1, lab_avatar, 0, 0), TL_ERR_DENIED);
        CHECK_EQUAL(lab_delete(l, 2, lab_avatar), TL_ERR_DENIED);
        tl_values v = lab_at(0, 0, 0);
        CHECK_EQUAL(tl_client_set_values(l->friends[1].client, lab_avatar, 1, 0, &v), TL_ERR_NOT_FOUND);
        lab_validate(l);
        // It goes with its client.
        l->each = NULL;
        lab_disconnect(l, 0);
        lab_run(l, bad ? 12 : 1); // the goodbye may get lost
        tl_pose pose;
        for (int f = 1; f < 3; f++) {
            CHECK_EQUAL(tl_client_get_pose(l->friends[f].client, lab_avatar, 0, false, &pose), TL_ERR_NOT_FOUND);
        }
        for (int i = 0; i < 2; i++) {
            CHECK_EQUAL(tl_server_find(l->nodes[i].server, lab_avatar), TL_REF_NONE);
        }
        lab_avatar = 0;
        lab_destroy(l);
    }
}

// Whatever gets lost, what a client said last of its entity is what all see in the end; messages beside it or not.
TEST(the_last_word_arrives)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-0");
    lab_connect(l, 1, 1, "friend-1");
    lab_run(l, 1);
    tl_entity_id id = lab_create_own(l, 0, 0);
    tl_memory_network_set_faults(l->nodes[0].network,
                                 (tl_link_faults){.loss = 0.4, .delay_us = 10000, .jitter_us = 30000});
    uint64_t random = lab_seed;
    uint8_t message[600] = {1};
    for (int i = 1; i <= 30; i++) {
        tl_values v = lab_at(i, 0, 0);
        v.fields[2].integer = i;
        CHECK_EQUAL(tl_client_set_values(l->friends[0].client, id,
                                         tl_client_get_server_tick(l->friends[0].client, l->now_us), 0, &v),
                    TL_OK);
        for (int k = 0; k < 10; k++) {
            tl_client_send(l->friends[0].client, message, sizeof message);
            lab_run(l, check_random_between(&random, 0, 0.1));
        }
        lab_run(l, 1.5); // of some thirty reports one gets through
        lab_check_seen(l, 1, id, i, i);
    }
    lab_destroy(l);
}

// What clients of a crashed server owned is kept by its heir for the time of grace, and then goes; their ids are never
// made again.
TEST(own_entities_of_a_dead_server)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-0");
    lab_connect(l, 1, 1, "friend-1");
    lab_run(l, 1);
    lab_avatar = lab_create_own(l, 0, 0);
    lab_run(l, 1);
    tl_pose pose;
    CHECK_EQUAL(tl_client_get_pose(l->friends[1].client, lab_avatar, 0, false, &pose), TL_OK);
    tl_memory_network_partition(l->nodes[0].network, true);
    lab_stop_server(&l->nodes[0]);
    lab_disconnect(l, 0);
    tl_memory_network_partition(l->nodes[0].network, false);
    lab_run(l, 4);
    CHECK_EQUAL(tl_client_get_pose(l->friends[1].client, lab_avatar, 0, false, &pose), TL_OK);
    lab_run(l, 7);
    CHECK_EQUAL(tl_client_get_pose(l->friends[1].client, lab_avatar, 0, false, &pose), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_client_get_pose(l->friends[1].client, l->nodes[0].box_ids[0], 0, false, &pose), TL_OK);
    lab_start_server(l, 0);
    lab_run(l, 1);
    lab_connect(l, 0, 0, "friend-0");
    lab_run(l, 1);
    tl_entity_id next = lab_create_own(l, 0, 0);
    CHECK(next != lab_avatar && next > lab_avatar);
    // And if it is back at once.
    lab_run(l, 0.5);
    tl_memory_network_partition(l->nodes[0].network, true);
    lab_stop_server(&l->nodes[0]);
    lab_disconnect(l, 0);
    tl_memory_network_partition(l->nodes[0].network, false);
    lab_start_server(l, 0);
    lab_run(l, 11);
    CHECK_EQUAL(tl_client_get_pose(l->friends[1].client, next, 0, false, &pose), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_server_find(l->nodes[0].server, next), TL_REF_NONE);
    lab_avatar = 0;
    lab_validate(l);
    lab_destroy(l);
}

int main(int argc, char **argv)
{
    lab_begin(argc, argv);
    RUN(an_own_entity);
    RUN(the_last_word_arrives);
    RUN(own_entities_of_a_dead_server);
}
