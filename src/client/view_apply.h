// Applies a datagram: everything is read into scratch space and checked before it is committed, so a malformed datagram
// changes nothing.
#ifndef TRAMLINE_CLIENT_VIEW_APPLY_H
#define TRAMLINE_CLIENT_VIEW_APPLY_H

#include "client/view_streams.h"

// Applies a datagram's closes and chunks (the reader's remaining bytes). TL_ERR_MALFORMED: nothing has changed.
// TL_AGAIN: a chunk did not start from what is held, and there was no space for a nack; the others were applied.
tl_result tl_view_apply(tl_view *v, uint16_t sequence, int64_t tick, int64_t settled_tick, const uint32_t *closes,
                        int close_count, tl_reader *r);

#endif
