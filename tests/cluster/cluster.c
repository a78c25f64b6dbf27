#include "cluster.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

#define GROUP_ID(group) ((tl_group_id)65534 << 48 | ((group) + 1))

// ---- what repeats a failure ----

static uint64_t seed_of_run;
static const cluster *running;

static void on_abort(int signal_number)
{
    char text[128];
    double seconds = running ? (double)(running->now_us - running->start_us) * 1e-6 : 0;
    int size = snprintf(text, sizeof text, "seed %llu, at %.3f s\n", (unsigned long long)seed_of_run, seconds);
    if (write(2, text, (size_t)size) < 0) {
        return;
    }
    signal(signal_number, SIG_DFL);
}

uint64_t cluster_seed(int argc, char **argv, uint64_t otherwise)
{
    seed_of_run = argc > 1 ? strtoull(argv[1], NULL, 10) : otherwise;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGABRT, on_abort);
    return seed_of_run;
}

// ---- a server plays the scenario ----

static void node_remember(cluster_node *n, uint32_t index, tl_server *server)
{
    cluster *c = n->cluster;
    const scenario_truth *t = &c->truth[index];
    n->generations[index] = 0xffffffffu;
    n->refs[index] = TL_REF_NONE;
    n->carriers[index] = SCENARIO_NONE;
    tl_entity_ref ref = tl_server_find(server, scenario_entity_id(c->scene, index, t->generation));
    tl_entity_info info;
    if (ref == TL_REF_NONE || tl_server_get_entity_info(server, ref, &info) != TL_OK) {
        return;
    }
    uint32_t carrier, generation;
    n->refs[index] = ref;
    n->generations[index] = t->generation;
    if (info.carrier && scenario_entity_index(c->scene, info.carrier, &carrier, &generation)) {
        n->carriers[index] = carrier;
    }
}

static void on_group(void *user, tl_server *server, tl_group_id group, bool owned)
{
    cluster_node *n = user;
    if (group >> 48 != 65534) {
        return;
    }
    uint32_t g = (uint32_t)(group & 0xffffffff) - 1, first, count;
    n->owned[g] = owned;
    if (!owned) {
        return;
    }
    scenario_group_range(n->cluster->scene, g, &first, &count);
    scenario_evaluate(n->cluster->scene, 0, first, count, n->cluster->truth + first);
    for (uint32_t i = first; i < first + count; i++) {
        node_remember(n, i, server);
    }
}

static tl_values values_of(const scenario_truth *t)
{
    tl_values v = {.mask = 3};
    v.fields[0].position = t->position;
    v.fields[0].velocity = t->velocity;
    v.fields[1].rotation = t->rotation;
    return v;
}

static void play_one(cluster_node *n, tl_server *server, uint32_t group, uint32_t index)
{
    cluster *c = n->cluster;
    const scenario_truth *t = &c->truth[index];
    tl_entity_id carrier = t->carrier == SCENARIO_NONE
                               ? 0
                               : scenario_entity_id(c->scene, t->carrier, c->truth[t->carrier].generation);
    if (n->generations[index] != 0xffffffffu && (!t->present || n->generations[index] != t->generation)) {
        tl_server_delete_entity(server, n->refs[index]);
        n->generations[index] = 0xffffffffu;
    }
    if (!t->present) {
        return;
    }
    tl_values v = values_of(t);
    if (n->generations[index] == 0xffffffffu) {
        tl_entity_def def = {.id = scenario_entity_id(c->scene, index, t->generation),
                             .group = GROUP_ID(group),
                             .kind = t->kind,
                             .carrier = carrier,
                             .values = v};
        if (tl_server_create_entity(server, &def, &n->refs[index]) != TL_OK) {
            return;
        }
        n->generations[index] = t->generation;
        n->carriers[index] = t->carrier;
    } else if (n->carriers[index] != t->carrier) {
        tl_result result = tl_server_set_carrier(server, n->refs[index], carrier, &v);
        CHECK(result == TL_OK || result == TL_ERR_NOT_FOUND); // another server's, that is yet to be told of
        if (result == TL_OK) {
            n->carriers[index] = t->carrier;
        }
    } else {
        tl_server_set_poses(server, &n->refs[index], 1, &t->position, &t->velocity, &t->rotation);
    }
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    cluster_node *n = user;
    cluster *c = n->cluster;
    (void)tick;
    for (uint32_t g = 0; g < c->group_count; g++) {
        uint32_t first, count;
        if (!n->owned[g]) {
            continue;
        }
        scenario_group_range(c->scene, g, &first, &count);
        scenario_evaluate(c->scene, time_s, first, count, c->truth + first);
        for (uint32_t i = first; i < first + count; i++) {
            play_one(n, server, g, i);
        }
    }
}

static tl_time node_time(const cluster_node *n)
{
    return (tl_time){.wall_us = n->cluster->now_us + (uint64_t)n->clock.wall_less_us,
                     .monotonic_us = (uint64_t)n->clock.monotonic_us};
}

static void on_link(void *user, tl_server_number from, int64_t tick, uint64_t begun_us)
{
    cluster_node *n = user;
    (void)from, (void)tick;
    if (begun_us == 0) {
        return; // not known yet
    }
    uint64_t us = node_time(n).wall_us - begun_us;
    if (us > n->link_us_max) {
        n->link_us_max = us;
    }
    n->records_linked++;
}

static void on_log(void *user, const char *text)
{
    cluster_node *n = user;
    size_t size = strlen(n->said);
    snprintf(n->said + size, sizeof n->said - size, "%s\n", text);
    if (!n->cluster->quiet) {
        printf("  %8.3f %s: %s\n", (double)(n->cluster->now_us - n->cluster->start_us) * 1e-6, n->name, text);
    }
}

void cluster_start_server(cluster *c, int node)
{
    static const char *const names[SERVERS_MAX] = {"alpha", "beta", "gamma", "delta"};
    cluster_node *n = &c->nodes[node];
    CHECK(n->server == NULL);
    strcpy(n->name, names[node]);
    n->cluster = c;
    if (n->network == NULL) {
        CHECK(n->network = tl_memory_network_create(c->seed * 31 + (uint64_t)node));
        n->owned = calloc(c->group_count, sizeof *n->owned);
        n->refs = calloc(c->entity_count, sizeof *n->refs);
        n->generations = calloc(c->entity_count, sizeof *n->generations);
        n->carriers = calloc(c->entity_count, sizeof *n->carriers);
    }
    memset(n->owned, 0, c->group_count * sizeof *n->owned);
    CHECK_EQUAL(tl_memory_network_open_server(n->network, &n->transport), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(c->world, &n->store), TL_OK);
    tl_server_def def = tl_server_def_default();
    def.name = n->name;
    def.kind_count = scenario_kinds(&def.kinds);
    def.store = n->store;
    def.transport = n->transport;
    def.entities_max = c->entity_count * 2 + 100;
    def.clients_max = 16;
    def.callbacks = (tl_server_callbacks){
        .user = n, .tick = on_tick, .group = on_group, .link = on_link, .log = on_log};
    char text[256] = "";
    tl_result result = tl_server_create(&def, &n->server, text, sizeof text);
    if (result != TL_OK) {
        printf("%s\n", text);
    }
    CHECK_EQUAL(result, TL_OK);
    n->frozen = false;
    if (node >= c->node_count) {
        c->node_count = node + 1;
    }
}

static void close_node(cluster_node *n, bool leave)
{
    tl_server_destroy(n->server);
    tl_store_close(n->store, leave);
    tl_transport_close(n->transport);
    n->server = NULL;
}

void cluster_crash_server(cluster *c, int node)
{
    tl_memory_network_partition(c->nodes[node].network, true); // not even a goodbye
    close_node(&c->nodes[node], false);
    tl_memory_network_partition(c->nodes[node].network, false);
}

void cluster_leave_server(cluster *c, int node)
{
    cluster_node *n = &c->nodes[node];
    tl_server_leave(n->server);
    for (int i = 0; i < 500 && tl_server_get_state(n->server) == TL_SERVER_LEAVING; i++) {
        cluster_run(c, 0.01);
    }
    CHECK_EQUAL(tl_server_get_state(n->server), TL_SERVER_LEFT);
    for (int i = 0; i < 100 && tl_store_drain(n->store, 0) != TL_OK; i++) {
        cluster_run(c, 0.01);
    }
    CHECK_EQUAL(tl_store_drain(n->store, 0), TL_OK);
    close_node(n, true);
}

void cluster_freeze_server(cluster *c, int node, bool frozen)
{
    c->nodes[node].frozen = frozen;
}

void cluster_suspend_server(cluster *c, int node, bool suspended)
{
    c->nodes[node].frozen = c->nodes[node].suspended = suspended;
}

void cluster_step_wall(cluster *c, int node, double seconds)
{
    c->nodes[node].clock.wall_less_us += (int64_t)(seconds * 1e6);
}

void cluster_step_monotonic(cluster *c, int node, double seconds)
{
    CHECK(seconds >= 0);
    c->nodes[node].clock.monotonic_us += seconds * 1e6;
}

void cluster_drift(cluster *c, int node, double ppm)
{
    c->nodes[node].clock.rate = 1 + ppm * 1e-6;
}

tl_time cluster_time(const cluster *c, int node)
{
    return node_time(&c->nodes[node]);
}

uint32_t cluster_said(const cluster *c, int node, const char *text)
{
    uint32_t count = 0;
    for (const char *at = c->nodes[node].said; (at = strstr(at, text)); at++) {
        count++;
    }
    return count;
}

void cluster_faults(cluster *c, tl_link_faults faults)
{
    for (int i = 0; i < c->node_count; i++) {
        tl_memory_network_set_faults(c->nodes[i].network, faults);
    }
}

void cluster_cut(cluster *c, bool cut)
{
    for (int i = 0; i < c->node_count; i++) {
        tl_memory_network_partition(c->nodes[i].network, cut);
    }
}

cluster *cluster_create(const char *scenario_name, uint32_t entity_count, uint64_t seed, uint32_t tick_hz)
{
    cluster *c = calloc(1, sizeof *c);
    running = c;
    c->rider_kbit_s = 4000;
    scenario_def def = scenario_def_default();
    char text[256] = "";
    bool recorded = strchr(scenario_name, '/') != NULL; // a recording's path
    def.name = recorded ? "trace" : scenario_name, def.seed = seed, def.entity_count = entity_count;
    def.fcd_file = recorded ? scenario_name : NULL;
    if (scenario_create(&def, &c->scene, text, sizeof text) != TL_OK) {
        printf("%s\n", text);
    }
    CHECK(c->scene);
    c->seed = seed;
    c->tick_hz = tick_hz;
    c->entity_count = scenario_entity_count(c->scene);
    c->group_count = scenario_group_count(c->scene);
    c->now_us = c->start_us = 1700000000000000u;
    for (int i = 0; i < SERVERS_MAX; i++) { // each machine was started at another time
        c->nodes[i].cluster = c;
        c->nodes[i].clock = (cluster_clock){.rate = 1, .monotonic_us = 1e6 * (1 + 1000 * i)};
    }
    tl_memory_world_def world_def = tl_memory_world_def_default();
    world_def.seed = seed;
    c->slow_store = seed % 3 == 2; // every third seed
    if (c->slow_store) {
        world_def.commit_us_max = world_def.follow_us_max = 60000;
    }
    CHECK(c->world = tl_memory_world_create(&world_def));
    tl_memory_world_advance(c->world, c->now_us);
    c->truth = calloc(c->entity_count, sizeof *c->truth);
    c->truth_position = calloc(c->entity_count, sizeof *c->truth_position);
    c->truth_rotation = calloc(c->entity_count, sizeof *c->truth_rotation);
    c->poses = calloc(c->entity_count * 2 + 100, sizeof *c->poses);
    c->seen = calloc(c->entity_count, 1);
    tl_store *store;
    CHECK_EQUAL(tl_memory_store_open(c->world, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = tick_hz, .created_us = c->now_us, .seed = seed};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
    cluster_start_server(c, 0);
    while (tl_server_get_state(c->nodes[0].server) == TL_SERVER_JOINING) {
        cluster_run(c, 0.01);
    }
    scenario_evaluate(c->scene, 0, 0, c->entity_count, c->truth);
    for (uint32_t g = 0; g < c->group_count; g++) {
        CHECK_EQUAL(tl_server_create_group(c->nodes[0].server, GROUP_ID(g), NULL), TL_OK);
    }
    cluster_run(c, 0.5);
    return c;
}

void cluster_destroy(cluster *c)
{
    for (int i = 0; i < c->rider_count; i++) {
        cluster_remove_rider(c, i);
    }
    for (int i = 0; i < SERVERS_MAX; i++) {
        cluster_node *n = &c->nodes[i];
        if (n->server) {
            close_node(n, false);
        }
        if (n->network) {
            tl_memory_network_destroy(n->network);
        }
        free(n->owned), free(n->refs), free(n->generations), free(n->carriers);
    }
    tl_memory_world_destroy(c->world);
    scenario_destroy(c->scene);
    free(c->truth), free(c->truth_position), free(c->truth_rotation), free(c->poses), free(c->seen);
    free(c);
    running = NULL;
}

static void step_node(cluster *c, int i)
{
    cluster_node *n = &c->nodes[i];
    if (n->server == NULL || n->frozen) {
        return;
    }
    tl_server_step(n->server, node_time(n));
    if (tl_server_get_state(n->server) != TL_SERVER_FENCED) {
        return;
    }
    n->fenced_count++;
    close_node(n, false);
    cluster_start_server(c, i);
}

void cluster_run(cluster *c, double seconds)
{
    uint64_t end_us = c->now_us + (uint64_t)(seconds * 1e6);
    while (c->now_us < end_us) {
        c->now_us += 1000;
        tl_memory_world_advance(c->world, c->now_us);
        for (int i = 0; i < c->node_count; i++) {
            tl_memory_network_advance(c->nodes[i].network, c->now_us);
        }
        for (int i = 0; i < SERVERS_MAX; i++) {
            if (!c->nodes[i].suspended) {
                c->nodes[i].clock.monotonic_us += 1000 * c->nodes[i].clock.rate;
            }
        }
        for (int i = 0; i < c->node_count; i++) {
            step_node(c, i);
        }
        for (int i = 0; i < c->rider_count; i++) {
            if (c->riders[i].client) {
                tl_client_step(c->riders[i].client, c->now_us);
            }
        }
    }
}

// ---- riders ----

int cluster_add_rider(cluster *c, int node)
{
    return cluster_add_rider_in(c, node, (uint32_t)c->rider_count);
}

int cluster_add_rider_in(cluster *c, int node, uint32_t cabin_number)
{
    CHECK(c->rider_count < RIDERS_MAX);
    cluster_rider *r = &c->riders[c->rider_count];
    for (int i = 0; i < 100 && tl_server_get_state(c->nodes[node].server) == TL_SERVER_JOINING; i++) {
        cluster_run(c, 0.01);
    }
    CHECK_EQUAL(tl_memory_network_open_client(c->nodes[node].network, &r->transport), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = r->transport;
    def.entities_max = c->entity_count * 2 + 100;
    def.kbit_s = (uint32_t)c->rider_kbit_s;
    CHECK_EQUAL(tl_client_create(&def, &r->client, NULL, 0), TL_OK);
    r->cabin = scenario_ride_cabin(c->scene, cabin_number);
    if (r->cabin != SCENARIO_NONE) {
        tl_client_observe_entity(r->client, scenario_entity_id(c->scene, r->cabin, 0));
    } else {
        tl_client_observe_point(r->client, scenario_free_point(c->scene));
    }
    return c->rider_count++;
}

void cluster_remove_rider(cluster *c, int rider)
{
    cluster_rider *r = &c->riders[rider];
    if (r->client == NULL) {
        return;
    }
    tl_client_destroy(r->client);
    tl_transport_close(r->transport);
    r->client = NULL;
}

static tl_vec3 rotated(tl_quat q, tl_vec3 v)
{
    tl_vec3 t = {2 * (q.y * v.z - q.z * v.y), 2 * (q.z * v.x - q.x * v.z), 2 * (q.x * v.y - q.y * v.x)};
    return (tl_vec3){v.x + q.w * t.x + q.y * t.z - q.z * t.y, v.y + q.w * t.y + q.z * t.x - q.x * t.z,
                     v.z + q.w * t.z + q.x * t.y - q.y * t.x};
}

static tl_vec3 world_position(const cluster *c, uint32_t index)
{
    tl_vec3 p = c->truth[index].position;
    for (uint32_t carrier = c->truth[index].carrier; carrier != SCENARIO_NONE; carrier = c->truth[carrier].carrier) {
        tl_vec3 r = rotated(c->truth[carrier].rotation, p), base = c->truth[carrier].position;
        p = (tl_vec3){base.x + r.x, base.y + r.y, base.z + r.z};
    }
    return p;
}

static double distance(tl_vec3 a, tl_vec3 b)
{
    return sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y) + (a.z - b.z) * (a.z - b.z));
}

static void compare_one(cluster *c, const cluster_rider *r, const tl_pose *pose, cluster_errors *e)
{
    uint32_t index, generation;
    if (!scenario_entity_index(c->scene, pose->entity, &index, &generation)) {
        return;
    }
    const scenario_truth *t = &c->truth[index];
    if (!t->present || t->generation != generation) {
        e->unknown++;
        return;
    }
    e->doubled += c->seen[index];
    c->seen[index] = 1;
    e->compared++;
    tl_entity_id carrier = t->carrier == SCENARIO_NONE
                               ? 0
                               : scenario_entity_id(c->scene, t->carrier, c->truth[t->carrier].generation);
    e->wrong_carrier += pose->carrier != carrier;
    e->wrong_kind += pose->kind != t->kind;
    tl_vec3 truth = world_position(c, index);
    double error = distance(truth, pose->position), away = distance(truth, r->observer),
           allowed = fmax(0.02, 0.001 * away);
    e->off += error > allowed;
    e->off_twice += error > 2 * allowed;
    e->error_m_max = fmax(e->error_m_max, error);
    e->error_mrad_max = fmax(e->error_mrad_max, error / fmax(away, 20) * 1000);
    if (error / allowed > e->ratio_max) {
        e->ratio_max = error / allowed;
        if (getenv("TL_TRACE") && error > allowed) {
            printf("    index %u kind %d level %d carrier %llx error %.3f allowed %.3f away %.1f velocity %.2f %.2f\n",
                   index, t->kind, pose->level, (unsigned long long)pose->carrier, error, allowed, away, t->velocity.x,
                   t->velocity.z);
        }
    }
}

cluster_errors cluster_compare(cluster *c, int rider)
{
    cluster_rider *r = &c->riders[rider];
    cluster_errors e = {0};
    int64_t tick = tl_client_get_frame_tick(r->client);
    scenario_evaluate(c->scene, (double)tick / c->tick_hz, 0, c->entity_count, c->truth);
    memset(c->seen, 0, c->entity_count);
    r->observer = r->cabin == SCENARIO_NONE ? scenario_free_point(c->scene) : world_position(c, r->cabin);
    uint32_t count = tl_client_get_poses(r->client, (double)tick, false, c->poses, c->entity_count * 2 + 100);
    for (uint32_t i = 0; i < count; i++) {
        compare_one(c, r, &c->poses[i], &e);
    }
    for (uint32_t i = 0; i < c->entity_count; i++) {
        if (!c->truth[i].present || c->seen[i]) {
            continue;
        }
        if (e.missing++ == 0 && getenv("TL_TRACE")) {
            tl_entity_id id = scenario_entity_id(c->scene, i, c->truth[i].generation);
            for (int n = 0; n < c->node_count; n++) {
                if (!c->nodes[n].server) {
                    continue;
                }
                tl_entity_ref ref = tl_server_find(c->nodes[n].server, id);
                tl_vec3 p = {0};
                tl_quat q;
                tl_result result = ref == TL_REF_NONE
                                       ? TL_ERR_NOT_FOUND
                                       : tl_server_get_pose(c->nodes[n].server, ref, (double)tick, &p, &q);
                printf("    rider %d lacks %u: on %s %s at %.1f %.1f %.1f, truth %.1f %.1f %.1f\n", rider, i,
                       c->nodes[n].name, tl_result_name(result), p.x, p.y, p.z, c->truth[i].position.x,
                       c->truth[i].position.y, c->truth[i].position.z);
            }
        }
    }
    return e;
}

bool cluster_errors_none(const cluster_errors *e)
{
    return e->missing + e->doubled + e->unknown + e->wrong_carrier + e->wrong_kind + e->off_twice == 0 &&
           e->off * 1000 <= e->compared;
}

void cluster_print(const char *what, const cluster_errors *e)
{
    printf("  %s: compared %u, missing %u, doubled %u, unknown %u, wrong carrier %u, kind %u, off %u, twice %u, max "
           "%.3f m, %.3f mrad, ratio %.2f\n",
           what, e->compared, e->missing, e->doubled, e->unknown, e->wrong_carrier, e->wrong_kind, e->off, e->off_twice,
           e->error_m_max, e->error_mrad_max, e->ratio_max);
    fflush(stdout);
}

static uint64_t ticks_incomplete(const cluster *c)
{
    uint64_t count = 0;
    for (int i = 0; i < c->node_count; i++) {
        if (c->nodes[i].server) {
            count += tl_server_get_stats(c->nodes[i].server).ticks_incomplete;
        }
    }
    return count;
}

// A slow store and clocks that differ are together longer, now and then, than a server's patience. What comes too late
// its riders see late. So with a slow store they are not compared within a second of ticks that the servers count as
// incomplete.
void cluster_run_right(cluster *c, double seconds)
{
    uint64_t incomplete = ticks_incomplete(c), incomplete_us = 0;
    for (double done = 0; done < seconds; done += 0.5) {
        cluster_run(c, 0.5);
        uint64_t now_incomplete = ticks_incomplete(c);
        if (c->slow_store && now_incomplete != incomplete) {
            incomplete_us = c->now_us;
        }
        incomplete = now_incomplete;
        for (int i = 0; i < c->rider_count; i++) {
            if (c->riders[i].client == NULL) {
                continue;
            }
            cluster_errors e = cluster_compare(c, i);
            if (!cluster_errors_none(&e)) {
                cluster_print("rider", &e);
            }
            CHECK(cluster_errors_none(&e) || c->now_us - incomplete_us <= 1000000);
        }
        cluster_validate(c);
    }
}

void cluster_check_entities(cluster *c, int node)
{
    const tl_server *server = c->nodes[node].server;
    double time_s = (double)tl_server_get_stats(server).world_tick / c->tick_hz;
    uint32_t present = 0;
    scenario_evaluate(c->scene, time_s, 0, c->entity_count, c->truth);
    for (uint32_t i = 0; i < c->entity_count; i++) {
        present += c->truth[i].present;
        bool found = tl_server_find(server, scenario_entity_id(c->scene, i, c->truth[i].generation)) != TL_REF_NONE;
        if (c->truth[i].present && !found) {
            printf("  %s has no entity %u\n", c->nodes[node].name, i);
        }
        CHECK(found || !c->truth[i].present);
    }
    CHECK_EQUAL(tl_server_get_stats(server).entities, present);
}

tl_group_id cluster_group_id(uint32_t group)
{
    return GROUP_ID(group);
}

uint32_t cluster_groups_of(const cluster *c, int node)
{
    uint32_t count = 0;
    for (uint32_t g = 0; g < c->group_count; g++) {
        count += c->nodes[node].server && tl_server_owns_group(c->nodes[node].server, GROUP_ID(g));
    }
    return count;
}

uint32_t cluster_owned_groups(const cluster *c)
{
    uint32_t good = 0;
    for (uint32_t g = 0; g < c->group_count; g++) {
        int owners = 0;
        for (int i = 0; i < c->node_count; i++) {
            owners += c->nodes[i].server && !c->nodes[i].frozen &&
                      tl_server_owns_group(c->nodes[i].server, GROUP_ID(g));
        }
        good += owners == 1;
    }
    return good;
}

void cluster_settle(cluster *c, double seconds_max)
{
    double waited = 0;
    for (;; waited += 0.1) {
        bool good = cluster_owned_groups(c) == c->group_count;
        for (int i = 0; i < c->rider_count && good; i++) {
            if (c->riders[i].client == NULL) {
                continue;
            }
            cluster_errors e = cluster_compare(c, i);
            good = e.compared > 0 && cluster_errors_none(&e);
        }
        if (good) {
            break;
        }
        if (waited >= seconds_max) {
            printf("  owned groups: %u of %u\n", cluster_owned_groups(c), c->group_count);
            for (int i = 0; i < c->rider_count; i++) {
                if (c->riders[i].client == NULL) {
                    continue;
                }
                cluster_errors e = cluster_compare(c, i);
                cluster_print("rider", &e);
            }
        }
        CHECK(waited < seconds_max);
        cluster_run(c, 0.1);
    }
    printf("  settled after %.1f s\n", waited);
}

void cluster_validate(cluster *c)
{
    for (int i = 0; i < c->node_count; i++) {
        if (c->nodes[i].server) {
            tl_server_validate(c->nodes[i].server);
        }
    }
    for (int i = 0; i < c->rider_count; i++) {
        if (c->riders[i].client) {
            tl_client_validate(c->riders[i].client);
        }
    }
}
