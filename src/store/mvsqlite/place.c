#include "store/mvsqlite/place.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECT_MS = 2000 };

tl_result tl_mvsqlite_place_parse(tl_mvsqlite_place *place, const char *address, tl_fault *fault)
{
    memset(place, 0, sizeof(*place));
    int length = snprintf(place->uri, sizeof(place->uri), "mvsqlite:%s", address);
    const char *host = strstr(address, "://");
    bool web = host && (strncmp(address, "http://", 7) == 0 || strncmp(address, "https://", 8) == 0);
    const char *slash = web ? strchr(host + 3, '/') : NULL;
    if (!slash || slash == host + 3 || length < 0 || (size_t)length >= sizeof(place->uri) ||
        (size_t)(slash - address) >= sizeof(place->plane) || !tl_name_valid(slash + 1)) {
        return tl_fault_set(
            fault, TL_ERR_INVALID, place->uri,
            "not a store in mvsqlite; write mvsqlite:http://HOST:PORT/NAME, NAME of letters, digits, - _ .");
    }
    memcpy(place->plane, address, (size_t)(slash - address));
    snprintf(place->name, sizeof(place->name), "%s", slash + 1);
    return TL_OK;
}

void tl_mvsqlite_place_world(const tl_mvsqlite_place *place, char out[TL_NAMESPACE_BYTES_MAX])
{
    snprintf(out, TL_NAMESPACE_BYTES_MAX, "%s-world", place->name);
}

void tl_mvsqlite_place_log(const tl_mvsqlite_place *place, const char *server, char out[TL_NAMESPACE_BYTES_MAX])
{
    snprintf(out, TL_NAMESPACE_BYTES_MAX, "%s-log-%s", place->name, server);
}

// Whether the library will ask at the URI's address: MVSQLITE_DATA_PLANE may be a list, of which it takes any.
static bool is_told(const char *planes, const char *plane)
{
    size_t length = strlen(plane);
    for (const char *at = planes; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const char *rest = strncmp(at, plane, length) == 0 ? at + length : "?";
        if (*rest == '/') {
            rest++;
        }
        if (*rest == '\0' || *rest == ',') {
            return true;
        }
    }
    return false;
}

static bool connect_to(const struct addrinfo *address)
{
    int handle = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (handle < 0) {
        return false;
    }
    int error = connect(handle, address->ai_addr, address->ai_addrlen) == 0 ? 0 : -1;
    struct pollfd wait = {.fd = handle, .events = POLLOUT};
    socklen_t size = sizeof(error);
    bool answered = error == 0 || (poll(&wait, 1, CONNECT_MS) == 1 &&
                                   getsockopt(handle, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0);
    close(handle);
    return answered;
}

static bool answers(const char *plane)
{
    char host[200];
    const char *port = strncmp(plane, "https", 5) == 0 ? "443" : "80";
    snprintf(host, sizeof(host), "%s", strstr(plane, "://") + 3);
    char *bracket = strchr(host, ']');
    char *colon = strrchr(bracket ? bracket : host, ':');
    if (colon) {
        *colon = '\0';
        port = colon + 1;
    }
    const char *name = host;
    if (bracket) { // an IPv6 address
        *bracket = '\0';
        name = host + 1;
    }
    struct addrinfo *list = NULL;
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(name, port, &wanted, &list) != 0) {
        return false;
    }
    bool answered = false;
    for (const struct addrinfo *address = list; address && !answered; address = address->ai_next) {
        answered = connect_to(address);
    }
    freeaddrinfo(list);
    return answered;
}

tl_result tl_mvsqlite_place_check(const tl_mvsqlite_place *place, tl_fault *fault)
{
    char text[256];
    const char *planes = getenv("MVSQLITE_DATA_PLANE");
    if (!dlsym(RTLD_DEFAULT, "init_mvsqlite_connection")) {
        snprintf(text, sizeof(text),
                 "mvsqlite's library is not loaded; start with LD_PRELOAD=/…/libmvsqlite_preload.so "
                 "MVSQLITE_DATA_PLANE=%.60s",
                 place->plane);
        return tl_fault_set(fault, TL_ERR_UNAVAILABLE, place->uri, text);
    }
    if (!planes || !is_told(planes, place->plane)) {
        snprintf(text, sizeof(text), "MVSQLITE_DATA_PLANE is %.40s%s; start with MVSQLITE_DATA_PLANE=%.60s",
                 planes ? planes : "not set", planes ? ", another address" : "", place->plane);
        return tl_fault_set(fault, TL_ERR_INVALID, place->uri, text);
    }
    if (!answers(place->plane)) {
        return tl_fault_set(
            fault, TL_ERR_UNAVAILABLE, place->uri,
            "nothing answers there; start mvstore --data-plane HOST:PORT --admin-api HOST:PORT --cluster "
            "FILE --raw-data-prefix m --metadata-prefix mvstore");
    }
    return TL_OK;
}
