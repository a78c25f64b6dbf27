/// @file
/// A client: connects to one server and holds a view of the whole world, each entity as finely as its distance
/// requires. It does no I/O: the transport does, and time is passed in.
///
/// Threads: a client and its transport belong to one thread at a time. Memory: all of it is allocated at creation; a
/// step allocates nothing.
#ifndef TRAMLINE_CLIENT_H
#define TRAMLINE_CLIENT_H

#include "tramline/kind.h"
#include "tramline/transport.h"
#include "tramline/values.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A client. Opaque.
typedef struct tl_client tl_client;

/// Where a client is in its life.
typedef enum tl_client_state {
    TL_CLIENT_CONNECTING, ///< the transport's handshake
    TL_CLIENT_JOINING,    ///< sends its hello, receives the kinds
    TL_CLIENT_LIVE,       ///< frames arrive
    /// The server is silent or gone, and another connection is tried. The view stays and goes on along its segments;
    /// own entities can be set. Entities that really left are removed once the client is live again and has everything.
    TL_CLIENT_RECONNECTING,
    TL_CLIENT_CLOSED, ///< refused, dropped or lost; tl_client_get_text() says why. The view stays readable
} tl_client_state;

/// What a client is made from. Begin with tl_client_def_default().
typedef struct tl_client_def {
    /// Borrowed until the client is destroyed. NULL: the caller carries the datagrams, by `send`, tl_client_receive()
    /// and tl_client_connected().
    tl_transport *transport;
    void (*send)(void *user, const void *data, size_t size); ///< without a transport: a datagram for the server
    void *send_user;                                         ///< passed to `send`
    const void *token;                                       ///< copied; NULL: none
    size_t token_bytes;
    uint32_t entities_max; ///< in the view at a time, default 200'000
    uint32_t kbit_s;       ///< the most that the server may send to it, default 2'000
    size_t memory_bytes;   ///< 0: tl_client_memory()
    /// After so long without a datagram (at least the time of eight frames) another connection is tried, default 1'000.
    /// Needs a transport that can reconnect: tl_failover_open(), tl_dtls_failover_open().
    uint32_t silence_ms;
    uint32_t
        reconnect_ms; ///< after so long without a live connection it is closed, default 10'000; 0: never reconnects
    uint32_t cookie;  ///< set by tl_client_def_default()
} tl_client_def;

/// What happened, see tl_client_next_event().
typedef enum tl_client_event_type {
    TL_CLIENT_ENTITY_ENTERED, ///< entity, kind: is in the view
    TL_CLIENT_ENTITY_CHANGED, ///< entity, kind: another carrier, or another value than place and rotation
    TL_CLIENT_ENTITY_LEFT,    ///< entity, kind: is no longer in the view
    TL_CLIENT_MESSAGE,        ///< data, size: from the server
    /// The answer to a request: request, result, entity. TL_ERR_UNAVAILABLE: no answer for ten seconds. Request 0
    /// is about a state of an own entity: TL_ERR_DENIED: refused, because of its carrier, its place or its speed.
    /// TL_AGAIN: it moved too far or published too much in a short time; the client sends its newest state again by
    /// itself.
    TL_CLIENT_ANSWER,
    TL_CLIENT_STATE, ///< tl_client_get_state() has changed
    /// entity, kind: this client owns it (again) after it has reconnected. Go on setting it.
    TL_CLIENT_OWN_RETURNED,
    TL_CLIENT_OWN_LOST, ///< entity: no longer this client's: its grace period ended, or another party deleted it
    /// Once: the view has no capacity for all that is visible, so some of it is not shown. Raise entities_max or
    /// memory_bytes; see tl_client_stats::limits_reached and tl_client_stats::streams_omitted.
    TL_CLIENT_FULL,
} tl_client_event_type;

/// One event. Its type says which members count.
typedef struct tl_client_event {
    tl_client_event_type type;
    tl_entity_id entity;
    int kind;
    uint32_t request;
    tl_result result;
    const void *data; ///< the client's, until the next step or event
    size_t size;
} tl_client_event;

/// Where an entity is, and how it is turned.
typedef struct tl_pose {
    tl_entity_id entity;
    tl_entity_id carrier; ///< 0: none
    int32_t kind;
    int32_t level;    ///< of the pyramid, at which it is known now
    tl_vec3 position; ///< in the world
    tl_quat rotation; ///< in the world
} tl_pose;

/// Counters since creation, and present sizes.
typedef struct tl_client_stats {
    uint32_t entities;       ///< in the view
    uint64_t datagrams;      ///< received
    uint64_t datagrams_lost; ///< gaps in the sequence that were not filled
    uint64_t malformed;      ///< datagrams discarded because they are not well-formed
    uint64_t skipped;        ///< chunks that were not applied: too old, doubled, after a gap, or without capacity
    uint64_t bytes;          ///< of datagrams
    uint64_t frames;
    int64_t tick;          ///< of the newest frame, -1: none yet
    int64_t settled_tick;  ///< up to which everything has arrived, -1: nothing yet
    double rtt_ms;         ///< round trip
    double clock_error_ms; ///< spread of the estimate of the server's clock
    double latency_ms;     ///< from the newest frame's tick until it arrived
    size_t memory_used_bytes;
    size_t memory_bytes;      ///< allocated
    uint64_t limits_reached;  ///< how often something found no capacity
    uint64_t reconnects;      ///< connections after the first
    uint32_t streams_omitted; ///< tiles not shown now because memory ran out
} tl_client_stats;

/// A definition with the defaults above.
TL_API tl_client_def tl_client_def_default(void);
/// What a client of that definition allocates, in bytes.
TL_API size_t tl_client_memory(const tl_client_def *def);
/// Makes a client, which starts to connect at its first step. Allocates. `text` (may be NULL) receives what is wrong
/// and what to do. TL_ERR_INVALID: a member of the definition; TL_ERR_MEMORY.
TL_API tl_result tl_client_create(const tl_client_def *def, tl_client **out, char *text, size_t text_bytes);
/// Says goodbye to the server and frees the client; the transport is not closed. NULL is ignored.
TL_API void tl_client_destroy(tl_client *client);

/// Takes in what has arrived and sends a report if one is due. `now_us` is any steady clock. At most 512 datagrams are
/// taken in; if a server sends faster than the client takes in, the rest waits for the next step.
TL_API void tl_client_step(tl_client *client, uint64_t now_us);
/// Without a transport: takes in a datagram, or a whole frame (datagrams, each after its size in two bytes,
/// little-endian). TL_ERR_MALFORMED: it was discarded. TL_ERR_STATE: the client is closed.
TL_API tl_result tl_client_receive(tl_client *client, const void *datagram, size_t size, uint64_t now_us);
TL_API tl_result tl_client_receive_frame(tl_client *client, const void *frame, size_t size, uint64_t now_us);
/// Without a transport: the connection stands, so the client sends its hello. Call it again after a reconnect; the view
/// stays.
TL_API void tl_client_connected(tl_client *client, uint64_t now_us);

TL_API tl_client_state tl_client_get_state(const tl_client *client);
/// Why the connection was lost last, "" if it never was. The client's, until its next step.
TL_API const char *tl_client_get_text(const tl_client *client);
TL_API tl_client_stats tl_client_get_stats(const tl_client *client);
/// Fetches the next event; false: there is none. Call it after each step until it returns false.
TL_API bool tl_client_next_event(tl_client *client, tl_client_event *out);

/// Looks from an entity (a cabin, an avatar), wherever it goes. It need not be in the view yet.
TL_API void tl_client_observe_entity(tl_client *client, tl_entity_id entity);
/// Looks from a point. TL_ERR_OUTSIDE: it is not within TL_WORLD_LIMIT_M, or not finite; nothing changes.
TL_API tl_result tl_client_observe_point(tl_client *client, tl_vec3 point);

/// The server's time at `now_us`, in ticks with a fraction. Displays should show about two ticks earlier.
TL_API double tl_client_get_server_tick(const tl_client *client, uint64_t now_us);
/// 1..240; 0: not known yet.
TL_API uint32_t tl_client_get_tick_hz(const tl_client *client);
/// The tick of the newest frame, -1: none yet.
TL_API int64_t tl_client_get_frame_tick(const tl_client *client);
/// 0: not known yet.
TL_API int tl_client_get_kind_count(const tl_client *client);
/// "" if there is no such kind. Owned by the client; valid until it is destroyed.
TL_API const char *tl_client_get_kind_name(const tl_client *client, int kind);
/// A kind as the server declares it; names in it are the client's. TL_ERR_NOT_FOUND: no such kind, or not known yet.
TL_API tl_result tl_client_get_kind(const tl_client *client, int kind, tl_kind_def *out);

/// The poses of all entities in the view at one tick. Fills `out` up to `capacity` and returns the total count. Up to
/// half a second before the newest frame, each entity is shown as it was then; earlier, its oldest known state is
/// extrapolated backwards. With `smooth`, for displays that ask for rising ticks, one state blends into the next;
/// otherwise the published states themselves are returned.
TL_API uint32_t tl_client_get_poses(tl_client *client, double tick, bool smooth, tl_pose *out, uint32_t capacity);
/// The ids only, in the same order.
TL_API uint32_t tl_client_get_entities(tl_client *client, double tick, tl_entity_id *out, uint32_t capacity);
/// One entity's pose. TL_ERR_NOT_FOUND: it, or its carrier, is not in the view.
TL_API tl_result tl_client_get_pose(tl_client *client, tl_entity_id entity, double tick, bool smooth, tl_pose *out);
/// All fields as they were at that tick, in the reference frame of the carrier of that tick. TL_ERR_NOT_FOUND: not in
/// the view.
TL_API tl_result tl_client_get_values(const tl_client *client, tl_entity_id entity, double tick, tl_values *out);

/// Where a renderer's instances are written: three rows of four floats each, the basis and, in the last column, the
/// place relative to the origin.
typedef struct tl_instances {
    float *floats;   ///< the caller's
    uint32_t stride; ///< floats from one instance to the next, at least 12
    /// Not 0: at this offset from the instance's start, four more floats: two numbers 0..1 drawn from its id, its speed
    /// in m/s, and 1 if it has a carrier, else 0.
    uint32_t custom;
    uint32_t capacity; ///< in instances
    uint32_t count;    ///< out: the total; those beyond the capacity were not written
} tl_instances;
/// All entities of the view at one tick, smooth, as instances by kind: `by_kind[kind]`, NULL for a kind that is not
/// wanted; kinds may share one. `origin` is subtracted in doubles before anything becomes a float. Entities that rest
/// or move straight cost little: their instances are kept between calls. Sets each `count`.
TL_API void tl_client_get_instances(tl_client *client, double tick, tl_vec3 origin,
                                    tl_instances *const by_kind[TL_KINDS_MAX]);

/// One entity as it stands among the instances.
typedef struct tl_placement {
    int32_t kind;
    tl_vec3 position; ///< in the world
    float basis[9];   ///< by rows
} tl_placement;
/// For nodes that are moved one by one; cheaper than tl_client_get_pose(). `hint` remembers where the entity was found;
/// set it to 0 at first and keep it. TL_ERR_NOT_FOUND: not in the view.
TL_API tl_result tl_client_get_placement(tl_client *client, tl_entity_id entity, uint32_t *hint, double tick,
                                         tl_placement *out);

/// Sends a reliable, ordered message of 1..TL_MESSAGE_BYTES_MAX bytes to the server. TL_AGAIN: too much is queued.
/// TL_ERR_STATE: not live.
TL_API tl_result tl_client_send(tl_client *client, const void *data, size_t size);
/// Asks to create an entity. With `own`, this client owns it afterwards and moves it by tl_client_set_values(). The
/// answer is a TL_CLIENT_ANSWER with the number stored in `request`. TL_ERR_STATE: not live. TL_ERR_INVALID: no such
/// kind, a value that is not finite, or no position. TL_AGAIN: too many requests wait for answers.
TL_API tl_result tl_client_request_create(tl_client *client, int kind, tl_entity_id carrier, const tl_values *values,
                                          bool own, uint32_t *request);
/// Asks to change fields of an entity, or to delete it. TL_ERR_NOT_FOUND: an entity to be changed is not in the view;
/// other errors as for tl_client_request_create().
TL_API tl_result tl_client_request_update(tl_client *client, tl_entity_id entity, const tl_values *values,
                                          uint32_t *request);
TL_API tl_result tl_client_request_delete(tl_client *client, tl_entity_id entity, uint32_t *request);
/// What an own entity does now, at server tick `tick`. Only sent if what was sent before no longer holds.
/// TL_ERR_NOT_FOUND: not this client's. TL_ERR_INVALID: not finite. TL_AGAIN: it was returned after a reconnect, only
/// some fields are present, and the others are not known yet, because it is not in the view.
TL_API tl_result tl_client_set_values(tl_client *client, tl_entity_id entity, double tick, tl_entity_id carrier,
                                      const tl_values *values);

/// Checks all that the client holds against itself, for tests. A contradiction fails an assertion.
TL_API void tl_client_validate(const tl_client *client);

#ifdef __cplusplus
}
#endif
#endif
