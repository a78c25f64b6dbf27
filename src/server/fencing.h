// Fencing: ends the epochs of servers whose leases have expired.
#ifndef TRAMLINE_SERVER_FENCING_H
#define TRAMLINE_SERVER_FENCING_H

#include "server/state.h"

// `store_us`: time that has passed in a store that is not stalled.
void tl_fencing_watch(tl_server *s, uint64_t store_us);

#endif
