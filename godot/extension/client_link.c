#include "client_link.h"

#include "client_observe.h"
#include "client_transport.h"
#include "variant.h"

#include <stdio.h>
#include <string.h>

enum {
    ENTITIES_MAX = 1 << 26,
    KBIT_S_MAX = 10000000,
    MS_PER_S = 1000,
    RECONNECT_MS_MAX = UINT32_MAX
}; // it tries until a script ends the connection
#define SILENCE_S_MIN 0.5
#define SILENCE_S_MAX 10.0

static uint32_t clamp(int64_t value, int64_t least, int64_t most)
{
    return (uint32_t)(value < least ? least : value > most ? most : value);
}

bool client_link_open(client_node *c, int64_t first_address)
{
    char token[TL_TOKEN_BYTES_MAX + 2];
    client_link *link = &c->link;
    *link = (client_link){0};
    bool whole = gd_string_to_text(&c->token, token, sizeof token);
    if (!whole || strlen(token) > TL_TOKEN_BYTES_MAX) {
        snprintf(c->text, sizeof c->text, "the token is longer than %d bytes; make one with 'tramline token make'",
                 TL_TOKEN_BYTES_MAX);
        return false;
    }
    if (!client_transport_open(c, link, first_address)) {
        client_link_close(link);
        return false;
    }
    tl_client_def def = tl_client_def_default();
    def.transport = link->transport;
    def.token = token;
    def.token_bytes = strlen(token);
    def.entities_max = clamp(c->entities_max, 1, ENTITIES_MAX);
    def.kbit_s = clamp(c->kbit_s, 1, KBIT_S_MAX);
    double silence_s = c->silence_s >= SILENCE_S_MIN ? c->silence_s : SILENCE_S_MIN; // also if it is NaN
    def.silence_ms = (uint32_t)((silence_s < SILENCE_S_MAX ? silence_s : SILENCE_S_MAX) * MS_PER_S);
    def.reconnect_ms = RECONNECT_MS_MAX;
    tl_result result = tl_client_create(&def, &link->client);
    if (result != TL_OK) {
        snprintf(c->text, sizeof c->text, "the client cannot be created (%s); lower entities_max",
                 tl_result_text(result));
        client_link_close(link);
        return false;
    }
    client_apply_observer(c);
    return true;
}

static void forget_kinds(client_link *link)
{
    for (int i = 0; i < link->kind_count; i++) {
        gd_variant_free(&link->kind_names[i]);
    }
    link->kind_count = 0;
}

void client_link_close(client_link *link)
{
    if (link->client) {
        tl_client_destroy(link->client);
    }
    client_transport_close(link);
    forget_kinds(link);
    *link = (client_link){0};
}

void client_link_live(client_node *c)
{
    client_link *link = &c->link;
    forget_kinds(link);
    link->has_view = true;
    link->kind_count = tl_client_kind_count(link->client);
    for (int i = 0; i < link->kind_count; i++) {
        const char *name = tl_client_kind_name(link->client, i);
        link->kind_names[i] = gd_variant_text(name);
        int listed = link->listed[i] = kind_list_find(c->list, name);
        link->has_scene[i] = listed >= 0 && gd_variant_to_object(&c->list->scenes[listed]);
        link->has_properties[i] = false;
        for (int f = 1; listed >= 0 && f < c->list->kinds[listed].field_count; f++) {
            link->has_properties[i] |= c->list->properties[listed][f][0] != 0;
        }
    }
}
