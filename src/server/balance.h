// Hands groups over to other servers: groups this server has no capacity for, and surplus groups, to even out the
// counts.
#ifndef TRAMLINE_SERVER_BALANCE_H
#define TRAMLINE_SERVER_BALANCE_H

#include "server/state.h"

void tl_balance_tick(tl_server *s);

#endif
