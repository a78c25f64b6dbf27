#include "store/engine/restore.h"

#include <inttypes.h>
#include <string.h>

static bool is_free_name(const tl_restore *restore, const char *name)
{
    for (int number = 1; number <= TL_SERVERS_MAX; number++) {
        if (restore->logs[number].epoch > 0 && strcmp(restore->logs[number].name, name) == 0) {
            return false;
        }
    }
    return true;
}

// Each of these answers what is wrong, or NULL.

static const char *take_server(tl_restore *restore, const tl_store_event *event)
{
    tl_restore_log *log = &restore->logs[event->server];
    if (!tl_name_valid(event->name)) {
        return "the server's name cannot be one";
    }
    if (event->epoch != log->epoch + 1 || event->epoch == 0) {
        return "the epoch does not follow on the one before";
    }
    if (log->epoch == 0) {
        if (event->tick != -1) {
            return "a first epoch begins before all ticks";
        }
        if (!is_free_name(restore, event->name)) {
            return "another server has the same name";
        }
        *log = (tl_restore_log){.tick = -1};
        memcpy(log->name, event->name, strlen(event->name) + 1);
    } else if (!log->ended) {
        return "the epoch before has not ended";
    } else if (event->tick < log->tick) {
        return "the epoch begins before the last tick of the one before";
    } else if (strcmp(event->name, log->name) != 0) {
        return "the server has changed its name";
    }
    log->epoch = event->epoch;
    log->ended = false;
    log->tick = event->tick;
    return NULL;
}

static const char *take_record(tl_restore_log *log, const tl_store_event *event)
{
    if (event->epoch != log->epoch || event->epoch == 0 || log->ended) {
        return "the record is not of an epoch that goes on";
    }
    if (event->tick <= log->tick) {
        return "the record's tick is not after the one before";
    }
    log->tick = event->tick;
    return NULL;
}

static const char *take_end(tl_restore_log *log, const tl_store_event *event)
{
    if (event->epoch != log->epoch || event->epoch == 0 || event->heir > TL_SERVERS_MAX) {
        return "the epoch that ends is not the current one, or its heir cannot be";
    }
    bool again = log->ended; // it left, and somebody has taken over since
    if (event->tick < log->tick && (!again || (log->heir == 0 && event->heir != 0))) {
        return "the server's last records were set aside while they were copied; copy again";
    }
    if (again && (log->heir != 0 || event->heir == 0 || event->tick != log->tick)) {
        return "the epoch has ended otherwise before";
    }
    log->ended = true;
    log->heir = event->heir;
    log->tick = event->tick;
    return NULL;
}

static const char *take(tl_restore *restore, const tl_store_event *event)
{
    bool of_log = event->type == TL_STORE_SERVER || event->type == TL_STORE_RECORD || event->type == TL_STORE_FENCED;
    if (of_log && (event->server < 1 || event->server > TL_SERVERS_MAX)) {
        return "the server's number is out of its range";
    }
    if (event->size > TL_RECORD_BYTES_MAX || (event->size > 0 && !event->data)) {
        return "it is too large, or its bytes are missing";
    }
    switch (event->type) {
    case TL_STORE_SERVER: return take_server(restore, event);
    case TL_STORE_RECORD: return take_record(&restore->logs[event->server], event);
    case TL_STORE_FENCED: return take_end(&restore->logs[event->server], event);
    case TL_STORE_CHECKPOINT:
        return event->group == 0 || event->tick < 0 ? "the checkpoint's group or tick cannot be" : NULL;
    case TL_STORE_LOADED: restore->over = true; return NULL;
    default: return "an event of that type is not to be copied";
    }
}

tl_result tl_restore_take(tl_restore *restore, const tl_world_info *info, const tl_store_event *event, tl_fault *fault)
{
    if (restore->over) {
        return tl_fault_set(fault, TL_ERR_STATE, "the copy", "it has ended, or failed before");
    }
    tl_result result = tl_world_info_check(info);
    const char *wrong = result == TL_OK ? take(restore, event) : tl_result_text(result);
    if (!wrong) {
        return TL_OK;
    }
    char place[128];
    snprintf(place, sizeof(place),
             "the copy, event %d of server %u, epoch %" PRIu32 ", tick %" PRId64 ", group %" PRIx64, (int)event->type,
             event->server, event->epoch, event->tick, event->group);
    restore->over = true;
    return tl_fault_set(fault, result == TL_OK ? TL_ERR_INVALID : result, place, wrong);
}
