// Copies a store without what no server can read, saying of each piece what it is. Nothing is written to the original.
#ifndef TRAMLINE_APP_REPAIR_H
#define TRAMLINE_APP_REPAIR_H

#include "tramline/inspect.h"

typedef struct repair_def {
    const char *from;
    const char *to;            // NULL: only export
    const char *export_folder; // NULL: nothing is exported; made if missing
} repair_def;

typedef struct repair_result {
    uint64_t dropped; // records and checkpoints that cannot be read, and are left out
    uint64_t aside;   // records that servers had set aside before
    char text[512];   // why it did not work out
} repair_result;

// `inspect` is fresh, and made with the world's kinds (to export what was set aside before it may be without). False:
// text says why.
bool repair(const repair_def *def, tl_inspect *inspect, repair_result *out);

#endif
