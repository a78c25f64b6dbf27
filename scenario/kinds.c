#include "scenario/internal.h"

#include <pthread.h>

static tl_kind_def kinds[KIND_COUNT];
static pthread_once_t kinds_once = PTHREAD_ONCE_INIT;

static tl_field_def *field_add(tl_kind_def *kind, const char *name, tl_field_type type, tl_predictor predictor)
{
    tl_field_def *field = &kind->fields[kind->field_count++];
    *field = tl_field_def_default(name, type, predictor);
    return field;
}

static void rotation_add(tl_kind_def *kind, tl_predictor predictor, double tolerance_rad, int level_last)
{
    tl_field_def *field = field_add(kind, "rotation", TL_FIELD_ROTATION, predictor);
    field->tolerance = tolerance_rad;
    field->level_last = level_last;
}

static void kinds_make(void)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        static const char *const names[KIND_COUNT] = {
            [KIND_WALKER] = "walker", [KIND_CAR] = "car",       [KIND_THING] = "thing", [KIND_TRAM] = "tram",
            [KIND_CABIN] = "cabin",   [KIND_AVATAR] = "avatar", [KIND_BODY] = "body",   [KIND_PERFORMER] = "performer",
        };
        kinds[i] = tl_kind_def_default(names[i]);
    }
    rotation_add(&kinds[KIND_WALKER], TL_PREDICT_HEADING, 0.2, 3);
    rotation_add(&kinds[KIND_CAR], TL_PREDICT_HEADING, 0.2, 4);
    kinds[KIND_THING].fields[0].predictor = TL_PREDICT_HOLD;
    rotation_add(&kinds[KIND_THING], TL_PREDICT_HOLD, 0.1, 4);
    // Others ride in these, some metres from their origins.
    rotation_add(&kinds[KIND_TRAM], TL_PREDICT_LINEAR, 0.002, TL_LEVELS_MAX - 1);
    kinds[KIND_TRAM].carrier_reach_m = 30;
    rotation_add(&kinds[KIND_CABIN], TL_PREDICT_LINEAR, 0.002, TL_LEVELS_MAX - 1);
    kinds[KIND_CABIN].carrier_reach_m = 8;
    rotation_add(&kinds[KIND_AVATAR], TL_PREDICT_HOLD, 0.1, 3);
    kinds[KIND_AVATAR].create = TL_POLICY_ALLOW; // by the client whose it is; the others may not touch it
    rotation_add(&kinds[KIND_BODY], TL_PREDICT_LINEAR, 0.1, TL_LEVELS_MAX - 1);
    // Head and hands are given in the frame of the place.
    tl_kind_def *performer = &kinds[KIND_PERFORMER];
    rotation_add(performer, TL_PREDICT_HOLD, 0.1, 3);
    static const char *const parts[][2] = {
        {"head_position", "head_rotation"},
        {"left_hand_position", "left_hand_rotation"},
        {"right_hand_position", "right_hand_rotation"},
    };
    for (int i = 0; i < 3; i++) {
        field_add(performer, parts[i][0], TL_FIELD_POSITION, TL_PREDICT_LINEAR)->level_last = 1;
        field_add(performer, parts[i][1], TL_FIELD_ROTATION, TL_PREDICT_LINEAR)->level_last = 1;
    }
}

int scenario_kinds(const tl_kind_def **out)
{
    pthread_once(&kinds_once, kinds_make);
    *out = kinds;
    return KIND_COUNT;
}
