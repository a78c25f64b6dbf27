#include "server_stats.h"

#include "variant.h"

void server_get_stats(void *self, const void *const *args, void *ret)
{
    const server_node *s = self;
    gd_dictionary *out = ret;
    gd.construct[GD_DICTIONARY](out, NULL);
    if (!s->server) {
        return;
    }
    tl_server_stats stats = tl_server_get_stats(s->server);
    const struct {
        const char *name;
        double value;
        bool whole;
    } figures[] = {
        {"tick", (double)stats.tick, true},
        {"world_tick", (double)stats.world_tick, true},
        {"entities", stats.entities, true},
        {"groups", stats.groups, true},
        {"groups_owned", stats.groups_owned, true},
        {"clients", stats.clients, true},
        {"servers_alive", stats.servers_alive, true},
        {"frames", (double)stats.frames, true},
        {"frame_bytes", (double)stats.frame_bytes, true},
        {"datagrams", (double)stats.datagrams, true},
        {"datagrams_lost", (double)stats.datagrams_lost, true},
        {"records", (double)stats.records, true},
        {"record_bytes", (double)stats.record_bytes, true},
        {"malformed", (double)stats.malformed, true},
        {"rate_limited", (double)stats.rate_limited, true},
        {"limits_reached", (double)stats.limits_reached, true},
        {"memory_used_bytes", (double)stats.memory_used_bytes, true},
        {"step_ms", s->step_ms, false},
        {"step_ms_max", s->step_ms_max, false},
        {"commit_ms", s->commit_ms, false},
        {"link_ms", s->link_ms, false},
        {"link_ms_max", s->link_ms_max, false},
        {"custom_frames", (double)s->custom_frames, true},
        {"custom_bytes", (double)s->custom_bytes, true},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        gd_dictionary_put(out, figures[i].name,
                          figures[i].whole ? gd_variant_int((int64_t)figures[i].value)
                                           : gd_variant_float(figures[i].value));
    }
}
