#include "raw.h"

void raw_open(raw *r, tl_memory_network *network)
{
    *r = (raw){.next_report = 1, .refused = -1};
    CHECK_EQUAL(tl_memory_network_open_client(network, &r->transport), TL_OK);
}

void raw_close(raw *r)
{
    if (r->transport) {
        tl_transport_close(r->transport);
    }
    r->transport = NULL;
}

static void send_all(raw *r, const tl_writer *w)
{
    CHECK(!w->bad);
    tl_transport_send(r->transport, 1, w->data, w->size);
    tl_transport_flush(r->transport);
}

void raw_hello(raw *r, const char *name, const unsigned char *secret)
{
    unsigned char data[256];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_fixed(&w, TL_WIRE_HELLO, 1);
    tl_write_fixed(&w, TL_PROTOCOL_VERSION, 2);
    tl_write_varint(&w, 8000);
    tl_write_varint(&w, strlen(name));
    tl_write_bytes(&w, name, strlen(name));
    tl_write_varint(&w, secret ? 16 : 0);
    if (secret) {
        tl_write_bytes(&w, secret, 16);
    }
    send_all(r, &w);
}

static bool take(void *user, int type, const void *data, size_t size)
{
    raw *k = user;
    if (type != TL_MESSAGE_ANSWER) {
        return true;
    }
    tl_reader r = tl_reader_make(data, size);
    uint32_t number = (uint32_t)tl_read_fixed(&r, 4);
    k->answer = (tl_result)tl_read_fixed(&r, 1);
    tl_entity_id id = tl_read_varint(&r);
    k->answers++;
    k->answers_ok += k->answer == TL_OK;
    if (k->answer == TL_OK && number && k->made_count < 64) {
        k->made[k->made_count++] = id;
    }
    return true;
}

static void on_frame(raw *k, const void *data, size_t size)
{
    tl_reader r = tl_reader_make(data, size);
    tl_frame_head head;
    tl_read_fixed(&r, 1);
    tl_frame_head_read(&r, &head);
    if (r.bad) {
        return;
    }
    int16_t news = (int16_t)(head.sequence - k->ack);
    if (news > 0) {
        for (int i = TL_ACK_BITS - 1; i >= 0; i--) {
            int from = i - news;
            bool bit = from >= 0 && (k->bits[from / 8] >> (from % 8) & 1);
            k->bits[i / 8] = (unsigned char)((k->bits[i / 8] & ~(1 << i % 8)) | bit << i % 8);
        }
        k->ack = head.sequence;
        news = 0;
    }
    if (-news < TL_ACK_BITS) {
        k->bits[-news / 8] |= (unsigned char)(1 << (-news % 8));
    }
    k->tick = head.tick;
    if (head.flags & TL_FRAME_CHANNEL_ACK) {
        k->acked_message = (uint16_t)tl_read_fixed(&r, 2);
    }
    if (head.flags & TL_FRAME_CLOSES) {
        for (int count = (int)tl_read_fixed(&r, 1); count; count--) {
            tl_read_varint(&r);
        }
    }
    if (!(head.flags & TL_FRAME_MESSAGES)) {
        return;
    }
    tl_channel_section section;
    tl_channel_read(&r, &section);
    tl_channel c = {.expected = k->expected};
    tl_channel_take(&c, &section, take, k);
    if (!k->never_acks) {
        k->expected = c.expected;
    }
}

void raw_poll(raw *r, uint64_t now_us)
{
    tl_transport_event event;
    while (r->transport && tl_transport_poll(r->transport, now_us, &event) == TL_OK) {
        if (event.type == TL_TRANSPORT_CONNECTED) {
            r->connected = true;
        }
        if (event.type == TL_TRANSPORT_CLOSED) {
            r->closed = true;
        }
        if (event.type != TL_TRANSPORT_DATAGRAM) {
            continue;
        }
        const unsigned char *data = event.data;
        r->datagrams++;
        r->bytes += event.size;
        if (data[0] == TL_WIRE_REFUSE) {
            r->refused = data[1];
        }
        if (data[0] == TL_WIRE_WELCOME) {
            r->welcomed = true;
            if (event.size >= 16) {
                memcpy(r->secret, data + event.size - 16, 16);
            }
        }
        if (data[0] == TL_WIRE_FRAME) {
            on_frame(r, event.data, event.size);
        }
    }
}

tl_writer *raw_begin(raw *r, int flags)
{
    tl_report_head head = {
        .sequence = r->next_report++, .ack = r->ack, .flags = (uint8_t)(flags | TL_REPORT_CHANNEL_ACK)};
    memcpy(head.bits, r->bits, sizeof head.bits);
    r->w = tl_writer_make(r->data, sizeof r->data);
    tl_report_head_write(&r->w, &head);
    tl_write_fixed(&r->w, r->expected, 2);
    return &r->w;
}

void raw_send(raw *r)
{
    send_all(r, &r->w);
}

void raw_plain(raw *r)
{
    raw_begin(r, 0);
    raw_send(r);
}

void raw_request(raw *r, uint32_t number, const void *body, size_t size)
{
    tl_write_fixed(&r->w, 1, 1);
    tl_write_fixed(&r->w, r->sent_message++, 2);
    tl_write_fixed(&r->w, TL_MESSAGE_REQUEST, 1);
    tl_write_fixed(&r->w, size + 4, 2);
    tl_write_fixed(&r->w, number, 4);
    tl_write_bytes(&r->w, body, size);
}

void raw_fields(tl_writer *w, int64_t x, int64_t y, int64_t z)
{
    tl_write_varint(w, 0);
    tl_write_signed(w, x), tl_write_signed(w, y), tl_write_signed(w, z);
    for (int i = 0; i < 3; i++) {
        tl_write_signed(w, 0);
    }
    tl_write_varint(w, 0);
    for (int i = 0; i < 6; i++) {
        tl_write_signed(w, 0);
    }
}

void raw_create(raw *r, int kind, tl_entity_id carrier, bool own, int64_t x, int64_t y, int64_t z)
{
    unsigned char data[256];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_varint(&w, TL_REQUEST_CREATE);
    tl_write_varint(&w, own);
    tl_write_varint(&w, (uint64_t)kind);
    tl_write_varint(&w, carrier);
    tl_write_varint(&w, 3);
    raw_fields(&w, x, y, z);
    raw_begin(r, TL_REPORT_MESSAGES);
    raw_request(r, 1, data, w.size);
    raw_send(r);
}

void raw_poll_all(raw *all, int count, uint64_t now_us)
{
    for (int i = 0; i < count; i++) {
        raw_poll(&all[i], now_us);
    }
}

void raw_keep_all(raw *all, int count, uint64_t now_us)
{
    raw_poll_all(all, count, now_us);
    for (int i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof name, "hostile-%d", i);
        if (all[i].connected && !all[i].welcomed) {
            raw_hello(&all[i], name, NULL);
        }
        if (all[i].welcomed) {
            raw_plain(&all[i]);
        }
    }
}
