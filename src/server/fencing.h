// Servers whose leases are over: their epochs are ended.
#ifndef TRAMLINE_SERVER_FENCING_H
#define TRAMLINE_SERVER_FENCING_H

#include "server/state.h"

void tl_fencing_watch(tl_server *s, uint64_t store_us); // so much time of a store that is not stalled has passed

#endif
