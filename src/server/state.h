// The state of a server, shared by the files of this folder.
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
    TL_POSTS_BYTES_MAX = 256 * 1024, // of requests and answers to other servers, per tick
    TL_FRAME_BYTES_MAX = 192 * 1024,
    TL_REQUESTS_PER_S = 32,
    TL_MESSAGES_PER_S = 64,
};

typedef struct tl_followed_record { // another server's record, waiting to be applied
    struct tl_followed_record *next;
    int64_t tick;
    uint32_t epoch;
    uint64_t begun_us;
    bool is_end;         // the epoch ends here
    uint64_t end_serial; // ends are applied in the order of their arrival
    tl_server_number heir;
    size_t size;
    unsigned char data[];
} tl_followed_record;

enum { TL_RETOLD_MAX = 64 }; // at once; servers ask for the others again

typedef struct tl_peer_server {
    bool known, lagging, leaving;
    bool ended; // fenced, and not back
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch;
    int64_t head_tick; // newest record that the store has reported
    int64_t applied_tick;
    uint32_t applied_epoch; // that record's epoch
    uint32_t ended_epoch;   // the last epoch whose end was applied
    // the heir and the heir's epoch; 0: it left in order, and nobody has taken over yet
    tl_server_number ended_heir;
    uint32_t ended_heir_epoch;
    int64_t ended_tick;
    tl_followed_record *first, *last;
    int64_t degraded_tick; // when it last reported that something is missing there
    uint64_t silent_us;    // in the store's time, since its head moved
    bool fence_asked;
    uint32_t fence_asks;
    // a record of bad_epoch cannot be read; it is the first and the last in the queue
    bool bad;
    uint32_t bad_epoch;
    int64_t bad_tick;
    int bad_asks;             // how often the store was asked to end the epoch before that record
    uint64_t bad_us;          // in the store's time, since it was last asked
    uint32_t end_known_epoch; // the last epoch whose end is known; the end may still wait to be applied
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
    uint32_t epoch; // the receiver's
    bool lacking;   // the group was missing here for lack of capacity
} tl_own_give;

typedef struct tl_owned { // an entity that a client owns
    tl_entity_id id;
    uint16_t version;
    bool reported;          // the client knows that it owns the entity
    int64_t refused_tick;   // when the client was last notified of a refused state, 0: never
    int64_t travelled_tick; // the distance travelled is accounted for up to this tick
    int64_t ride_tick;      // when it was at `place` in the world as a passenger; 0: it was not one
    tl_vec3 place;
    int64_t counted_tick; // when its passengers, and those who pay for themselves, were last counted
    int32_t counted_aboard, paying_aboard;
    bool again_due;      // its state was refused for now, and the client is yet to be notified
    int64_t volume_tick; // when a state of it was last accepted, and the bytes it cost in that tick
    uint32_t volume_bytes;
} tl_owned;

typedef struct tl_travel { // the travel budget of all that one client owns
    double left_m;         // distance left, in metres; below 0: states are refused for now
    int64_t tick;
    bool begun;
} tl_travel;

typedef struct tl_volume { // the volume budget of all that one client has published
    double left_bytes;     // below 0: nothing more is accepted for now
    int64_t tick;
    bool begun;
} tl_volume;

enum {
    TL_ACCOUNTS_REMEMBERED = 1024, // of clients that have left
    TL_ACCOUNT_HOLDERS_MAX = 4,    // connections per proven name: names share the server's capacity
};

typedef struct tl_account { // of a proven name
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t holders; // connections
    uint64_t left_us; // when its last connection ended
    tl_work_account work;
    tl_travel travel;
    tl_volume volume;
} tl_account;

typedef struct tl_created { // an entity that a client has created, whether it owns it or not
    tl_entity_id id;
    uint64_t creator; // a hash of its identity
} tl_created;

typedef struct tl_guest { // a peer of the transport, client or newcomer
    tl_peer peer;         // 0: the entry is free
    uint32_t next_free;   // 1 + the index
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
    tl_account *account; // shared budgets of its proven name; NULL: it uses its own
    tl_travel travel;    // used without an account
    tl_volume volume;    // used without an account
    tl_owned owned[TL_OWNED_MAX];
    uint32_t owned_count;
    // its entities are in a group of the client's own
    tl_identity identity;
    unsigned char secret[TL_SECRET_BYTES];
    bool has_secret;
    tl_group_id group;       // 0: none yet
    int64_t claim;           // this connection's claim to what its identity owns
    bool claimed;            // everything it owns has been returned to it
    int64_t claim_tick;      // when its groups are next asked for
    int64_t list_tick;       // the list of what it owns stays open until then
    int64_t outclaimed_tick; // since when another connection holds its group, 0: none is known to
    bool own_reported;       // the client knows what it owns, and that the list is complete
    double requests_left, messages_left;
    uint64_t limits_time_us;
    uint32_t kinds_sent; // parts of the kind table
    bool drop_due;       // the game asked for it to be dropped; that happens once its callbacks have returned
    char drop_reason[128];
} tl_server_client;

typedef struct tl_clock_line { // a log line that clocks can cause
    bool said;
    uint64_t said_us;
    uint32_t unsaid;
} tl_clock_line;

typedef struct tl_server_time {
    tl_world_clock clock;
    uint64_t now_us;         // monotonic, for durations
    bool doubts, doubt_said; // after a long step (server/time.c): whether this server stands still, and has logged it
    uint64_t doubt_us, doubt_heard_us; // since when, and when another server was last heard
    uint64_t judged_us;                // when the clock was last compared with the others'
    uint64_t reported_us;              // when the comparison was last reported
    bool report_due, settled;
    bool early_said; // that it is ahead of the others' time has been logged
    tl_clock_line jump_line, step_line, hold_line;
    bool loaded; // while joining: the world is loaded, the time is not known yet
    uint64_t loaded_us;
    uint32_t stood_still; // long steps since it was loaded
} tl_server_time;

typedef struct tl_server_peers {
    tl_peer_server *servers; // by number, TL_SERVERS_MAX + 1
    tl_heap heap;            // for others' waiting records; those that do not fit use the server's heap
    uint64_t ends_queued, ends_applied;
    uint64_t last_commit_us;   // when an own commit was last seen
    tl_server_number applying; // the other server's record that is being applied
    uint32_t applying_epoch;
    int64_t applying_tick;
} tl_server_peers;

typedef struct tl_turn { // an owned entity's rotation at its last set, while it keeps turning, to derive its spin
    tl_quat rotation;
    int64_t tick; // -1: unknown
} tl_turn;

typedef struct tl_server_own { // of owned entities, by index
    tl_track *tracks;
    tl_vec3 *truths;      // positions at their last set, to derive velocities
    int64_t *truth_ticks; // when that was, -1: unknown
    tl_turn *turns;
    bool untaken;                           // some entity of this server's groups is not taken yet
    uint64_t entity_counter, group_counter; // for ids
} tl_server_own;

typedef struct tl_server_changes { // for the next record
    int32_t *entities;             // with changes to be recorded
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
    bool has_claims; // some group has a claim to be recorded
} tl_server_changes;

typedef struct tl_server_records {             // own ones
    unsigned char *scratch;                    // for one record or checkpoint
    tl_ring data;                              // of the waiting records
    tl_own_record waiting[TL_OWN_RECORDS_MAX]; // ring
    uint32_t first, count;
    int32_t newest[TL_RECORDED_MAX]; // the entities in the newest record, as many as fit
    uint32_t newest_count;
} tl_server_records;

typedef struct tl_server_checkpoints {
    tl_group_id due[TL_GIVES_MAX]; // groups that were deleted
    uint32_t due_count;
    bool owes;               // some group may be owed a checkpoint
    bool truncation_blocked; // a checkpoint could not be stored: the log is not truncated until the server restarts
    struct tl_held *held_first, *held_last; // waiting checkpoints, see server/held_checkpoints.c
    uint32_t held_count;
    int32_t looked_at; // the last group that was examined
    int64_t truncated_tick;
} tl_server_checkpoints;

typedef struct tl_server_missing {
    int64_t said_tick;    // -1: not yet
    int32_t group_asked;  // the last group that was asked for
    uint32_t place_asked; // position in the map of groups missing for lack of capacity
} tl_server_missing;

typedef struct tl_server_admission { // of a transport's peers
    tl_guest *guests;
    uint32_t guests_max, guest_top, guest_free;
    tl_map map; // by peer
    uint64_t swept_us;
    int64_t units_left; // left of this step's work for clients
    double lines_left;  // log lines about clients
    uint64_t lines_us, lines_reported;
} tl_server_admission;

typedef struct tl_server_created { // what clients have created through this server
    tl_created *entities;
    uint32_t count, swept;
    tl_map map, creators; // entity id to index in `entities`; creator to the number of its entities there
    uint32_t elsewhere;   // through other servers, as of elsewhere_tick
    int64_t elsewhere_tick, second;
    uint32_t recent[2]; // here, in that second and in the one before
} tl_server_created;

typedef struct tl_server_clients {
    tl_server_client *all; // clients_max entries
    tl_map map;            // by peer
    tl_client_number next_number;
    tl_group_id nobodys_group; // holds what clients created but do not own
    int64_t last_claim;
    tl_account *accounts;
    uint32_t account_top;
    int64_t work_left;     // for all clients in this tick, see work.h
    uint32_t frames_first; // which client is served first
    int32_t *marks;        // scratch for choosing streams
    tl_frame_scratch *frame_scratch;
    unsigned char *frame;
} tl_server_clients;

struct tl_server {
    tl_server_def def;
    char name[TL_NAME_BYTES_MAX + 1];
    tl_server_state state;
    char text[256];          // why it has failed
    tl_server_number number; // assigned by the store
    uint32_t epoch;
    int64_t tick;          // the last own tick
    int64_t leaving_tick;  // since when it is leaving, -1: it is not
    unsigned char *memory; // for the heap, own waiting records and others' records
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

bool tl_server_is_active(const tl_server *s); // it is running or leaving

#endif
