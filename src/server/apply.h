// A tick's records, own and others', into the mirror; and what they say is carried out.
#ifndef TRAMLINE_SERVER_APPLY_H
#define TRAMLINE_SERVER_APPLY_H

#include "server/state.h"

void tl_apply_own(tl_server *s, int64_t tick); // own records up to a tick, committed or not
void tl_apply_others(tl_server *s, int64_t tick);
void tl_apply_take_group(tl_server *s, int32_t group); // it is this server's from now on
// A server's epoch has ended, and its heir takes over.
void tl_apply_end(tl_server *s, tl_server_number number, const tl_followed_record *end);
void tl_apply_fail_version(tl_server *s, tl_server_number server, int64_t tick);

#endif
