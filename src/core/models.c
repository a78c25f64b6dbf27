// The start values of the models.
#include "chunk.h"

const tl_models *tl_models_start(int level)
{
    static tl_models even;
    static bool made;
    (void)level;
    if (!made) {
        uint16_t *p = (uint16_t *)&even;
        for (size_t i = 0; i < sizeof even / sizeof *p; i++) p[i] = 32768;
        made = true;
    }
    return &even;
}
