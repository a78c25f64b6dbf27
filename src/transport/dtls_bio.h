// Where DTLS meets datagrams: an OpenSSL BIO that reads the one datagram it was handed, and writes into a UDP socket's
// queue. There is no socket per peer.
#ifndef TRAMLINE_TRANSPORT_DTLS_BIO_H
#define TRAMLINE_TRANSPORT_DTLS_BIO_H

#include "transport/udp.h"

#include <openssl/bio.h>

typedef struct datagram_pipe {
    const uint8_t *in; // the datagram to read next, not owned; in_bytes 0: none
    size_t in_bytes;
    udp_socket *udp;
    tl_os_address to;
} datagram_pipe;

// The pipe must outlive the BIO. NULL: out of memory.
BIO *tl_dtls_bio_create(datagram_pipe *pipe);

#endif
