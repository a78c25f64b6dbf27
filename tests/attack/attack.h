// Attacks on a server, each a function in a file of its own and a row in the table of attack.c. What they share: peers,
// which are DTLS connections from a chosen address that do not check whom they talk to, and a clock. Attackers whom the
// server lets in are guests (guest.h).
#ifndef TRAMLINE_TESTS_ATTACK_H
#define TRAMLINE_TESTS_ATTACK_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HELLO_BYTES_MAX = 1150, CLIENT_HELLO_BYTES_MAX = 1200, SERVERS_MAX = 8 };

typedef struct attack {
    struct sockaddr_in servers[SERVERS_MAX], from; // the first server is the one that is attacked; from: port 0
    int server_count;
    const char *key_file; // of tokens; NULL: the servers want none
    double until_s;
    uint64_t said_min; // it goes on for so long beyond that, that its guests can say so much on a slow machine
    SSL_CTX *context;
    uint64_t connected, closed, sent; // told at the end
    // of guests: what they said; requests that were done or refused; connections that were
    uint64_t said, done, refused, ended;
    uint64_t random;
} attack;

typedef enum peer_state { PEER_NONE, PEER_HANDSHAKING, PEER_OPEN, PEER_CLOSED } peer_state;

typedef struct peer {
    peer_state state;
    int server; // which of them it connects to
    int fd;
    SSL *ssl;
    double since_s; // in this state
    // What comes in; may be NULL. Kept from connection to connection, like the server.
    void (*receive)(void *user, const void *data, size_t size);
    void *user;
} peer;

bool attack_goes_on(const attack *a);
double attack_now_s(void);
uint64_t attack_random(attack *a);
uint64_t attack_dice(attack *a, uint64_t sides);
// A socket from the attack's address that is connected to a server; -1: none is left.
int attack_socket(const attack *a, int server);
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
void attack_bloat(attack *a);
void attack_kill(attack *a);
void attack_create(attack *a);
void attack_teleport(attack *a);
void attack_carriers(attack *a);
void attack_nack(attack *a);
void attack_twins(attack *a);
void attack_lines(attack *a);

#endif
