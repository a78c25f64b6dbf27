// Copies a store without what no server can read, saying of each piece what it is. Nothing is written to the original.
#ifndef TRAMLINE_APP_REPAIR_H
#define TRAMLINE_APP_REPAIR_H

#include "tramline/inspect.h"

typedef struct repair_def {
    const char *from;
    const char *to;            // NULL: only export
    const char *export_folder; // NULL: nothing is exported; made if missing
} repair_def;

// `inspect` is fresh, and made with the world's kinds. False: `text` says why.
bool repair(const repair_def *def, tl_inspect *inspect, uint64_t *dropped, char *text, size_t text_bytes);

#endif
