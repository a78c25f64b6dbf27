// Names and texts of results, the version, and the check of names.
#include "base/base.h"

#define NAME(name, text) #name,
#define TEXT(name, text) text,
static const char *const names[] = {TL_RESULTS(NAME)};
static const char *const texts[] = {TL_RESULTS(TEXT)};

const char *tl_result_name(tl_result result)
{
    return (unsigned)result < TL_RESULT_COUNT ? names[result] : "TL_ERR_UNKNOWN";
}

const char *tl_result_text(tl_result result)
{
    return (unsigned)result < TL_RESULT_COUNT ? texts[result] : "not a result of this version";
}

uint32_t tl_version(void)
{
    return TL_VERSION;
}

uint32_t tl_abi(void)
{
    return TL_ABI;
}

bool tl_name_valid(const char *name)
{
    if (name == NULL || name[0] == 0) {
        return false;
    }
    size_t bytes = 0;
    for (; name[bytes]; bytes++) {
        char c = name[bytes];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_' || c == '.';
        if (!good || bytes >= TL_NAME_BYTES_MAX) {
            return false;
        }
    }
    return name[0] != '.';
}
