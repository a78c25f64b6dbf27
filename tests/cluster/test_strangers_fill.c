// Servers without tokens. From one address come as many connections as it may begin; each makes things of its own and
// is gone without a goodbye, so that they are kept for a grace period. Whoever is here can still make something of his
// own, and whose name was proven keeps what he has.
#include "crowd.h"
#include "raw.h"

enum { PER_SECOND = 32, SECONDS = 25, MEMBER_S = 12, LATER_S = 9, GUEST = 30 };

typedef struct flood {
    crowd *c;
    raw strangers[PER_SECOND]; // each stays for a second
    int asked[PER_SECOND];
    uint64_t opened_us[PER_SECOND];
    int begun; // connections
    int own_each;
    raw member;      // his name was proven
    int tries, full; // the guest's
} flood;

static flood flooded;

static flood *begin(int own_each, uint32_t groups_max, uint32_t created_max)
{
    flood *f = &flooded;
    *f = (flood){.c = crowd_create(1), .own_each = own_each};
    crowd *c = f->c;
    c->def.secret_seed[0] = 1;
    c->def.entities_max = 16384, c->def.clients_max = 256;
    c->def.groups_max = groups_max, c->def.created_max = created_max;
    crowd_start(c, 0);
    crowd_fill(c, 0, 2, 4);
    crowd_connect(c, GUEST, 0, "guest");
    crowd_run(c, 1);
    return f;
}

static void end(flood *f)
{
    for (int i = 0; i < PER_SECOND; i++) {
        raw_close(&f->strangers[i]);
    }
    raw_close(&f->member);
    crowd_destroy(f->c);
}

static tl_server_stats stats_of(const flood *f)
{
    return tl_server_get_stats(f->c->servers[0].server);
}

static void step_stranger(flood *f, int i, int step)
{
    raw *r = &f->strangers[i];
    if (r->transport == NULL) {
        return;
    }
    raw_poll(r, f->c->now_us);
    if (r->connected && !r->welcomed && step % 5 == 0) {
        raw_hello(r, "stranger", NULL);
    }
    bool makes = f->c->now_us - f->opened_us[i] > 100000 && (int)r->made_count < f->own_each && step % 4 == i % 4;
    if (r->welcomed && makes) {
        raw_create(r, CROWD_AVATAR, 0, true, i * 1000, 0, f->asked[i]++ * 1000);
    } else if (r->welcomed && step % 10 == 0) {
        raw_plain(r);
    }
}

// A hundredth of a second; one more stranger comes when it is time.
static void step_all(flood *f, int step)
{
    crowd_run(f->c, 0.01);
    if (step * PER_SECOND / 100 > f->begun) {
        int i = f->begun++ % PER_SECOND;
        raw_close(&f->strangers[i]);
        raw_open(&f->strangers[i], f->c->servers[0].network);
        f->asked[i] = 0;
        f->opened_us[i] = f->c->now_us;
    }
    for (int i = 0; i < PER_SECOND; i++) {
        step_stranger(f, i, step);
    }
}

static void guest_tries(flood *f)
{
    crowd_client *guest = &f->c->clients[GUEST];
    tl_values v = crowd_at(1, 2, 3);
    uint32_t before = guest->refused_full;
    tl_client_request_create(guest->client, CROWD_AVATAR, 0, &v, true, NULL);
    crowd_run(f->c, 0.05);
    f->tries++;
    f->full += guest->refused_full > before;
}

// Connects, makes one entity of its own, and is gone.
static void step_member(flood *f, int step)
{
    raw *r = &f->member;
    if (step == MEMBER_S * 100) {
        raw_open(r, f->c->servers[0].network);
    }
    if (r->transport == NULL) {
        return;
    }
    raw_poll(r, f->c->now_us);
    f->c->names_proven = r->connected && !r->welcomed && step % 10 == 0;
    if (f->c->names_proven) {
        raw_hello(r, "member", NULL);
        crowd_run(f->c, 0.01);
        f->c->names_proven = false;
    } else if (r->welcomed && step % 100 == 60) {
        raw_create(r, CROWD_AVATAR, 0, true, 0, 0, 0);
    } else if (r->welcomed && step % 10 == 0) {
        raw_plain(r);
    }
    if (r->made_count) {
        raw_close(r);
    }
}

static void flood_for_long(flood *f)
{
    for (int step = 0; step < SECONDS * 100; step++) {
        step_all(f, step);
        step_member(f, step);
        if (step == (MEMBER_S + LATER_S) * 100) {
            CHECK(tl_server_find(f->c->servers[0].server, f->member.made[0]) != TL_REF_NONE);
        }
        if (step % 100 == 99 && step > SECONDS * 50) {
            guest_tries(f);
        }
        if (step % 500 != 499) {
            continue;
        }
        tl_server_stats s = stats_of(f);
        printf("  %2d s: %u clients, %u created of %u, %u groups of %u; the guest was refused %d of %d times; "
               "%d graces were cut short\n",
               (step + 1) / 100, s.clients, s.created, f->c->def.created_max, s.groups, f->c->def.groups_max, f->full,
               f->tries, (int)s.graces_shortened);
    }
}

// As 'serve' has it: entities become scarce.
TEST(a_guest_can_make_something_of_his_own)
{
    flood *f = begin(16, 2048 + 100, 4096);
    flood_for_long(f);
    CHECK_EQUAL(f->full, 0);
    CHECK(stats_of(f).graces_shortened > 0);
    end(f);
}

// Here groups do, of which clients may have half.
TEST(a_guest_finds_a_group_of_his_own)
{
    flood *f = begin(1, 400, 4096);
    flood_for_long(f);
    CHECK_EQUAL(f->full, 0);
    CHECK(stats_of(f).graces_shortened > 0);
    end(f);
}

// As long as there is room, nobody's grace ends early.
TEST(who_lost_his_connection_keeps_what_he_owns_while_there_is_room)
{
    enum { COME_S = 5, AWAY_S = 3 };
    flood *f = begin(16, 2048 + 100, 4096);
    for (int step = 0; step < COME_S * 100; step++) {
        step_all(f, step);
    }
    for (int i = 0; i < PER_SECOND; i++) {
        raw_close(&f->strangers[i]);
    }
    crowd_run(f->c, 0.5); // what they asked for last
    uint32_t created = stats_of(f).created;
    crowd_run(f->c, AWAY_S);
    CHECK(created > f->c->def.created_max / 2);
    CHECK_EQUAL(stats_of(f).created, created);
    CHECK_EQUAL(stats_of(f).graces_shortened, 0);
    end(f);
}

int main(void)
{
    RUN(a_guest_can_make_something_of_his_own);
    RUN(a_guest_finds_a_group_of_his_own);
    RUN(who_lost_his_connection_keeps_what_he_owns_while_there_is_room);
    return 0;
}
