#include "lateness.h"

#include "program.h"

#define SLOW_COMMIT_MS 100.0
enum { SHOWS_BEFORE_TICKS = 40, SHOWS_AFTER_TICKS = 25 }; // lines come once a second, and tell of the second before

int lateness_seconds(const char *stats, double from_tick, double to_tick)
{
    json_t *lines = lines_read(stats);
    double before = 0;
    int seconds = 0;
    for (size_t n = 0; n < json_array_size(lines); n++) {
        const json_t *line = json_array_get(lines, n);
        double tick = number_of(line, "tick"), count = number_of(line, "ticks_incomplete");
        seconds += n > 0 && count > before && tick > from_tick && tick <= to_tick;
        before = count;
    }
    json_decref(lines);
    return seconds;
}

bool lateness_of_store(const char *stats, double tick)
{
    json_t *lines = lines_read(stats), *one;
    bool slow = false;
    for (size_t n = 0, i; n < json_array_size(lines); n++) {
        const json_t *line = json_array_get(lines, n);
        double at = number_of(line, "tick");
        json_array_foreach(json_object_get(line, "commit_ms"), i, one)
        {
            slow |= at > tick - SHOWS_BEFORE_TICKS && at <= tick + SHOWS_AFTER_TICKS &&
                    json_number_value(one) > SLOW_COMMIT_MS;
        }
    }
    json_decref(lines);
    return slow;
}
