// A server's clock: runs it, sets it at the start, compares it with the other servers' and reports to them.
#ifndef TRAMLINE_SERVER_TIME_H
#define TRAMLINE_SERVER_TIME_H

#include "server/state.h"

void tl_time_take(tl_server *s, tl_time now);
bool tl_time_start(tl_server *s); // sets the world's time of a server that has loaded; false: not yet
void tl_time_hear(tl_server *s, const tl_store_event *event); // another server's record
bool tl_time_sure(const tl_server *s);                        // whether checkpoints may be written
void tl_time_report(tl_server *s, tl_record_writer *r);       // into the own record, if it is due

#endif
