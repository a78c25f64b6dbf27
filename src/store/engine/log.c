#include "store/engine/log.h"

#include <string.h>

tl_result tl_fault_set(tl_fault *fault, tl_result result, const char *place, const char *text)
{
    TL_ASSERT(result != TL_OK);
    enum { PLACE_BYTES_MAX = 100 }; // the rest is for what is wrong and what to do
    size_t length = strlen(place);
    const char *tail = length > PLACE_BYTES_MAX ? place + length - PLACE_BYTES_MAX : place;
    fault->result = result;
    snprintf(fault->text, sizeof(fault->text), "%s%s: %s", tail == place ? "" : "...", tail, text);
    return result;
}

tl_result tl_fault_format(tl_fault *fault, const char *place, int64_t format)
{
    char text[200];
    snprintf(text, sizeof(text), "stored in format %lld, this program writes format %d; use the release that made it%s",
             (long long)format, TL_STORE_FORMAT,
             format != TL_STORE_FORMAT_FORMER
                 ? ""
                 : ", or convert a copy: 'tramline inspect DIR --repair NEW' (of a database: that "
                   "release's 'tramline copy STORE DIR' first)");
    return tl_fault_set(fault, TL_ERR_VERSION, place, text);
}

tl_result tl_fault_report(tl_result result, const tl_fault *fault, char *text, size_t text_bytes)
{
    if (text && text_bytes > 0) {
        snprintf(text, text_bytes, "%s", result == TL_OK ? "" : fault->text);
    }
    return result;
}
