#define _GNU_SOURCE // recvmmsg, sendmmsg, getaddrinfo_a
#include "base/os/socket.h"

#include "base/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

// ---- addresses ------------------------------------------------------------------------------------------------------

typedef union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} any_address;

_Static_assert(sizeof(struct in_addr) == TL_OS_IPV4_BYTES && sizeof(struct in6_addr) == TL_OS_IPV6_BYTES,
               "as on the wire");

static int family_of(const tl_os_address *address)
{
    TL_ASSERT(address->family == TL_OS_IPV4 || address->family == TL_OS_IPV6);
    return address->family == TL_OS_IPV4 ? AF_INET : AF_INET6;
}

// Returns how many bytes of `out` it takes.
static socklen_t to_system(const tl_os_address *address, any_address *out)
{
    *out = (any_address){.any.sa_family = (sa_family_t)family_of(address)};
    if (address->family == TL_OS_IPV4) {
        out->v4.sin_port = htons(address->port);
        memcpy(&out->v4.sin_addr, address->bytes, TL_OS_IPV4_BYTES);
        return sizeof out->v4;
    }
    out->v6.sin6_port = htons(address->port);
    out->v6.sin6_scope_id = address->scope;
    memcpy(&out->v6.sin6_addr, address->bytes, TL_OS_IPV6_BYTES);
    return sizeof out->v6;
}

static tl_os_address from_system(const any_address *address)
{
    tl_os_address out = {0};
    if (address->any.sa_family == AF_INET) {
        out.family = TL_OS_IPV4;
        out.port = ntohs(address->v4.sin_port);
        memcpy(out.bytes, &address->v4.sin_addr, TL_OS_IPV4_BYTES);
    } else if (address->any.sa_family == AF_INET6) {
        out.family = TL_OS_IPV6;
        out.port = ntohs(address->v6.sin6_port);
        out.scope = address->v6.sin6_scope_id;
        memcpy(out.bytes, &address->v6.sin6_addr, TL_OS_IPV6_BYTES);
    }
    return out;
}

bool tl_os_address_parse(const char *host, tl_os_address *out)
{
    *out = (tl_os_address){0};
    if (inet_pton(AF_INET, host, out->bytes) == 1) {
        out->family = TL_OS_IPV4;
    } else if (inet_pton(AF_INET6, host, out->bytes) == 1) {
        out->family = TL_OS_IPV6;
    }
    return out->family != 0;
}

void tl_os_address_host_text(const tl_os_address *address, char out[TL_OS_HOST_TEXT_BYTES])
{
    const char *text = inet_ntop(family_of(address), address->bytes, out, TL_OS_HOST_TEXT_BYTES);
    TL_ASSERT(text);
}

bool tl_os_address_is_mapped(const tl_os_address *address)
{
    struct in6_addr v6;
    memcpy(&v6, address->bytes, sizeof v6);
    return address->family == TL_OS_IPV6 && IN6_IS_ADDR_V4MAPPED(&v6);
}

// ---- names ----------------------------------------------------------------------------------------------------------

static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};

static bool choose(const struct addrinfo *found, tl_os_address *out)
{
    const struct addrinfo *best = NULL;
    for (const struct addrinfo *i = found; i; i = i->ai_next) {
        if (i->ai_family != AF_INET && i->ai_family != AF_INET6) {
            continue;
        }
        if (!best || (i->ai_family == AF_INET && best->ai_family != AF_INET)) {
            best = i;
        }
    }
    if (!best) {
        return false;
    }
    any_address address = {0};
    memcpy(&address, best->ai_addr, best->ai_addrlen < sizeof address ? best->ai_addrlen : sizeof address);
    *out = from_system(&address);
    return true;
}

bool tl_os_resolve(const char *host, tl_os_address *out, const char **why)
{
    struct addrinfo *found = NULL;
    int error = getaddrinfo(host, NULL, &hints, &found);
    *why = error == 0 ? NULL : gai_strerror(error);
    if (error != 0) {
        return false;
    }
    bool chosen = choose(found, out);
    freeaddrinfo(found);
    return chosen;
}

// The C library asks, on a thread of its own (getaddrinfo_a): no code of this library runs there, which may be unloaded
// meanwhile.
struct tl_os_lookup {
    struct gaicb request;
    char host[NI_MAXHOST];
};

tl_os_lookup *tl_os_lookup_begin(const char *host)
{
    TL_ASSERT(strlen(host) < sizeof((tl_os_lookup *)0)->host);
    tl_os_lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup) {
        return NULL;
    }
    memcpy(lookup->host, host, strlen(host));
    lookup->request = (struct gaicb){.ar_name = lookup->host, .ar_request = &hints};
    struct gaicb *requests[] = {&lookup->request};
    if (getaddrinfo_a(GAI_NOWAIT, requests, 1, NULL) == 0) {
        return lookup;
    }
    free(lookup);
    return NULL;
}

bool tl_os_lookup_is_over(tl_os_lookup *lookup, bool *found, tl_os_address *out)
{
    int error = gai_error(&lookup->request);
    if (error == EAI_INPROGRESS) {
        return false;
    }
    *found = error == 0 && choose(lookup->request.ar_result, out);
    return true;
}

void tl_os_lookup_end(tl_os_lookup *lookup)
{
    if (!lookup) {
        return;
    }
    int cancelled = gai_cancel(&lookup->request);
    if (cancelled == EAI_NOTCANCELED) {
        return; // the C library still writes there: a few hundred bytes are lost
    }
    if (lookup->request.ar_result) {
        freeaddrinfo(lookup->request.ar_result);
    }
    free(lookup);
}

// ---- UDP ------------------------------------------------------------------------------------------------------------

int tl_os_udp_open(const tl_os_address *address)
{
    return socket(family_of(address), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

void tl_os_udp_close(int handle)
{
    TL_ASSERT(handle >= 0);
    close(handle);
}

// Without the privilege the system grants at most net.core.rmem_max and wmem_max.
void tl_os_udp_set_buffers(int handle, int bytes)
{
    if (setsockopt(handle, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
        setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    if (setsockopt(handle, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
        setsockopt(handle, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
}

bool tl_os_udp_bind(int handle, const tl_os_address *address)
{
    any_address system;
    socklen_t bytes = to_system(address, &system);
    int off = 0;
    if (address->family == TL_OS_IPV6) {
        setsockopt(handle, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    return bind(handle, &system.any, bytes) == 0;
}

bool tl_os_udp_connect(int handle, const tl_os_address *address)
{
    any_address system;
    socklen_t bytes = to_system(address, &system);
    return connect(handle, &system.any, bytes) == 0;
}

tl_os_address tl_os_udp_local_address(int handle)
{
    any_address system = {0};
    socklen_t bytes = sizeof system;
    getsockname(handle, &system.any, &bytes);
    return from_system(&system);
}

int tl_os_udp_receive(int handle, tl_os_datagram *batch, size_t count)
{
    TL_ASSERT(count >= 1 && count <= TL_OS_DATAGRAMS_MAX);
    struct mmsghdr messages[TL_OS_DATAGRAMS_MAX];
    struct iovec parts[TL_OS_DATAGRAMS_MAX];
    any_address from[TL_OS_DATAGRAMS_MAX];
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){batch[i].data, batch[i].bytes};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int received = recvmmsg(handle, messages, (unsigned int)count, MSG_DONTWAIT, NULL);
    if (received < 0) {
        return errno == ECONNREFUSED ? -1 : 0;
    }
    TL_ASSERT((size_t)received <= count);
    for (int i = 0; i < received; i++) {
        batch[i].peer = from_system(&from[i]);
        batch[i].bytes = messages[i].msg_len;
        batch[i].truncated = messages[i].msg_hdr.msg_flags & MSG_TRUNC;
    }
    return received;
}

int tl_os_udp_send(int handle, bool connected, const tl_os_datagram *batch, size_t count)
{
    TL_ASSERT(count >= 1 && count <= TL_OS_DATAGRAMS_MAX);
    struct mmsghdr messages[TL_OS_DATAGRAMS_MAX];
    struct iovec parts[TL_OS_DATAGRAMS_MAX];
    any_address to[TL_OS_DATAGRAMS_MAX];
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){batch[i].data, batch[i].bytes};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        if (!connected) {
            messages[i].msg_hdr.msg_namelen = to_system(&batch[i].peer, &to[i]);
            messages[i].msg_hdr.msg_name = &to[i];
        }
    }
    int sent;
    do {
        sent = sendmmsg(handle, messages, (unsigned int)count, MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EWOULDBLOCK || errno == ENOBUFS)) {
        errno = EAGAIN;
    }
    TL_ASSERT(sent <= (int)count);
    return sent;
}
