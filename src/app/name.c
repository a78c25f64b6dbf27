#include "app/name.h"

#include "base/base.h"

const char *name_checked(struct argp_state *state, const char *text)
{
    if (!tl_name_valid(text)) {
        argp_error(state,
                   "'%s' is not a valid name; it must be 1 to %d letters, digits, - _ and . and not begin with a dot",
                   text, TL_NAME_BYTES_MAX);
    }
    return text;
}
