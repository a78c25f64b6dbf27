#include "transport/base64url.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

void base64url_encode(const uint8_t *data, size_t bytes, char *out)
{
    uint32_t waiting = 0;
    int bits = 0;
    for (size_t i = 0; i < bytes; i++) {
        waiting = waiting << 8 | data[i];
        for (bits += 8; bits >= 6; bits -= 6) {
            *out++ = digits[waiting >> (bits - 6) & 63];
        }
    }
    if (bits > 0) {
        *out = digits[waiting << (6 - bits) & 63];
    }
}

bool base64url_decode(const char *text, size_t length, uint8_t *out, size_t bytes_max, size_t *bytes)
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
        waiting = waiting << 6 | (uint32_t)value;
        bits += 6;
        if (bits < 8) {
            continue;
        }
        bits -= 8;
        out[(*bytes)++] = (uint8_t)(waiting >> bits);
    }
    return (waiting & ((1u << bits) - 1)) == 0; // spare bits
}
