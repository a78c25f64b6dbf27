#include "store/fdb/restore.h"
#include "base/memory.h"

#include <string.h>

// While a copy goes on, the lease of server 0, which there is not, says so. It goes in the transaction that makes the
// world.
static tl_fdb_key claim_key(const tl_fdb_worker *worker)
{
    return tl_fdb_lease_key(worker, 0);
}

int tl_fdb_restore_is_claimed(tl_fdb_worker *worker, tl_fdb_transaction *transaction, uint64_t *nonce, tl_fault *fault)
{
    uint8_t row[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    tl_fdb_lease lease = {0};
    tl_fdb_key key = claim_key(worker);
    int code = tl_fdb_get(worker, transaction, &key, false, row, &size);
    if (code == 0 && size >= 0 && !tl_fdb_get_lease(row, size, &lease)) {
        return tl_fdb_damaged(worker, "what says that it is a copy", fault);
    }
    *nonce = lease.nonce;
    return code;
}

static int claim_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    tl_fdb_restore *restore = context;
    uint8_t row[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    uint64_t nonce = 0;
    tl_fdb_key world = TL_FDB_KEY(worker->prefix, TL_FDB_WORLD);
    int code = tl_fdb_get(worker, transaction, &world, false, row, &size);
    if (code == 0 && size >= 0) {
        tl_fault_set(fault, TL_ERR_EXISTS, worker->place, "there is a world already; copy to another prefix");
        return TL_FDB_FAULT;
    }
    if (code == 0) {
        code = tl_fdb_restore_is_claimed(worker, transaction, &nonce, fault);
    }
    if (code != 0 || nonce == restore->nonce) {
        return code != 0 ? code : TL_FDB_DONE;
    }
    if (nonce != 0) {
        tl_fault_set(
            fault, TL_ERR_EXISTS, worker->place,
            "another copy into it goes on, or was broken off; then copy to another prefix, or clear this one's keys");
        return TL_FDB_FAULT;
    }
    tl_fdb_lease_write(worker, transaction, 0, 0, restore->nonce);
    return 0;
}

// ---- batches -------------------------------------------------------------------------------------------------------

static void empty_batch(tl_fdb_restore *restore)
{
    for (size_t i = 0; i < restore->count; i++) {
        tl_free(restore->batch[i].work);
    }
    restore->count = restore->bytes = restore->staged = restore->until = 0;
}

static int write_one(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_restore_event *e,
                     size_t staged, tl_fault *fault)
{
    switch (e->type) {
    case TL_STORE_SERVER:
        if (e->epoch == 1) {
            tl_fdb_key server = TL_FDB_KEY(worker->prefix, TL_FDB_SERVER, e->server);
            tl_fdb_name name = {{0}};
            snprintf(name.text, sizeof(name.text), "%s", e->name);
            tl_fdb_row row = tl_fdb_put_name(&name);
            tl_fdb_set(worker, transaction, &server, &row);
        }
        tl_fdb_epoch_write(worker, transaction, e->server, e->epoch, &e->row, TL_FDB_AS_SAID);
        return 0;
    case TL_STORE_FENCED:
        tl_fdb_epoch_write(worker, transaction, e->server, e->epoch, &e->row, TL_FDB_AS_SAID);
        return 0;
    case TL_STORE_RECORD:
        (void)tl_fdb_record_write(worker, transaction, e->server, &e->record, e->work, staged, TL_FDB_AS_SAID);
        return 0;
    case TL_STORE_CHECKPOINT: return tl_fdb_checkpoint_write(worker, transaction, 0, e->work, staged, fault);
    default: break;
    }
    TL_ASSERT(!"nothing else is put into a batch");
    return 0;
}

static int write_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    const tl_fdb_restore *restore = context;
    const tl_fdb_restore_event *large = &restore->batch[0];
    if (restore->until > 0 && large->type == TL_STORE_CHECKPOINT) { // a part of a large one, which is alone
        return tl_fdb_checkpoint_stage(worker, transaction, 0, large->work, restore->staged, restore->until, fault);
    }
    if (restore->until > 0) {
        tl_fdb_key of = tl_fdb_record_key(worker, large->server, large->work->tick);
        tl_fdb_parts_write(worker, transaction, &of, large->work, restore->staged, restore->until);
        return 0;
    }
    int code = 0;
    for (size_t i = 0; i < restore->count && code == 0; i++) {
        code = write_one(worker, transaction, &restore->batch[i], i == 0 ? restore->staged : 0, fault);
    }
    return code;
}

static tl_result write_batch(tl_fdb_restore *restore, tl_fdb_worker *worker, tl_fault *fault)
{
    tl_result result = TL_OK;
    if (restore->count == 0) {
        return TL_OK;
    }
    const tl_work *large = restore->count == 1 ? restore->batch[0].work : NULL;
    while (result == TL_OK && large && large->size - restore->staged > TL_FDB_STAGE_BYTES) {
        restore->until = restore->staged + TL_FDB_STAGE_BYTES;
        result = tl_fdb_run(worker, TL_ACTIVITY_MAINTENANCE, write_body, restore, NULL, fault);
        restore->staged = restore->until;
    }
    restore->until = 0;
    if (result == TL_OK) {
        result = tl_fdb_run(worker, TL_ACTIVITY_MAINTENANCE, write_body, restore, NULL, fault);
    }
    empty_batch(restore);
    return result;
}

// ---- the end -------------------------------------------------------------------------------------------------------

typedef struct finishing {
    const tl_fdb_restore *restore;
    const tl_world_info *info;
} finishing;

static int finish_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    const finishing *f = context;
    uint32_t servers = 0;
    uint64_t nonce = 0;
    int code = tl_fdb_restore_is_claimed(worker, transaction, &nonce, fault);
    if (code != 0 ||
        nonce != f->restore->nonce) { // an earlier run was committed after all; somebody may be on it by now
        return code != 0 ? code : TL_FDB_DONE;
    }
    for (tl_server_number server = 1; server <= TL_SERVERS_MAX; server++) {
        const tl_restore_log *log = &f->restore->rule.logs[server];
        if (log->epoch > 0) {
            tl_log_head head = {.epoch = log->epoch,
                                .tick = log->tick,
                                .heir = log->ended ? log->heir : TL_HEIR_NONE,
                                .sum = f->restore->sums[server]};
            tl_fdb_head_write(worker, transaction, server, &head);
            tl_fdb_lease_write(worker, transaction, server, log->epoch, 0);
            servers = server;
        }
    }
    tl_fdb_key claim = claim_key(worker), behind = claim;
    behind.bytes[behind.size++] = 0;
    tl_fdb_key roster = TL_FDB_KEY(worker->prefix, TL_FDB_ROSTER), world = TL_FDB_KEY(worker->prefix, TL_FDB_WORLD);
    tl_fdb_row count = tl_fdb_put_count(&servers), info = tl_fdb_put_world(f->info);
    tl_fdb_clear(worker, transaction, &claim, &behind);
    tl_fdb_set(worker, transaction, &roster, &count);
    tl_fdb_set(worker, transaction, &world, &info);
    return 0;
}

// ---- events --------------------------------------------------------------------------------------------------------

static tl_result put_in_batch(tl_fdb_restore *restore, const tl_fdb_worker *worker, const tl_store_event *event,
                              int64_t previous_tick, tl_fault *fault)
{
    tl_fdb_restore_event e = {.type = event->type, .server = event->server, .epoch = event->epoch};
    uint64_t order = ++restore->order;
    if (event->type == TL_STORE_SERVER) {
        memcpy(e.name, event->name, sizeof(e.name));
        restore->epochs[event->server] = (tl_log_epoch){.began_us = event->begun_us,
                                                        .began_tick = event->tick,
                                                        .began_order = order,
                                                        .last_tick = -1,
                                                        .heir = TL_HEIR_NONE};
    } else if (event->type == TL_STORE_FENCED) {
        tl_log_epoch *epoch = &restore->epochs[event->server];
        epoch->ended_us = event->begun_us;
        epoch->ended_order = order;
        epoch->last_tick = event->tick;
        epoch->heir = event->heir;
    } else {
        tl_work_type type = event->type == TL_STORE_RECORD ? TL_WORK_RECORD : TL_WORK_CHECKPOINT;
        e.work = tl_work_create(type, event->data, event->size);
        if (!e.work) {
            return tl_fault_set(fault, TL_ERR_MEMORY, worker->place, "out of memory");
        }
        e.work->tick = event->tick;
        e.work->group = event->group;
        e.work->begun_us = event->begun_us;
        e.record = (tl_fdb_record){
            .order = order, .previous_tick = previous_tick, .epoch = event->epoch, .begun_us = event->begun_us};
        if (event->type == TL_STORE_RECORD) {
            e.record.previous_sum = restore->sums[event->server];
            restore->sums[event->server] = tl_fdb_record_sum(event->server, event->tick, &e.record, event->data,
                                                             event->size);
        }
    }
    if (!e.work) {
        e.row = restore->epochs[event->server];
    }
    restore->batch[restore->count++] = e;
    restore->bytes += event->size;
    return TL_OK;
}

static tl_result take(tl_fdb_restore *restore, tl_fdb_worker *worker, const tl_world_info *info,
                      const tl_store_event *event, int64_t previous_tick, tl_fault *fault)
{
    tl_result result = TL_OK;
    if (!restore->claimed) {
        result = tl_fdb_run(worker, TL_ACTIVITY_MAINTENANCE, claim_body, restore, NULL, fault);
        restore->claimed = result == TL_OK;
    }
    bool full = restore->count == TL_FDB_RESTORE_BATCH_MAX ||
                restore->bytes + event->size > TL_FDB_TRANSACTION_BYTES_MAX;
    if (result == TL_OK && (full || event->type == TL_STORE_LOADED)) {
        result = write_batch(restore, worker, fault);
    }
    if (result == TL_OK && event->type == TL_STORE_LOADED) {
        finishing f = {.restore = restore, .info = info};
        return tl_fdb_run(worker, TL_ACTIVITY_MAINTENANCE, finish_body, &f, NULL, fault);
    }
    return result == TL_OK ? put_in_batch(restore, worker, event, previous_tick, fault) : result;
}

tl_result tl_fdb_restore_take(tl_fdb_restore *restore, tl_fdb_worker *worker, const tl_world_info *info,
                              const tl_store_event *event, tl_fault *fault)
{
    bool of_log = event->server >= 1 && event->server <= TL_SERVERS_MAX;
    int64_t previous_tick = of_log ? restore->rule.logs[event->server].tick : -1;
    tl_result result = tl_restore_take(&restore->rule, info, event, fault);
    if (result == TL_OK) {
        result = take(restore, worker, info, event, previous_tick, fault);
        restore->rule.over |= result != TL_OK;
    }
    return result;
}

void tl_fdb_restore_free(tl_fdb_restore *restore)
{
    if (restore) {
        empty_batch(restore);
        tl_free(restore);
    }
}
