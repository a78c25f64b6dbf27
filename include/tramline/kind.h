// Kinds: the declared types of entities. A kind is a name and a list of fields, each with a tolerance for every level
// of the pyramid, the last level it is sent at, and a predictor. Kinds are declared before a server is created and are
// the same on all servers of a world (checked by a hash); clients get them when they join.
#ifndef TRAMLINE_KIND_H
#define TRAMLINE_KIND_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tl_field_type {
    // tl_vec3, metres; the kind's first one is the entity's place, relative to its carrier if it has one
    TL_FIELD_POSITION,
    TL_FIELD_ROTATION, // tl_quat; the kind's first one is the entity's rotation, relative to its carrier
    TL_FIELD_SCALAR,   // double
    TL_FIELD_INTEGER,  // int64_t, exact
    TL_FIELD_BYTES,    // up to bytes_max bytes, exact
    TL_FIELD_TYPE_COUNT
} tl_field_type;

typedef enum tl_predictor {
    TL_PREDICT_HOLD,   // keeps its value until the next segment
    TL_PREDICT_LINEAR, // goes on at the segment's rate
    // rotation only: faces along the horizontal velocity of the place (-Z forward); free while that holds
    TL_PREDICT_HEADING,
    TL_PREDICTOR_COUNT
} tl_predictor;

// What a client may do to an entity that it does not own.
typedef enum tl_policy {
    TL_POLICY_DENY,  // nothing
    TL_POLICY_ASK,   // the owning server's callback decides
    TL_POLICY_ALLOW, // done; the last writer wins
    TL_POLICY_COUNT
} tl_policy;

typedef struct tl_field_def {
    const char *name;
    tl_field_type type;
    tl_predictor predictor;
    // The largest difference between truth and what is published, at level 0: metres (default 0.02), radians (default
    // 0.1), the scalar's unit (default 0.01). Further levels get it scaled as the pyramid's (positions, rotations) or
    // unchanged (scalars), unless given here. Integers and bytes are exact.
    double tolerance;
    double tolerance_level[TL_LEVELS_MAX]; // 0: the default of that level
    int level_last;                        // not sent past this level; default TL_LEVELS_MAX - 1
    // of a bytes field, 1..TL_FIELD_BYTES_MAX; 949 beside a position alone, less beside more:
    // servers refuse kinds whose states may not fit into a datagram
    int bytes_max;
} tl_field_def;

typedef struct tl_kind_def {
    const char *name;
    tl_field_def fields[TL_FIELDS_MAX];
    int field_count;          // field 0 must be a position
    int level_last;           // entities of the kind are not sent past this level; default TL_LEVELS_MAX - 1
    double carrier_reach_m;   // > 0: others can live in its reference frame, as far as so many metres from its origin
    tl_policy update, remove; // by clients that do not own it
    tl_policy create;         // by clients
    uint32_t cookie;          // set by tl_kind_def_default()
} tl_kind_def;

// A field with the defaults of its type.
TL_API tl_field_def tl_field_def_default(const char *name, tl_field_type type, tl_predictor predictor);
// A kind with one field, "position", linear; add to it.
TL_API tl_kind_def tl_kind_def_default(const char *name);

#ifdef __cplusplus
}
#endif
#endif
