// A client's DTLS transport over one or more servers: keeps their definitions for as long as it may have to connect anew.
#include "base.h"

#include "tramline/transport.h"

typedef struct server_list {
    uint32_t count;
    tl_dtls_client_def servers[];
} server_list;

static void list_free(void *user)
{
    server_list *list = user;
    if (!list) return;
    for (uint32_t i = 0; i < list->count; i++) {
        free((char *)list->servers[i].address);
        free((char *)list->servers[i].fingerprint);
        free((char *)list->servers[i].ca_file);
    }
    free(list);
}

// False: out of memory.
static bool copy_text(const char **text)
{
    if (!*text) return true;
    *text = strdup(*text);
    return *text != NULL;
}

static server_list *list_copy(const tl_dtls_client_def *servers, uint32_t count)
{
    server_list *list = calloc(1, sizeof *list + count * sizeof *servers);
    if (!list) return NULL;
    for (bool good = true; good && list->count < count; list->count++) {
        tl_dtls_client_def *copy = &list->servers[list->count];
        *copy = servers[list->count];
        good = copy_text(&copy->address);
        if (!good) copy->fingerprint = NULL;
        if (!(good = good && copy_text(&copy->fingerprint))) copy->ca_file = NULL;
        good = good && copy_text(&copy->ca_file);
        if (good) continue;
        list->count++;
        list_free(list);
        return NULL;
    }
    return list;
}

static tl_result open_one(void *user, uint32_t server, tl_transport **out, char *text, size_t text_bytes)
{
    server_list *list = user;
    return tl_dtls_client_open(&list->servers[server], out, text, text_bytes);
}

// Unusable definitions show before anything is sent. A name that is not known today may be tomorrow: one must be.
static tl_result try_all(server_list *list, char *text, size_t text_bytes)
{
    tl_result result = TL_ERR_INVALID;
    bool any = false;
    for (uint32_t i = 0; i < list->count; i++) {
        tl_transport *trial;
        char why[256] = "";
        tl_result one = tl_dtls_client_open(&list->servers[i], &trial, why, sizeof why);
        if (one == TL_OK) trial->ops->close(trial);
        any |= one == TL_OK;
        if (one == TL_OK) continue;
        result = fail(one, text, text_bytes, "%s", why);
        if (one != TL_ERR_NOT_FOUND && one != TL_ERR_UNAVAILABLE) return result;
    }
    return any ? TL_OK : result;
}

tl_result tl_dtls_failover_open(const tl_dtls_client_def *servers, uint32_t server_count, tl_transport **out, char *text, size_t text_bytes)
{
    *out = NULL;
    if (server_count < 1 || server_count > TL_FAILOVER_SERVERS_MAX)
        return fail(TL_ERR_INVALID, text, text_bytes, "%u servers are given; 1 to %d can be", server_count, TL_FAILOVER_SERVERS_MAX);
    server_list *list = list_copy(servers, server_count);
    if (!list) return fail(TL_ERR_MEMORY, text, text_bytes, "out of memory");
    tl_result result = try_all(list, text, text_bytes);
    if (result != TL_OK) {
        list_free(list);
        return result;
    }
    const tl_failover_def def = {.server_count = server_count, .open = open_one, .close = list_free, .user = list};
    return tl_failover_open(&def, out, text, text_bytes);
}
