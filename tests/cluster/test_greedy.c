// One client that has a server keep things for it, or takes places from the others: in virtual time, from inside of the
// server.
#include "check.h"
#include "crowd.h"
#include "server/state.h"
#include "server/tick_record.h"

enum { GROUPS = 8, EACH = 64, VERSIONS = 58, NACKS_A_TICK = 240, TICKS = 200 };
static const double TICK_S = 1.0 / CROWD_HZ;

static tl_session *session_of(tl_server *s)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        if (s->clients.all[i].used) {
            return s->clients.all[i].session;
        }
    }
    return NULL;
}

// A city of still boxes whose streams have many versions, and one client that has all of it.
static crowd *quiet_city(void)
{
    crowd *c = crowd_create(1);
    crowd_start(c, 0);
    crowd_fill(c, 0, GROUPS, EACH);
    crowd_connect(c, 0, 0, "greedy");
    crowd_run(c, 2);
    static tl_entity_ref all[GROUPS * EACH];
    CHECK_EQUAL(tl_server_get_entities(c->servers[0].server, all, GROUPS * EACH), GROUPS * EACH);
    for (int k = 0; k < VERSIONS; k++) {
        for (uint32_t i = 0; i < GROUPS * EACH; i += 16) {
            tl_values v = crowd_at(i / EACH * 20.0, 0.1 * (k % 2 + 1), i % EACH * 3.0);
            v.mask = 1;
            CHECK_EQUAL(tl_server_set_values(c->servers[0].server, all[i], &v), TL_OK);
        }
        crowd_run(c, TICK_S);
    }
    crowd_run(c, 2);
    return c;
}

// ---- chunks that nobody else needs ----

static void nack_at_random(tl_session *session, uint64_t *random)
{
    tl_pyramid *p = session->pyramid;
    for (int said = 0; said < NACKS_A_TICK; said++) {
        uint32_t handle = (uint32_t)(check_random(random) % session->handle_top);
        if (session->by_handle[handle] == TL_NONE) {
            continue;
        }
        const tl_subscription *sub = &session->subscriptions[session->by_handle[handle]];
        const tl_stream *t = sub->closing ? NULL : &p->streams.at[sub->stream];
        if (t == NULL || t->history.version == t->history.version_oldest) {
            continue;
        }
        uint32_t begin = (uint32_t)(check_random(random) % t->slot_top),
                 end = begin + 1 + (uint32_t)(check_random(random) % 16);
        uint32_t held = t->history.version_oldest +
                        (uint32_t)(check_random(random) % (t->history.version - t->history.version_oldest));
        tl_session_nack(session, (uint16_t)(session->next_sequence - 1), handle, begin, end, held);
    }
}

static uint32_t longest_list(const tl_pyramid *p)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < p->streams.top; i++) {
        uint32_t count = 0;
        for (const tl_chunk_bytes *chunk = p->streams.at[i].chunks.first; chunk; chunk = chunk->next) {
            count++;
        }
        CHECK_EQUAL(count, p->streams.at[i].chunks.count);
        longest = count > longest ? count : longest;
    }
    return longest;
}

TEST(nacks_make_no_endless_list_of_chunks)
{
    crowd *c = quiet_city();
    tl_server *s = c->servers[0].server;
    tl_session *session = session_of(s);
    uint64_t random = 1;
    size_t live_half = 0;
    for (int tick = 0; tick < TICKS; tick++) {
        nack_at_random(session, &random);
        crowd_run(c, TICK_S);
        CHECK(longest_list(&s->pyramid) <= TL_CHUNKS_KEPT + TL_CURSOR_RUNS_MAX);
        if (tick == TICKS / 2) {
            live_half = s->heap.live_bytes;
        }
    }
    CHECK(s->heap.live_bytes < live_half + (1 << 18));
    crowd_run(c, 3);
    CHECK_EQUAL(tl_client_get_stats(c->clients[0].client).entities, GROUPS * EACH);
    tl_client_validate(c->clients[0].client);
    crowd_destroy(c);
}

TEST(who_has_chunks_made_pays_for_them)
{
    crowd *c = quiet_city();
    tl_server *s = c->servers[0].server;
    tl_session *session = session_of(s);
    const tl_subscription *sub = NULL;
    for (uint32_t i = 0; i < session->subscription_top; i++) {
        const tl_subscription *each = &session->subscriptions[i];
        if (each->used && !each->closing &&
            (sub == NULL ||
             s->pyramid.streams.at[each->stream].slot_top > s->pyramid.streams.at[sub->stream].slot_top)) {
            sub = each;
        }
    }
    const tl_stream *t = &s->pyramid.streams.at[sub->stream];
    int64_t cost = 1 + t->slot_top / TL_CHUNK_SLOTS_A_UNIT, full = session->work.own.left;
    CHECK(cost > 1 && full > 0);
    for (int again = 0; again < 2; again++) { // the second time it is there already
        uint64_t made = s->pyramid.streams.work_count;
        tl_session_nack(session, (uint16_t)(session->next_sequence - 1), sub->handle, 0, TL_SLOT_END - 1,
                        t->history.version_oldest);
        tl_work_refill(&session->work, s->mirror.tick, s->mirror.live_count);
        int64_t before = session->work.own.left;
        CHECK(tl_frame_write(session, s->mirror.tick, s->time.now_us, s->time.now_us, s->clients.frame_scratch,
                             s->clients.frame, TL_FRAME_BYTES_MAX) > 0);
        CHECK_EQUAL(before - session->work.own.left, again ? 0 : cost);
        CHECK_EQUAL(s->pyramid.streams.work_count - made, again ? 0 : cost);
    }
    // Who has used up what it may waits for more.
    session->work.own.left = -TL_WORK_SLOTS_A_TICK;
    tl_session_nack(session, (uint16_t)(session->next_sequence - 1), sub->handle, 0, TL_SLOT_END - 1,
                    t->history.version_oldest + 1);
    CHECK(tl_frame_write(session, s->mirror.tick, s->time.now_us, s->time.now_us, s->clients.frame_scratch,
                         s->clients.frame, TL_FRAME_BYTES_MAX) > 0);
    CHECK(!tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, t->history.version));
    crowd_run(c, 1);
    CHECK(tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, t->history.version));
    crowd_destroy(c);
}

// ---- no memory ----

// Without memory to note what a datagram carries, it counts as lost: it is sent anew.
TEST(what_cannot_be_noted_is_sent_anew)
{
    crowd *c = quiet_city();
    tl_server *s = c->servers[0].server;
    tl_session *session = session_of(s);
    CHECK(session->subscription_top > 1);
    for (uint32_t i = 0; i < session->subscription_top; i++) {
        tl_subscription *sub = &session->subscriptions[i];
        CHECK(sub->used && !sub->closing);
        tl_cursor_reset(&sub->cursors);
        sub->cursors.runs[0].since = session->next_sequence;
        CHECK(tl_chunk_get(&s->pyramid.streams, sub->stream, 0, 0, TL_SLOT_END));
    }
    tl_subscription *closing = &session->subscriptions[0];
    tl_stream_release(&s->pyramid.streams, closing->stream);
    closing->stream = TL_NONE, closing->closing = closing->close_due = true;
    tl_heap heap = s->heap;
    s->heap.bytes = s->heap.used_bytes;
    memset(s->heap.free, 0, sizeof s->heap.free);
    uint64_t before = session->datagrams_sent;
    session->candidate_tick = -1;
    CHECK(tl_frame_write(session, s->mirror.tick, s->time.now_us, s->time.now_us, s->clients.frame_scratch,
                         s->clients.frame, TL_FRAME_BYTES_MAX) > 0);
    s->heap.bytes = heap.bytes;
    memcpy(s->heap.free, heap.free, sizeof heap.free);
    CHECK(session->datagrams_sent > before && closing->close_due && session->candidate_tick < 0);
    for (uint32_t i = 1; i < session->subscription_top; i++) {
        const tl_subscription *sub = &session->subscriptions[i];
        CHECK(tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, 0));
    }
    crowd_run(c, 3);
    for (uint32_t i = 1; i < session->subscription_top; i++) {
        const tl_subscription *sub = &session->subscriptions[i];
        CHECK(!sub->used || sub->closing ||
              tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, s->pyramid.streams.at[sub->stream].history.version));
    }
    CHECK_EQUAL(tl_client_get_stats(c->clients[0].client).entities, GROUPS * EACH);
    crowd_destroy(c);
}

// ---- a game that deletes what it is asked about ----

static tl_result on_request(void *user, tl_server *server, const tl_request *request)
{
    (void)user;
    CHECK_EQUAL(tl_server_delete_entity(server, tl_server_find(server, request->entity)), TL_OK);
    return TL_OK;
}

TEST(a_game_may_delete_what_it_is_asked_about)
{
    for (int by_delete = 0; by_delete < 2; by_delete++) {
        crowd *c = crowd_create(1);
        c->def.callbacks.request = on_request;
        for (int i = 0; i < 2; i++) {
            crowd_start(c, i);
        }
        crowd_fill(c, 0, 1, 2);
        for (int i = 0; i < 2; i++) {
            c->servers[i].server->kinds.kinds[CROWD_BOX].update = c->servers[i].server->kinds.kinds[CROWD_BOX].remove =
                TL_POLICY_ASK;
        }
        for (int i = 0; i < 2; i++) {
            crowd_connect(c, i, i, i ? "here" : "there");
        }
        crowd_run(c, 2);
        tl_entity_ref all[2];
        CHECK_EQUAL(tl_server_get_entities(c->servers[0].server, all, 2), 2);
        for (int i = 0; i < 2; i++) { // the second one's request goes through the log
            tl_entity_info info;
            CHECK_EQUAL(tl_server_get_entity_info(c->servers[0].server, all[i], &info), TL_OK);
            tl_values v = crowd_at(1, 2, 3);
            tl_client *client = c->clients[i].client;
            CHECK_EQUAL(by_delete ? tl_client_request_delete(client, info.id, NULL)
                                  : tl_client_request_update(client, info.id, &v, NULL),
                        TL_OK);
            crowd_run(c, 1);
            CHECK_EQUAL(c->clients[i].answer.result, TL_ERR_NOT_FOUND);
        }
        CHECK_EQUAL(crowd_entities(c, 1), 0);
        CHECK(crowd_mirrors_equal(c));
        crowd_destroy(c);
    }
}

// ---- things far apart ----

// Each in a tile of its own at every level.
static void make_far(crowd *c, int count, tl_entity_ref *refs)
{
    tl_group_id group;
    CHECK_EQUAL(tl_server_create_group(c->servers[0].server, 0, &group), TL_OK);
    for (int i = 0; i < count; i++) {
        tl_entity_def def = {.group = group,
                             .kind = CROWD_BOX,
                             .values = crowd_at((i % 47 - 23) * 20000.0 + 7000, 0, (i / 47 - 23) * 20000.0 + 5000)};
        CHECK_EQUAL(tl_server_create_entity(c->servers[0].server, &def, &refs[i]), TL_OK);
    }
}

static tl_entity_id make_near(crowd *c)
{
    tl_entity_info info;
    tl_group_id group;
    tl_entity_ref ref;
    CHECK_EQUAL(tl_server_create_group(c->servers[0].server, 0, &group), TL_OK);
    tl_entity_def def = {.group = group, .kind = CROWD_BOX, .values = crowd_at(3, 0, 3)};
    CHECK_EQUAL(tl_server_create_entity(c->servers[0].server, &def, &ref), TL_OK);
    CHECK_EQUAL(tl_server_get_entity_info(c->servers[0].server, ref, &info), TL_OK);
    return info.id;
}

static bool is_seen(const crowd *c, tl_entity_id id)
{
    tl_pose pose;
    return tl_client_get_pose(c->clients[0].client, id, (double)tl_client_get_frame_tick(c->clients[0].client), false,
                              &pose) == TL_OK;
}

enum { FAR = 2200, FAR_LEFT = 1200 };

TEST(things_far_away_leave_handles_for_what_is_near)
{
    static tl_entity_ref far[FAR];
    crowd *c = crowd_create(1);
    c->def.entities_max = 28000;
    crowd_start(c, 0);
    make_far(c, FAR, far);
    crowd_run(c, 0.3);
    crowd_connect(c, 0, 0, "honest");
    crowd_run(c, 8);
    tl_entity_id near = make_near(c);
    crowd_run(c, 2);
    tl_server *s = c->servers[0].server;
    tl_session *session = session_of(s);
    CHECK(is_seen(c, near));
    // Not all is there, and nobody says that it is.
    CHECK(tl_client_get_stats(c->clients[0].client).entities < FAR && tl_server_get_stats(s).limits_reached > 0);
    CHECK(session->settled_tick < s->mirror.tick - CROWD_HZ);
    // It goes elsewhere: what it no longer wants gives its handles to what it does.
    CHECK_EQUAL(tl_client_observe_point(c->clients[0].client, (tl_vec3){23 * 20000.0 + 7000, 0, 23 * 20000.0 + 5000}),
                TL_OK);
    crowd_run(c, 5);
    CHECK_EQUAL(tl_client_observe_point(c->clients[0].client, (tl_vec3){0, 0, 0}), TL_OK);
    crowd_run(c, 5);
    CHECK(is_seen(c, near));
    // With fewer things there is room for all.
    for (int i = FAR_LEFT; i < FAR; i++) {
        CHECK_EQUAL(tl_server_delete_entity(s, far[i]), TL_OK);
    }
    crowd_run(c, 20);
    CHECK_EQUAL(tl_client_get_stats(c->clients[0].client).entities, FAR_LEFT + 1);
    CHECK(session->settled_tick >= s->mirror.tick - CROWD_HZ);
    tl_server_validate(s);
    crowd_destroy(c);
}

enum { FAR_CELLS = 1000, GONE = 600 };

TEST(what_found_no_cell_gets_one_when_there_are_some)
{
    static tl_entity_ref far[FAR_CELLS];
    crowd *c = crowd_create(1);
    c->def.entities_max = 2000, c->def.created_max = 64;
    crowd_start(c, 0);
    make_far(c, FAR_CELLS, far);
    crowd_run(c, 0.3);
    crowd_connect(c, 0, 0, "honest");
    tl_entity_id near = make_near(c);
    crowd_run(c, 5);
    tl_server *s = c->servers[0].server;
    const tl_pyramid *p = &s->pyramid;
    CHECK(p->placeless && !is_seen(c, near) && tl_server_get_stats(s).limits_reached > 0);
    // A tile that there is for nothing is none.
    for (uint32_t i = 0; i < p->tiles.top; i++) {
        CHECK(!p->tiles.at[i].used || p->tiles.at[i].entity_count || p->tiles.at[i].streams[0] != TL_NONE ||
              p->tiles.at[i].streams[1] != TL_NONE);
    }
    for (int i = 0; i < GONE; i++) {
        CHECK_EQUAL(tl_server_delete_entity(s, far[i]), TL_OK);
    }
    crowd_run(c, 10);
    CHECK(is_seen(c, near) && !p->placeless);
    CHECK_EQUAL(tl_client_get_stats(c->clients[0].client).entities, FAR_CELLS - GONE + 1);
    tl_server_validate(s);
    crowd_destroy(c);
}

// ---- tiles that are too full ----

TEST(a_tile_with_more_than_a_stream_takes_is_shown_in_parts)
{
    crowd *c = crowd_create(1);
    crowd_start(c, 0);
    tl_server *s = c->servers[0].server;
    s->pyramid.streams.slots_max = 128;
    crowd_fill(c, 0, GROUPS, EACH);
    crowd_connect(c, 0, 0, "distant");
    CHECK_EQUAL(tl_client_observe_point(c->clients[0].client, (tl_vec3){5000, 0, 0}), TL_OK);
    crowd_run(c, 3);
    CHECK_EQUAL(tl_client_get_stats(c->clients[0].client).entities, GROUPS * EACH);
    CHECK(session_of(s)->settled_tick >= s->mirror.tick - CROWD_HZ);
    CHECK_EQUAL(s->pyramid.streams.full_count, 0);
    crowd_destroy(c);
}

// ---- requests that go through the log ----

TEST(requests_to_other_servers_leave_room_for_what_servers_need)
{
    crowd *c = crowd_create(1);
    for (int i = 0; i < 2; i++) {
        crowd_start(c, i);
    }
    crowd_fill(c, 0, 1, 1);
    crowd_connect(c, 0, 1, "asks");
    crowd_run(c, 2);
    tl_server *s = c->servers[1].server;
    static unsigned char post[TL_POST_BYTES_MAX]; // for nobody: of no epoch
    tl_entity_ref ref;
    tl_entity_info info;
    CHECK_EQUAL(tl_server_get_entities(c->servers[0].server, &ref, 1), 1);
    CHECK_EQUAL(tl_server_get_entity_info(c->servers[0].server, ref, &info), TL_OK);
    CHECK_EQUAL(tl_client_request_delete(c->clients[0].client, info.id, NULL), TL_OK);
    for (int i = 0; i < 100; i++) {
        while (tl_tick_record_post(s, TL_OP_REQUEST, c->servers[0].server->number, post, sizeof post)) {
            continue;
        }
        while (tl_tick_record_post(s, TL_OP_REQUEST, c->servers[0].server->number, post, 1)) {
            continue;
        }
        CHECK(s->changes.posts_bytes + 16 > TL_POSTS_BYTES_MAX / 2 && s->changes.posts_bytes <= TL_POSTS_BYTES_MAX / 2);
        crowd_run(c, 0.002);
    }
    CHECK_EQUAL(c->clients[0].answer.result, TL_AGAIN);
    CHECK_EQUAL(crowd_entities(c, 1), 1);
    while (tl_tick_record_post(s, TL_OP_REQUEST, c->servers[0].server->number, post, sizeof post)) {
        continue;
    }
    CHECK(tl_tick_record_post(s, TL_OP_RESPONSE, c->servers[0].server->number, post, sizeof post));
    while (tl_tick_record_post(s, TL_OP_RESPONSE, c->servers[0].server->number, post, sizeof post)) {
        continue;
    }
    CHECK(tl_tick_record_post(s, TL_OP_RETELL, 0, post, 10));
    CHECK(!tl_tick_record_post(s, TL_OP_REQUEST, c->servers[0].server->number, post, 10));
    crowd_run(c, 1);
    CHECK_EQUAL(tl_client_request_delete(c->clients[0].client, info.id, NULL), TL_OK);
    crowd_run(c, 1);
    CHECK_EQUAL(c->clients[0].answer.result, TL_OK);
    CHECK_EQUAL(crowd_entities(c, 1), 0);
    crowd_destroy(c);
}

int main(void)
{
    RUN(nacks_make_no_endless_list_of_chunks);
    RUN(who_has_chunks_made_pays_for_them);
    RUN(what_cannot_be_noted_is_sent_anew);
    RUN(a_game_may_delete_what_it_is_asked_about);
    RUN(things_far_away_leave_handles_for_what_is_near);
    RUN(what_found_no_cell_gets_one_when_there_are_some);
    RUN(a_tile_with_more_than_a_stream_takes_is_shown_in_parts);
    RUN(requests_to_other_servers_leave_room_for_what_servers_need);
}
