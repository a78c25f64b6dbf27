// What the following thread does: rounds when a watch fires. It never writes.
#include "store/fdb/store.h"

enum { LOOK_US = 1000000 }; // a round even if no watch has fired: watches are not promised to survive every failure

// If somebody has ended the own epoch, the writing thread looks and reports it.
static void suspect_lease_if_ended(tl_fdb_store *store)
{
    tl_attachment *attachment = &store->attachment;
    pthread_mutex_lock(&attachment->mutex);
    const tl_log_head *head = &store->reader.heads[attachment->number];
    bool ended = head->epoch > attachment->epoch || (head->epoch == attachment->epoch && head->heir != TL_HEIR_NONE);
    bool suspect = attachment->joined && ended;
    pthread_mutex_unlock(&attachment->mutex);
    if (suspect) {
        tl_attachment_suspect_lease(attachment);
    }
}

static tl_result after_round(tl_fdb_store *store, tl_result result)
{
    if (result == TL_OK) {
        store->round_due_us = tl_clock_steady_us() + LOOK_US;
        suspect_lease_if_ended(store);
    }
    return result;
}

static tl_result start(void *backend, tl_server_number own, const tl_log_head *head, tl_fault *fault)
{
    tl_fdb_store *store = backend;
    return after_round(store, tl_fdb_reader_start(&store->reader, own, head, fault));
}

static tl_result position(void *backend, bool *news, tl_fault *fault)
{
    tl_fdb_store *store = backend;
    tl_result result = after_round(store, tl_fdb_reader_round(&store->reader, fault));
    *news |= result == TL_OK;
    return result;
}

static uint64_t round_due_us(const void *backend)
{
    const tl_fdb_store *store = backend;
    return tl_fdb_reader_has_fired(&store->reader) ? 0 : store->round_due_us;
}

static void look_again(void *backend)
{
    tl_fdb_store *store = backend;
    if (store->reader.follow.joined != 0 &&
        store->reader.follow.own == 0) { // its lease is lost: it is read as any other
        store->reader.peers[store->reader.follow.joined].moved = true;
    }
    store->round_due_us = 0;
}

const tl_follower_ops tl_fdb_follower_ops = {
    .start = start,
    .position = position,
    .due_us = round_due_us,
    .look_again = look_again,
    .start_activity = TL_ACTIVITY_FOLLOW, // as all that the reader waits for
};
