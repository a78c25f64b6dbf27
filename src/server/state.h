// The state of a server: what its files share.
#ifndef TRAMLINE_SERVER_STATE_H
#define TRAMLINE_SERVER_STATE_H

#include "base/ring.h"
#include "motion/track.h"
#include "motion/values.h"
#include "server/session.h"
#include "server/world_clock.h"
#include "tramline/server.h"
#include "world/checkpoint.h"

enum {
    TL_RECORDED_MAX = 4096,
    TL_OWN_RECORDS_MAX = 1200, // made and not yet committed: a minute's stall at 20 Hz
    TL_NEEDS_MAX = 512,
    TL_GIVES_MAX = 4096,
    TL_POSTS_BYTES_MAX = 256 * 1024, // of requests and answers to other servers, a tick
    TL_FRAME_BYTES_MAX = 192 * 1024,
    TL_REQUESTS_PER_S = 32,
    TL_MESSAGES_PER_S = 64,
};

typedef struct tl_followed_record { // of another server, waiting to be applied
    struct tl_followed_record *next;
    int64_t tick;
    uint32_t epoch;
    uint64_t begun_us;
    bool is_end;         // the epoch ended here
    uint64_t end_serial; // ends are applied in the order in which they came
    tl_server_number heir;
    size_t size;
    unsigned char data[];
} tl_followed_record;

enum { TL_RETOLD_MAX = 64 }; // at once; the others are asked for again

typedef struct tl_peer_server {
    bool known, lagging, leaving;
    bool ended; // fenced, and not back
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch;
    int64_t head_tick; // newest record that the store has shown
    int64_t applied_tick;
    uint32_t applied_epoch; // that record's
    uint32_t ended_epoch;   // the last of which the end was applied
    // its heir, in that server's epoch; 0: it left in order, and nobody has taken over yet
    tl_server_number ended_heir;
    uint32_t ended_heir_epoch;
    int64_t ended_tick;
    tl_followed_record *first, *last;
    int64_t degraded_tick; // when it last said that it lacks something
    uint64_t silent_us;    // of the store's time, since its head moved
    bool fence_asked;
    uint32_t fence_asks;
    // a record of that epoch cannot be read; it is the first in the queue, and nothing follows it
    bool bad;
    uint32_t bad_epoch;
    int64_t bad_tick;
    int bad_asks;             // how often the store was asked to end the epoch before it
    uint64_t bad_us;          // of the store's time, since the last time
    uint32_t end_known_epoch; // the last whose end is known; it may wait to be applied
} tl_peer_server;

typedef struct tl_own_record {
    int64_t tick;
    unsigned char *data;
    size_t size;
    bool submitted, committed, applied;
    uint64_t submitted_us;
} tl_own_record;

typedef struct tl_own_give {
    tl_group_id group;
    tl_server_number to;
    uint32_t epoch; // of the receiver
    bool lacking;   // it found no room here
} tl_own_give;

typedef struct tl_owned { // an entity that a client owns
    tl_entity_id id;
    uint16_t version;
    bool reported;          // the client knows that it is its
    int64_t refused_tick;   // when the client last heard that a state of it was refused, 0: never
    int64_t travelled_tick; // up to this tick the distance it has travelled is accounted for
    int64_t ride_tick;      // when it was at `place` in the world, riding in a carrier; 0: it was not
    tl_vec3 place;
    int64_t counted_tick; // when it was counted how many ride in it, and how many of those pay for themselves
    int32_t counted_aboard, paying_aboard;
    bool again_due;      // its state was refused for now, and the client is yet to hear of it
    int64_t volume_tick; // when a state of it was taken last, and what it has cost in that tick
    uint32_t volume_bytes;
} tl_owned;

typedef struct tl_travel { // of all that one client owns
    double left_m;         // what may still be travelled now; below 0: states are refused for the time being
    int64_t tick;
    bool begun;
} tl_travel;

typedef struct tl_volume { // of all that one client has published
    double left_bytes;     // below 0: nothing more for the time being
    int64_t tick;
    bool begun;
} tl_volume;

enum {
    TL_ACCOUNTS_REMEMBERED = 1024, // of clients that have left
    TL_ACCOUNT_HOLDERS_MAX = 4,    // connections of a proven name at once: places are everybody's
};

typedef struct tl_account { // of a proven name
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t holders; // connections
    uint64_t left_us; // when it had its last one
    tl_work_account work;
    tl_travel travel;
    tl_volume volume;
} tl_account;

typedef struct tl_created { // an entity that a client has created, its own or not
    tl_entity_id id;
    uint64_t creator; // a hash of its name
} tl_created;

typedef struct tl_guest { // a peer of the transport, client or newcomer
    tl_peer peer;         // 0: the place is free
    uint32_t next_free;   // 1 + its index
    uint64_t since_us;
    double datagrams_left;
    uint64_t datagrams_us;
    uint32_t malformed;
} tl_guest;

typedef struct tl_server_client {
    bool used, ready; // ready: it has the kinds
    tl_client_number number;
    tl_peer peer;
    tl_grant grant;
    tl_session *session;
    tl_account *account; // whose work it does; NULL: its own
    tl_travel travel;    // without an account
    tl_volume volume;    // likewise
    tl_owned owned[TL_OWNED_MAX];
    uint32_t owned_count;
    // what it owns lies in a group of its own
    tl_identity identity;
    unsigned char secret[TL_SECRET_BYTES];
    bool has_secret;
    tl_group_id group;       // 0: none yet
    int64_t claim;           // of this connection to what its identity owns
    bool claimed;            // all that is to be given back to it has been
    int64_t claim_tick;      // when it is asked for next
    int64_t list_tick;       // until then the list of what it owns does not end
    int64_t outclaimed_tick; // since when another connection has it, 0: it is not known to
    bool own_reported;       // the client knows what is its, and that this is all
    double requests_left, messages_left;
    uint64_t limits_time_us;
    uint32_t kinds_sent; // parts of the table
    bool drop_due;       // the game wants it dropped; its callbacks are done by then
    char drop_reason[128];
} tl_server_client;

typedef struct tl_clock_line { // of the log, that a clock can cause
    bool said;
    uint64_t said_us;
    uint32_t unsaid;
} tl_clock_line;

typedef struct tl_server_time {
    tl_world_clock clock;
    uint64_t now_us;         // monotonic: for durations
    bool doubts, doubt_said; // after a long step (server/time.c): whether this server stands still, and has said so;
    uint64_t doubt_us, doubt_heard_us; // since when, and when it has heard of another one last
    uint64_t judged_us;                // when the clock was last compared with the others'
    uint64_t reported_us;              // when that was last reported
    bool report_due, settled;
    bool early_said; // that it is ahead of the others' time has been logged
    tl_clock_line jump_line, step_line, hold_line;
    bool loaded; // while joining: the world is here; what is missing is the time
    uint64_t loaded_us;
    uint32_t stood_still; // since it was loaded: steps that took long
} tl_server_time;

typedef struct tl_server_peers {
    tl_peer_server *servers; // by number, TL_SERVERS_MAX + 1
    tl_heap heap;            // of others' records that wait; what finds no room there is in the server's
    uint64_t ends_queued, ends_applied;
    uint64_t last_commit_us;   // when an own commit was last seen
    tl_server_number applying; // the other server's record that is being applied
    uint32_t applying_epoch;
    int64_t applying_tick;
} tl_server_peers;

typedef struct tl_turn { // an owned entity's rotation at its last set, while it goes on turning, for its spin
    tl_quat rotation;
    int64_t tick; // -1: not known
} tl_turn;

typedef struct tl_server_own { // of owned entities, by index
    tl_track *tracks;
    tl_vec3 *truths;      // at their last set, for velocities;
    int64_t *truth_ticks; // and when that was, -1: not known
    tl_turn *turns;
    bool untaken;                           // some entity of this server's groups is
    uint64_t entity_counter, group_counter; // of ids
} tl_server_own;

typedef struct tl_server_changes { // for the next record
    int32_t *entities;             // with something to be recorded
    uint32_t entity_count;
    tl_entity_id *deleted;
    uint32_t deleted_count;
    tl_group_id *groups_deleted;
    uint32_t groups_deleted_count;
    int32_t *groups_created;
    uint32_t groups_created_count;
    tl_need needs[TL_NEEDS_MAX];
    uint32_t need_count;
    tl_own_give gives[TL_GIVES_MAX];
    uint32_t give_count;
    unsigned char *posts; // ops of requests and answers
    size_t posts_bytes;
    tl_group_id retold[TL_RETOLD_MAX]; // own groups that are published again
    uint32_t retold_count;
    bool has_claims; // some group has one to be recorded
} tl_server_changes;

typedef struct tl_server_records {             // own ones
    unsigned char *scratch;                    // of one record or checkpoint
    tl_ring data;                              // of those that wait
    tl_own_record waiting[TL_OWN_RECORDS_MAX]; // ring
    uint32_t first, count;
    int32_t newest[TL_RECORDED_MAX]; // the entities in the newest one, as far as there is room
    uint32_t newest_count;
} tl_server_records;

typedef struct tl_server_checkpoints {
    tl_group_id due[TL_GIVES_MAX]; // of groups that were deleted
    uint32_t due_count;
    bool owes;                              // some group may be owed a checkpoint
    bool truncation_blocked;                // the log is not truncated in this life: a checkpoint is missing
    struct tl_held *held_first, *held_last; // those that wait, see server/held_checkpoints.c
    uint32_t held_count;
    int32_t looked_at; // the group that was looked at last
    int64_t truncated_tick;
} tl_server_checkpoints;

typedef struct tl_server_missing {
    int64_t said_tick;    // -1: not yet
    int32_t group_asked;  // the group that was asked for last
    uint32_t place_asked; // place in the map of those that found no room
} tl_server_missing;

typedef struct tl_server_admission { // of a transport's peers
    tl_guest *guests;
    uint32_t guests_max, guest_top, guest_free;
    tl_map map; // by peer
    uint64_t swept_us;
    int64_t units_left; // of this step's work for clients
    double lines_left;  // of the log, about clients
    uint64_t lines_us, lines_reported;
} tl_server_admission;

typedef struct tl_server_created { // what clients have created through this server
    tl_created *entities;
    uint32_t count, swept;
    tl_map map, creators; // to the place in `entities`; to how many a creator has there
    uint32_t elsewhere;   // through other servers, as of elsewhere_tick
    int64_t elsewhere_tick, second;
    uint32_t recent[2]; // here, in that second and in the one before
} tl_server_created;

typedef struct tl_server_clients {
    tl_server_client *all; // clients_max places
    tl_map map;            // by peer
    tl_client_number next_number;
    tl_group_id nobodys_group; // holds what clients made and do not own
    int64_t last_claim;
    tl_account *accounts;
    uint32_t account_top;
    int64_t work_left;     // for all clients in this tick, see work.h
    uint32_t frames_first; // whose turn it is to be served first
    int32_t *marks;        // scratch for choosing streams
    tl_frame_scratch *frame_scratch;
    unsigned char *frame;
} tl_server_clients;

struct tl_server {
    tl_server_def def;
    char name[TL_NAME_BYTES_MAX + 1];
    tl_server_state state;
    char text[256];          // why it has failed
    tl_server_number number; // by the store
    uint32_t epoch;
    int64_t tick;          // the last own tick
    int64_t leaving_tick;  // since when it leaves, -1: it does not
    unsigned char *memory; // of the heap, of own records that wait, and of others' records
    tl_heap heap;
    tl_kinds kinds;
    unsigned char *kind_table;
    size_t kind_table_bytes;
    tl_world_info world;
    tl_mirror mirror;
    tl_pyramid pyramid;
    tl_server_time time;
    tl_server_peers peers;
    tl_server_own own;
    tl_server_changes changes;
    tl_server_records records;
    tl_server_checkpoints checkpoints;
    tl_server_missing missing;
    tl_server_admission admission;
    tl_server_created created;
    tl_server_clients clients;
    tl_server_stats stats;
};

void tl_server_say(tl_server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tl_server_fail(tl_server *s, tl_server_state state, const char *format, ...) __attribute__((format(printf, 3, 4)));

bool tl_server_is_active(const tl_server *s); // it runs, or leaves

#endif
