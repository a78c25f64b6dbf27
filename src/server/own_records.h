// Records of this server that wait: to be submitted, to be committed, to be mirrored.
#ifndef TRAMLINE_SERVER_OWN_RECORDS_H
#define TRAMLINE_SERVER_OWN_RECORDS_H

#include "server/state.h"

void tl_own_records_submit(tl_server *s);
uint64_t tl_own_records_committed(tl_server *s, int64_t tick); // returns how long it took, since it was submitted
bool tl_own_records_ready(const tl_server *s, int64_t tick);   // all up to that tick are committed
void tl_own_records_drop_done(tl_server *s);                   // those that are committed and mirrored

#endif
