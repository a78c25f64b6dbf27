#include "motion_lab.h"

#include <math.h>

enum { KIND_WALKER, KIND_CABIN, KIND_COUNT };

#define TWO_PI (2 * 3.14159265358979323846)
static const uint64_t START_US = 1000000;
static const double CORNER_SIDE_M = 3, CORNER_MPS = 1.5;
static const double STOPPER_MPS = 8, STOPPER_UP_MPS2 = 2, STOPPER_DOWN_MPS2 = 3, STOPPER_CRUISE_S = 1,
                    STOPPER_STAND_S = 1.5;
static const double JUMPER_EVERY_S = 1.3, JUMPER_FAR_M = 10, JUMPER_MPS = 1;
static const double BOARDER_S = 2, BOARDER_SEAT_M = 3;

double lab_distance(tl_vec3 a, tl_vec3 b)
{
    return sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y) + (a.z - b.z) * (a.z - b.z));
}

static tl_vec3 added(tl_vec3 a, tl_vec3 b)
{
    return (tl_vec3){a.x + b.x, a.y + b.y, a.z + b.z};
}

static tl_quat about_y(double angle_rad)
{
    return (tl_quat){0, sin(angle_rad / 2), 0, cos(angle_rad / 2)};
}

// Facing -Z along a direction.
static tl_quat facing(tl_vec3 direction)
{
    return about_y(atan2(-direction.x, -direction.z));
}

// ---- what is true ----

static void circle(const lab_mover *m, double time_s, lab_truth *t)
{
    double speed = sqrt(m->acceleration_mps2 * m->radius_m), w = speed / m->radius_m, angle = w * time_s + m->phase_s;
    t->position = added(m->centre, (tl_vec3){m->radius_m * cos(angle), 0, m->radius_m * sin(angle)});
    t->velocity = (tl_vec3){-speed * sin(angle), 0, speed * cos(angle)};
    t->rotation = facing(t->velocity);
}

static void corner(const lab_mover *m, double time_s, lab_truth *t)
{
    static const double directions[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    double way = fmod(CORNER_MPS * (time_s + m->phase_s), 4 * CORNER_SIDE_M), x = 0, z = 0;
    int side = 0;
    for (; way > CORNER_SIDE_M; way -= CORNER_SIDE_M, side++) {
        x += directions[side][0] * CORNER_SIDE_M, z += directions[side][1] * CORNER_SIDE_M;
    }
    t->position = added(m->centre, (tl_vec3){x + directions[side][0] * way, 0, z + directions[side][1] * way});
    t->velocity = (tl_vec3){CORNER_MPS * directions[side][0], 0, CORNER_MPS * directions[side][1]};
    t->rotation = facing(t->velocity);
}

static void stopper(const lab_mover *m, double time_s, lab_truth *t)
{
    double up_s = STOPPER_MPS / STOPPER_UP_MPS2, down_s = STOPPER_MPS / STOPPER_DOWN_MPS2,
           period_s = up_s + STOPPER_CRUISE_S + down_s + STOPPER_STAND_S;
    double whole_m = STOPPER_MPS * (up_s / 2 + STOPPER_CRUISE_S + down_s / 2),
           s = fmod(time_s + m->phase_s, 2 * period_s);
    bool back = s >= period_s;
    if (back) {
        s -= period_s;
    }
    double way, speed;
    if (s < up_s) {
        way = STOPPER_UP_MPS2 * s * s / 2, speed = STOPPER_UP_MPS2 * s;
    } else if (s < up_s + STOPPER_CRUISE_S) {
        way = STOPPER_MPS * (s - up_s / 2), speed = STOPPER_MPS;
    } else if (s < up_s + STOPPER_CRUISE_S + down_s) {
        speed = STOPPER_MPS - STOPPER_DOWN_MPS2 * (s - up_s - STOPPER_CRUISE_S),
        way = whole_m - speed * speed / (2 * STOPPER_DOWN_MPS2);
    } else {
        way = whole_m, speed = 0;
    }
    t->position = added(m->centre, (tl_vec3){(back ? whole_m - way : way) - whole_m / 2, 0, 0});
    t->velocity = (tl_vec3){back ? -speed : speed, 0, 0};
    t->rotation = facing((tl_vec3){back ? -1 : 1, 0, 0});
}

static void jumper(const lab_mover *m, double time_s, lab_truth *t)
{
    double turns = floor((time_s + m->phase_s) / JUMPER_EVERY_S), s = time_s + m->phase_s - turns * JUMPER_EVERY_S;
    t->position = added(m->centre, (tl_vec3){fmod(turns, 2) * JUMPER_FAR_M, 0, JUMPER_MPS * s});
    t->velocity = (tl_vec3){0, 0, JUMPER_MPS};
    t->rotation = facing(t->velocity);
}

static tl_vec3 in_cabin(const lab *l, double time_s, tl_vec3 seat)
{
    lab_truth cabin = {0};
    circle(&l->movers[l->cabin], time_s, &cabin);
    double s = 2 * cabin.rotation.y * cabin.rotation.w, c = 1 - 2 * cabin.rotation.y * cabin.rotation.y;
    return added(cabin.position, (tl_vec3){c * seat.x + s * seat.z, seat.y, -s * seat.x + c * seat.z});
}

// Outside it goes straight from where the cabin was to where it will be.
static void boarder(const lab *l, const lab_mover *m, double time_s, lab_truth *t)
{
    double turns = floor((time_s + m->phase_s) / BOARDER_S), begun_s = turns * BOARDER_S - m->phase_s,
           share = (time_s - begun_s) / BOARDER_S;
    tl_vec3 seat = {1, 0, BOARDER_SEAT_M};
    t->carried = fmod(turns, 2) == 0;
    t->position = seat;
    t->world = in_cabin(l, time_s, seat);
    t->rotation = about_y(0);
    if (t->carried) {
        return;
    }
    tl_vec3 from = in_cabin(l, begun_s, seat), to = in_cabin(l, begun_s + BOARDER_S, seat);
    t->velocity = (tl_vec3){(to.x - from.x) / BOARDER_S, 0, (to.z - from.z) / BOARDER_S};
    t->position = t->world = added(from, (tl_vec3){(to.x - from.x) * share, 0, (to.z - from.z) * share});
    t->rotation = facing(t->velocity);
}

lab_truth lab_truth_at(const lab *l, int mover, double tick)
{
    const lab_mover *m = &l->movers[mover];
    double time_s = tick / LAB_TICK_HZ;
    lab_truth t = {.present = true, .rotation = {0, 0, 0, 1}, .state = (int64_t)floor(time_s * 3 + m->phase_s)};
    switch (m->type) {
    case LAB_CORNER: corner(m, time_s, &t); break;
    case LAB_STOPPER: stopper(m, time_s, &t); break;
    case LAB_JUMPER: jumper(m, time_s, &t); break;
    case LAB_PASSENGER: t.position = m->centre, t.carried = true; break;
    case LAB_BOARDER: boarder(l, m, time_s, &t); break;
    case LAB_FLASH:
        t.present = fmod(time_s + m->phase_s, 2) < 1;
        t.position = added(m->centre, (tl_vec3){fmod(time_s + m->phase_s, 2), 0, 0});
        t.velocity = (tl_vec3){1, 0, 0};
        break;
    default: circle(m, time_s, &t); break;
    }
    if (m->type == LAB_PASSENGER) {
        t.world = in_cabin(l, time_s, m->centre);
    }
    if (!t.carried) {
        t.world = t.position;
    }
    return t;
}

// ---- the server ----

static tl_values values_of(const lab_mover *m, const lab_truth *t)
{
    tl_values v = {.mask = 7};
    v.fields[0].position = t->position;
    v.fields[0].velocity = t->velocity;
    v.fields[1].rotation = t->rotation;
    v.fields[1].spin = m->type == LAB_CABIN ? (tl_vec3){0, -sqrt(m->acceleration_mps2 / m->radius_m), 0}
                                            : (tl_vec3){0, 0, 0};
    v.fields[2].integer = t->state;
    return v;
}

static void publish(lab *l, lab_mover *m, int64_t tick)
{
    lab_truth t = lab_truth_at(l, (int)(m - l->movers), (double)tick);
    tl_values v = values_of(m, &t);
    tl_entity_info info;
    tl_entity_id carrier = t.carried ? l->movers[l->cabin].id : 0;
    if (m->id && !t.present) {
        CHECK_EQUAL(tl_server_delete_entity(l->server, m->ref), TL_OK);
        m->id = 0;
    }
    if (!t.present) {
        return;
    }
    if (m->id == 0) {
        tl_entity_def def = {.group = l->group,
                             .kind = m->type == LAB_CABIN ? KIND_CABIN : KIND_WALKER,
                             .carrier = carrier,
                             .values = v};
        CHECK_EQUAL(tl_server_create_entity(l->server, &def, &m->ref), TL_OK);
        CHECK_EQUAL(tl_server_get_entity_info(l->server, m->ref, &info), TL_OK);
        m->id = info.id;
        return;
    }
    static bool in[LAB_MOVERS_MAX];
    bool *was_in = &in[m - l->movers];
    if (m->type == LAB_BOARDER && *was_in != t.carried) {
        CHECK_EQUAL(tl_server_set_carrier(l->server, m->ref, carrier, &v), TL_OK);
    } else if (m->gives_velocity) {
        CHECK_EQUAL(tl_server_set_values(l->server, m->ref, &v), TL_OK);
    } else {
        CHECK_EQUAL(tl_server_set_poses(l->server, &m->ref, 1, &v.fields[0].position, NULL, &v.fields[1].rotation), 1);
        v.mask = 4;
        CHECK_EQUAL(tl_server_set_values(l->server, m->ref, &v), TL_OK);
    }
    *was_in = t.carried;
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    lab *l = user;
    (void)time_s;
    if (l->group == 0) {
        CHECK_EQUAL(tl_server_create_group(server, 0, &l->group), TL_OK);
    }
    for (int i = 0; i < l->mover_count; i++) {
        publish(l, &l->movers[i], tick);
    }
}

static void add(lab *l, lab_mover mover)
{
    CHECK(l->mover_count < LAB_MOVERS_MAX);
    mover.gives_velocity |= l->mover_count % 2 == 0;
    l->movers[l->mover_count++] = mover;
}

static void add_movers(lab *l)
{
    static const double radii_m[] = {1, 2, 5, 10, 20}, accelerations[] = {1, 2, 5, 10};
    l->cabin = 0;
    add(l, (lab_mover){.type = LAB_CABIN, .radius_m = 15, .acceleration_mps2 = 2.4, .gives_velocity = true});
    for (int r = 0; r < 5; r++) {
        for (int a = 0; a < 4; a++) {
            for (int both = 0; both < 2; both++) {
                add(l, (lab_mover){.type = LAB_CIRCLE,
                                   .centre = {3 * a - 6, 0, 2 * r - 4},
                                   .radius_m = radii_m[r],
                                   .acceleration_mps2 = accelerations[a],
                                   .phase_s = r + a + 0.37 * both});
            }
        }
    }
    for (int i = 0; i < 3; i++) {
        add(l, (lab_mover){.type = LAB_CORNER, .centre = {2 * i, 0, 4}, .phase_s = 0.61 * i});
    }
    for (int i = 0; i < 3; i++) {
        add(l, (lab_mover){.type = LAB_STOPPER, .centre = {0, 0, 2 * i - 2}, .phase_s = 1.234 * i});
    }
    for (int i = 0; i < 2; i++) {
        add(l, (lab_mover){.type = LAB_JUMPER, .centre = {-5, 0, 3 * i}, .phase_s = 0.377 * i, .gives_velocity = true});
    }
    for (int i = 0; i < 4; i++) {
        add(l, (lab_mover){.type = LAB_PASSENGER, .centre = {i % 2 - 0.5, 0, 2 * i - 3}});
    }
    for (int i = 0; i < 3; i++) {
        add(l, (lab_mover){.type = LAB_BOARDER, .phase_s = 0.81 * i, .gives_velocity = true});
    }
    for (int i = 0; i < 2; i++) {
        add(l, (lab_mover){.type = LAB_FLASH, .centre = {-3, 0, 5 * i}, .phase_s = 0.77 * i, .gives_velocity = true});
    }
}

static void start_server(lab *l)
{
    static tl_kind_def kinds[KIND_COUNT];
    kinds[KIND_WALKER] = tl_kind_def_default("walker");
    kinds[KIND_CABIN] = tl_kind_def_default("cabin");
    kinds[KIND_CABIN].carrier_reach_m = 8;
    for (int i = 0; i < KIND_COUNT; i++) {
        kinds[i].fields[kinds[i].field_count++] = tl_field_def_default(
            "rotation", TL_FIELD_ROTATION, i == KIND_CABIN ? TL_PREDICT_LINEAR : TL_PREDICT_HEADING);
        kinds[i].fields[kinds[i].field_count++] = tl_field_def_default("state", TL_FIELD_INTEGER, TL_PREDICT_HOLD);
    }
    CHECK(l->network = tl_memory_network_create(l->seed));
    CHECK_EQUAL(tl_memory_network_open_server(l->network, &l->server_end), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(l->world, &l->store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = LAB_TICK_HZ, .created_us = l->now_us};
    CHECK_EQUAL(tl_store_create_world(l->store, &info), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = "alpha";
    def.kinds = kinds, def.kind_count = KIND_COUNT;
    def.store = l->store, def.transport = l->server_end;
    def.entities_max = 1000, def.groups_max = 16, def.clients_max = 4;
    def.callbacks = (tl_server_callbacks){.user = l, .tick = on_tick};
    char text[256] = "";
    tl_result result = tl_server_create(&def, &l->server, text, sizeof text);
    if (result != TL_OK) {
        printf("%s\n", text);
    }
    CHECK_EQUAL(result, TL_OK);
}

lab *lab_create(uint64_t seed, tl_link_faults faults)
{
    lab *l = calloc(1, sizeof *l);
    l->seed = seed;
    l->now_us = START_US;
    tl_memory_world_def def = tl_memory_world_def_default();
    def.seed = seed;
    CHECK(l->world = tl_memory_world_create(&def));
    tl_memory_world_advance(l->world, l->now_us);
    add_movers(l);
    start_server(l);
    lab_run(l, 1);
    CHECK_EQUAL(tl_memory_network_open_client(l->network, &l->client_end), TL_OK);
    tl_client_def client = tl_client_def_default();
    client.transport = l->client_end;
    client.entities_max = 1000;
    CHECK_EQUAL(tl_client_create(&client, &l->client, NULL, 0), TL_OK);
    tl_client_observe_point(l->client, (tl_vec3){0, 0, 0});
    l->delay_ticks = 2;
    tl_memory_network_set_faults(l->network, faults);
    lab_run(l, 2);
    CHECK_EQUAL(tl_client_get_state(l->client), TL_CLIENT_LIVE);
    return l;
}

void lab_destroy(lab *l)
{
    tl_client_destroy(l->client);
    tl_transport_close(l->client_end);
    tl_server_destroy(l->server);
    tl_store_close(l->store, false);
    tl_transport_close(l->server_end);
    tl_memory_network_destroy(l->network);
    tl_memory_world_destroy(l->world);
    free(l);
}

void lab_step(lab *l)
{
    l->now_us += 1000;
    tl_memory_world_advance(l->world, l->now_us);
    tl_server_step(l->server, (tl_time){.wall_us = l->now_us, .monotonic_us = l->now_us});
    if (l->client == NULL) {
        return;
    }
    tl_client_step(l->client, l->now_us);
    tl_client_event event;
    while (tl_client_next_event(l->client, &event)) {
    }
}

void lab_run(lab *l, double seconds)
{
    for (int i = 0; i < (int)(seconds * 1000); i++) {
        lab_step(l);
    }
}

double lab_display(lab *l)
{
    double wanted = fmin(fmax(tl_client_get_stats(l->client).latency_ms * LAB_TICK_HZ / 1000 + 1, 1.5), 20);
    l->delay_ticks += (wanted - l->delay_ticks) * (wanted > l->delay_ticks ? 0.05 : 0.002);
    return l->display_tick = fmax(l->display_tick, tl_client_get_server_tick(l->client, l->now_us) - l->delay_ticks);
}
