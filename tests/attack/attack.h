// Attacks on a server, each a function in a file of its own and a row in the table of attack.c. What they share: peers, which
// are DTLS connections from a chosen address that do not check whom they talk to, and a clock.
#ifndef TRAMLINE_TESTS_ATTACK_H
#define TRAMLINE_TESTS_ATTACK_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HELLO_BYTES_MAX = 1150, CLIENT_HELLO_BYTES_MAX = 1200 };

typedef struct attack {
    struct sockaddr_in server, from; // from: port 0
    double until_s;
    SSL_CTX *context;
    uint64_t connected, closed, sent; // told at the end
    uint64_t random;
} attack;

typedef enum peer_state { PEER_NONE, PEER_HANDSHAKING, PEER_OPEN, PEER_CLOSED } peer_state;

typedef struct peer {
    peer_state state;
    int fd;
    SSL *ssl;
    double since_s; // in this state
} peer;

bool attack_goes_on(const attack *a);
double attack_now_s(void);
uint64_t attack_random(attack *a);
// A socket from the attack's address that is connected to the server; -1: none is left.
int attack_socket(const attack *a);
// Tramline's hello with a token that no server takes; the bytes are counted.
size_t attack_hello(uint8_t out[HELLO_BYTES_MAX]);
// The first datagram of a DTLS handshake.
size_t attack_client_hello(const attack *a, uint8_t out[CLIENT_HELLO_BYTES_MAX]);

bool peer_begin(attack *a, peer *p);
// Goes on with the handshake, takes in what has come, notices the end. A handshake is given up after five seconds.
peer_state peer_step(attack *a, peer *p);
void peer_send(attack *a, peer *p, const void *data, size_t size);
void peer_end(peer *p);
// All peers are begun, begun anew when they were closed, and stepped.
void peers_step(attack *a, peer *peers, int count);

void attack_junk(attack *a);
void attack_hellos(attack *a);
void attack_silent(attack *a);
void attack_ports(attack *a);
void attack_cookies(attack *a);
void attack_noise(attack *a);

#endif
