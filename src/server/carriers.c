// The rules for carriers and passengers, checked before this server publishes anything for its game or its clients.
// Also sets down own entities that can no longer be passengers (carrier.c), because another server's carrier is gone or
// has itself boarded one of them.
#include "server/carriers.h"
#include "server/ownership.h"
#include "server/state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static tl_result refuse(char *text, size_t text_bytes, tl_result result, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static tl_result refuse(char *text, size_t text_bytes, tl_result result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (text) {
        vsnprintf(text, text_bytes, format, arguments);
    }
    va_end(arguments);
    return result;
}

// An own entity may just have been created, or have boarded, ahead of what is mirrored.
static tl_entity_id carrier_of(const tl_entity *e)
{
    return e->published ? e->published_carrier : e->carrier_id;
}

// Whether an entity is live or was created here, and was not deleted here, even if that is still to be recorded.
// Entities that are being handed over exist.
static bool exists(const tl_server *s, const tl_entity *e)
{
    if (e->published) {
        return true;
    }
    if (!e->live) {
        return false;
    }
    const tl_group *group = &s->mirror.groups[e->group];
    return group->owner != s->number || (group->giving && !group->deleting) || e->untaken;
}

static tl_result check_tower(const tl_server *s, int32_t index, tl_entity_id carrier, char *text, size_t text_bytes)
{
    int depth = index == TL_NONE ? 1 : tl_mirror_height(&s->mirror, index);
    for (int32_t at = tl_mirror_find(&s->mirror, carrier); at != TL_NONE;
         at = tl_mirror_find(&s->mirror, carrier_of(&s->mirror.entities[at]))) {
        if (at == index) {
            return refuse(text, text_bytes, TL_ERR_INVALID, "carrier %" PRIu64 " rides in entity %" PRIu64 " itself",
                          carrier, s->mirror.entities[index].id);
        }
        if (++depth > TL_CARRIER_DEPTH_MAX) {
            return refuse(text, text_bytes, TL_ERR_INVALID,
                          "in carrier %" PRIu64 " carriers would be nested deeper than %d", carrier,
                          TL_CARRIER_DEPTH_MAX);
        }
    }
    return TL_OK;
}

tl_result tl_carriers_check(const tl_server *s, int32_t index, tl_entity_id carrier, tl_vec3 position, char *text,
                            size_t text_bytes)
{
    if (text_bytes) {
        text[0] = 0;
    }
    if (carrier == 0) {
        return TL_OK;
    }
    int32_t at = tl_mirror_find(&s->mirror, carrier);
    if (at == TL_NONE || !exists(s, &s->mirror.entities[at])) {
        return refuse(text, text_bytes, TL_ERR_NOT_FOUND,
                      "there is no entity %" PRIu64 " that could be its carrier; it may have been deleted", carrier);
    }
    const tl_kind *kind = &s->kinds.kinds[s->mirror.entities[at].kind];
    if (kind->carrier_reach_m <= 0) {
        return refuse(text, text_bytes, TL_ERR_INVALID,
                      "carrier %" PRIu64 " is of kind '%s', in which nothing can ride: its carrier_reach_m is 0",
                      carrier, kind->name);
    }
    double away_m = tl_vec3_length(position);
    if (!(away_m <= kind->carrier_reach_m + tl_level_tolerance_m(0))) {
        return refuse(text, text_bytes, TL_ERR_INVALID,
                      "the position is %.2f m from carrier %" PRIu64 "; the reach of kind '%s' is %g m", away_m,
                      carrier, kind->name, kind->carrier_reach_m);
    }
    return check_tower(s, index, carrier, text, text_bytes);
}

tl_result tl_server_check_carrier(const tl_server *s, tl_entity_ref entity, tl_entity_id carrier, tl_vec3 position,
                                  char *text, size_t text_bytes)
{
    return tl_carriers_check(s, entity == TL_REF_NONE ? TL_NONE : (int32_t)entity, carrier, position, text, text_bytes);
}

tl_result tl_carriers_check_words(const tl_server *s, int32_t index, const tl_kind *kind, tl_entity_id carrier,
                                  const int64_t *words)
{
    if (carrier == 0) {
        return TL_OK;
    }
    int shift = kind->fields[0].shift[0];
    tl_vec3 position = tl_position_at(words, shift, &s->kinds, (double)(words[0] ? words[0] : s->tick));
    tl_result result = tl_carriers_check(s, index, carrier, position, NULL, 0);
    if (result != TL_OK) {
        return result;
    }
    // It must also be within reach now, at the tick of its commit.
    if (!tl_carriers_reach(s, carrier, tl_position_at(words, shift, &s->kinds, (double)s->tick))) {
        return TL_ERR_INVALID;
    }
    // Its client does not report it every tick, so it must not move by more than the reach in a second, either.
    const tl_entity *c = &s->mirror.entities[tl_mirror_find(&s->mirror, carrier)];
    return tl_vec3_length(tl_velocity_of(words, shift, &s->kinds)) <= s->kinds.kinds[c->kind].carrier_reach_m
               ? TL_OK
               : TL_ERR_INVALID;
}

double tl_carriers_reach_m(const tl_server *s, tl_entity_id carrier)
{
    int32_t at = carrier ? tl_mirror_find(&s->mirror, carrier) : TL_NONE;
    if (at == TL_NONE) {
        return INFINITY; // none, or its passengers are about to be set down
    }
    return s->kinds.kinds[s->mirror.entities[at].kind].carrier_reach_m + tl_level_tolerance_m(0);
}

bool tl_carriers_reach(const tl_server *s, tl_entity_id carrier, tl_vec3 position)
{
    double limit_m = tl_carriers_reach_m(s, carrier);
    return position.x * position.x + position.y * position.y + position.z * position.z <= limit_m * limit_m;
}

// ---- setting down ----

// Publishes the entity as standing in the world, where all mirrors have it by now, and calls the game's set_down.
void tl_carriers_publish_set_down(tl_server *s, int32_t index)
{
    tl_entity *e = &s->mirror.entities[index];
    TL_ASSERT(e->used && e->published);
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    tl_entity_id carrier = e->said ? e->said_carrier : e->carrier_id;
    memcpy(e->published, e->state, TL_POSITION_WORDS * sizeof *e->state);
    if (kind->rotation != TL_NONE) {
        const tl_field *field = &kind->fields[kind->rotation];
        memcpy(e->published + field->word, e->state + field->word, (size_t)field->word_count * sizeof *e->state);
    }
    e->published_carrier = 0;
    e->unsent_carrier = true;
    tl_own_forget_truth(s, index);
    tl_own_track(s, index);
    tl_own_mark(s, index);
    s->stats.set_down++;
    if (s->def.callbacks.set_down) {
        s->def.callbacks.set_down(s->def.callbacks.user, s, e->id, carrier);
    }
}

void tl_carriers_follow_set_down(tl_server *s)
{
    for (uint32_t i = 0; i < s->mirror.unresolved_count; i++) {
        int32_t index = s->mirror.unresolved[i];
        const tl_entity *e = &s->mirror.entities[index];
        if (!e->used || !e->live || e->published == NULL || e->unsent_carrier) {
            continue;
        }
        // An entity that has never been shown may have arrived before its carrier. After a second it is placed as if it
        // had none.
        bool waited = e->said == NULL && e->carrier == TL_NONE &&
                      s->mirror.tick - e->boarded_tick > (int64_t)s->world.tick_hz;
        if (e->published_carrier && ((e->said && e->published_carrier == e->said_carrier) ||
                                     (waited && e->published_carrier == e->carrier_id))) {
            tl_carriers_publish_set_down(s, index);
        }
    }
}

// Stops a client's entity at the edge of its carrier's reach, so that it does not drift out between two reports.
// Returns TL_ERR_INVALID if it was stopped.
tl_result tl_carriers_hold(tl_server *s, int32_t index)
{
    tl_entity *e = tl_own_entity(s, (tl_entity_ref)index);
    if (e == NULL || e->published_carrier == 0) {
        return TL_OK;
    }
    const tl_kind *kind = &s->kinds.kinds[e->kind];
    tl_vec3 position = tl_position_at(e->published, kind->fields[0].shift[0], &s->kinds, (double)s->tick);
    if (tl_carriers_reach(s, e->published_carrier, position)) {
        return TL_OK;
    }
    const tl_entity *c = &s->mirror.entities[tl_mirror_find(&s->mirror, e->published_carrier)];
    double reach_m = s->kinds.kinds[c->kind].carrier_reach_m, away_m = tl_vec3_length(position);
    tl_own_stop(s, index, tl_vec3_scale(position, reach_m / away_m));
    return TL_ERR_INVALID;
}
