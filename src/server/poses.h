// Poses that the game sets. What games call is in tramline/server.h.
#ifndef TRAMLINE_SERVER_POSES_H
#define TRAMLINE_SERVER_POSES_H

#include "server/state.h"

void tl_poses_settle(tl_server *s); // entities that are not set any more stand still

#endif
