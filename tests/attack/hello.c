// Two peers say hello with a wrong token, again and again, and connect again when they are closed.
#include "attack.h"

enum { PEERS = 2, BURST = 64 };

void attack_hellos(attack *a)
{
    peer peers[PEERS] = {0};
    uint8_t hello[HELLO_BYTES_MAX];
    size_t size = attack_hello(hello);
    while (attack_goes_on(a) && size) {
        peers_step(a, peers, PEERS);
        for (int n = 0; n < BURST * PEERS; n++) {
            if (peers[n % PEERS].state == PEER_OPEN) {
                peer_send(a, &peers[n % PEERS], hello, size);
            }
        }
    }
    for (int i = 0; i < PEERS; i++) {
        peer_end(&peers[i]);
    }
}
