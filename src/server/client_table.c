// The table of clients: finding them by peer or number, and marking them to be dropped.
#include "server/client_table.h"
#include "server/state.h"

#include <stdio.h>

tl_server_client *tl_client_table_by_peer(tl_server *s, tl_peer peer)
{
    const uint32_t *index = tl_map_find(&s->clients.map, peer);
    TL_ASSERT(index == NULL || (s->clients.all[*index].used && s->clients.all[*index].peer == peer));
    return index ? &s->clients.all[*index] : NULL;
}

tl_server_client *tl_client_table_by_number(tl_server *s, tl_client_number number)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        if (s->clients.all[i].used && s->clients.all[i].number == number) {
            return &s->clients.all[i];
        }
    }
    return NULL;
}

void tl_client_table_send(tl_server *s, tl_peer peer, const void *data, size_t size)
{
    TL_ASSERT(s->def.transport && size > 0 && size <= TL_DATAGRAM_BYTES_MAX);
    tl_transport_send(s->def.transport, peer, data, size);
}

// ---- dropping ----

void tl_server_drop_client(tl_server *s, tl_client_number number, const char *reason)
{
    tl_server_client *client = tl_client_table_by_number(s, number);
    if (client == NULL || client->drop_due) {
        return;
    }
    client->drop_due = true;
    snprintf(client->drop_reason, sizeof client->drop_reason, "%s", reason);
}

void tl_client_table_blame(tl_server *s, tl_entity_id id, const char *reason)
{
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        const tl_server_client *client = &s->clients.all[i];
        for (uint32_t k = 0; client->used && k < client->owned_count; k++) {
            if (client->owned[k].id == id) {
                tl_server_drop_client(s, client->number, reason);
            }
        }
    }
}
