// Taking in a datagram: first everything is read into scratch and checked, then it is committed. So a datagram that is
// not well-formed changes nothing.
#ifndef TRAMLINE_CLIENT_VIEW_APPLY_H
#define TRAMLINE_CLIENT_VIEW_APPLY_H

#include "client/view_streams.h"

// Takes in a datagram's closes and chunks (from the reader on). TL_ERR_MALFORMED: nothing has changed. TL_AGAIN: some
// chunk did not go on from what is held, and there was no room to note it; the others were taken in.
tl_result tl_view_apply(tl_view *v, uint16_t sequence, int64_t tick, int64_t settled_tick, const uint32_t *closes,
                        int close_count, tl_reader *r);

#endif
