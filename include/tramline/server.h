/// @file
/// A server: owns groups of entities, commits what changes of them once a tick, follows what other servers commit, and
/// sends each of its clients one frame a tick. It does no I/O: the store and the transport do, and time is passed in.
/// So any number of servers can run in one process, under a seed, faster than real time.
///
/// Threads: a server, its store and its transport belong to one thread at a time. Callbacks run on it, within
/// tl_server_step(). Memory: all of it is allocated at creation; a step allocates nothing.
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

/// A server. Opaque.
typedef struct tl_server tl_server;
/// An entity on this server, as long as it lives: found faster than by its id. Other servers have other references.
typedef uint32_t tl_entity_ref;
/// A connected client on this server. Never used twice in a server's life. 0 is none.
typedef uint32_t tl_client_number;
#define TL_REF_NONE 0xffffffffu ///< no entity

/// Where a server is in its life.
typedef enum tl_server_state {
    TL_SERVER_JOINING, ///< waits for its lease and loads the world
    TL_SERVER_RUNNING,
    TL_SERVER_LEAVING, ///< hands its groups over, see tl_server_leave()
    TL_SERVER_LEFT,    ///< everything is committed; destroy it
    TL_SERVER_FENCED,  ///< another server has taken its groups; destroy it, and create it again to join again
    TL_SERVER_FAILED,  ///< the store cannot go on; tl_server_get_text() says why
} tl_server_state;

/// What a client asks for, see tl_server_callbacks::request.
typedef struct tl_request {
    tl_request_type type;
    tl_client_number client; ///< 0: it is connected to another server
    char client_name[TL_NAME_BYTES_MAX + 1];
    tl_entity_id entity;  ///< to change or delete; 0: to create
    tl_entity_id carrier; ///< of the new entity, 0: none
    int kind;
    tl_values values; ///< borrowed for the call
} tl_request;

/// Callbacks of a server. Each may be NULL. `user` is passed to each.
typedef struct tl_server_callbacks {
    void *user;
    /// Authenticates a token and sets what its client may do. TL_OK admits it with `out`, which holds the
    /// default grant at the call. NULL: all clients are admitted with the default grant, under the name sent in place
    /// of the token, unproven.
    tl_result (*authorize)(void *user, const void *token, size_t token_bytes, tl_grant *out);
    /// Once a tick, before its record is made: set what the entities do at that tick. `time_s`: seconds since tick 0.
    void (*tick)(void *user, tl_server *server, int64_t tick, double time_s);
    /// A group is this server's from now on (created, adopted or handed over), or no longer.
    void (*group)(void *user, tl_server *server, tl_group_id group, bool owned);
    /// A client asks for what its kind's policy leaves to the owner (TL_POLICY_ASK). TL_OK: it is done. Any other
    /// result is returned to the client.
    tl_result (*request)(void *user, tl_server *server, const tl_request *request);
    /// A client has joined or left.
    void (*client)(void *user, tl_server *server, tl_client_number client, const char *name, bool joined);
    /// A reliable message of a client. `data` is borrowed for the call.
    void (*message)(void *user, tl_server *server, tl_client_number client, const void *data, size_t size);
    /// What a client is sent for this tick, as one packed byte array (datagrams, each after its size in two bytes,
    /// little-endian), before the transport gets the datagrams: to record it, or to carry it in another way. Borrowed
    /// for the call. The other end is tl_client_receive_frame().
    void (*frame)(void *user, tl_server *server, tl_client_number client, const void *data, size_t size);
    /// A record of another server is in the mirror now. `begun_us`: when its commit began, on this server's wall clock
    /// (the other one's offset is subtracted as far as it is known); 0: not known.
    void (*link)(void *user, tl_server_number from, int64_t tick, uint64_t begun_us);
    /// An own record was committed, `us` after it was submitted.
    void (*committed)(void *user, int64_t tick, uint64_t us);
    /// An own entity cannot stay in its carrier, which was deleted or became its passenger. It stands in the world now,
    /// at the same place.
    void (*set_down)(void *user, tl_server *server, tl_entity_id entity, tl_entity_id carrier);
    /// A line for the operator's log; rare. `text` is borrowed for the call.
    void (*log)(void *user, const char *text);
} tl_server_callbacks;

/// What a server is made from. Begin with tl_server_def_default(); set name, kinds and store.
typedef struct tl_server_def {
    const char *name;         ///< unique in its world; see TL_NAME_BYTES_MAX. Copied
    const tl_kind_def *kinds; ///< copied
    int kind_count;           ///< 1..TL_KINDS_MAX
    tl_store *store;          ///< opened, not joined. Borrowed until the server is destroyed
    tl_transport *transport;  ///< borrowed too; may be NULL
    tl_server_callbacks callbacks;
    /// Entities and groups of the world up to which this server creates more; defaults 200'000 and 4'096. A quarter
    /// more of other servers' fit in; those beyond are missing here (tl_server_stats::entities_missing). At most half
    /// of the groups hold what clients own, one group each.
    uint32_t entities_max;
    uint32_t groups_max;
    uint32_t clients_max; ///< default 256
    /// How many entities in the world clients may have created at a time, on all servers together: so they cannot use
    /// up what games need. 0: an eighth of entities_max. A single client's quota is tl_grant::created_max.
    uint32_t created_max;
    int level_count; ///< of the pyramid, 1..11, default 9: the coarsest tiles are 16 km wide
    uint32_t kbit_s; ///< that a client is sent at most, default 4'000; its grant may allow less
    /// Slots that clients together may make this server set up or encode whole in a tick, default 30'000.
    uint32_t work_slots;
    /// Streams around places where a client looked from before, kept until those that replace them have arrived;
    /// default 192. A client with more than that stays where it was.
    uint32_t streams_kept_max;
    /// How far all entities that one client owns may travel in a second, together, in metres; and how fast any of them
    /// may be. Default 2'500. Four seconds' worth can be saved up, and a jump counts as at most 64 m. A carrier's
    /// distance counts once more for each 16 of its passengers, without those that other clients own, who pay a
    /// sixteenth of it themselves. States beyond it are refused. The reason for the limit: an entity that changes tiles
    /// all the time is costly for every client that sees it.
    uint32_t client_speed_max;
    /// Bytes of records that one client's changes may cause in a second, default 16'000; one second's worth can be
    /// saved up. Everybody nearby receives them. States and requests beyond it are answered by TL_AGAIN; the client
    /// sends the newest states of what it owns again by itself.
    uint32_t client_bytes_s_max;
    /// After so long without another server's commits, in the store's time, its groups are adopted; default 1'500.
    uint32_t lease_ms;
    uint32_t patience_ms; ///< how long a world tick waits for other servers' records, default 150
    uint32_t log_keep_s;  ///< how much of the log is kept beyond what a restart needs, default 60
    /// Peers of the transport that have not sent a valid hello yet, default 1'024. Others are refused.
    uint32_t newcomers_max;
    uint32_t hello_ms_max;  ///< then a peer without a valid hello is closed, whatever else it sends; default 3'000
    uint32_t malformed_max; ///< malformed datagrams after which a peer is closed, default 64
    /// Datagrams that are taken from each peer in a second, and in a burst; others are dropped. Default 200; a client
    /// of this library sends at most 100.
    uint32_t peer_datagrams_per_s;
    /// Units of work for clients in one step, before the tick comes first: a datagram 1, a request 5, a hello 50. What
    /// is left is done in the next step. 0: 1'024 and 4 for each of clients_max.
    uint32_t step_units_max;
    /// How long what a client owns is kept after its last datagram, also by an heir; default 10'000. Shorter for
    /// clients without tokens while more than three quarters of created_max is in use.
    uint32_t grace_ms;
    /// Random bytes that nobody else knows, new ones at each start: clients' secrets are made from them. All 0: clients
    /// get none, and what is owned without a token is deleted when its client disconnects.
    unsigned char secret_seed[16];
    size_t memory_bytes; ///< 0: tl_server_memory()
    uint32_t cookie;     ///< set by tl_server_def_default()
} tl_server_def;

/// Counters since creation, and present sizes. docs/OPERATE.md says what to do about them.
typedef struct tl_server_stats {
    int64_t tick;       ///< the last own tick
    int64_t world_tick; ///< the last tick that the mirror shows in full
    uint32_t entities, groups, groups_owned, clients, servers_alive;
    uint32_t streams, tiles;
    uint64_t published[TL_LEVELS_MAX]; ///< segments, by level
    uint64_t record_bytes, records;    ///< own
    int64_t committed_tick;            ///< of the last own record that is committed, -1: none
    /// World ticks that were applied without the records of all living servers, or before the own one was committed.
    uint64_t ticks_incomplete;
    uint64_t clock_jumps;                                    ///< of the wall clock against the monotonic one
    uint64_t clock_steps;                                    ///< behind the other servers, and set to their time
    uint64_t clock_holds;                                    ///< ahead of the other servers, and waited for them
    double clock_ahead_ms;                                   ///< certainly ahead of the other servers; below 0: behind
    uint64_t store_stalls;                                   ///< how often the store has stalled
    bool store_stalled;                                      ///< it is stalled now
    uint64_t frames, frame_bytes, datagrams, datagrams_lost; ///< to clients
    uint64_t malformed;                                      ///< datagrams discarded because they are not well-formed
    uint64_t rate_limited;                                   ///< requests refused and messages held back
    uint64_t limits_reached;                                 ///< how often something found no capacity
    uint64_t work_slots;         ///< of work done for clients, see tl_server_def::work_slots
    uint64_t work_waits;         ///< how often a client had to wait for a tick because of that limit
    uint64_t client_bytes_waits; ///< states and requests put off, see tl_server_def::client_bytes_s_max
    uint64_t streams_kept_waits; ///< ticks for which a client stayed where it was, see tl_server_def::streams_kept_max
    uint32_t entities_missing;   ///< in the world, without capacity here: raise the limits
    uint32_t groups_missing;     ///< the same for groups
    /// Whose checkpoints could not be read: incomplete here, until a server that has them publishes them again.
    uint32_t groups_unread;
    uint64_t checkpoints_unread;  ///< found while loading, and set aside
    uint64_t checkpoints_refused; ///< own, that could not be read back: not stored, and the log is kept
    uint32_t created;             ///< entities that clients of all servers have created, and that exist now
    uint64_t set_down;            ///< own entities that could not stay in their carrier
    uint64_t creations_refused;   ///< because of a client's quota or created_max
    uint64_t graces_shortened; ///< of clients without tokens that had vanished, because created_max was nearly used up
    /// States of entities from clients: not to be committed or read back, too fast, too far, too many bytes, or
    /// outside.
    uint64_t states_refused;
    uint64_t records_split;       ///< ticks whose record was full; the rest was written with the next
    uint64_t records_set_aside;   ///< of other servers: unreadable, or after one that is, in its epoch
    uint64_t servers_quarantined; ///< how often this server has asked to end another one's epoch before a record
    uint64_t newcomers_refused;   ///< because of newcomers_max
    uint64_t newcomers_closed;    ///< no valid hello within hello_ms_max
    uint64_t hellos_refused;      ///< token, version or clients_max: the peer was closed
    uint64_t peers_closed_malformed;
    uint64_t datagrams_over_rate;  ///< dropped because of peer_datagrams_per_s
    uint64_t steps_deferred;       ///< steps that left work for clients to the next one
    uint64_t client_lines_omitted; ///< of the log: clients cause at most ten a second
    size_t memory_used_bytes;
    size_t memory_bytes; ///< allocated
} tl_server_stats;

/// A definition with the defaults above.
TL_API tl_server_def tl_server_def_default(void);
/// What a server of that definition allocates at most, in bytes. Pages that are never used are never touched.
TL_API size_t tl_server_memory(const tl_server_def *def);
/// Makes a server, which joins its world during the first steps. Allocates. `text` (may be NULL) receives what is wrong
/// and what to do. TL_ERR_INVALID: a member of the definition; TL_ERR_MEMORY; the errors of tl_store_join().
TL_API tl_result tl_server_create(const tl_server_def *def, tl_server **out, char *text, size_t text_bytes);
/// Frees the server; neither its store nor its transport is closed. NULL is ignored.
TL_API void tl_server_destroy(tl_server *server);
/// Does what is due: takes in datagrams and store events, ticks, sends frames. Call it at least once a millisecond, or
/// whenever a wait descriptor of store or transport is readable. Durations, the transport's timers among them, go by
/// the monotonic clock.
TL_API void tl_server_step(tl_server *server, tl_time now);
/// Hands all groups to the other servers, if there are any, and waits until everything is committed, over several
/// ticks. The state becomes TL_SERVER_LEFT; then destroy the server, and close its store with `leave`.
TL_API void tl_server_leave(tl_server *server);

TL_API tl_server_state tl_server_get_state(const tl_server *server);
/// Why the server has failed or was fenced, "" otherwise. The server's, until its next step.
TL_API const char *tl_server_get_text(const tl_server *server);
TL_API tl_server_stats tl_server_get_stats(const tl_server *server);
/// 0 until it has joined.
TL_API tl_server_number tl_server_get_number(const tl_server *server);
/// When the next tick is due, by the monotonic clock.
TL_API uint64_t tl_server_get_next_tick_us(const tl_server *server);
/// The world's time at a moment of the monotonic clock, in ticks with a fraction.
TL_API double tl_server_get_tick_at(const tl_server *server, uint64_t monotonic_us);

/// @name Groups and entities
/// Within the tick callback or between steps, while the server is running or leaving; otherwise TL_ERR_STATE.
/// @{

/// Creates a group that this server owns. `id` 0: a new id; otherwise one that the caller knows to be unused in this
/// world (scenarios, imports). TL_ERR_EXISTS, TL_ERR_FULL: groups_max.
TL_API tl_result tl_server_create_group(tl_server *server, tl_group_id id, tl_group_id *out);
/// Deletes an own group with all its entities. TL_ERR_NOT_FOUND; TL_ERR_DENIED: another server's; TL_AGAIN: too many
/// were deleted or handed over in this tick.
TL_API tl_result tl_server_delete_group(tl_server *server, tl_group_id group);
TL_API bool tl_server_owns_group(const tl_server *server, tl_group_id group);
/// Servers balance the number of their groups by themselves. A kept group stays until this server leaves or hands it
/// over. TL_ERR_NOT_FOUND; TL_ERR_DENIED: another server's.
TL_API tl_result tl_server_keep_group(tl_server *server, tl_group_id group, bool keep);
/// Hands an own group to another living server. TL_ERR_NOT_FOUND: no such group, or no such living server.
/// TL_ERR_DENIED: another server's, or not committed yet. TL_AGAIN: too many were handed over in this tick.
TL_API tl_result tl_server_give_group(tl_server *server, tl_group_id group, tl_server_number to);

/// What an entity is made from.
typedef struct tl_entity_def {
    tl_entity_id id; ///< 0: a new one
    tl_group_id group;
    int kind;
    tl_entity_id carrier; ///< 0: none
    tl_values values;     ///< field 0 must be present; those that are not are 0
} tl_entity_def;
/// Creates an entity in an own group; it is published with the next tick. TL_ERR_INVALID: not finite, no such kind, or
/// not a possible passenger there (tl_server_check_carrier()). TL_ERR_NOT_FOUND: no such group or carrier.
/// TL_ERR_DENIED: another server's group. TL_ERR_OUTSIDE. TL_ERR_EXISTS: that id is in use. TL_ERR_FULL: entities_max,
/// or memory_bytes.
TL_API tl_result tl_server_create_entity(tl_server *server, const tl_entity_def *def, tl_entity_ref *out);
/// TL_ERR_NOT_FOUND: no such entity, or not this server's. TL_AGAIN: too many were deleted in this tick.
TL_API tl_result tl_server_delete_entity(tl_server *server, tl_entity_ref entity);
/// What an own entity does at this tick. A field is published only if what was published of it no longer holds.
/// TL_ERR_NOT_FOUND: no such entity, or not this server's. TL_ERR_OUTSIDE: not within TL_WORLD_LIMIT_M. TL_ERR_INVALID:
/// not finite, or beyond its carrier's reach.
TL_API tl_result tl_server_set_values(tl_server *server, tl_entity_ref entity, const tl_values *values);
/// The same for place and rotation of many entities. `velocities` (m/s) and `rotations` may be NULL. Velocities that
/// are not passed, and the spins of linear rotations, are estimated from earlier calls; such an entity is taken to
/// stand still where it was set last if it is not set for three ticks or a sixth of a second, whichever is longer:
/// callers that update less often must pass velocities. Entities that are not this server's are skipped, and so are
/// places that are not finite, beyond the carrier's reach or outside of the world. Returns how many were set.
TL_API uint32_t tl_server_set_poses(tl_server *server, const tl_entity_ref *entities, uint32_t count,
                                    const tl_vec3 *positions, const tl_vec3 *velocities, const tl_quat *rotations);
/// Boards a carrier, or alights (0). Position and rotation in `values` are in the new reference frame. Otherwise as
/// tl_server_set_values().
TL_API tl_result tl_server_set_carrier(tl_server *server, tl_entity_ref entity, tl_entity_id carrier,
                                       const tl_values *values);
/// Whether an entity (TL_REF_NONE: a new one) can be a passenger of a carrier, at that position in its reference frame.
/// `text` (may be NULL) receives what is wrong. TL_ERR_NOT_FOUND: no such entity, or not known here yet.
/// TL_ERR_INVALID: its kind has no carrier_reach_m, or reaches less far; it would be its own passenger, or deeper than
/// TL_CARRIER_DEPTH_MAX.
TL_API tl_result tl_server_check_carrier(const tl_server *server, tl_entity_ref entity, tl_entity_id carrier,
                                         tl_vec3 position, char *text, size_t text_bytes);
/// @}

/// @name Reading
/// Any entity of the world, whichever server owns it.
/// @{

/// TL_REF_NONE: not here.
TL_API tl_entity_ref tl_server_find(const tl_server *server, tl_entity_id id);
/// The same for many. Fill `refs` with TL_REF_NONE once and keep it between calls: references that still fit are not
/// looked up again. Returns how many are here.
TL_API uint32_t tl_server_find_all(const tl_server *server, const tl_entity_id *ids, uint32_t count,
                                   tl_entity_ref *refs);
/// How many references have ceased to be an entity's, ever. While it stays the same, references found earlier hold.
TL_API uint64_t tl_server_get_release_count(const tl_server *server);
/// All entities of the world, those that are still to be committed among them. Fills `out` up to `capacity` and returns
/// the total count.
TL_API uint32_t tl_server_get_entities(const tl_server *server, tl_entity_ref *out, uint32_t capacity);
/// The same for the entities of a group.
TL_API uint32_t tl_server_get_group_entities(const tl_server *server, tl_group_id group, tl_entity_ref *out,
                                             uint32_t capacity);
/// What an entity is.
typedef struct tl_entity_info {
    tl_entity_id id;
    tl_entity_id carrier; ///< 0: none
    tl_group_id group;
    tl_server_number owner;
    int kind;
    bool owned; ///< by this server
} tl_entity_info;
/// TL_ERR_NOT_FOUND.
TL_API tl_result tl_server_get_entity_info(const tl_server *server, tl_entity_ref entity, tl_entity_info *out);
/// All fields as published, at the last tick that the mirror shows; positions in the carrier's reference frame. Bytes
/// are the server's, until its next step. TL_ERR_NOT_FOUND.
TL_API tl_result tl_server_get_values(const tl_server *server, tl_entity_ref entity, tl_values *out);
/// Place and rotation in the world at a tick, as published. TL_ERR_NOT_FOUND: it, or its carrier.
TL_API tl_result tl_server_get_pose(const tl_server *server, tl_entity_ref entity, double tick, tl_vec3 *position,
                                    tl_quat *rotation);
/// @}

/// Sends a reliable, ordered message of 1..TL_MESSAGE_BYTES_MAX bytes to a client. TL_ERR_NOT_FOUND; TL_AGAIN: too much
/// is queued for it.
TL_API tl_result tl_server_send(tl_server *server, tl_client_number client, const void *data, size_t size);
/// Disconnects a client at the next frame. `reason` is copied, up to 127 bytes.
TL_API void tl_server_drop_client(tl_server *server, tl_client_number client, const char *reason);

/// Checks all that the server holds against itself, for tests. A contradiction fails an assertion.
TL_API void tl_server_validate(const tl_server *server);

#ifdef __cplusplus
}
#endif
#endif
