// The constants of docs/SCALE.md: what all of a city's entities cost at each level, as records and as chunks; what it
// takes to follow a record; what an entity takes in a mirror and in a checkpoint. Counts are the same in every run,
// times are of the machine.
//
//   bench_scale [entities] [seconds] [scenario]
#include "cluster.h"
#include "server/state.h"
#include "world/checkpoint.h"
#include "world/chunk_cache.h"
#include "world/record_apply.h"

#include <time.h>

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// ---- what a level costs ----

typedef struct tally {
    uint64_t updates, enters, leaves, update_bytes, enter_bytes, leave_bytes, chunk_bytes, chunks;
    uint32_t tiles;
} tally;

static uint32_t changed_fields(const tl_kind *kind, const int64_t *before, const int64_t *now)
{
    uint32_t mask = 0;
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *f = &kind->fields[i];
        mask |= (uint32_t)(memcmp(before + f->word, now + f->word, (size_t)f->word_count * sizeof *now) != 0) << i;
    }
    return mask;
}

// One slot's change in the grammar of records (record.h), with the level's words.
static void count_change(tally *t, tl_record_writer *r, const tl_undo *undo, const tl_slot *slot)
{
    size_t before = r->w.size;
    tl_entity e = {.id = slot->used ? slot->id : undo->id, .kind = slot->used ? slot->kind : undo->kind};
    if (slot->used && undo->state && undo->id == slot->id && undo->carrier_id == slot->carrier_id) {
        tl_record_update(r, &e, changed_fields(&r->kinds->kinds[e.kind], undo->state, slot->state), slot->state);
        t->updates++, t->update_bytes += r->w.size - before;
        return;
    }
    if (undo->state) {
        tl_record_delete(r, undo->id);
        t->leaves++, t->leave_bytes += r->w.size - before;
        before = r->w.size;
    }
    if (slot->used) {
        tl_record_carrier(r, &e, slot->carrier_id, slot->state);
        t->enters++, t->enter_bytes += r->w.size - before;
    }
}

static void count_stream(tally *t, tl_pyramid *p, int32_t index, void *scratch)
{
    tl_stream *s = &p->streams.at[index];
    if (s->history.version_tick != p->streams.tick || s->history.version < 2) {
        return;
    }
    tl_record_writer r;
    tl_record_begin(&r, p->streams.kinds, p->streams.tick, scratch, TL_RECORD_BYTES_MAX);
    for (uint32_t i = 0; i < s->history.undo_count; i++) {
        const tl_undo *undo = tl_history_undo(&s->history, i);
        if (undo->version == s->history.version) {
            count_change(t, &r, undo, &s->slots[undo->slot]);
        }
    }
    CHECK(!r.w.bad);
    for (uint32_t begin = 0; begin < TL_SLOT_END;) {
        const tl_chunk_bytes *chunk = tl_chunk_get(&p->streams, index, s->history.version - 1, begin, TL_SLOT_END);
        CHECK(chunk);
        t->chunk_bytes += chunk->size, t->chunks++;
        begin = chunk->end;
    }
}

// All tiles of all levels are opened at once, each at its own level.
static uint32_t open_all(tl_pyramid *p, int32_t *streams)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->tiles.top; i++) {
        if (!p->tiles.at[i].used || p->tiles.at[i].entity_count == 0) {
            continue;
        }
        CHECK((streams[count] = tl_stream_acquire(&p->streams, (int32_t)i, 0)) != TL_NONE);
        count++;
    }
    return count;
}

static void print_level(const tally *t, int level, double s, double n)
{
    double record = (double)(t->update_bytes + t->enter_bytes + t->leave_bytes);
    printf("%5d %8.3f %6u %9.4f %9.4f %9.1f %9.2f %9.2f %9.2f %8.0f\n", level, tl_level_tolerance_m(level), t->tiles,
           (double)t->updates / s / n, (double)t->enters / s / n,
           t->updates ? (double)t->update_bytes / (double)t->updates : 0, (double)t->update_bytes / s / n,
           record / s / n, (double)t->chunk_bytes / s / n, (double)t->chunks / s);
}

static void measure_levels(cluster *c, double seconds)
{
    tl_pyramid *p = &c->nodes[0].server->pyramid;
    int32_t *streams = malloc(p->tiles.count_max * sizeof *streams);
    void *scratch = malloc(TL_RECORD_BYTES_MAX);
    tally tallies[TL_LEVELS_MAX] = {0};
    uint32_t count = open_all(p, streams), ticks = 0;
    for (uint32_t i = 0; i < count; i++) {
        tallies[p->streams.at[streams[i]].level].tiles++;
    }
    cluster_run(c, 3);
    for (int64_t seen = p->streams.tick; ticks < (uint32_t)(seconds * c->tick_hz);) {
        cluster_run(c, 0.01);
        if (p->streams.tick == seen) {
            continue;
        }
        CHECK_EQUAL(p->streams.tick, seen + 1);
        seen = p->streams.tick, ticks++;
        for (uint32_t i = 0; i < count; i++) {
            count_stream(&tallies[p->streams.at[streams[i]].level], p, streams[i], scratch);
        }
    }
    CHECK_EQUAL(p->streams.full_count, 0);
    printf("everything at every level, in tiles of that level:\n");
    printf("%5s %8s %6s %9s %9s %9s %9s %9s %9s %8s\n", "", "", "", "updates", "enters", "B an", "updates", "record",
           "chunk", "chunks");
    printf("%5s %8s %6s %19s %9s %29s %8s\n", "level", "within m", "tiles", "an entity, second", "update",
           "B an entity and second", "a second");
    for (int level = 0; level < p->tiles.size_count; level++) {
        print_level(&tallies[level], level, (double)ticks / c->tick_hz, c->entity_count);
    }
    free(scratch);
    free(streams);
}

// ---- what it takes to follow ----

typedef struct follower {
    tl_heap heap, tile_heap;
    tl_mirror mirror;
    tl_pyramid pyramid;
    tl_store *store;
    size_t checkpoint_bytes, record_bytes, records;
    double apply_s, pyramid_s;
} follower;

static void settle(follower *f)
{
    tl_mirror_resolve(&f->mirror);
    tl_mirror_settle(&f->mirror);
}

static void take_record(follower *f, const tl_store_event *event, bool live)
{
    double t0 = cpu_s();
    f->mirror.tick = event->tick;
    CHECK_EQUAL(tl_record_apply(&f->mirror, event->server, event->tick, event->data, event->size, !live, NULL), TL_OK);
    tl_mirror_resolve(&f->mirror);
    double t1 = cpu_s();
    if (live) {
        tl_pyramid_tick(&f->pyramid, event->tick);
    }
    tl_mirror_settle(&f->mirror);
    if (!live) {
        return;
    }
    f->apply_s += t1 - t0, f->pyramid_s += cpu_s() - t1;
    f->record_bytes += event->size, f->records++;
}

static void take(follower *f, const tl_store_event *event, bool *loaded)
{
    if (event->type == TL_STORE_CHECKPOINT && event->size) {
        f->mirror.tick = event->tick;
        f->checkpoint_bytes += event->size;
        CHECK_EQUAL(tl_checkpoint_apply(&f->mirror, event->group, event->tick, event->data, event->size), TL_OK);
        settle(f);
    } else if (event->type == TL_STORE_RECORD) {
        take_record(f, event, *loaded);
    } else if (event->type == TL_STORE_LOADED) {
        *loaded = true;
        for (int32_t i = 0; i < f->mirror.entity_top; i++) {
            if (f->mirror.entities[i].live) {
                tl_mirror_touch(&f->mirror, i, TL_CHANGE_ENTERED | TL_CHANGE_STATE);
            }
        }
        tl_pyramid_tick(&f->pyramid, f->mirror.tick);
        tl_mirror_settle(&f->mirror);
    }
}

static void measure_follower(cluster *c, double seconds)
{
    follower f = {0};
    const tl_kinds *kinds = &c->nodes[0].server->kinds;
    size_t bytes = (size_t)1 << 30;
    uint32_t entities = c->entity_count + c->entity_count / 16 + 64;
    tl_heap_init(&f.heap, calloc(1, bytes), bytes); // pages that are never used are never touched
    tl_heap_init(&f.tile_heap, calloc(1, bytes), bytes);
    CHECK_EQUAL(tl_mirror_init(&f.mirror, &f.heap, kinds, entities, c->group_count + 64), TL_OK);
    CHECK_EQUAL(tl_pyramid_init(&f.pyramid, &f.tile_heap, &f.mirror, 9, 8192), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(c->world, &f.store), TL_OK);
    CHECK_EQUAL(tl_store_join(f.store, NULL), TL_OK);
    bool loaded = false;
    for (uint64_t end = c->now_us + (uint64_t)(seconds * 1e6); c->now_us < end;) {
        tl_store_event event;
        cluster_run(c, 0.01);
        while (tl_store_poll(f.store, &event) == TL_OK) {
            take(&f, &event, &loaded);
        }
    }
    double n = f.mirror.live_count, ticks = (double)f.records;
    printf("a follower of all %u entities: %.0f B an entity in the mirror (%zu of them its tl_entity), and %.0f in "
           "tiles, no stream open\n",
           f.mirror.live_count, (double)f.heap.live_bytes / n, sizeof(tl_entity), (double)f.tile_heap.live_bytes / n);
    printf("an entity in a checkpoint: %.1f B\n", (double)f.checkpoint_bytes / n);
    printf("level-0 records: %.1f kB a tick, %.2f B an entity and second; to apply: %.2f ms of processor a tick (%.0f "
           "ns a byte), tiles %.2f ms\n",
           (double)f.record_bytes / ticks / 1000, (double)f.record_bytes / ticks * c->tick_hz / n,
           f.apply_s / ticks * 1000, f.apply_s * 1e9 / (double)f.record_bytes, f.pyramid_s / ticks * 1000);
    tl_store_close(f.store, false);
    free(f.heap.memory);
    free(f.tile_heap.memory);
}

int main(int argc, char **argv)
{
    uint32_t entities = argc > 1 ? (uint32_t)atoi(argv[1]) : 100000;
    double seconds = argc > 2 ? atof(argv[2]) : 5;
    cluster *c = cluster_create(argc > 3 ? argv[3] : "city", entities, 1, 20);
    c->quiet = true;
    cluster_run(c, 20); // until every group has been checkpointed
    measure_follower(c, seconds);
    measure_levels(c, seconds);
    cluster_destroy(c);
    return 0;
}
