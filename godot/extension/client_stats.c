#include "client_stats.h"

#include "variant.h"

void client_get_stats(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    const client_link *link = &c->link;
    gd.construct[GD_DICTIONARY](ret, NULL);
    tl_client_stats stats = {0};
    if (link->client) {
        stats = tl_client_get_stats(link->client);
    }
    const struct {
        const char *name;
        double value;
        bool whole;
    } figures[] = {
        {"entities", stats.entities, true},
        {"kbit_s", c->kbit_s_now, false},
        {"rtt_ms", stats.rtt_ms, false},
        {"clock_error_ms", stats.clock_error_ms, false},
        {"latency_ms", stats.latency_ms, false},
        {"datagrams", (double)stats.datagrams, true},
        {"datagrams_lost", (double)stats.datagrams_lost, true},
        {"malformed", (double)stats.malformed, true},
        {"skipped", (double)stats.skipped, true},
        {"bytes", (double)stats.bytes, true},
        {"frames", (double)stats.frames, true},
        {"tick", (double)stats.tick, true},
        {"settled_tick", (double)stats.settled_tick, true},
        {"memory_used_bytes", (double)stats.memory_used_bytes, true},
        {"limits_reached", (double)stats.limits_reached, true},
        {"reconnects", (double)stats.reconnects, true},
        {"delay_ticks", c->delay_ticks, false},
        {"step_ms", c->step_ms, false},
        {"draw_ms", c->draw_ms, false},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        gd_dictionary_put(ret, figures[i].name,
                          figures[i].whole ? gd_variant_int((int64_t)figures[i].value)
                                           : gd_variant_float(figures[i].value));
    }
}
