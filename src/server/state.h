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
    TL_CLAIMS_PER_TICK = 256,        // so that those of different servers compare by their ticks
    TL_POSTS_BYTES_MAX = 256 * 1024, // of requests and answers to other servers, a tick
    TL_FRAME_BYTES_MAX = 192 * 1024,
    TL_REQUESTS_PER_S = 32,
    TL_MESSAGES_PER_S = 64,
    TL_UNITS_DATAGRAM = 1, // what things cost of a step's step_units_max: about 10 us each
    TL_UNITS_HELLO = 50,   // a signature is checked
    TL_UNITS_REQUEST = 5,
};

typedef struct tl_followed_record { // of another server, waiting to be applied
    struct tl_followed_record *next;
    int64_t tick;
    uint32_t epoch;
    uint64_t begun_us;
    bool is_end;         // the epoch ended here
    uint64_t end_serial; // ends are applied in the order in which they were told
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
    int bad_asks;            // how often the store was asked to end the epoch before it
    uint64_t bad_us;         // of the store's time, since the last time
    uint32_t end_told_epoch; // the last of which the end was told; it may wait to be applied
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
    bool told;              // the client knows that it is its
    int64_t told_tick;      // when it was last told that a state of it was refused, 0: never
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
    bool own_told;           // the client knows what is its, and that this is all
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

struct tl_server {
    tl_server_def def;
    char name[TL_NAME_BYTES_MAX + 1];
    unsigned char *memory; // of the next three
    tl_heap heap;
    tl_ring own_data;    // of own records that wait
    tl_heap follow_heap; // of others' records that wait; what finds no room there is in `heap`
    tl_kinds kinds;
    unsigned char *kind_table;
    size_t kind_table_bytes;
    tl_world_info world;
    tl_mirror mirror;
    tl_pyramid pyramid;
    tl_server_state state;
    char text[256];
    tl_world_clock clock;
    uint64_t now_us;         // monotonic: for durations
    bool doubts, doubt_said; // after a long step (server/time.c): whether this server stands still, and has said so;
    uint64_t doubt_us, doubt_heard_us; // since when, and when it has heard of another one last
    uint64_t judged_us;                // when the clock was last compared with the others'
    uint64_t reported_us;              // when that was last reported
    bool report_due, settled, told_early;
    tl_clock_line jump_line, step_line, hold_line;
    bool loaded; // while joining: the world is here; what is missing is the time
    uint64_t loaded_us;
    uint32_t stood_still; // since it was loaded: steps that took long
    int64_t tick;         // the last own tick
    int64_t leaving_tick; // since when it leaves, -1: it does not
    // own
    tl_server_number number;
    uint32_t epoch;
    uint64_t entity_counter, group_counter;
    tl_track *tracks; // of owned entities, by index
    tl_vec3 *truths;  // of owned entities at their last set, for velocities
    int64_t *truth_ticks;
    struct tl_turn {
        tl_quat rotation;
        int64_t tick;                  // -1: not known
    } *turns;                          // the same of rotations that go on turning, for spins
    int32_t *unsent;                   // entities with something to be recorded
    int32_t recorded[TL_RECORDED_MAX]; // in the newest record, as far as there is room
    uint32_t recorded_count;
    uint32_t unsent_count;
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
    tl_group_id checkpoints_due[TL_GIVES_MAX]; // of groups that were deleted
    uint32_t checkpoints_due_count;
    bool untaken;                           // some entity of its groups is
    bool owes;                              // some group may be owed a checkpoint
    bool cuts_blocked;                      // the log is not cut in this life: a checkpoint is missing
    struct tl_held *held_first, *held_last; // checkpoints and cuts that wait, see server/held_checkpoints.c
    uint32_t held_count;
    unsigned char *posts; // ops of requests and answers for the next record
    size_t posts_bytes;
    unsigned char *record;                         // scratch
    tl_own_record own_records[TL_OWN_RECORDS_MAX]; // ring
    uint32_t own_first, own_count;
    int32_t checkpoint_group;
    tl_server_number applying; // the other server's record that is being applied
    uint32_t applying_epoch;
    int64_t applying_tick;
    int64_t cut_tick;
    // others
    tl_peer_server *servers; // by number, TL_SERVERS_MAX + 1
    uint64_t ends_queued, ends_applied;
    uint64_t last_commit_us; // when an own commit was last seen
    // a transport's peers
    tl_guest *guests;
    uint32_t guests_max, guest_top, guest_free;
    tl_map guest_map; // by peer
    uint64_t guests_swept_us;
    int64_t units_left; // of this step's work for clients
    double client_lines_left;
    uint64_t client_lines_us, client_lines_reported;
    // clients
    tl_server_client *clients;
    tl_map client_map; // by peer
    tl_client_number next_client;
    tl_group_id client_group; // holds what clients made and do not own
    int64_t last_claim;
    bool claims_unsent;                // some group has one to be recorded
    int64_t said_lack_tick;            // -1: not yet
    int32_t lack_asked;                // the group that was asked for last
    uint32_t lack_group_asked;         // place in the map of those that found no room
    tl_group_id retold[TL_RETOLD_MAX]; // own groups that are being told anew
    uint32_t retold_count;
    tl_created *created;
    uint32_t created_count, created_swept;
    tl_map created_map, creator_map; // to the place in `created`; to how many it has there
    uint32_t created_elsewhere;      // through other servers, as of created_elsewhere_tick
    int64_t created_elsewhere_tick, created_second;
    uint32_t created_recent[2]; // here, in that second and in the one before
    tl_account *accounts;
    uint32_t account_top;
    int64_t work_left;     // for all clients in this tick, see work.h
    uint32_t frames_first; // whose turn it is to be served first
    int32_t *marks;
    tl_frame_scratch *frame_scratch;
    unsigned char *frame;
    tl_server_stats stats;
};

void tl_server_say(tl_server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tl_server_fail(tl_server *s, tl_server_state state, const char *format, ...) __attribute__((format(printf, 3, 4)));

// server/time.c
void tl_time_take(tl_server *s, tl_time now);
bool tl_time_start(tl_server *s); // sets the world's time for a server that has loaded; false: not yet
void tl_time_hear(tl_server *s, const tl_store_event *event); // another server's record
bool tl_time_sure(const tl_server *s);                        // checkpoints may be written
void tl_time_report(tl_server *s, tl_record_writer *r);       // into the own record, if it is due

// server/ownership.c
bool tl_own_owns(const tl_server *s, int32_t group);
bool tl_own_owns_any(const tl_server *s);
// One that is not in use, with some bits more.
tl_group_id tl_own_next_group_id(tl_server *s, uint64_t bits);
void tl_own_take_group(tl_server *s, int32_t group); // its entities are published by this server from now on
void tl_own_lose_group(tl_server *s, int32_t group);
void tl_own_take_rest(tl_server *s); // what there was no memory for, each own tick
void tl_own_submit(tl_server *s);
uint64_t tl_own_committed(tl_server *s, int64_t tick); // how long it took, since it was submitted
// Applies own records up to a tick; those not committed yet only with `anyway`. False: one must be waited for.
bool tl_own_ready(const tl_server *s, int64_t tick);
void tl_own_apply(tl_server *s, int64_t tick);
void tl_own_forget_truth(tl_server *s, int32_t index);
void tl_own_checkpoint(tl_server *s);
// while loading: an own record has deleted it, and the store does not say so
void tl_own_owe_end(void *server, tl_group_id deleted);
void tl_own_balance(tl_server *s);
// an own entity stands there from this tick on, in its reference frame
void tl_own_stop(tl_server *s, int32_t index, tl_vec3 position);
tl_result tl_own_set_words(tl_server *s, int32_t index, tl_entity_id carrier, const int64_t *words, uint32_t changed);
void tl_own_mark(tl_server *s, int32_t index);
tl_entity *tl_own_entity(tl_server *s, tl_entity_ref ref); // NULL: not owned, or going
double tl_own_share(const tl_server *s, const tl_entity *e);
void tl_own_track(tl_server *s, int32_t index);
void tl_own_settle(tl_server *s);

// server/tick_record.c
// false: no room in this tick
bool tl_own_post(tl_server *s, tl_op op, tl_server_number to, const void *data, size_t size);
void tl_own_make_record(tl_server *s);
bool tl_own_unsaid(const tl_server *s); // something is still to be recorded

// server/follow.c
void tl_follow_release(tl_server *s, tl_followed_record *record);
void tl_follow_event(tl_server *s, const tl_store_event *event);
void tl_follow_start(tl_server *s); // the world is loaded, and the time is known
bool tl_follow_ready(const tl_server *s, int64_t tick);
bool tl_follow_complete(const tl_server *s, int64_t tick); // the same, but lagging servers' records are needed as well
void tl_follow_mark_lagging(tl_server *s, int64_t tick);
void tl_follow_apply(tl_server *s, int64_t tick);
void tl_follow_watch(tl_server *s, uint64_t store_us);             // so much time of a living store has passed
bool tl_follow_heard(const tl_server *s, tl_server_number number); // its records come in, be they late
bool tl_follow_alive(const tl_server *s, tl_server_number number);
uint32_t tl_follow_alive_count(const tl_server *s);
tl_server_number tl_follow_receiver(void *server, tl_server_number to, uint32_t epoch); // see tl_record_events
// Own records from now on must come after that server's record of a tick, or (tick -1) after the end of that epoch.
void tl_follow_need(tl_server *s, tl_server_number server, uint32_t epoch, int64_t tick);

// server/carriers.c
// Whether an entity (TL_NONE: a new one) may ride in a carrier at a place in its frame. `text` may be NULL.
tl_result tl_carriers_check(const tl_server *s, int32_t index, tl_entity_id carrier, tl_vec3 position, char *text,
                            size_t text_bytes);
// How far from that carrier a place may be; INFINITY: there is no limit, as without a carrier.
double tl_carriers_reach_m(const tl_server *s, tl_entity_id carrier);
bool tl_carriers_reach(const tl_server *s, tl_entity_id carrier, tl_vec3 position);
tl_result tl_carriers_check_words(const tl_server *s, int32_t index, const tl_kind *kind, tl_entity_id carrier,
                                  const int64_t *words); // a client's
void tl_carriers_publish_set_down(tl_server *s, int32_t index);
void tl_carriers_follow_set_down(tl_server *s); // own entities that cannot ride are published where they stand
tl_result tl_carriers_hold(tl_server *s, int32_t index);

// server/capacity.c
uint32_t tl_room_left(const tl_server *s); // places for entities
bool tl_room_lacks(const tl_server *s);
uint32_t tl_room_unread_count(const tl_server *s); // groups that are incomplete because of their checkpoints
// another server lacks something: it is given nothing
bool tl_room_degraded(const tl_server *s, tl_server_number number);
void tl_room_tick(tl_server *s);
// it cannot be read; TL_ERR_FULL as with others
tl_result tl_room_unread(tl_server *s, const tl_store_event *checkpoint);
// what follows what was told anew; whether all of it is in the record
bool tl_room_record(tl_server *s, tl_record_writer *r);
void tl_room_post(tl_server *s, tl_server_number from, tl_server_number to, const void *data, size_t size);

// server/accounts.c
size_t tl_accounts_bytes(const tl_server_def *def);
bool tl_accounts_init(tl_server *s);
// the connection that has to end for one more of that name; NULL: none
tl_server_client *tl_accounts_surplus(tl_server *s, const tl_grant *grant);
void tl_accounts_take(tl_server *s, tl_server_client *client); // who has a session now
void tl_accounts_leave(tl_server *s, tl_server_client *client);

// server/travel.c
// What a client says of an entity: as tl_state_accept(), and not too fast (TL_ERR_INVALID).
tl_result tl_travel_accept(tl_server *s, const tl_kind *kind, const int64_t *words, uint32_t fields);
// The next state of what it owns. TL_AGAIN: all it owns has gone too far already.
tl_result tl_travel_allowed(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index,
                            tl_entity_id carrier, const int64_t *words);
// Now and then: counts what flies on without a word, and what rides. TL_AGAIN: all that its client owns has gone much
// too far, and it stops, or gets off.
tl_result tl_travel_go_on(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index);
// Whether the client may put something there that nobody will own.
bool tl_travel_lets_aboard(const tl_server *s, const tl_server_client *client, tl_entity_id carrier);

// server/volume.c
// of them in a record, about
size_t tl_volume_bytes(const tl_server *s, const tl_kind *kind, uint32_t fields, const int64_t *words);
tl_result tl_volume_allowed(tl_server *s, tl_server_client *client); // TL_AGAIN: it has had as much published as it may
void tl_volume_spend(tl_server *s, tl_server_client *client, size_t bytes);
// A state of what it owns was taken. One that replaces another before that is recorded costs only what it adds.
void tl_volume_spend_state(tl_server *s, tl_server_client *client, tl_owned *owned, int32_t index);

// server/created.c
size_t tl_created_bytes(const tl_server_def *def);
bool tl_created_init(tl_server *s);
uint32_t tl_created_elsewhere(const tl_server *s); // through other servers, as far as is mirrored
uint32_t tl_created_count(tl_server *s);           // through all servers, as far as is known
tl_result tl_created_allowed(tl_server *s, const tl_server_client *client, bool own); // TL_ERR_FULL: a quota is used up
void tl_created_new(tl_server *s, const tl_server_client *client, tl_entity_id id);   // just now
void tl_created_forget(tl_server *s, tl_entity_id id);
// Of what clients created, is here now. `creator` NULL: its client is not.
void tl_created_take_group(tl_server *s, int32_t group, const tl_server_client *creator);
void tl_created_lose_group(tl_server *s, int32_t group);
void tl_created_sweep(tl_server *s);

// server/held_checkpoints.c
bool tl_hold_checkpoint(tl_server *s, tl_group_id group, const void *data, size_t size); // as of the mirror's tick
bool tl_hold_cut(tl_server *s, int64_t tick);
void tl_hold_release(tl_server *s);

// server/quarantine.c
// A record of that server cannot be read; it is the first in its queue, unless it is an own one that is loaded.
void tl_aside_begin(tl_server *s, tl_server_number number, uint32_t epoch, int64_t tick);
bool tl_aside_takes(tl_server *s, const tl_store_event *record); // it follows one that cannot be read
// an epoch has ended, perhaps before what was told of it
void tl_aside_end(tl_server *s, const tl_store_event *end);
void tl_aside_loaded(tl_server *s);
void tl_aside_watch(tl_server *s, uint64_t store_us);

// server/admission.c
size_t tl_admission_bytes(const tl_server_def *def);
bool tl_admission_init(tl_server *s);
bool tl_admission_accepts(tl_server *s, const tl_transport_event *event);
bool tl_admission_malformed(tl_server *s, tl_peer peer, bool counted);
void tl_admission_forget(tl_server *s, tl_peer peer);
void tl_admission_sweep(tl_server *s);
void tl_clients_poll(tl_server *s);
void tl_apply_take_group(tl_server *s, int32_t group);
void tl_admission_spend(tl_server *s, int units);
void tl_admission_close(tl_server *s, tl_peer peer); // ends the connection
// Like tl_server_say(), for lines that clients can cause: so many a second, and those omitted are counted.
void tl_server_say_of_client(tl_server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

// server/clients.c
void tl_clients_close(tl_server *s, tl_peer peer, tl_result result, const char *text); // a client or not; says why
void tl_clients_gone(tl_server *s, tl_peer peer, bool keep); // its connection has ended; keep: it may come back
void tl_clients_frames(tl_server *s);
// Has the client that owns an entity dropped, if one does.
void tl_clients_blame(tl_server *s, tl_entity_id id, const char *reason);
void tl_clients_drop(tl_server *s, tl_server_client *client, tl_result result, const char *text);
tl_server_client *tl_clients_by_number(tl_server *s, tl_client_number number);
void tl_clients_drop_all(tl_server *s, tl_result result, const char *text);

// server/requests.c
// Carries out a request of a client and answers it, or passes it on to the server that owns the entity.
void tl_requests_serve(tl_server *s, tl_server_client *client, const void *data, size_t size);
// From other servers' logs: a request for an entity of this server, or the answer to one.
void tl_requests_post(tl_server *s, tl_op op, tl_server_number from, const void *data, size_t size);
// To a request, or of an own entity (request 0). False: too much is waiting for this client.
bool tl_requests_answer(tl_server *s, tl_client_number number, uint32_t request, tl_result result, tl_entity_id entity);

// server/owned.c
tl_owned *tl_owned_find(tl_server_client *client, tl_entity_id id); // NULL if it does not own that; client may be NULL
void tl_owned_forget(tl_server_client *client, tl_entity_id id);
void tl_owned_forget_gone(tl_server *s, tl_server_client *client);
// The states in a report; `dry`: reads through them only.
void tl_owned_take(tl_server *s, tl_server_client *client, tl_reader *r, bool dry);
// A few times a second.
void tl_owned_hold(tl_server *s, tl_server_client *client);

// server/claims.c
// Whether a group is one of what a client owns.
bool tl_claims_is_group(tl_group_id id);
bool tl_claims_is_clients(const tl_group *group); // whether a client owns it, not nobody
// A client has come; `secret`: that it has shown, NULL: none.
void tl_claims_hello(tl_server *s, tl_server_client *client, const unsigned char *secret);
// The group for what it makes and owns. TL_AGAIN: what it owns is still on its way here. TL_ERR_EXISTS: somebody of the
// same name has it.
tl_result tl_claims_group(tl_server *s, tl_server_client *client, tl_group_id *out);
// for what a client makes and does not own: the world's
tl_result tl_claims_nobodys_group(tl_server *s, tl_group_id *out);
void tl_claims_goodbye(tl_server *s, tl_server_client *client, bool keep); // keep: it may come back
void tl_claims_step(tl_server *s);                                         // each own tick
void tl_claims_taken(tl_server *s, int32_t group);                         // is this server's from now on
// a server's clients are away since its last tick
void tl_claims_ended(tl_server *s, tl_server_number owner, int64_t tick);
void tl_claims_post(tl_server *s, tl_server_number from, const void *data, size_t size);
bool tl_claims_record(tl_server *s, tl_record_writer *r);    // whether all of it is in the record
void tl_claims_tell(tl_server *s, tl_server_client *client); // what is its, through its channel

bool tl_server_is_active(const tl_server *s); // it runs, or leaves
tl_server_client *tl_client_table_find(tl_server *s, tl_peer peer);
tl_peer_server *tl_peers_find(tl_server *s, tl_server_number number);
void tl_peers_on_server(tl_server *s, const tl_store_event *event);
bool tl_peers_need_met(const tl_server *s, const tl_need *need);
void tl_peers_need_all_seen(tl_server *s);
int32_t tl_client_groups_next(const tl_server *s, const tl_identity *identity, int32_t from);
void tl_client_groups_note(tl_server *s, tl_group *group);
bool tl_client_groups_is_spare(const tl_group *group);
tl_group_id tl_client_groups_next_id(tl_server *s);
tl_entity_id tl_groups_next_entity_id(tl_server *s);
void tl_own_unmark(tl_server *s, int32_t index);
size_t tl_own_state_bytes(const tl_server *s, const tl_entity *e);
void tl_own_records_drop_done(tl_server *s);
void tl_apply_fail_version(tl_server *s, tl_server_number server, int64_t tick);
void tl_apply_end(tl_server *s, tl_server_number number, const tl_followed_record *end);
void tl_records_queue(tl_server *s, tl_peer_server *p, const tl_store_event *event, bool is_end);
bool tl_records_can_apply(const tl_server *s, const tl_peer_server *p, const tl_followed_record *record, int64_t tick);
bool tl_load_record(tl_server *s, const tl_store_event *event);
void tl_load_checkpoint(tl_server *s, const tl_store_event *event);
void tl_load_all_here(tl_server *s);
void tl_client_send_bytes(tl_server *s, tl_peer peer, const void *data, size_t size);
uint32_t tl_claims_groups_max(const tl_server *s);
int64_t tl_claims_silent_us(const tl_server *s, const tl_server_client *client);
int64_t tl_claims_heard_tick(const tl_server *s, const tl_server_client *client);
void tl_claims_vanish(tl_server *s, tl_group *group, int64_t tick);
void tl_grace_step(tl_server *s);
tl_result tl_hello_take(tl_server *s, tl_peer peer, tl_reader *r);
tl_result tl_reports_take(tl_server *s, tl_peer peer, tl_reader *r);

#endif
