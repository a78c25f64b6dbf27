// A session: what a server keeps of one client. Where it looks from, which streams it is subscribed to, what of them it
// has been sent (cursors), which datagrams are on their way, and how much it may get.
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
    int32_t stream; // TL_NONE: the entry is free, or it is being closed
    int32_t place;  // 2 * tile + whether it is the coarser stream
    uint16_t handle;
    bool used, wanted, closing, close_due;
    bool rewound;          // losses and nacks have set it back since it was sent all that there was
    bool is_new_tile;      // the tile was empty before, and was not sent whole yet: its cost is not the client's doing
    int64_t unwanted_tick; // since when another set of tiles takes its place
    int64_t sent_tick;
    int64_t coarser_tick; // since when the tile's coarser stream would do, -1: it would not
    tl_cursor_map cursors;
} tl_subscription;

typedef struct tl_sent_part { // a chunk, or the closing of a stream (to = 0), in a datagram on its way
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
    // where it looks from
    tl_entity_id observer_id; // 0: the free point
    tl_vec3 observer, anchors[TL_LEVELS_MAX];
    bool anchored; // it was subscribed to what it should see
    bool deferred; // not to all of it yet
    bool lacking;  // nor ever, as it is: there is no handle, or no memory, for some of it
    tl_work work;
    uint32_t shape_version;
    uint32_t seen_version; // shape_version of the last complete choice of streams: tiles inhabited later are new
    int level_finest;
    // streams
    tl_subscription *subscriptions;
    uint32_t subscription_top, subscription_capacity;
    uint32_t kept_max;   // streams that another set takes the place of; with more it stays where it is
    uint64_t kept_waits; // in how many ticks it had to
    uint16_t handles_free[TL_HANDLES_MAX];
    uint32_t handle_free_count, handle_top;
    int16_t by_handle[TL_HANDLES_MAX]; // index into subscriptions, TL_NONE
    // datagrams
    int64_t frame_tick;                   // of the last frame, -1: none yet
    uint64_t next_sequence, ack_sequence; // ack: the newest that the client has seen
    tl_sent sent[TL_IN_FLIGHT_MAX];       // ring by sequence
    uint64_t oldest_sequence;             // of those in flight
    // nothing before it is reported as lost any more, nor nacked; what it will be next
    uint64_t past_sequence, past_next;
    uint32_t past_reports; // until then
    // how long the datagram that was acknowledged last took, and its acknowledgement
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
void tl_session_end(tl_session *s); // gives everything back
// Chooses the streams for where the observer is now. `marks` is scratch, two for each of the pyramid's
// tiles, all 0, and left so.
void tl_session_subscribe(tl_session *s, int64_t tick, int32_t *marks);
// A report has come. False: its sequence is older than what was seen before; it counts for nothing.
bool tl_session_accept(tl_session *s, const tl_report_head *head, uint64_t now_us);
// Its acknowledgements; after its nacks.
void tl_session_acknowledge(tl_session *s, const tl_report_head *head, uint64_t now_us);
// The client could not go on from what it holds with a chunk of that datagram: what was built anew since is not
// touched.
void tl_session_nack(tl_session *s, uint16_t sequence, uint32_t handle, uint32_t begin, uint32_t end, uint32_t held);

// ---- frame.c ----

// Writes the frame of a tick: datagrams, each after two bytes of its size, into `out`. Gives the bytes written; at
// least one datagram is. `scratch` holds scratch_count pairs.
typedef struct tl_frame_scratch tl_frame_scratch;
size_t tl_frame_scratch_bytes(void);
size_t tl_frame_write(tl_session *s, int64_t tick, uint64_t tick_time_us, uint64_t now_us, tl_frame_scratch *scratch,
                      unsigned char *out, size_t capacity);

#endif
