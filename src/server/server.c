#include "base/memory.h"
#include "server/accounts.h"
#include "server/admission.h"
#include "server/apply.h"
#include "server/balance.h"
#include "server/carriers.h"
#include "server/checkpoints.h"
#include "server/clients.h"
#include "server/created.h"
#include "server/disconnect.h"
#include "server/grace.h"
#include "server/groups.h"
#include "server/held_checkpoints.h"
#include "server/load.h"
#include "server/missing.h"
#include "server/own_records.h"
#include "server/ownership.h"
#include "server/peers.h"
#include "server/poses.h"
#include "server/returns.h"
#include "server/state.h"
#include "server/store_events.h"
#include "server/tick_record.h"
#include "server/time.h"
#include "wire/chunk_fit.h"
#include "world/missing.h"

#include <stdio.h>
#include <stdlib.h>

enum { MIRROR_LAG_TICKS_MAX = 20, CELLS_MAX = 1 << 24, RECORDS_SHARE = 8, POLL_BYTES_MAX = 2 * TL_RECORD_BYTES_MAX };

tl_server_def tl_server_def_default(void)
{
    return (tl_server_def){.entities_max = 200000,
                           .groups_max = 4096,
                           .clients_max = 256,
                           .level_count = 9,
                           .kbit_s = 4000,
                           .work_slots = TL_WORK_ALL_A_TICK,
                           .streams_kept_max = TL_STREAMS_KEPT,
                           .client_speed_max = 2500,
                           .client_bytes_s_max = 16000,
                           .lease_ms = 1500,
                           .patience_ms = 150,
                           .log_keep_s = 60,
                           .grace_ms = 10000,
                           .newcomers_max = 1024,
                           .hello_ms_max = 3000,
                           .malformed_max = 64,
                           .peer_datagrams_per_s = 200,
                           .cookie = TL_DEF_COOKIE};
}

// Enough for a city, plus a tile at each level for each entity that clients may create, which may all be far apart.
static uint32_t tiles_max(const tl_server_def *def)
{
    uint32_t city = def->entities_max < 4096 ? 8192 : def->entities_max > 131072 ? 262144 : def->entities_max * 2;
    uint64_t apart = def->entities_max / 2 + (uint64_t)def->level_count * def->created_max;
    return apart > city && apart <= CELLS_MAX ? (uint32_t)apart : city;
}

// Entity capacity: more than may be created here, so that a world that several servers populate at once is mirrored
// whole.
static uint32_t places_max(uint32_t limit)
{
    return limit + limit / 4 + 256;
}

static uint32_t created_max(const tl_server_def *def)
{
    return def->created_max ? def->created_max : def->entities_max / 8 ? def->entities_max / 8 : 1;
}

// Memory that is never used is never touched, so the limits may be generous: a level-0 state of 200 bytes, the same at
// each level, and as much again for their history.
size_t tl_server_memory(const tl_server_def *given)
{
    tl_server_def whole = *given, *def = &whole;
    whole.created_max = created_max(given);
    whole.entities_max = places_max(given->entities_max);
    whole.groups_max = places_max(given->groups_max);
    size_t entity = 600 + (size_t)(def->level_count + 3) * 2 * 200;
    return tl_mirror_bytes(def->entities_max, def->groups_max) + tl_pyramid_bytes(tiles_max(def)) +
           (size_t)def->entities_max * entity +
           (size_t)def->clients_max * (sizeof(tl_session) + sizeof(tl_server_client) + 160 * 1024) +
           tl_frame_scratch_bytes() * 2 + tl_created_bytes(def) + tl_accounts_bytes(def) + tl_admission_bytes(def) +
           (size_t)TL_RECORD_BYTES_MAX * 12 + (64u << 20);
}

// Memory for waiting records, own and others', separate from everything else: the cost of clients cannot end a server.
static size_t records_bytes(size_t bytes)
{
    size_t share = bytes / RECORDS_SHARE, most = (size_t)TL_RECORD_BYTES_MAX * 4;
    return (share < most ? share : most) / 16 * 16;
}

static tl_result reserve_memory(tl_server *s)
{
    size_t bytes = s->def.memory_bytes ? s->def.memory_bytes : tl_server_memory(&s->def);
    void *memory = tl_alloc(bytes);
    if (memory == NULL) {
        return TL_ERR_MEMORY;
    }
    size_t records = records_bytes(bytes), rest = (bytes - 2 * records) / 16 * 16;
    s->memory = memory;
    tl_heap_init(&s->heap, memory, rest);
    tl_ring_init(&s->records.data, s->memory + rest, records);
    tl_heap_init(&s->peers.heap, s->memory + rest + records, records);
    tl_heap *h = &s->heap;
    uint32_t entities = places_max(s->def.entities_max), groups = places_max(s->def.groups_max);
    tl_result result = tl_mirror_init(&s->mirror, h, &s->kinds, entities, groups);
    if (result == TL_OK) {
        result = tl_pyramid_init(&s->pyramid, h, &s->mirror, s->def.level_count, tiles_max(&s->def));
    }
    if (result != TL_OK) {
        return result;
    }
    s->own.tracks = tl_heap_alloc(h, entities * sizeof *s->own.tracks);
    s->own.truths = tl_heap_alloc(h, entities * sizeof *s->own.truths);
    s->own.truth_ticks = tl_heap_alloc(h, entities * sizeof *s->own.truth_ticks);
    s->own.turns = tl_heap_alloc(h, entities * sizeof *s->own.turns);
    s->changes.entities = tl_heap_alloc(h, entities * sizeof *s->changes.entities);
    s->changes.deleted = tl_heap_alloc(h, entities * sizeof *s->changes.deleted);
    s->changes.groups_deleted = tl_heap_alloc(h, groups * sizeof *s->changes.groups_deleted);
    s->changes.groups_created = tl_heap_alloc(h, groups * sizeof *s->changes.groups_created);
    s->changes.posts = tl_heap_alloc(h, TL_POSTS_BYTES_MAX);
    s->records.scratch = tl_heap_alloc(h, TL_RECORD_BYTES_MAX);
    s->peers.servers = tl_heap_alloc(h, (TL_SERVERS_MAX + 1) * sizeof *s->peers.servers);
    s->clients.all = tl_heap_alloc(h, s->def.clients_max * sizeof *s->clients.all);
    s->clients.marks = tl_heap_alloc(h, 2 * (size_t)tiles_max(&s->def) * sizeof *s->clients.marks);
    s->clients.frame_scratch = tl_heap_alloc(h, tl_frame_scratch_bytes());
    s->clients.frame = tl_heap_alloc(h, TL_FRAME_BYTES_MAX);
    s->kind_table = tl_heap_alloc(h, TL_KIND_TABLE_BYTES_MAX);
    for (uint32_t i = 0; s->own.tracks && i < entities; i++) {
        tl_track_reset(&s->own.tracks[i]);
    }
    bool map = tl_map_init(&s->clients.map, h, s->def.clients_max) && tl_created_init(s) && tl_accounts_init(s) &&
               tl_admission_init(s);
    bool good = s->own.tracks && s->own.truths && s->own.truth_ticks && s->own.turns && s->changes.entities &&
                s->changes.deleted && s->changes.groups_deleted && s->changes.groups_created && s->changes.posts &&
                s->records.scratch && s->peers.servers && s->clients.all && s->clients.marks &&
                s->clients.frame_scratch && s->clients.frame && s->kind_table && map;
    return good ? TL_OK : TL_ERR_MEMORY;
}

static tl_result check_def(const tl_server_def *def, char *text, size_t text_bytes)
{
    const char *fault = NULL;
    if (def->cookie != TL_DEF_COOKIE) {
        fault = "the definition was not made by tl_server_def_default()";
    } else if (!tl_name_valid(def->name)) {
        fault = "the server's name must be 1 to 31 letters, digits, - _ .";
    } else if (def->store == NULL) {
        fault = "a server needs a store";
    } else if (def->level_count < 1 || def->level_count >= TL_LEVELS_MAX) {
        fault = "level_count must be 1 to 11";
    } else if (def->entities_max < 1 || def->groups_max < 1 || def->clients_max < 1) {
        fault = "limits must be at least 1";
    } else if (def->created_max > def->entities_max) {
        fault = "created_max is a share of entities_max; it cannot be more";
    } else if (def->newcomers_max < 1 || def->newcomers_max > 1u << 20) {
        fault = "newcomers_max must be 1 to 1'048'576";
    } else if (def->hello_ms_max < 1 || def->malformed_max < 1 || def->peer_datagrams_per_s < 1) {
        fault = "hello_ms_max, malformed_max and peer_datagrams_per_s must be at least 1";
    } else if (def->client_speed_max < 1) {
        fault = "client_speed_max must be at least 1";
    } else if (def->client_bytes_s_max < 1) {
        fault = "client_bytes_s_max must be at least 1";
    } else if (def->step_units_max > 1u << 30) {
        fault = "step_units_max is too large";
    } else if (def->entities_max > 1u << 26 || def->groups_max > 1u << 24 || def->clients_max > 1u << 20) {
        fault = "a limit is too large";
    }
    if (fault && text) {
        snprintf(text, text_bytes, "%s", fault);
    }
    return fault ? TL_ERR_INVALID : TL_OK;
}

// Anyone who may set a state must not be able to make one that cannot be sent to anybody.
static tl_result check_sizes(const tl_server *s, char *text, size_t text_bytes)
{
    for (int i = 0; i < s->kinds.count; i++) {
        size_t bytes = tl_chunk_fit_bytes(&s->kinds, i);
        if (bytes <= TL_CHUNK_BYTES_MAX) {
            continue;
        }
        if (text) {
            snprintf(text, text_bytes,
                     "kind %d (%s): its fields together are too large for one datagram: they may take %zu bytes of %d; "
                     "give it fewer or "
                     "shorter ones",
                     i, s->kinds.kinds[i].name, bytes, TL_CHUNK_BYTES_MAX);
        }
        return TL_ERR_INVALID;
    }
    return TL_OK;
}

static tl_result open_world(tl_server *s, char *text, size_t text_bytes)
{
    tl_result result = tl_store_get_world(s->def.store, &s->world);
    if (result != TL_OK) {
        if (text) {
            snprintf(text, text_bytes, "the store has no world that can be read: %s", tl_result_text(result));
        }
        return result;
    }
    if (s->world.format != TL_STORE_FORMAT) {
        if (text) {
            snprintf(text, text_bytes, "the store has format %u, this server needs %d", s->world.format,
                     TL_STORE_FORMAT);
        }
        return TL_ERR_VERSION;
    }
    result = tl_kinds_init(&s->kinds, s->def.kinds, s->def.kind_count, s->world.tick_hz, text, text_bytes);
    if (result == TL_OK && s->world.kinds_hash != 0 && s->world.kinds_hash != s->kinds.hash) {
        if (text) {
            snprintf(text, text_bytes, "the world was made with other kinds; declare the same, in the same order");
        }
        return TL_ERR_VERSION;
    }
    return result == TL_OK ? check_sizes(s, text, text_bytes) : result;
}

tl_result tl_server_create(const tl_server_def *def, tl_server **out, char *text, size_t text_bytes)
{
    *out = NULL;
    tl_result result = check_def(def, text, text_bytes);
    if (result != TL_OK) {
        return result;
    }
    tl_server *s = tl_alloc(sizeof *s);
    if (s == NULL) {
        return TL_ERR_MEMORY;
    }
    s->def = *def;
    s->def.created_max = created_max(def);
    strcpy(s->name, def->name);
    s->def.name = s->name;
    s->tick = s->checkpoints.truncated_tick = s->leaving_tick = s->created.elsewhere_tick = s->missing.said_tick = -1;
    s->checkpoints.looked_at = -1;
    s->clients.next_number = 1;
    result = open_world(s, text, text_bytes);
    if (result == TL_OK) {
        tl_world_clock_init(&s->time.clock, s->world.created_us, s->world.tick_hz);
    }
    if (result == TL_OK && (result = reserve_memory(s)) != TL_OK && text) {
        snprintf(text, text_bytes, "%zu bytes are not enough or not to be had: %s", tl_server_memory(def),
                 tl_result_text(result));
    }
    if (result == TL_OK) {
        tl_writer w = tl_writer_make(s->kind_table, TL_KIND_TABLE_BYTES_MAX);
        tl_kinds_write(&s->kinds, &w);
        s->kind_table_bytes = w.size;
        result = tl_store_join(def->store, s->name);
        if (result != TL_OK && text) {
            snprintf(text, text_bytes, "cannot join the world: %s", tl_result_text(result));
        }
    }
    if (result != TL_OK) {
        tl_server_destroy(s);
        return result;
    }
    *out = s;
    return TL_OK;
}

void tl_server_destroy(tl_server *s)
{
    if (s == NULL) {
        return;
    }
    if (s->clients.all) {
        tl_disconnect_all(s, TL_ERR_UNAVAILABLE, "the server has ended");
    }
    tl_free(s->memory);
    tl_free(s);
}

// ---- the path of data ----

// The own half: the game sets what its entities do; what the prediction no longer matches is recorded and submitted.
static void own_tick(tl_server *s, int64_t tick)
{
    TL_ASSERT(tick > s->tick);
    s->tick = tick;
    tl_world_clock_ticked(&s->time.clock, tick);
    if (s->def.callbacks.tick && s->state == TL_SERVER_RUNNING) {
        s->def.callbacks.tick(s->def.callbacks.user, s, tick, (double)tick / s->world.tick_hz);
    }
    tl_poses_settle(s);
    tl_groups_take_rest(s);
    tl_returns_step(s);
    tl_grace_step(s);
    tl_balance_tick(s);
    tl_tick_record_make(s);
    tl_own_records_submit(s);
}

// The world's half: what all servers have committed for a tick is mirrored, passed up the pyramid, and sent in frames.
static void world_tick(tl_server *s, int64_t tick)
{
    TL_ASSERT(tick > s->mirror.tick && tick <= s->tick);
    s->mirror.tick = tick;
    tl_apply_others(s, tick);
    tl_apply_own(s, tick);
    tl_mirror_resolve(&s->mirror);
    tl_carriers_follow_set_down(s);
    tl_pyramid_tick(&s->pyramid, tick);
    tl_mirror_settle(&s->mirror);
    tl_checkpoints_tick(s);
    tl_created_sweep(s);
    tl_server_missing_tick(s);
}

// Returns the tick that the mirror advances to next. A mirror that is far behind (the process slept, or waits after a
// jump) advances in one step to the newest tick that is overdue, and so waits for nobody. The newest tick of all would
// only just be due, in every step again, and one silent server would keep the mirror waiting for ever.
static int64_t next_world_tick(const tl_server *s, uint64_t patience_us)
{
    int64_t next = s->mirror.tick + 1;
    if (s->tick - next <= MIRROR_LAG_TICKS_MAX || s->time.clock.world_us < patience_us) {
        return next;
    }
    int64_t late = (int64_t)((s->time.clock.world_us - patience_us) * s->world.tick_hz / 1000000u) - 1;
    return tl_max_i64(next, tl_min_i64(late, s->tick));
}

static void advance_world(tl_server *s)
{
    uint64_t patience_us = s->def.patience_ms * 1000ull;
    bool advanced = false;
    while (s->mirror.tick < s->tick) {
        int64_t tick = next_world_tick(s, patience_us);
        bool late = s->time.clock.world_us > tl_world_clock_tick_us(&s->time.clock, tick) + patience_us;
        if (!late && !(tl_peers_ready(s, tick) && tl_own_records_ready(s, tick))) {
            break;
        }
        s->stats.ticks_incomplete += !(tl_peers_complete(s, tick) && tl_own_records_ready(s, tick));
        if (late) {
            tl_peers_mark_lagging(s, tick);
        }
        world_tick(s, tick);
        advanced = true;
    }
    if (advanced && s->state < TL_SERVER_LEFT) {
        tl_clients_frames(s);
    }
}

// Does not read everything that accumulated while the store stalled: the world applies what it can before the next
// step.
static void poll_store(tl_server *s)
{
    tl_store_event event;
    size_t bytes = 0;
    while (s->state < TL_SERVER_LEFT && bytes < POLL_BYTES_MAX && tl_store_poll(s->def.store, &event) == TL_OK) {
        if (event.type == TL_STORE_RECORD && s->state != TL_SERVER_JOINING) {
            bytes += event.size;
        }
        tl_store_events_take(s, &event);
    }
}

// Whether a leaving server has handed its groups over, if there are other servers. Those get half a second to learn
// that it leaves, because until then they may hand it more. Afterwards it makes no more ticks: with one more each time
// it would never finish.
static bool has_handed_over(const tl_server *s)
{
    if (s->state != TL_SERVER_LEAVING || s->mirror.tick < s->leaving_tick + s->world.tick_hz / 2) {
        return false;
    }
    return !tl_own_owns_any(s) || tl_peers_alive_count(s) == 0;
}

static bool has_said_all(const tl_server *s)
{
    return has_handed_over(s) && !tl_tick_record_pending(s);
}

// The server has left once everything it recorded is committed.
static void leave(tl_server *s)
{
    // The last of all servers keeps its groups. Its clients would keep it publishing for ever.
    if (has_handed_over(s) && tl_own_owns_any(s)) {
        tl_disconnect_all(s, TL_ERR_UNAVAILABLE, "this server leaves, and there is no other");
    }
    if (!has_said_all(s) || s->records.count) {
        return;
    }
    tl_held_release(s);
    if (s->checkpoints.held_count) {
        return;
    }
    s->state = TL_SERVER_LEFT;
    tl_disconnect_all(s, TL_ERR_UNAVAILABLE, "this server has left; connect to another");
    tl_server_say(s, "left; all is committed");
}

// A server that has failed or was fenced no longer serves anybody.
static void drop_clients_if_over(tl_server *s)
{
    if (s->state >= TL_SERVER_LEFT) {
        tl_disconnect_all(s, TL_ERR_UNAVAILABLE, s->text);
    }
}

void tl_server_step(tl_server *s, tl_time now)
{
    tl_time_take(s, now);
    if (s->state >= TL_SERVER_LEFT) {
        return;
    }
    poll_store(s);
    if (s->state == TL_SERVER_JOINING && s->time.loaded && tl_time_start(s)) {
        tl_load_start(s);
    }
    drop_clients_if_over(s);
    tl_clients_poll(s);
    if (s->state == TL_SERVER_JOINING || s->state >= TL_SERVER_LEFT) {
        return;
    }
    int64_t tick = tl_world_clock_tick(&s->time.clock);
    if (tick > s->tick && !s->time.doubts && !has_said_all(s)) {
        own_tick(s, tick);
    }
    tl_own_records_submit(s);
    if (!s->time.doubts) {
        advance_world(s);
    }
    leave(s);
    drop_clients_if_over(s);
    if (s->def.transport) {
        tl_transport_flush(s->def.transport);
    }
}

// ---- queries ----

void tl_server_leave(tl_server *s)
{
    if (s->state == TL_SERVER_RUNNING) {
        s->leaving_tick = s->tick;
    }
    if (s->state == TL_SERVER_RUNNING) {
        s->state = TL_SERVER_LEAVING;
    }
    if (s->state == TL_SERVER_JOINING) {
        s->state = TL_SERVER_LEFT;
    }
}
