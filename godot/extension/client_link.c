#include "client.h"

#include "variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 1024, FRAME_BYTES_MAX = 1 << 20 };

// A transport that keeps what came in beside, so that scripts can have it as frames.
typedef struct tap {
    tl_transport transport;
    tl_transport *inner;
    client_link *link;
} tap;

static bool append(unsigned char **bytes, size_t *size, size_t *room, const void *data, size_t data_bytes)
{
    if (*size + 2 + data_bytes > *room) {
        size_t larger = *room ? 2 * *room : 16384;
        unsigned char *grown = larger <= FRAME_BYTES_MAX ? realloc(*bytes, larger) : NULL;
        if (!grown) {
            return false;
        }
        *bytes = grown;
        *room = larger;
    }
    unsigned char *to = *bytes + *size;
    to[0] = (unsigned char)data_bytes;
    to[1] = (unsigned char)(data_bytes >> 8);
    memcpy(to + 2, data, data_bytes);
    *size += 2 + data_bytes;
    return true;
}

static tl_result tap_poll(tl_transport *self, uint64_t now_us, tl_transport_event *out)
{
    tap *t = (tap *)self;
    tl_result result = t->inner->ops->poll(t->inner, now_us, out);
    if (result == TL_OK && out->type == TL_TRANSPORT_DATAGRAM) {
        client_link *l = t->link;
        append(&l->received, &l->received_bytes, &l->received_room, out->data, out->size);
    }
    t->transport.stats = t->inner->stats;
    return result;
}

static tl_result tap_send(tl_transport *self, tl_peer peer, const void *data, size_t size)
{
    tap *t = (tap *)self;
    return t->inner->ops->send(t->inner, peer, data, size);
}

static void tap_flush(tl_transport *self) { ((tap *)self)->inner->ops->flush(((tap *)self)->inner); }
static void tap_drop(tl_transport *self, tl_peer peer) { ((tap *)self)->inner->ops->drop(((tap *)self)->inner, peer); }
static int tap_wait_fd(tl_transport *self) { return ((tap *)self)->inner->ops->wait_fd(((tap *)self)->inner); }

static void tap_close(tl_transport *self)
{
    tap *t = (tap *)self;
    t->inner->ops->close(t->inner);
    free(t);
}

static const tl_transport_ops tap_ops = {tap_poll, tap_send, tap_flush, tap_drop, tap_wait_fd, tap_close};

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

// ---- opening -------------------------------------------------------------------------------------------------------

static void element_text(const gd_packed *strings, int index, char *out, size_t bytes)
{
    out[0] = 0;
    if (index < gd_size(GD_STRINGS, strings)) {
        gd_string_to_text(gd.strings_at(strings, index), out, bytes);
    }
}

static void global_path(const gd_string *path, char *out, size_t bytes)
{
    gd_string global;
    gd.string_new(&global, "");
    gd.method_ptrcall(gd.method.settings_globalize_path, gd.settings, (const void *[]){path}, &global);
    gd_string_to_text(&global, out, bytes);
    gd.destroy[GD_STRING](&global);
}

static bool open_transport(client_node *c, client_link *link, int index)
{
    char fingerprint[128], ca_file[PATH_BYTES];
    element_text(&c->addresses, index, link->address, sizeof link->address);
    element_text(&c->fingerprints, index, fingerprint, sizeof fingerprint);
    global_path(&c->ca_file, ca_file, sizeof ca_file);
    if (!fingerprint[0] && !ca_file[0]) {
        snprintf(c->text, sizeof c->text, "there is no fingerprint for '%s'; add the server's get_fingerprint() to fingerprints, or give a ca_file", link->address);
        return false;
    }
    tl_dtls_client_def def = tl_dtls_client_def_default();
    def.address = link->address;
    def.fingerprint = fingerprint[0] ? fingerprint : NULL;
    def.ca_file = fingerprint[0] ? NULL : ca_file;
    tl_transport *inner = NULL;
    if (tl_dtls_client_open(&def, &inner, c->text, sizeof c->text) != TL_OK) {
        return false;
    }
    link->transport = tap_create(inner, link);
    return link->transport != NULL;
}

static void on_send(void *user, const void *data, size_t size) { client_queue_datagram(user, data, size); }

void client_queue_datagram(client_node *c, const void *data, size_t size)
{
    append(&c->out, &c->out_bytes, &c->out_room, data, size); // what finds no room is lost, as on any network
}

bool client_link_open(client_node *c, client_link *link, int address_index)
{
    char token[TL_TOKEN_BYTES_MAX + 2];
    *link = (client_link){0};
    bool whole = gd_string_to_text(&c->token, token, sizeof token);
    if (!whole || strlen(token) > TL_TOKEN_BYTES_MAX) {
        snprintf(c->text, sizeof c->text, "the token is longer than %d bytes; make one with 'tramline token make'", TL_TOKEN_BYTES_MAX);
        return false;
    }
    if (!c->custom_transport && !open_transport(c, link, address_index)) {
        return false;
    }
    tl_client_def def = tl_client_def_default();
    def.transport = link->transport;
    def.send = c->custom_transport ? on_send : NULL;
    def.send_user = c;
    def.token = token;
    def.token_bytes = strlen(token);
    def.entities_max = (uint32_t)(c->entities_max < 1 ? 1 : c->entities_max > 1 << 26 ? 1 << 26 : c->entities_max);
    def.kbit_s = (uint32_t)(c->kbit_s < 1 ? 1 : c->kbit_s > 10000000 ? 10000000 : c->kbit_s);
    tl_result result = tl_client_create(&def, &link->client);
    if (result != TL_OK) {
        snprintf(c->text, sizeof c->text, "no client can be made (%s); lower entities_max", tl_result_text(result));
        client_link_close(link);
        return false;
    }
    client_apply_observer(c, link);
    return true;
}

void client_link_close(client_link *link)
{
    if (link->client) {
        tl_client_destroy(link->client);
    }
    if (link->transport) {
        link->transport->ops->close(link->transport);
    }
    for (int i = 0; i < link->kind_count; i++) {
        gd_variant_free(&link->kind_names[i]);
    }
    free(link->received);
    *link = (client_link){0};
}

void client_link_move(client_link *to, client_link *from)
{
    *to = *from;
    *from = (client_link){0};
    if (to->transport) {
        ((tap *)to->transport)->link = to;
    }
}

void client_link_live(client_node *c, client_link *link, uint64_t now_us)
{
    link->live_us = now_us;
    link->kind_count = tl_client_kind_count(link->client);
    for (int i = 0; i < link->kind_count; i++) {
        const char *name = tl_client_kind_name(link->client, i);
        link->kind_names[i] = gd_variant_text(name);
        int listed = link->listed[i] = kind_list_find(c->list, name);
        link->has_scene[i] = listed >= 0 && gd_variant_to_object(&c->list->scenes[listed]);
        for (int f = 1; listed >= 0 && f < c->list->kinds[listed].field_count; f++) {
            link->has_properties[i] |= c->list->properties[listed][f][0] != 0;
        }
    }
}

void client_apply_observer(client_node *c, client_link *link)
{
    if (!link->client || !c->observes) {
        return;
    }
    if (c->observes_entity) {
        tl_client_observe_entity(link->client, c->observed_entity);
    } else {
        tl_client_observe_point(link->client, c->observed_point);
    }
}
