// Clients' reports.
#ifndef TRAMLINE_SERVER_REPORTS_H
#define TRAMLINE_SERVER_REPORTS_H

#include "server/state.h"

// TL_ERR_MALFORMED: discard it. TL_ERR_STATE: the sender is not a client.
tl_result tl_reports_take(tl_server *s, tl_peer peer, tl_reader *r);

#endif
