#include "app/populate.h"

#include "app/number.h"
#include "app/play.h"
#include "app/progress.h"
#include "base/os/clock.h"
#include "base/os/process.h"
#include "base/os/wait.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    GROUPS_A_TICK = 64, // so that a tick's record stays small
    ENTITIES_TO_SPARE = 1024,
    WAIT_US_MAX = 5000,
    LEAVE_MS_MAX = 60000,
    STALL_MS_MAX = 10000, // without a commit
};

static const char POPULATE_SERVER[] = "city";

typedef struct population {
    const populate_def *def;
    play *play;
    uint32_t groups_made;
    bool complete; // every entity that is present was made
    progress shown;
    char said[256];        // by the server, last
    uint64_t committed_us; // when the last commit was reported, or populating began
    tl_result failed;
    char text[512];
} population;

static void populate_fail(population *f, tl_result result, const char *what)
{
    f->failed = result;
    snprintf(f->text, sizeof f->text, "%s: %s", what, tl_result_text(result));
}

static void on_tick(void *user, tl_server *server, int64_t tick, double time_s)
{
    population *f = user;
    uint32_t groups = scenario_group_count(f->def->scenario);
    for (uint32_t i = 0; i < GROUPS_A_TICK && f->groups_made < groups && !f->failed; i++) {
        tl_group_id id = game_group_id(f->groups_made), made;
        tl_result result = tl_server_create_group(server, id, &made);
        if (result != TL_OK) {
            populate_fail(f, result, "cannot create a group");
            return;
        }
        play_group(f->play, id, true);
        f->groups_made++;
    }
    play_tick(f->play, server, time_s);
    tl_result why;
    f->complete = f->groups_made == groups && play_waiting(f->play, &why) == 0;
}

static void on_group(void *user, tl_server *server, tl_group_id group, bool owned)
{
    population *f = user;
    play_group(f->play, group, owned);
}

static void on_committed(void *user, int64_t tick, uint64_t us)
{
    population *f = user;
    f->committed_us = tl_os_monotonic_us();
}

static void on_log(void *user, const char *text)
{
    population *f = user;
    snprintf(f->said, sizeof f->said, "%s", text);
    if (!f->def->quiet) {
        progress_say(&f->shown, text);
    }
}

// One step, and a wait for what comes next.
static void step(tl_server *server, tl_store *store)
{
    tl_os_wait_readable(&(int){tl_store_wait_fd(store)}, 1, WAIT_US_MAX);
    tl_server_step(server, tl_os_now());
}

static bool is_over(tl_server *server)
{
    tl_server_state state = tl_server_get_state(server);
    return state == TL_SERVER_LEFT || state == TL_SERVER_FENCED || state == TL_SERVER_FAILED;
}

static bool is_stalled(const population *f)
{
    return tl_os_monotonic_us() - f->committed_us > STALL_MS_MAX * 1000ull;
}

// Makes everything; then waits until all of it is committed.
static void make_all(population *f, tl_server *server, tl_store *store)
{
    f->committed_us = tl_os_monotonic_us();
    progress_init(&f->shown, "populating the store");
    uint32_t groups = scenario_group_count(f->def->scenario);
    while (!f->complete && !f->failed && !is_over(server) && !is_stalled(f) && !tl_os_stop_requested()) {
        step(server, store);
        if (!f->def->quiet) {
            progress_show(&f->shown, f->groups_made, groups + 1);
        }
    }
    tl_server_leave(server);
    uint64_t until_us = tl_os_monotonic_us() + LEAVE_MS_MAX * 1000ull;
    while (!is_over(server) && !is_stalled(f) && tl_os_monotonic_us() < until_us) {
        step(server, store);
    }
    tl_server_state state = tl_server_get_state(server);
    if (f->failed || tl_os_stop_requested()) {
        return;
    }
    if (state != TL_SERVER_LEFT) {
        f->failed = TL_ERR_STATE;
        if (is_over(server)) {
            snprintf(f->text, sizeof f->text, "%s", tl_server_get_text(server));
        } else {
            snprintf(f->text, sizeof f->text,
                     "the store does not commit (%s); check its disk, then remove the store and populate it again",
                     f->said);
        }
        return;
    }
    if (!f->def->quiet) {
        char count[NUMBER_TEXT_BYTES], line[96];
        snprintf(line, sizeof line, "%s entities in %" PRIu32 " groups",
                 number_text(tl_server_get_stats(server).entities, count), groups);
        progress_end(&f->shown, line);
    }
}

static void populate_store(population *f, tl_store *store)
{
    const scenario *s = f->def->scenario;
    tl_world_info world = {.format = TL_STORE_FORMAT, .tick_hz = f->def->tick_hz, .created_us = tl_os_wall_us()};
    game_to_world(s, f->def->choice, &world);
    tl_result result = tl_store_create_world(store, &world);
    if (result != TL_OK) {
        populate_fail(f, result, result == TL_ERR_EXISTS ? "the store holds a world already" : "cannot create a world");
        return;
    }
    tl_server_def def = tl_server_def_default();
    def.name = POPULATE_SERVER;
    def.kind_count = scenario_kinds(&def.kinds);
    def.store = store;
    def.entities_max = scenario_entity_count(s) + ENTITIES_TO_SPARE;
    def.groups_max = scenario_group_count(s) + 16;
    def.clients_max = 1;
    def.callbacks = (tl_server_callbacks){
        .user = f, .tick = on_tick, .group = on_group, .committed = on_committed, .log = on_log};
    tl_server *server = NULL;
    result = tl_server_create(&def, &server, f->text, sizeof f->text);
    if (result != TL_OK) {
        f->failed = result;
        return;
    }
    make_all(f, server, store);
    tl_server_destroy(server);
}

bool populate_run(const populate_def *def)
{
    population f = {.def = def, .play = play_create(def->scenario)};
    tl_store *store = NULL;
    if (!f.play) {
        populate_fail(&f, TL_ERR_MEMORY, "cannot play the scenario");
    } else {
        f.failed = tl_store_open(def->store, true, false, &store, f.text, sizeof f.text);
    }
    if (!f.failed) {
        populate_store(&f, store);
    }
    if (store) {
        tl_store_close(store, !f.failed);
    }
    play_destroy(f.play);
    if (f.failed) {
        fprintf(stderr, "tramline: %s\n", f.text);
    } else if (tl_os_stop_requested()) {
        fprintf(stderr, "tramline: stopped; the store '%s' is incomplete, remove it\n", def->store);
    }
    return !f.failed && !tl_os_stop_requested();
}
