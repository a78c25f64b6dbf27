#include "crowd.h"

static tl_kind_def kinds[CROWD_KINDS];

static void make_kinds(void)
{
    static const char *const names[] = {"box", "cabin", "avatar", "note", "ferry"};
    for (int i = 0; i < CROWD_KINDS; i++) {
        kinds[i] = tl_kind_def_default(names[i]);
        kinds[i].fields[kinds[i].field_count++] = tl_field_def_default("rotation", TL_FIELD_ROTATION,
                                                                       TL_PREDICT_LINEAR);
        kinds[i].create = TL_POLICY_ALLOW;
        kinds[i].update = kinds[i].remove = TL_POLICY_ALLOW;
    }
    kinds[CROWD_CABIN].carrier_reach_m = 8;
    kinds[CROWD_FERRY].carrier_reach_m = 100;
    tl_field_def *text = &kinds[CROWD_NOTE].fields[kinds[CROWD_NOTE].field_count++];
    *text = tl_field_def_default("text", TL_FIELD_BYTES, TL_PREDICT_HOLD);
    text->bytes_max = 800;
}

tl_values crowd_at(double x, double y, double z)
{
    tl_values v = {.mask = 3};
    v.fields[0].position = (tl_vec3){x, y, z};
    v.fields[1].rotation = (tl_quat){0, 0, 0, 1};
    return v;
}

static tl_result on_authorize(void *user, const void *token, size_t size, tl_grant *out)
{
    crowd_server *s = user;
    *out = tl_grant_default();
    if (s->crowd->grant_created_max) {
        out->created_max = s->crowd->grant_created_max;
    }
    CHECK(size > 0 && size <= TL_NAME_BYTES_MAX);
    if (size == strlen(CROWD_INTRUDER) && memcmp(token, CROWD_INTRUDER, size) == 0) {
        return TL_ERR_DENIED;
    }
    memcpy(out->name, token, size);
    out->proven = s->crowd->names_proven;
    if (s->crowd->on_grant) {
        s->crowd->on_grant(out);
    }
    return TL_OK;
}

static void on_log(void *user, const char *text)
{
    crowd_server *s = user;
    snprintf(s->said, sizeof s->said, "%s", text);
    s->said_count += strstr(text, "DEGRADED") != NULL;
}

static void on_set_down(void *user, tl_server *server, tl_entity_id entity, tl_entity_id carrier)
{
    crowd_server *s = user;
    CHECK(tl_server_find(server, entity) != TL_REF_NONE);
    s->set_down++;
    s->set_down_last = entity, s->set_down_carrier = carrier;
}

void crowd_start(crowd *c, int server)
{
    crowd_server *s = &c->servers[server];
    s->crowd = c;
    snprintf(s->name, sizeof s->name, "server-%d", server);
    if (s->network == NULL) {
        CHECK(s->network = tl_memory_network_create(7 + (uint64_t)server));
    }
    CHECK_EQUAL(tl_memory_network_open_server(s->network, &s->transport), TL_OK);
    CHECK_EQUAL(tl_memory_store_open(c->world, &s->store), TL_OK);
    tl_server_def def = c->def;
    def.name = s->name, def.kinds = kinds, def.kind_count = CROWD_KINDS, def.store = s->store,
    def.transport = s->transport;
    def.callbacks.user = s;
    def.callbacks.authorize = on_authorize, def.callbacks.log = on_log, def.callbacks.set_down = on_set_down;
    char text[256] = "";
    tl_result result = tl_server_create(&def, &s->server, text, sizeof text);
    if (result != TL_OK) {
        printf("%s\n", text);
    }
    CHECK_EQUAL(result, TL_OK);
    for (int i = 0; i < 500 && tl_server_get_state(s->server) == TL_SERVER_JOINING && !c->slow_start_us; i++) {
        crowd_run(c, 0.01);
    }
}

static void close_server(crowd_server *s, bool leave)
{
    tl_server_destroy(s->server);
    tl_store_close(s->store, leave);
    tl_transport_close(s->transport);
    s->server = NULL;
}

void crowd_crash(crowd *c, int server)
{
    crowd_server *s = &c->servers[server];
    tl_memory_network_partition(s->network, true);
    close_server(s, false);
    tl_memory_network_partition(s->network, false);
}

void crowd_leave(crowd *c, int server)
{
    close_server(&c->servers[server], true);
}

crowd *crowd_create(uint64_t seed)
{
    crowd *c = calloc(1, sizeof *c);
    make_kinds();
    c->now_us = 1000000;
    c->def = tl_server_def_default();
    c->def.groups_max = 128, c->def.clients_max = 32;
    tl_memory_world_def def = tl_memory_world_def_default();
    def.seed = seed;
    CHECK(c->world = tl_memory_world_create(&def));
    tl_memory_world_advance(c->world, c->now_us);
    tl_store *store;
    CHECK_EQUAL(tl_memory_store_open(c->world, &store), TL_OK);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = CROWD_HZ, .created_us = c->now_us};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
    return c;
}

void crowd_destroy(crowd *c)
{
    for (int i = 0; i < CROWD_CLIENTS_MAX; i++) {
        crowd_disconnect(c, i);
    }
    for (int i = 0; i < CROWD_SERVERS_MAX; i++) {
        if (c->servers[i].server) {
            close_server(&c->servers[i], false);
        }
        if (c->servers[i].network) {
            tl_memory_network_destroy(c->servers[i].network);
        }
    }
    tl_memory_world_destroy(c->world);
    free(c);
}

static void take_events(crowd *c, crowd_client *client)
{
    tl_client_event event;
    while (tl_client_next_event(client->client, &event)) {
        if (c->on_event) {
            c->on_event(c, (int)(client - c->clients), &event);
        }
        client->left += event.type == TL_CLIENT_ENTITY_LEFT;
        client->lost += event.type == TL_CLIENT_OWN_LOST;
        if (event.type != TL_CLIENT_ANSWER) {
            continue;
        }
        if (event.request == 0) {
            client->told++;
            client->notice = event;
            continue;
        }
        client->answer = event;
        client->accepted += event.result == TL_OK;
        client->refused += event.result != TL_OK;
        client->refused_full += event.result == TL_ERR_FULL;
        if (event.result == TL_OK) {
            client->last_made = event.entity;
        }
    }
}

void crowd_run(crowd *c, double seconds)
{
    uint64_t end_us = c->now_us + (uint64_t)(seconds * 1e6);
    while (c->now_us < end_us) {
        c->now_us += CROWD_STEP_US;
        tl_memory_world_advance(c->world, c->now_us);
        for (int i = 0; i < CROWD_SERVERS_MAX; i++) {
            if (c->servers[i].network && c->servers[i].ahead_us) {
                tl_memory_network_advance(c->servers[i].network, c->now_us);
            }
        }
        for (int i = 0; i < CROWD_SERVERS_MAX; i++) {
            if (c->servers[i].server) {
                tl_server_step(c->servers[i].server, (tl_time){c->now_us, c->now_us + c->servers[i].ahead_us});
            }
        }
        for (int i = 0; i < CROWD_CLIENTS_MAX; i++) {
            if (c->clients[i].client == NULL) {
                continue;
            }
            tl_client_step(c->clients[i].client, c->now_us);
            take_events(c, &c->clients[i]);
        }
    }
}

void crowd_fill(crowd *c, int server, uint32_t groups, uint32_t entities_each)
{
    for (uint32_t g = 0; g < groups; g++) {
        tl_group_id group;
        CHECK_EQUAL(tl_server_create_group(c->servers[server].server, 0, &group), TL_OK);
        for (uint32_t i = 0; i < entities_each; i++, c->game_count++) {
            tl_entity_def def = {.group = group, .kind = CROWD_BOX, .values = crowd_at(g * 20.0, 0, i * 3.0)};
            CHECK_EQUAL(tl_server_create_entity(c->servers[server].server, &def, NULL), TL_OK);
        }
    }
    crowd_run(c, 0.5);
}

void crowd_connect(crowd *c, int client, int server, const char *name)
{
    crowd_client *k = &c->clients[client];
    *k = (crowd_client){0};
    CHECK_EQUAL(tl_memory_network_open_client(c->servers[server].network, &k->transport), TL_OK);
    tl_client_def def = tl_client_def_default();
    def.transport = k->transport;
    def.token = name, def.token_bytes = strlen(name);
    def.entities_max = 20000;
    CHECK_EQUAL(tl_client_create(&def, &k->client, NULL, 0), TL_OK);
    tl_client_observe_point(k->client, (tl_vec3){0, 0, 0});
}

void crowd_disconnect(crowd *c, int client)
{
    crowd_client *k = &c->clients[client];
    if (k->client == NULL) {
        return;
    }
    tl_client_destroy(k->client);
    tl_transport_close(k->transport);
    k->client = NULL;
}

uint32_t crowd_entities(const crowd *c, int server)
{
    return tl_server_get_stats(c->servers[server].server).entities;
}

bool crowd_mirrors_equal(const crowd *c)
{
    int first = -1;
    for (int i = 0; i < CROWD_SERVERS_MAX; i++) {
        const tl_server *server = c->servers[i].server;
        if (server == NULL) {
            continue;
        }
        tl_server_validate(server);
        if (first < 0) {
            first = i;
        }
        if (crowd_entities(c, i) != crowd_entities(c, first)) {
            printf("  %s has %u entities, %s %u\n", c->servers[first].name, crowd_entities(c, first),
                   c->servers[i].name, crowd_entities(c, i));
            return false;
        }
    }
    tl_entity_ref *all = calloc(65536, sizeof *all);
    uint32_t count = tl_server_get_entities(c->servers[first].server, all, 65536);
    bool equal = count <= 65536;
    for (uint32_t k = 0; k < count && equal; k++) {
        tl_entity_info info;
        CHECK_EQUAL(tl_server_get_entity_info(c->servers[first].server, all[k], &info), TL_OK);
        for (int i = first + 1; i < CROWD_SERVERS_MAX && equal; i++) {
            equal = c->servers[i].server == NULL || tl_server_find(c->servers[i].server, info.id) != TL_REF_NONE;
        }
    }
    free(all);
    return equal;
}
