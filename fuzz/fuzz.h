// What a fuzz target gives. With libFuzzer the first function is enough; the stand-alone main (fuzz_main.c) damages
// what the second one makes, under a seed.
#ifndef TRAMLINE_FUZZ_FUZZ_H
#define TRAMLINE_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
// Well-formed bytes, another each time; gives their size, at most `capacity`.
size_t fuzz_sample(uint64_t *random, uint8_t *out, size_t capacity);
// After the last input: whether all is still well. Aborts if not.
void fuzz_end(void);

static inline uint64_t fuzz_random(uint64_t *state) // splitmix64, public domain method by Sebastiano Vigna
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
