// Where a store in mvsqlite is: the URI mvsqlite:http://HOST:PORT/NAME, the namespaces that NAME stands for, and
// whether this process can reach them.
#ifndef TRAMLINE_STORE_MVSQLITE_PLACE_H
#define TRAMLINE_STORE_MVSQLITE_PLACE_H

#include "store/engine/log.h"

enum { TL_NAMESPACE_BYTES_MAX = 2 * TL_NAME_BYTES_MAX + 16 };

typedef struct tl_mvsqlite_place {
    char plane[200]; // mvstore's data plane: http://HOST:PORT
    char name[TL_NAME_BYTES_MAX + 1];
    char uri[320]; // for faults
} tl_mvsqlite_place;

// `address` is what follows "mvsqlite:".
tl_result tl_mvsqlite_place_parse(tl_mvsqlite_place *place, const char *address, tl_fault *fault);
// Whether mvsqlite's library is loaded, is configured with the same address, and a server answers there; if not, the
// fault says what to do. Without this the library would end the process, or wait for ever. Blocks for at most two
// seconds.
tl_result tl_mvsqlite_place_check(const tl_mvsqlite_place *place, tl_fault *fault);
// The namespaces of the world, and of a server's log.
void tl_mvsqlite_place_world(const tl_mvsqlite_place *place, char out[TL_NAMESPACE_BYTES_MAX]);
void tl_mvsqlite_place_log(const tl_mvsqlite_place *place, const char *server, char out[TL_NAMESPACE_BYTES_MAX]);

#endif
