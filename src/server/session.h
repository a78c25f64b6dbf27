// A session: what a server keeps per client. Where it looks from, the streams it is subscribed to, what of them it has
// been sent (cursors), which datagrams are in flight, and its bandwidth.
#ifndef TRAMLINE_SERVER_SESSION_H
#define TRAMLINE_SERVER_SESSION_H

#include "server/pace.h"
#include "server/work.h"
#include "wire/channel.h"
#include "wire/datagram.h"
#include "world/chunk_cache.h"
#include "world/pyramid.h"

enum { TL_IN_FLIGHT_MAX = 1024, TL_LOSS_REORDER = 3, TL_LOSS_TIMEOUT_US = 1500000, TL_LOSS_TIMEOUT_US_MAX = 8000000 };

typedef struct tl_subscription {
    int32_t stream; // TL_NONE: the entry is free or being closed
    int32_t place;  // 2 * tile + 1 if it is the coarser stream, else 2 * tile
    uint16_t handle;
    bool used, wanted, closing, close_due;
    bool rewound;     // losses or nacks have reset parts of it since it was last sent completely
    bool is_new_tile; // the tile was empty before and has not been sent whole yet: its cost is not the client's doing
    int64_t unwanted_tick; // since when another set of tiles replaces it
    int64_t sent_tick;
    int64_t coarser_tick; // since when the tile's coarser stream would suffice, -1: it would not
    tl_cursor_map cursors;
} tl_subscription;

typedef struct tl_sent_part { // a chunk, or the closing of a stream (to = 0), in a datagram in flight
    uint16_t handle;
    uint32_t begin, end, from, to;
} tl_sent_part;

typedef struct tl_sent {
    bool used;
    uint64_t time_us;
    uint32_t part_count;
    tl_sent_part *parts;
} tl_sent;

typedef struct tl_session {
    tl_heap *heap;
    tl_pyramid *pyramid;
    // the observer
    tl_entity_id observer_id; // 0: the free point
    tl_vec3 observer, anchors[TL_LEVELS_MAX];
    bool anchored; // it has been subscribed to what it should see
    bool deferred; // some of that is still to be subscribed
    bool lacking;  // some of it cannot be: no handle or no memory is left for it
    tl_work work;
    uint32_t shape_version;
    uint32_t seen_version; // shape_version of the last complete choice of streams: tiles inhabited later are new
    int level_finest;
    // streams
    tl_subscription *subscriptions;
    uint32_t subscription_top, subscription_capacity;
    uint32_t kept_max;   // the limit on streams that are being replaced; above it the anchors stay where they are
    uint64_t kept_waits; // in how many ticks they had to
    uint16_t handles_free[TL_HANDLES_MAX];
    uint32_t handle_free_count, handle_top;
    int16_t by_handle[TL_HANDLES_MAX]; // index into subscriptions, or TL_NONE
    // datagrams
    int64_t frame_tick;                   // of the last frame, -1: none yet
    uint64_t next_sequence, ack_sequence; // ack: the newest that the client has received
    tl_sent sent[TL_IN_FLIGHT_MAX];       // ring by sequence
    uint64_t oldest_sequence;             // the oldest in flight
    // datagrams before past_sequence are no longer nacked or counted as lost; past_next is its next value
    uint64_t past_sequence, past_next;
    uint32_t past_reports; // until past_next takes effect
    // the round-trip time of the last acknowledged datagram
    uint64_t ack_delay_us;
    // everything up to settled_tick has arrived
    int64_t settled_tick, candidate_tick;
    uint64_t candidate_sequence;
    bool candidate_broken;
    // reports
    uint16_t report_sequence;
    uint64_t report_time_us;
    bool reported;
    tl_channel channel;
    // budget
    tl_pace pace;
    double allowance_bytes;
    uint64_t allowance_time_us;
    // counts
    uint64_t bytes_sent, datagrams_sent, datagrams_lost, chunks_sent, nacks, frames;
    uint64_t resends_whole;
} tl_session;

void tl_session_init(tl_session *s, tl_heap *heap, tl_pyramid *pyramid, uint32_t kbit_s, int level_finest);
void tl_session_end(tl_session *s); // frees everything it holds
// Chooses the streams for the observer's current position. `marks` is scratch memory, two entries per tile of the
// pyramid; all are 0 before and after the call.
void tl_session_subscribe(tl_session *s, int64_t tick, int32_t *marks);
// Accepts a report. Returns false if its sequence is older than one already accepted; the caller then ignores it.
bool tl_session_accept(tl_session *s, const tl_report_head *head, uint64_t now_us);
// Processes the report's acknowledgements; call it after its nacks.
void tl_session_acknowledge(tl_session *s, const tl_report_head *head, uint64_t now_us);
// The client could not continue with a chunk of that datagram from the version it holds. What was rebuilt since then is
// left alone.
void tl_session_nack(tl_session *s, uint16_t sequence, uint32_t handle, uint32_t begin, uint32_t end, uint32_t held);

// ---- frame.c ----

// Writes the frame of a tick into `out`: datagrams, each preceded by its size in two bytes. Returns the bytes written;
// there is always at least one datagram. `scratch` points to tl_frame_scratch_bytes() bytes.
typedef struct tl_frame_scratch tl_frame_scratch;
size_t tl_frame_scratch_bytes(void);
size_t tl_frame_write(tl_session *s, int64_t tick, uint64_t tick_time_us, uint64_t now_us, tl_frame_scratch *scratch,
                      unsigned char *out, size_t capacity);

#endif
