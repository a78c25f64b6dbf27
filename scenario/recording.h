// A recorded city in memory: each person's and vehicle's way as few points, between which it moves along straight
// lines. A point is left out where the line between its neighbours comes within 1 cm of it (which is what FCD rounds
// to) and within 2 degrees of its heading.
#ifndef SCENARIO_RECORDING_H
#define SCENARIO_RECORDING_H

#include "scenario/internal.h"

enum {
    RECORDING_TRACKS_MAX = SCENARIO_ENTITIES_MAX,
    RECORDING_POINTS_MAX = 400000000,
};

typedef struct recording_point {
    uint32_t time_ms; // from the recording's first step
    int32_t x_mm, z_mm;
    uint16_t heading; // clockwise from north (-Z), 65536 a turn
    uint16_t unused;
} recording_point;

typedef struct recording_track { // of one person or vehicle
    uint32_t first, count;
    uint32_t begin_ms, end_ms; // of its first point and its last
    uint32_t person;           // 0 or 1
} recording_track;

typedef struct recording {
    recording_track *tracks;
    recording_point *points;
    uint32_t track_count, point_count;
    uint32_t period_ms;            // from the first step to the last, and one step more
    double centre_x_m, centre_z_m; // of the box around all places
    void *mapped; // the file that tracks and points lie in, read-only; NULL: they are the recording's own
    size_t mapped_bytes;
} recording;

tl_result recording_load(recording *r, const scenario_def *def, char *text, size_t text_bytes);
// Puts the tracks and their points (which must be the recording's own) in the order in which `tracks` first names them,
// so that tracks looked up together are adjacent in memory; then writes their new numbers there. Tracks that are not
// named are dropped.
tl_result recording_order(recording *r, uint32_t *tracks, uint32_t count);
void recording_reset(recording *r);

// recording_file.c: as a file that is quick to take up again. It must not change while it is mapped.
tl_result recording_save(const recording *r, const char *path, char *text, size_t text_bytes);
bool recording_is_saved(const char *path);
tl_result recording_map(recording *r, const char *path, char *text, size_t text_bytes);

#endif
