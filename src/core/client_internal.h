// What the client's files share.
//
//   client.c       connection: hello, datagrams in, reports out, events
//   client_view.c  reading the view
//   client_own.c   changing the world: messages, requests, own entities
#ifndef TRAMLINE_CORE_CLIENT_INTERNAL_H
#define TRAMLINE_CORE_CLIENT_INTERNAL_H

#include "channel.h"
#include "clock.h"
#include "tramline/client.h"
#include "tramline/token.h"
#include "view.h"

typedef struct tl_owned_entity {
    tl_entity_id id, carrier;
    int kind;
    uint16_t version;
    bool unsent;                // not acknowledged yet
    bool in_report;
    uint16_t first_report;      // the first that carried this version
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

enum { TL_ASKED_MAX = 64, TL_SENT_TIMES = 256 };

struct tl_client {
    tl_client_def def;
    unsigned char token[TL_TOKEN_BYTES_MAX];
    tl_heap heap;
    tl_kinds kinds;
    bool kinds_known;
    unsigned char *kind_table;
    size_t kind_table_bytes, kind_table_got;
    tl_view view;
    bool view_made;
    tl_client_state state;
    bool state_changed;
    char text[256];
    uint64_t now_us, started_us, hello_us, heard_us, report_us;
    bool report_soon;
    tl_clock clock;
    uint32_t tick_hz;
    int64_t world_tick;          // of the newest head, for extending 32 bits
    // datagrams in
    uint64_t newest_sequence;    // full
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
    tl_asked *asked;
    uint32_t asked_count, request_number;
    tl_client_event events[64]; // ring of messages and answers; entities' events are the view's
    unsigned char *event_data;  // 64 messages
    uint32_t event_first, event_count;
    tl_client_stats stats;
};

#endif
