// What clients own that are silent or away is kept for a while.
#ifndef TRAMLINE_SERVER_GRACE_H
#define TRAMLINE_SERVER_GRACE_H

#include "server/state.h"

void tl_grace_step(tl_server *s); // each own tick

#endif
