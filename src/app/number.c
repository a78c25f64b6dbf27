#include "app/number.h"

#include "base/base.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t number_whole(struct argp_state *state, const char *name, const char *text, uint64_t min, uint64_t max)
{
    TL_ASSERT(min <= max);
    uint64_t number = 0;
    bool sound = text[0] != 0;
    for (const char *c = text; *c && sound; c++) {
        bool between = (*c == '\'' || *c == '_') && c > text && isdigit((unsigned char)c[-1]) &&
                       isdigit((unsigned char)c[1]);
        if (between) {
            continue;
        }
        uint64_t digit = (uint64_t)(*c - '0');
        sound = isdigit((unsigned char)*c) && number <= (UINT64_MAX - digit) / 10;
        number = number * 10 + digit;
    }
    if (!sound || number < min || number > max) {
        argp_error(state, "--%s is '%s'; it must be a whole number from %llu to %llu", name, text,
                   (unsigned long long)min, (unsigned long long)max);
    }
    return number;
}

double number_real(struct argp_state *state, const char *name, const char *text, double min, double max)
{
    TL_ASSERT(min <= max);
    char *end = NULL;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || *end || errno || !(number >= min && number <= max)) {
        argp_error(state, "--%s is '%s'; it must be a number from %g to %g", name, text, min, max);
    }
    return number;
}

const char *number_text(uint64_t number, char out[NUMBER_TEXT_BYTES])
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number), at = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            out[at++] = '\'';
        }
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}
