// A flood of creations. Most clients create for nobody (own = 0) until their quota is used up, and come again under
// other names; some have tokens that allow more than the world does; some create for themselves, and delete all of it
// again. All of them send as much else as a message may hold.
#include "guest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GUESTS = 24, SAID_MIN = 400, PAUSE_US = 5000, FULL_MAX = 20, GREEDY = 1000000, USER_EACH = 8 };
#define ASK_EVERY_S 0.03
#define RENAME_PAUSE_S 0.1

typedef enum role { CREATES_FOR_NOBODY, IS_GREEDY, DELETES_ITS_OWN, ROLE_COUNT } role;

static role role_of(int i)
{
    return i % 6 == 0 ? IS_GREEDY : i % 6 == 1 ? DELETES_ITS_OWN : CREATES_FOR_NOBODY;
}

static void rename_guest(guest *g, int i, int life)
{
    snprintf(g->name, sizeof g->name, "creator-%d-%d", i, life);
    memset(g->answers, 0, sizeof g->answers);
}

static tl_vec3 some_place(guest *g)
{
    return (tl_vec3){(double)attack_dice(g->attack, 2000) - 1000, (double)attack_dice(g->attack, 20),
                     (double)attack_dice(g->attack, 2000) - 1000};
}

static void delete_own(guest *g)
{
    tl_client *c = g->client;
    for (uint32_t i = c->owned_count; i > 0; i--) {
        if (tl_client_request_delete(c, c->owned[i - 1].id, NULL) == TL_OK) {
            g->attack->said++;
        }
    }
}

void attack_create(attack *a)
{
    static guest guests[GUESTS];
    static int lives[GUESTS];
    static double asked_s[GUESTS];
    unsigned char text[TL_MESSAGE_BYTES_MAX];
    memset(text, 'x', sizeof text);
    a->said_min = SAID_MIN;
    for (int i = 0; i < GUESTS; i++) {
        guest_init(a, &guests[i], 0, "");
        rename_guest(&guests[i], i, 0);
        guests[i].created_max = role_of(i) == CREATES_FOR_NOBODY ? 0 : GREEDY;
    }
    for (uint64_t round = 0; attack_goes_on(a); round++) {
        guests_step(guests, GUESTS);
        for (int i = 0; i < GUESTS; i++) {
            guest *g = &guests[i];
            double now_s = attack_now_s();
            if (!guest_is_live(g) || now_s < asked_s[i] + ASK_EVERY_S) {
                continue;
            }
            asked_s[i] = now_s;
            guest_create(g, 0, some_place(g), role_of(i) == DELETES_ITS_OWN);
            if (role_of(i) == DELETES_ITS_OWN && g->client->owned_count >= 8) {
                delete_own(g);
            }
            if (round % USER_EACH == 0) {
                tl_client_send(g->client, text, sizeof text);
            }
            if (role_of(i) != CREATES_FOR_NOBODY || g->answers[TL_ERR_FULL] < FULL_MAX) {
                continue;
            }
            guest_end(g, RENAME_PAUSE_S);
            rename_guest(g, i, ++lives[i]);
        }
        usleep(PAUSE_US);
    }
    guests_end(guests, GUESTS);
}
