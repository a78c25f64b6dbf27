// Requests of clients, and what policies say to them; messages; how many of both a client may have.
#include "client_lab.h"

// On entities of the own server and of the other one alike.
TEST(policies)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-0");
    lab_connect(l, 1, 1, "friend-1");
    lab_run(l, 1);
    CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_LIVE);
    for (int owner = 0; owner < 2; owner++) {
        node *n = &l->nodes[owner];
        CHECK_EQUAL(lab_update(l, 0, n->box_ids[KIND_DENY], 7, 1), TL_ERR_DENIED);
        CHECK_EQUAL(lab_delete(l, 0, n->box_ids[KIND_DENY]), TL_ERR_DENIED);
        CHECK_EQUAL(n->requests, 0);
        CHECK_EQUAL(lab_update(l, 0, n->box_ids[KIND_ASK], 8, 13), TL_ERR_DENIED);
        CHECK_EQUAL(lab_update(l, 0, n->box_ids[KIND_ASK], 8, 2), TL_OK);
        CHECK_EQUAL(n->requests, 2);
        CHECK_EQUAL(lab_update(l, 0, n->box_ids[KIND_ALLOW], 9, 3), TL_OK);
        CHECK_EQUAL(n->requests, 2);
        lab_run(l, 0.5);
        for (int f = 0; f < 2; f++) {
            lab_check_seen(l, f, n->box_ids[KIND_DENY], 10 * owner, 0);
            lab_check_seen(l, f, n->box_ids[KIND_ASK], 8, 2);
            lab_check_seen(l, f, n->box_ids[KIND_ALLOW], 9, 3);
        }
        CHECK_EQUAL(lab_delete(l, 0, n->box_ids[KIND_ALLOW]), TL_OK);
        lab_run(l, 0.5);
        tl_pose pose;
        for (int f = 0; f < 2; f++) {
            CHECK_EQUAL(tl_client_get_pose(l->friends[f].client, n->box_ids[KIND_ALLOW], 0, false, &pose),
                        TL_ERR_NOT_FOUND);
        }
    }
    // Creating: allowed, asked, denied.
    uint32_t request;
    tl_values v = lab_at(1, 2, 3);
    CHECK_EQUAL(tl_client_request_create(l->friends[0].client, KIND_ALLOW, 0, &v, false, &request), TL_OK);
    CHECK_EQUAL(lab_answer(l, 0, request), TL_OK);
    tl_entity_id made = l->friends[0].answer.entity;
    CHECK_EQUAL(tl_client_request_create(l->friends[0].client, KIND_ASK, 0, &v, false, &request), TL_OK);
    CHECK_EQUAL(lab_answer(l, 0, request), TL_OK);
    CHECK_EQUAL(tl_client_request_create(l->friends[0].client, KIND_DENY, 0, &v, false, &request), TL_OK);
    CHECK_EQUAL(lab_answer(l, 0, request), TL_ERR_DENIED);
    lab_run(l, 0.5);
    lab_check_seen(l, 1, made, 1, 0);
    CHECK_EQUAL(lab_delete(l, 1, made), TL_OK);
    lab_run(l, 0.5);
    CHECK_EQUAL(lab_delete(l, 1, made), TL_ERR_NOT_FOUND);
    lab_validate(l);
    lab_destroy(l);
}

// A request to a server that is gone is answered, too.
TEST(a_request_to_nobody)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-0");
    lab_run(l, 1);
    tl_memory_network_partition(l->nodes[1].network, true);
    lab_stop_server(&l->nodes[1]);
    uint32_t request;
    tl_values v = lab_at(0, 0, 0);
    CHECK_EQUAL(tl_client_request_update(l->friends[0].client, l->nodes[1].box_ids[KIND_ALLOW], &v, &request), TL_OK);
    lab_run(l, 10.5);
    CHECK_EQUAL(l->friends[0].answers, 1);
    CHECK_EQUAL(l->friends[0].answer.result, TL_ERR_UNAVAILABLE);
    CHECK_EQUAL(lab_update(l, 0, l->nodes[1].box_ids[KIND_ALLOW], 4, 4), TL_OK); // of alpha now
    lab_destroy(l);
}

TEST(messages_both_ways)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-0");
    lab_run(l, 1);
    tl_memory_network_set_faults(
        l->nodes[0].network,
        (tl_link_faults){.loss = 0.2, .copy = 0.1, .reorder = 0.2, .delay_us = 10000, .jitter_us = 20000});
    node *n = &l->nodes[0];
    uint8_t data[TL_MESSAGE_BYTES_MAX] = {0};
    int sent[2] = {0, 0};
    while (sent[0] < 200 || sent[1] < 200) {
        data[0] = (uint8_t)sent[0];
        if (sent[0] < 200 &&
            tl_client_send(l->friends[0].client, data, sent[0] % 10 == 0 ? sizeof data : 20) == TL_OK) {
            sent[0]++;
        }
        data[0] = (uint8_t)sent[1];
        if (sent[1] < 200 &&
            tl_server_send(n->server, n->last_client, data, sent[1] % 10 == 0 ? sizeof data : 20) == TL_OK) {
            sent[1]++;
        }
        lab_run(l, 0.01);
        CHECK(l->now_us < START_US + 120 * 1000000u);
    }
    for (int i = 0; i < 600 && (n->messages < 200 || l->friends[0].messages < 200); i++) {
        lab_run(l, 0.1);
    }
    CHECK_EQUAL(n->messages, 200);
    CHECK_EQUAL(l->friends[0].messages, 200);
    for (int i = 0; i < 200; i++) {
        CHECK_EQUAL(n->heard[i], i);
        CHECK_EQUAL(l->friends[0].heard[i], i);
    }
    CHECK_EQUAL(tl_client_send(l->friends[0].client, data, sizeof data + 1), TL_ERR_INVALID);
    CHECK_EQUAL(tl_server_send(n->server, 777, data, 1), TL_ERR_NOT_FOUND);
    lab_destroy(l);
}

// Too many requests are refused, too many messages are held up; none is lost, and nobody else is held up.
TEST(limits_of_rate)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "friend-0");
    lab_connect(l, 1, 0, "friend-1");
    lab_run(l, 1);
    friend *f = &l->friends[0];
    uint32_t asked = 0, sent = 0;
    for (int i = 0; i < 200; i++) {
        tl_values v = lab_at(0, 0, i);
        asked += tl_client_request_update(f->client, l->nodes[0].box_ids[KIND_ALLOW], &v, NULL) == TL_OK;
        lab_run(l, 0.005);
    }
    lab_run(l, 2);
    CHECK_EQUAL(f->answers, asked);
    // 32 at once and 32 a second; the others were answered AGAIN.
    CHECK(asked - tl_server_get_stats(l->nodes[0].server).rate_limited <= 32 + 32 + 2);
    uint64_t first_us = l->now_us;
    for (int i = 0; sent < 300; i++) {
        uint8_t byte = (uint8_t)sent;
        if (tl_client_send(f->client, &byte, 1) == TL_OK) {
            sent++;
        }
        lab_run(l, 0.001);
        CHECK(i < 60000);
    }
    uint64_t began_us = l->now_us;
    for (int i = 0; i < 200 && l->nodes[0].messages < 300; i++) {
        lab_run(l, 0.1);
    }
    CHECK_EQUAL(l->nodes[0].messages, 300);
    // 64 at once and 64 a second, and at the end as many as a datagram has.
    CHECK(l->now_us - first_us > 5 * 1000000 / 2);
    for (int i = 0; i < 300; i++) {
        CHECK_EQUAL(l->nodes[0].heard[i], (uint8_t)i);
    }
    CHECK(l->now_us - began_us < 10000000);
    CHECK_EQUAL(lab_update(l, 1, l->nodes[0].box_ids[KIND_ALLOW], 3, 3), TL_OK);
    // Own entities, too.
    uint32_t made = 0;
    for (int i = 0; i < 24; i++) {
        tl_values v = lab_at(0, 0, 0);
        uint32_t request;
        CHECK_EQUAL(tl_client_request_create(f->client, KIND_AVATAR, 0, &v, true, &request), TL_OK);
        made += lab_answer(l, 0, request) == TL_OK;
        lab_run(l, 0.05);
    }
    CHECK_EQUAL(made, 16);
    lab_destroy(l);
}

TEST(refusal_and_reconnect)
{
    lab *l = lab_create();
    lab_connect(l, 0, 0, "stranger");
    lab_run(l, 1);
    CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_CLOSED);
    CHECK(strstr(tl_client_get_text(l->friends[0].client), "token is not good here"));
    CHECK_EQUAL(l->nodes[0].joins, 0);
    lab_disconnect(l, 0);
    lab_connect(l, 0, 0, "");
    lab_run(l, 1);
    CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_CLOSED);
    CHECK(strstr(tl_client_get_text(l->friends[0].client), "ask its operator for one"));
    lab_disconnect(l, 0);
    for (int i = 0; i < 5; i++) { // many times: everything is given back
        lab_connect(l, 0, 0, "friend-0");
        lab_run(l, 1);
        CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_LIVE);
        CHECK(tl_client_get_stats(l->friends[0].client).entities >= 7);
        lab_disconnect(l, 0);
        lab_run(l, 0.2);
        CHECK_EQUAL(l->nodes[0].leaves, (uint32_t)i + 1);
    }
    CHECK_EQUAL(tl_server_get_stats(l->nodes[0].server).clients, 0);
    // Dropped by the game.
    lab_connect(l, 0, 0, "friend-0");
    lab_run(l, 1);
    tl_server_drop_client(l->nodes[0].server, l->nodes[0].last_client, "enough");
    lab_run(l, 0.5);
    CHECK_EQUAL(tl_client_get_state(l->friends[0].client), TL_CLIENT_CLOSED);
    lab_disconnect(l, 0);
    lab_validate(l);
    lab_destroy(l);
}

int main(int argc, char **argv)
{
    lab_begin(argc, argv);
    RUN(policies);
    RUN(a_request_to_nobody);
    RUN(messages_both_ways);
    RUN(limits_of_rate);
    RUN(refusal_and_reconnect);
}
