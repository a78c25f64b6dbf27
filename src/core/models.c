// The start values of the models, from the table that bench/train.c learnt. They are part of the protocol.
#include "chunk.h"
#include "model_table.h"

_Static_assert(sizeof(tl_models) == TL_MODEL_CONTEXTS * sizeof(uint16_t), "model_table.h is of another chunk.h; train anew");

const tl_models *tl_models_start(int level)
{
    return (const tl_models *)model_table[level < TL_MODEL_LEVELS ? level : TL_MODEL_LEVELS - 1];
}
