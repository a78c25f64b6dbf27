// Storms of boarding and leaving: carriers that are not there, that carry nobody, that are far away, that ride in their
// own riders; and cabins with honest riders in them.
#include "guest.h"

#include <string.h>
#include <unistd.h>

enum { GUESTS = 8, OWN_EACH = 8, SAID_MIN = 400, PAUSE_US = 10000, FAR_M = 500 };

static uint64_t dice(guest *g, uint64_t sides)
{
    return attack_dice(g->attack, sides);
}

static tl_entity_id some_own(guest *g)
{
    return g->client->owned[dice(g, g->client->owned_count)].id;
}

static tl_entity_id some_carrier(guest *g, const tl_owned_entity *o, tl_vec3 *place)
{
    *place = (tl_vec3){(double)dice(g, 5) - 2, 1, (double)dice(g, 5) - 2};
    switch (dice(g, 8)) {
    case 0: return attack_random(g->attack); // unknown
    case 1: return o->id;                    // itself
    case 2: return some_own(g);              // no carrier, and maybe in a circle
    case 3: return guest_finds(g, false);    // whatever it is
    case 4: place->x += FAR_M; return guest_finds(g, true);
    case 5: *place = (tl_vec3){(double)dice(g, 1000), 0, (double)dice(g, 1000)}; return 0;
    default: return guest_finds(g, true); // as an honest rider would, but in any
    }
}

static void say_boarding(guest *g, tl_owned_entity *o)
{
    int64_t words[TL_STATE_WORDS_MAX] = {0};
    tl_vec3 place;
    tl_entity_id carrier = some_carrier(g, o, &place);
    int shift = g->client->kinds.kinds[o->kind].fields[0].shift[0];
    words[1] = (int64_t)(place.x * (1 << shift));
    words[2] = (int64_t)(place.y * (1 << shift));
    words[3] = (int64_t)(place.z * (1 << shift));
    guest_say_owned(g, o, g->client->world_tick, carrier, words);
}

static void create_in_some(guest *g)
{
    tl_owned_entity none = {.id = g->made};
    tl_vec3 place = {1, 1, 1};
    tl_entity_id carrier = g->client->owned_count ? some_carrier(g, &none, &place) : 0;
    guest_create(g, carrier, place, true);
}

void attack_carriers(attack *a)
{
    static guest guests[GUESTS];
    a->said_min = SAID_MIN;
    guests_init(a, guests, GUESTS, "boarder");
    for (uint64_t round = 0; attack_goes_on(a); round++) {
        guests_step(guests, GUESTS);
        for (int i = 0; i < GUESTS; i++) {
            guest *g = &guests[i];
            if (!guest_is_live(g)) {
                continue;
            }
            if (round % 8 == 0 && g->client->owned_count < OWN_EACH) {
                create_in_some(g);
            }
            // Who carries riders goes, now and then.
            if (round % 64 == 0 && g->client->owned_count == OWN_EACH) {
                tl_client_request_delete(g->client, some_own(g), NULL);
            }
            if (g->client->owned_count) {
                say_boarding(g, &g->client->owned[dice(g, g->client->owned_count)]);
            }
        }
        usleep(PAUSE_US);
    }
    guests_end(guests, GUESTS);
}
