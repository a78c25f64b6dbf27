#include "relay.h"

#include "check.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 64, WAITING_MAX = 1 << 14, DATAGRAM_BYTES_MAX = 1500, BATCH = 256, SOCKET_BYTES = 4 << 20 };

typedef struct waiting {
    uint64_t due_us;
    int fd; // that it leaves by
    struct sockaddr_in to;
    bool named; // `to` counts; else the socket is connected
    size_t size;
    unsigned char data[DATAGRAM_BYTES_MAX];
} waiting;

typedef struct client {
    struct sockaddr_in address;
    int port;   // of the relay's, that it came to
    int server; // the port that its socket is connected to
    int fd;
} client;

typedef struct loop {
    relay_weather *weather;
    int fds[RELAY_PORTS_MAX], count, moves;
    client clients[CLIENTS_MAX];
    int client_count;
    waiting *queue[WAITING_MAX]; // a heap, the first due on top
    int queued;
    uint64_t random;
} loop;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static struct sockaddr_in at_port(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int socket_make(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), bytes = SOCKET_BYTES;
    CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return fd;
}

// ---- what waits ----------------------------------------------------------------------------------------------------

static void send_now(const waiting *w)
{
    if (w->named) {
        sendto(w->fd, w->data, w->size, 0, (const struct sockaddr *)&w->to, sizeof w->to);
    } else {
        send(w->fd, w->data, w->size, 0);
    }
}

static void queue_push(loop *l, waiting *w)
{
    int at = l->queued++;
    for (; at > 0 && l->queue[(at - 1) / 2]->due_us > w->due_us; at = (at - 1) / 2) {
        l->queue[at] = l->queue[(at - 1) / 2];
    }
    l->queue[at] = w;
}

static waiting *queue_pop(loop *l)
{
    waiting *top = l->queue[0], *last = l->queue[--l->queued];
    int at = 0;
    for (int child = 1; child < l->queued; child = 2 * at + 1) {
        child += child + 1 < l->queued && l->queue[child + 1]->due_us < l->queue[child]->due_us;
        if (l->queue[child]->due_us >= last->due_us) {
            break;
        }
        l->queue[at] = l->queue[child];
        at = child;
    }
    l->queue[at] = last;
    return top;
}

static void send_due(loop *l)
{
    while (l->queued > 0 && l->queue[0]->due_us <= now_us()) {
        waiting *w = queue_pop(l);
        send_now(w);
        free(w);
    }
}

// An address that is given up loses what waits for it.
static void queue_forget(loop *l, int fd)
{
    int count = l->queued;
    l->queued = 0;
    for (int i = 0; i < count; i++) {
        waiting *w = l->queue[i];
        if (w->fd == fd) {
            free(w);
        } else {
            queue_push(l, w);
        }
    }
}

// ---- the weather ---------------------------------------------------------------------------------------------------

static bool happens(loop *l, int of_a_million)
{
    return (int)(check_random(&l->random) % 1000000) < of_a_million;
}

static void pass_once(loop *l, waiting *w)
{
    relay_weather *weather = l->weather;
    int jitter_ms = weather->jitter_ms, delay_ms = weather->delay_ms;
    if (l->queued == WAITING_MAX || (delay_ms == 0 && jitter_ms == 0)) {
        send_now(w);
        return;
    }
    waiting *kept = malloc(sizeof *kept);
    CHECK(kept);
    *kept = *w;
    uint64_t jitter_us = jitter_ms > 0 ? check_random(&l->random) % ((uint64_t)jitter_ms * 1000) : 0;
    kept->due_us = now_us() + (uint64_t)delay_ms * 1000 + jitter_us;
    queue_push(l, kept);
}

static void pass(loop *l, waiting *w, int silent)
{
    if (silent || happens(l, l->weather->lost)) {
        return;
    }
    pass_once(l, w);
    if (happens(l, l->weather->doubled)) {
        pass_once(l, w);
    }
}

// ---- both ways -----------------------------------------------------------------------------------------------------

static void connect_anew(loop *l, client *c, int server)
{
    if (c->fd >= 0) {
        queue_forget(l, c->fd);
        close(c->fd);
    }
    c->fd = socket_make();
    c->server = server;
    struct sockaddr_in to = at_port(server);
    CHECK_EQUAL(connect(c->fd, (const struct sockaddr *)&to, sizeof to), 0);
}

static client *client_of(loop *l, int port, const struct sockaddr_in *address)
{
    client *c = l->clients;
    while (c < l->clients + l->client_count && (c->port != port || c->address.sin_port != address->sin_port ||
                                                c->address.sin_addr.s_addr != address->sin_addr.s_addr)) {
        c++;
    }
    if (c == l->clients + l->client_count) {
        if (l->client_count == CLIENTS_MAX) { // the oldest has gone long ago
            close(l->clients[0].fd);
            queue_forget(l, l->clients[0].fd);
            memmove(l->clients, l->clients + 1, sizeof(*c) * (CLIENTS_MAX - 1));
            l->client_count--;
            c--;
        }
        *c = (client){.address = *address, .port = port, .fd = -1};
        l->client_count++;
    }
    if (c->fd < 0 || c->server != l->weather->servers[port]) {
        connect_anew(l, c, l->weather->servers[port]);
    }
    return c;
}

static void take_uplink(loop *l, int port)
{
    for (int i = 0; i < BATCH; i++) {
        waiting w = {.fd = -1};
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t size = recvfrom(l->fds[port], w.data, sizeof w.data, 0, (struct sockaddr *)&from, &length);
        if (size < 0) {
            return;
        }
        w.size = (size_t)size;
        w.fd = client_of(l, port, &from)->fd;
        pass(l, &w, l->weather->no_uplink);
    }
}

static void take_downlink(loop *l, const client *c)
{
    for (int i = 0; i < BATCH; i++) {
        waiting w = {.fd = l->fds[c->port], .to = c->address, .named = true};
        ssize_t size = recv(c->fd, w.data, sizeof w.data, 0);
        if (size < 0) {
            return;
        }
        w.size = (size_t)size;
        pass(l, &w, l->weather->no_downlink);
    }
}

static void loop_run(loop *l)
{
    struct pollfd polls[RELAY_PORTS_MAX + CLIENTS_MAX];
    for (;;) {
        int count = 0, timeout_ms = 100;
        for (int i = 0; i < l->count; i++) {
            polls[count++] = (struct pollfd){.fd = l->fds[i], .events = POLLIN};
        }
        for (int i = 0; i < l->client_count; i++) {
            polls[count++] = (struct pollfd){.fd = l->clients[i].fd, .events = POLLIN};
        }
        if (l->queued > 0) {
            uint64_t now = now_us(), due = l->queue[0]->due_us;
            timeout_ms = due <= now ? 0 : (int)((due - now) / 1000 < 100 ? (due - now + 999) / 1000 : 100);
        }
        poll(polls, (nfds_t)count, timeout_ms);
        if (l->weather->moves != l->moves) {
            l->moves = l->weather->moves;
            for (int i = 0; i < l->client_count; i++) {
                connect_anew(l, &l->clients[i], l->clients[i].server);
            }
        }
        for (int i = l->client_count - 1; i >= 0; i--) {
            take_downlink(l, &l->clients[i]);
        }
        for (int i = 0; i < l->count; i++) {
            take_uplink(l, i);
        }
        send_due(l);
    }
}

void relay_start(relay *r, const int *servers, int count)
{
    static loop l;
    l = (loop){.count = count, .random = 1};
    r->weather = l.weather = mmap(NULL, sizeof *r->weather, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(r->weather != MAP_FAILED && count <= RELAY_PORTS_MAX);
    r->count = count;
    for (int i = 0; i < count; i++) {
        struct sockaddr_in any = at_port(0);
        socklen_t length = sizeof any;
        l.fds[i] = socket_make();
        CHECK_EQUAL(bind(l.fds[i], (const struct sockaddr *)&any, sizeof any), 0);
        CHECK_EQUAL(getsockname(l.fds[i], (struct sockaddr *)&any, &length), 0);
        r->ports[i] = ntohs(any.sin_port);
        r->weather->servers[i] = servers[i];
    }
    fflush(NULL);
    r->pid = fork();
    CHECK(r->pid >= 0);
    if (r->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        loop_run(&l);
    }
    for (int i = 0; i < count; i++) {
        close(l.fds[i]);
    }
}

void relay_calm(relay *r)
{
    relay_weather *w = r->weather;
    w->lost = w->doubled = w->delay_ms = w->jitter_ms = w->no_uplink = w->no_downlink = 0;
}

void relay_stop(relay *r)
{
    int status;
    kill(r->pid, SIGKILL);
    waitpid(r->pid, &status, 0);
    munmap(r->weather, sizeof *r->weather);
}
