// Answers to clients' requests.
#include "server/answers.h"
#include "server/client_table.h"
#include "server/state.h"

// Returns false if the client's queue is full.
bool tl_answers_send(tl_server *s, tl_client_number number, uint32_t request, tl_result result, tl_entity_id entity)
{
    tl_server_client *client = tl_client_table_by_number(s, number);
    unsigned char data[32];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_fixed(&w, request, 4);
    tl_write_fixed(&w, result, 1);
    tl_write_varint(&w, entity);
    bool sent = client == NULL || tl_channel_send(&client->session->channel, TL_MESSAGE_ANSWER, data, w.size) == TL_OK;
    s->stats.limits_reached += !sent;
    return sent;
}
