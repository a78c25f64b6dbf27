#include "attack.h"

#include "tramline/client.h"

#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HANDSHAKE_S_MAX 5.0
#define PATIENCE_S 60.0

double attack_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool attack_goes_on(const attack *a)
{
    double now_s = attack_now_s();
    return now_s < a->until_s || (a->said < a->said_min && now_s < a->until_s + PATIENCE_S);
}

uint64_t attack_random(attack *a)
{
    a->random = a->random * 6364136223846793005u + 1442695040888963407u;
    return a->random >> 24;
}

uint64_t attack_dice(attack *a, uint64_t sides)
{
    return attack_random(a) % sides;
}

int attack_socket(const attack *a, int server)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (bind(fd, (const struct sockaddr *)&a->from, sizeof a->from) == 0 &&
        connect(fd, (const struct sockaddr *)&a->servers[server], sizeof a->servers[server]) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

static void keep_hello(void *user, const void *data, size_t size)
{
    struct iovec *out = user;
    if (out->iov_len || size > HELLO_BYTES_MAX) {
        return;
    }
    memcpy(out->iov_base, data, size);
    out->iov_len = size;
}

size_t attack_hello(uint8_t out[HELLO_BYTES_MAX])
{
    struct iovec hello = {.iov_base = out};
    // As long as a real one, of the right form, and signed by nobody.
    static const char token[] =
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtYWxsb3J5IiwiZXhwIjo5OTk5OTk5OTk5fQ."
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    tl_client_def def = tl_client_def_default();
    def.send = keep_hello, def.send_user = &hello;
    def.token = token, def.token_bytes = sizeof token - 1;
    def.entities_max = 100;
    tl_client *client;
    if (tl_client_create(&def, &client, NULL, 0) != TL_OK) {
        return 0;
    }
    tl_client_connected(client, 1000000);
    tl_client_step(client, 2000000);
    tl_client_destroy(client);
    return hello.iov_len;
}

static SSL *session(const attack *a)
{
    SSL *ssl = SSL_new(a->context);
    SSL_set_connect_state(ssl);
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl, CLIENT_HELLO_BYTES_MAX);
    return ssl;
}

size_t attack_client_hello(const attack *a, uint8_t out[CLIENT_HELLO_BYTES_MAX])
{
    SSL *ssl = session(a);
    BIO *written = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), written);
    SSL_connect(ssl);
    int size = BIO_read(written, out, CLIENT_HELLO_BYTES_MAX);
    SSL_free(ssl);
    ERR_clear_error();
    return size > 0 ? (size_t)size : 0;
}

// ---- peers ----

static void enter(peer *p, peer_state state)
{
    p->state = state;
    p->since_s = attack_now_s();
}

bool peer_begin(attack *a, peer *p)
{
    *p = (peer){.fd = attack_socket(a, p->server), .server = p->server, .receive = p->receive, .user = p->user};
    if (p->fd < 0) {
        return false;
    }
    p->ssl = session(a);
    BIO *bio = BIO_new_dgram(p->fd, BIO_NOCLOSE);
    struct sockaddr_in server = a->servers[p->server];
    BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &server);
    SSL_set_bio(p->ssl, bio, bio);
    enter(p, PEER_HANDSHAKING);
    return true;
}

void peer_end(peer *p)
{
    if (p->state == PEER_NONE) {
        return;
    }
    SSL_free(p->ssl);
    close(p->fd);
    *p = (peer){.state = PEER_NONE, .server = p->server, .receive = p->receive, .user = p->user};
}

static bool is_over(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    ERR_clear_error();
    return error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
}

peer_state peer_step(attack *a, peer *p)
{
    uint8_t data[2048];
    if (p->state == PEER_HANDSHAKING) {
        DTLSv1_handle_timeout(p->ssl);
        int result = SSL_connect(p->ssl);
        if (result == 1) {
            a->connected++;
            enter(p, PEER_OPEN);
        } else if (is_over(p->ssl, result) || attack_now_s() > p->since_s + HANDSHAKE_S_MAX) {
            enter(p, PEER_CLOSED);
        }
    }
    while (p->state == PEER_OPEN) {
        int result = SSL_read(p->ssl, data, sizeof data);
        if (result > 0 && p->receive) {
            p->receive(p->user, data, (size_t)result);
        }
        if (result > 0) {
            continue;
        }
        if (!is_over(p->ssl, result)) {
            break;
        }
        a->closed++;
        enter(p, PEER_CLOSED);
    }
    return p->state;
}

void peer_send(attack *a, peer *p, const void *data, size_t size)
{
    int result = SSL_write(p->ssl, data, (int)size);
    if (result > 0) {
        a->sent++;
    } else if (is_over(p->ssl, result)) {
        enter(p, PEER_CLOSED);
    }
}

void peers_step(attack *a, peer *peers, int count)
{
    for (int i = 0; i < count; i++) {
        if (peers[i].state == PEER_CLOSED) {
            peer_end(&peers[i]);
        }
        if (peers[i].state == PEER_NONE && !peer_begin(a, &peers[i])) {
            continue;
        }
        peer_step(a, &peers[i]);
    }
}
