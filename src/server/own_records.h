// This server's records that wait to be submitted, committed or mirrored.
#ifndef TRAMLINE_SERVER_OWN_RECORDS_H
#define TRAMLINE_SERVER_OWN_RECORDS_H

#include "server/state.h"

void tl_own_records_submit(tl_server *s);
uint64_t tl_own_records_committed(tl_server *s, int64_t tick); // returns the commit's latency in us
bool tl_own_records_ready(const tl_server *s, int64_t tick);   // all own records up to `tick` are committed
void tl_own_records_drop_done(tl_server *s);                   // discards records that are committed and mirrored

#endif
