// One client that has a server keep things for it, or takes places from the others: in virtual time, from inside of the server.
#include "check.h"
#include "crowd.h"
#include "server_internal.h"

enum { GROUPS = 8, EACH = 64, VERSIONS = 58, NACKS_A_TICK = 240, TICKS = 200 };
static const double TICK_S = 1.0 / CROWD_HZ;

static tl_session *session_of(tl_server *s)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++)
        if (s->clients[i].used) return s->clients[i].session;
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
    CHECK_EQUAL(tl_server_entities(c->servers[0].server, all, GROUPS * EACH), GROUPS * EACH);
    for (int k = 0; k < VERSIONS; k++) {
        for (uint32_t i = 0; i < GROUPS * EACH; i += 16) {
            tl_values v = crowd_at(i / EACH * 20.0, 0.1 * (k % 2 + 1), i % EACH * 3.0);
            v.mask = 1;
            CHECK_EQUAL(tl_server_set(c->servers[0].server, all[i], &v), TL_OK);
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
        if (session->by_handle[handle] == TL_NONE) continue;
        const tl_subscription *sub = &session->subscriptions[session->by_handle[handle]];
        const tl_stream *t = sub->closing ? NULL : &p->streams[sub->stream];
        if (t == NULL || t->version == t->version_oldest) continue;
        uint32_t begin = (uint32_t)(check_random(random) % t->slot_top), end = begin + 1 + (uint32_t)(check_random(random) % 16);
        uint32_t held = t->version_oldest + (uint32_t)(check_random(random) % (t->version - t->version_oldest));
        tl_session_nack(session, (uint16_t)(session->next_sequence - 1), handle, begin, end, held);
    }
}

static uint32_t longest_list(const tl_pyramid *p)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < p->stream_top; i++) {
        uint32_t count = 0;
        for (const tl_chunk_bytes *chunk = p->streams[i].chunks; chunk; chunk = chunk->next) count++;
        CHECK_EQUAL(count, p->streams[i].chunk_count);
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
        if (tick == TICKS / 2) live_half = s->heap.live_bytes;
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
        if (each->used && !each->closing && (sub == NULL || s->pyramid.streams[each->stream].slot_top > s->pyramid.streams[sub->stream].slot_top)) sub = each;
    }
    const tl_stream *t = &s->pyramid.streams[sub->stream];
    int64_t cost = 1 + t->slot_top / TL_CHUNK_SLOTS_A_UNIT, full = session->work.own.left;
    CHECK(cost > 1 && full > 0);
    for (int again = 0; again < 2; again++) { // the second time it is there already
        uint64_t made = s->pyramid.work_count;
        tl_session_nack(session, (uint16_t)(session->next_sequence - 1), sub->handle, 0, TL_SLOT_END - 1, t->version_oldest);
        tl_work_refill(&session->work, s->mirror.tick, s->mirror.live_count);
        int64_t before = session->work.own.left;
        CHECK(tl_frame_write(session, s->mirror.tick, s->now_us, s->now_us, s->frame_scratch, s->frame, TL_FRAME_BYTES_MAX) > 0);
        CHECK_EQUAL(before - session->work.own.left, again ? 0 : cost);
        CHECK_EQUAL(s->pyramid.work_count - made, again ? 0 : cost);
    }
    // Who has used up what it may waits for more.
    session->work.own.left = -TL_WORK_SLOTS_A_TICK;
    tl_session_nack(session, (uint16_t)(session->next_sequence - 1), sub->handle, 0, TL_SLOT_END - 1, t->version_oldest + 1);
    CHECK(tl_frame_write(session, s->mirror.tick, s->now_us, s->now_us, s->frame_scratch, s->frame, TL_FRAME_BYTES_MAX) > 0);
    CHECK(!tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, t->version));
    crowd_run(c, 1);
    CHECK(tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, t->version));
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
        CHECK(tl_chunk_get(&s->pyramid, sub->stream, 0, 0, TL_SLOT_END));
    }
    tl_subscription *closing = &session->subscriptions[0];
    tl_pyramid_release(&s->pyramid, closing->stream);
    closing->stream = TL_NONE, closing->closing = closing->close_due = true;
    tl_heap heap = s->heap;
    s->heap.bytes = s->heap.used_bytes;
    memset(s->heap.free, 0, sizeof s->heap.free);
    uint64_t before = session->datagrams_sent;
    session->candidate_tick = -1;
    CHECK(tl_frame_write(session, s->mirror.tick, s->now_us, s->now_us, s->frame_scratch, s->frame, TL_FRAME_BYTES_MAX) > 0);
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
        CHECK(!sub->used || sub->closing || tl_cursor_is(&sub->cursors, 0, TL_SLOT_END, s->pyramid.streams[sub->stream].version));
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
        for (int i = 0; i < 2; i++) crowd_start(c, i);
        crowd_fill(c, 0, 1, 2);
        for (int i = 0; i < 2; i++) c->servers[i].server->kinds.kinds[CROWD_BOX].update = c->servers[i].server->kinds.kinds[CROWD_BOX].remove = TL_POLICY_ASK;
        for (int i = 0; i < 2; i++) crowd_connect(c, i, i, i ? "here" : "there");
        crowd_run(c, 2);
        tl_entity_ref all[2];
        CHECK_EQUAL(tl_server_entities(c->servers[0].server, all, 2), 2);
        for (int i = 0; i < 2; i++) { // the second one's request goes through the log
            tl_entity_info info;
            CHECK_EQUAL(tl_server_info(c->servers[0].server, all[i], &info), TL_OK);
            tl_values v = crowd_at(1, 2, 3);
            tl_client *client = c->clients[i].client;
            CHECK_EQUAL(by_delete ? tl_client_request_delete(client, info.id, NULL) : tl_client_request_update(client, info.id, &v, NULL), TL_OK);
            crowd_run(c, 1);
            CHECK_EQUAL(c->clients[i].answer.result, TL_ERR_NOT_FOUND);
        }
        CHECK_EQUAL(crowd_entities(c, 1), 0);
        CHECK(crowd_mirrors_equal(c));
        crowd_destroy(c);
    }
}

int main(void)
{
    RUN(nacks_make_no_endless_list_of_chunks);
    RUN(who_has_chunks_made_pays_for_them);
    RUN(what_cannot_be_noted_is_sent_anew);
    RUN(a_game_may_delete_what_it_is_asked_about);
}
