// A failure is one statement: its result, and a text that says why.
#ifndef TRAMLINE_TRANSPORT_FAIL_H
#define TRAMLINE_TRANSPORT_FAIL_H

#include "tramline/types.h"

#include <stdarg.h>
#include <stdio.h>

// Writes `format` to `text`, truncated to `text_bytes`; `text` may be NULL. Returns `result`.
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
