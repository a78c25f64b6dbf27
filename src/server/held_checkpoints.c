// Holds checkpoints and truncations back before they go to the store. A checkpoint replaces the records before it and
// must not outlive them: by the time it is stored, every living server has applied those records, or a server has ended
// the epoch before them.
#include "server/held_checkpoints.h"
#include "server/state.h"

enum { HOLD_SECONDS = 3, HELD_MAX = 4096 };

typedef struct tl_held {
    struct tl_held *next;
    int64_t tick; // the tick it was made as of
    bool is_cut;
    int64_t cut_tick;
    tl_group_id group;
    size_t size;
    unsigned char data[];
} tl_held;

static tl_held *hold(tl_server *s, size_t size)
{
    TL_ASSERT((s->checkpoints.held_first == NULL) == (s->checkpoints.held_count == 0));
    TL_ASSERT(s->checkpoints.held_last == NULL || s->checkpoints.held_last->tick <= s->mirror.tick);
    tl_held *held = s->checkpoints.held_count < HELD_MAX ? tl_heap_alloc(&s->heap, sizeof *held + size) : NULL;
    if (held == NULL) {
        return NULL;
    }
    *held = (tl_held){.tick = s->mirror.tick, .size = size};
    if (s->checkpoints.held_last) {
        s->checkpoints.held_last->next = held;
    } else {
        s->checkpoints.held_first = held;
    }
    s->checkpoints.held_last = held;
    s->checkpoints.held_count++;
    return held;
}

bool tl_held_add_checkpoint(tl_server *s, tl_group_id group, const void *data, size_t size)
{
    TL_ASSERT(group != 0 && size <= TL_RECORD_BYTES_MAX);
    tl_held *held = hold(s, size);
    if (held == NULL) {
        return false;
    }
    held->group = group;
    if (size) {
        memcpy(held->data, data, size);
    }
    return true;
}

bool tl_held_add_truncation(tl_server *s, int64_t tick)
{
    TL_ASSERT(tick <= s->mirror.tick);
    tl_held *held = hold(s, 0);
    if (held == NULL) {
        return false;
    }
    held->is_cut = true;
    held->cut_tick = tick;
    return true;
}

// The group counts as stored since its checkpoint was made, but it is not.
static void block_cuts(tl_server *s, tl_group_id group, tl_result result)
{
    if (!s->checkpoints.truncation_blocked) {
        tl_server_say(s,
                      "the store does not take the checkpoint of group %llx (%s): the log is not cut any more until "
                      "this server is started anew",
                      (unsigned long long)group, tl_result_name(result));
    }
    s->checkpoints.truncation_blocked = true;
}

void tl_held_release(tl_server *s)
{
    int64_t ripe = s->state == TL_SERVER_LEAVING ? s->mirror.tick
                                                 : s->stats.committed_tick - HOLD_SECONDS * (int64_t)s->world.tick_hz;
    while (s->checkpoints.held_first && s->checkpoints.held_first->tick <= ripe) {
        tl_held *held = s->checkpoints.held_first;
        tl_result result = TL_OK;
        if (!held->is_cut) {
            result = tl_store_checkpoint(s->def.store, held->group, held->tick, held->data, held->size);
        } else if (!s->checkpoints.truncation_blocked) {
            result = tl_store_truncate(s->def.store, held->cut_tick);
        }
        if (result == TL_ERR_FULL) {
            return; // tried again later
        }
        if (!held->is_cut && result != TL_OK) {
            block_cuts(s, held->group, result);
        }
        s->checkpoints.held_first = held->next;
        if (s->checkpoints.held_first == NULL) {
            s->checkpoints.held_last = NULL;
        }
        s->checkpoints.held_count--;
        tl_heap_free(&s->heap, held, sizeof *held + held->size);
    }
}
