#include "store/fdb/log.h"

tl_fdb_key tl_fdb_lease_key(const tl_fdb_worker *worker, tl_server_number server)
{
    return TL_FDB_KEY(worker->prefix, TL_FDB_LEASE, server);
}

tl_fdb_key tl_fdb_head_key(const tl_fdb_worker *worker, tl_server_number server)
{
    return TL_FDB_KEY(worker->prefix, TL_FDB_HEAD, TL_FDB_CHANNEL_ALL, server);
}

tl_fdb_key tl_fdb_record_key(const tl_fdb_worker *worker, tl_server_number server, int64_t tick)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX);
    TL_ASSERT(tick >= 0);
    return TL_FDB_KEY(worker->prefix, TL_FDB_RECORD, TL_FDB_CHANNEL_ALL, server, (uint64_t)tick);
}

// ---- heads and epochs ----------------------------------------------------------------------------------------------

static int read_head(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, bool snapshot,
                     tl_log_head *out, tl_fault *fault)
{
    uint8_t row[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    tl_fdb_key key = tl_fdb_head_key(worker, server);
    int code = tl_fdb_get(worker, transaction, &key, snapshot, row, &size);
    if (code != 0) {
        return code;
    }
    if (size < 0) {
        *out = (tl_log_head){.tick = -1, .heir = TL_HEIR_NONE};
        return 0;
    }
    return tl_fdb_get_head(row, size, out) ? 0 : tl_fdb_damaged(worker, "a server's head", fault);
}

int tl_fdb_head_read(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, tl_log_head *out,
                     tl_fault *fault)
{
    return read_head(worker, transaction, server, false, out, fault);
}

int tl_fdb_head_peek(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, tl_log_head *out,
                     tl_fault *fault)
{
    return read_head(worker, transaction, server, true, out, fault);
}

int tl_fdb_epoch_read(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, uint32_t epoch,
                      tl_log_epoch *out, tl_fault *fault)
{
    uint8_t row[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    tl_fdb_key key = TL_FDB_KEY(worker->prefix, TL_FDB_EPOCH, server, epoch);
    int code = tl_fdb_get(worker, transaction, &key, false, row, &size);
    if (code != 0) {
        return code;
    }
    return tl_fdb_get_epoch(row, size, out) ? 0 : tl_fdb_damaged(worker, "the list of epochs", fault);
}

typedef struct epoch_question {
    tl_server_number server;
    uint32_t epoch;
    tl_log_epoch *out;
} epoch_question;

static int epoch_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    const epoch_question *q = context;
    int code = tl_fdb_epoch_read(worker, transaction, q->server, q->epoch, q->out, fault);
    return code != 0 ? code : TL_FDB_DONE;
}

tl_result tl_fdb_epoch_look(tl_fdb_worker *worker, tl_activity activity, tl_server_number server, uint32_t epoch,
                            tl_log_epoch *out, tl_fault *fault)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX && epoch > 0);
    epoch_question q = {server, epoch, out};
    return tl_fdb_run(worker, activity, epoch_body, &q, NULL, fault);
}

// Without the row's versionstamp, if the order is known by other means.
static tl_fdb_row ordered(tl_fdb_row row, tl_fdb_order order)
{
    row.stamp_at = order == TL_FDB_AS_SAID ? -1 : row.stamp_at;
    return row;
}

void tl_fdb_epoch_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, uint32_t epoch,
                        const tl_log_epoch *value, tl_fdb_order order)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX);
    TL_ASSERT(epoch > 0);
    tl_fdb_key key = TL_FDB_KEY(worker->prefix, TL_FDB_EPOCH, server, epoch);
    tl_fdb_row row = ordered(tl_fdb_put_epoch(value), order);
    tl_fdb_set(worker, transaction, &key, &row);
}

void tl_fdb_head_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                       const tl_log_head *head)
{
    TL_ASSERT(server >= 1 && server <= TL_SERVERS_MAX);
    TL_ASSERT(head->epoch > 0 && head->tick >= -1);
    tl_fdb_key key = tl_fdb_head_key(worker, server);
    tl_fdb_row row = tl_fdb_put_head(head);
    tl_fdb_set(worker, transaction, &key, &row);
}

void tl_fdb_lease_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, uint32_t epoch,
                        uint64_t nonce)
{
    tl_fdb_key key = tl_fdb_lease_key(worker, server);
    tl_fdb_row row = tl_fdb_put_lease(&(tl_fdb_lease){.epoch = epoch, .nonce = nonce});
    tl_fdb_set(worker, transaction, &key, &row);
}

// ---- bodies --------------------------------------------------------------------------------------------------------

void tl_fdb_parts_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_key *of,
                        const tl_work *work, size_t from, size_t until)
{
    TL_ASSERT(from % TL_FDB_PART_BYTES_MAX == 0 && until <= work->size);
    for (size_t at = from; at < until; at += TL_FDB_PART_BYTES_MAX) {
        size_t bytes = until - at < TL_FDB_PART_BYTES_MAX ? until - at : TL_FDB_PART_BYTES_MAX;
        tl_fdb_key key = tl_fdb_key_part(of, 1 + at / TL_FDB_PART_BYTES_MAX);
        worker->fdb->transaction_set(transaction, key.bytes, key.size, work->data + at, (int)bytes);
    }
}

uint64_t tl_fdb_record_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                             const tl_fdb_record *record, const tl_work *work, size_t staged, tl_fdb_order order)
{
    TL_ASSERT(work->tick > record->previous_tick && record->epoch > 0);
    tl_fdb_key key = tl_fdb_record_key(worker, server, work->tick);
    tl_fdb_record whole = *record;
    whole.begun_us = work->begun_us;
    whole.sum = tl_fdb_record_sum(server, work->tick, &whole, work->data, work->size);
    whole.size = (uint32_t)work->size;
    tl_fdb_parts_write(worker, transaction, &key, work, staged, work->size);
    tl_fdb_key first = tl_fdb_key_part(&key, 0);
    tl_fdb_row row = ordered(tl_fdb_put_record(&whole), order);
    tl_fdb_set(worker, transaction, &first, &row);
    return whole.sum;
}

static tl_fdb_key body_key(const tl_fdb_worker *worker, tl_server_number server, const tl_work *work)
{
    return TL_FDB_KEY(worker->prefix, TL_FDB_BODY, work->group, (uint64_t)work->tick, server);
}

// Whether the work's checkpoint is newer than what is there; *stored: its tick is -1 if there is none.
static int is_newer(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_work *work,
                    tl_fdb_checkpoint *stored, bool *out, tl_fault *fault)
{
    uint8_t row[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    tl_fdb_key key = TL_FDB_KEY(worker->prefix, TL_FDB_CHECKPOINT, work->group);
    *stored = (tl_fdb_checkpoint){.tick = -1};
    int code = tl_fdb_get(worker, transaction, &key, false, row, &size);
    if (code == 0 && size >= 0 && !tl_fdb_get_checkpoint(row, size, stored)) {
        return tl_fdb_damaged(worker, "a checkpoint", fault);
    }
    *out = work->tick > stored->tick;
    return code;
}

// Each server has its own row, so that two never wait for each other; the total is that of all rows.
static int write_manifest(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                          const tl_fdb_checkpoint *before, uint64_t sum, tl_fault *fault)
{
    uint8_t row[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    tl_fdb_manifest manifest = {0};
    tl_fdb_key key = TL_FDB_KEY(worker->prefix, TL_FDB_MANIFEST, server);
    int code = tl_fdb_get(worker, transaction, &key, false, row, &size);
    if (code == 0 && size >= 0 && !tl_fdb_get_manifest(row, size, &manifest)) {
        return tl_fdb_damaged(worker, "the manifest of checkpoints", fault);
    }
    if (code != 0) {
        return code;
    }
    manifest.count += before->tick < 0;
    manifest.total += tl_mix(sum) - (before->tick < 0 ? 0 : tl_mix(before->sum));
    tl_fdb_row value = tl_fdb_put_manifest(&manifest);
    tl_fdb_set(worker, transaction, &key, &value);
    return 0;
}

int tl_fdb_checkpoint_stage(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                            const tl_work *work, size_t from, size_t until, tl_fault *fault)
{
    TL_ASSERT(from < until);
    bool newer = false;
    tl_fdb_checkpoint stored;
    int code = is_newer(worker, transaction, work, &stored, &newer, fault);
    if (code != 0 || !newer) {
        return code != 0 ? code : TL_FDB_DONE;
    }
    tl_fdb_key body = body_key(worker, server, work), end = tl_fdb_key_end(&body);
    if (from == 0) { // an earlier life of this server's may have left parts there
        tl_fdb_clear(worker, transaction, &body, &end);
    }
    tl_fdb_parts_write(worker, transaction, &body, work, from, until);
    return 0;
}

int tl_fdb_checkpoint_write(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server,
                            const tl_work *work, size_t staged, tl_fault *fault)
{
    TL_ASSERT(work->group != 0 && work->tick >= 0);
    bool newer = false;
    tl_fdb_checkpoint stored;
    uint64_t sum = tl_store_sum(work->group, (uint64_t)work->tick, work->data, work->size);
    int code = is_newer(worker, transaction, work, &stored, &newer, fault);
    if (code != 0 || !newer) {
        return code;
    }
    code = write_manifest(worker, transaction, server, &stored, sum, fault);
    if (code != 0) {
        return code;
    }
    // What is older goes, and of this tick what other servers have staged. A higher tick is being staged by somebody:
    // it stays, or goes with the checkpoint after it.
    tl_fdb_key all = TL_FDB_KEY(worker->prefix, TL_FDB_BODY, work->group);
    tl_fdb_key same = TL_FDB_KEY(worker->prefix, TL_FDB_BODY, work->group, (uint64_t)work->tick);
    tl_fdb_key body = body_key(worker, server, work), next = tl_fdb_key_end(&body), end = tl_fdb_key_end(&same);
    tl_fdb_clear(worker, transaction, &all, staged == 0 ? &next : &body);
    tl_fdb_clear(worker, transaction, &next, &end);
    tl_fdb_parts_write(worker, transaction, &body, work, staged, work->size);
    tl_fdb_key key = TL_FDB_KEY(worker->prefix, TL_FDB_CHECKPOINT, work->group);
    tl_fdb_row value = tl_fdb_put_checkpoint(
        &(tl_fdb_checkpoint){.tick = work->tick, .sum = sum, .size = (uint32_t)work->size, .server = server});
    tl_fdb_set(worker, transaction, &key, &value);
    return 0;
}
