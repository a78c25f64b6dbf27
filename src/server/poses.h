// Poses that the game sets. The functions that games call are in tramline/server.h.
#ifndef TRAMLINE_SERVER_POSES_H
#define TRAMLINE_SERVER_POSES_H

#include "server/state.h"

void tl_poses_settle(tl_server *s); // stops entities that are no longer being set

#endif
