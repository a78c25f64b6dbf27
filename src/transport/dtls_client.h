// A client's end of UDP with DTLS, to an address that is known already.
#ifndef TRAMLINE_TRANSPORT_DTLS_CLIENT_H
#define TRAMLINE_TRANSPORT_DTLS_CLIENT_H

#include "tramline/transport.h"
#include "transport/address.h"

// As tl_dtls_client_open(), but never waits: `to` is the address of the definition's host. NULL: it is looked up.
tl_result tl_dtls_client_open_at(const tl_dtls_client_def *def, const tl_os_address *to, tl_transport **out, char *text,
                                 size_t text_bytes);

#endif
