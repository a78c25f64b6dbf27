/// @file
/// Shared value types, results and limits. Every public header includes this one; it includes nothing of Tramline.
///
/// Units: positions are metres in Godot's axes (Y up, right-handed), angles are radians. Times carry their unit in
/// their name: `_us` microseconds, `_ms` milliseconds, `_s` seconds, `_tick` whole ticks. Value types are passed by
/// value and own nothing.
#ifndef TRAMLINE_TYPES_H
#define TRAMLINE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TL_API __attribute__((visibility("default"))) ///< marks what the library exports
#else
#define TL_API
#endif

/// The version of these headers. The build reads it from here.
#define TL_VERSION_MAJOR 0
#define TL_VERSION_MINOR 2
#define TL_VERSION_PATCH 0
#define TL_VERSION_STRING "0.2.0"
/// Number of the binary interface, and SOVERSION of the shared library: raised whenever a program that was built with
/// older headers would not work with the library, also before 1.0.
#define TL_ABI 1

/// The version as one number, to compare: major × 1'000'000 + minor × 1'000 + patch.
#define TL_VERSION (TL_VERSION_MAJOR * 1000000 + TL_VERSION_MINOR * 1000 + TL_VERSION_PATCH)

/// TL_VERSION and TL_ABI as the library was built with. Any thread.
TL_API uint32_t tl_version(void);
TL_API uint32_t tl_abi(void);

/// Whether the library fits these headers. Call it once at start where the two may come from different packages.
static inline bool tl_abi_matches(void)
{
    return tl_abi() == TL_ABI;
}

// clang-format off
/// What a function returns, with a text. TL_AGAIN is no failure: there is nothing now, or no capacity now; call again
/// later. The numbers travel in datagrams and records: new ones go to the end.
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
// clang-format on

#define TL_RESULT_ENUM(name, text) name,
/// @see TL_RESULTS
typedef enum tl_result { TL_RESULTS(TL_RESULT_ENUM) TL_RESULT_COUNT } tl_result;
#undef TL_RESULT_ENUM

/// The name of a result ("TL_ERR_FULL"), and its text. Static strings, also for numbers that are no result. Any thread.
TL_API const char *tl_result_name(tl_result result);
TL_API const char *tl_result_text(tl_result result);

/// What the clocks say at one moment. Durations and ticks go by the monotonic clock; the wall clock may jump at any
/// time.
typedef struct tl_time {
    uint64_t wall_us;      ///< since 1970, as CLOCK_REALTIME
    uint64_t monotonic_us; ///< as CLOCK_MONOTONIC, or any steady clock that never goes back
} tl_time;

/// A point or direction; metres where nothing else is said.
typedef struct tl_vec3 {
    double x, y, z;
} tl_vec3;

/// A rotation, as a unit quaternion.
typedef struct tl_quat {
    double x, y, z, w;
} tl_quat;

/// A networked thing. Never used twice: bits 63..48 are the number of the server that made it, bits 47..0 a counter
/// that starts at 1. 0 is none.
typedef uint64_t tl_entity_id;
/// A set of entities with one owner. Made like an entity's id, with a separate counter. 0 is none.
typedef uint64_t tl_group_id;
/// A server's number in its world, 1..TL_SERVERS_MAX; the store assigns it at the first join. 0 is none.
typedef uint16_t tl_server_number;

/// Limits.
enum {
    /// No coordinate of a place is further than this from the origin: 2^25 m, what the tiles cover. Up to there places
    /// are as exact as anywhere: quanta are integers, and a double still resolves 7.5 nm. What moves on beyond it,
    /// along
    /// the segment that was published last, is shown all the same.
    TL_WORLD_LIMIT_M = 1 << 25,
    TL_LEVELS_MAX = 12,             ///< levels of the pyramid
    TL_FIELDS_MAX = 16,             ///< fields of a kind
    TL_KINDS_MAX = 64,              ///< kinds of a world
    TL_NAME_BYTES_MAX = 31,         ///< of a name, without the closing zero: ASCII letters, digits, - _ .
    TL_FIELD_BYTES_MAX = 1024,      ///< of a bytes field
    TL_CARRIER_DEPTH_MAX = 4,       ///< carriers in carriers: vehicle, cabin, passenger, and one to spare
    TL_SERVERS_MAX = 128,           ///< names of servers in a world, ever
    TL_DATAGRAM_BYTES_MAX = 1150,   ///< of Tramline's datagrams; with DTLS a UDP payload stays within 1'200
    TL_MESSAGE_BYTES_MAX = 1024,    ///< of one reliable message
    TL_RECORD_BYTES_MAX = 16 << 20, ///< of one tick record
};

#ifdef __cplusplus
}
#endif
#endif
