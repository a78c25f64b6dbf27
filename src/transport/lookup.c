// The C library asks, on a thread of its own (getaddrinfo_a): no code of this library runs there, which may be unloaded
// meanwhile.
#define _GNU_SOURCE // getaddrinfo_a
#include "transport/lookup.h"

#include "transport/base.h"

#include <netdb.h>

struct lookup {
    struct gaicb request;
    struct addrinfo hints;
    uint16_t port;
    char host[HOST_BYTES_MAX + 1];
};

lookup *lookup_begin(const char *address)
{
    lookup *l = calloc(1, sizeof *l);
    if (!l) {
        return NULL;
    }
    l->hints = (struct addrinfo){.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    l->request = (struct gaicb){.ar_name = l->host, .ar_request = &l->hints};
    struct gaicb *requests[] = {&l->request};
    if (address_split(address, l->host, &l->port, NULL, 0) == TL_OK &&
        getaddrinfo_a(GAI_NOWAIT, requests, 1, NULL) == 0) {
        return l;
    }
    free(l);
    return NULL;
}

bool lookup_is_over(lookup *l, tl_result *result, net_address *out)
{
    int error = gai_error(&l->request);
    if (error == EAI_INPROGRESS) {
        return false;
    }
    *result = error == 0 && address_choose(l->request.ar_result, l->port, out) ? TL_OK : TL_ERR_NOT_FOUND;
    return true;
}

void lookup_end(lookup *l)
{
    if (!l) {
        return;
    }
    int cancelled = gai_cancel(&l->request);
    if (cancelled == EAI_NOTCANCELED) {
        return; // the C library still writes there: a few hundred bytes are lost
    }
    if (l->request.ar_result) {
        freeaddrinfo(l->request.ar_result);
    }
    free(l);
}
