// A client's DTLS transport over one or more servers: keeps their definitions and addresses for as long as it may have
// to reconnect. Hosts are resolved when it is opened; later only in the background, because a client reconnects just
// when its network, and so its name server, may be unreachable.
#include "base/memory.h"
#include "transport/dtls_client.h"
#include "transport/fail.h"
#include "transport/lookup.h"

#include <stdlib.h>
#include <string.h>

typedef struct server_entry {
    tl_dtls_client_def def;
    bool known; // `address` is
    tl_os_address address;
    lookup *asked; // for it, or for the one that it has now; NULL: nothing is under way
} server_entry;

typedef struct server_list {
    uint32_t count;
    server_entry servers[];
} server_list;

static void list_free(void *user)
{
    server_list *list = user;
    if (!list) {
        return;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        tl_lookup_end(list->servers[i].asked);
        tl_free((char *)list->servers[i].def.address);
        tl_free((char *)list->servers[i].def.fingerprint);
        tl_free((char *)list->servers[i].def.ca_file);
    }
    tl_free(list);
}

// False: out of memory.
static bool copy_text(const char **text)
{
    if (!*text) {
        return true;
    }
    *text = tl_alloc_string(*text);
    return *text != NULL;
}

static server_list *list_copy(const tl_dtls_client_def *servers, uint32_t count)
{
    server_list *list = tl_alloc(sizeof *list + count * sizeof list->servers[0]);
    if (!list) {
        return NULL;
    }
    for (bool good = true; good && list->count < count; list->count++) {
        tl_dtls_client_def *copy = &list->servers[list->count].def;
        *copy = servers[list->count];
        good = copy_text(&copy->address);
        if (!good) {
            copy->fingerprint = NULL;
        }
        if (!(good = good && copy_text(&copy->fingerprint))) {
            copy->ca_file = NULL;
        }
        good = good && copy_text(&copy->ca_file);
        if (good) {
            continue;
        }
        list->count++;
        list_free(list);
        return NULL;
    }
    return list;
}

// What was asked for at the attempt before counts for this one, and this one asks for the next: an address may change.
static void look_up(server_entry *server)
{
    tl_result result;
    tl_os_address address;
    if (server->asked && !tl_lookup_is_over(server->asked, &result, &address)) {
        return;
    }
    if (server->asked && result == TL_OK) {
        server->address = address;
        server->known = true;
    }
    tl_lookup_end(server->asked);
    server->asked = tl_lookup_begin(server->def.address);
}

static tl_result open_one(void *user, uint32_t index, tl_transport **out, char *text, size_t text_bytes)
{
    server_entry *server = &((server_list *)user)->servers[index];
    look_up(server);
    if (server->known) {
        return tl_dtls_client_open_at(&server->def, &server->address, out, text, text_bytes);
    }
    return fail(TL_ERR_NOT_FOUND, text, text_bytes,
                "the host of '%.80s' is not found so far; check its name and the network", server->def.address);
}

// Unusable definitions show before anything is sent. A name that is not known today may be tomorrow: one must be.
static tl_result try_all(server_list *list, char *text, size_t text_bytes)
{
    tl_result result = TL_ERR_INVALID;
    bool any = false;
    for (uint32_t i = 0; i < list->count; i++) {
        server_entry *server = &list->servers[i];
        tl_transport *trial;
        char why[256] = "", host[HOST_BYTES_MAX + 1];
        tl_result one = tl_address_resolve(server->def.address, &server->address, host, why, sizeof why);
        server->known = one == TL_OK;
        if (one == TL_OK) {
            one = tl_dtls_client_open_at(&server->def, &server->address, &trial, why, sizeof why);
        }
        if (one == TL_OK) {
            tl_transport_close(trial);
        }
        any |= one == TL_OK;
        if (one == TL_OK) {
            continue;
        }
        result = fail(one, text, text_bytes, "%s", why);
        if (one != TL_ERR_NOT_FOUND && one != TL_ERR_UNAVAILABLE) {
            return result;
        }
    }
    return any ? TL_OK : result;
}

tl_result tl_dtls_failover_open(const tl_dtls_client_def *servers, uint32_t server_count, tl_transport **out,
                                char *text, size_t text_bytes)
{
    *out = NULL;
    if (server_count < 1 || server_count > TL_FAILOVER_SERVERS_MAX) {
        return fail(TL_ERR_INVALID, text, text_bytes, "%u servers are given; 1 to %d can be", server_count,
                    TL_FAILOVER_SERVERS_MAX);
    }
    server_list *list = list_copy(servers, server_count);
    if (!list) {
        return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory");
    }
    tl_result result = try_all(list, text, text_bytes);
    if (result != TL_OK) {
        list_free(list);
        return result;
    }
    tl_failover_def def = tl_failover_def_default();
    def.server_count = server_count, def.open = open_one, def.close = list_free, def.user = list;
    return tl_failover_open(&def, out, text, text_bytes);
}
