#include "transport/base64url.h"

#include "base/base.h"

// Four digits of six bits are three bytes.
enum { DIGIT_BITS = 6, BYTE_BITS = 8, DIGIT_MASK = 63, LETTERS = 26 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + LETTERS;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 2 * LETTERS;
    }
    return c == '-' ? DIGIT_MASK - 1 : c == '_' ? DIGIT_MASK : -1;
}

void tl_base64url_encode(const uint8_t *data, size_t bytes, char *out)
{
    TL_ASSERT(data || bytes == 0);
    uint32_t waiting = 0;
    int bits = 0;
    for (size_t i = 0; i < bytes; i++) {
        waiting = waiting << BYTE_BITS | data[i];
        for (bits += BYTE_BITS; bits >= DIGIT_BITS; bits -= DIGIT_BITS) {
            *out++ = digits[waiting >> (bits - DIGIT_BITS) & DIGIT_MASK];
        }
    }
    if (bits > 0) {
        *out = digits[waiting << (DIGIT_BITS - bits) & DIGIT_MASK];
    }
}

bool tl_base64url_decode(const char *text, size_t length, uint8_t *out, size_t bytes_max, size_t *bytes)
{
    if (length % 4 == 1 || length / 4 * 3 + length % 4 * 3 / 4 > bytes_max) {
        return false;
    }
    uint32_t waiting = 0;
    int bits = 0;
    *bytes = 0;
    for (size_t i = 0; i < length; i++) {
        int value = digit_value(text[i]);
        if (value < 0) {
            return false;
        }
        waiting = waiting << DIGIT_BITS | (uint32_t)value;
        bits += DIGIT_BITS;
        if (bits < BYTE_BITS) {
            continue;
        }
        bits -= BYTE_BITS;
        TL_ASSERT(*bytes < bytes_max);
        out[(*bytes)++] = (uint8_t)(waiting >> bits);
    }
    return (waiting & ((1u << bits) - 1)) == 0; // spare bits
}
