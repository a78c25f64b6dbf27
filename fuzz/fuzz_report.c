// What a server makes of a datagram from any client: it can crash, stall or grow by nothing that a client says, and its
// world goes on.
#include "fuzz.h"
#include "pair.h"
#include "wire/datagram.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 256 };

static pair *joined;
static pair_datagram samples[SAMPLES_MAX];
static uint32_t sample_count;
static long inputs;

static void keep(void *user, bool to_server, const unsigned char *data, size_t size)
{
    if (!to_server) {
        return;
    }
    pair_datagram *d = &samples[sample_count++ % SAMPLES_MAX];
    memcpy(d->data, data, d->size = size);
}

static void begin(void)
{
    if (joined) {
        pair_destroy(joined);
    }
    joined = pair_create();
    joined->seen = keep;
    if (!pair_join(joined)) {
        abort();
    }
}

// So that all that a client says is among the samples.
static void make_talk(void)
{
    tl_values values = {.mask = 3};
    values.fields[0].position = (tl_vec3){(double)(inputs % 500), 0, 0};
    tl_client_send(joined->client, "hello", 5);
    tl_client_request_create(joined->client, 0, 0, &values, true, NULL);
    tl_client_request_update(joined->client, joined->carrier + 5, &values, NULL);
    if (inputs % 3 == 0) {
        tl_client_request_delete(joined->client, joined->carrier + (uint64_t)(inputs % 97), NULL);
    }
    for (uint64_t id = joined->carrier + PAIR_ENTITIES; id < joined->carrier + PAIR_ENTITIES + 20; id++) {
        tl_client_set_values(joined->client, id, tl_client_get_server_tick(joined->client, joined->now_us), 0, &values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (joined == NULL || inputs++ % 2000 == 0 || tl_client_get_state(joined->client) == TL_CLIENT_CLOSED) {
        begin();
    }
    if (size == 0 || size > TL_DATAGRAM_BYTES_MAX) {
        return 0;
    }
    pair_send_to_server(joined, data, size);
    if (inputs % 4 == 0) {
        pair_step(joined);
    }
    if (inputs % 40 == 0) {
        make_talk();
    }
    if (inputs % 400 == 0) {
        tl_server_validate(joined->server);
    }
    if (tl_server_get_state(joined->server) != TL_SERVER_RUNNING) {
        abort();
    }
    return 0;
}

// A report like the newest, whose nacks are about streams that there are, but ask for anything of them.
static size_t make_nacks(uint64_t *random, uint8_t *out, size_t capacity)
{
    const pair_datagram *newest = &samples[(sample_count - 1) % SAMPLES_MAX];
    tl_reader r = tl_reader_make(newest->data + 1, newest->size - 1);
    tl_writer w = tl_writer_make(out, capacity);
    tl_report_head head;
    tl_report_head_read(&r, &head);
    head.sequence += 1 + (uint16_t)(fuzz_random(random) % 2);
    head.flags = TL_REPORT_NACKS;
    tl_report_head_write(&w, &head);
    uint64_t count = fuzz_random(random) % 4;
    tl_write_varint(&w, count);
    for (uint64_t i = 0; i < count; i++) {
        tl_write_fixed(&w, head.ack + fuzz_random(random) % 8, 2);
        tl_write_varint(&w, fuzz_random(random) % 40);
        for (int k = 0; k < 2; k++) {
            tl_write_varint(&w, (fuzz_random(random) & 0xffffffffu) >> fuzz_random(random) % 32);
        }
        tl_write_varint(&w, fuzz_random(random) % 64);
    }
    return w.size;
}

size_t fuzz_sample(uint64_t *random, uint8_t *out, size_t capacity)
{
    if (joined == NULL) {
        begin();
    }
    if (fuzz_random(random) % 4 == 0 && samples[(sample_count - 1) % SAMPLES_MAX].data[0] == TL_WIRE_REPORT) {
        return make_nacks(random, out, capacity);
    }
    uint32_t count = sample_count < SAMPLES_MAX ? sample_count : SAMPLES_MAX;
    const pair_datagram *d = &samples[fuzz_random(random) % count];
    memcpy(out, d->data, d->size);
    if (d->size > 5 && d->data[0] == TL_WIRE_REPORT && fuzz_random(random) % 2) {
        out[2] = (uint8_t)(out[2] + 1 + fuzz_random(random) % 3); // a report that is new
    }
    return d->size;
}

void fuzz_end(void)
{
    tl_server_validate(joined->server);
    pair_destroy(joined);
}
