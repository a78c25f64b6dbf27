// world.db: what the world is, the servers' names and numbers, the groups' checkpoints, and a manifest of all that.
#ifndef TRAMLINE_STORE_SQLITE_WORLD_H
#define TRAMLINE_STORE_SQLITE_WORLD_H

#include "store/sqlite/checkpoints.h"
#include "store/sqlite/manifest.h"

typedef struct tl_checkpoint_key {
    tl_group_id group;
    int64_t tick;
    uint64_t sum;
} tl_checkpoint_key;

typedef struct tl_sqlite_world {
    tl_sqlite_file file;
    tl_sqlite_manifest manifest;
    uint64_t serial; // of the manifest, as last read or written here
    sqlite3_stmt *get_info, *add_info, *count_servers, *add_server, *find_server, *next_server;
    tl_sqlite_checkpoints checkpoints;
    // Of those that are read one by one: what there was when they were listed.
    tl_checkpoint_key *listed;
    size_t listed_count, listed_capacity;
} tl_sqlite_world;

tl_result tl_sqlite_world_open(tl_sqlite_world *world, const char *directory, tl_sqlite_mode mode, bool durable_full,
                               tl_fault *fault);
// The same, as a namespace of mvsqlite.
tl_result tl_sqlite_world_open_namespace(tl_sqlite_world *world, const char *name, tl_sqlite_mode mode,
                                         tl_fault *fault);
void tl_sqlite_world_close(tl_sqlite_world *world);
// TL_ERR_NOT_FOUND if it was not made yet.
tl_result tl_sqlite_world_info(tl_sqlite_world *world, tl_world_info *out, tl_fault *fault);
// TL_ERR_EXISTS if it was made before.
tl_result tl_sqlite_world_create(tl_sqlite_world *world, const tl_world_info *info, tl_fault *fault);
// The number of the server of that name, assigned at the first call. TL_ERR_FULL if there are TL_SERVERS_MAX others.
tl_result tl_sqlite_world_register(tl_sqlite_world *world, const char *name, tl_server_number *out, tl_fault *fault);
// The server of a copied world: it keeps its number.
tl_result tl_sqlite_world_add_server(tl_sqlite_world *world, tl_server_number number, const char *name,
                                     tl_fault *fault);
// The highest number that a server has; 0: there is none.
tl_result tl_sqlite_world_last_server(tl_sqlite_world *world, int *out, tl_fault *fault);
// The server with the lowest number above *number. TL_AGAIN if there is none.
tl_result tl_sqlite_world_next_server(tl_sqlite_world *world, tl_server_number *number,
                                      char name[TL_NAME_BYTES_MAX + 1], tl_fault *fault);
// The name of the server of that number. TL_AGAIN if it is not listed.
tl_result tl_sqlite_world_server_name(tl_sqlite_world *world, tl_server_number number, char name[TL_NAME_BYTES_MAX + 1],
                                      tl_fault *fault);
// The number of the server of that name. TL_AGAIN if it is not listed.
tl_result tl_sqlite_world_find_server(tl_sqlite_world *world, const char *name, tl_server_number *out, tl_fault *fault);
// What the manifest says.
tl_result tl_sqlite_world_manifest(tl_sqlite_world *world, tl_manifest *out, tl_fault *fault);
// Whether the servers are those of the manifest.
tl_result tl_sqlite_world_check_servers(tl_sqlite_world *world, tl_fault *fault);
// Stores all `count` checkpoints in one transaction; each only if it is newer than what is there. `heads` (may be
// NULL): the logs' ends as they are known, which the manifest keeps.
tl_result tl_sqlite_world_put(tl_sqlite_world *world, tl_work *const *checkpoints, size_t count, const tl_heads *heads,
                              tl_fault *fault);
// The manifest takes the logs' ends as given, and goes on from `serial` if that is later than its own.
tl_result tl_sqlite_world_accept(tl_sqlite_world *world, const tl_heads *heads, uint64_t serial, tl_fault *fault);
// Lists all checkpoints in one transaction, and checks the list with the manifest.
tl_result tl_sqlite_world_list(tl_sqlite_world *world, tl_fault *fault);
// Of those listed the one with the lowest group above `group` (`first`: of all), as it is by now. TL_AGAIN if there is
// none.
tl_result tl_sqlite_world_next_listed(tl_sqlite_world *world, bool first, tl_group_id group, tl_note **out,
                                      tl_fault *fault);
// The checkpoint with the lowest group above `group`, as a note. TL_AGAIN if there is none.
tl_result tl_sqlite_world_next_checkpoint(tl_sqlite_world *world, tl_group_id group, tl_note **out, tl_fault *fault);

#endif
