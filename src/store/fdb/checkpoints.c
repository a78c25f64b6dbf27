#include "store/fdb/checkpoints.h"
#include "base/memory.h"

#include <string.h>

enum { BODIES_BYTES = 4 << 20 }; // of one batch

void tl_fdb_checkpoints_drop(tl_fdb_checkpoints *list)
{
    while (list->first) {
        tl_note *next = list->first->next;
        tl_free(list->first);
        list->first = next;
    }
    list->last = NULL;
}

typedef struct checkpoint_batch {
    const tl_fdb_worker *worker;
    tl_fdb_checkpoints *list;
    bool first;
    tl_group_id after;
    size_t bytes;
    tl_note *filling; // whose parts come next
    size_t filled;
} checkpoint_batch;

// The sum travels in `order` until the body is there.
static int take_checkpoint(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    checkpoint_batch *batch = context;
    tl_fdb_checkpoints *list = batch->list;
    uint64_t group = 0;
    tl_fdb_checkpoint checkpoint;
    if (!tl_fdb_key_read(batch->worker->prefix, TL_FDB_CHECKPOINT, row->key, row->key_bytes, &group, 1) ||
        !tl_fdb_get_checkpoint(row->value, row->value_bytes, &checkpoint)) {
        return tl_fdb_damaged(batch->worker, "a checkpoint", fault);
    }
    if (batch->bytes > 0 && batch->bytes + checkpoint.size > BODIES_BYTES) {
        return TL_FDB_DONE; // enough
    }
    tl_note *note = tl_note_create(TL_STORE_CHECKPOINT, checkpoint.size);
    if (!note) {
        tl_fault_set(fault, TL_ERR_MEMORY, batch->worker->place, "out of memory");
        return TL_FDB_FAULT;
    }
    note->event.group = group;
    note->event.tick = checkpoint.tick;
    note->event.server = checkpoint.server; // for finding its body; not reported
    note->order = checkpoint.sum;
    batch->bytes += checkpoint.size;
    if (list->last) {
        list->last->next = note;
    } else {
        list->first = note;
    }
    list->last = note;
    return 0;
}

static int finish_checkpoint(checkpoint_batch *batch, tl_fault *fault)
{
    const tl_note *note = batch->filling;
    bool sound = batch->filled == note->event.size &&
                 note->order ==
                     tl_store_sum(note->event.group, (uint64_t)note->event.tick, note->data, note->event.size);
    batch->filling->event.server = 0;
    batch->filling = note->next;
    batch->filled = 0;
    return sound ? 0 : tl_fdb_damaged(batch->worker, "a checkpoint", fault);
}

static int take_body(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    checkpoint_batch *batch = context;
    uint64_t at[4]; // group, tick, server, part
    bool sound = tl_fdb_key_read(batch->worker->prefix, TL_FDB_BODY, row->key, row->key_bytes, at, 4);
    int code = 0;
    while (sound && code == 0 && batch->filling && batch->filling->event.group < at[0]) {
        code = finish_checkpoint(batch, fault);
    }
    tl_note *note = batch->filling;
    if (code != 0 || (sound && (!note || note->event.group != at[0] || note->event.tick != (int64_t)at[1] ||
                                note->event.server != at[2]))) {
        return code; // of one that is still being written
    }
    size_t bytes = (size_t)row->value_bytes;
    if (!sound || (at[3] - 1) * TL_FDB_PART_BYTES_MAX != batch->filled || bytes > note->event.size - batch->filled) {
        return tl_fdb_damaged(batch->worker, "a checkpoint", fault);
    }
    memcpy(note->data + batch->filled, row->value, bytes);
    batch->filled += bytes;
    return 0;
}

static int take_bodies(tl_fdb_worker *worker, tl_fdb_transaction *transaction, checkpoint_batch *batch, tl_fault *fault)
{
    tl_fdb_checkpoints *list = batch->list;
    tl_fdb_key begin = TL_FDB_KEY(worker->prefix, TL_FDB_BODY, list->first->event.group);
    tl_fdb_key last = TL_FDB_KEY(worker->prefix, TL_FDB_BODY, list->last->event.group);
    tl_fdb_key end = tl_fdb_key_end(&last);
    batch->filling = list->first;
    batch->filled = 0;
    int code = tl_fdb_scan(worker, transaction, &begin, &end, true, take_body, batch, fault);
    while (code == 0 && batch->filling) {
        code = finish_checkpoint(batch, fault);
    }
    return code;
}

static int checkpoints_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    checkpoint_batch *batch = context;
    tl_fdb_checkpoints_drop(batch->list);
    batch->bytes = 0;
    tl_fdb_key all = TL_FDB_KEY(worker->prefix, TL_FDB_CHECKPOINT);
    tl_fdb_key begin = batch->first ? all : TL_FDB_KEY(worker->prefix, TL_FDB_CHECKPOINT, batch->after);
    tl_fdb_key end = tl_fdb_key_end(&all);
    if (!batch->first) {
        begin.bytes[begin.size++] = 0; // behind it
    }
    int code = tl_fdb_scan(worker, transaction, &begin, &end, true, take_checkpoint, batch, fault);
    if ((code == 0 || code == TL_FDB_DONE) && batch->list->first) {
        code = take_bodies(worker, transaction, batch, fault);
    }
    return code != 0 ? code : TL_FDB_DONE;
}

// What the checkpoints' rows add up to, less what the servers' manifests say.
typedef struct tally {
    const tl_fdb_worker *worker;
    uint64_t count, total;
} tally;

static int add_checkpoint(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    tally *t = context;
    tl_fdb_checkpoint checkpoint;
    if (!tl_fdb_get_checkpoint(row->value, row->value_bytes, &checkpoint)) {
        return tl_fdb_damaged(t->worker, "a checkpoint", fault);
    }
    t->count++;
    t->total += tl_mix(checkpoint.sum);
    return 0;
}

static int subtract_manifest(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    tally *t = context;
    tl_fdb_manifest manifest;
    if (!tl_fdb_get_manifest(row->value, row->value_bytes, &manifest)) {
        return tl_fdb_damaged(t->worker, "the manifest of checkpoints", fault);
    }
    t->count -= manifest.count;
    t->total -= manifest.total;
    return 0;
}

static int tally_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    tally *t = context;
    *t = (tally){.worker = worker};
    tl_fdb_key checkpoints = TL_FDB_KEY(worker->prefix, TL_FDB_CHECKPOINT);
    tl_fdb_key manifests = TL_FDB_KEY(worker->prefix, TL_FDB_MANIFEST);
    int code = tl_fdb_scan_all(worker, transaction, &checkpoints, true, add_checkpoint, t, fault);
    if (code == 0) {
        code = tl_fdb_scan_all(worker, transaction, &manifests, true, subtract_manifest, t, fault);
    }
    if (code == 0 && (t->count != 0 || t->total != 0)) {
        return tl_fdb_damaged(worker, "the list of checkpoints", fault);
    }
    return code != 0 ? code : TL_FDB_DONE;
}

tl_result tl_fdb_checkpoints_next(tl_fdb_checkpoints *list, tl_fdb_worker *worker, bool first, tl_group_id after,
                                  tl_note **out, tl_fault *fault)
{
    tally all;
    tl_result sound = first ? tl_fdb_run(worker, TL_ACTIVITY_FOLLOW, tally_body, &all, NULL, fault) : TL_OK;
    if (sound != TL_OK) {
        return sound;
    }
    if (first || !list->first) {
        checkpoint_batch batch = {.worker = worker, .list = list, .first = first, .after = after};
        tl_result result = tl_fdb_run(worker, TL_ACTIVITY_FOLLOW, checkpoints_body, &batch, NULL, fault);
        if (result != TL_OK) {
            return result;
        }
    }
    tl_note *note = list->first;
    if (!note) {
        return TL_AGAIN;
    }
    list->first = note->next;
    list->last = note->next ? list->last : NULL;
    *out = note;
    return TL_OK;
}
