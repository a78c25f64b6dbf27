// What a handshake that never ends may make the server keep: OpenSSL sets aside what comes too early, records of the
// next epoch and parts of later messages, each in a buffer that is as large as the largest one may be. Counted are the
// bytes that OpenSSL asks for.
#include "fixture.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

enum {
    HANDSHAKES = 8,
    DATAGRAMS = 200, // more than the server takes in
    HELLO_BYTES_MAX = 1200,
    MESSAGE_FINISHED = 20,
    BYTES_MAX = 600000, // of a handshake, as SECURITY.md says
};

static size_t held_bytes; // by OpenSSL, in this process

static void *count_malloc(size_t size, const char *file, int line)
{
    void *memory = malloc(size);
    held_bytes += memory ? malloc_usable_size(memory) : 0;
    return memory;
}

static void count_free(void *memory, const char *file, int line)
{
    held_bytes -= memory ? malloc_usable_size(memory) : 0;
    free(memory);
}

static void *count_realloc(void *memory, size_t size, const char *file, int line)
{
    size_t before = memory ? malloc_usable_size(memory) : 0;
    memory = realloc(memory, size);
    held_bytes += (memory ? malloc_usable_size(memory) : 0) - before;
    return memory;
}

static size_t read_all(int fd, uint8_t *data, size_t capacity, watcher *server)
{
    for (uint64_t end_us = clock_us() + 10000000; clock_us() < end_us;) {
        watch(server, clock_us());
        ssize_t size = recv(fd, data, capacity, 0);
        if (size > 0) {
            return (size_t)size;
        }
    }
    CHECK(!"the server answers");
    return 0;
}

// A handshake as far as the hello with the cookie; the server is then sent whatever comes to mind.
static int begin_handshake(SSL_CTX *context, watcher *server)
{
    uint8_t data[2048];
    uint16_t port = tl_dtls_server_get_port(server->transport);
    int fd = udp_socket_on_loopback(NULL);
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_connect_state(ssl);
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl, HELLO_BYTES_MAX);
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    for (int flight = 0; flight < 2; flight++) {
        SSL_connect(ssl);
        int size = BIO_read(out, data, sizeof data);
        CHECK(size > 0);
        send_to_port(fd, port, data, (size_t)size);
        size_t answer = read_all(fd, data, sizeof data, server);
        BIO_write(in, data, (int)answer);
    }
    SSL_free(ssl);
    return fd;
}

static size_t put(uint8_t *out, size_t at, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--) {
        out[at++] = (uint8_t)(value >> 8 * i);
    }
    return at;
}

// A handshake record: of the next epoch, or the first byte of a later message that says it is long.
static size_t make_early(uint8_t *data, int number, bool next_epoch)
{
    enum { RECORD_HANDSHAKE = 22, DTLS_1_2 = 0xfefd, BODY_BYTES = 64, MESSAGE_BYTES = 16000, PART_BYTES = 40 };
    size_t at = put(data, 0, RECORD_HANDSHAKE, 1);
    at = put(data, at, DTLS_1_2, 2);
    at = put(data, at, next_epoch, 2);
    at = put(data, at, (uint64_t)number + 10, 6);
    if (next_epoch) {
        at = put(data, at, BODY_BYTES, 2);
        memset(data + at, 0x5a, BODY_BYTES);
        return at + BODY_BYTES;
    }
    at = put(data, at, 12 + PART_BYTES, 2);
    at = put(data, at, MESSAGE_FINISHED, 1);
    at = put(data, at, MESSAGE_BYTES, 3);
    at = put(data, at, (uint64_t)number % 12 + 2, 2);
    at = put(data, at, 0, 3);
    at = put(data, at, PART_BYTES, 3);
    memset(data + at, 0x5a, PART_BYTES);
    return at + PART_BYTES;
}

TEST(an_endless_handshake_takes_so_much)
{
    uint8_t data[256];
    SSL_CTX *context = SSL_CTX_new(DTLS_client_method());
    watcher server = server_open();
    close(begin_handshake(context, &server)); // so that all is there that is there once
    size_t before = held_bytes, begun;
    int sockets[HANDSHAKES];
    for (int i = 0; i < HANDSHAKES; i++) {
        sockets[i] = begin_handshake(context, &server);
    }
    begun = held_bytes;
    uint64_t now_us = clock_us();
    for (int n = 0; n < DATAGRAMS; n++) {
        for (int i = 0; i < HANDSHAKES; i++) {
            size_t size = make_early(data, n, n >= 12);
            send_to_port(sockets[i], tl_dtls_server_get_port(server.transport), data, size);
        }
        watch(&server, now_us += 1000); // a round each, so that nothing waits in vain
    }
    size_t each = (held_bytes - before) / HANDSHAKES;
    printf("  %zu bytes, of them %zu from the beginning\n", each, (begun - before) / HANDSHAKES);
    CHECK_EQUAL(server.connected, 0);
    CHECK(each <= BYTES_MAX);
    for (int i = 0; i < HANDSHAKES; i++) {
        close(sockets[i]);
    }
    watcher_close(&server);
    SSL_CTX_free(context);
}

int main(void)
{
    CHECK(CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) == 1);
    folder_create();
    RUN(an_endless_handshake_takes_so_much);
    folder_remove();
}
