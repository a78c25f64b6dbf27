/// @file
/// Values of an entity's fields, as games see them: passed to servers and clients, and read from them.
#ifndef TRAMLINE_VALUES_H
#define TRAMLINE_VALUES_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// One field's value. The field's type says which members count; the others are ignored, and 0 when read.
typedef struct tl_value {
    tl_vec3 position;  ///< position: metres
    tl_vec3 velocity;  ///< position, linear: m/s
    tl_quat rotation;  ///< rotation
    tl_vec3 spin;      ///< rotation, linear: rad/s about each axis
    double scalar;     ///< scalar: its unit
    double rate;       ///< scalar, linear: its unit a second
    int64_t integer;   ///< integer
    const void *bytes; ///< bytes: borrowed when passed; when read, the server's or client's until its next step
    size_t size;       ///< of `bytes`
} tl_value;

/// Values of some fields of a kind.
typedef struct tl_values {
    uint32_t mask; ///< bit i: `fields[i]` is present
    tl_value fields[TL_FIELDS_MAX];
} tl_values;

/// What a client asks for.
typedef enum tl_request_type {
    TL_REQUEST_CREATE,
    TL_REQUEST_UPDATE,
    TL_REQUEST_DELETE,
    TL_REQUEST_TYPE_COUNT
} tl_request_type;

#ifdef __cplusplus
}
#endif
#endif
