// Several connections under one name, on all servers: what the name owns goes to the newest of them, through the store,
// and the others are told to go, and come again.
#include "guest.h"

#include <stdio.h>
#include <unistd.h>

enum { NAMES = 3, TWINS = 4, GUESTS = NAMES * TWINS, OWN_EACH = 8, SAID_MIN = 50, PAUSE_US = 10000, EXISTS_MAX = 3 };

void attack_twins(attack *a)
{
    static guest guests[GUESTS];
    a->said_min = SAID_MIN;
    for (int i = 0; i < GUESTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "twin-%d", i % NAMES);
        guest_init(a, &guests[i], i / NAMES, name);
    }
    for (uint64_t round = 0; attack_goes_on(a); round++) {
        guests_step(guests, GUESTS);
        for (int i = 0; i < GUESTS; i++) {
            guest *g = &guests[i];
            if (!guest_is_live(g) || round % 8 != 0) {
                continue;
            }
            if (g->answers[TL_ERR_EXISTS] >= EXISTS_MAX) { // the newest connection takes it
                g->answers[TL_ERR_EXISTS] = 0;
                guest_end(g, 0);
                continue;
            }
            if (g->client->owned_count < OWN_EACH) {
                guest_create(g, 0, (tl_vec3){i, 0, (double)g->client->owned_count}, true);
            }
            tl_values values = {.mask = 1};
            values.fields[0].position = (tl_vec3){(double)attack_dice(a, 100), 0, (double)attack_dice(a, 100)};
            for (uint32_t k = 0; k < g->client->owned_count; k++) {
                tl_result set = tl_client_set_values(g->client, g->client->owned[k].id, (double)g->client->world_tick,
                                                     0, &values);
                a->said += set == TL_OK;
            }
        }
        usleep(PAUSE_US);
    }
    guests_end(guests, GUESTS);
}
