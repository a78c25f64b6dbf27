// A store that takes a little longer than servers are patient, always. A client goes from one server to another; what
// it owns goes with it.
#include "reconnect_lab.h"

static bool comes_along(uint32_t follow_us, int deaths)
{
    lab_def def = lab_def_default();
    lab_seed = 1;
    def.world.follow_us_min = def.world.follow_us_max = follow_us;
    lab *l = lab_create(&def);
    lab_connect(l, 0, 0, 1, "id-anna");
    lab_run(l, 1.5);
    lab_create_avatar(l, 0);
    tl_entity_id avatar = l->friends[0].avatar;
    lab_run(l, 2);
    if (deaths) {
        lab_kill_server(l, 0);
    }
    lab_disconnect(l, 0, false);
    lab_connect(l, 2, 1, 1, "id-anna");
    double took_s = 0;
    for (; took_s < 20 && l->friends[2].given_back == 0; took_s += 0.1) {
        lab_run(l, 0.1);
    }
    lab_run(l, 15);
    int owners = lab_owners(l, avatar);
    printf("  followed after %u ms%s: %s after %.1f s; %d owners in the end, lost %u\n", follow_us / 1000,
           deaths ? ", its server dies" : "", l->friends[2].given_back ? "given back" : "not given back", took_s,
           owners, l->friends[2].lost);
    bool good = l->friends[2].given_back == 1 && owners == 1;
    lab_destroy(l);
    return good;
}

TEST(what_a_client_owns_comes_along_though_the_store_is_slow)
{
    CHECK(comes_along(100000, 0));
    bool good = true;
    for (uint32_t us = 105000; us <= 215000; us += 5000) {
        good &= comes_along(us, 0);
        good &= comes_along(us, 1);
    }
    CHECK(good);
}

int main(void)
{
    RUN(what_a_client_owns_comes_along_though_the_store_is_slow);
    return 0;
}
