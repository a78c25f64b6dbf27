#include "transport/lookup.h"
#include "base/memory.h"

#include "base/base.h"

#include <stdlib.h>

struct lookup {
    tl_os_lookup *host;
    uint16_t port;
};

lookup *tl_lookup_begin(const char *address)
{
    char host[HOST_BYTES_MAX + 1];
    lookup *l = tl_alloc(sizeof *l);
    if (!l) {
        return NULL;
    }
    if (tl_address_split(address, host, &l->port, NULL, 0) == TL_OK) {
        l->host = tl_os_lookup_begin(host);
    }
    if (l->host) {
        return l;
    }
    tl_free(l);
    return NULL;
}

bool tl_lookup_is_over(lookup *l, tl_result *result, tl_os_address *out)
{
    TL_ASSERT(l && l->host);
    bool found;
    if (!tl_os_lookup_is_over(l->host, &found, out)) {
        return false;
    }
    if (found) {
        out->port = l->port;
    }
    *result = found ? TL_OK : TL_ERR_NOT_FOUND;
    return true;
}

void tl_lookup_end(lookup *l)
{
    if (l) {
        tl_os_lookup_end(l->host);
    }
    tl_free(l);
}
