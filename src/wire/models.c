// The start values of the models, from the table that bench/train.c generates. They are part of the protocol.
#include "wire/chunk.h"
#include "wire/model_table.h"

#ifndef TL_TRAIN
_Static_assert(sizeof(tl_models) == TL_MODEL_CONTEXTS * sizeof(uint16_t),
               "model_table.h is of another chunk.h; train anew");
#endif

const tl_models *tl_models_start(int level)
{
#ifdef TL_TRAIN // the first training after a change of chunk.h starts from nothing
    static tl_models even;
    if (sizeof even != TL_MODEL_CONTEXTS * sizeof(uint16_t)) {
        for (size_t i = 0; i < sizeof even / sizeof(uint16_t); i++) {
            ((uint16_t *)&even)[i] = 32768;
        }
        return &even;
    }
#endif
    return (const tl_models *)model_table[level < TL_MODEL_LEVELS ? level : TL_MODEL_LEVELS - 1];
}
