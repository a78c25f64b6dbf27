// Grace periods: keeps what silent or absent clients own for a while.
#ifndef TRAMLINE_SERVER_GRACE_H
#define TRAMLINE_SERVER_GRACE_H

#include "server/state.h"

void tl_grace_step(tl_server *s); // once each own tick

#endif
