// Whatever makes a server log a line: clients come and go, say hello with a wrong token, and send junk.
#include "guest.h"

#include <unistd.h>

enum { GUESTS = 8, REFUSED = 2, JUNK = 2, SAID_MIN = 10, PAUSE_US = 5000 };
#define LIFE_S 0.1

void attack_lines(attack *a)
{
    static guest guests[GUESTS];
    peer refused[REFUSED] = {0}, junk[JUNK] = {0};
    uint8_t hello[HELLO_BYTES_MAX];
    size_t size = attack_hello(hello);
    a->said_min = SAID_MIN;
    guests_init(a, guests, GUESTS, "a-name-as-long-as-it-may-be");
    while (attack_goes_on(a)) {
        guests_step(guests, GUESTS);
        peers_step(a, refused, REFUSED);
        peers_step(a, junk, JUNK);
        for (int i = 0; i < REFUSED; i++) {
            if (refused[i].state == PEER_OPEN) {
                peer_send(a, &refused[i], hello, size);
            }
        }
        for (int i = 0; i < JUNK; i++) {
            if (junk[i].state == PEER_OPEN) {
                peer_send(a, &junk[i], "\x7fjunk", 5);
            }
        }
        for (int i = 0; i < GUESTS; i++) {
            guest *g = &guests[i];
            if (!guest_is_live(g) || attack_now_s() < g->live_s + LIFE_S) {
                continue;
            }
            guest_end(g, 0);
            a->said++;
        }
        usleep(PAUSE_US);
    }
    guests_end(guests, GUESTS);
    for (int i = 0; i < REFUSED; i++) {
        peer_end(&refused[i]);
    }
    for (int i = 0; i < JUNK; i++) {
        peer_end(&junk[i]);
    }
}
