// What every file of the transport room uses: its assertion, its limits, small helpers.
#ifndef TRAMLINE_TRANSPORT_BASE_H
#define TRAMLINE_TRANSPORT_BASE_H

#include "tramline/types.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UDP_PAYLOAD_BYTES_MAX = 1200, // of what we send; the smallest IPv6 path carries it (RFC 8200: 1'280 with headers)
    WIRE_IPV4_BYTES = 28,         // IPv4 and UDP headers
    WIRE_IPV6_BYTES = 48,         // IPv6 and UDP headers
};

// Our own bugs end the program, in every build.
#define ENSURE(condition)                                                                              \
    do {                                                                                               \
        if (!(condition)) {                                                                            \
            fprintf(stderr, "%s:%d: a bug in tramline: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                                   \
        }                                                                                              \
    } while (0)

// Writes `format` into text, cut at its end. text may be NULL. Returns `result`, so that a failure is one statement.
__attribute__((format(printf, 4, 5))) static inline tl_result fail(tl_result result, char *text, size_t text_bytes,
                                                                   const char *format, ...)
{
    if (!text || text_bytes == 0) {
        return result;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, text_bytes, format, arguments);
    va_end(arguments);
    return result;
}

#endif
