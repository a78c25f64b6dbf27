// Epochs end here. Nothing can be locked across namespaces; store/mvsqlite/log.h says how claims and denials keep an
// heir alive.
#include "base/memory.h"
#include "store/mvsqlite/store.h"

#include <string.h>

void tl_mvsqlite_namespaces_close(tl_mvsqlite_namespaces *namespaces)
{
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        if (namespaces->logs[number]) {
            tl_mvsqlite_log_close(namespaces->logs[number]);
        }
        tl_free(namespaces->logs[number]);
        namespaces->logs[number] = NULL;
    }
    tl_sqlite_world_close(&namespaces->world);
}

tl_result tl_mvsqlite_namespaces_log(tl_mvsqlite_namespaces *namespaces, tl_server_number number, const char *name,
                                     tl_sqlite_mode mode, tl_mvsqlite_log **out, tl_fault *fault)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    *out = namespaces->logs[number];
    if (*out) {
        return TL_OK;
    }
    tl_mvsqlite_log *log = tl_alloc(sizeof(*log));
    if (!log) {
        return tl_fault_set(fault, TL_ERR_MEMORY, namespaces->place->uri, "out of memory");
    }
    char path[TL_NAMESPACE_BYTES_MAX];
    tl_mvsqlite_place_log(namespaces->place, name, path);
    tl_result result = tl_mvsqlite_log_open(log, path, number, namespaces->world_us, mode, fault);
    if (result != TL_OK) {
        tl_free(log);
        return result;
    }
    *out = namespaces->logs[number] = log;
    return TL_OK;
}

// Another server's log, by its number alone.
static tl_result log_of(tl_mvsqlite_namespaces *namespaces, tl_server_number number, tl_mvsqlite_log **out,
                        tl_fault *fault)
{
    TL_ASSERT(number >= 1 && number <= TL_SERVERS_MAX);
    char name[TL_NAME_BYTES_MAX + 1];
    *out = namespaces->logs[number];
    if (*out) {
        return TL_OK;
    }
    tl_result result = tl_sqlite_world_server_name(&namespaces->world, number, name, fault);
    return result == TL_OK ? tl_mvsqlite_namespaces_log(namespaces, number, name, TL_SQLITE_WRITE, out, fault) : result;
}

// Before the epoch of that head ends, what it claims is denied: from now on the claim cannot succeed any more.
static tl_result deny(tl_mvsqlite_namespaces *namespaces, const tl_mvsqlite_head *claimer, tl_fault *fault)
{
    tl_mvsqlite_log *claimed = NULL;
    tl_mvsqlite_head head;
    if (claimer->claim == 0) {
        return TL_OK;
    }
    tl_result result = log_of(namespaces, claimer->claim, &claimed, fault);
    if (result == TL_OK) {
        result = tl_mvsqlite_log_begin(claimed, &head, fault);
    }
    if (result != TL_OK) {
        return result == TL_AGAIN ? TL_OK : result;
    }
    if (head.denials != claimer->claim_denials) {
        tl_sqlite_file_rollback(&claimed->file); // done already
        return TL_OK;
    }
    head.denials++;
    result = tl_mvsqlite_log_set_head(claimed, &head, fault);
    return tl_mvsqlite_log_finish(claimed, result, fault);
}

tl_result tl_mvsqlite_namespaces_join(tl_mvsqlite_namespaces *namespaces, tl_mvsqlite_log *own, uint64_t now_us,
                                      tl_log_head *out, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = TL_OK;
    for (bool done = false; !done && result == TL_OK;) { // nobody else need have come to it
        result = tl_mvsqlite_log_move_aside(own, &done, fault);
    }
    result = result == TL_OK ? tl_mvsqlite_log_begin(own, &head, fault) : result;
    if (result != TL_OK) {
        return result;
    }
    if (head.aside > 0) {
        tl_sqlite_file_rollback(&own->file);
        return tl_fault_set(fault, TL_ERR_BUSY, own->file.path,
                            "its last records are being set aside; it is tried again");
    }
    if (head.base.epoch > 0 && head.base.heir <= TL_HEIR_LEFT) {
        result = deny(namespaces, &head, fault);
        if (result == TL_OK) {
            result = tl_mvsqlite_log_end_epoch(own, &head, own->number, now_us, fault);
        }
    }
    if (result == TL_OK) {
        result = tl_mvsqlite_log_add_epoch(own, &head, now_us, fault);
    }
    *out = head.base;
    return tl_mvsqlite_log_finish(own, result, fault);
}

tl_result tl_mvsqlite_namespaces_leave(tl_mvsqlite_namespaces *namespaces, tl_mvsqlite_log *own, uint32_t epoch,
                                       uint64_t now_us, tl_fault *fault)
{
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_begin(own, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (head.base.epoch != epoch || head.base.heir != TL_HEIR_NONE) {
        return tl_mvsqlite_log_finish(own, TL_ERR_FENCED, fault);
    }
    result = deny(namespaces, &head, fault);
    if (result == TL_OK) {
        result = tl_mvsqlite_log_end_epoch(own, &head, TL_HEIR_LEFT, now_us, fault);
    }
    return tl_mvsqlite_log_finish(own, result, fault);
}

static bool can_end(const tl_mvsqlite_head *head, const tl_work *work)
{
    bool open = head->base.heir == TL_HEIR_NONE || head->base.heir == TL_HEIR_LEFT;
    return head->base.epoch == work->epoch && (head->base.tick == work->tick || work->quarantine) && open;
}

// Says in the own head that we are about to end that epoch. TL_ERR_FENCED: the own one has ended.
static tl_result claim(tl_mvsqlite_log *own, uint32_t own_epoch, tl_server_number server, int64_t denials,
                       tl_fault *fault)
{
    TL_ASSERT(server != own->number);
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_begin(own, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (head.base.epoch != own_epoch || head.base.heir != TL_HEIR_NONE) {
        return tl_mvsqlite_log_finish(own, TL_ERR_FENCED, fault);
    }
    head.claim = server;
    head.claim_denials = denials;
    result = tl_mvsqlite_log_set_head(own, &head, fault);
    return tl_mvsqlite_log_finish(own, result, fault);
}

enum { END_TRIES_MAX = 5 }; // before own records are looked at again

typedef struct ending {
    tl_mvsqlite_log *peer;
    const tl_work *work;
    tl_server_number heir;
    int64_t denials;
    tl_mvsqlite_aside aside;
    uint64_t now_us;
    bool again; // read again, not merely retried
} ending;

// The transaction that ends the other's epoch, if it is still as it was seen.
static tl_result end_peer(tl_mvsqlite_namespaces *namespaces, ending *e, bool *ended, tl_fault *fault)
{
    TL_ASSERT(e->heir != e->peer->number);
    tl_mvsqlite_head head;
    tl_result result = tl_mvsqlite_log_begin(e->peer, &head, fault);
    if (result != TL_OK) {
        return result;
    }
    if (!can_end(&head, e->work)) {
        tl_sqlite_file_rollback(&e->peer->file);
        return TL_OK; // it goes on after all, or somebody else was faster
    }
    e->again = head.denials != e->denials;
    if (e->again) {
        tl_sqlite_file_rollback(&e->peer->file);
        return tl_fault_set(fault, TL_ERR_BUSY, e->peer->file.path,
                            "denied, perhaps to somebody else; it is tried again");
    }
    result = e->work->quarantine ? tl_mvsqlite_log_set_aside(e->peer, &head, &e->aside, fault) : TL_OK;
    e->again = result == TL_ERR_BUSY;
    if (result == TL_OK) {
        result = deny(namespaces, &head, fault);
    }
    if (result == TL_OK) {
        result = tl_mvsqlite_log_end_epoch(e->peer, &head, e->heir, e->now_us, fault);
    }
    result = tl_mvsqlite_log_finish(e->peer, result, fault);
    *ended = result == TL_OK;
    return result;
}

tl_result tl_mvsqlite_namespaces_fence(tl_mvsqlite_namespaces *namespaces, tl_mvsqlite_log *own, uint32_t own_epoch,
                                       const tl_work *work, uint64_t now_us, tl_fault *fault)
{
    TL_ASSERT(work->type == TL_WORK_FENCE && work->server != own->number);
    tl_mvsqlite_log *peer = NULL;
    tl_mvsqlite_head head;
    tl_result result = log_of(namespaces, work->server, &peer, fault);
    if (result != TL_OK) {
        return result == TL_AGAIN || result == TL_ERR_NOT_FOUND ? TL_OK : result; // nothing is known of it
    }
    result = tl_mvsqlite_log_look(peer, &head, fault);
    if (result != TL_OK || !can_end(&head, work)) {
        return result;
    }
    int64_t denials = head.denials;
    tl_mvsqlite_aside aside = {0};
    result = work->quarantine ? tl_mvsqlite_log_look_aside(peer, &head, work, &aside, fault) : TL_OK;
    if (result != TL_OK) {
        return result == TL_ERR_FENCED ? TL_OK : result; // nothing can be set aside
    }
    result = claim(own, own_epoch, work->server, denials, fault);
    if (result == TL_OK && work->quarantine && head.base.heir == TL_HEIR_NONE) {
        result = tl_mvsqlite_log_stop(peer, work->epoch, now_us, fault);
    }
    if (result != TL_OK) { // above all where the claim was not committed: without one nobody may become an heir
        return result;
    }
    // What its author has committed since the look goes with the rest. Others may be about to end it, too: what was
    // found holds for the next try.
    ending e = {.peer = peer, .work = work, .heir = own->number, .denials = denials, .aside = aside, .now_us = now_us};
    bool ended = false;
    result = TL_ERR_BUSY;
    for (int i = 0; i < END_TRIES_MAX && result == TL_ERR_BUSY && !e.again; i++) {
        result = end_peer(namespaces, &e, &ended, fault);
    }
    namespaces->moves[work->server] |= ended && aside.count > 0;
    return result;
}

tl_result tl_mvsqlite_namespaces_move_aside(tl_mvsqlite_namespaces *namespaces, bool *any, tl_fault *fault)
{
    *any = false;
    for (tl_server_number number = 1; number <= TL_SERVERS_MAX; number++) {
        if (namespaces->moves[number] && namespaces->logs[number]) {
            bool done = false;
            tl_result result = tl_mvsqlite_log_move_aside(namespaces->logs[number], &done, fault);
            namespaces->moves[number] = !done;
            *any = true;
            return result;
        }
    }
    return TL_OK;
}
