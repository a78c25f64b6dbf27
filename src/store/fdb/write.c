// What the writing thread does. Each operation is a transaction that looks at what it depends on, so that it can be run
// again when FoundationDB asks for it.
//
// A commit is one round trip: it reads nothing, sets its read version to one less than the last commit's version, and
// conflicts with the lease alone. Ending an epoch writes that lease, so every later commit fails. The last
// commit's own version would not do: several transactions can share it, and the one that ends the epoch may be among
// them. If a commit failed or its outcome is not known, the next one reads the head first, and omits what was committed
// after all.
#include "store/fdb/aside.h"
#include "store/fdb/log.h"
#include "store/fdb/store.h"

#include <string.h>

enum {
    COMMIT_RECORDS_MAX = TL_STORE_RECORDS_MAX,
    CHECKPOINT_BYTES_MAX = 1 << 18, // in one transaction
    VERSION_GOOD_US = 3000000,      // a transaction's version is good for 5 s
    MAINTENANCE_WAIT_US = 500000,
    FENCE_TRIES_MAX = 3, // before own records are looked at again
};

// ---- the end of an epoch -------------------------------------------------------------------------------------------

// Ends the epoch that the head is in. Writing the lease makes every commit under it fail.
static int end_epoch(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, tl_log_head *head,
                     int heir, tl_fault *fault)
{
    TL_ASSERT(heir != TL_HEIR_NONE);
    tl_log_epoch epoch;
    int code = tl_fdb_epoch_read(worker, transaction, server, head->epoch, &epoch, fault);
    if (code != 0) {
        return code;
    }
    epoch.ended_us = tl_clock_real_us();
    epoch.ended_order = 0; // set by the commit
    epoch.last_tick = head->tick;
    epoch.heir = head->heir = heir;
    tl_fdb_epoch_write(worker, transaction, server, head->epoch, &epoch, TL_FDB_AS_COMMITTED);
    tl_fdb_head_write(worker, transaction, server, head);
    tl_fdb_lease_write(worker, transaction, server, head->epoch, 0);
    return 0;
}

// ---- join ----------------------------------------------------------------------------------------------------------

typedef struct joining {
    tl_fdb_store *store;
    uint32_t servers;
    tl_server_number number; // 0: no server has that name yet
    tl_log_head head;
} joining;

static int look_at_server(void *context, const tl_fdb_key_value *row, tl_fault *fault)
{
    joining *j = context;
    uint64_t number = 0;
    tl_fdb_name name;
    if (!tl_fdb_get_name(row->value, row->value_bytes, &name) ||
        !tl_fdb_key_read(j->store->prefix, TL_FDB_SERVER, row->key, row->key_bytes, &number, 1) ||
        number != j->servers + 1u || number > TL_SERVERS_MAX) {
        return tl_fdb_damaged(&j->store->worker, "the list of servers", fault);
    }
    j->servers++;
    if (strcmp(name.text, j->store->attachment.name) == 0) {
        j->number = (tl_server_number)number;
    }
    return 0;
}

static int register_server(tl_fdb_worker *worker, tl_fdb_transaction *transaction, joining *j, tl_fault *fault)
{
    j->servers = 0;
    j->number = 0;
    tl_fdb_key all = TL_FDB_KEY(worker->prefix, TL_FDB_SERVER);
    int code = tl_fdb_scan_all(worker, transaction, &all, false, look_at_server, j, fault);
    if (code != 0 || j->number != 0) {
        return code;
    }
    if (j->servers >= TL_SERVERS_MAX) {
        tl_fault_set(fault, TL_ERR_FULL, worker->place,
                     "the world has as many servers as it can have; use one of their names");
        return TL_FDB_FAULT;
    }
    tl_fdb_name name = {{0}};
    snprintf(name.text, sizeof(name.text), "%s", j->store->attachment.name);
    uint32_t count = j->servers + 1;
    j->number = (tl_server_number)count;
    tl_fdb_key server = TL_FDB_KEY(worker->prefix, TL_FDB_SERVER, count);
    tl_fdb_key roster = TL_FDB_KEY(worker->prefix, TL_FDB_ROSTER);
    tl_fdb_row named = tl_fdb_put_name(&name), counted = tl_fdb_put_count(&count);
    tl_fdb_set(worker, transaction, &server, &named);
    tl_fdb_set(worker, transaction, &roster, &counted);
    return 0;
}

// Whether the lease is this attachment's. (While joining: then an earlier run of it was committed after all.)
static int holds_lease(tl_fdb_worker *worker, tl_fdb_transaction *transaction, const tl_fdb_store *store,
                       tl_server_number number, bool *out, tl_fault *fault)
{
    uint8_t row[TL_FDB_ROW_BYTES_MAX];
    int size = 0;
    tl_fdb_lease lease = {0};
    tl_fdb_key key = tl_fdb_lease_key(worker, number);
    int code = tl_fdb_get(worker, transaction, &key, false, row, &size);
    if (code == 0 && size >= 0 && !tl_fdb_get_lease(row, size, &lease)) {
        return tl_fdb_damaged(worker, "a server's lease", fault);
    }
    *out = lease.nonce == store->nonce;
    return code;
}

static int join_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    joining *j = context;
    bool joined = false;
    int code = register_server(worker, transaction, j, fault);
    if (code == 0) {
        code = holds_lease(worker, transaction, j->store, j->number, &joined, fault);
    }
    if (code == 0) {
        code = tl_fdb_head_read(worker, transaction, j->number, &j->head, fault);
    }
    if (code != 0 || joined) {
        return code != 0 ? code : TL_FDB_DONE;
    }
    if (j->head.epoch > 0 && j->head.heir <= TL_HEIR_LEFT) {
        code = end_epoch(worker, transaction, j->number, &j->head, j->number, fault);
        if (code != 0) {
            return code;
        }
    }
    tl_log_epoch epoch = {
        .began_us = tl_clock_real_us(), .began_tick = j->head.tick, .last_tick = -1, .heir = TL_HEIR_NONE};
    j->head.epoch++;
    j->head.heir = TL_HEIR_NONE;
    tl_fdb_epoch_write(worker, transaction, j->number, j->head.epoch, &epoch, TL_FDB_AS_COMMITTED);
    tl_fdb_head_write(worker, transaction, j->number, &j->head);
    tl_fdb_lease_write(worker, transaction, j->number, j->head.epoch, j->store->nonce);
    // Of a record that its server did not come to finish parts may lie behind the head.
    tl_fdb_key behind = tl_fdb_record_key(worker, j->number, j->head.tick + 1);
    tl_fdb_key log = TL_FDB_KEY(worker->prefix, TL_FDB_RECORD, TL_FDB_CHANNEL_ALL, j->number);
    tl_fdb_key end = tl_fdb_key_end(&log);
    tl_fdb_clear(worker, transaction, &behind, &end);
    return 0;
}

static tl_result take_lease(void *backend, tl_server_number *number, tl_log_head *out, tl_fault *fault)
{
    tl_fdb_store *store = backend;
    joining j = {.store = store};
    tl_result result = tl_fdb_run(&store->worker, TL_ACTIVITY_JOIN, join_body, &j, NULL, fault);
    *number = j.number;
    *out = j.head;
    store->last_sum = j.head.sum;
    return result;
}

// ---- the own epoch -------------------------------------------------------------------------------------------------

static tl_result read_own_epoch(void *backend, tl_activity activity, tl_log_epoch *out, tl_fault *fault)
{
    tl_fdb_store *store = backend;
    const tl_attachment *attachment = &store->attachment;
    return tl_fdb_epoch_look(&store->worker, activity, attachment->number, attachment->epoch, out, fault);
}

// ---- commits -------------------------------------------------------------------------------------------------------

typedef struct commit {
    tl_fdb_store *store;
    tl_work *const *records;
    size_t count;
    size_t staged; // of the first record's bytes, that an earlier transaction has stored
    size_t until;  // how far this transaction stores them
    uint64_t sum;  // of the last record, once it is committed
    bool fenced;
} commit;

// The head as it is surely: read if what was done last is not certain.
static int sure_head(tl_fdb_worker *worker, tl_fdb_transaction *transaction, commit *c, tl_log_head *out,
                     tl_fault *fault)
{
    const tl_attachment *attachment = &c->store->attachment;
    *out = (tl_log_head){.epoch = attachment->epoch,
                         .tick = attachment->committed_tick,
                         .heir = TL_HEIR_NONE,
                         .sum = c->store->last_sum};
    if (!c->store->careful) {
        worker->fdb->transaction_set_read_version(transaction, c->store->version - 1);
        c->store->careful = true; // until it is known to have gone well
        return 0;
    }
    int code = tl_fdb_head_read(worker, transaction, attachment->number, out, fault);
    c->fenced = code == 0 && (out->epoch != attachment->epoch || out->heir != TL_HEIR_NONE);
    return code == 0 && c->fenced ? TL_FDB_DONE : code;
}

static int commit_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    commit *c = context;
    const tl_attachment *attachment = &c->store->attachment;
    tl_log_head head;
    int code = sure_head(worker, transaction, c, &head, fault);
    if (code != 0) {
        return code;
    }
    c->sum = head.sum;
    tl_fdb_key lease = tl_fdb_lease_key(worker, attachment->number);
    tl_fdb_conflict(worker, transaction, &lease);
    if (c->until > 0 && head.tick < c->records[0]->tick) { // a part of a large one
        tl_fdb_key key = tl_fdb_record_key(worker, attachment->number, c->records[0]->tick);
        tl_fdb_parts_write(worker, transaction, &key, c->records[0], c->staged, c->until);
        return 0;
    }
    bool any = false;
    for (size_t i = 0; i < c->count; i++) {
        if (c->records[i]->tick > head.tick) {
            tl_fdb_record record = {.epoch = attachment->epoch, .previous_tick = head.tick, .previous_sum = head.sum};
            head.sum = tl_fdb_record_write(worker, transaction, attachment->number, &record, c->records[i],
                                           i == 0 ? c->staged : 0, TL_FDB_AS_COMMITTED);
            head.tick = c->records[i]->tick;
            any = true;
        }
    }
    c->sum = head.sum;
    tl_fdb_head_write(worker, transaction, attachment->number, &head);
    return any ? 0 : TL_FDB_DONE;
}

static tl_result run_commit(tl_fdb_store *store, commit *c, tl_fault *fault)
{
    if (tl_clock_steady_us() - store->version_us > VERSION_GOOD_US) {
        store->careful = true;
    }
    int64_t version = -1;
    tl_result result = tl_fdb_run(&store->worker, TL_ACTIVITY_COMMIT, commit_body, c, &version, fault);
    store->last_sum = result == TL_OK && !c->fenced ? c->sum : store->last_sum;
    if (result == TL_OK && !c->fenced && version >= 0) {
        store->version = version;
        store->version_us = tl_clock_steady_us();
        store->careful = false;
    }
    return result;
}

// A record that is too large for one transaction is stored in several; the last one makes it visible.
static tl_result stage(tl_fdb_store *store, commit *c, tl_fault *fault)
{
    tl_result result = TL_OK;
    while (result == TL_OK && !c->fenced && c->records[0]->size - c->staged > TL_FDB_STAGE_BYTES) {
        c->until = c->staged + TL_FDB_STAGE_BYTES;
        result = run_commit(store, c, fault);
        c->staged = c->until;
    }
    c->until = 0;
    return result;
}

static tl_result append(void *backend, tl_work *const *records, size_t count, tl_fault *fault)
{
    TL_ASSERT(count > 0 && count <= COMMIT_RECORDS_MAX);
    tl_fdb_store *store = backend;
    commit c = {.store = store, .records = records, .count = count};
    tl_result result = stage(store, &c, fault);
    if (result == TL_OK && !c.fenced) {
        result = run_commit(store, &c, fault);
    }
    return result == TL_OK && c.fenced ? TL_ERR_FENCED : result;
}

// ---- fences and leaving --------------------------------------------------------------------------------------------

typedef struct ending {
    const tl_attachment *attachment;
    tl_server_number server;
    uint32_t epoch;
    int64_t tick;
    int heir;
    const tl_work *quarantine; // NULL: the epoch ends at its last record
    tl_fdb_aside aside;        // if not: what it found before
    bool lost;                 // the own lease is
} ending;

// The own head is read, and so conflicted with: the heir is alive when it becomes one.
static int end_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    ending *e = context;
    tl_log_head own, head;
    int code = tl_fdb_head_read(worker, transaction, e->attachment->number, &own, fault);
    if (code == 0 && e->quarantine) {
        // Its author commits all the time. Ending or beginning an epoch writes the lease: that alone must not
        // happen. What is committed meanwhile goes with the rest.
        tl_fdb_key lease = tl_fdb_lease_key(worker, e->server);
        code = tl_fdb_head_peek(worker, transaction, e->server, &head, fault);
        tl_fdb_conflict(worker, transaction, &lease);
    } else if (code == 0) {
        code = tl_fdb_head_read(worker, transaction, e->server, &head, fault);
    }
    if (code != 0) {
        return code;
    }
    e->lost = own.epoch != e->attachment->epoch || own.heir != TL_HEIR_NONE;
    bool open = head.heir == TL_HEIR_NONE || (head.heir == TL_HEIR_LEFT && e->heir != TL_HEIR_LEFT);
    bool leaves = e->heir == TL_HEIR_LEFT; // wherever its log ends: a commit may have been made without an answer
    bool possible = !e->lost && open && head.epoch == e->epoch && (head.tick == e->tick || leaves || e->quarantine);
    if (possible && e->quarantine) {
        code = tl_fdb_set_aside(worker, transaction, e->quarantine, &e->aside, &head, &possible, fault);
    }
    if (code != 0 || !possible) {
        return code != 0 ? code : TL_FDB_DONE; // it goes on after all, or somebody else was faster
    }
    return end_epoch(worker, transaction, e->server, &head, e->heir, fault);
}

// An author that is alive commits in between, and each of its commits is a conflict: own records must not wait for the
// end of that.
static tl_result run_ending(tl_fdb_store *store, ending *e, tl_fault *fault)
{
    tl_result result = TL_OK;
    store->worker.tries_max = FENCE_TRIES_MAX;
    if (e->quarantine && e->quarantine->has_bad) {
        result = tl_fdb_look_aside(&store->worker, e->quarantine, &e->aside, fault);
    }
    if (result == TL_OK) {
        result = tl_fdb_run(&store->worker, TL_ACTIVITY_FENCE, end_body, e, NULL, fault);
    }
    store->worker.tries_max = 0;
    return result;
}

static tl_result fence(void *backend, const tl_work *work, tl_fault *fault)
{
    TL_ASSERT(work->type == TL_WORK_FENCE);
    tl_fdb_store *store = backend;
    ending e = {.attachment = &store->attachment,
                .server = work->server,
                .epoch = work->epoch,
                .tick = work->tick,
                .heir = store->attachment.number,
                .quarantine = work->quarantine ? work : NULL};
    tl_result result = run_ending(store, &e, fault);
    return result == TL_OK && e.lost ? TL_ERR_FENCED : result;
}

static tl_result leave(void *backend, tl_fault *fault)
{
    tl_fdb_store *store = backend;
    const tl_attachment *attachment = &store->attachment;
    ending e = {.attachment = attachment,
                .server = attachment->number,
                .epoch = attachment->epoch,
                .tick = attachment->committed_tick,
                .heir = TL_HEIR_LEFT};
    return tl_fdb_run(&store->worker, TL_ACTIVITY_FENCE, end_body, &e, NULL, fault);
}

// ---- maintenance ---------------------------------------------------------------------------------------------------

typedef struct upkeep {
    tl_fdb_store *store;
    tl_work *const *works;
    size_t count;
    size_t staged, until; // as with a commit, of the first one
    int64_t before_tick;  // to truncate
    bool fenced;
} upkeep;

static int check_lease_held(tl_fdb_worker *worker, tl_fdb_transaction *transaction, upkeep *c, tl_fault *fault)
{
    bool holds = false;
    int code = holds_lease(worker, transaction, c->store, c->store->attachment.number, &holds, fault);
    c->fenced = code == 0 && !holds;
    return c->fenced ? TL_FDB_DONE : code;
}

static int checkpoint_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    upkeep *c = context;
    int code = check_lease_held(worker, transaction, c, fault);
    if (code != 0) {
        return code;
    }
    tl_server_number own = c->store->attachment.number;
    if (c->until > 0) {
        return tl_fdb_checkpoint_stage(worker, transaction, own, c->works[0], c->staged, c->until, fault);
    }
    for (size_t i = 0; i < c->count && code == 0; i++) {
        code = tl_fdb_checkpoint_write(worker, transaction, own, c->works[i], i == 0 ? c->staged : 0, fault);
    }
    return code;
}

static tl_result put_checkpoints(void *backend, tl_work *const *checkpoints, size_t count, tl_fault *fault)
{
    TL_ASSERT(count > 0);
    tl_fdb_store *store = backend;
    upkeep c = {.store = store, .works = checkpoints, .count = count};
    tl_result result = TL_OK;
    while (result == TL_OK && !c.fenced && c.works[0]->size - c.staged > TL_FDB_STAGE_BYTES) {
        c.until = c.staged + TL_FDB_STAGE_BYTES;
        result = tl_fdb_run(&store->worker, TL_ACTIVITY_MAINTENANCE, checkpoint_body, &c, NULL, fault);
        c.staged = c.until;
    }
    c.until = 0;
    if (result == TL_OK && !c.fenced) {
        result = tl_fdb_run(&store->worker, TL_ACTIVITY_MAINTENANCE, checkpoint_body, &c, NULL, fault);
    }
    return result == TL_OK && c.fenced ? TL_ERR_FENCED : result;
}

static int truncate_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    upkeep *c = context;
    const tl_attachment *attachment = &c->store->attachment;
    int64_t before = c->before_tick;
    before = before < attachment->committed_tick ? before : attachment->committed_tick; // the newest stays
    if (before <= 0) {
        return TL_FDB_DONE;
    }
    int code = check_lease_held(worker, transaction, c, fault);
    if (code != 0) {
        return code;
    }
    tl_fdb_key first = tl_fdb_record_key(worker, attachment->number, 0),
               end = tl_fdb_record_key(worker, attachment->number, before);
    tl_fdb_clear(worker, transaction, &first, &end);
    return 0;
}

// All of it at once: to clear a range costs nothing.
static tl_result truncate_own(void *backend, int64_t tick, bool *done, tl_fault *fault)
{
    tl_fdb_store *store = backend;
    upkeep c = {.store = store, .before_tick = tick};
    tl_result result = tl_fdb_run(&store->worker, TL_ACTIVITY_MAINTENANCE, truncate_body, &c, NULL, fault);
    *done = true;
    return result == TL_OK && c.fenced ? TL_ERR_FENCED : result;
}

const tl_writer_ops tl_fdb_writer_ops = {
    .join = take_lease,
    .append = append,
    .fence = fence,
    .checkpoint = put_checkpoints,
    .truncate = truncate_own,
    .leave = leave,
    .epoch = read_own_epoch,
    .records_max = COMMIT_RECORDS_MAX,
    .record_bytes_max = TL_FDB_TRANSACTION_BYTES_MAX,
    .checkpoint_bytes_max = CHECKPOINT_BYTES_MAX,
    .maintenance_wait_us = MAINTENANCE_WAIT_US,
    .leave_tries_max = 1, // tl_fdb_run() tries again by itself
};
