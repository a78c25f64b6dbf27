// The reading side of an attachment: all logs of the world, each with a cursor, made into one stream of notes. The
// backend is behind a table of functions. Used by one thread alone.
//
// Now and then the backend takes the *position* of all logs (each log's head at about one time, see `target`), and what
// lies before it is reported, merged in the order that the backend defines. So what a server had seen when it wrote
// something is reported before that.
#ifndef TRAMLINE_STORE_ENGINE_FOLLOW_H
#define TRAMLINE_STORE_ENGINE_FOLLOW_H

#include "store/engine/heads.h"

// What a backend reads for it. All may fail as the backend does; notes belong to the caller.
typedef struct tl_follow_source {
    tl_result (*epoch)(void *backend, tl_server_number server, uint32_t epoch, tl_log_epoch *out, tl_fault *fault);
    // The first record after `tick`, and the tick before it. TL_AGAIN if there is none.
    tl_result (*next_record)(void *backend, tl_server_number server, int64_t tick, tl_note **out,
                             int64_t *previous_tick, tl_fault *fault);
    // The tick before the first record that is not truncated; the head's if there is no record.
    tl_result (*start)(void *backend, tl_server_number server, int64_t *previous_tick, tl_fault *fault);
    // The checkpoint with the lowest group above `group`, in an order of the backend's own; *first: the lowest of all.
    // TL_AGAIN if there is none.
    tl_result (*next_checkpoint)(void *backend, bool first, tl_group_id group, tl_note **out, tl_fault *fault);
} tl_follow_source;

typedef struct tl_follow_peer {
    tl_server_number number;
    char name[TL_NAME_BYTES_MAX + 1];
    const char *place; // of its log, for faults
    bool known;
    bool announced;     // its first epoch was reported ahead of its log
    tl_log_head target; // report up to here
    // What has been reported of it.
    uint32_t epoch;
    bool ended;
    int heir; // of the ended epoch
    int64_t tick;
    bool chained; // the sum of the record of that tick is known
    uint64_t sum;
    uint32_t record_epoch; // of the record of that tick, 0: it was not reported
    // Read, and to be reported next.
    tl_note *pending;
} tl_follow_peer;

typedef enum tl_follow_phase {
    TL_FOLLOW_SERVERS,
    TL_FOLLOW_CHECKPOINTS,
    TL_FOLLOW_RECORDS,
    TL_FOLLOW_LIVE,
} tl_follow_phase;

typedef struct tl_follow {
    const tl_follow_source *source;
    void *backend;
    tl_follow_peer peers[TL_SERVERS_MAX + 1]; // by number
    tl_heads confirmed;                       // what other logs have seen of each
    tl_server_number own;                     // 0: none, or its lease is lost and it is followed as any other
    uint32_t own_epoch;
    tl_server_number joined; // own number, for good
    int lost_heir;           // of the own epoch, once it is lost
    int64_t lost_tick;
    tl_follow_phase phase;
    tl_server_number reported_server;
    tl_group_id reported_group;
    bool any_group_reported;
} tl_follow;

void tl_follow_init(tl_follow *follow, const tl_follow_source *source, void *backend);
void tl_follow_free(tl_follow *follow);
// A server whose log can be read from now on. `place` must last as long as `follow`.
void tl_follow_add(tl_follow *follow, tl_server_number server, const char *name, const char *place);
// The position of that log. False if it is not wanted yet: the own log is followed only once its lease is lost.
bool tl_follow_set_target(tl_follow *follow, tl_server_number server, const tl_log_head *head);
// Begins to load. `own` (0: none) has joined with that head. To be called before all have a target, and again after a
// failure.
tl_result tl_follow_begin(tl_follow *follow, tl_server_number own, const tl_log_head *head, tl_fault *fault);
// The next note before the position; TL_AGAIN if all is reported.
tl_result tl_follow_next(tl_follow *follow, tl_note **out, tl_fault *fault);
// The own lease is lost: from now on the own log is followed as any other.
void tl_follow_on_lease_lost(tl_follow *follow, int heir, int64_t last_tick);

#endif
