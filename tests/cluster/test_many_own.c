// Nobody hostile: a client that owns as many as it may, all of which walk in circles. What it says is more than its
// budget of bytes; then each is told a little later, and none is put off for ever.
#include "crowd.h"

#include <math.h>

enum { SECONDS = 40 };

static void on_client_grant(tl_grant *out)
{
    out->entities_max = 64;
}

static double walk(uint32_t own, double radius_m, uint32_t bytes_s)
{
    crowd *c = crowd_create(1);
    c->names_proven = true;
    c->on_grant = on_client_grant;
    if (bytes_s) {
        c->def.client_bytes_s_max = bytes_s;
    }
    crowd_start(c, 0);
    crowd_connect(c, 0, 0, "honest");
    crowd_run(c, 1);
    tl_entity_id all[64];
    tl_client *k = c->clients[0].client;
    for (uint32_t i = 0; i < own; i++) {
        tl_values v = crowd_at(i * 3.0, 0, 0);
        CHECK_EQUAL(tl_client_request_create(k, CROWD_AVATAR, 0, &v, true, NULL), TL_OK);
        crowd_run(c, 0.3);
        CHECK_EQUAL(c->clients[0].answer.result, TL_OK);
        all[i] = c->clients[0].last_made;
    }
    double worst_m = 0;
    static double late_s[64], latest_s[64];
    memset(late_s, 0, sizeof late_s), memset(latest_s, 0, sizeof latest_s);
    for (int tick = 0; tick < SECONDS * CROWD_HZ; tick++) {
        double t = tl_client_get_server_tick(k, c->now_us);
        for (uint32_t i = 0; i < own; i++) {
            double a = t / CROWD_HZ * 2 + i;
            tl_values v = crowd_at(i * 3.0 + radius_m * cos(a), 0, radius_m * sin(a));
            v.fields[0].velocity = (tl_vec3){-2 * radius_m * sin(a), 0, 2 * radius_m * cos(a)};
            v.fields[1].rotation = (tl_quat){0, sin(a / 2), 0, cos(a / 2)};
            CHECK_EQUAL(tl_client_set_values(k, all[i], t, 0, &v), TL_OK);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
        tl_server *s = c->servers[0].server;
        double now = (double)tl_server_get_stats(s).world_tick;
        for (uint32_t i = 0; i < own; i++) {
            tl_vec3 p;
            tl_quat r;
            CHECK_EQUAL(tl_server_get_pose(s, tl_server_find(s, all[i]), now, &p, &r), TL_OK);
            double a = now / CROWD_HZ * 2 + i;
            double off = hypot(p.x - i * 3.0 - radius_m * cos(a), p.z - radius_m * sin(a));
            if (tick > 40 && off > worst_m) {
                worst_m = off;
            }
            late_s[i] = off > 0.3 ? late_s[i] + 1.0 / CROWD_HZ : 0;
            if (late_s[i] > latest_s[i]) {
                latest_s[i] = late_s[i];
            }
        }
    }
    for (int again = 0; again < 2; again++) { // they stand still at last
        double t = tl_client_get_server_tick(k, c->now_us);
        for (uint32_t i = 0; i < own; i++) {
            tl_values v = crowd_at(i * 3.0, 5 + again, 0);
            CHECK_EQUAL(tl_client_set_values(k, all[i], t, 0, &v), TL_OK);
        }
        crowd_run(c, 0.05);
    }
    crowd_run(c, 10);
    uint32_t elsewhere = 0;
    for (uint32_t i = 0; i < own; i++) {
        tl_vec3 p;
        tl_quat r;
        tl_server *s = c->servers[0].server;
        CHECK_EQUAL(tl_server_get_pose(s, tl_server_find(s, all[i]), (double)tl_server_get_stats(s).world_tick, &p, &r),
                    TL_OK);
        elsewhere += hypot(hypot(p.x - i * 3.0, p.y - 6), p.z) > 0.05;
    }
    printf("  %u stand elsewhere in the end\n", elsewhere);
    CHECK_EQUAL(elsewhere, 0);
    double longest_s = 0;
    for (uint32_t i = 0; i < own; i++) {
        longest_s = fmax(longest_s, latest_s[i]);
    }
    tl_server_stats stats = tl_server_get_stats(c->servers[0].server);
    printf("  %u own: off by %.2f m at the worst, %.1f s long by more than 0.3 m; put off %llu times\n", own, worst_m,
           longest_s, (unsigned long long)stats.client_bytes_waits);
    for (uint32_t i = 0; own > 40 && i < own; i++) {
        printf(" %.1f", latest_s[i]);
    }
    printf("\n");
    crowd_destroy(c);
    return longest_s;
}

TEST(none_is_put_off_for_ever)
{
    walk(16, 2, 0);
    walk(32, 2, 0);
    CHECK(walk(64, 2, 4000) < 8);
    CHECK(walk(64, 2, 0) < 4);
}

int main(void)
{
    RUN(none_is_put_off_for_ever);
    return 0;
}
