// SipHash-2-4 (Aumasson and Bernstein, 2012) of whole words: nobody who does not know the key can choose what collides.
#ifndef TRAMLINE_TRANSPORT_KEYED_HASH_H
#define TRAMLINE_TRANSPORT_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t tl_keyed_hash(const uint64_t key[2], const uint64_t *words, size_t count);

#endif
