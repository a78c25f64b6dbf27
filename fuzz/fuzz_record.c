// What a server makes of a record or checkpoint from a store that is damaged: it is refused whole, or sound.
#include "fuzz.h"
#include "world.h"

static world *here, *source;
static long inputs;

static void begin(uint64_t seed)
{
    if (here) {
        world_destroy(here);
    }
    if (source) {
        world_destroy(source);
    }
    here = world_create(200, 4, seed);
    source = world_create(200, 0, seed); // the same history
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (here == NULL || inputs % 200 == 0) {
        begin((uint64_t)inputs + 1);
    }
    inputs++;
    uint64_t before = world_mirror_hash(&here->mirror);
    int64_t tick = here->tick + 1;
    here->mirror.tick = tick;
    tl_need needs[4];
    tl_record_needs(data, size, needs, 4);
    tl_result result = inputs % 5 ? tl_record_apply(&here->mirror, 2, tick, data, size, inputs % 3 == 0, NULL)
                                  : tl_checkpoint_apply(&here->mirror, (uint64_t)1 << 48 | 1, tick, data, size);
    if (result == TL_ERR_MALFORMED) {
        if (world_mirror_hash(&here->mirror) != before) {
            abort();
        }
        here->mirror.tick = here->tick;
        return 0;
    }
    here->tick = tick;
    tl_mirror_resolve(&here->mirror);
    tl_mirror_validate(&here->mirror);
    tl_pyramid_tick(&here->pyramid, tick);
    tl_mirror_settle(&here->mirror);
    tl_mirror_validate(&here->mirror);
    tl_pyramid_validate(&here->pyramid);
    return 0;
}

size_t fuzz_sample(uint64_t *random, uint8_t *out, size_t capacity)
{
    if (source == NULL || inputs % 200 == 0) {
        begin((uint64_t)inputs + 1);
    }
    source->tick = source->mirror.tick = here->tick;
    world_write_record(source);
    if (source->record_size > capacity) {
        return 0;
    }
    memcpy(out, source->record, source->record_size);
    return source->record_size;
}

void fuzz_end(void)
{
    tl_mirror_validate(&here->mirror);
    world_destroy(here);
    world_destroy(source);
}
