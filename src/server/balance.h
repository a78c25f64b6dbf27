// Groups that this server gives to others: what found no room here, and until all servers have as many.
#ifndef TRAMLINE_SERVER_BALANCE_H
#define TRAMLINE_SERVER_BALANCE_H

#include "server/state.h"

void tl_balance_tick(tl_server *s);

#endif
