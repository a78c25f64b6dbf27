// Clients that look from elsewhere in each tick, so that they need other streams each time. Some connect anew each
// second, and have then done no work yet.
#include "guest.h"

#include <unistd.h>

enum { STEADY = 10, FLEETING = 10, GUESTS = STEADY + FLEETING, SAID_MIN = 200, PAUSE_US = 5000 };
#define JUMP_EVERY_S 0.05
#define LIFE_S 1.0
#define REACH_M 4000

void attack_teleport(attack *a)
{
    static guest guests[GUESTS];
    static double jumped_s[GUESTS];
    a->said_min = SAID_MIN;
    guests_init(a, guests, GUESTS, "jumper");
    while (attack_goes_on(a)) {
        guests_step(guests, GUESTS);
        for (int i = 0; i < GUESTS; i++) {
            guest *g = &guests[i];
            double now_s = attack_now_s();
            if (!guest_is_live(g) || now_s < jumped_s[i] + JUMP_EVERY_S) {
                continue;
            }
            jumped_s[i] = now_s;
            tl_vec3 place = {(double)attack_dice(a, 2 * REACH_M) - REACH_M, 2,
                             (double)attack_dice(a, 2 * REACH_M) - REACH_M};
            if (tl_client_observe_point(g->client, place) == TL_OK) {
                a->said++;
            }
            if (i >= STEADY && now_s > g->live_s + LIFE_S) {
                guest_end(g, 0);
            }
        }
        usleep(PAUSE_US);
    }
    guests_end(guests, GUESTS);
}
