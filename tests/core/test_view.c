// A session and a view, joined by a path that loses, doubles and delays datagrams, over a random world: what the view
// shows is the world, within each level's tolerance; and damaged datagrams change nothing.
#include "check.h"
#include "client/view_apply.h"
#include "client/view_instances.h"
#include "server/session.h"
#include "world.h"

#include <math.h>

enum { SIZES = 6, FLIGHT_MAX = 256, FRAME_BYTES_MAX = 64 * (TL_DATAGRAM_BYTES_MAX + 2), TICK_US = 50000 };

typedef struct datagram {
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    size_t size;
    int64_t at_tick; // -1: none
} datagram;

typedef struct link {
    world *w;
    tl_session *session;
    tl_frame_scratch *scratch;
    int32_t *marks;
    unsigned char *frame;
    // the client's end
    void *memory;
    tl_heap heap;
    tl_view view;
    uint16_t newest, report_sequence;
    bool any;
    unsigned char bits[TL_ACK_BITS / 8];
    // the path
    datagram flight[FLIGHT_MAX];
    double loss;
    int delay_ticks;
    uint64_t random;
    // what a damaged copy must not change
    bool damage;
    unsigned char *saved;
    uint64_t refused, survived;
} link;

static link *begin_with(uint32_t entities, uint64_t seed, uint32_t kbit_s, double loss, int delay_ticks)
{
    link *l = calloc(1, sizeof *l);
    l->w = world_create(2 * entities, SIZES, seed);
    l->w->width_m = 1500;
    l->w->change = 0.03;
    l->w->groups_fixed = true;
    l->session = calloc(1, sizeof *l->session);
    tl_session_init(l->session, &l->w->heap, &l->w->pyramid, kbit_s, 0);
    l->scratch = malloc(tl_frame_scratch_bytes());
    l->marks = calloc(2 * l->w->pyramid.tiles.count_max, sizeof *l->marks);
    l->frame = malloc(FRAME_BYTES_MAX);
    size_t bytes = tl_view_bytes(4 * entities) + entities * 8192 + (4u << 20);
    l->memory = calloc(1, bytes);
    l->saved = malloc(bytes);
    tl_heap_init(&l->heap, l->memory, bytes);
    CHECK_EQUAL(tl_view_init(&l->view, &l->heap, &l->w->kinds, 4 * entities), TL_OK);
    for (int i = 0; i < FLIGHT_MAX; i++) {
        l->flight[i].at_tick = -1;
    }
    l->loss = loss, l->delay_ticks = delay_ticks, l->random = seed * 7;
    return l;
}

static link *begin(uint64_t seed, uint32_t kbit_s, double loss, int delay_ticks)
{
    return begin_with(250, seed, kbit_s, loss, delay_ticks);
}

static void end(link *l)
{
    tl_session_end(l->session);
    world_destroy(l->w);
    free(l->session);
    free(l->scratch);
    free(l->marks);
    free(l->frame);
    free(l->memory);
    free(l->saved);
    free(l);
}

// ---- what a view shows ----

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return world_hash(hash, &value, sizeof value);
}

static uint64_t view_hash(const tl_view *v)
{
    uint64_t hash = mix(mix(mix(mix(1, (uint64_t)v->tick), (uint64_t)v->settled_tick), v->entity_count),
                        v->event_count);
    hash = mix(mix(mix(hash, v->nack_count), v->orphan_count), v->applied);
    for (int h = 0; h < TL_HANDLES_MAX; h++) {
        const tl_view_stream *s = &v->streams[h];
        if (!s->open) {
            continue;
        }
        hash = mix(mix(mix(mix(hash, (uint64_t)h), (uint64_t)s->level), (uint64_t)s->x ^ (uint64_t)s->z << 32), s->top);
        for (uint32_t i = 0; i < s->held.run_count; i++) {
            hash = mix(mix(hash, s->held.runs[i].begin), s->held.runs[i].version);
        }
        for (uint32_t i = 0; i < s->top; i++) {
            const tl_view_slot *slot = &s->slots[i];
            hash = mix(hash, slot->used);
            if (!slot->used) {
                continue;
            }
            hash = mix(mix(mix(hash, slot->id), slot->carrier_id), (uint64_t)slot->entity);
            hash = world_hash(hash, slot->state, (size_t)v->kinds->kinds[slot->kind].word_count * 8);
        }
    }
    for (uint32_t i = 0; i < v->entity_top; i++) {
        const tl_view_entity *e = &v->entities[i];
        hash = mix(mix(hash, e->used), e->id);
        if (e->used) {
            hash = mix(mix(hash, (uint64_t)e->home_stream), (uint64_t)e->home_slot);
        }
        for (const tl_view_former *f = e->used ? e->former : NULL; f; f = f->before) {
            hash = world_hash(hash, &f->to, sizeof f->to);
        }
    }
    return hash;
}

// ---- datagrams in ----

static tl_result apply(link *l, const unsigned char *data, size_t size, tl_frame_head *head)
{
    tl_reader r = tl_reader_make(data, size);
    uint32_t closes[TL_CLOSES_MAX];
    int close_count = 0;
    tl_channel_section messages;
    if (tl_read_fixed(&r, 1) != TL_WIRE_FRAME) {
        return TL_ERR_MALFORMED;
    }
    tl_frame_head_read(&r, head);
    if (head->flags & TL_FRAME_CHANNEL_ACK) {
        tl_read_fixed(&r, 2);
    }
    if (head->flags & TL_FRAME_CLOSES) {
        close_count = (int)tl_read_limited(&r, TL_CLOSES_MAX);
        for (int i = 0; i < close_count; i++) {
            closes[i] = (uint32_t)tl_read_limited(&r, TL_HANDLES_MAX - 1);
        }
    }
    if (head->flags & TL_FRAME_MESSAGES) {
        tl_channel_read(&r, &messages);
    }
    if (r.bad) {
        return TL_ERR_MALFORMED;
    }
    int64_t tick = head->tick, settled = head->settled == 255 ? -1 : tick - head->settled;
    return tl_view_apply(&l->view, head->sequence, tick, settled, closes, close_count, &r);
}

static void evaluate_all(const tl_view *v)
{
    tl_view_validate(v);
    for (uint32_t i = 0; i < v->entity_top; i++) {
        tl_vec3 p;
        tl_quat q;
        if (v->entities[i].used) {
            tl_view_pose(v, (int32_t)i, (double)v->tick + 0.5, true, &p, &q);
        }
    }
}

// A damaged copy is either refused, and nothing has changed, or it is taken for good; then all is put back.
static void apply_damaged(link *l, const unsigned char *data, size_t size)
{
    unsigned char damaged[TL_DATAGRAM_BYTES_MAX + 64];
    memcpy(damaged, data, size);
    size_t new_size = world_mutate(&l->random, damaged, size, TL_DATAGRAM_BYTES_MAX);
    unsigned char *exact = malloc(new_size ? new_size : 1);
    memcpy(exact, damaged, new_size);
    tl_view view = l->view;
    tl_heap heap = l->heap;
    size_t used = l->heap.used_bytes;
    memcpy(l->saved, l->memory, used);
    uint64_t before = view_hash(&l->view);
    tl_frame_head head;
    tl_result result = apply(l, exact, new_size, &head);
    if (result == TL_ERR_MALFORMED) {
        CHECK(view_hash(&l->view) == before && l->heap.live_bytes == heap.live_bytes);
        l->refused++;
    } else {
        evaluate_all(&l->view);
        l->survived++;
    }
    memset((unsigned char *)l->memory + used, 0, l->heap.used_bytes - used);
    memcpy(l->memory, l->saved, used);
    l->view = view;
    l->heap = heap;
    CHECK(view_hash(&l->view) == before);
    free(exact);
}

static void receive(link *l, const datagram *d)
{
    tl_frame_head head;
    if (l->damage) {
        apply_damaged(l, d->data, d->size);
    }
    tl_reader r = tl_reader_make(d->data + 1, d->size - 1);
    tl_frame_head_read(&r, &head);
    int16_t ahead = l->any ? (int16_t)(head.sequence - l->newest) : 1;
    if (ahead <= 0 && (-ahead >= TL_ACK_BITS || (l->bits[-ahead / 8] >> (-ahead % 8) & 1))) {
        return; // again, or too old
    }
    uint64_t full = l->view.full;
    tl_result result = apply(l, d->data, d->size, &head);
    CHECK(result == TL_OK || result == TL_AGAIN);
    CHECK_EQUAL(l->view.full, full);
    for (; ahead > 0; ahead--) { // the window moves on
        for (int b = (int)sizeof l->bits - 1; b > 0; b--) {
            l->bits[b] = (unsigned char)(l->bits[b] << 1 | l->bits[b - 1] >> 7);
        }
        l->bits[0] = (unsigned char)(l->bits[0] << 1);
        l->newest = head.sequence;
    }
    l->any = true;
    int back = (int)(uint16_t)(l->newest - head.sequence);
    if (result == TL_OK && back < TL_ACK_BITS) {
        l->bits[back / 8] |= (unsigned char)(1 << (back % 8));
    }
}

static void report(link *l)
{
    tl_report_head head = {.sequence = ++l->report_sequence, .ack = l->newest};
    memcpy(head.bits, l->bits, sizeof head.bits);
    if (!l->any || check_random_between(&l->random, 0, 1) < l->loss) {
        return;
    }
    uint64_t now_us = (uint64_t)l->w->tick * TICK_US;
    CHECK(tl_session_accept(l->session, &head, now_us) && !tl_session_accept(l->session, &head, now_us));
    for (uint32_t i = 0; i < l->view.nack_count; i++) {
        const tl_nack *n = &l->view.nacks[i];
        tl_nack_part parts[TL_CURSOR_RUNS_MAX];
        uint32_t count = tl_view_nack_parts(&l->view, n, parts);
        for (uint32_t k = 0; k < count; k++) {
            tl_session_nack(l->session, n->sequence, n->handle, parts[k].begin, parts[k].end, parts[k].held);
        }
    }
    tl_session_acknowledge(l->session, &head, now_us);
}

static void post(link *l, const unsigned char *data, size_t size)
{
    CHECK(size <= TL_DATAGRAM_BYTES_MAX);
    for (int copy = 0; copy < 2; copy++) {
        if (check_random_between(&l->random, 0, 1) < l->loss || (copy && check_random(&l->random) % 10)) {
            continue;
        }
        for (int i = 0; i < FLIGHT_MAX; i++) {
            if (l->flight[i].at_tick >= 0) {
                continue;
            }
            memcpy(l->flight[i].data, data, l->flight[i].size = size);
            l->flight[i].at_tick = l->w->tick + (l->delay_ticks ? (int64_t)(check_random(&l->random) %
                                                                            (uint64_t)(l->delay_ticks + 1))
                                                                : 0);
            break;
        }
    }
}

// ---- as instances ----

enum { STRIDE = 18, CUSTOM = 14 };

static void check_instance(const link *l, int32_t index, double display_tick, tl_vec3 origin, const float *at)
{
    tl_vec3 position;
    tl_quat rotation;
    CHECK(tl_view_pose(&l->view, index, display_tick, true, &position, &rotation));
    tl_placement placed;
    CHECK(tl_view_placed((tl_view *)&l->view, index, display_tick, &placed) &&
          placed.kind == l->view.entities[index].kind);
    CHECK(tl_vec3_length(tl_vec3_sub(placed.position, position)) < 1e-3);
    for (int i = 0; i < 9; i++) {
        CHECK(placed.basis[i] == at[i / 3 * 4 + i % 3]);
    }
    position = tl_vec3_sub(position, origin);
    const double place[3] = {position.x, position.y, position.z};
    tl_vec3 columns[3] = {tl_quat_rotate(rotation, (tl_vec3){1, 0, 0}), tl_quat_rotate(rotation, (tl_vec3){0, 1, 0}),
                          tl_quat_rotate(rotation, (tl_vec3){0, 0, 1})};
    for (int row = 0; row < 3; row++) {
        const double of_row[3] = {(&columns[0].x)[row], (&columns[1].x)[row], (&columns[2].x)[row]};
        CHECK_NEAR(at[4 * row + 3], place[row], 1e-3);
        for (int c = 0; c < 3; c++) {
            CHECK_NEAR(at[4 * row + c], of_row[c], 1e-4);
        }
    }
    CHECK(at[CUSTOM] >= 0 && at[CUSTOM] <= 1 && at[CUSTOM + 1] >= 0 && at[CUSTOM + 1] <= 1 && at[CUSTOM + 2] >= 0);
    tl_view_moment m;
    tl_view_moment_at(&l->view, index, display_tick, true, &m);
    CHECK(at[CUSTOM + 3] == (m.source.carrier_id != 0));
    CHECK(at[CUSTOM - 2] == 7 && at[CUSTOM - 1] == 7); // what is between the parts is left alone
}

// All kinds but the last, which is not wanted; the first two share an array, which is too short by half at times.
static void check_instances(link *l, double display_tick)
{
    static float floats[TL_KINDS_MAX][2000 * STRIDE];
    static tl_instances arrays[TL_KINDS_MAX];
    tl_instances *by_kind[TL_KINDS_MAX] = {0};
    tl_vec3 origin = tl_vec3_add(l->session->observer, (tl_vec3){0.25, -3, 17});
    uint32_t at[TL_KINDS_MAX] = {0};
    for (size_t i = 0; i < 2000 * STRIDE; i++) {
        floats[0][i] = floats[1][i] = floats[2][i] = floats[3][i] = 7;
    }
    for (int k = 0; k + 1 < l->w->kinds.count; k++) {
        by_kind[k] = &arrays[k == 1 ? 0 : k];
        arrays[k] = (tl_instances){
            .floats = floats[k], .stride = STRIDE, .custom = CUSTOM, .capacity = k == 0 && l->w->tick % 2 ? 50 : 2000};
    }
    tl_view_instances(&l->view, display_tick, origin, by_kind);
    static tl_entity_id ids[4000];
    uint32_t id_count = tl_view_entities(&l->view, display_tick, ids, 4000), seen = 0;
    for (uint32_t i = 0; i < l->view.entity_top; i++) {
        const tl_view_entity *e = &l->view.entities[i];
        tl_vec3 position;
        tl_quat rotation;
        if (!e->used || !tl_view_pose(&l->view, (int32_t)i, display_tick, true, &position, &rotation)) {
            continue;
        }
        CHECK(seen < id_count && ids[seen] == e->id);
        seen++;
        if (!by_kind[e->kind]) {
            continue;
        }
        uint32_t k = (uint32_t)(by_kind[e->kind] - arrays), n = at[k]++;
        if (n < arrays[k].capacity) {
            check_instance(l, (int32_t)i, display_tick, origin, floats[k] + (size_t)n * STRIDE);
        }
    }
    for (int k = 0; k < TL_KINDS_MAX; k++) {
        CHECK(arrays[k].count == at[k]);
    }
    CHECK_EQUAL(seen, id_count);
}

// A server that was late makes several ticks, and one frame of the last.
static void ticks_in_one_frame(link *l, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        world_step(l->w);
    }
    tl_session_subscribe(l->session, l->w->tick, l->marks);
    for (uint32_t i = 0; i < 2 * l->w->pyramid.tiles.top; i++) {
        CHECK_EQUAL(l->marks[i], 0);
    }
    uint64_t now_us = (uint64_t)l->w->tick * TICK_US;
    size_t size = tl_frame_write(l->session, l->w->tick, now_us, now_us, l->scratch, l->frame, FRAME_BYTES_MAX);
    for (size_t at = 0; at < size;) {
        size_t one = l->frame[at] | (size_t)l->frame[at + 1] << 8;
        post(l, l->frame + at + 2, one);
        at += 2 + one;
    }
    for (int i = 0; i < FLIGHT_MAX; i++) {
        if (l->flight[i].at_tick < 0 || l->flight[i].at_tick > l->w->tick) {
            continue;
        }
        receive(l, &l->flight[i]);
        l->flight[i].at_tick = -1;
    }
    report(l);
    tl_view_validate(&l->view);
    tl_view_event event;
    while (tl_view_next_event(&l->view, &event)) {
        CHECK(event.id != 0);
    }
    if (l->w->tick % 3) {
        check_instances(l, (double)l->w->tick - 1.7); // as a display does, a little behind
    }
    if (l->w->tick % 8 == 0) {
        check_instances(l, (double)l->w->tick - 1.4);
    }
    if (l->w->tick % 50 == 0) {
        check_instances(l, (double)l->w->tick - 2.5); // and back
    }
}

static void tick(link *l)
{
    ticks_in_one_frame(l, 1);
}

// ---- comparing ----

static void check_entity(const link *l, int32_t index)
{
    const world *w = l->w;
    const tl_entity *e = &w->mirror.entities[index];
    const tl_kind *kind = &w->kinds.kinds[e->kind];
    tl_vec3 truth, shown;
    tl_quat q;
    if (!tl_mirror_pose(&w->mirror, index, (double)w->tick, &truth, &q)) {
        return;
    }
    int32_t found = tl_view_find(&l->view, e->id);
    double distance = tl_vec3_length(tl_vec3_sub(truth, l->session->observer));
    bool limited = kind->level_last < TL_LEVELS_MAX - 1; // not sent from so far away
    CHECK(found != TL_NONE || (limited && distance > 60));
    // or about to be out of sight
    if (found == TL_NONE || (limited && l->view.entities[found].home_stream == TL_NONE)) {
        return;
    }
    tl_view_source source = tl_view_source_of(&l->view, found);
    CHECK(source.carrier_id == e->carrier_id && source.kind == kind);
    CHECK(tl_view_pose(&l->view, found, (double)w->tick, false, &shown, &q));
    double error = tl_vec3_length(tl_vec3_sub(truth, shown)), level_tolerance = tl_level_tolerance_m(source.level);
    CHECK(error <= level_tolerance * 1.01);              // of what shows it
    CHECK(error <= fmax(0.02, 0.001 * distance) * 1.01); // and as promised
    if (source.level == 0 && kind->level_last > 1) {
        for (int f = 1; f < kind->field_count; f++) {
            CHECK(memcmp(source.state + kind->fields[f].word, e->state + kind->fields[f].word,
                         (size_t)kind->fields[f].word_count * 8) == 0);
        }
    }
}

static void check_same(const link *l)
{
    uint32_t live = 0;
    for (int32_t i = 0; i < l->w->mirror.entity_top; i++) {
        const tl_entity *e = &l->w->mirror.entities[i];
        if (!e->used || !e->live) {
            continue;
        }
        live++;
        check_entity(l, i);
    }
    for (uint32_t i = 0; i < l->view.entity_top;
         i++) { // and nobody who is no more, but for who went out of sight before
        const tl_view_entity *e = &l->view.entities[i];
        if (e->used && e->home_stream != TL_NONE) {
            CHECK(tl_mirror_find(&l->w->mirror, e->id) != TL_NONE);
        }
    }
    CHECK(live > 100 && l->view.entity_count > live / 2);
}

// Far streams take turns, a tick apart: nothing new happens for as long, but all goes on moving.
static void pause_and_check(link *l)
{
    double change = l->w->change;
    uint32_t count_wanted = l->w->count_wanted;
    l->w->change = 0, l->w->count_wanted = 0;
    for (int i = 0; i < 2; i++) {
        tick(l);
    }
    check_same(l);
    l->w->change = change, l->w->count_wanted = count_wanted;
}

static void quieten(link *l, int ticks)
{
    double loss = l->loss;
    int delay_ticks = l->delay_ticks;
    double rate = l->session->pace.rate_max;
    l->loss = 0, l->delay_ticks = 0;
    l->session->pace.rate = l->session->pace.rate_max = 20000 * 125.0;
    for (int i = 0; i < ticks; i++) {
        tick(l);
    }
    pause_and_check(l);
    l->loss = loss, l->delay_ticks = delay_ticks, l->session->pace.rate = l->session->pace.rate_max = rate;
}

static void ride(link *l, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        l->session->observer.x = 1500 * sin((double)i / 40);
        l->session->observer.z = 1500 * cos((double)i / 57);
        if (i == ticks / 2) {
            l->session->observer.x += 900; // a jump
        }
        tick(l);
        if (i % 100 == 99) {
            quieten(l, 50); // two and a half seconds
        }
    }
}

TEST(a_clear_path_shows_all_at_once)
{
    link *l = begin(1, 20000, 0, 0);
    for (int i = 0; i < 20; i++) {
        tick(l);
    }
    for (int i = 0; i < 200; i++) {
        l->session->observer.x = i * 1.0; // 20 m/s
        tick(l);
        if (i % 4 == 0) {
            pause_and_check(l);
        }
    }
    end(l);
}

// Who boards or alights does so in the frame of that tick, or of the next tick that has one: in far streams, too.
TEST(a_frame_tells_of_all_ticks_since_the_last)
{
    link *l = begin(10, 20000, 0, 0);
    uint32_t riding = 0;
    l->w->change = 0.1;
    for (int i = 0; i < 20; i++) {
        tick(l);
    }
    for (int i = 0; i < 200; i++) {
        ticks_in_one_frame(l, 1 + i % 3);
        for (int32_t k = 0; k < l->w->mirror.entity_top; k++) {
            const tl_entity *e = &l->w->mirror.entities[k];
            int32_t found = e->used && e->live ? tl_view_find(&l->view, e->id) : TL_NONE;
            if (found == TL_NONE || l->view.entities[found].home_stream == TL_NONE) {
                continue;
            }
            CHECK_EQUAL(tl_view_source_of(&l->view, found).carrier_id, e->carrier_id);
            riding += e->carrier_id != 0;
        }
    }
    CHECK(riding > 1000);
    end(l);
}

TEST(loss_and_delay_are_made_up_for)
{
    for (uint64_t seed = 2; seed <= 5; seed++) {
        link *l = begin(seed, 20000, 0.1 * (double)seed, (int)seed);
        ride(l, 300);
        CHECK(l->session->datagrams_lost > 20);
        end(l);
    }
}

TEST(a_small_budget_is_kept_and_catches_up)
{
    for (uint64_t seed = 6; seed <= 9; seed++) {
        link *l = begin(seed, 40 * (uint32_t)(seed - 5), 0.05, 2);
        ride(l, 300);
        uint64_t before = l->session->bytes_sent;
        for (int i = 0; i < 200; i++) {
            tick(l);
        }
        // in ten seconds
        CHECK((double)(l->session->bytes_sent - before) < 10 * l->session->pace.rate_max * 1.3 + 20000);
        quieten(l, 50);
        end(l);
    }
}

TEST(crowded_tiles_are_told_in_parts)
{
    for (uint64_t seed = 20; seed <= 21; seed++) {
        link *l = begin_with(1200, seed, 900, 0.3, 3);
        l->w->width_m = 250;
        l->w->change = 0.1;
        ride(l, 100);
        end(l);
    }
}

TEST(a_silence_is_survived)
{
    link *l = begin(10, 20000, 0, 0);
    for (int i = 0; i < 40; i++) {
        tick(l);
    }
    l->loss = 1;
    for (int i = 0; i < 150; i++) {
        tick(l); // longer than the history
    }
    quieten(l, 50);
    end(l);
}

TEST(damaged_datagrams_change_nothing)
{
    uint64_t refused = 0, survived = 0;
    for (uint64_t seed = 11; seed <= 13; seed++) {
        link *l = begin(seed, seed == 12 ? 200 : 20000, 0.2, 3);
        l->damage = true;
        for (int i = 0; i < 120; i++) {
            l->session->observer.x = 1500 * sin((double)i / 20);
            tick(l);
        }
        l->damage = false;
        quieten(l, 50);
        refused += l->refused, survived += l->survived;
        end(l);
    }
    CHECK(refused > 50 && survived > 50);
}

static void apply_empty(link *l, uint16_t sequence, int64_t tick, uint8_t settled)
{
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    tl_writer w = tl_writer_make(data, sizeof data);
    tl_frame_head head = {.sequence = sequence, .tick = (uint32_t)tick, .settled = settled};
    tl_frame_head_write(&w, &head);
    CHECK_EQUAL(apply(l, data, w.size, &head), TL_OK);
}

// After a connection is lost everything is an orphan: that costs nothing until the next connection has settled.
TEST(orphans_are_not_looked_at_before_they_can_leave)
{
    link *l = begin(15, 20000, 0, 0);
    for (int i = 0; i < 40; i++) {
        tick(l);
    }
    uint32_t shown = l->view.entity_count;
    tl_view_detach(&l->view);
    CHECK(l->view.orphan_count == shown && shown > 100);
    uint64_t looked_at = l->view.orphans_looked_at;
    int64_t now = l->view.tick;
    for (uint16_t i = 1; i <= 100; i++) {
        apply_empty(l, i, now + i, 255);
    }
    CHECK_EQUAL(l->view.orphans_looked_at, looked_at);
    CHECK_EQUAL(l->view.entity_count, shown);
    apply_empty(l, 101, now + 101, 0);
    CHECK_EQUAL(l->view.orphans_looked_at, looked_at + shown);
    CHECK_EQUAL(l->view.entity_count, 0);
    tl_view_validate(&l->view);
    end(l);
}

static int32_t held_once(const tl_view *v)
{
    for (int32_t i = 0; i < (int32_t)v->entity_top; i++) {
        const tl_view_entity *e = &v->entities[i];
        if (e->used && e->first_stream != TL_NONE &&
            v->streams[e->first_stream].slots[e->first_slot].next_stream == TL_NONE) {
            return i;
        }
    }
    return TL_NONE;
}

// Puts it into a free slot of another stream as well.
static uint32_t hold_again(tl_view *v, int32_t entity, int32_t *stream)
{
    const tl_view_entity *e = &v->entities[entity];
    const tl_view_slot *held = &v->streams[e->first_stream].slots[e->first_slot];
    for (*stream = 0; *stream == e->first_stream || !v->streams[*stream].open; ++*stream) {
        continue;
    }
    uint32_t slot = v->streams[*stream].top;
    CHECK(tl_view_slots_room(v, (uint32_t)*stream, slot + 1));
    v->streams[*stream].top = slot + 1;
    size_t bytes = (size_t)v->kinds->kinds[held->kind].word_count * sizeof(int64_t);
    int64_t *state = tl_view_state_room(v, (uint32_t)*stream, bytes);
    CHECK(state != NULL);
    memcpy(state, held->state, bytes);
    v->streams[*stream].slots[slot] = (tl_view_slot){.id = held->id,
                                                     .state = state,
                                                     .enter_tick = held->enter_tick,
                                                     .entity = TL_NONE,
                                                     .kind = held->kind,
                                                     .used = true};
    tl_view_add_holder(v, *stream, (int32_t)slot);
    return slot;
}

// Of two holders the one that let go first may be heard of last: until the other one's tick has settled, where the
// entity is now may still be on its way.
TEST(an_orphan_waits_for_the_newest_of_what_it_left)
{
    link *l = begin(16, 20000, 0, 0);
    tl_view *v = &l->view;
    for (int i = 0; i < 40; i++) {
        tick(l);
    }
    int32_t entity = held_once(v), other;
    CHECK(entity != TL_NONE);
    tl_entity_id id = v->entities[entity].id;
    int32_t stream = v->entities[entity].first_stream, slot = v->entities[entity].first_slot;
    uint32_t other_slot = hold_again(v, entity, &other);
    int64_t now = v->tick;
    tl_view_empty_slot(v, (uint32_t)stream, (uint32_t)slot, now + 4);
    tl_view_empty_slot(v, (uint32_t)other, other_slot, now + 2);
    tl_view_validate(v);
    apply_empty(l, l->newest + 1, now + 5, 2);
    CHECK_EQUAL(v->settled_tick, now + 3);
    CHECK(tl_view_find(v, id) != TL_NONE);
    apply_empty(l, l->newest + 2, now + 6, 2);
    CHECK(tl_view_find(v, id) == TL_NONE);
    tl_view_validate(v);
    end(l);
}

TEST(a_reset_view_is_empty)
{
    link *l = begin(14, 20000, 0, 0);
    for (int i = 0; i < 40; i++) {
        tick(l);
    }
    CHECK(l->view.entity_count > 100);
    tl_view_reset(&l->view);
    tl_view_validate(&l->view);
    uint32_t left = 0;
    tl_view_event event;
    while (tl_view_next_event(&l->view, &event)) {
        left += event.change == TL_VIEW_LEFT;
    }
    CHECK(left > 100 && l->view.entity_count == 0 && l->view.tick == -1);
    end(l);
}

int main(void)
{
    RUN(a_clear_path_shows_all_at_once);
    RUN(a_frame_tells_of_all_ticks_since_the_last);
    RUN(loss_and_delay_are_made_up_for);
    RUN(a_small_budget_is_kept_and_catches_up);
    RUN(crowded_tiles_are_told_in_parts);
    RUN(a_silence_is_survived);
    RUN(damaged_datagrams_change_nothing);
    RUN(orphans_are_not_looked_at_before_they_can_leave);
    RUN(an_orphan_waits_for_the_newest_of_what_it_left);
    RUN(a_reset_view_is_empty);
}
