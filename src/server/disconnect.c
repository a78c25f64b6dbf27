// Disconnecting clients and newcomers: sends them the reason, and releases or keeps what they own.
#include "server/disconnect.h"
#include "server/accounts.h"
#include "server/admission.h"
#include "server/claims.h"
#include "server/client_table.h"
#include "server/state.h"

enum { REFUSE_TEXT_BYTES_MAX = 200 };

static void refuse(tl_server *s, tl_peer peer, tl_result result, const char *text)
{
    unsigned char data[REFUSE_TEXT_BYTES_MAX + 16];
    tl_writer w = tl_writer_make(data, sizeof data);
    size_t size = strlen(text) < REFUSE_TEXT_BYTES_MAX ? strlen(text) : REFUSE_TEXT_BYTES_MAX;
    tl_write_fixed(&w, TL_WIRE_REFUSE, 1);
    tl_write_fixed(&w, result, 1);
    tl_write_varint(&w, size);
    tl_write_bytes(&w, text, size);
    tl_client_table_send(s, peer, data, w.size);
}

// `keep`: the client may come back; what it owns is kept for a while.
static void end_client(tl_server *s, tl_server_client *client, bool keep)
{
    TL_ASSERT(client->used && client->session);
    tl_claims_goodbye(s, client, keep);
    tl_accounts_leave(s, client);
    s->stats.work_waits += client->session->work.waits;
    tl_session_end(client->session);
    tl_heap_free(&s->heap, client->session, sizeof *client->session);
    tl_map_remove(&s->clients.map, client->peer);
    tl_client_number number = client->number;
    char name[TL_NAME_BYTES_MAX + 1];
    memcpy(name, client->grant.name, sizeof name);
    *client = (tl_server_client){0};
    if (s->def.callbacks.client) {
        s->def.callbacks.client(s->def.callbacks.user, s, number, name, false);
    }
}

void tl_disconnect_client(tl_server *s, tl_server_client *client, tl_result result, const char *text)
{
    tl_peer peer = client->peer;
    refuse(s, peer, result, text);
    tl_admission_close(s, peer);
    end_client(s, client, result != TL_ERR_DENIED); // the game's own decision is final
}

void tl_disconnect_peer(tl_server *s, tl_peer peer, tl_result result, const char *text)
{
    tl_server_client *client = tl_client_table_by_peer(s, peer);
    if (client) {
        tl_disconnect_client(s, client, result, text);
        return;
    }
    refuse(s, peer, result, text);
    tl_admission_close(s, peer);
}

void tl_disconnect_gone(tl_server *s, tl_peer peer, bool keep)
{
    tl_server_client *client = tl_client_table_by_peer(s, peer);
    if (client) {
        end_client(s, client, keep);
    }
}

void tl_disconnect_all(tl_server *s, tl_result result, const char *text)
{
    for (uint32_t i = 0; i < s->def.clients_max && s->clients.all; i++) {
        if (s->clients.all[i].used) {
            tl_disconnect_client(s, &s->clients.all[i], result, text);
        }
    }
}
