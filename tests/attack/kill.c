// Clients that say of what they own whatever is well-formed: far ahead, long ago, at and beyond the world's limit, with
// the starts and extremes that once killed every server; and reports of their own in which some bytes are others.
#include "guest.h"

#include "motion/state.h"
#include "world/record.h"

#include <string.h>
#include <unistd.h>

enum { GUESTS = 4, OWN_EACH = 8, SAID_MIN = 400, PAUSE_US = 10000, ALTERED_EACH = 4 };

static uint64_t dice(guest *g, uint64_t sides)
{
    return attack_dice(g->attack, sides);
}

static int64_t extreme(guest *g)
{
    int64_t value = (int64_t)1 << dice(g, 63);
    switch (dice(g, 5)) {
    case 0: return dice(g, 2) ? INT64_MAX : INT64_MIN;
    case 1: value -= 1; break;
    case 2: value += (int64_t)dice(g, 3); break;
    case 3: value = (int64_t)dice(g, 4); break;
    default: break;
    }
    return dice(g, 2) ? value : -value;
}

static int64_t some_start(guest *g, int64_t tick)
{
    static const int64_t offsets[] = {0, 1, 20, 400, 999, 1000, 1001, -1, -400, -100000};
    switch (dice(g, 6)) {
    case 0: return 1;
    case 1: return extreme(g);
    default: return tick + offsets[dice(g, sizeof offsets / sizeof *offsets)];
    }
}

static int64_t some_place(guest *g, int shift)
{
    int64_t edge = ((int64_t)TL_WORLD_LIMIT_M << shift) + (int64_t)dice(g, 3) - 1;
    switch (dice(g, 4)) {
    case 0: return extreme(g);
    case 1: return dice(g, 2) ? edge : -edge;
    default: return ((int64_t)dice(g, 2000) - 1000) * ((int64_t)1 << shift);
    }
}

static void some_field(guest *g, const tl_field *field, int64_t tick, int64_t *w)
{
    int shift = field->shift[0], rate = g->client->kinds.rate_shift;
    if (field->type == TL_FIELD_POSITION) {
        w[0] = some_start(g, tick);
        for (int axis = 0; axis < 3; axis++) {
            w[1 + axis] = some_place(g, shift);
            w[4 + axis] = dice(g, 2) ? (int64_t)1 << (dice(g, 21) + (uint64_t)(shift + rate)) : extreme(g);
        }
        return;
    }
    w[0] = field->predictor == TL_PREDICT_LINEAR ? some_start(g, tick) : (int64_t)dice(g, 2);
    for (int i = 1; i < field->word_count; i++) {
        w[i] = dice(g, 6) ? (int64_t)dice(g, 9) << shift >> 1 : extreme(g);
    }
}

// Most of it is valid at the tick that is named, so that it is not refused as malformed.
static void some_words(guest *g, const tl_kind *kind, int64_t tick, int64_t *words)
{
    memset(words, 0, (size_t)kind->word_count * sizeof *words);
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        int64_t *w = words + field->word;
        for (int tries = 0; tries < 8; tries++) {
            some_field(g, field, tick, w);
            if (tl_field_valid(field, &g->client->kinds, w, 0, tick)) {
                break;
            }
        }
        bool valid = tl_field_valid(field, &g->client->kinds, w, 0, tick);
        if (!valid && dice(g, 50)) {
            memset(w, 0, (size_t)field->word_count * sizeof *w);
        }
    }
}

static void say_of_own(guest *g)
{
    static const int64_t ahead[] = {0, 1, 390, 399, 400, 401, -100, -399, -400, -100000};
    tl_client *c = g->client;
    int64_t words[TL_STATE_WORDS_MAX], tick = c->world_tick + ahead[dice(g, sizeof ahead / sizeof *ahead)];
    tl_owned_entity *o = &c->owned[dice(g, c->owned_count)];
    if (tick < 0) {
        tick = 0;
    }
    some_words(g, &c->kinds.kinds[o->kind], tick, words);
    guest_say_owned(g, o, tick, dice(g, 4) ? 0 : guest_finds(g, dice(g, 2)), words);
}

// Changes and deletions of anything, whoever has it: requests for what others own go through the store.
static void ask_anything(guest *g)
{
    unsigned char data[TL_MESSAGE_BYTES_MAX];
    int64_t words[TL_STATE_WORDS_MAX], tick = g->client->world_tick;
    int number = (int)dice(g, (uint64_t)g->client->kinds.count);
    const tl_kind *kind = &g->client->kinds.kinds[number];
    uint64_t type = dice(g, TL_REQUEST_TYPE_COUNT);
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_write_fixed(&w, (uint64_t)attack_random(g->attack) & 0xffffffff, 4);
    tl_write_varint(&w, type);
    if (type == TL_REQUEST_CREATE) {
        tl_write_varint(&w, dice(g, 2));
    }
    if (type != TL_REQUEST_CREATE) {
        tl_write_varint(&w, guest_finds(g, dice(g, 2)));
    }
    some_words(g, kind, tick, words);
    if (type != TL_REQUEST_DELETE) {
        uint32_t mask = dice(g, 2) ? tl_fields_all(kind) : (uint32_t)dice(g, tl_fields_all(kind) + 1);
        tl_write_varint(&w, (uint64_t)number);
        if (type == TL_REQUEST_CREATE) {
            tl_write_varint(&w, dice(g, 2) ? 0 : guest_finds(g, true));
        }
        tl_write_varint(&w, mask);
        tl_fields_write(&w, kind, tick, mask, words);
    }
    if (!w.bad && tl_channel_send(&g->client->channel, TL_MESSAGE_REQUEST, data, w.size) == TL_OK) {
        g->attack->said++;
    }
}

// What its client has said, with some bytes that are others, under a new sequence.
static void say_altered(guest *g)
{
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    enum { HEAD_BYTES = 3 };
    if (g->report_bytes <= HEAD_BYTES) {
        return;
    }
    memcpy(data, g->report, g->report_bytes);
    uint16_t sequence = ++g->client->report_sequence;
    data[1] = (unsigned char)sequence, data[2] = (unsigned char)(sequence >> 8);
    for (uint64_t n = 1 + dice(g, 3); n > 0; n--) {
        data[HEAD_BYTES + dice(g, g->report_bytes - HEAD_BYTES)] ^= (unsigned char)(1 << dice(g, 8));
    }
    guest_say(g, data, g->report_bytes);
}

void attack_kill(attack *a)
{
    static guest guests[GUESTS];
    a->said_min = SAID_MIN;
    guests_init(a, guests, GUESTS, "killer");
    for (uint64_t round = 0; attack_goes_on(a); round++) {
        guests_step(guests, GUESTS);
        for (int i = 0; i < GUESTS; i++) {
            guest *g = &guests[i];
            if (!guest_is_live(g)) {
                continue;
            }
            if (g->client->owned_count < OWN_EACH && round % 8 == 0) {
                guest_create(g, 0, (tl_vec3){(double)dice(g, 100), 0, (double)dice(g, 100)}, true);
            }
            if (g->client->owned_count) {
                say_of_own(g);
            }
            if (dice(g, 4) == 0) {
                ask_anything(g);
            }
            if (round % ALTERED_EACH == 0) {
                say_altered(g);
            }
        }
        usleep(PAUSE_US);
    }
    guests_end(guests, GUESTS);
}
