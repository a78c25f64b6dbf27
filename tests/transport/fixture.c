// See fixture.h.
#include "fixture.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

char folder[64];

uint64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

const char *path_in_folder(const char *name)
{
    static char paths[8][384];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void folder_create(void)
{
    strcpy(folder, "/tmp/tramline-test-XXXXXX");
    CHECK(mkdtemp(folder));
}

void folder_remove(void)
{
    DIR *dir = opendir(folder);
    CHECK(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.') {
            unlink(path_in_folder(entry->d_name));
        }
    }
    closedir(dir);
    CHECK(rmdir(folder) == 0);
}

void file_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

int watch(watcher *w, uint64_t now_us)
{
    tl_transport_event event;
    int events = 0;
    while (tl_transport_poll(w->transport, now_us, &event) == TL_OK) {
        events++;
        CHECK(memchr(event.text, 0, sizeof event.text));
        if (event.type == TL_TRANSPORT_CONNECTED) {
            w->connected++;
            w->peer = event.peer;
        } else if (event.type == TL_TRANSPORT_CLOSED) {
            w->closed++;
            w->closed_peer = event.peer;
            w->result = event.result;
            memcpy(w->text, event.text, sizeof w->text);
        } else {
            CHECK(event.size >= 1 && event.size <= TL_DATAGRAM_BYTES_MAX && event.data);
            w->datagrams++;
            w->bytes += event.size;
            w->size = event.size;
            memcpy(w->data, event.data, event.size);
            if (w->echo) {
                tl_transport_send(w->transport, event.peer, event.data, event.size);
            }
        }
    }
    tl_transport_flush(w->transport);
    return events;
}

void watcher_close(watcher *w)
{
    if (w->transport) {
        tl_transport_close(w->transport);
    }
    w->transport = NULL;
}

void watch_for(watcher *a, watcher *b, uint32_t ms)
{
    for (uint64_t end_us = clock_us() + ms * 1000ull; clock_us() < end_us;) {
        if (a && a->transport) {
            watch(a, clock_us());
        }
        if (b && b->transport) {
            watch(b, clock_us());
        }
        usleep(500);
    }
}

tl_dtls_server_def server_def(void)
{
    static char certificate[160], key[160];
    tl_dtls_server_def def = tl_dtls_server_def_default();
    snprintf(certificate, sizeof certificate, "%s/server.crt", folder);
    snprintf(key, sizeof key, "%s/server.key", folder);
    def.address = "127.0.0.1:0";
    def.certificate_file = certificate;
    def.key_file = key;
    def.self_signed = true;
    // what is tried here is the carriage; see test_door.c
    def.peer_datagrams_per_s = def.address_datagrams_per_s = 1000000;
    return def;
}

watcher server_open_with(tl_dtls_server_def def)
{
    watcher w = {0};
    char text[256] = "";
    if (tl_dtls_server_open(&def, &w.transport, text, sizeof text) != TL_OK) {
        fprintf(stderr, "server: %s\n", text);
        abort();
    }
    return w;
}

watcher server_open(void)
{
    return server_open_with(server_def());
}

watcher client_open_with(tl_dtls_client_def def, const watcher *server, uint16_t port)
{
    static char fingerprint[65], address[64];
    watcher w = {0};
    char text[256] = "";
    tl_dtls_server_get_fingerprint(server->transport, fingerprint);
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    if (!def.address) {
        def.address = address;
    }
    if (!def.fingerprint && !def.ca_file) {
        def.fingerprint = fingerprint;
    }
    if (tl_dtls_client_open(&def, &w.transport, text, sizeof text) != TL_OK) {
        fprintf(stderr, "client: %s\n", text);
        abort();
    }
    return w;
}

watcher client_open(const watcher *server)
{
    return client_open_with(tl_dtls_client_def_default(), server, tl_dtls_server_get_port(server->transport));
}

int udp_socket_on_loopback(uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &bytes) == 0);
    if (port) {
        *port = ntohs(address.sin_port);
    }
    return fd;
}

void send_to_port(int fd, uint16_t port, const void *data, size_t size)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sendto(fd, data, size, 0, (struct sockaddr *)&to, sizeof to);
}

relay *relay_open(uint16_t server_port, uint64_t seed)
{
    relay *r = calloc(1, sizeof *r);
    r->random = seed;
    r->server_port = server_port;
    r->fd = udp_socket_on_loopback(&r->port);
    return r;
}

void relay_close(relay *r)
{
    close(r->fd);
    for (uint32_t i = 0; i < r->client_count; i++) {
        if (i == 0 || r->upstream[i] != r->upstream[0]) {
            close(r->upstream[i]);
        }
    }
    free(r);
}

// How many times the packet goes on; it may be altered or cut.
static int relay_fate(relay *r, uint8_t *data, ssize_t *size)
{
    r->packets++;
    if ((size_t)*size > r->size_max) {
        r->size_max = (size_t)*size;
    }
    if (check_random_between(&r->random, 0, 1) < r->corrupt) {
        data[check_random(&r->random) % (uint64_t)*size] ^= (uint8_t)(1 << check_random(&r->random) % 8);
        if (check_random(&r->random) % 4 == 0) {
            *size = 1 + (ssize_t)(check_random(&r->random) % (uint64_t)*size);
        }
    }
    if (check_random_between(&r->random, 0, 1) < r->loss) {
        return 0;
    }
    return check_random_between(&r->random, 0, 1) < r->copy ? 2 : 1;
}

static uint32_t relay_client(relay *r, const struct sockaddr_in *from)
{
    for (uint32_t i = 0; i < r->client_count; i++) {
        if (r->clients[i].sin_port == from->sin_port) {
            return i;
        }
    }
    CHECK(r->client_count < RELAY_CLIENTS_MAX);
    uint32_t i = r->client_count++;
    r->clients[i] = *from;
    r->upstream[i] = r->one_upstream && i > 0 ? r->upstream[0] : udp_socket_on_loopback(NULL);
    return i;
}

void relay_pump(relay *r)
{
    uint8_t data[2048];
    struct sockaddr_in from;
    socklen_t bytes = sizeof from;
    ssize_t size;
    while ((size = recvfrom(r->fd, data, sizeof data, 0, (struct sockaddr *)&from, &bytes)) > 0) {
        uint32_t client = r->client_last = relay_client(r, &from);
        if (r->log_count < RELAY_LOG_MAX) {
            relay_packet *p = &r->log[r->log_count++];
            p->size = (uint16_t)size;
            memcpy(p->data, data, (size_t)size);
        }
        for (int times = relay_fate(r, data, &size); times > 0; times--) {
            send_to_port(r->upstream[client], r->server_port, data, (size_t)size);
        }
    }
    for (uint32_t i = 0; i < r->client_count; i++) {
        while ((size = recv(r->upstream[i], data, sizeof data, 0)) > 0) {
            uint32_t client = r->one_upstream ? r->client_last : i;
            for (int times = relay_fate(r, data, &size); times > 0; times--) {
                send_to_port(r->fd, ntohs(r->clients[client].sin_port), data, (size_t)size);
            }
        }
    }
}
