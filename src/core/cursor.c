#include "cursor.h"

void tl_cursor_reset(tl_cursor_map *map)
{
    map->run_count = 1;
    map->runs[0] = (tl_cursor_run){0, 0, 0};
}

// Appends a run, joined to the one before it if that is at the same version.
static void append(tl_cursor_map *map, uint32_t begin, uint32_t version, uint64_t since)
{
    tl_cursor_run *last = map->run_count ? &map->runs[map->run_count - 1] : NULL;
    if (last && (last->version == version || map->run_count == TL_CURSOR_RUNS_MAX)) {
        if (last->version != version) last->version = 0;
        if (since < last->since) last->since = since;
        return;
    }
    map->runs[map->run_count++] = (tl_cursor_run){begin, version, since};
}

void tl_cursor_set(tl_cursor_map *map, uint32_t begin, uint32_t end, uint32_t version, uint64_t since)
{
    if (begin >= end) return;
    tl_cursor_map old = *map;
    map->run_count = 0;
    uint32_t i = 0;
    for (; i < old.run_count && old.runs[i].begin < begin; i++) append(map, old.runs[i].begin, old.runs[i].version, old.runs[i].since);
    append(map, begin, version, since);
    if (end == TL_SLOT_END) return;
    const tl_cursor_run *after = tl_cursor_at(&old, end);
    append(map, end, after->version, after->since);
    for (; i < old.run_count; i++)
        if (old.runs[i].begin > end) append(map, old.runs[i].begin, old.runs[i].version, old.runs[i].since);
}

const tl_cursor_run *tl_cursor_at(const tl_cursor_map *map, uint32_t slot)
{
    uint32_t i = map->run_count;
    while (i > 1 && map->runs[i - 1].begin > slot) i--;
    return &map->runs[i - 1];
}

bool tl_cursor_is(const tl_cursor_map *map, uint32_t begin, uint32_t end, uint32_t version)
{
    for (uint32_t i = 0; i < map->run_count; i++) {
        uint32_t run_end = tl_cursor_run_end(map, i);
        if (run_end > begin && map->runs[i].begin < end && map->runs[i].version != version) return false;
    }
    return true;
}
