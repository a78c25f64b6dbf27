// The channel over a lossy path: every message arrives, once, in order; and nobody's bytes can break it.
#include "check.h"
#include "wire/channel.h"
#include "world.h"

enum { FLIGHT = 64 };

typedef struct side {
    tl_heap heap;
    void *memory;
    tl_channel channel;
    uint32_t sent, received;
} side;

typedef struct datagram {
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    size_t size;
    uint64_t at_us; // 0: none
    int to;
} datagram;

static void begin(side *s)
{
    memset(s, 0, sizeof *s);
    s->memory = calloc(1, 1 << 20);
    tl_heap_init(&s->heap, s->memory, 1 << 20);
    tl_channel_init(&s->channel, &s->heap);
}

static void end(side *s)
{
    tl_channel_reset(&s->channel);
    CHECK_EQUAL(s->heap.live_bytes, 0);
    free(s->memory);
}

// Message i: its number, then as many bytes as follow from it.
static size_t make_message(uint32_t number, unsigned char *out)
{
    size_t size = 4 + (number % 50 == 7 ? TL_MESSAGE_BYTES_MAX - 4 : number * 37 % 90);
    memset(out, (int)(number & 0xff), size);
    memcpy(out, &number, 4);
    return size;
}

static bool on_message(void *user, int type, const void *data, size_t size)
{
    side *s = user;
    unsigned char expected[TL_MESSAGE_BYTES_MAX];
    CHECK_EQUAL(type, (int)(s->received % 5));
    CHECK_EQUAL(size, make_message(s->received, expected));
    CHECK(memcmp(data, expected, size) == 0);
    s->received++;
    return true;
}

// As in a datagram of the protocol: flags, then the acknowledgement, then the section.
static size_t write(side *s, unsigned char *out, uint64_t now_us)
{
    tl_writer w = tl_writer_make(out, TL_DATAGRAM_BYTES_MAX);
    bool due = tl_channel_due(&s->channel, now_us);
    tl_write_fixed(&w, (s->channel.ack_due ? 1 : 0) | (due ? 2 : 0), 1);
    if (s->channel.ack_due) {
        tl_write_fixed(&w, s->channel.expected, 2);
    }
    s->channel.ack_due = false;
    if (due) {
        tl_channel_write(&s->channel, &w, now_us);
    }
    CHECK(!w.bad);
    return w.size;
}

static void take(side *s, const datagram *d)
{
    tl_reader r = tl_reader_make(d->data, d->size);
    int flags = (int)tl_read_fixed(&r, 1);
    uint16_t ack = flags & 1 ? (uint16_t)tl_read_fixed(&r, 2) : 0;
    tl_channel_section section = {0};
    if (flags & 2) {
        tl_channel_read(&r, &section);
    }
    CHECK(!r.bad && r.at == r.size);
    if (flags & 1) {
        tl_channel_acknowledge(&s->channel, ack);
    }
    if (flags & 2) {
        tl_channel_take(&s->channel, &section, on_message, s);
    }
}

static void deliver(side *sides, datagram *flight, uint64_t now_us)
{
    for (int i = 0; i < FLIGHT; i++) {
        if (flight[i].at_us == 0 || flight[i].at_us > now_us) {
            continue;
        }
        take(&sides[flight[i].to], &flight[i]);
        flight[i].at_us = 0;
    }
}

static void post(datagram *flight, uint64_t *random, double loss, int to, const unsigned char *data, size_t size,
                 uint64_t now_us)
{
    for (int copy = 0; copy < 2; copy++) {
        if (check_random_between(random, 0, 1) < loss || (copy && check_random(random) % 10)) {
            continue;
        }
        for (int i = 0; i < FLIGHT; i++) {
            if (flight[i].at_us) {
                continue;
            }
            memcpy(flight[i].data, data, flight[i].size = size);
            flight[i].to = to;
            flight[i].at_us = now_us + 20000 + check_random(random) % 150000; // out of order
            break;
        }
    }
}

static void talk(double loss, uint32_t count, uint64_t seed)
{
    static datagram flight[FLIGHT];
    memset(flight, 0, sizeof flight);
    side sides[2];
    begin(&sides[0]);
    begin(&sides[1]);
    uint64_t random = seed, now_us = 1;
    while (sides[0].received < count || sides[1].received < count) {
        now_us += 50000;
        CHECK(now_us < 20000000000u);
        deliver(sides, flight, now_us);
        for (int i = 0; i < 2; i++) {
            unsigned char message[TL_MESSAGE_BYTES_MAX], data[TL_DATAGRAM_BYTES_MAX];
            for (int times = 0; times < 40 && sides[i].sent < count; times++) {
                size_t size = make_message(sides[i].sent, message);
                tl_result result = tl_channel_send(&sides[i].channel, (int)(sides[i].sent % 5), message, size);
                CHECK(result == TL_OK || (result == TL_AGAIN && sides[i].channel.count == TL_CHANNEL_MESSAGES_MAX));
                if (result == TL_AGAIN) {
                    break;
                }
                sides[i].sent++;
            }
            size_t size = write(&sides[i], data, now_us);
            post(flight, &random, loss, 1 - i, data, size, now_us);
        }
    }
    end(&sides[0]);
    end(&sides[1]);
}

TEST(all_arrive_once_in_order)
{
    talk(0, 3000, 1);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        talk(0.3, 800, seed);
    }
    talk(0.8, 100, 9);
}

TEST(sequences_wrap_around)
{
    talk(0, 140000, 2); // twice round
}

TEST(the_window_is_kept)
{
    side s;
    begin(&s);
    unsigned char message[TL_MESSAGE_BYTES_MAX + 1] = {0}, data[TL_DATAGRAM_BYTES_MAX];
    CHECK_EQUAL(tl_channel_send(&s.channel, 0, message, TL_MESSAGE_BYTES_MAX + 1), TL_ERR_INVALID);
    for (int i = 0; i < TL_CHANNEL_MESSAGES_MAX; i++) {
        CHECK_EQUAL(tl_channel_send(&s.channel, 0, message, (size_t)i), TL_OK);
    }
    CHECK_EQUAL(tl_channel_send(&s.channel, 0, message, 1), TL_AGAIN);
    CHECK(tl_channel_due(&s.channel, 5));
    while (tl_channel_due(&s.channel, 5)) {
        write(&s, data, 5);
    }
    CHECK(!tl_channel_due(&s.channel, 5 + TL_CHANNEL_RESEND_US - 1) &&
          tl_channel_due(&s.channel, 5 + TL_CHANNEL_RESEND_US));
    tl_channel_acknowledge(&s.channel, TL_CHANNEL_MESSAGES_MAX + 1); // more than was sent: made up
    tl_channel_acknowledge(&s.channel, (uint16_t)-1);
    CHECK_EQUAL(s.channel.count, TL_CHANNEL_MESSAGES_MAX);
    tl_channel_acknowledge(&s.channel, 10);
    tl_channel_acknowledge(&s.channel, 10); // again
    tl_channel_acknowledge(&s.channel, 4);  // late
    CHECK_EQUAL(s.channel.count, TL_CHANNEL_MESSAGES_MAX - 10);
    end(&s);
}

static bool count_message(void *user, int type, const void *data, size_t size)
{
    (void)type, (void)data;
    CHECK(size <= TL_MESSAGE_BYTES_MAX);
    ++*(int *)user;
    return true;
}

TEST(damaged_sections_are_refused_or_harmless)
{
    side s, t;
    begin(&s);
    begin(&t);
    uint64_t random = 3;
    unsigned char message[TL_MESSAGE_BYTES_MAX], data[2048];
    for (uint32_t i = 0; i < 8; i++) {
        tl_channel_send(&s.channel, 1, message, make_message(i, message));
    }
    tl_writer w = tl_writer_make(data, TL_DATAGRAM_BYTES_MAX);
    tl_channel_write(&s.channel, &w, 1);
    int refused = 0, delivered = 0;
    for (int i = 0; i < 20000; i++) {
        unsigned char damaged[2048];
        memcpy(damaged, data, w.size);
        size_t size = world_mutate(&random, damaged, w.size, 1500);
        unsigned char *exact = malloc(size ? size : 1);
        memcpy(exact, damaged, size);
        tl_reader r = tl_reader_make(exact, size);
        tl_channel_section section;
        tl_channel_read(&r, &section);
        refused += r.bad;
        if (!r.bad) {
            tl_channel_take(&t.channel, &section, count_message, &delivered);
        }
        free(exact);
    }
    CHECK(refused > 1000 && delivered > 7);
    end(&s);
    end(&t);
}

int main(void)
{
    RUN(all_arrive_once_in_order);
    RUN(sequences_wrap_around);
    RUN(the_window_is_kept);
    RUN(damaged_sections_are_refused_or_harmless);
}
