// Admission: which transport peers this server accepts datagrams from, and how much work they may cause per step.
#ifndef TRAMLINE_SERVER_ADMISSION_H
#define TRAMLINE_SERVER_ADMISSION_H

#include "server/state.h"

enum { // cost in units of a step's step_units_max, about 10 us each
    TL_UNITS_DATAGRAM = 1,
    TL_UNITS_HELLO = 50, // a signature is checked
    TL_UNITS_REQUEST = 5,
};

size_t tl_admission_bytes(const tl_server_def *def);
bool tl_admission_init(tl_server *s);
// Returns whether the event's datagram should be read: its peer is known or newly admitted, and within its rate limit.
bool tl_admission_accepts(tl_server *s, const tl_transport_event *event);
// Notes a datagram that could not be read; `counted`: it counts as malformed. Returns whether the peer exceeded its
// limit.
bool tl_admission_malformed(tl_server *s, tl_peer peer, bool counted);
void tl_admission_spend(tl_server *s, int units);
void tl_admission_forget(tl_server *s, tl_peer peer); // its connection has ended
void tl_admission_close(tl_server *s, tl_peer peer);  // closes the connection
void tl_admission_sweep(tl_server *s);                // closes peers that sent no valid HELLO in time
// Like tl_server_say(), for lines that clients can cause: rate limited; omitted lines are counted.
void tl_server_say_of_client(tl_server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
