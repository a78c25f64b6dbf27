// A host's address, resolved without blocking: a silent name server delays no caller.
#ifndef TRAMLINE_TRANSPORT_LOOKUP_H
#define TRAMLINE_TRANSPORT_LOOKUP_H

#include "transport/address.h"

typedef struct lookup lookup;

// Begins to look up the host of "host:port". NULL: it cannot, for now.
lookup *tl_lookup_begin(const char *address);
// Whether it is over. If so: TL_OK and the address, or TL_ERR_NOT_FOUND.
bool tl_lookup_is_over(lookup *l, tl_result *result, tl_os_address *out);
// Also while it is under way.
void tl_lookup_end(lookup *l);

#endif
