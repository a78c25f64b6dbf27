// What a client makes of a datagram from a server that is faulty or worse: nothing it holds may break.
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
    if (to_server) {
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tl_pose poses[4000];
    if (joined == NULL || inputs++ % 2000 == 0 || tl_client_get_state(joined->client) == TL_CLIENT_CLOSED) {
        begin();
    }
    tl_client_receive(joined->client, data, size, joined->now_us);
    tl_client_validate(joined->client);
    if (inputs % 8 == 0) {
        tl_client_get_poses(joined->client, (double)tl_client_get_frame_tick(joined->client) + 0.5, true, poses, 4000);
        pair_step(joined);
    }
    return 0;
}

size_t fuzz_sample(uint64_t *random, uint8_t *out, size_t capacity)
{
    if (joined == NULL) {
        begin();
    }
    uint32_t count = sample_count < SAMPLES_MAX ? sample_count : SAMPLES_MAX;
    const pair_datagram *d = &samples[fuzz_random(random) % count];
    memcpy(out, d->data, d->size);
    return d->size;
}

void fuzz_end(void)
{
    tl_client_validate(joined->client);
    pair_destroy(joined);
}
