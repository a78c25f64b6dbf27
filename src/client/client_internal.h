// Shared by the client's files.
//
//   client.c            hello, incoming datagrams, outgoing reports, events
//   client_reconnect.c  the start of a connection, its loss, and the next one
//   client_view.c       reading the view
//   client_own.c        changing the world: messages, requests, own entities
#ifndef TRAMLINE_CLIENT_CLIENT_INTERNAL_H
#define TRAMLINE_CLIENT_CLIENT_INTERNAL_H

#include "client/clock.h"
#include "client/view_apply.h"
#include "client/view_instances.h"
#include "tramline/client.h"
#include "tramline/token.h"
#include "wire/channel.h"
#include "wire/identity.h"

typedef struct tl_owned_entity {
    tl_entity_id id, carrier;
    int kind;
    uint16_t version;
    bool unsent; // not acknowledged yet
    bool in_report;
    bool unset;            // returned to this client, and not set since: the server's state of it is unknown
    bool confirmed;        // it is in the list of own entities that is being received
    uint16_t first_report; // the first report that carried this version
    int64_t words[TL_STATE_WORDS_MAX];
} tl_owned_entity;

typedef struct tl_asked {
    uint32_t number;
    int kind;
    tl_entity_id carrier;
    bool own;
    uint64_t sent_us;
    int64_t words[TL_STATE_WORDS_MAX];
} tl_asked;

enum {
    TL_ASKED_MAX = 64,
    TL_SENT_TIMES = 256,
    TL_CLIENT_EVENTS_MAX = 192, // one list of own entities causes up to 128
};

struct tl_client {
    tl_client_def def;
    unsigned char token[TL_TOKEN_BYTES_MAX];
    tl_heap heap;
    tl_kinds kinds;
    bool kinds_known;                          // from this connection or an earlier one: the view can be read
    unsigned char *kind_table, *kind_table_in; // of `kinds`; of the present connection, as it arrives
    size_t kind_table_bytes, kind_table_in_bytes, kind_table_got;
    tl_view view;
    bool view_made;
    tl_client_state state;
    bool state_changed;
    bool told_full;
    char text[256];
    uint64_t now_us, started_us, hello_us, heard_us, report_us;
    // the connection
    bool welcomed;                           // by the server of this connection
    bool joined;                             // its kind table has arrived: chunks may follow
    bool other_world;                        // WELCOME's tick is far from the shown one
    bool ended;                              // by the server; the connection cannot be resumed
    bool seeking;                            // the transport is trying to reconnect
    uint64_t silent_us;                      // how long nothing was received while this client was stepped
    uint64_t frame_us, run_frames;           // when the newest frame arrived, and the number of frames up to then
    uint64_t run_began_us, run_began_frames; // start of the present run of frames without a long gap
    uint64_t joining_us;                     // how long this client was stepped since the connection began
    uint64_t lost_us;                        // when the connection was lost; 0: it is live, or never was
    unsigned char secret[TL_SECRET_BYTES];   // proves this client's identity to the next server
    bool has_secret;
    bool report_soon;
    uint64_t step_slots; // visited in this step
    tl_clock clock;
    uint32_t tick_hz;
    int64_t world_tick; // of the newest head, to extend 32-bit ticks
    // incoming datagrams
    uint64_t newest_sequence; // full
    bool any_sequence;
    unsigned char bits[TL_ACK_BITS / 8];
    // outgoing reports
    uint16_t report_sequence;
    uint64_t sent_us[TL_SENT_TIMES];
    uint16_t acked_report;
    bool any_acked;
    tl_channel channel;
    tl_entity_id observer_id;
    tl_vec3 observer;
    bool observes_entity, observer_set;
    tl_owned_entity *owned;
    uint32_t owned_count;
    uint32_t owned_next; // the own entity to report first next time
    tl_asked *asked;
    uint32_t asked_count, request_number;
    tl_client_event events[TL_CLIENT_EVENTS_MAX]; // ring of messages and answers; the view has the entities' events
    unsigned char *event_data;                    // one message each
    uint32_t event_first, event_count;
    tl_client_stats stats;
};

// client.c
void tl_client_set_state(tl_client *c, tl_client_state state);
void tl_client_close(tl_client *c, const char *text);
void tl_client_push_event(tl_client *c, tl_client_event event);
void tl_client_say_hello(tl_client *c);

// client_reconnect.c
void tl_client_begin_connection(tl_client *c);                       // it is established: send hello
void tl_client_lose(tl_client *c, bool by_server, const char *text); // it has ended; reconnects or closes
void tl_client_heard(tl_client *c, bool frame);                      // a well-formed datagram arrived
void tl_client_watch(tl_client *c, uint64_t passed_us);              // checks for silence
void tl_client_kinds_came(tl_client *c);                             // the present connection's kind table is complete

// client_own.c
void tl_client_own_list(tl_client *c, const void *data, size_t size); // the server's list of this client's entities
void tl_client_own_say_again(tl_client *c, tl_entity_id entity);      // the server could not apply its state yet
void tl_client_own_gone(tl_client *c, tl_entity_id entity);           // another party has deleted it
void tl_client_own_reconnected(tl_client *c);                         // everything is sent to the new server
// another world, or other kinds: the client owns nothing any more
void tl_client_own_none(tl_client *c);

#endif
