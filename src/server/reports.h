// Reports of clients.
#ifndef TRAMLINE_SERVER_REPORTS_H
#define TRAMLINE_SERVER_REPORTS_H

#include "server/state.h"

// TL_ERR_MALFORMED: it is discarded. TL_ERR_STATE: no client has sent it.
tl_result tl_reports_take(tl_server *s, tl_peer peer, tl_reader *r);

#endif
