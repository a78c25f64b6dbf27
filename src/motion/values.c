#include "motion/values.h"

tl_result tl_values_check(const tl_kind *kind, const tl_values *values)
{
    if (values->mask >> kind->field_count) {
        return TL_ERR_INVALID;
    }
    for (int i = 0; i < kind->field_count; i++) {
        const tl_value *v = &values->fields[i];
        if (!(values->mask >> i & 1)) {
            continue;
        }
        switch (kind->fields[i].type) {
        case TL_FIELD_POSITION:
            if (!tl_rate_valid(v->velocity) || isnan(v->position.x + v->position.y + v->position.z)) {
                return TL_ERR_INVALID;
            }
            if (!tl_place_valid(v->position)) {
                return TL_ERR_OUTSIDE;
            }
            break;
        case TL_FIELD_ROTATION:
            if (!tl_quat_valid(v->rotation) || !tl_rate_valid(v->spin)) {
                return TL_ERR_INVALID;
            }
            break;
        case TL_FIELD_SCALAR:
            if (!isfinite(v->scalar) || !isfinite(v->rate)) {
                return TL_ERR_INVALID;
            }
            break;
        case TL_FIELD_BYTES:
            if (v->size > (size_t)kind->fields[i].bytes_max || (v->size && v->bytes == NULL)) {
                return TL_ERR_INVALID;
            }
            break;
        default: break;
        }
    }
    return TL_OK;
}

static tl_vec3 place_velocity(const int64_t *words, const tl_kind *kind, const tl_kinds *kinds)
{
    return tl_velocity_of(words, kind->fields[0].shift[0], kinds);
}

// Whether the heading matches the rotation within the tolerance.
static bool follows_heading(const int64_t *words, const tl_kind *kind, const tl_field *field, const tl_kinds *kinds,
                            tl_quat rotation)
{
    if (field->predictor != TL_PREDICT_HEADING) {
        return false;
    }
    tl_vec3 v = place_velocity(words, kind, kinds);
    if (sqrt(v.x * v.x + v.z * v.z) * 1000 < 2 * TL_HEADING_SPEED_MM_S) {
        return false;
    }
    return tl_quat_angle(tl_heading(v), rotation) <= field->tolerance[0] * 0.5;
}

static void bytes_set(int64_t *words, const tl_field *field, const tl_value *value)
{
    TL_ASSERT(value->size <= (size_t)field->bytes_max); // checked by tl_values_check()
    memset(words, 0, (size_t)field->word_count * sizeof *words);
    words[0] = (int64_t)value->size;
    if (value->size) {
        memcpy(words + 1, value->bytes, value->size);
    }
}

void tl_value_set(int64_t *words, const tl_kind *kind, int index, const tl_kinds *kinds, int64_t tick,
                  const tl_value *value)
{
    TL_ASSERT(index >= 0 && index < kind->field_count);
    const tl_field *field = &kind->fields[index];
    int64_t *w = words + field->word;
    switch (field->type) {
    case TL_FIELD_POSITION:
        tl_position_set(w, field->shift[0], kinds, tick, value->position, value->velocity,
                        field->predictor == TL_PREDICT_LINEAR);
        break;
    case TL_FIELD_ROTATION:
        tl_rotation_set(w, field, kinds, tick, value->rotation, value->spin,
                        follows_heading(words, kind, field, kinds, value->rotation));
        break;
    case TL_FIELD_SCALAR: tl_scalar_set(w, field, kinds, tick, value->scalar, value->rate); break;
    case TL_FIELD_INTEGER: w[0] = value->integer; break;
    default: bytes_set(w, field, value); break;
    }
}

static bool value_differs(const int64_t *words, const tl_kind *kind, int index, const tl_kinds *kinds, int64_t tick,
                          const tl_value *value, double share)
{
    const tl_field *field = &kind->fields[index];
    const int64_t *w = words + field->word;
    switch (field->type) {
    case TL_FIELD_POSITION: {
        tl_vec3 published = tl_position_at(w, field->shift[0], kinds, (double)tick);
        return tl_vec3_length(tl_vec3_sub(value->position, published)) > (index == 0 ? share : 1) * field->tolerance[0];
    }
    case TL_FIELD_ROTATION: {
        tl_quat published = tl_rotation_at(w, field, 0, kinds, (double)tick, place_velocity(words, kind, kinds));
        tl_quat r = value->rotation;
        double product = r.x * published.x + r.y * published.y + r.z * published.z + r.w * published.w;
        double length2 = r.x * r.x + r.y * r.y + r.z * r.z + r.w * r.w; // a game's length is 1 within a thousandth
        return product * product < field->half_cosine * field->half_cosine * length2;
    }
    case TL_FIELD_SCALAR:
        return fabs(value->scalar - tl_scalar_at(w, field, 0, kinds, (double)tick)) > field->tolerance[0];
    case TL_FIELD_INTEGER: return w[0] != value->integer;
    default: return w[0] != (int64_t)value->size || (value->size && memcmp(w + 1, value->bytes, value->size) != 0);
    }
}

uint32_t tl_values_publish(int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick,
                           const tl_values *values, double share)
{
    TL_ASSERT(share > 0);
    uint32_t changed = 0; // a new position may change the heading, so fields are set in order
    for (int i = 0; i < kind->field_count; i++) {
        if (!(values->mask >> i & 1) || !value_differs(words, kind, i, kinds, tick, &values->fields[i], share)) {
            continue;
        }
        tl_value_set(words, kind, i, kinds, tick, &values->fields[i]);
        changed |= 1u << i;
    }
    return changed;
}

static bool is_within_reach(const tl_values_target *to, const tl_values *values)
{
    tl_vec3 place = values->fields[0].position;
    return !(values->mask & 1) ||
           place.x * place.x + place.y * place.y + place.z * place.z <= to->reach_m * to->reach_m;
}

tl_result tl_values_set(const tl_values_target *to, const tl_values *values, int64_t *words, uint32_t *changed)
{
    *changed = 0;
    tl_result result = tl_values_check(to->kind, values);
    if (result != TL_OK) {
        return result;
    }
    if (!is_within_reach(to, values)) {
        return TL_ERR_INVALID;
    }
    *changed = tl_values_publish(words, to->kind, to->kinds, to->tick, values, to->share);
    return TL_OK;
}

uint32_t tl_pose_publish(int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int64_t tick, tl_vec3 position,
                         tl_vec3 velocity, tl_vec3 spin, const tl_quat *rotation, double share)
{
    TL_ASSERT(share > 0);
    const tl_field *place = &kind->fields[0];
    uint32_t changed = 0;
    tl_vec3 error = tl_vec3_sub(position, tl_position_at(words, place->shift[0], kinds, (double)tick));
    double limit = share * place->tolerance[0];
    if (error.x * error.x + error.y * error.y + error.z * error.z > limit * limit) {
        tl_position_set(words, place->shift[0], kinds, tick, position, velocity, place->predictor == TL_PREDICT_LINEAR);
        changed = 1;
    }
    if (rotation == NULL || kind->rotation == TL_NONE) {
        return changed;
    }
    tl_value value = {.rotation = *rotation, .spin = spin};
    if (!value_differs(words, kind, kind->rotation, kinds, tick, &value, share)) {
        return changed;
    }
    tl_value_set(words, kind, kind->rotation, kinds, tick, &value);
    return changed | 1u << kind->rotation;
}

void tl_values_get(const int64_t *words, const tl_kind *kind, const tl_kinds *kinds, int level, double tick,
                   tl_values *out)
{
    TL_ASSERT(level >= 0 && level < TL_LEVELS_MAX);
    out->mask = tl_fields_mask_at(kind, level);
    tl_vec3 velocity = tl_velocity_of(words, kind->fields[0].shift[level], kinds);
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        const int64_t *w = words + field->word;
        tl_value *v = &out->fields[i];
        *v = (tl_value){.rotation = {0, 0, 0, 1}};
        switch (field->type) {
        case TL_FIELD_POSITION:
            v->position = tl_position_at(w, field->shift[level], kinds, tick);
            v->velocity = tl_velocity_of(w, field->shift[level], kinds);
            break;
        case TL_FIELD_ROTATION: v->rotation = tl_rotation_at(w, field, level, kinds, tick, velocity); break;
        case TL_FIELD_SCALAR: v->scalar = tl_scalar_at(w, field, level, kinds, tick); break;
        case TL_FIELD_INTEGER: v->integer = w[0]; break;
        default: v->bytes = w + 1, v->size = (size_t)w[0]; break;
        }
    }
}
