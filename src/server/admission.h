// Whom of a transport's peers this server listens to, and for how long in a step.
#ifndef TRAMLINE_SERVER_ADMISSION_H
#define TRAMLINE_SERVER_ADMISSION_H

#include "server/state.h"

enum { // what things cost of a step's step_units_max: about 10 us each
    TL_UNITS_DATAGRAM = 1,
    TL_UNITS_HELLO = 50, // a signature is checked
    TL_UNITS_REQUEST = 5,
};

size_t tl_admission_bytes(const tl_server_def *def);
bool tl_admission_init(tl_server *s);
// Whether what has come is a datagram that is to be read: of a peer that is known or let in, and within its rate.
bool tl_admission_accepts(tl_server *s, const tl_transport_event *event);
// It could not be read; `counted`: as malformed. Returns whether that was one too many.
bool tl_admission_malformed(tl_server *s, tl_peer peer, bool counted);
void tl_admission_spend(tl_server *s, int units);
void tl_admission_forget(tl_server *s, tl_peer peer); // its connection has ended
void tl_admission_close(tl_server *s, tl_peer peer);  // ends the connection
void tl_admission_sweep(tl_server *s);                // those who have not said a valid HELLO in time
// Like tl_server_say(), for lines that clients can cause: so many a second, and those omitted are counted.
void tl_server_say_of_client(tl_server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
