// What strangers and players may take of a server, as options of the command line.
#ifndef APP_ADMISSION_H
#define APP_ADMISSION_H

#include "tramline/server.h"

#include <argp.h>

typedef struct admission { // 0: the default
    uint32_t newcomers_max, hello_ms_max, malformed_max, step_units_max, work_slots, streams_kept_max, client_speed_max,
        client_bytes_s_max;
    uint32_t peer_datagrams_per_s, address_datagrams_per_s, address_handshakes_max, address_handshakes_per_s,
        address_peers_max;
    uint32_t handshakes_max, handshakes_per_s, hellos_per_s;
} admission;

extern const struct argp admission_argp; // its input is an admission

// `clients_max` of the server's definition is set. An address may have half of the clients' places, at least 16.
void admission_apply(const admission *a, tl_server_def *def);
void admission_apply_transport(const admission *a, uint32_t clients_max, tl_dtls_server_def *def);

#endif
