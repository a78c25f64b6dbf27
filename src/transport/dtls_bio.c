#include "transport/dtls_bio.h"

#include <openssl/crypto.h>
#include <string.h>

static BIO_METHOD *method;
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

// Reads a whole datagram; what does not fit is lost, as with a socket.
static int bio_read(BIO *bio, char *out, int out_bytes)
{
    datagram_pipe *pipe = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (pipe->in_bytes == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t size = pipe->in_bytes < (size_t)out_bytes ? pipe->in_bytes : (size_t)out_bytes;
    memcpy(out, pipe->in, size);
    pipe->in_bytes = 0;
    return (int)size;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    datagram_pipe *pipe = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    tl_udp_queue(pipe->udp, &pipe->to, data, (size_t)size);
    return size;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    datagram_pipe *pipe = BIO_get_data(bio);
    switch (command) {
    case BIO_CTRL_FLUSH: return 1; // the owner flushes
    case BIO_CTRL_PENDING: return (long)pipe->in_bytes;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return (long)tl_address_wire_bytes(&pipe->to);
    default: return 0;
    }
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static void method_create(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tramline datagram");
    if (!method) {
        return;
    }
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
}

BIO *tl_dtls_bio_create(datagram_pipe *pipe)
{
    if (!CRYPTO_THREAD_run_once(&method_once, method_create) || !method) {
        return NULL;
    }
    BIO *bio = BIO_new(method);
    if (bio) {
        BIO_set_data(bio, pipe);
    }
    return bio;
}
