// FCD: floating car data, the XML that the traffic simulator SUMO writes: for every step of time, each vehicle and
// person. https://sumo.dlr.de/docs/Simulation/Output/FCDOutput.html
#ifndef SCENARIO_FCD_H
#define SCENARIO_FCD_H

#include "tramline/types.h"

enum {
    FCD_ID_BYTES_MAX = 255,
};

#define FCD_PLACE_M_MAX 1000000.0 // largest |x| and |y|
#define FCD_TIME_S_MAX 1000000.0

typedef struct fcd_row {
    const char *id;
    bool person; // or vehicle
    double x_m, y_m;
    double angle_deg; // clockwise from north
} fcd_row;

typedef struct fcd_reader {
    void *user;
    // Both answer NULL, or what is wrong.
    const char *(*step)(void *user, double time_s);
    const char *(*row)(void *user, const fcd_row *row);
    void (*progress)(void *user, uint64_t done_bytes, uint64_t total_bytes); // may be NULL
} fcd_reader;

// Reads the whole file. On failure `text` gets "file:line: what is wrong", the line counted in the unpacked file.
tl_result fcd_read(const char *path, const fcd_reader *reader, char *text, size_t text_bytes);

#endif
