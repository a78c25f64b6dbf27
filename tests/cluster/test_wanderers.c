// Four clients, guests and named ones, whose addresses change and whose servers die and come back, at random, and never
// for long: what they have made stays theirs, each thing once, and nobody is given what another has made.
#include "reconnect_lab.h"

#include <inttypes.h>

enum { MADE_MAX = 512, STEPS = 160 };

typedef struct made {
    tl_entity_id id;
    int who;
} made;

static made all[MADE_MAX];
static int made_count;
static uint64_t state;

static void make_one(lab *l, int which)
{
    friend *f = &l->friends[which];
    tl_values v = lab_avatar_values(0);
    uint32_t before = f->answers;
    if (tl_client_get_state(f->client) != TL_CLIENT_LIVE || made_count == MADE_MAX) {
        return;
    }
    if (tl_client_request_create(f->client, KIND_AVATAR, 0, &v, true, NULL) != TL_OK) {
        return;
    }
    for (int i = 0; i < 60 && f->answers == before; i++) {
        lab_run(l, 0.01);
    }
    if (f->answers == before || f->answer.result != TL_OK || f->answer.request == 0) {
        return;
    }
    for (int i = 0; i < made_count; i++) {
        if (all[i].id == f->answer.entity) {
            return;
        }
    }
    all[made_count++] = (made){f->answer.entity, which};
}

static void disturb(lab *l, int *dead)
{
    uint32_t what = check_random_below(&state, 100);
    int who = (int)check_random_below(&state, CLIENTS_MAX);
    if (what < 35) {
        make_one(l, who);
    } else if (what < 55) {
        lab_change_address(&l->friends[who]);
    } else if (what < 62 && *dead < 0) {
        *dead = (int)check_random_below(&state, SERVERS);
        lab_kill_server(l, *dead);
    } else if (what < 70 && *dead >= 0) {
        lab_start_server(l, *dead);
        *dead = -1;
        lab_run(l, 2.5);
    }
}

// Whether a client may set an entity, which only its owner may.
static bool owns(lab *l, int client, tl_entity_id id)
{
    tl_client *c = l->friends[client].client;
    tl_values v = lab_avatar_values(1);
    return tl_client_set_values(c, id, tl_client_get_server_tick(c, l->now_us), 0, &v) != TL_ERR_NOT_FOUND;
}

static int count_bad(lab *l)
{
    int bad = 0;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (tl_client_get_state(l->friends[i].client) == TL_CLIENT_LIVE) {
            continue;
        }
        printf("  client %d is not live: %s\n", i, tl_client_get_text(l->friends[i].client));
        bad++;
    }
    for (int k = 0; k < made_count; k++) {
        int owners = lab_owners(l, all[k].id), who = all[k].who;
        bool good = owners == 1;
        for (int i = 0; i < CLIENTS_MAX; i++) {
            good &= owns(l, i, all[k].id) == (i == who);
        }
        if (!good) {
            printf("  %" PRIx64 " of client %d has %d owners; the client lost %u\n", all[k].id, who, owners,
                   l->friends[who].lost);
        }
        bad += !good;
    }
    return bad;
}

static int wander(uint64_t seed)
{
    const lab_def def = lab_def_default();
    static const char *const tokens[] = {"anna", "id-berta", "clara", "id-dora"};
    lab_seed = seed;
    state = seed * 91 + 3;
    made_count = 0;
    lab *l = lab_create(&def);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        lab_connect(l, i, (int)check_random_below(&state, SERVERS), SERVERS, tokens[i]);
    }
    lab_run(l, 1.5);
    int dead = -1;
    for (int step = 0; step < STEPS; step++) {
        lab_run(l, 0.05 + 0.01 * check_random_below(&state, 60));
        disturb(l, &dead);
    }
    if (dead >= 0) {
        lab_start_server(l, dead);
    }
    lab_run(l, 8);
    int bad = count_bad(l);
    printf("  seed %" PRIu64 ": %d made, %d bad\n", seed, made_count, bad);
    lab_destroy(l);
    return bad;
}

static uint64_t first = 1, last = 8;

TEST(what_they_have_made_stays_theirs)
{
    int bad = 0;
    for (uint64_t seed = first; seed <= last; seed++) {
        bad += wander(seed);
    }
    CHECK_EQUAL(bad, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        first = last = strtoull(argv[1], NULL, 10);
    }
    if (argc > 2) {
        last = strtoull(argv[2], NULL, 10);
    }
    RUN(what_they_have_made_stays_theirs);
    return 0;
}
