// Values of an entity's fields, as games see them: given to servers and clients, and read from them.
#ifndef TRAMLINE_VALUES_H
#define TRAMLINE_VALUES_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

// One field's value; which members count depends on the field's type.
typedef struct tl_value {
    tl_vec3 position, velocity; // position: metres, m/s
    tl_quat rotation;           // rotation
    tl_vec3 spin;               // rotation, linear: rad/s about each axis
    double scalar, rate;        // scalar: its unit, its unit a second
    int64_t integer;
    const void *bytes; // read: owned by the server or client, good until its next step
    size_t size;
} tl_value;

typedef struct tl_values {
    uint32_t mask; // bit i: field i of the kind is given
    tl_value fields[TL_FIELDS_MAX];
} tl_values;

// What a client asks for.
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
