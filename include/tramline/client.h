// A client: connects to one server, and has a view of the whole world, each entity as fine as its distance asks for. No
// I/O of its own: the transport does it, and time is passed in.
//
// Threads: a client and its transport belong to one thread at a time. Memory: all is allocated at creation.
#ifndef TRAMLINE_CLIENT_H
#define TRAMLINE_CLIENT_H

#include "tramline/kind.h"
#include "tramline/transport.h"
#include "tramline/values.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tl_client tl_client;

typedef enum tl_client_state {
    TL_CLIENT_CONNECTING, // the transport's handshake
    TL_CLIENT_JOINING,    // says hello, learns the kinds
    TL_CLIENT_LIVE,       // frames come in
    // the server is silent or gone, another connection is sought: the view stays as it is and goes
    // on along its segments; own entities can be set; what entities really left shows once it is
    // live again and all has come
    TL_CLIENT_RECONNECTING,
    TL_CLIENT_CLOSED, // refused, dropped or lost: tl_client_text() says why. The view stays readable
} tl_client_state;

typedef struct tl_client_def {
    // borrowed; may be NULL: bytes are handed over by tl_client_receive() and tl_client_send_to
    tl_transport *transport;
    // With transport NULL: called with each datagram for the server.
    void (*send)(void *user, const void *data, size_t size);
    void *send_user;
    const void *token; // copied
    size_t token_bytes;
    uint32_t entities_max; // shown at once, default 200'000
    uint32_t kbit_s;       // wanted at most, default 2'000
    size_t memory_bytes;   // 0: tl_client_memory()
    // After so long without a datagram (of at least eight frames) another connection is tried, default 1'000. Needs a
    // transport that can reconnect, as tl_failover_open() and tl_dtls_failover_open() make.
    uint32_t silence_ms;
    // it is closed after so long without a live connection, default 10'000; 0: never reconnects
    uint32_t reconnect_ms;
    uint32_t cookie;
} tl_client_def;

typedef enum tl_client_event_type {
    TL_CLIENT_ENTITY_ENTERED,
    TL_CLIENT_ENTITY_CHANGED, // another carrier, or another value than place and rotation
    TL_CLIENT_ENTITY_LEFT,
    TL_CLIENT_MESSAGE, // data, size
    // to a request: request, result, entity. TL_ERR_UNAVAILABLE: nobody answered for ten seconds.
    // Request 0: a state of the own entity was refused: its carrier, its place or its speed.
    // TL_AGAIN: it has gone too far, or has said too much, too soon; the client sends its newest
    // state again by itself
    TL_CLIENT_ANSWER,
    TL_CLIENT_STATE, // tl_client_get_state() has changed
    // entity, kind: this client owns it (again), after it has connected anew: go on setting it
    TL_CLIENT_OWN_GIVEN_BACK,
    // entity: this client no longer owns it: its time of grace was over, or somebody else has deleted it
    TL_CLIENT_OWN_LOST,
    // told once: not all that is to be seen has room here, so that some of it is not shown. Raise
    // entities_max or memory_bytes; see limits_reached and streams_left_out
    TL_CLIENT_FULL,
} tl_client_event_type;

typedef struct tl_client_event {
    tl_client_event_type type;
    tl_entity_id entity;
    int kind;
    uint32_t request;
    tl_result result;
    const void *data; // good until the next step or event
    size_t size;
} tl_client_event;

typedef struct tl_pose {
    tl_entity_id entity, carrier;
    int32_t kind;
    int32_t level;    // of the pyramid, that shows it now
    tl_vec3 position; // in the world
    tl_quat rotation;
} tl_pose;

typedef struct tl_client_stats {
    uint32_t entities;
    uint64_t datagrams, datagrams_lost, malformed, skipped; // lost: gaps in the sequence that were not filled
    uint64_t bytes, frames;
    int64_t tick;                  // of the newest frame
    int64_t settled_tick;          // up to which everything has arrived
    double rtt_ms, clock_error_ms; // clock_error: spread of the estimate
    double latency_ms;             // from the newest frame's tick to when it came in
    size_t memory_used_bytes, memory_bytes;
    uint64_t limits_reached;
    uint64_t reconnects;       // connections after the first
    uint32_t streams_left_out; // tiles that are not shown for want of memory, now
} tl_client_stats;

TL_API tl_client_def tl_client_def_default(void);
TL_API size_t tl_client_memory(const tl_client_def *def);
TL_API tl_result tl_client_create(const tl_client_def *def, tl_client **out);
TL_API void tl_client_destroy(tl_client *client); // says goodbye; the transport is not closed
// Takes in what has come, sends a report if one is due. `now_us`: any steady clock. Takes 512 datagrams at most; what
// more has come, from a server that sends faster than this client can take, waits for the next step.
TL_API void tl_client_step(tl_client *client, uint64_t now_us);
// A datagram, or a whole frame (datagrams, each after two bytes of its size, little-endian), from a transport of your
// own.
TL_API tl_result tl_client_receive(tl_client *client, const void *datagram, size_t size, uint64_t now_us);
TL_API tl_result tl_client_receive_frame(tl_client *client, const void *frame, size_t size, uint64_t now_us);
// With a transport of your own: it is connected; begin to say hello. Again after it has connected anew: the view stays.
TL_API void tl_client_connected(tl_client *client, uint64_t now_us);
TL_API tl_client_state tl_client_get_state(const tl_client *client);
TL_API const char *tl_client_text(const tl_client *client);
TL_API tl_client_stats tl_client_get_stats(const tl_client *client);
TL_API bool tl_client_next_event(tl_client *client, tl_client_event *out);

// Where it looks from: an entity (a cabin, an avatar), or a free point.
TL_API void tl_client_observe_entity(tl_client *client, tl_entity_id entity);
// TL_ERR_OUTSIDE: the point is not within TL_WORLD_LIMIT_M, or not finite; it stays where it was.
TL_API tl_result tl_client_observe_point(tl_client *client, tl_vec3 point);

// Server time now, in ticks with a fraction; what a display should show is about two ticks behind it.
TL_API double tl_client_server_tick(const tl_client *client, uint64_t now_us);
TL_API uint32_t tl_client_tick_hz(const tl_client *client);
TL_API int64_t tl_client_frame_tick(const tl_client *client); // of the newest frame, -1: none yet
TL_API int tl_client_kind_count(const tl_client *client);
TL_API const char *tl_client_kind_name(const tl_client *client, int kind);
// A kind as the server declares it; its names are the client's and good as long as that. TL_ERR_NOT_FOUND: no such
// kind, or the kinds are not known yet.
TL_API tl_result tl_client_kind(const tl_client *client, int kind, tl_kind_def *out);

// All entities of the view at one time: fills `out`, returns the total count. For a tick up to half a second before the
// newest frame's each is as it was then; at earlier ticks, the oldest state that is known is extrapolated. `smooth`:
// for display, at ticks that rise from call to call; one state passes into the next without a leap. Otherwise the
// published states themselves.
TL_API uint32_t tl_client_poses(tl_client *client, double tick, bool smooth, tl_pose *out, uint32_t capacity);
// Only whose they are, in the same order.
TL_API uint32_t tl_client_entities(tl_client *client, double tick, tl_entity_id *out, uint32_t capacity);
// TL_ERR_NOT_FOUND: not in the view, or its carrier is not.
TL_API tl_result tl_client_pose(tl_client *client, tl_entity_id entity, double tick, bool smooth, tl_pose *out);
// Room for the entities of one kind or several as a renderer's instances: each three rows of four floats, its basis
// and, in the last column, its place less the origin.
typedef struct tl_instances {
    float *floats;
    uint32_t stride; // floats from one instance to the next, at least 12
    // if not 0: from the instance's start, four more about it: two numbers 0..1 that its id gives, its
    // speed in m/s, and whether (1 or 0) it has a carrier
    uint32_t custom;
    uint32_t capacity; // instances
    uint32_t count;    // out: how many there are; beyond the capacity none was written
} tl_instances;

// All entities of the view at one time, smoothly, into the instances of their kind: by_kind[kind], NULL for a kind that
// is not wanted; kinds may share one. `origin` is taken off before anything becomes a float, so that what is near it is
// exact to the float's share of that distance. What stands or goes straight costs little: it is kept between calls.
// Sets each count anew.
TL_API void tl_client_instances(tl_client *client, double tick, tl_vec3 origin,
                                tl_instances *const by_kind[TL_KINDS_MAX]);
// One entity, as it is among the instances, for nodes that are moved one by one: cheaper than tl_client_pose(). `hint`
// is where it was found before, 0 at first.
typedef struct tl_placed {
    int32_t kind;
    tl_vec3 position; // in the world
    float basis[9];   // rows
} tl_placed;
TL_API tl_result tl_client_placed(tl_client *client, tl_entity_id entity, uint32_t *hint, double tick, tl_placed *out);
// All fields as they were at that tick, in the frame of the carrier of that tick.
TL_API tl_result tl_client_get(const tl_client *client, tl_entity_id entity, double tick, tl_values *out);

// ---- changing the world ----
// A reliable, ordered message to the server. TL_AGAIN: too much is waiting.
TL_API tl_result tl_client_send(tl_client *client, const void *data, size_t size);
// Asks to create an entity; with `own` the client goes on to own it: tl_client_set() then moves it. The answer comes as
// an event.
TL_API tl_result tl_client_request_create(tl_client *client, int kind, tl_entity_id carrier, const tl_values *values,
                                          bool own, uint32_t *request);
TL_API tl_result tl_client_request_update(tl_client *client, tl_entity_id entity, const tl_values *values,
                                          uint32_t *request);
TL_API tl_result tl_client_request_delete(tl_client *client, tl_entity_id entity, uint32_t *request);
// What an own entity does now, at server time `tick`. Sent only if what was sent before no longer holds. TL_AGAIN: it
// was given back, not all fields are given, and it is not in the view yet, which knows the others.
TL_API tl_result tl_client_set(tl_client *client, tl_entity_id entity, double tick, tl_entity_id carrier,
                               const tl_values *values);
TL_API void tl_client_validate(const tl_client *client);

#ifdef __cplusplus
}
#endif
#endif
