// A trace: a city recorded as FCD XML (see recording.h), played again and again.
//
//  - x and y of the file become (x - centre_x, 0, -(y - centre_y)); the centre is that of the box around all recorded
//    places. The angle, clockwise from north, becomes a yaw; north is -Z.
//  - Time runs modulo the recording's length (its steps' time and one step more); each time round is a new generation.
//    After the last step, for one step, nothing is present; then all begin again at once (but for copies, which are
//    ahead).
//  - A person or vehicle is present from its first recorded point to its last, also if it was away for some steps
//    between. Between points it moves along straight lines, so `velocity` is constant between steps; a recording that
//    jumps (SUMO's people without interaction do, by some metres at corners) is fast between two steps there.
//  - Persons who ride in vehicles stay in world coordinates.
//  - If more entities are asked for than were recorded, copies fill up: copy number c of the whole city is c * 0.618
//    recordings (modulo 1, in whole milliseconds) ahead in time, and displaced by -1, 0 or 1 blocks of 100 m along x
//    and z. If fewer are asked for, evenly many of the recorded ones are taken.
//  - Groups are about equally large, of neighbours by where they first appear.
#include "scenario/recording.h"

enum {
    AHEAD = 16,            // entities whose points are fetched before they are evaluated
    AHEAD_POINTS_MAX = 32, // of each
    LINE_POINTS = 64 / sizeof(recording_point),
};

typedef struct trace_entity {
    uint32_t track;
    uint32_t shift_ms;
    float x_m, z_m; // displaced by this
} trace_entity;

typedef struct trace {
    recording recording;
    trace_entity *entities;
} trace;

typedef struct trace_place { // where one first appears
    trace_entity entity;
    double x_m, z_m;
    uint32_t number;
} trace_place;

static int place_compare(double a, double b, uint32_t number_a, uint32_t number_b)
{
    return a < b ? -1 : a > b ? 1 : number_a < number_b ? -1 : 1; // numbers differ
}

static int place_compare_x(const void *a, const void *b)
{
    const trace_place *p = a, *q = b;
    return place_compare(p->x_m, q->x_m, p->number, q->number);
}

static int place_compare_z(const void *a, const void *b)
{
    const trace_place *p = a, *q = b;
    return place_compare(p->z_m, q->z_m, p->number, q->number);
}

static trace_place place_make(const trace *t, uint32_t number, uint32_t entity_count)
{
    const double golden = 0.61803398874989485, block_m = 100;
    uint32_t recorded = t->recording.track_count, copy = number / recorded;
    uint32_t track = entity_count < recorded ? (uint32_t)((uint64_t)number * recorded / entity_count)
                                             : number % recorded;
    trace_entity entity = {.track = track};
    if (copy > 0) {
        entity.shift_ms = (uint32_t)(fmod(copy * golden, 1) * t->recording.period_ms);
        entity.x_m = (float)(block_m * ((int)(copy % 3) - 1));
        entity.z_m = (float)(block_m * ((int)(copy / 3 % 3) - 1));
    }
    const recording_point *first = &t->recording.points[t->recording.tracks[track].first];
    return (trace_place){entity, first->x_mm * 0.001 + entity.x_m, first->z_mm * 0.001 + entity.z_m, number};
}

// Strips along x, each divided along z.
static tl_result groups_make(scenario *s, trace *t)
{
    uint32_t count = s->entity_count;
    uint32_t side = (uint32_t)fmax(round(sqrt((double)count / SCENARIO_GROUP_ENTITIES)), 1);
    trace_place *places = malloc(count * sizeof *places);
    tl_result result = places ? scenario_groups_even(s, side * side) : TL_ERR_MEMORY;
    if (result != TL_OK) {
        free(places);
        return result;
    }
    for (uint32_t n = 0; n < count; n++) {
        places[n] = place_make(t, n, count);
    }
    qsort(places, count, sizeof *places, place_compare_x);
    for (uint32_t strip = 0; strip < side; strip++) {
        uint32_t first = s->group_first[strip * side], end = s->group_first[(strip + 1) * side];
        qsort(places + first, end - first, sizeof *places, place_compare_z);
    }
    uint32_t *tracks = malloc(count * sizeof *tracks);
    for (uint32_t n = 0; tracks && n < count; n++) {
        tracks[n] = places[n].entity.track;
    }
    result = !tracks ? TL_ERR_MEMORY : t->recording.mapped ? TL_OK : recording_order(&t->recording, tracks, count);
    for (uint32_t n = 0; result == TL_OK && n < count; n++) {
        t->entities[n] = places[n].entity;
        t->entities[n].track = tracks[n];
    }
    free(tracks);
    free(places);
    return result;
}

static tl_result trace_create(scenario *s, const scenario_def *def, char *text, size_t text_bytes)
{
    if (!def->fcd_file) {
        snprintf(text, text_bytes, "a trace needs a file: FCD XML as SUMO writes it, plain, .gz or .zst");
        return TL_ERR_INVALID;
    }
    trace *t = s->data = calloc(1, sizeof *t);
    if (!t) {
        return TL_ERR_MEMORY;
    }
    bool saved = recording_is_saved(def->fcd_file);
    tl_result result = saved ? recording_map(&t->recording, def->fcd_file, text, text_bytes)
                             : recording_load(&t->recording, def, text, text_bytes);
    if (result == TL_OK && def->save_file) {
        result = recording_save(&t->recording, def->save_file, text, text_bytes);
    }
    if (result != TL_OK) {
        return result;
    }
    s->entity_count = def->entity_count ? def->entity_count : t->recording.track_count;
    s->break_every_s = t->recording.period_ms / 1000.0;
    t->entities = malloc(s->entity_count * sizeof *t->entities);
    return t->entities ? groups_make(s, t) : TL_ERR_MEMORY;
}

// The last point at or before the time, which the track has begun and not ended.
static const recording_point *point_find(const recording *r, const recording_track *track, double local_ms)
{
    const recording_point *low = &r->points[track->first];
    for (uint32_t left = track->count; left > 1;) {
        uint32_t half = left / 2;
        low += low[half].time_ms <= local_ms ? half : 0;
        left -= half;
    }
    return low;
}

static void track_truth(const trace *t, const trace_entity *e, const recording_track *track, double local_ms,
                        scenario_truth *out)
{
    const recording *r = &t->recording;
    const recording_point *from = point_find(r, track, local_ms), *end = &r->points[track->first + track->count - 1];
    double x_mm = from->x_mm, z_mm = from->z_mm, heading = from->heading;
    if (from < end) {
        const recording_point *to = from + 1;
        double for_ms = to->time_ms - from->time_ms, part = (local_ms - from->time_ms) / for_ms;
        double dx_mm = (double)to->x_mm - from->x_mm, dz_mm = (double)to->z_mm - from->z_mm;
        x_mm += part * dx_mm;
        z_mm += part * dz_mm;
        heading += part * (int16_t)(uint16_t)(to->heading - from->heading);
        out->velocity = (tl_vec3){dx_mm / for_ms, 0, dz_mm / for_ms}; // mm/ms = m/s
    }
    out->position = (tl_vec3){x_mm * 0.001 - r->centre_x_m + e->x_m, 0, z_mm * 0.001 - r->centre_z_m + e->z_m};
    double heading_rad = heading * (2 * SCENARIO_PI / 65536);
    out->rotation = quat_facing(sin(heading_rad), -cos(heading_rad));
}

// Its points are on their way while others are evaluated: those around where even steps would have it.
static void points_fetch(const recording *r, const recording_track *track, double local_ms)
{
    const recording_point *points = &r->points[track->first];
    uint32_t first = 0, count = track->count;
    if (count > AHEAD_POINTS_MAX) {
        double part = (local_ms - track->begin_ms) / ((double)track->end_ms - track->begin_ms);
        double middle = part * count, last = count - AHEAD_POINTS_MAX;
        first = (uint32_t)fmin(fmax(middle - AHEAD_POINTS_MAX / 2, 0), last);
        count = AHEAD_POINTS_MAX;
    }
    for (uint32_t n = 0; n < count; n += LINE_POINTS) {
        __builtin_prefetch(&points[first + n]);
    }
}

// When it is, and for which time round.
static double local_time(const trace *t, const trace_entity *e, double time_s, scenario_truth *out)
{
    const recording_track *track = &t->recording.tracks[e->track];
    double shifted_ms = time_s * 1000 + e->shift_ms, round = floor(shifted_ms / t->recording.period_ms);
    double local_ms = shifted_ms - round * t->recording.period_ms;
    *out = (scenario_truth){
        .present = local_ms >= track->begin_ms && local_ms <= track->end_ms,
        .kind = track->person ? KIND_WALKER : KIND_CAR,
        .carrier = SCENARIO_NONE,
        .generation = (uint32_t)round,
        .rotation = {0, 0, 0, 1},
    };
    return local_ms;
}

static void trace_evaluate(const scenario *s, double time_s, uint32_t first, uint32_t count, scenario_truth *out)
{
    const trace *t = s->data;
    double locals_ms[AHEAD];
    for (uint32_t done = 0, some; done < count; done += some, out += some) {
        const trace_entity *entities = &t->entities[first + done];
        some = count - done < AHEAD ? count - done : AHEAD;
        for (uint32_t n = 0; n < some; n++) {
            locals_ms[n] = local_time(t, &entities[n], time_s, &out[n]);
            if (out[n].present) {
                points_fetch(&t->recording, &t->recording.tracks[entities[n].track], locals_ms[n]);
            }
        }
        for (uint32_t n = 0; n < some; n++) {
            if (out[n].present) {
                const recording_track *track = &t->recording.tracks[entities[n].track];
                track_truth(t, &entities[n], track, locals_ms[n], &out[n]);
            }
        }
    }
}

static void trace_destroy(scenario *s)
{
    trace *t = s->data;
    recording_reset(&t->recording);
    free(t->entities);
    free(t);
}

const scenario_world scenario_trace = {"trace", 0, trace_create, trace_evaluate, trace_destroy};
