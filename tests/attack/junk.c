// Four connected peers send junk at full rate.
#include "attack.h"

enum { PEERS = 4, BURST = 64, JUNK_BYTES_MAX = 200 };

void attack_junk(attack *a)
{
    peer peers[PEERS] = {0};
    uint8_t junk[JUNK_BYTES_MAX];
    while (attack_goes_on(a)) {
        peers_step(a, peers, PEERS);
        for (int n = 0; n < BURST * PEERS; n++) {
            peer *p = &peers[n % PEERS];
            size_t size = 1 + attack_random(a) % JUNK_BYTES_MAX;
            for (size_t i = 0; i < size; i++) {
                junk[i] = (uint8_t)attack_random(a);
            }
            if (p->state == PEER_OPEN) {
                peer_send(a, p, junk, size);
            }
        }
    }
    for (int i = 0; i < PEERS; i++) {
        peer_end(&peers[i]);
    }
}
