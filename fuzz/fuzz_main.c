// Without libFuzzer: fuzz_X [COUNT [SEED]] runs COUNT damaged samples under SEED; fuzz_X FILE... runs those files.
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 1 << 16 };

static size_t damage(uint64_t *random, uint8_t *data, size_t size)
{
    int times = 1 + (int)(fuzz_random(random) % 4);
    for (int i = 0; i < times; i++) {
        size_t at = size ? (size_t)(fuzz_random(random) % size) : 0;
        switch (fuzz_random(random) % 7) {
        case 0:
            if (size) {
                data[at] ^= (uint8_t)(1u << (fuzz_random(random) % 8));
            }
            break;
        case 1:
            if (size) {
                data[at] = (uint8_t)fuzz_random(random);
            }
            break;
        case 2:
            if (size) {
                data[at] = (uint8_t)(fuzz_random(random) % 2 ? 0xff : 0x7f);
            }
            break;
        case 3: size = at; break;
        case 4: // bytes are left out
            if (size > at + 4) {
                memmove(data + at, data + at + 3, size - at - 3), size -= 3;
            }
            break;
        case 5: // bytes come in between
            if (size + 5 < CAPACITY) {
                memmove(data + at + 5, data + at, size - at);
                for (int k = 0; k < 5; k++) {
                    data[at + (size_t)k] = (uint8_t)fuzz_random(random);
                }
                size += 5;
            }
            break;
        default: // a piece comes from elsewhere in it
            if (size > 16) {
                memmove(data + at % (size - 8), data + fuzz_random(random) % (size - 8), 8);
            }
        }
    }
    return size;
}

// From a buffer of just that size, so that a sanitizer sees what is read past its end.
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static int run_file(const char *path)
{
    static uint8_t data[CAPACITY];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "fuzz: cannot read %s\n", path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    run(data, size);
    return 0;
}

int main(int argc, char **argv)
{
    static uint8_t data[CAPACITY];
    char *rest = NULL;
    long count = argc > 1 ? strtol(argv[1], &rest, 10) : 20000;
    if (argc > 1 && *rest) {
        for (int i = 1; i < argc; i++) {
            if (run_file(argv[i])) {
                return 1;
            }
        }
        return 0;
    }
    uint64_t random = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    for (long i = 0; i < count; i++) {
        size_t size = fuzz_sample(&random, data, sizeof data);
        if (fuzz_random(&random) % 8) {
            size = damage(&random, data, size);
        }
        run(data, size);
    }
    fuzz_end();
    printf("%ld inputs\n", count);
    return 0;
}
