// Classifies a received datagram by its first bytes alone.
#ifndef TRAMLINE_TRANSPORT_DTLS_HELLO_H
#define TRAMLINE_TRANSPORT_DTLS_HELLO_H

#include "transport/dtls_cookie.h"
#include "transport/udp.h"

bool tl_hello_is(const udp_datagram *datagram); // a ClientHello in the clear
// Hash of its random, which identifies copies of the same hello.
uint64_t tl_hello_hash(const uint64_t key[2], const udp_datagram *datagram);
// Whether it brings a cookie that was made for its sender.
bool tl_hello_has_cookie(const udp_datagram *datagram, const cookie_jar *cookies);
// Whether only a handshake sends such a record: of a connected peer and its candidate, who share an address, it is for
// the candidate.
bool tl_record_of_handshake(const udp_datagram *datagram);

#endif
