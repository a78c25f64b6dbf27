// What a server's definition may say.
#ifndef TRAMLINE_TRANSPORT_DTLS_SERVER_DEF_H
#define TRAMLINE_TRANSPORT_DTLS_SERVER_DEF_H

#include "tramline/transport.h"

// TL_ERR_INVALID: `text` says which of its limits is out of range.
tl_result tl_dtls_server_def_check(const tl_dtls_server_def *def, char *text, size_t text_bytes);

#endif
