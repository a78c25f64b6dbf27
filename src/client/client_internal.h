// What the client's files share.
//
//   client.c            hello, datagrams in, reports out, events
//   client_reconnect.c  a connection's beginning, its loss, and the next one
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
    bool unset;            // given back, and not set since: what the server holds of it is not known
    bool confirmed;        // in the list of own entities that is coming in
    uint16_t first_report; // the first that carried this version
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
    TL_CLIENT_EVENTS_MAX = 192, // one list of own entities makes up to 128
};

struct tl_client {
    tl_client_def def;
    unsigned char token[TL_TOKEN_BYTES_MAX];
    tl_heap heap;
    tl_kinds kinds;
    bool kinds_known;                          // by this connection or an earlier one: the view can be read
    unsigned char *kind_table, *kind_table_in; // of `kinds`; that of the present connection as it comes in
    size_t kind_table_bytes, kind_table_in_bytes, kind_table_got;
    tl_view view;
    bool view_made;
    tl_client_state state;
    bool state_changed;
    bool told_full;
    char text[256];
    uint64_t now_us, started_us, hello_us, heard_us, report_us;
    // the connection
    bool welcomed;                           // by its server
    bool joined;                             // its table of kinds is here: chunks may come
    bool other_world;                        // WELCOME's tick is far from what is shown
    bool ended;                              // by its server: nothing revives it
    bool seeking;                            // the transport tries to connect anew
    uint64_t silent_us;                      // how long nothing was heard while this client was stepped
    uint64_t frame_us, run_frames;           // when the newest frame came, and how many had come by then
    uint64_t run_began_us, run_began_frames; // since then there was no long gap between frames
    uint64_t joining_us;                     // how long this client was stepped since the connection began
    uint64_t lost_us;                        // since when it is not live any more, 0: it is, or never was
    unsigned char secret[TL_SECRET_BYTES];   // that shows the next server who this client is
    bool has_secret;
    bool report_soon;
    uint64_t step_slots; // gone through in this step
    tl_clock clock;
    uint32_t tick_hz;
    int64_t world_tick; // of the newest head, for extending 32 bits
    // datagrams in
    uint64_t newest_sequence; // full
    bool any_sequence;
    unsigned char bits[TL_ACK_BITS / 8];
    // reports out
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
    uint32_t owned_next; // of those, whose turn it is to be said first
    tl_asked *asked;
    uint32_t asked_count, request_number;
    tl_client_event events[TL_CLIENT_EVENTS_MAX]; // ring of messages and answers; entities' events are the view's
    unsigned char *event_data;                    // a message each
    uint32_t event_first, event_count;
    tl_client_stats stats;
};

// client.c
void tl_client_set_state(tl_client *c, tl_client_state state);
void tl_client_close(tl_client *c, const char *text);
void tl_client_push_event(tl_client *c, tl_client_event event);
void tl_client_say_hello(tl_client *c);

// client_reconnect.c
void tl_client_begin_connection(tl_client *c);                       // it is there: say hello
void tl_client_lose(tl_client *c, bool by_server, const char *text); // it has ended; reconnects or closes
void tl_client_heard(tl_client *c, bool frame);                      // a well-formed datagram came
void tl_client_watch(tl_client *c, uint64_t passed_us);              // looks for silence
void tl_client_kinds_came(tl_client *c);                             // the whole table of the present connection

// client_own.c
void tl_client_own_list(tl_client *c, const void *data, size_t size); // what the server says is this client's
void tl_client_own_say_again(tl_client *c, tl_entity_id entity);      // the server could not take its state yet
void tl_client_own_gone(tl_client *c, tl_entity_id entity);           // somebody else has deleted it
void tl_client_own_reconnected(tl_client *c);                         // all is told to the new server
// another world, or other kinds: nothing is its own any more
void tl_client_own_none(tl_client *c);

#endif
