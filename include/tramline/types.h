// Shared value types, results and limits. Everything public includes this; it includes nothing of Tramline.
//
// Units: positions are metres in Godot's axes (Y up, right-handed), angles radians, times are said in each name
// (_us microseconds, _tick whole ticks). All value types are passed by value and own nothing.
#ifndef TRAMLINE_TYPES_H
#define TRAMLINE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TL_API __attribute__((visibility("default")))
#else
#define TL_API
#endif

#define TL_VERSION_MAJOR 0
#define TL_VERSION_MINOR 1
#define TL_VERSION_PATCH 0
#define TL_VERSION_STRING "0.1.0"

// What a function answers. TL_AGAIN is no failure: there is nothing now, or no room now; call again later.
#define TL_RESULTS(X)                                                                                               \
    X(TL_OK, "ok")                                                                                                  \
    X(TL_AGAIN, "nothing now; call again later")                                                                    \
    X(TL_ERR_INVALID, "an argument is out of its range; see the function's comment")                                \
    X(TL_ERR_STATE, "not possible in the present state; see the function's comment for the order of calls")         \
    X(TL_ERR_FULL, "a limit set at creation is reached; raise it in the definition")                                \
    X(TL_ERR_NOT_FOUND, "no such thing; it may have been deleted")                                                  \
    X(TL_ERR_EXISTS, "a thing of that name or id exists already; choose another")                                   \
    X(TL_ERR_DENIED, "not permitted; check the token and the kind's policy")                                        \
    X(TL_ERR_EXPIRED, "the token has expired; make a new one with 'tramline token'")                                \
    X(TL_ERR_MALFORMED, "the bytes are not well-formed; the sender is faulty or of another version")                \
    X(TL_ERR_VERSION, "another version; bring both sides to the same release")                                      \
    X(TL_ERR_FENCED, "the lease was lost to another server; nothing more can be committed under it")                \
    X(TL_ERR_UNAVAILABLE, "cannot be reached now; it is tried again")                                               \
    X(TL_ERR_BUSY, "locked by another process; it is tried again")                                                  \
    X(TL_ERR_READ_ONLY, "cannot be written; check the permissions and the mount")                                   \
    X(TL_ERR_NO_SPACE, "no space is left; free some and it goes on")                                                \
    X(TL_ERR_CORRUPT, "the stored data is damaged; restore it from a copy ('tramline inspect' says what is sound)") \
    X(TL_ERR_IO, "input or output failed; the system's log may say why")                                            \
    X(TL_ERR_MEMORY, "out of memory; lower the limits in the definition")                                           \
    X(TL_ERR_OUTSIDE, "outside of the world: a coordinate is beyond 33'554'432 m (TL_WORLD_LIMIT_M)")

#define TL_RESULT_ENUM(name, text) name,
typedef enum tl_result { TL_RESULTS(TL_RESULT_ENUM) TL_RESULT_COUNT } tl_result;
#undef TL_RESULT_ENUM

// The name ("TL_ERR_FULL") and the text of a result. Static strings; any thread.
TL_API const char *tl_result_name(tl_result result);
TL_API const char *tl_result_text(tl_result result);

// What the clocks say at one moment. A server's durations and its ticks go by the monotonic one; what the wall clock
// says may jump at any time.
typedef struct tl_time {
    uint64_t wall_us;      // since 1970: CLOCK_REALTIME
    uint64_t monotonic_us; // CLOCK_MONOTONIC, or any steady clock that never goes back
} tl_time;

typedef struct tl_vec3 {
    double x, y, z;
} tl_vec3;

typedef struct tl_quat { // unit quaternion
    double x, y, z, w;
} tl_quat;

// A networked thing. Never used twice: bits 63..48 are the number of the server that made it (1..65535), bits 47..0 a
// counter that starts at 1. 0 is none.
typedef uint64_t tl_entity_id;
// A server's set of entities: made like an entity's id, with a counter of its own. 0 is none.
typedef uint64_t tl_group_id;
// A server's number in its world: 1..TL_SERVERS_MAX, given by the store at the first join. 0 is none.
typedef uint16_t tl_server_number;

enum {
    // No coordinate of a place is further than this from the origin, 2^25 m: that is what the tiles cover. Up to there
    // places
    // are as exact as anywhere: quanta are integers, and a double still resolves 7.5 nm. What moves on beyond it (a
    // segment
    // that goes on by itself) is shown all the same.
    TL_WORLD_LIMIT_M = 1 << 25,
    TL_LEVELS_MAX = 12, // levels of the pyramid
    TL_FIELDS_MAX = 16, // fields of a kind
    TL_KINDS_MAX = 64,  // kinds of a world
    // of a server, kind, field or client, without the closing zero; ASCII letters, digits, - _ .
    TL_NAME_BYTES_MAX = 31,
    TL_FIELD_BYTES_MAX = 1024,      // of a bytes field
    TL_CARRIER_DEPTH_MAX = 4,       // vehicle, cabin, passenger, and one to spare
    TL_SERVERS_MAX = 128,           // of a world
    TL_DATAGRAM_BYTES_MAX = 1150,   // of ours; with DTLS around it a UDP payload stays within 1'200
    TL_MESSAGE_BYTES_MAX = 1024,    // of one reliable message
    TL_RECORD_BYTES_MAX = 16 << 20, // of one tick record
};

#ifdef __cplusplus
}
#endif
#endif
