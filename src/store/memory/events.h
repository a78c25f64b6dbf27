// One attachment to a world in memory, and what it reports: its own events, and the world's items from its place on.
#ifndef TRAMLINE_STORE_MEMORY_EVENTS_H
#define TRAMLINE_STORE_MEMORY_EVENTS_H

#include "store/memory/world.h"

// What an attachment is in the midst of; each phase takes its events straight from the world.
typedef enum tl_memory_phase {
    TL_MEMORY_IDLE,
    TL_MEMORY_JOINING,
    TL_MEMORY_LOADING_SERVERS,
    TL_MEMORY_LOADING_CHECKPOINTS,
    TL_MEMORY_LOADING_ITEMS,
    TL_MEMORY_FOLLOWING,
    TL_MEMORY_FAILED,
} tl_memory_phase;

struct tl_memory_store {
    tl_store base;
    tl_memory_world *world;
    tl_memory_store *next;
    uint64_t ordinal;
    tl_memory_phase phase;
    char name[TL_NAME_BYTES_MAX + 1]; // "": only follows
    tl_server_number server;
    uint32_t epoch;
    bool lost;
    int64_t submitted_tick, committed_tick;
    uint64_t join_due_us;
    uint64_t work_serial;
    tl_work_queue records; // and fences
    tl_work_queue maintenance;
    uint64_t records_due_us, maintenance_due_us; // of the last one queued
    tl_note_queue notes;                         // own events
    tl_note *polled;                             // the last one polled
    int loaded_server;                           // the servers phase's place
    int server_target;
    tl_group_id loaded_group;
    size_t cursor, load_target; // of the world's items
    uint64_t load_serial;
    uint64_t visible_us; // of the last item seen
    unsigned char *scratch;
    size_t scratch_capacity;
};

// Queues an own event.
void tl_memory_report(tl_memory_store *store, const tl_store_event *event);
// The same, with a result and what to do. FAILED is final.
void tl_memory_report_fault(tl_memory_store *store, tl_store_event_type type, tl_result result, const char *text);
// The own epoch has ended: what is queued is dropped, and it is reported once.
void tl_memory_lose_lease(tl_memory_store *store);
// Takes the first own event; false if there is none.
bool tl_memory_poll_note(tl_memory_store *store, tl_store_event *out);
// What the world has next for this attachment. TL_AGAIN: nothing yet.
tl_result tl_memory_poll_world(tl_memory_store *store, tl_store_event *out);

#endif
