// A server: owns groups of entities, commits what changes of them once a tick, follows what the other servers commit,
// and sends each of its clients one frame a tick. It does no I/O of its own: the store and the transport do, and time
// is passed in. So any number of servers can run in one process, under a seed, faster than real time.
//
// Threads: a server, its store and its transport belong to one thread at a time. Callbacks run on it, within step().
// Memory: all of it is allocated at creation; a step allocates nothing.
#ifndef TRAMLINE_SERVER_H
#define TRAMLINE_SERVER_H

#include "tramline/kind.h"
#include "tramline/store.h"
#include "tramline/token.h"
#include "tramline/transport.h"
#include "tramline/values.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_server tl_server;
// An entity on this server, as long as it lives: faster than its id. Not the same on other servers.
typedef uint32_t tl_entity_ref;
// A connected client on this server. Never used twice in a server's life.
typedef uint32_t tl_client_number;
#define TL_REF_NONE 0xffffffffu

typedef enum tl_server_state {
    TL_SERVER_JOINING, // waits for its lease and loads the world
    TL_SERVER_RUNNING,
    TL_SERVER_LEAVING, // gives its groups away; see tl_server_leave()
    TL_SERVER_LEFT,    // all that was committed is safe; destroy it
    TL_SERVER_FENCED,  // another server has taken its groups; destroy it, and make it anew to join again
    TL_SERVER_FAILED,  // the store cannot go on, see tl_server_text()
} tl_server_state;

typedef struct tl_request {
    tl_request_type type;
    tl_client_number client; // on the server that the client is connected to; 0 if that is another one
    char client_name[TL_NAME_BYTES_MAX + 1];
    tl_entity_id entity, carrier;
    int kind;
    tl_values values;
} tl_request;

typedef struct tl_server_callbacks {
    void *user;
    // May be NULL: everybody is let in with the default grant, under the name in the token's place.
    tl_result (*authorize)(void *user, const void *token, size_t token_bytes, tl_grant *out);
    // Once a tick, before the record is made: set what the entities do at that tick. time_s: seconds since tick 0.
    void (*tick)(void *user, tl_server *server, int64_t tick, double time_s);
    // A group is this server's from now on (made, adopted or given), or no longer.
    void (*group)(void *user, tl_server *server, tl_group_id group, bool owned);
    // A client asks for something that its kind's policy leaves to the owner. TL_OK: do it. Otherwise the client is
    // told.
    tl_result (*request)(void *user, tl_server *server, const tl_request *request);
    void (*client)(void *user, tl_server *server, tl_client_number client, const char *name, bool joined);
    void (*message)(void *user, tl_server *server, tl_client_number client, const void *data, size_t size);
    // What a client gets for this tick, as one packed byte array (datagrams, each after two bytes of its size,
    // little-endian), before the transport gets the datagrams: to record it, or to carry it in another way. Good until
    // it returns. The client's side is tl_client_receive_frame().
    void (*frame)(void *user, tl_server *server, tl_client_number client, const void *data, size_t size);
    // A record of another server is mirrored now. begun_us: when its commit began, by this server's wall clock: the
    // offset of the other one is taken out as far as it is known. 0: not known (yet).
    void (*link)(void *user, tl_server_number from, int64_t tick, uint64_t begun_us);
    void (*committed)(void *user, int64_t tick, uint64_t us); // an own record: how long it took
    // An own entity can no longer ride in its carrier: that was deleted, or came to ride in the entity itself. It
    // stands in the world now, where it was.
    void (*set_down)(void *user, tl_server *server, tl_entity_id entity, tl_entity_id carrier);
    void (*log)(void *user, const char *text); // what an operator wants to know; rare
} tl_server_callbacks;

typedef struct tl_server_def {
    const char *name;
    const tl_kind_def *kinds;
    int kind_count;
    tl_store *store;         // borrowed; opened, not joined
    tl_transport *transport; // borrowed; may be NULL
    tl_server_callbacks callbacks;
    // Defaults 200'000, 4'096, 256. As many entities and groups this server will have in the world before it makes no
    // more. Of what other servers make a quarter more finds room; beyond that it goes on without, see entities_lacking.
    // Half of the groups at most hold what clients own, one for each.
    uint32_t entities_max, groups_max, clients_max;
    // How many of the world's entities clients may have created at a time, those of all servers together: they cannot
    // use up the places that games need. 0: an eighth of entities_max. A client's own quota is its grant's created_max.
    uint32_t created_max;
    int level_count; // of the pyramid, default 9: the coarsest tiles are 16 km wide
    uint32_t kbit_s; // what a client may get at most, default 4'000; its token may say less
    // that clients may make this server set up or code whole in a tick, all together; default 30'000
    uint32_t work_slots;
    // Streams of where a client has looked from before, which it keeps until those that take their place have arrived;
    // with more of them it sees the world from where it was. Default 192.
    uint32_t streams_kept_max;
    // In m/s: the speed that an entity moved by a client may have, and the distance that all entities one client owns
    // may travel in a second, together. A jump counts as 64 m at most, and four seconds can be saved up; a carrier's
    // way counts once more for each 16 who ride in it, but for those that other clients own: of their carrier's way a
    // 16th counts for themselves. Default 2'500. Entities that change tiles all the time cost everybody who sees them.
    // States beyond the limit are refused.
    uint32_t client_speed_max;
    // In bytes a second: what all that one client changes may take in servers' records; a second of it can be saved up.
    // Default 16'000. Everybody who looks there gets that as well. States and requests beyond it are answered with
    // TL_AGAIN; a client sends the newest states of what it owns again by itself.
    uint32_t client_bytes_s_max;
    // after so long without another server's commits, in the store's time, its groups are taken (default 1'500)
    uint32_t lease_ms;
    uint32_t patience_ms; // how long a tick waits for other servers' records, default 150
    uint32_t log_keep_s;  // how much of the log is kept beyond what a restart needs, default 60
    // What peers of the transport may cost. A peer is a newcomer until it has said a valid hello; one that is refused
    // is closed.
    uint32_t newcomers_max; // at once (default 1'024); further ones are closed
    uint32_t hello_ms_max;  // then a newcomer is closed, whatever else it sends (default 3'000)
    uint32_t malformed_max; // so many malformed datagrams, and a peer is closed (default 64)
    // of each peer, with a burst of as many; further ones are dropped (default 200; a client sends at most 100)
    uint32_t peer_datagrams_per_s;
    // work for clients in one step, then the tick comes first: a datagram 1 unit, a request 5, a hello 50;
    // 0: 1'024 and 4 for each of clients_max. What is left is done in the next step
    uint32_t step_units_max;
    // How long what a client owns is kept after its last datagram, also by an heir (default 10'000); shorter for
    // clients without tokens while more than three quarters of what clients may have is taken.
    uint32_t grace_ms;
    // Random bytes that nobody else knows, others at each start: clients' secrets are made from them. All 0: clients
    // are given none, and what is owned without a token goes when its client does.
    unsigned char secret_seed[16];
    size_t memory_bytes; // 0: tl_server_memory()
    uint32_t cookie;
} tl_server_def;

typedef struct tl_server_stats {
    int64_t tick, world_tick; // the last own tick, and the last that is mirrored whole
    uint32_t entities, groups, groups_owned, clients, servers_alive;
    uint32_t streams, cells;
    uint64_t published[TL_LEVELS_MAX]; // segments, by level
    uint64_t record_bytes, records;    // own
    int64_t committed_tick;            // of the own ones the last that the store has committed, -1: none
    // world ticks applied without the records of all living servers, or before the own one was committed
    uint64_t ticks_incomplete;
    uint64_t clock_jumps;              // of the wall clock against the monotonic one
    uint64_t clock_steps, clock_holds; // behind the other servers, and set to their time; ahead of them, and waited
    double clock_ahead_ms;             // of the other servers, for sure; below 0: behind
    uint64_t store_stalls;             // how often the store has stalled
    bool store_stalled;                // it does now
    uint64_t frames, frame_bytes, datagrams, datagrams_lost;
    // datagrams refused, requests refused and messages held up, things that found no room
    uint64_t malformed, rate_limited, limits_reached;
    // done so far for clients, see work_slots of the definition; how often one had to wait for a tick
    uint64_t work_slots, work_waits;
    uint64_t client_bytes_waits; // how often a state or a request was put off, see client_bytes_s_max of the definition
    // how often a client stayed where it was for a tick, see streams_kept_max of the definition
    uint64_t streams_kept_waits;
    uint32_t entities_lacking, groups_lacking; // in the world, but without room here: raise the limits
    // whose checkpoints could not be read: incomplete here, until a server that has them tells them anew
    uint32_t groups_unread;
    uint64_t checkpoints_unread;  // met while loading: set aside
    uint64_t checkpoints_refused; // own, that could not be read back: not stored, the log stays
    uint32_t created;             // by clients of all servers, that exist now
    uint64_t set_down;            // own entities that could not ride on in their carrier
    uint64_t creations_refused;   // because of a client's quota or the limit for all
    uint64_t graces_cut_short;    // of clients without tokens that had vanished, because room was scarce
    // of entities, from clients: could not be committed or read back, too fast, too far or too many bytes, or out of
    // place
    uint64_t states_refused;
    uint64_t records_split;       // ticks whose record had no room for all: the rest went with the next
    uint64_t records_set_aside;   // of other servers: unreadable, or after one that is, in its epoch
    uint64_t servers_quarantined; // how often this server has asked that another one's epoch end before a record
    uint64_t newcomers_refused, newcomers_closed; // for want of room; for want of a valid hello in time
    uint64_t hellos_refused;                      // token, version, no room: the peer was closed
    uint64_t peers_closed_malformed;
    uint64_t datagrams_over_rate;  // dropped because of peer_datagrams_per_s
    uint64_t steps_cut_short;      // that left work for clients to the next one
    uint64_t client_lines_omitted; // of the log: clients cause at most ten a second
    size_t memory_used_bytes, memory_bytes;
} tl_server_stats;

TL_API tl_server_def tl_server_def_default(void);
// What a server of that definition will allocate at most.
TL_API size_t tl_server_memory(const tl_server_def *def);
// Allocates, and starts to join. `text` (may be NULL) gets what is wrong and what to do.
TL_API tl_result tl_server_create(const tl_server_def *def, tl_server **out, char *text, size_t text_bytes);
TL_API void tl_server_destroy(tl_server *server); // neither store nor transport are closed
// Does what is due: takes in datagrams and store events, ticks, sends frames. Call it at least each millisecond or when
// a wait_fd is readable. Every duration is measured by the monotonic clock, the transport's timers among them.
TL_API void tl_server_step(tl_server *server, tl_time now);
// When the next tick is due, by the monotonic clock.
TL_API uint64_t tl_server_next_tick_us(const tl_server *server);
// Hands all groups to the other servers, if there are any, and waits until everything is committed. Goes on over some
// ticks; the state becomes TL_SERVER_LEFT. Then destroy it, and close the store with `leave`.
TL_API void tl_server_leave(tl_server *server);
TL_API tl_server_state tl_server_get_state(const tl_server *server);
TL_API const char *tl_server_text(const tl_server *server); // of FAILED and FENCED
TL_API tl_server_stats tl_server_get_stats(const tl_server *server);
TL_API tl_server_number tl_server_get_number(const tl_server *server); // 0 until it has joined
// The world's time at a moment of the monotonic clock, in ticks with a fraction.
TL_API double tl_server_tick_at(const tl_server *server, uint64_t monotonic_us);

// ---- groups and entities; in the tick callback, or between steps; RUNNING or LEAVING only (else TL_ERR_STATE) ----

// `id` 0: a new id. Else one that the caller knows to be unused in this world (scenarios, imports).
TL_API tl_result tl_server_create_group(tl_server *server, tl_group_id id, tl_group_id *out);
// With all its entities. TL_ERR_DENIED: another server's.
TL_API tl_result tl_server_delete_group(tl_server *server, tl_group_id group);
TL_API bool tl_server_owns_group(const tl_server *server, tl_group_id group);
// Groups even out over the servers by themselves. One that is kept stays as long as this server does not leave or give
// it away itself. TL_ERR_NOT_FOUND, TL_ERR_DENIED: it is another server's.
TL_API tl_result tl_server_keep_group(tl_server *server, tl_group_id group, bool keep);
// Gives a group to another living server. TL_ERR_NOT_FOUND: no such server, or it is not alive.
TL_API tl_result tl_server_give_group(tl_server *server, tl_group_id group, tl_server_number to);

typedef struct tl_entity_def {
    tl_entity_id id; // 0: a new one
    tl_group_id group;
    int kind;
    tl_entity_id carrier; // 0: none
    tl_values values;     // fields that are not given are 0; the first must be
} tl_entity_def;
// TL_ERR_INVALID: not finite, no such kind, or it cannot ride there; TL_ERR_NOT_FOUND: no such group or carrier, see
// tl_server_check_carrier(). TL_ERR_FULL: entities_max. It shows at the next tick.
TL_API tl_result tl_server_create_entity(tl_server *server, const tl_entity_def *def, tl_entity_ref *out);
TL_API tl_result tl_server_delete_entity(tl_server *server, tl_entity_ref entity);
// What the entity does at this tick. TL_ERR_OUTSIDE: not within TL_WORLD_LIMIT_M. TL_ERR_INVALID: not finite, or beyond
// its carrier's reach. A field is published only if what was published of it no longer holds.
TL_API tl_result tl_server_set(tl_server *server, tl_entity_ref entity, const tl_values *values);
// The same for the place and rotation of many. `velocities` and `rotations` may be NULL. Velocities that are not given,
// and the spins of rotations that are linear, are worked out from the sets before. An entity whose velocity was worked
// out, and that is not set for three ticks or a sixth of a second (the longer of the two), stands still where it was
// set last: callers that update less often must pass velocities. Entities that are not (or no longer) this server's are
// skipped; returns how many were set. NaN is refused for that entity, and so is a place beyond its carrier's reach or
// outside of the world (TL_WORLD_LIMIT_M).
TL_API uint32_t tl_server_set_poses(tl_server *server, const tl_entity_ref *entities, uint32_t count,
                                    const tl_vec3 *positions, const tl_vec3 *velocities, const tl_quat *rotations);
// Boards a carrier, or leaves it (0): position and rotation in `values` are in the new reference frame. Otherwise as
// tl_server_set().
TL_API tl_result tl_server_set_carrier(tl_server *server, tl_entity_ref entity, tl_entity_id carrier,
                                       const tl_values *values);
// Whether an entity (TL_REF_NONE: a new one) may ride in a carrier, at that position in its reference frame. `text`
// (may be NULL) gets what is wrong. TL_ERR_NOT_FOUND: there is no such entity, or it is not known here yet.
// TL_ERR_INVALID: its kind has no carrier_reach_m, or it does not reach as far; it would ride in itself, or deeper than
// TL_CARRIER_DEPTH_MAX.
TL_API tl_result tl_server_check_carrier(const tl_server *server, tl_entity_ref entity, tl_entity_id carrier,
                                         tl_vec3 position, char *text, size_t text_bytes);

// Reading, of any entity in the world, whoever owns it.
TL_API tl_entity_ref tl_server_find(const tl_server *server, tl_entity_id id); // TL_REF_NONE: not here
// The same for many. What `refs` holds at the call is tried first (fill it with TL_REF_NONE once, and keep it between
// calls): where that still fits, nothing is looked up. Gives how many are here.
TL_API uint32_t tl_server_find_all(const tl_server *server, const tl_entity_id *ids, uint32_t count,
                                   tl_entity_ref *refs);
// How many references have ceased to be an entity's, ever: while that stays the same, all that were found still hold.
TL_API uint64_t tl_server_releases(const tl_server *server);
// All entities of the world, those that are still to be committed among them: fills `out`, gives how many there are.
TL_API uint32_t tl_server_entities(const tl_server *server, tl_entity_ref *out, uint32_t capacity);
typedef struct tl_entity_info {
    tl_entity_id id, carrier;
    tl_group_id group;
    tl_server_number owner;
    int kind;
    bool owned;
} tl_entity_info;
TL_API tl_result tl_server_info(const tl_server *server, tl_entity_ref entity, tl_entity_info *out);
// As published, at the last mirrored tick; positions in the carrier's reference frame.
TL_API tl_result tl_server_get(const tl_server *server, tl_entity_ref entity, tl_values *out);
TL_API tl_result tl_server_pose(const tl_server *server, tl_entity_ref entity, double tick, tl_vec3 *position,
                                tl_quat *rotation); // in the world
// Entities of a group: fills `out`, gives how many there are.
TL_API uint32_t tl_server_group_entities(const tl_server *server, tl_group_id group, tl_entity_ref *out,
                                         uint32_t capacity);

// ---- clients ----
// Reliable and ordered. TL_AGAIN: too much is waiting for this client.
TL_API tl_result tl_server_send(tl_server *server, tl_client_number client, const void *data, size_t size);
// Goes at the next frame. `reason` is copied, 127 bytes at most.
TL_API void tl_server_drop_client(tl_server *server, tl_client_number client, const char *reason);
// Checks all that the server holds against itself; for tests. Ends the program if something is wrong.
TL_API void tl_server_validate(const tl_server *server);

#ifdef __cplusplus
}
#endif
#endif
