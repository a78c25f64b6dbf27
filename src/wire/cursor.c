#include "wire/cursor.h"

void tl_cursor_reset(tl_cursor_map *map)
{
    map->run_count = 1;
    map->runs[0] = (tl_cursor_run){0, 0, 0};
}

static bool joins(const tl_cursor_run *a, const tl_cursor_run *b)
{
    return a->version == b->version && (a->version == 0 || a->since == b->since);
}

// Joins two runs of the same version, if any. Losses are then attributed to too many slots rather than too few.
static bool make_room(tl_cursor_map *map)
{
    for (uint32_t i = 1; i < map->run_count; i++) {
        if (map->runs[i].version != map->runs[i - 1].version) {
            continue;
        }
        if (map->runs[i].since < map->runs[i - 1].since) {
            map->runs[i - 1].since = map->runs[i].since;
        }
        memmove(&map->runs[i], &map->runs[i + 1], (map->run_count - i - 1) * sizeof *map->runs);
        map->run_count--;
        return true;
    }
    return false;
}

// Appends a run, joined with the previous one if they are equal. Slots that are not held are sent from version 0, so
// earlier losses do not affect them.
static void append(tl_cursor_map *map, uint32_t begin, uint32_t version, uint64_t since)
{
    tl_cursor_run run = {begin, version, since}, *last = map->run_count ? &map->runs[map->run_count - 1] : NULL;
    TL_ASSERT(last == NULL || begin > last->begin);
    if (last && joins(last, &run)) {
        if (since > last->since) {
            last->since = since;
        }
        return;
    }
    if (map->run_count == TL_CURSOR_RUNS_MAX && last->version == version) {
        if (since < last->since) {
            last->since = since;
        }
    } else if (map->run_count < TL_CURSOR_RUNS_MAX || make_room(map)) {
        map->runs[map->run_count++] = run;
    } else {
        last->version = 0;
        if (since > last->since) {
            last->since = since;
        }
    }
}

void tl_cursor_set(tl_cursor_map *map, uint32_t begin, uint32_t end, uint32_t version, uint64_t since)
{
    if (begin >= end) {
        return;
    }
    tl_cursor_map old = *map;
    map->run_count = 0;
    uint32_t i = 0;
    for (; i < old.run_count && old.runs[i].begin < begin; i++) {
        append(map, old.runs[i].begin, old.runs[i].version, old.runs[i].since);
    }
    append(map, begin, version, since);
    if (end == TL_SLOT_END) {
        return;
    }
    const tl_cursor_run *after = tl_cursor_at(&old, end);
    append(map, end, after->version, after->since);
    for (; i < old.run_count; i++) {
        if (old.runs[i].begin > end) {
            append(map, old.runs[i].begin, old.runs[i].version, old.runs[i].since);
        }
    }
}

const tl_cursor_run *tl_cursor_at(const tl_cursor_map *map, uint32_t slot)
{
    TL_ASSERT(map->run_count >= 1 && map->run_count <= TL_CURSOR_RUNS_MAX && map->runs[0].begin == 0);
    uint32_t i = map->run_count;
    while (i > 1 && map->runs[i - 1].begin > slot) {
        i--;
    }
    return &map->runs[i - 1];
}

bool tl_cursor_is(const tl_cursor_map *map, uint32_t begin, uint32_t end, uint32_t version)
{
    for (uint32_t i = 0; i < map->run_count; i++) {
        uint32_t run_end = tl_cursor_run_end(map, i);
        if (run_end > begin && map->runs[i].begin < end && map->runs[i].version != version) {
            return false;
        }
    }
    return true;
}

void tl_cursor_settle(tl_cursor_map *map, uint64_t sequence)
{
    tl_cursor_map old = *map;
    map->run_count = 0;
    for (uint32_t i = 0; i < old.run_count; i++) {
        append(map, old.runs[i].begin, old.runs[i].version,
               old.runs[i].since > sequence ? old.runs[i].since : sequence);
    }
}
