// Four clients, guests and named ones, whose addresses change and whose servers die and come back, at random, and never for long: what they have
// made stays theirs, each thing once; nobody is given what another has made, and in the end each client's own list is what the servers say.
#include "reconnect_lab.h"

enum { MADE_MAX = 512 };
typedef struct made { tl_entity_id id; int who; bool gone; } made;
static made all[MADE_MAX];
static int made_count;
static uint64_t state;

static uint32_t rnd(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static void make_one(lab *l, int which)
{
    friend *f = &l->friends[which];
    tl_values v = lab_avatar_values(0);
    uint32_t before = f->answers;
    if (tl_client_get_state(f->client) != TL_CLIENT_LIVE) return;
    if (tl_client_request_create(f->client, KIND_AVATAR, 0, &v, true, NULL) != TL_OK) return;
    for (int i = 0; i < 60 && f->answers == before; i++) lab_run(l, 0.01);
    if (f->answers == before || f->answer.result != TL_OK || f->answer.request == 0) return;
    for (int i = 0; i < made_count; i++)
        if (all[i].id == f->answer.entity) return;
    all[made_count++] = (made){f->answer.entity, which, false};
}

static int wander(uint64_t seed)
{
    const lab_def def = lab_def_default();
    static const char *const tokens[] = {"anna", "id-berta", "clara", "id-dora"};
    lab_seed = seed;
    state = seed * 91 + 3;
    made_count = 0;
    lab *l = lab_create(&def);
    for (int i = 0; i < CLIENTS_MAX; i++) lab_connect(l, i, (int)rnd(SERVERS), SERVERS, tokens[i]);
    lab_run(l, 1.5);
    int dead = -1, faults = 0;
    double dead_s = 0;
    for (int step = 0; step < 160; step++) {
        lab_run(l, 0.05 + 0.01 * rnd(60));
        uint32_t what = rnd(100);
        int who = (int)rnd(CLIENTS_MAX);
        if (what < 35 && made_count < MADE_MAX) make_one(l, who);
        else if (what < 55) lab_change_address(&l->friends[who]);
        else if (what < 62 && dead < 0) { dead = (int)rnd(SERVERS); lab_kill_server(l, dead); dead_s = 0; }
        else if (what < 70 && dead >= 0) { lab_start_server(l, dead); dead = -1; lab_run(l, 2.5); }
        (void)dead_s, (void)faults;
    }
    if (dead >= 0) lab_start_server(l, dead);
    lab_run(l, 8);
    int bad = 0, lost = 0;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        friend *f = &l->friends[i];
        lost += (int)f->lost;
        if (tl_client_get_state(f->client) != TL_CLIENT_LIVE) { printf("  seed %llu: client %d is not live: %s\n", (unsigned long long)seed, i, tl_client_text(f->client)); bad++; }
    }
    for (int k = 0; k < made_count; k++) {
        int owners = lab_owners(l, all[k].id);
        tl_client *c = l->friends[all[k].who].client;
        tl_values v = lab_avatar_values(1);
        tl_result own = tl_client_set(c, all[k].id, tl_client_server_tick(c, l->now_us), 0, &v);
        if (owners != 1 || own == TL_ERR_NOT_FOUND) { printf("  seed %llu: %llx of client %d has %d owners; its client says %s; client lost %u\n", (unsigned long long)seed, (unsigned long long)all[k].id, all[k].who, owners, tl_result_name(own), l->friends[all[k].who].lost); bad++; }
        for (int i = 0; i < CLIENTS_MAX; i++)
            if (i != all[k].who && tl_client_set(l->friends[i].client, all[k].id, tl_client_server_tick(c, l->now_us), 0, &v) != TL_ERR_NOT_FOUND) { printf("  client %d owns what client %d made\n", i, all[k].who); bad++; }
    }
    printf("  seed %llu: %d made, %d lost, %d bad\n", (unsigned long long)seed, made_count, lost, bad);
    lab_destroy(l);
    return bad;
}

static uint64_t first = 1, last = 8;

TEST(what_they_have_made_stays_theirs)
{
    int bad = 0;
    for (uint64_t seed = first; seed <= last; seed++) bad += wander(seed);
    CHECK_EQUAL(bad, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) first = last = strtoull(argv[1], NULL, 10);
    if (argc > 2) last = strtoull(argv[2], NULL, 10);
    RUN(what_they_have_made_stays_theirs);
    return 0;
}
