// A server's clock: it runs, is set when the server starts, is compared with the others', and is reported to them.
#ifndef TRAMLINE_SERVER_TIME_H
#define TRAMLINE_SERVER_TIME_H

#include "server/state.h"

void tl_time_take(tl_server *s, tl_time now);
bool tl_time_start(tl_server *s); // sets the world's time for a server that has loaded; false: not yet
void tl_time_hear(tl_server *s, const tl_store_event *event); // another server's record
bool tl_time_sure(const tl_server *s);                        // checkpoints may be written
void tl_time_report(tl_server *s, tl_record_writer *r);       // into the own record, if it is due

#endif
