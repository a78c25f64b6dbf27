#include "client_transport.h"

#include "base/os/clock.h"
#include "call.h"
#include "variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// SIZE_BYTES: of a datagram, before it in a frame.
enum {
    SIZE_BYTES = 2,
    PATH_BYTES = 1024,
    FINGERPRINT_BYTES = 128,
    FRAME_BYTES_FIRST = 16384,
    FRAME_BYTES_MAX = 1 << 20
};

static bool append(unsigned char **bytes, size_t *size, size_t *capacity, const void *data, size_t data_bytes)
{
    if (*size + SIZE_BYTES + data_bytes > *capacity) {
        size_t larger = *capacity ? 2 * *capacity : FRAME_BYTES_FIRST;
        unsigned char *grown = larger <= FRAME_BYTES_MAX ? realloc(*bytes, larger) : NULL;
        if (!grown) {
            return false;
        }
        *bytes = grown;
        *capacity = larger;
    }
    if (data_bytes > UINT16_MAX || *size + SIZE_BYTES + data_bytes > *capacity) {
        return false;
    }
    unsigned char *to = *bytes + *size;
    to[0] = (unsigned char)data_bytes;
    to[1] = (unsigned char)(data_bytes >> 8);
    memcpy(to + SIZE_BYTES, data, data_bytes);
    *size += SIZE_BYTES + data_bytes;
    return true;
}

// ---- DTLS, with what came in kept beside it, so that scripts can have it as frames ---------------------------------

typedef struct tap {
    tl_transport transport;
    tl_transport *inner;
    client_link *link;
} tap;

static tl_result tap_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    tap *t = (tap *)self;
    tl_result result = t->inner->ops->poll(t->inner, now_us, out);
    if (result == TL_OK && out->type == TL_TRANSPORT_DATAGRAM) {
        client_link *l = t->link;
        append(&l->received, &l->received_bytes, &l->received_capacity, out->data, out->size);
    }
    t->transport.stats = t->inner->stats;
    return result;
}

static tl_result tap_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    tap *t = (tap *)self;
    return t->inner->ops->send(t->inner, peer, data, size);
}

static void tap_flush(tl_transport *self)
{
    ((tap *)self)->inner->ops->flush(((tap *)self)->inner);
}

static void tap_drop(tl_transport *self, tl_peer peer)
{
    ((tap *)self)->inner->ops->drop(((tap *)self)->inner, peer);
}

static int tap_wait_fd(tl_transport *self)
{
    return ((tap *)self)->inner->ops->wait_fd(((tap *)self)->inner);
}

static tl_result tap_reconnect(tl_transport *self, tl_reconnect how)
{
    return ((tap *)self)->inner->ops->reconnect(((tap *)self)->inner, how);
}

static void tap_close(tl_transport *self)
{
    tap *t = (tap *)self;
    t->inner->ops->close(t->inner);
    free(t);
}

static const tl_transport_ops tap_ops = {tap_poll,    tap_send,  tap_flush,    tap_drop,
                                         tap_wait_fd, tap_close, tap_reconnect};

static tl_transport *tap_create(tl_transport *inner, client_link *link)
{
    tap *t = calloc(1, sizeof *t);
    if (!t) {
        inner->ops->close(inner);
        return NULL;
    }
    t->transport.ops = &tap_ops;
    t->inner = inner;
    t->link = link;
    return &t->transport;
}

// ---- a script ------------------------------------------------------------------------------------------------------

// The script passes what arrives to apply_frame(), and reconnects when the client emits "reconnecting".
typedef struct script {
    tl_transport transport;
    client_node *client;
} script;

static tl_result script_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    return TL_AGAIN;
}

static tl_result script_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    client_node *c = ((script *)self)->client;
    append(&c->out, &c->out_bytes, &c->out_capacity, data, size); // what does not fit is lost, as on any network
    return TL_OK;
}

static void script_flush(tl_transport *self)
{
}

static void script_drop(tl_transport *self, tl_peer peer)
{
}

static int script_wait_fd(tl_transport *self)
{
    return -1;
}

static void script_close(tl_transport *self)
{
    free(self);
}

static tl_result script_reconnect(tl_transport *self, tl_reconnect how)
{
    return TL_OK;
}

static const tl_transport_ops script_ops = {script_poll,    script_send,  script_flush,    script_drop,
                                            script_wait_fd, script_close, script_reconnect};

static bool no_memory(client_node *c)
{
    snprintf(c->text, sizeof c->text, "out of memory");
    return false;
}

static bool open_script(client_node *c, client_link *link)
{
    script *s = calloc(1, sizeof *s);
    if (!s) {
        return no_memory(c);
    }
    s->transport.ops = &script_ops;
    s->client = c;
    link->transport = &s->transport;
    return true;
}

static client_link *custom_link(client_node *c, const char *method)
{
    client_link *link = &c->link;
    if (!link->client || link->servers) { // as it was opened: the property may have changed since
        gd_error_print(method, "This needs custom_transport; set it, and call connect_to_server() first.");
        return NULL;
    }
    return link;
}

void client_transport_connected(void *self, const void *const *args, void *ret)
{
    client_link *link = custom_link(self, "TramlineClient.transport_connected");
    if (link) {
        tl_client_connected(link->client, tl_os_monotonic_us());
    }
}

// Malformed bytes from outside are reported by the result alone: they are not the caller's fault.
void client_apply_frame(void *self, const void *const *args, void *ret)
{
    client_link *link = custom_link(self, "TramlineClient.apply_frame");
    int64_t size = gd_size(GD_BYTES, args[0]);
    tl_result result = TL_OK;
    if (link && size) {
        result = tl_client_receive_frame(link->client, gd.bytes_at(args[0], 0), (size_t)size, tl_os_monotonic_us());
    }
    gd_ret_int(ret, link ? gd_error_from(result) : GD_ERR_UNCONFIGURED);
}

// ---- opening -------------------------------------------------------------------------------------------------------

static void element_text(const gd_packed *strings, int64_t index, char *out, size_t bytes)
{
    out[0] = 0;
    if (index < gd_size(GD_STRINGS, strings)) {
        gd_string_to_text(gd.strings_at(strings, index), out, bytes);
    }
}

// The servers in the order in which they are tried, beginning with the address `first`.
static bool open_servers(client_node *c, client_link *link, int64_t first)
{
    char ca_file[PATH_BYTES], fingerprints[TL_FAILOVER_SERVERS_MAX][FINGERPRINT_BYTES];
    tl_dtls_client_def servers[TL_FAILOVER_SERVERS_MAX];
    int64_t count = gd_size(GD_STRINGS, &c->addresses);
    if (count < 1 || count > TL_FAILOVER_SERVERS_MAX) {
        snprintf(c->text, sizeof c->text, "addresses has %lld entries; it must have 1 to %d, as 'host:port'",
                 (long long)count, TL_FAILOVER_SERVERS_MAX);
        return false;
    }
    gd_globalize_path(&c->ca_file, ca_file, sizeof ca_file);
    link->addresses = calloc((size_t)count, sizeof *link->addresses);
    if (!link->addresses) {
        return no_memory(c);
    }
    for (int64_t i = 0; i < count; i++) {
        char *address = link->addresses[i], *fingerprint = fingerprints[i];
        element_text(&c->addresses, (first + i) % count, address, sizeof *link->addresses);
        element_text(&c->fingerprints, (first + i) % count, fingerprint, FINGERPRINT_BYTES);
        if (!fingerprint[0] && !ca_file[0]) {
            snprintf(c->text, sizeof c->text,
                     "fingerprints has no entry for '%s'; add the server's get_fingerprint() to fingerprints, or set "
                     "ca_file",
                     address);
            return false;
        }
        servers[i] = tl_dtls_client_def_default();
        servers[i].address = address;
        servers[i].fingerprint = fingerprint[0] ? fingerprint : NULL;
        servers[i].ca_file = fingerprint[0] ? NULL : ca_file;
    }
    if (tl_dtls_failover_open(servers, (uint32_t)count, &link->servers, c->text, sizeof c->text) != TL_OK) {
        return false;
    }
    link->transport = tap_create(link->servers, link);
    return link->transport || no_memory(c);
}

bool client_transport_open(client_node *c, client_link *link, int64_t first_address)
{
    return c->custom_transport ? open_script(c, link) : open_servers(c, link, first_address);
}

void client_transport_close(client_link *link)
{
    if (link->transport) {
        link->transport->ops->close(link->transport);
    }
    free(link->addresses);
    free(link->received);
}

const char *client_address(const client_link *link)
{
    if (!link->transport) {
        return "";
    }
    return link->servers ? link->addresses[tl_failover_server(link->servers)] : "custom transport";
}
