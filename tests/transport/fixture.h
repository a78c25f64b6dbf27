// What the transport tests share: a clock, a folder that is removed at the end, a DTLS server with a certificate of its
// own, and a watcher that polls a transport and counts what it says.
#ifndef TRAMLINE_TESTS_TRANSPORT_FIXTURE_H
#define TRAMLINE_TESTS_TRANSPORT_FIXTURE_H

#include "check.h"
#include "tramline/transport.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t clock_us(void);

// ---- files ----------------------------------------------------------------------------------------------------------

extern char folder[64];
const char *path_in_folder(const char *name);
void folder_create(void);
void folder_remove(void);
void file_write(const char *path, const void *data, size_t size);

// ---- watching a transport -------------------------------------------------------------------------------------------

typedef struct watcher {
    tl_transport *transport;
    bool echo; // sends back what it gets
    uint32_t connected, datagrams, closed;
    uint64_t bytes;
    tl_peer peer, closed_peer; // the last ones
    tl_result result;
    char text[192];
    uint8_t data[2048]; // the last datagram
    size_t size;
} watcher;

// Polls until there is nothing now. Returns how many events there were.
int watch(watcher *w, uint64_t now_us);
void watcher_close(watcher *w);

enum { WAIT_US = 10000000 }; // so long a condition is waited for on an idle machine

// Watches both in real time until the condition holds.
#define WATCH_UNTIL(a, b, condition)                                         \
    do {                                                                     \
        uint64_t watch_begin_us = clock_us();                                \
        while (!(condition)) {                                               \
            if (clock_us() > watch_begin_us + WAIT_US * check_patience()) {  \
                check_fail(__FILE__, __LINE__, "waited for %s", #condition); \
            }                                                                \
            if (watch((a), clock_us()) + watch((b), clock_us()) == 0)        \
                usleep(200);                                                 \
        }                                                                    \
    } while (0)

void watch_for(watcher *a, watcher *b, uint32_t ms);

// ---- DTLS -----------------------------------------------------------------------------------------------------------

tl_dtls_server_def server_def(void);
watcher server_open_with(tl_dtls_server_def def);
watcher server_open(void);
watcher client_open_with(tl_dtls_client_def def, const watcher *server, uint16_t port);
watcher client_open(const watcher *server);

// ---- a relay between clients and a server ---------------------------------------------------------------------------

enum { RELAY_CLIENTS_MAX = 8, RELAY_LOG_MAX = 256 };

typedef struct relay_packet {
    uint16_t size;
    uint8_t data[2048];
} relay_packet;

// A UDP relay that loses, copies, corrupts and measures. Each client gets a socket of its own towards the server.
typedef struct relay {
    int fd;
    uint16_t port, server_port;
    uint64_t random;
    double loss, copy, corrupt;
    bool one_upstream; // all clients come from one address, as the server sees it
    struct sockaddr_in clients[RELAY_CLIENTS_MAX];
    int upstream[RELAY_CLIENTS_MAX];
    uint32_t client_count, client_last;
    size_t size_max;
    uint32_t packets, log_count;
    relay_packet log[RELAY_LOG_MAX]; // the first ones towards the server
} relay;

int udp_socket_on_loopback(uint16_t *port);
void send_to_port(int fd, uint16_t port, const void *data, size_t size);
relay *relay_open(uint16_t server_port, uint64_t seed);
void relay_close(relay *r);
void relay_pump(relay *r);

#define RELAY_UNTIL(r, a, b, condition)                                      \
    do {                                                                     \
        uint64_t relay_begin_us = clock_us();                                \
        while (!(condition)) {                                               \
            if (clock_us() > relay_begin_us + WAIT_US * check_patience()) {  \
                check_fail(__FILE__, __LINE__, "waited for %s", #condition); \
            }                                                                \
            relay_pump(r);                                                   \
            watch((a), clock_us());                                          \
            watch((b), clock_us());                                          \
            usleep(100);                                                     \
        }                                                                    \
    } while (0)

#endif
