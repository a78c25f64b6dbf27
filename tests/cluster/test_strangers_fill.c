// Servers without tokens. From one address come as many connections as it may begin; each makes as many things of its own as it may, and is gone
// without a goodbye, so that they are kept for a time of grace. A guest still can make something of his own.
#include "crowd.h"
#include "raw.h"

enum { PER_SECOND = 32, OWN = 16, SECONDS = 25, ALIVE_S = 1, STRANGERS = PER_SECOND * ALIVE_S, GUEST = 30 };

static raw strangers[STRANGERS];
static int asked[STRANGERS];
static uint64_t opened_us[STRANGERS];

TEST(a_guest_can_make_something_of_his_own)
{
    crowd *c = crowd_create(1);
    c->def.secret_seed[0] = 1;
    c->def.entities_max = 16384, c->def.groups_max = 2048 + 100, c->def.clients_max = 256, c->def.created_max = 4096; // as 'serve' has it
    crowd_start(c, 0);
    crowd_fill(c, 0, 2, 4);
    crowd_connect(c, GUEST, 0, "guest");
    crowd_run(c, 1);
    uint64_t begun_us = c->now_us;
    int next = 0, tries = 0, full = 0;
    for (int step = 0; step < SECONDS * 100; step++) {
        crowd_run(c, 0.01);
        if ((c->now_us - begun_us) * PER_SECOND / 1000000 > (uint64_t)next) {
            raw *r = &strangers[next % STRANGERS];
            raw_close(r);
            raw_open(r, c->servers[0].network);
            asked[next % STRANGERS] = 0;
            opened_us[next % STRANGERS] = c->now_us;
            next++;
        }
        for (int i = 0; i < STRANGERS; i++) {
            raw *r = &strangers[i];
            if (r->transport == NULL) continue;
            raw_poll(r, c->now_us);
            if (r->connected && !r->welcomed && step % 5 == 0) raw_hello(r, "stranger", NULL);
            if (r->welcomed && c->now_us - opened_us[i] > 100000 && r->made_count < OWN && step % 4 == i % 4) raw_create(r, CROWD_AVATAR, 0, true, i * 1000, 0, asked[i]++ * 1000);
            else if (r->welcomed && step % 10 == 0) raw_plain(r);
        }
        if (step % 100 == 99 && step > SECONDS * 50) {
            tl_values v = crowd_at(1, 2, 3);
            uint32_t before = c->clients[GUEST].refused_full;
            tl_client_request_create(c->clients[GUEST].client, CROWD_AVATAR, 0, &v, true, NULL);
            crowd_run(c, 0.05);
            tries++;
            full += c->clients[GUEST].refused_full > before;
        }
        if (step % 500 == 499) {
            tl_server_stats s = tl_server_get_stats(c->servers[0].server);
            printf("  %2d s: %u clients, %u created of %u, %u groups of %u; the guest was refused %d of %d times\n", (step + 1) / 100, s.clients, s.created, c->def.created_max, s.groups, c->def.groups_max, full, tries);
        }
    }
    CHECK(full * 4 < tries);
    for (int i = 0; i < STRANGERS; i++) raw_close(&strangers[i]);
    crowd_destroy(c);
}

int main(void)
{
    RUN(a_guest_can_make_something_of_his_own);
    return 0;
}
