#include "scenario/recording.h"
#include "scenario/fcd.h"

#include <string.h>
#include <sys/mman.h>

enum {
    BLOCK_POINTS = 1 << 16,
    NAMES_BYTES_MAX = 1 << 30,
    TURN_MAX = 65536 / 3, // between two points that are kept: then the shorter way round is the right one
};

// Along x and z; together within 1 cm. Both ends of a line and each point between are rounded by up to 5 mm, so that
// one who walks evenly along an axis, as most do, is within 10 mm all the way.
#define TOLERANCE_BOTH_MM 7.0
#define TOLERANCE_ALONG_MM 9.99
#define TOLERANCE_ACROSS_MM 0.4
#define HEADING_TOLERANCE (65536 / 180.0)

enum { AXES = 3 }; // x, z, heading

typedef struct open_track {
    uint64_t hash;
    uint32_t name; // offset in the names
    bool person, has_last;
    recording_point anchor, last; // the last point kept; and the last one read
    int32_t turned, last_turned;  // heading since the anchor, unwrapped
    double tolerances[AXES];
    double low[AXES], high[AXES]; // rates, per ms from the anchor, that come near enough to all points since
} open_track;

typedef struct log_block {
    struct log_block *next;
    uint32_t count;
    uint32_t tracks[BLOCK_POINTS];
    recording_point points[BLOCK_POINTS];
} log_block;

typedef struct recorder {
    open_track *open;
    uint32_t open_count, open_capacity;
    uint32_t *slots; // open addressing: 1 + number of the track
    uint32_t slot_count;
    char *names;
    uint32_t names_bytes, names_capacity;
    log_block *first, *block;
    uint32_t point_count;
    double begin_s, time_s, step_s;
    uint32_t step_count, time_ms;
    int32_t x_low, x_high, z_low, z_high;
    bool memory_out;
    char fault[FCD_ID_BYTES_MAX + 64];
    const scenario_def *def;
} recorder;

static const char *memory_fault(recorder *r)
{
    r->memory_out = true;
    return "out of memory";
}

// --- tracks by name ---

static uint64_t hash_of(const fcd_row *row) // FNV-1a
{
    uint64_t hash = 0xcbf29ce484222325u ^ row->person;
    for (const char *c = row->id; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    return hash ^ hash >> 32;
}

static bool slots_grow(recorder *r)
{
    uint32_t count = r->slot_count ? 2 * r->slot_count : 1024;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (!slots) {
        return false;
    }
    for (uint32_t n = 0; n < r->open_count; n++) {
        uint32_t slot = (uint32_t)r->open[n].hash & (count - 1);
        while (slots[slot]) {
            slot = (slot + 1) & (count - 1);
        }
        slots[slot] = n + 1;
    }
    free(r->slots);
    r->slots = slots;
    r->slot_count = count;
    return true;
}

static bool track_room(recorder *r, size_t name_bytes)
{
    if (r->open_count == r->open_capacity) {
        uint32_t capacity = r->open_capacity ? 2 * r->open_capacity : 512;
        open_track *open = realloc(r->open, capacity * sizeof *open);
        if (!open) {
            return false;
        }
        r->open = open;
        r->open_capacity = capacity;
    }
    if (r->names_bytes + name_bytes > r->names_capacity) {
        uint32_t capacity = 2 * r->names_capacity + 4096;
        char *names = realloc(r->names, capacity);
        if (!names) {
            return false;
        }
        r->names = names;
        r->names_capacity = capacity;
    }
    return 2 * r->open_count < r->slot_count || slots_grow(r);
}

static open_track *track_find(recorder *r, const fcd_row *row, uint64_t hash)
{
    for (uint32_t slot = (uint32_t)hash; r->slot_count; slot++) {
        uint32_t number = r->slots[slot & (r->slot_count - 1)];
        if (!number) {
            break;
        }
        open_track *t = &r->open[number - 1];
        if (t->hash == hash && t->person == row->person && strcmp(r->names + t->name, row->id) == 0) {
            return t;
        }
    }
    return NULL;
}

static open_track *track_add(recorder *r, const fcd_row *row, uint64_t hash)
{
    size_t name_bytes = strlen(row->id) + 1;
    if (!track_room(r, name_bytes)) {
        return NULL;
    }
    open_track *t = &r->open[r->open_count++];
    *t = (open_track){.hash = hash, .name = r->names_bytes, .person = row->person};
    memcpy(r->names + r->names_bytes, row->id, name_bytes);
    r->names_bytes += (uint32_t)name_bytes;
    uint32_t slot = (uint32_t)hash & (r->slot_count - 1);
    while (r->slots[slot]) {
        slot = (slot + 1) & (r->slot_count - 1);
    }
    r->slots[slot] = r->open_count;
    return t;
}

// --- points ---

static bool point_keep(recorder *r, const open_track *t, const recording_point *point)
{
    if (!r->block || r->block->count == BLOCK_POINTS) {
        log_block *block = malloc(sizeof *block);
        if (!block) {
            return false;
        }
        block->next = NULL;
        block->count = 0;
        *(r->block ? &r->block->next : &r->first) = block;
        r->block = block;
    }
    r->block->tracks[r->block->count] = (uint32_t)(t - r->open);
    r->block->points[r->block->count++] = *point;
    r->point_count++;
    return true;
}

static void offsets(const open_track *t, const recording_point *point, int32_t turned, double *out)
{
    out[0] = (double)point->x_mm - t->anchor.x_mm;
    out[1] = (double)point->z_mm - t->anchor.z_mm;
    out[2] = turned;
}

// Would the line from the anchor to this point come near enough to all between?
static bool line_holds(const open_track *t, const recording_point *point, int32_t turned)
{
    double away[AXES], for_ms = point->time_ms - t->anchor.time_ms;
    offsets(t, point, turned, away);
    for (int axis = 0; axis < AXES; axis++) {
        if (!(away[axis] / for_ms >= t->low[axis] && away[axis] / for_ms <= t->high[axis])) {
            return false;
        }
    }
    return abs(turned) < TURN_MAX;
}

static void tolerances_set(open_track *t, const double *away)
{
    bool along_x = away[0] != 0 && away[1] == 0, along_z = away[0] == 0 && away[1] != 0;
    t->tolerances[0] = along_x ? TOLERANCE_ALONG_MM : along_z ? TOLERANCE_ACROSS_MM : TOLERANCE_BOTH_MM;
    t->tolerances[1] = along_z ? TOLERANCE_ALONG_MM : along_x ? TOLERANCE_ACROSS_MM : TOLERANCE_BOTH_MM;
    t->tolerances[2] = HEADING_TOLERANCE;
}

// The point becomes the last one, and the lines to come are to come near it.
static void line_narrow(open_track *t, const recording_point *point, int32_t turned, bool fresh)
{
    double away[AXES], for_ms = point->time_ms - t->anchor.time_ms;
    offsets(t, point, turned, away);
    if (fresh) {
        tolerances_set(t, away);
    }
    for (int axis = 0; axis < AXES; axis++) {
        double low = (away[axis] - t->tolerances[axis]) / for_ms, high = (away[axis] + t->tolerances[axis]) / for_ms;
        t->low[axis] = fresh ? low : fmax(low, t->low[axis]);
        t->high[axis] = fresh ? high : fmin(high, t->high[axis]);
    }
    t->last = *point;
    t->last_turned = turned;
    t->has_last = true;
}

static bool point_add(recorder *r, open_track *t, const recording_point *point, bool first)
{
    if (first) {
        t->anchor = t->last = *point;
        return point_keep(r, t, point);
    }
    int32_t turned = t->last_turned + (int16_t)(uint16_t)(point->heading - t->last.heading);
    bool fresh = !t->has_last;
    if (!fresh && !line_holds(t, point, turned)) {
        if (!point_keep(r, t, &t->last)) {
            return false;
        }
        t->anchor = t->last;
        turned -= t->last_turned;
        fresh = true;
    }
    line_narrow(t, point, turned, fresh);
    return true;
}

// --- the reader's calls ---

static const char *step_read(void *user, double time_s)
{
    recorder *r = user;
    r->begin_s = r->step_count == 0 ? time_s : r->begin_s;
    r->step_s = r->step_count == 0 ? 0 : time_s - r->time_s;
    r->time_s = time_s;
    double time_ms = round((time_s - r->begin_s) * 1000);
    if (r->step_count > 0 && time_ms <= r->time_ms) {
        return "the time of this step is less than a millisecond after the one before";
    }
    r->time_ms = (uint32_t)time_ms;
    r->step_count++;
    return NULL;
}

static const char *row_read(void *user, const fcd_row *row)
{
    recorder *r = user;
    uint64_t hash = hash_of(row);
    open_track *t = track_find(r, row, hash);
    bool first = !t;
    if (first && r->open_count == RECORDING_TRACKS_MAX) {
        return "there are too many persons and vehicles";
    }
    if (r->names_bytes > NAMES_BYTES_MAX || r->point_count >= RECORDING_POINTS_MAX - RECORDING_TRACKS_MAX) {
        return "the recording is too long";
    }
    if (!first && t->last.time_ms == r->time_ms) {
        snprintf(r->fault, sizeof r->fault, "'%s' comes twice in this step", row->id);
        return r->fault;
    }
    t = first ? track_add(r, row, hash) : t;
    recording_point point = {
        .time_ms = r->time_ms,
        .x_mm = (int32_t)lround(row->x_m * 1000),
        .z_mm = (int32_t)lround(-row->y_m * 1000),
        .heading = (uint16_t)lround(row->angle_deg * 65536 / 360),
    };
    if (!t || !point_add(r, t, &point, first)) {
        return memory_fault(r);
    }
    bool alone = r->point_count == 1 && first;
    r->x_low = alone || point.x_mm < r->x_low ? point.x_mm : r->x_low;
    r->x_high = alone || point.x_mm > r->x_high ? point.x_mm : r->x_high;
    r->z_low = alone || point.z_mm < r->z_low ? point.z_mm : r->z_low;
    r->z_high = alone || point.z_mm > r->z_high ? point.z_mm : r->z_high;
    return NULL;
}

static void progress_read(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    const scenario_def *def = ((recorder *)user)->def;
    if (def->progress) {
        def->progress(def->progress_user, done_bytes, total_bytes);
    }
}

// --- from the log to each track's points ---

static tl_result recording_sort(recording *out, recorder *r)
{
    for (uint32_t n = 0; n < r->open_count; n++) {
        if (r->open[n].has_last && !point_keep(r, &r->open[n], &r->open[n].last)) {
            return TL_ERR_MEMORY;
        }
    }
    out->tracks = calloc(r->open_count, sizeof *out->tracks);
    out->points = malloc(r->point_count * sizeof *out->points);
    if (!out->tracks || !out->points) {
        return TL_ERR_MEMORY;
    }
    out->track_count = r->open_count;
    out->point_count = r->point_count;
    for (const log_block *block = r->first; block; block = block->next) {
        for (uint32_t n = 0; n < block->count; n++) {
            out->tracks[block->tracks[n]].count++;
        }
    }
    for (uint32_t n = 0, first = 0; n < out->track_count; n++) {
        recording_track *t = &out->tracks[n];
        t->person = r->open[n].person;
        t->first = first;
        first += t->count;
        t->count = 0;
    }
    for (const log_block *block = r->first; block; block = block->next) {
        for (uint32_t n = 0; n < block->count; n++) {
            recording_track *t = &out->tracks[block->tracks[n]];
            t->begin_ms = t->count == 0 ? block->points[n].time_ms : t->begin_ms;
            t->end_ms = block->points[n].time_ms;
            out->points[t->first + t->count++] = block->points[n];
        }
    }
    return TL_OK;
}

static void recorder_reset(recorder *r)
{
    while (r->first) {
        log_block *next = r->first->next;
        free(r->first);
        r->first = next;
    }
    free(r->open);
    free(r->slots);
    free(r->names);
}

tl_result recording_load(recording *out, const scenario_def *def, char *text, size_t text_bytes)
{
    *out = (recording){0};
    recorder r = {.def = def};
    fcd_reader reader = {&r, step_read, row_read, progress_read};
    tl_result result = fcd_read(def->fcd_file, &reader, text, text_bytes);
    if (result == TL_OK && r.open_count == 0) {
        snprintf(text, text_bytes, "%s: nobody and nothing is in it", def->fcd_file);
        result = TL_ERR_MALFORMED;
    }
    if (result == TL_OK) {
        result = recording_sort(out, &r);
        out->period_ms = r.time_ms + (r.step_count > 1 ? (uint32_t)lround(r.step_s * 1000) : 1000);
        out->centre_x_m = ((double)r.x_low + r.x_high) / 2000;
        out->centre_z_m = ((double)r.z_low + r.z_high) / 2000;
    }
    result = r.memory_out ? TL_ERR_MEMORY : result;
    recorder_reset(&r);
    return result;
}

tl_result recording_order(recording *r, uint32_t *tracks, uint32_t count)
{
    recording ordered = *r;
    ordered.tracks = malloc(r->track_count * sizeof *ordered.tracks);
    ordered.points = malloc(r->point_count * sizeof *ordered.points);
    uint32_t *numbers = malloc(r->track_count * sizeof *numbers); // new ones
    if (!ordered.tracks || !ordered.points || !numbers) {
        recording_reset(&ordered);
        free(numbers);
        return TL_ERR_MEMORY;
    }
    ordered.track_count = ordered.point_count = 0;
    memset(numbers, 0xff, r->track_count * sizeof *numbers);
    for (uint32_t n = 0; n < count; n++) {
        uint32_t *number = &numbers[tracks[n]];
        if (*number == SCENARIO_NONE) {
            recording_track t = r->tracks[tracks[n]];
            memcpy(ordered.points + ordered.point_count, r->points + t.first, t.count * sizeof *ordered.points);
            t.first = ordered.point_count;
            ordered.point_count += t.count;
            *number = ordered.track_count++;
            ordered.tracks[*number] = t;
        }
        tracks[n] = *number;
    }
    free(numbers);
    recording_reset(r);
    *r = ordered;
    return TL_OK;
}

void recording_reset(recording *r)
{
    if (r->mapped) {
        munmap(r->mapped, r->mapped_bytes);
    } else {
        free(r->tracks);
        free(r->points);
    }
    *r = (recording){0};
}
