// The writing thread: joins, commits, fences, does the chores, leaves. Each is a transaction that looks at what it
// depends on, so that it can be run again after whatever FoundationDB says.
//
// A commit is one round trip: it reads nothing, sets its read version to one less than the last commit's version, and
// conflicts with the lease alone. Whoever ends an epoch writes that lease, so every later commit fails. The last
// commit's own version would not do: several transactions can share it, and the one that ends the epoch may be among
// them. If a commit failed or its outcome is not known, the next one reads the head first, and omits what was committed
// after all.
#include "store/fdb/aside.h"
#include "store/fdb/log.h"
#include "store/fdb/store.h"

#include <string.h>
#include <time.h>

enum {
    COMMIT_RECORDS_MAX = 64,
    CHECKPOINT_BATCH_MAX = 32,
    CHECKPOINT_BATCH_BYTES_MAX = 1 << 18,
    VERSION_GOOD_US = 3000000, // a transaction's version is good for 5 s
    MAINTENANCE_US = 500000,   // so long they wait for records at most
    FENCE_TRIES_MAX = 3,       // before own records are looked at again
};

// ---- the end of an epoch -------------------------------------------------------------------------------------------

// Ends the epoch that the head is in. Writing the lease makes every commit under it fail.
static int end_epoch(tl_fdb_worker *worker, tl_fdb_transaction *transaction, tl_server_number server, tl_log_head *head,
                     int heir, tl_fault *fault)
{
    tl_log_epoch epoch;
    int code = tl_fdb_epoch_read(worker, transaction, server, head->epoch, &epoch, fault);
    if (code != 0) {
        return code;
    }
    epoch.ended_us = tl_clock_real_us();
    epoch.ended_order = 0; // given by the commit
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
        return tl_fdb_damaged(&j->store->writer, "the list of servers", fault);
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

static void join_store(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    joining j = {.store = store};
    tl_result result = tl_fdb_run(&store->writer, TL_ACTIVITY_JOIN, join_body, &j, NULL, &fault);
    if (!tl_attachment_result(attachment, TL_ACTIVITY_JOIN, result, &fault)) {
        return;
    }
    tl_attachment_report_joined(attachment, j.number, &j.head);
    pthread_mutex_lock(&attachment->mutex);
    store->may_read = true;
    store->joined_tick = j.head.tick;
    store->last_sum = j.head.sum;
    pthread_cond_broadcast(&attachment->work_cond);
    pthread_mutex_unlock(&attachment->mutex);
}

// ---- the lease is lost ---------------------------------------------------------------------------------------------

typedef struct own_epoch {
    const tl_fdb_store *store;
    tl_log_epoch row;
} own_epoch;

static int own_epoch_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    own_epoch *own = context;
    const tl_attachment *attachment = &own->store->attachment;
    int code = tl_fdb_epoch_read(worker, transaction, attachment->number, attachment->epoch, &own->row, fault);
    return code != 0 ? code : TL_FDB_DONE;
}

// Looks whether the own epoch still goes on, and tells if it does not.
static void check_lease(tl_fdb_store *store, tl_activity activity)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    own_epoch own = {.store = store};
    tl_result result = tl_fdb_run(&store->writer, activity, own_epoch_body, &own, NULL, &fault);
    if (!tl_attachment_result(attachment, activity, result, &fault) || own.row.heir == TL_HEIR_NONE) {
        return;
    }
    tl_attachment_report_lost(attachment, &own.row);
    pthread_mutex_lock(&attachment->mutex);
    store->last_epoch = own.row;
    store->disowned = true;
    attachment->wakeups++;
    pthread_cond_broadcast(&attachment->work_cond);
    pthread_mutex_unlock(&attachment->mutex);
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
    tl_result result = tl_fdb_run(&store->writer, TL_ACTIVITY_COMMIT, commit_body, c, &version, fault);
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

// Each step returns whether there is more to do at once.
static bool step_commits(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *batch[COMMIT_RECORDS_MAX];
    size_t count = tl_attachment_take_records(attachment, COMMIT_RECORDS_MAX, TL_FDB_TRANSACTION_BYTES_MAX, batch);
    if (count == 0) {
        return false;
    }
    commit c = {.store = store, .records = batch, .count = count};
    tl_result result = stage(store, &c, &fault);
    if (result == TL_OK && !c.fenced) {
        result = run_commit(store, &c, &fault);
    }
    if (!tl_attachment_result(attachment, TL_ACTIVITY_COMMIT, result, &fault)) {
        return false;
    }
    if (c.fenced) {
        check_lease(store, TL_ACTIVITY_COMMIT);
        return true;
    }
    tl_attachment_report_committed(attachment, count);
    return true;
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
        // Its author commits all the time. Whoever ends or begins an epoch writes the lease: that alone must not
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
    bool leaves = e->heir == TL_HEIR_LEFT; // wherever its log ends: a commit may have been made that it was not told of
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
    store->writer.tries_max = FENCE_TRIES_MAX;
    if (e->quarantine && e->quarantine->has_bad) {
        result = tl_fdb_look_aside(&store->writer, e->quarantine, &e->aside, fault);
    }
    if (result == TL_OK) {
        result = tl_fdb_run(&store->writer, TL_ACTIVITY_FENCE, end_body, e, NULL, fault);
    }
    store->writer.tries_max = 0;
    return result;
}

static bool step_fences(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *work = NULL;
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_FENCE) ||
        !tl_attachment_take(attachment, &attachment->fences, TL_WORK_FENCE, 1, 0, &work)) {
        return false;
    }
    ending e = {.attachment = attachment,
                .server = work->server,
                .epoch = work->epoch,
                .tick = work->tick,
                .heir = attachment->number,
                .quarantine = work->quarantine ? work : NULL};
    tl_result result = run_ending(store, &e, &fault);
    if (!tl_attachment_result(attachment, TL_ACTIVITY_FENCE, result, &fault)) {
        return false;
    }
    if (e.lost) {
        check_lease(store, TL_ACTIVITY_FENCE);
    } else {
        tl_attachment_drop(attachment, &attachment->fences, 1);
    }
    return true;
}

// Ends the own epoch in order, so that the others need not wait for the lease to run out.
static void leave_world(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    ending e = {.attachment = attachment,
                .server = attachment->number,
                .epoch = attachment->epoch,
                .tick = attachment->committed_tick,
                .heir = TL_HEIR_LEFT};
    (void)tl_fdb_run(&store->writer, TL_ACTIVITY_FENCE, end_body, &e, NULL, &fault);
}

// ---- chores --------------------------------------------------------------------------------------------------------

typedef struct maintenance {
    tl_fdb_store *store;
    tl_work *const *works;
    size_t count;
    size_t staged, until; // as with a commit, of the first one
    bool fenced;
} maintenance;

static int check_lease_held(tl_fdb_worker *worker, tl_fdb_transaction *transaction, maintenance *c, tl_fault *fault)
{
    bool holds = false;
    int code = holds_lease(worker, transaction, c->store, c->store->attachment.number, &holds, fault);
    c->fenced = code == 0 && !holds;
    return c->fenced ? TL_FDB_DONE : code;
}

static int checkpoint_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    maintenance *c = context;
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

static tl_result store_checkpoints(tl_fdb_store *store, maintenance *c, tl_fault *fault)
{
    tl_result result = TL_OK;
    while (result == TL_OK && !c->fenced && c->works[0]->size - c->staged > TL_FDB_STAGE_BYTES) {
        c->until = c->staged + TL_FDB_STAGE_BYTES;
        result = tl_fdb_run(&store->writer, TL_ACTIVITY_MAINTENANCE, checkpoint_body, c, NULL, fault);
        c->staged = c->until;
    }
    c->until = 0;
    bool goes_on = result == TL_OK && !c->fenced;
    return goes_on ? tl_fdb_run(&store->writer, TL_ACTIVITY_MAINTENANCE, checkpoint_body, c, NULL, fault) : result;
}

static int truncate_body(tl_fdb_worker *worker, tl_fdb_transaction *transaction, void *context, tl_fault *fault)
{
    maintenance *c = context;
    const tl_attachment *attachment = &c->store->attachment;
    int64_t before = c->works[0]->tick;
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

static bool step_maintenance(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    tl_fault fault;
    tl_work *batch[CHECKPOINT_BATCH_MAX];
    if (!tl_attachment_may_try(attachment, TL_ACTIVITY_MAINTENANCE)) {
        return false;
    }
    maintenance c = {.store = store, .works = batch};
    tl_result result = TL_OK;
    c.count = tl_attachment_take_checkpoints(attachment, CHECKPOINT_BATCH_MAX, CHECKPOINT_BATCH_BYTES_MAX, batch);
    if (c.count > 0) {
        result = store_checkpoints(store, &c, &fault);
    } else {
        c.count = tl_attachment_take(attachment, &attachment->maintenance, TL_WORK_TRUNCATE, 1, 0, batch);
        if (c.count == 0) {
            return false;
        }
        result = tl_fdb_run(&store->writer, TL_ACTIVITY_MAINTENANCE, truncate_body, &c, NULL, &fault);
    }
    if (!tl_attachment_result(attachment, TL_ACTIVITY_MAINTENANCE, result, &fault)) {
        return false;
    }
    if (c.fenced) {
        check_lease(store, TL_ACTIVITY_MAINTENANCE);
    } else {
        tl_attachment_drop(attachment, &attachment->maintenance, c.count);
    }
    return true;
}

// ---- the loop ------------------------------------------------------------------------------------------------------

static bool has_lease(const tl_fdb_store *store)
{
    return store->attachment.joined && !store->attachment.lost;
}

// One round; returns whether there is more to do at once.
static bool step(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    if (!attachment->joined) {
        if (tl_attachment_may_try(attachment, TL_ACTIVITY_JOIN)) {
            join_store(store);
        }
        return attachment->joined;
    }
    bool more = has_lease(store) && step_commits(store);
    more |= has_lease(store) && step_fences(store);
    pthread_mutex_lock(&attachment->mutex);
    bool suspect = store->lease_suspect;
    store->lease_suspect = false;
    pthread_mutex_unlock(&attachment->mutex);
    if (suspect && has_lease(store)) {
        check_lease(store, TL_ACTIVITY_FENCE);
    }
    // Records come first; but where a commit takes as long as a tick, one always waits.
    if (has_lease(store) && (!more || tl_clock_steady_us() - store->maintained_us > MAINTENANCE_US)) {
        store->maintained_us = tl_clock_steady_us();
        more |= step_maintenance(store);
    }
    return more;
}

static void wait_for_work(tl_fdb_store *store, bool more)
{
    enum { LOOK_US = 10000 }; // for what failed and is tried again
    tl_attachment *attachment = &store->attachment;
    if (!more) {
        tl_attachment_wait_locked(attachment, &store->write_wakeups, tl_clock_steady_us() + LOOK_US);
    }
}

void *tl_fdb_write_thread(void *argument)
{
    tl_fdb_store *store = argument;
    tl_attachment *attachment = &store->attachment;
    bool more = false;
    for (;;) {
        pthread_mutex_lock(&attachment->mutex);
        wait_for_work(store, more);
        bool stopping = attachment->stopping, failed = attachment->failed;
        pthread_mutex_unlock(&attachment->mutex);
        if (stopping) {
            if (attachment->leaving && has_lease(store) && !failed) {
                leave_world(store);
            }
            return NULL;
        }
        more = !failed && step(store);
    }
}
