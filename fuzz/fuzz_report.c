// What a server makes of a datagram from any client: it can crash, stall or grow by nothing that a client says, and its
// world goes on.
#include "fuzz.h"
#include "pair.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 256 };

static pair *joined;
static pair_datagram samples[SAMPLES_MAX];
static uint32_t sample_count;
static long inputs;

static void keep(void *user, bool to_server, const unsigned char *data, size_t size)
{
    if (!to_server) return;
    pair_datagram *d = &samples[sample_count++ % SAMPLES_MAX];
    memcpy(d->data, data, d->size = size);
}

static void begin(void)
{
    if (joined) pair_destroy(joined);
    joined = pair_create();
    joined->seen = keep;
    if (!pair_join(joined)) abort();
}

// So that all that a client says is among the samples.
static void make_talk(void)
{
    tl_values values = {.mask = 3};
    values.fields[0].position = (tl_vec3){(double)(inputs % 500), 0, 0};
    tl_client_send(joined->client, "hello", 5);
    tl_client_request_create(joined->client, 0, 0, &values, true, NULL);
    tl_client_request_update(joined->client, joined->carrier + 5, &values, NULL);
    if (inputs % 3 == 0) tl_client_request_delete(joined->client, joined->carrier + (uint64_t)(inputs % 97), NULL);
    for (uint64_t id = joined->carrier + PAIR_ENTITIES; id < joined->carrier + PAIR_ENTITIES + 20; id++)
        tl_client_set(joined->client, id, tl_client_server_tick(joined->client, joined->now_us), 0, &values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (joined == NULL || inputs++ % 2000 == 0 || tl_client_get_state(joined->client) == TL_CLIENT_CLOSED) begin();
    if (size == 0 || size > TL_DATAGRAM_BYTES_MAX) return 0;
    pair_send_to_server(joined, data, size);
    if (inputs % 4 == 0) pair_step(joined);
    if (inputs % 40 == 0) make_talk();
    if (inputs % 400 == 0) tl_server_validate(joined->server);
    if (tl_server_get_state(joined->server) != TL_SERVER_RUNNING) abort();
    return 0;
}

size_t fuzz_sample(uint64_t *random, uint8_t *out, size_t capacity)
{
    if (joined == NULL) begin();
    uint32_t count = sample_count < SAMPLES_MAX ? sample_count : SAMPLES_MAX;
    const pair_datagram *d = &samples[fuzz_random(random) % count];
    memcpy(out, d->data, d->size);
    if (d->size > 5 && d->data[0] == 0x02 && fuzz_random(random) % 2) out[2] = (uint8_t)(out[2] + 1 + fuzz_random(random) % 3); // a report that is new
    return d->size;
}

void fuzz_end(void)
{
    tl_server_validate(joined->server);
    pair_destroy(joined);
}
