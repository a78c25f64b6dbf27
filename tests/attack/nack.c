// Clients that lie about what they have: they acknowledge nothing, or the future, or at random; they nack all that they
// were sent, of versions that never were, or slot by slot from as far back as the server's history goes. So the server
// sends whole tiles again, keeps notes of what is on its way, and codes chunks that nobody else can use.
#include "guest.h"

#include <string.h>
#include <unistd.h>

enum { GUESTS = 12, SAID_MIN = 400, PAUSE_US = 10000, SLOTS = 4096, BACK_MAX = 60, AHEAD_MAX = 2000 };

typedef enum role { IS_SILENT, NACKS_WHOLE, NACKS_ANYTHING, NACKS_SLOTS, IS_AHEAD, IS_RANDOM, ROLE_COUNT } role;

static uint64_t dice(guest *g, uint64_t sides)
{
    return attack_dice(g->attack, sides);
}

static uint32_t some_handle(guest *g)
{
    const tl_view *v = &g->client->view;
    for (int tries = 0; tries < 64; tries++) {
        uint32_t handle = (uint32_t)dice(g, TL_HANDLES_MAX);
        if (v->streams[handle].open) {
            return handle;
        }
    }
    return (uint32_t)dice(g, 64);
}

static void write_nack(guest *g, tl_writer *w, role r)
{
    uint32_t handle = r == NACKS_ANYTHING ? (uint32_t)dice(g, TL_HANDLES_MAX) : some_handle(g);
    const tl_view_stream *stream = &g->client->view.streams[handle];
    uint32_t begin = 0, end = 0, held = 0, newest = stream->open ? stream->held.runs[0].version : 1;
    if (r == NACKS_SLOTS) {
        begin = (uint32_t)dice(g, stream->open && stream->top ? stream->top : 1),
        end = begin + 1 + (uint32_t)dice(g, 4);
        held = newest > BACK_MAX ? newest - (uint32_t)dice(g, BACK_MAX) : 1;
    }
    if (r == NACKS_ANYTHING) {
        begin = (uint32_t)dice(g, SLOTS), end = (uint32_t)dice(g, 2 * SLOTS),
        held = (uint32_t)attack_random(g->attack) >> dice(g, 32);
    }
    tl_write_fixed(w, (uint16_t)(g->client->newest_sequence + dice(g, 3) - 1), 2);
    tl_write_varint(w, handle);
    tl_write_varint(w, begin);
    tl_write_varint(w, end);
    tl_write_varint(w, held);
}

// `ack` of the head is moved, its bits are changed.
static void alter_head(guest *g, unsigned char *data, role r)
{
    enum { ACK_AT = 3, BITS_AT = 5 };
    uint16_t ack = (uint16_t)g->client->newest_sequence;
    if (r == IS_SILENT) {
        ack = 0;
    }
    if (r == IS_AHEAD) {
        ack = (uint16_t)(ack + dice(g, AHEAD_MAX));
    }
    if (r == IS_RANDOM) {
        ack = (uint16_t)attack_random(g->attack);
    }
    data[ACK_AT] = (unsigned char)ack, data[ACK_AT + 1] = (unsigned char)(ack >> 8);
    for (int i = 0; i < TL_ACK_BITS / 8; i++) {
        if (r == IS_SILENT) {
            data[BITS_AT + i] = 0;
        }
        if (r == IS_AHEAD) {
            data[BITS_AT + i] = 0xff;
        }
        if (r == IS_RANDOM) {
            data[BITS_AT + i] = (unsigned char)attack_random(g->attack);
        }
    }
}

static void lie(guest *g, role r)
{
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    bool nacks = r == NACKS_WHOLE || r == NACKS_ANYTHING || r == NACKS_SLOTS;
    tl_writer w = guest_report(g, data, (uint8_t)(TL_REPORT_CHANNEL_ACK | (nacks ? TL_REPORT_NACKS : 0)));
    alter_head(g, data, r);
    tl_write_fixed(&w, g->client->channel.expected, 2);
    if (nacks) {
        tl_write_varint(&w, TL_NACKS_MAX);
    }
    for (int i = 0; nacks && i < TL_NACKS_MAX; i++) {
        write_nack(g, &w, r);
    }
    if (!w.bad) {
        guest_say(g, data, w.size);
    }
}

void attack_nack(attack *a)
{
    static guest guests[GUESTS];
    a->said_min = SAID_MIN;
    guests_init(a, guests, GUESTS, "liar");
    while (attack_goes_on(a)) {
        guests_step(guests, GUESTS);
        for (int i = 0; i < GUESTS; i++) {
            guest *g = &guests[i];
            g->mute = guest_is_live(g); // until then it says the truth
            if (!g->mute) {
                continue;
            }
            lie(g, (role)(i % ROLE_COUNT));
        }
        usleep(PAUSE_US);
    }
    guests_end(guests, GUESTS);
}
