/// @file
/// Kinds: the declared types of entities. A kind is a name and a list of fields. Each field has a predictor, a
/// tolerance at every level of the pyramid, and a last level at which it is sent. Declare the kinds before you create a
/// server; all servers of a world need the same ones (a hash is compared). Clients receive them when they join.
#ifndef TRAMLINE_KIND_H
#define TRAMLINE_KIND_H

#include "tramline/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What a field holds.
typedef enum tl_field_type {
    /// tl_vec3, metres. The first one of a kind is the entity's place, in its carrier's reference frame if it has one.
    TL_FIELD_POSITION,
    /// tl_quat. The first one of a kind is the entity's rotation, in its carrier's reference frame if it has one.
    TL_FIELD_ROTATION,
    TL_FIELD_SCALAR,  ///< double
    TL_FIELD_INTEGER, ///< int64_t, exact
    TL_FIELD_BYTES,   ///< up to tl_field_def::bytes_max bytes, exact
    TL_FIELD_TYPE_COUNT
} tl_field_type;

/// What is expected of a field until its next segment.
typedef enum tl_predictor {
    TL_PREDICT_HOLD,   ///< keeps its value
    TL_PREDICT_LINEAR, ///< goes on at the segment's rate
    /// Rotations only: faces along the horizontal velocity of the place (-Z forward). While that holds, it costs
    /// nothing.
    TL_PREDICT_HEADING,
    TL_PREDICTOR_COUNT
} tl_predictor;

/// What a client may do to an entity that it does not own.
typedef enum tl_policy {
    TL_POLICY_DENY,  ///< nothing
    TL_POLICY_ASK,   ///< the owning server's tl_server_callbacks::request decides
    TL_POLICY_ALLOW, ///< anything; the last writer wins
    TL_POLICY_COUNT
} tl_policy;

/// A field of a kind. Make it with tl_field_def_default().
typedef struct tl_field_def {
    const char *name; ///< unique within the kind; see TL_NAME_BYTES_MAX
    tl_field_type type;
    tl_predictor predictor;
    /// The largest difference between the truth and what is published at level 0, 1e-6..1e6: metres (default 0.02),
    /// radians (0.1), the scalar's unit (0.01). Coarser levels scale it as the pyramid does (positions, rotations) or
    /// keep it (scalars), unless `tolerance_level` says otherwise. Integers and bytes are exact.
    double tolerance;
    double tolerance_level[TL_LEVELS_MAX]; ///< 0: that level's default
    int level_last;                        ///< not sent at coarser levels; default TL_LEVELS_MAX - 1
    /// Of a bytes field, 1..TL_FIELD_BYTES_MAX, default 64. Servers refuse kinds whose states may not fit into a
    /// datagram: at most 949 beside a position alone, less beside more.
    int bytes_max;
} tl_field_def;

/// A kind. Make it with tl_kind_def_default().
typedef struct tl_kind_def {
    const char *name; ///< unique within the world; see TL_NAME_BYTES_MAX
    tl_field_def fields[TL_FIELDS_MAX];
    int field_count;        ///< 1..TL_FIELDS_MAX; field 0 must be a position
    int level_last;         ///< entities of the kind are not sent at coarser levels; default TL_LEVELS_MAX - 1
    double carrier_reach_m; ///< 0..2'500. Metres. Above 0, entities this close to its origin can be passengers
    tl_policy update;       ///< by clients that do not own it
    tl_policy remove;       ///< by clients that do not own it
    tl_policy create;       ///< by clients
    uint32_t cookie;        ///< set by tl_kind_def_default()
} tl_kind_def;

/// A field with the defaults of its type. `name` is borrowed: it must live until the kind was used.
TL_API tl_field_def tl_field_def_default(const char *name, tl_field_type type, tl_predictor predictor);
/// A kind with one field, "position", linear; add others to it. `name` is borrowed too.
TL_API tl_kind_def tl_kind_def_default(const char *name);

#ifdef __cplusplus
}
#endif
#endif
