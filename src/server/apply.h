// Applies a tick's records, this server's and others', to the mirror, and carries out what they say.
#ifndef TRAMLINE_SERVER_APPLY_H
#define TRAMLINE_SERVER_APPLY_H

#include "server/state.h"

void tl_apply_own(tl_server *s, int64_t tick); // own records up to `tick`, committed or not
void tl_apply_others(tl_server *s, int64_t tick);
void tl_apply_take_group(tl_server *s, int32_t group); // this server owns the group from now on
// A server's epoch has ended; its heir takes over its groups.
void tl_apply_end(tl_server *s, tl_server_number number, const tl_followed_record *end);
void tl_apply_fail_version(tl_server *s, tl_server_number server, int64_t tick);

#endif
