// SipHash-2-4 (Aumasson and Bernstein, 2012) of whole words: without the key no attacker can choose collisions.
#ifndef TRAMLINE_TRANSPORT_KEYED_HASH_H
#define TRAMLINE_TRANSPORT_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t tl_keyed_hash(const uint64_t key[2], const uint64_t *words, size_t count);

#endif
