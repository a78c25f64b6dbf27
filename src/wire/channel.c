#include "wire/channel.h"

void tl_channel_init(tl_channel *c, tl_heap *heap)
{
    *c = (tl_channel){.heap = heap};
}

static void drop_first(tl_channel *c)
{
    TL_ASSERT(c->count > 0 && c->count <= TL_CHANNEL_MESSAGES_MAX);
    tl_channel_message *message = &c->queue[c->first];
    tl_heap_free(c->heap, message->data, message->size);
    c->first = (c->first + 1) % TL_CHANNEL_MESSAGES_MAX;
    c->count--;
    c->acked++;
}

void tl_channel_reset(tl_channel *c)
{
    while (c->count) {
        drop_first(c);
    }
    c->acked = c->expected = 0;
    c->ack_due = false;
}

tl_result tl_channel_send(tl_channel *c, int type, const void *data, size_t size)
{
    TL_ASSERT(type >= 0 && type <= UINT8_MAX);
    if (size > TL_MESSAGE_BYTES_MAX) {
        return TL_ERR_INVALID;
    }
    if (c->count == TL_CHANNEL_MESSAGES_MAX) {
        return TL_AGAIN;
    }
    unsigned char *copy = tl_heap_alloc(c->heap, size);
    if (copy == NULL) {
        return TL_ERR_FULL;
    }
    if (size) {
        memcpy(copy, data, size);
    }
    c->queue[(c->first + c->count++) % TL_CHANNEL_MESSAGES_MAX] = (tl_channel_message){
        .data = copy, .size = (uint16_t)size, .type = (uint8_t)type};
    return TL_OK;
}

bool tl_channel_due(const tl_channel *c, uint64_t now_us)
{
    for (uint32_t i = 0; i < c->count; i++) {
        uint64_t sent_us = c->queue[(c->first + i) % TL_CHANNEL_MESSAGES_MAX].sent_us;
        if (sent_us == 0 || now_us - sent_us >= TL_CHANNEL_RESEND_US) {
            return true;
        }
    }
    return false;
}

void tl_channel_write(tl_channel *c, tl_writer *w, uint64_t now_us)
{
    // Resend from the first due message on: the order is kept, so everything sent after it is sent again, too.
    uint32_t from = 0;
    while (from < c->count) {
        uint64_t sent_us = c->queue[(c->first + from) % TL_CHANNEL_MESSAGES_MAX].sent_us;
        if (sent_us == 0 || now_us - sent_us >= TL_CHANNEL_RESEND_US) {
            break;
        }
        from++;
    }
    size_t count_at = w->size;
    tl_write_fixed(w, 0, 1);
    tl_write_fixed(w, (uint16_t)(c->acked + from), 2);
    int count = 0;
    for (uint32_t i = from; i < c->count && count < UINT8_MAX; i++) {
        tl_channel_message *message = &c->queue[(c->first + i) % TL_CHANNEL_MESSAGES_MAX];
        if (w->bad || w->capacity - w->size < message->size + 3u) {
            break;
        }
        tl_write_fixed(w, message->type, 1);
        tl_write_fixed(w, message->size, 2);
        tl_write_bytes(w, message->data, message->size);
        message->sent_us = now_us;
        count++;
    }
    if (!w->bad) {
        w->data[count_at] = (unsigned char)count;
    }
}

void tl_channel_read(tl_reader *r, tl_channel_section *out)
{
    out->count = (int)tl_read_fixed(r, 1);
    out->sequence = (uint16_t)tl_read_fixed(r, 2);
    out->data = r->data + r->at;
    size_t at = r->at;
    for (int i = 0; i < out->count && !r->bad; i++) {
        tl_read_fixed(r, 1);
        size_t size = tl_read_fixed(r, 2);
        if (size > TL_MESSAGE_BYTES_MAX) {
            r->bad = true;
        }
        tl_read_bytes(r, size);
    }
    out->size = r->bad ? 0 : r->at - at;
}

void tl_channel_take(tl_channel *c, const tl_channel_section *section,
                     bool (*deliver)(void *user, int type, const void *data, size_t size), void *user)
{
    TL_ASSERT(section->count >= 0 && section->count <= UINT8_MAX);
    tl_reader r = tl_reader_make(section->data, section->size);
    for (int i = 0; i < section->count; i++) {
        int type = (int)tl_read_fixed(&r, 1);
        size_t size = tl_read_fixed(&r, 2);
        const unsigned char *data = tl_read_bytes(&r, size);
        if (data == NULL) {
            return;
        }
        c->ack_due = true;
        if ((uint16_t)(section->sequence + i) != c->expected) {
            continue;
        }
        if (!deliver(user, type, data, size)) {
            return;
        }
        c->expected++;
    }
}

void tl_channel_acknowledge(tl_channel *c, uint16_t expected)
{
    uint16_t count = (uint16_t)(expected - c->acked);
    if (count > c->count) {
        return; // outdated or forged
    }
    while (count--) {
        drop_first(c);
    }
}
