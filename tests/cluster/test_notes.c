// Clients that own notes of 800 bytes, and write all of them anew in each tick, within the datagrams that a peer may
// send. Who walks by sees everything else as it is. And what it means for honest ones: what they said last arrives.
#include "crowd.h"
#include "raw.h"

#include <math.h>

enum { GROUPS = 60, EACH = 60, BOXES = GROUPS * EACH, LONG_M = 3600, WALKER = 31, LOOK_TICKS = 10 };
enum { HOSTILE_MAX = 16, NOTES = 9, NOTE_BYTES = 800, LITTLE = 4000, UNLIMITED = 1000000000 };
static const double DRIVE_MPS = 2, CIRCLE_M = 5;

static tl_entity_id boxes[BOXES];
static tl_entity_ref refs[BOXES];
static tl_vec3 places[BOXES];
static uint64_t random_state;

static tl_vec3 box_at(int box, double time_s, tl_vec3 *velocity)
{
    double angle = box + time_s;
    tl_vec3 c = places[box];
    *velocity = (tl_vec3){-sin(angle) * CIRCLE_M, 0, cos(angle) * CIRCLE_M};
    return (tl_vec3){c.x + cos(angle) * CIRCLE_M, c.y, c.z + sin(angle) * CIRCLE_M};
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    static tl_vec3 positions[BOXES], velocities[BOXES];
    (void)user, (void)tick;
    if (refs[BOXES - 1] == TL_REF_NONE) {
        return;
    }
    for (int i = 0; i < BOXES; i++) {
        positions[i] = box_at(i, time_s, &velocities[i]);
    }
    CHECK_EQUAL(tl_server_set_poses(server, refs, BOXES, positions, velocities, NULL), BOXES);
}

// ---- who writes ----

static raw hostile[HOSTILE_MAX];
static int hostile_count;
static uint16_t version;

static void write_fields(tl_writer *w, int64_t x, int64_t z)
{
    raw_fields(w, x, 256, z);
    tl_write_varint(w, NOTE_BYTES);
    for (size_t i = 0; i < NOTE_BYTES; i++) {
        tl_write_fixed(w, check_random(&random_state) & 0xff, 1);
    }
}

static void say(raw *r, int note)
{
    tl_writer *w = raw_begin(r, TL_REPORT_OWNED);
    tl_write_varint(w, 1);
    tl_write_signed(w, r->tick);
    tl_write_varint(w, r->made[note]);
    tl_write_fixed(w, ++version, 2);
    tl_write_varint(w, CROWD_NOTE);
    tl_write_varint(w, 0);
    write_fields(w, 1000 + note * 256, 2000);
    raw_send(r);
}

static void make(raw *r)
{
    unsigned char data[1000];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_varint(&w, TL_REQUEST_CREATE);
    tl_write_varint(&w, 1);
    tl_write_varint(&w, CROWD_NOTE);
    tl_write_varint(&w, 0);
    tl_write_varint(&w, 7);
    write_fields(&w, 1000, 2000);
    raw_begin(r, TL_REPORT_MESSAGES);
    raw_request(r, 1, data, w.size);
    raw_send(r);
}

static void let_in(crowd *c)
{
    for (int i = 0; i < hostile_count; i++) {
        raw_open(&hostile[i], c->servers[0].network);
    }
    for (int t = 0; t < 40; t++) {
        crowd_run(c, 0.05);
        raw_keep_all(hostile, hostile_count, c->now_us);
    }
    for (int k = 0; k < NOTES; k++) {
        for (int i = 0; i < hostile_count; i++) {
            make(&hostile[i]);
        }
        crowd_run(c, 0.15);
        raw_poll_all(hostile, hostile_count, c->now_us);
    }
    for (int i = 0; i < hostile_count; i++) {
        CHECK_EQUAL(hostile[i].made_count, NOTES);
    }
}

// ---- who walks by ----

static double distance_m(tl_vec3 a, tl_vec3 b)
{
    return hypot(hypot(a.x - b.x, a.y - b.y), a.z - b.z);
}

static uint32_t count_wrong(tl_client *client, tl_vec3 at)
{
    uint32_t wrong = 0;
    double tick = (double)tl_client_get_frame_tick(client);
    for (int i = 0; i < BOXES; i++) {
        tl_pose pose;
        tl_vec3 velocity, p = box_at(i, tick / CROWD_HZ, &velocity);
        double allowed_m = fmax(0.02, 0.001 * distance_m(p, at));
        bool known = tl_client_get_pose(client, boxes[i], tick, false, &pose) == TL_OK;
        wrong += !known || distance_m(p, pose.position) > 2 * allowed_m;
    }
    return wrong;
}

typedef struct walk {
    uint32_t wrong, of;
    double unsettled_s;
} walk;

static walk walk_on(crowd *c, double seconds, bool writing)
{
    static double way_m;
    tl_client *walker = c->clients[WALKER].client;
    walk seen = {0};
    for (int tick = 0; tick < seconds * CROWD_HZ; tick++) {
        way_m += DRIVE_MPS / CROWD_HZ;
        tl_vec3 at = {way_m, 2, 0};
        tl_client_observe_point(walker, at);
        raw_poll_all(hostile, hostile_count, c->now_us);
        for (int i = 0; i < hostile_count; i++) {
            raw_plain(&hostile[i]);
            for (int k = 0; writing && k < NOTES; k++) {
                say(&hostile[i], k);
            }
        }
        crowd_run(c, 1.0 / CROWD_HZ);
        tl_client_stats stats = tl_client_get_stats(walker);
        seen.unsettled_s = fmax(seen.unsettled_s, (double)(stats.tick - stats.settled_tick) / CROWD_HZ);
        if (tick % LOOK_TICKS != LOOK_TICKS - 1) {
            continue;
        }
        seen.wrong += count_wrong(walker, at);
        seen.of += BOXES;
    }
    const char *when = writing ? "while they write" : "at peace";
    printf("  %s: %u of %u wrong, unsettled for up to %.2f s\n", when, seen.wrong, seen.of, seen.unsettled_s);
    return seen;
}

static crowd *begin_walk(int count, uint32_t bytes_s_max)
{
    crowd *c = crowd_create(1);
    random_state = 1;
    hostile_count = count;
    refs[BOXES - 1] = TL_REF_NONE;
    c->def.callbacks.tick = on_tick;
    c->def.entities_max = 20000;
    c->names_proven = true;
    if (bytes_s_max) {
        c->def.client_bytes_s_max = bytes_s_max;
    }
    crowd_start(c, 0);
    tl_server *server = c->servers[0].server;
    for (int k = 0; k < BOXES; k++) {
        static tl_group_id group;
        tl_entity_info info;
        if (k % EACH == 0) {
            CHECK_EQUAL(tl_server_create_group(server, 0, &group), TL_OK);
        }
        tl_vec3 *p = &places[k];
        p->x = check_random_between(&random_state, -100, LONG_M);
        p->y = check_random_between(&random_state, 0, 9), p->z = check_random_between(&random_state, -200, 200);
        tl_entity_def def = {.group = group, .kind = CROWD_BOX, .values = crowd_at(p->x, p->y, p->z)};
        CHECK_EQUAL(tl_server_create_entity(server, &def, &refs[k]), TL_OK);
        CHECK_EQUAL(tl_server_get_entity_info(server, refs[k], &info), TL_OK);
        boxes[k] = info.id;
    }
    crowd_run(c, 0.5);
    crowd_connect(c, WALKER, 0, "walker");
    let_in(c);
    CHECK_EQUAL(walk_on(c, 2, false).wrong, 0);
    return c;
}

static void end_walk(crowd *c)
{
    tl_server_validate(c->servers[0].server);
    for (int i = 0; i < hostile_count; i++) {
        raw_close(&hostile[i]);
    }
    crowd_destroy(c);
}

TEST(clients_that_write_without_end)
{
    crowd *c = begin_walk(3, 0);
    uint64_t records = tl_server_get_stats(c->servers[0].server).record_bytes;
    walk quiet = walk_on(c, 4, false);
    uint64_t at_peace = tl_server_get_stats(c->servers[0].server).record_bytes - records;
    walk seen = walk_on(c, 4, true);
    tl_server_stats stats = tl_server_get_stats(c->servers[0].server);
    double each = (double)(stats.record_bytes - records - 2 * at_peace) / 4 / hostile_count;
    printf("  %.0f bytes/s each in records, put off %llu times\n", each, (unsigned long long)stats.client_bytes_waits);
    CHECK_EQUAL(quiet.wrong, 0);
    CHECK_EQUAL(seen.wrong, 0);
    CHECK(seen.unsettled_s < 0.5);
    CHECK(stats.client_bytes_waits > 1000);
    CHECK(each < 1.5 * c->def.client_bytes_s_max); // with the second that was saved up
    end_walk(c);
}

// Without that limit more comes in one place than the walker's rate. The notes wait, and not everybody for them.
TEST(what_does_not_fit_holds_up_nothing_else)
{
    crowd *c = begin_walk(3, UNLIMITED);
    walk seen = walk_on(c, 4, true);
    CHECK(seen.wrong < seen.of / 100);
    end_walk(c);
}

// ---- who is honest ----

static tl_values note_of(unsigned char *text, int number)
{
    tl_values v = crowd_at(number, 0, 0);
    for (size_t i = 0; i < NOTE_BYTES; i++) {
        text[i] = (unsigned char)check_random(&random_state);
    }
    text[0] = (unsigned char)number;
    v.mask |= 4;
    v.fields[2].bytes = text, v.fields[2].size = NOTE_BYTES;
    return v;
}

static tl_entity_id create(crowd *c, int kind, const tl_values *values, bool own)
{
    CHECK_EQUAL(tl_client_request_create(c->clients[0].client, kind, 0, values, own, NULL), TL_OK);
    crowd_run(c, 0.2);
    CHECK_EQUAL(c->clients[0].answer.result, TL_OK);
    return c->clients[0].last_made;
}

static int text_at(const crowd *c, tl_entity_id id)
{
    tl_values got;
    const tl_server *s = c->servers[0].server;
    CHECK_EQUAL(tl_server_get_values(s, tl_server_find(s, id), &got), TL_OK);
    CHECK_EQUAL(got.fields[2].size, NOTE_BYTES);
    return *(const unsigned char *)got.fields[2].bytes;
}

static crowd *begin_honest(bool proven, uint32_t bytes_s_max)
{
    crowd *c = crowd_create(1);
    random_state = 1;
    c->names_proven = proven;
    if (bytes_s_max) {
        c->def.client_bytes_s_max = bytes_s_max;
    }
    c->grant_created_max = 1000;
    crowd_start(c, 0);
    crowd_connect(c, 0, 0, "honest");
    crowd_run(c, 1.5);
    return c;
}

TEST(what_was_said_last_arrives)
{
    crowd *c = begin_honest(true, 2 * LITTLE);
    unsigned char text[NOTE_BYTES];
    tl_entity_id own[8];
    for (int i = 0; i < 8; i++) {
        tl_values v = note_of(text, i);
        own[i] = create(c, CROWD_NOTE, &v, true);
    }
    tl_client *client = c->clients[0].client;
    for (int tick = 0; tick < 5 * CROWD_HZ; tick++) {
        for (int i = 0; i < 8; i++) {
            tl_values v = note_of(text, 100 + tick + i);
            CHECK_EQUAL(tl_client_set_values(client, own[i], tl_client_get_server_tick(client, c->now_us), 0, &v),
                        TL_OK);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
    }
    uint64_t waits = tl_server_get_stats(c->servers[0].server).client_bytes_waits;
    printf("  put off %llu times\n", (unsigned long long)waits);
    CHECK(waits > 20);
    crowd_run(c, 3);
    for (int i = 0; i < 8; i++) {
        CHECK_EQUAL(text_at(c, own[i]), (unsigned char)(100 + 5 * CROWD_HZ - 1 + i));
    }
    crowd_destroy(c);
}

// A request costs what it has published, on whosever entity.
TEST(requests_count)
{
    crowd *c = begin_honest(true, 0);
    unsigned char text[NOTE_BYTES];
    tl_values v = note_of(text, 1);
    tl_entity_id theirs = create(c, CROWD_NOTE, &v, false);
    crowd_run(c, 1);
    uint32_t taken = c->clients[0].accepted;
    for (int tick = 0; tick < 10 * CROWD_HZ; tick++) {
        v = note_of(text, tick);
        for (int i = 0; i < 2; i++) {
            (void)tl_client_request_update(c->clients[0].client, theirs, &v, NULL);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
    }
    taken = c->clients[0].accepted - taken;
    printf("  %u requests were taken in 10 s\n", taken);
    CHECK(tl_server_get_stats(c->servers[0].server).client_bytes_waits > 0);
    CHECK(taken * (double)NOTE_BYTES < 11 * c->def.client_bytes_s_max);
    CHECK(taken * (double)NOTE_BYTES > 8 * c->def.client_bytes_s_max);
    crowd_destroy(c);
}

// Another connection has no more than the one before: of a name that is proven what that had left, else little.
static uint32_t taken_by_connections(bool proven)
{
    crowd *c = begin_honest(proven, LITTLE);
    unsigned char text[NOTE_BYTES];
    uint32_t taken = 0;
    crowd_disconnect(c, 0);
    for (int times = 0; times < 10; times++) {
        crowd_connect(c, 0, 0, "honest");
        crowd_run(c, 0.7);
        for (int i = 0; i < 20; i++) {
            tl_values v = note_of(text, i);
            CHECK_EQUAL(tl_client_request_create(c->clients[0].client, CROWD_NOTE, 0, &v, false, NULL), TL_OK);
        }
        crowd_run(c, 0.3);
        taken += c->clients[0].accepted;
        crowd_disconnect(c, 0);
        crowd_run(c, 0.1);
    }
    printf("  %u creations were taken in 11 s\n", taken);
    crowd_destroy(c);
    return taken;
}

TEST(another_connection_has_no_more)
{
    double most = 11 + 1 + 1; // seconds, with one that was saved up
    CHECK(taken_by_connections(true) * NOTE_BYTES < most * LITTLE);
    CHECK(taken_by_connections(false) * NOTE_BYTES < most * LITTLE);
}

// Sixteen avatars that turn all the time, said sixty times a second.
TEST(who_plays_does_not_notice)
{
    crowd *c = begin_honest(false, 0);
    tl_entity_id own[16];
    for (int i = 0; i < 16; i++) {
        tl_values v = crowd_at(i, 0, 0);
        own[i] = create(c, CROWD_AVATAR, &v, true);
    }
    tl_client *client = c->clients[0].client;
    for (int frame = 0; frame < 5 * 60; frame++) {
        for (int i = 0; i < 16; i++) {
            double angle = frame / 60.0 * 3 + i;
            tl_values v = crowd_at(cos(angle) * 4, 0, sin(angle) * 4);
            v.fields[0].velocity = (tl_vec3){-sin(angle) * 12, 0, cos(angle) * 12};
            v.fields[1].rotation = (tl_quat){0, sin(angle / 2), 0, cos(angle / 2)};
            CHECK_EQUAL(tl_client_set_values(client, own[i], tl_client_get_server_tick(client, c->now_us), 0, &v),
                        TL_OK);
        }
        crowd_run(c, 1.0 / 60);
    }
    CHECK_EQUAL(tl_server_get_stats(c->servers[0].server).client_bytes_waits, 0);
    CHECK_EQUAL(tl_server_get_stats(c->servers[0].server).states_refused, 0);
    crowd_destroy(c);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    RUN(clients_that_write_without_end);
    RUN(what_does_not_fit_holds_up_nothing_else);
    RUN(what_was_said_last_arrives);
    RUN(requests_count);
    RUN(another_connection_has_no_more);
    RUN(who_plays_does_not_notice);
    return 0;
}
