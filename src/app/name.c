#include "app/name.h"

#include "tramline/types.h"

#include <string.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

const char *name_checked(struct argp_state *state, const char *text)
{
    size_t length = strlen(text);
    if (length < 1 || length > TL_NAME_BYTES_MAX || strspn(text, letters) != length || text[0] == '.') {
        argp_error(state,
                   "'%s' cannot be a name; it must be 1 to %d letters, digits, - _ and . and not begin with a dot",
                   text, TL_NAME_BYTES_MAX);
    }
    return text;
}
