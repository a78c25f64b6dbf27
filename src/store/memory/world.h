// The world of the memory backend: what is committed, in one order for all.
#ifndef TRAMLINE_STORE_MEMORY_WORLD_H
#define TRAMLINE_STORE_MEMORY_WORLD_H

#include "store/engine/log.h"

typedef enum tl_memory_item_type { TL_MEMORY_BEGAN, TL_MEMORY_RECORD, TL_MEMORY_ENDED } tl_memory_item_type;

// One committed fact. All items of the world form one sequence, which every attachment walks at its own pace.
typedef struct tl_memory_item {
    tl_memory_item_type type;
    tl_server_number server;
    tl_server_number heir;
    uint32_t epoch;
    int64_t tick;
    int64_t previous_tick; // RECORD: of the log's record before it, -1: none
    uint64_t begun_us, committed_us;
    uint64_t serial;
    uint64_t truncated_serial; // the world's serial when it was truncated, 0: it was not
    bool set_aside;            // its epoch was ended before it
    size_t size;
    unsigned char data[];
} tl_memory_item;

typedef struct tl_memory_server {
    char name[TL_NAME_BYTES_MAX + 1];
    uint32_t epoch;
    uint64_t began_us;  // the first epoch
    int64_t began_tick; // of the current epoch: the last tick before it
    int64_t tick;       // last committed, -1: none
    int heir;
} tl_memory_server;

typedef struct tl_memory_checkpoint {
    tl_group_id group;
    int64_t tick;
    unsigned char *data;
    size_t size;
} tl_memory_checkpoint;

typedef struct tl_memory_store tl_memory_store;

struct tl_memory_world {
    tl_memory_world_def def;
    bool has_info;
    bool stalled;
    bool failed; // out of memory: nothing can commit any more
    tl_world_info info;
    uint64_t now_us;
    uint64_t serial;      // of items and truncations
    uint64_t store_count; // ever attached
    tl_memory_item **items;
    size_t item_count, item_capacity;
    tl_memory_server servers[TL_SERVERS_MAX]; // server number - 1
    int server_count;
    tl_memory_checkpoint *checkpoints; // by group
    size_t checkpoint_count, checkpoint_capacity;
    tl_memory_store *stores; // attached to it
};

// Draws a duration for one event, the same for the same seed in any order of calls.
uint64_t tl_memory_draw(const tl_memory_world *world, uint64_t a, uint64_t b, uint32_t min, uint32_t max);
// The first checkpoint with a group >= `group`; checkpoint_count if there is none.
size_t tl_memory_checkpoint_find(const tl_memory_world *world, tl_group_id group);
// Commits, each wholly. TL_ERR_MEMORY leaves the world as it was.
tl_result tl_memory_commit_join(tl_memory_world *world, const char *name, tl_server_number *server);
tl_result tl_memory_commit_record(tl_memory_world *world, tl_server_number server, uint32_t epoch, const tl_work *work);
tl_result tl_memory_commit_checkpoint(tl_memory_world *world, const tl_work *work);
void tl_memory_commit_truncate(tl_memory_world *world, tl_server_number server, int64_t tick);
tl_result tl_memory_commit_end(tl_memory_world *world, tl_server_number server, tl_server_number heir);
// Ends the current epoch before records that it has committed, which are set aside. TL_ERR_FENCED: not possible (any
// more).
tl_result tl_memory_commit_quarantine(tl_memory_world *world, const tl_work *work, tl_server_number heir);
// As next_aside() in store.h.
tl_result tl_memory_next_aside(const tl_memory_world *world, tl_store_event *event);
bool tl_memory_epoch_is_current(const tl_memory_world *world, tl_server_number server, uint32_t epoch);

#endif
