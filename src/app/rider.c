#include "app/rider.h"

#include "app/command.h"
#include "app/promise.h"
#include "app/rider_report.h"
#include "base/os/clock.h"
#include "base/os/process.h"
#include "base/os/wait.h"

#include "tramline/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KIND_AVATAR = 5,
    ENTITIES_TO_SPARE = 8192,
    WAIT_US_MAX = 5000,
    CHECK_EVERY_US = 400000, // and then at the next frame: at least twice a second
    CHECK_STAGGER_US = 130000,
    JOIN_CHECK_EVERY_US = 100000,
    JOIN_S_MAX = 60,
    QUIET_US = 3000, // after a frame's last datagram
    AVATAR_RETRY_US = 1000000,
    RECONNECT_US = 2000000, // after that the view over another connection must be right
};
#define BREAK_S 5.0 // what a join may take

typedef struct rider {
    const rider_def *def;
    scenario *scenario;
    tl_transport *transport;
    tl_client *client;
    truth_check *check;
    tl_pose *poses;
    uint32_t poses_max;
    rider_report report;
    char token[TL_TOKEN_BYTES_MAX + 1];
    // the avatar
    tl_entity_id avatar;
    uint32_t avatar_request;
    uint64_t avatar_asked_us;
    // when it was last checked, and what has come since
    uint64_t begun_us, check_us, datagram_us;
    uint64_t datagrams;
    int64_t frame_tick, checked_tick;
    uint64_t reconnects, live_us; // connections after the first; when the last of them became live
    char text[512];
} rider;

// ---- opening -------------------------------------------------------------------------------------------------------

// Without a token the name takes its place: a server that lets everybody in asks for no more.
static bool read_token(rider *r)
{
    const char *file = r->def->token_file;
    if (!file) {
        snprintf(r->token, sizeof r->token, "%s", r->def->name);
        return true;
    }
    FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    if (!in || !fgets(r->token, sizeof r->token, in)) {
        snprintf(r->text, sizeof r->text, "cannot read a token from '%s'%s%s; make one with 'tramline token make'",
                 file, in ? "" : ": ", in ? "" : strerror(errno));
    }
    if (in && in != stdin) {
        fclose(in);
    }
    r->token[strcspn(r->token, "\r\n")] = 0;
    return !r->text[0];
}

static bool open_check(rider *r)
{
    r->scenario = game_create(&r->def->game);
    if (!r->scenario) {
        return false;
    }
    r->poses_max = scenario_entity_count(r->scenario) + ENTITIES_TO_SPARE;
    r->poses = calloc(r->poses_max, sizeof *r->poses);
    r->check = truth_check_create(r->scenario, r->def->number, r->def->rider_count);
    if (!r->poses || !r->check) {
        snprintf(r->text, sizeof r->text, "out of memory; use fewer entities");
        return false;
    }
    return true;
}

// Comes first: what is wrong with the server's address is reported before a scenario is made. Nothing is sent yet.
static bool open_transport(rider *r)
{
    tl_dtls_client_def servers[RIDER_SERVERS_MAX];
    const rider_def *def = r->def;
    for (uint32_t i = 0; i < def->server_count; i++) {
        servers[i] = tl_dtls_client_def_default();
        servers[i].address = def->servers[i];
        if (def->fingerprint_count) {
            servers[i].fingerprint = def->fingerprints[i < def->fingerprint_count ? i : def->fingerprint_count - 1];
        }
        servers[i].ca_file = def->ca_file;
    }
    return tl_dtls_failover_open(servers, def->server_count, &r->transport, r->text, sizeof r->text) == TL_OK;
}

static bool open_client(rider *r)
{
    r->begun_us = tl_os_monotonic_us();
    tl_client_def def = tl_client_def_default();
    def.transport = r->transport;
    def.token = r->token;
    def.token_bytes = strlen(r->token);
    def.entities_max = r->poses_max;
    def.kbit_s = r->def->kbit_s ? r->def->kbit_s : def.kbit_s;
    tl_result result = tl_client_create(&def, &r->client, NULL, 0);
    if (result != TL_OK) {
        snprintf(r->text, sizeof r->text, "cannot create the client: %s", tl_result_text(result));
        return false;
    }
    tl_vec3 seat;
    tl_entity_id cabin = truth_check_seat(r->check, &seat);
    if (cabin) {
        tl_client_observe_entity(r->client, cabin);
    } else {
        tl_client_observe_point(r->client, seat);
    }
    return true;
}

static void rider_close(rider *r)
{
    if (r->client) {
        tl_client_destroy(r->client);
    }
    if (r->transport) {
        tl_transport_close(r->transport);
    }
    truth_check_destroy(r->check);
    scenario_destroy(r->scenario);
    free(r->poses);
    rider_report_close(&r->report);
}

// ---- the avatar ----------------------------------------------------------------------------------------------------

static tl_entity_id avatar_values(const rider *r, tl_values *values)
{
    *values = (tl_values){.mask = 3};
    values->fields[1].rotation = (tl_quat){0, 0, 0, 1};
    return truth_check_seat(r->check, &values->fields[0].position);
}

static void avatar_ask(rider *r, uint64_t now_us)
{
    tl_values values;
    tl_entity_id cabin = avatar_values(r, &values);
    r->avatar_asked_us = now_us;
    if (tl_client_request_create(r->client, KIND_AVATAR, cabin, &values, true, &r->avatar_request) != TL_OK) {
        r->avatar_request = 0;
    }
}

static void avatar_step(rider *r, uint64_t now_us)
{
    if (!r->avatar) {
        if (now_us - r->avatar_asked_us >= AVATAR_RETRY_US && tl_client_get_stats(r->client).entities > 0) {
            avatar_ask(r, now_us);
        }
        return;
    }
    tl_values values;
    tl_entity_id cabin = avatar_values(r, &values);
    tl_client_set_values(r->client, r->avatar, tl_client_get_server_tick(r->client, tl_os_monotonic_us()), cabin,
                         &values);
}

static void take_events(rider *r)
{
    tl_client_event event;
    while (tl_client_next_event(r->client, &event)) {
        if (event.type == TL_CLIENT_ANSWER && event.request == r->avatar_request && event.result == TL_OK) {
            r->avatar = event.entity;
        }
        bool gone = event.type == TL_CLIENT_ENTITY_LEFT || event.type == TL_CLIENT_OWN_LOST;
        if (gone && event.entity == r->avatar) {
            r->avatar = 0; // requested again
        }
        if (event.type == TL_CLIENT_OWN_RETURNED) {
            r->avatar = event.entity;
        }
    }
}

// ---- checking ------------------------------------------------------------------------------------------------------

// The newest frame, once all of its datagrams have had time to come: they are sent one right after another.
static bool check_is_due(const rider *r, uint64_t now_us, uint64_t every_us)
{
    return now_us - r->check_us >= every_us && r->frame_tick > r->checked_tick && now_us - r->datagram_us >= QUIET_US;
}

static truth_finding check_view(rider *r, uint64_t now_us, bool counts)
{
    double tick_hz = tl_client_get_tick_hz(r->client);
    uint32_t count = tl_client_get_poses(r->client, (double)r->frame_tick, false, r->poses, r->poses_max);
    r->check_us = now_us;
    r->checked_tick = r->frame_tick;
    return truth_check_view(r->check, (double)r->frame_tick / tick_hz, r->poses, count, counts);
}

// Whether now, for the first time, every entity is in view.
static bool check_joined(rider *r, uint64_t now_us)
{
    if (!check_is_due(r, now_us, JOIN_CHECK_EVERY_US)) {
        return false;
    }
    uint64_t loaded_us = r->datagram_us;
    truth_finding finding = check_view(r, now_us, false);
    rider_report_line(&r->report, r->client, &finding, r->frame_tick, false);
    if (finding.missing > 0 || finding.visible == 0) {
        return false;
    }
    r->check_us = now_us - r->def->number * CHECK_STAGGER_US % CHECK_EVERY_US;
    rider_report_joined(&r->report, r->client, r->transport, (double)(loaded_us - r->begun_us) / 1e6);
    if (!r->def->quiet) {
        printf("%s: all %u entities in view after %.2f s\n", r->def->name, finding.visible, r->report.join_s);
        fflush(stdout);
    }
    return true;
}

static void check_running(rider *r, uint64_t now_us)
{
    if (!check_is_due(r, now_us, CHECK_EVERY_US)) {
        return;
    }
    // Where a recording begins again, everything is another at once: that is a join, and is judged like one.
    double time_s = (double)r->frame_tick / tl_client_get_tick_hz(r->client);
    bool counts = scenario_since_break_s(r->scenario, time_s) > BREAK_S && now_us - r->live_us > RECONNECT_US;
    r->report.checks_unjudged += !counts;
    truth_finding finding = check_view(r, now_us, counts);
    rider_report_line(&r->report, r->client, &finding, r->frame_tick, counts);
    if (!r->def->quiet) {
        printf("%s: %u of %u in view, worst %.2f mrad (%.3f m at %.0f m), %.0f kbit/s\n", r->def->name, finding.visible,
               finding.expected, finding.worst.error_mrad, finding.worst.error_m, finding.worst.distance_m,
               r->report.kbit_s_now);
        fflush(stdout);
    }
}

// ---- running -------------------------------------------------------------------------------------------------------

static void note_arrivals(rider *r, uint64_t now_us)
{
    tl_client_stats stats = tl_client_get_stats(r->client);
    if (stats.datagrams != r->datagrams) {
        r->datagrams = stats.datagrams;
        r->datagram_us = now_us;
    }
    if (stats.reconnects != r->reconnects || tl_client_get_state(r->client) == TL_CLIENT_RECONNECTING) {
        r->reconnects = stats.reconnects;
        r->live_us = now_us;
    }
    int64_t tick = tl_client_get_frame_tick(r->client);
    if (tick > r->frame_tick) {
        r->frame_tick = tick;
        rider_report_frame(&r->report, &stats);
    }
}

static void step(rider *r)
{
    tl_os_wait_readable(&(int){tl_transport_wait_fd(r->transport)}, 1, WAIT_US_MAX);
    tl_client_step(r->client, tl_os_monotonic_us());
    uint64_t now_us = tl_os_monotonic_us();
    take_events(r);
    note_arrivals(r, now_us);
    if (tl_client_get_state(r->client) == TL_CLIENT_LIVE) {
        avatar_step(r, now_us);
        if (r->report.joined) {
            check_running(r, now_us);
        } else {
            check_joined(r, now_us);
        }
    }
}

static bool is_over(const rider *r)
{
    double seconds = r->def->seconds;
    return tl_os_stop_requested() || (seconds > 0 && r->report.joined && rider_report_seconds(&r->report) >= seconds);
}

// False: it could not ride to the end.
static bool run(rider *r)
{
    while (!is_over(r)) {
        step(r);
        if (tl_client_get_state(r->client) == TL_CLIENT_CLOSED) {
            const char *why = tl_client_get_text(r->client);
            bool token_missing = !r->report.joined && !r->def->token_file && strstr(why, "token");
            snprintf(r->text, sizeof r->text, "the connection to %s has ended: %s",
                     r->def->servers[tl_failover_get_server(r->transport)],
                     token_missing ? "this server requires a token; pass its file with --token" : why);
            return false;
        }
        if (!r->report.joined && tl_os_monotonic_us() - r->begun_us > JOIN_S_MAX * 1000000ull) {
            snprintf(r->text, sizeof r->text,
                     "saw %u of %u entities within %d s; are scenario, seed and number of entities the same as on the "
                     "server?",
                     tl_client_get_stats(r->client).entities, scenario_entity_count(r->scenario), JOIN_S_MAX);
            return false;
        }
    }
    return true;
}

static bool open_report(rider *r)
{
    rider_report_def def = {.name = r->def->name,
                            .server = r->def->servers[0],
                            .stats_file = r->def->stats_file,
                            .rider_count = r->def->rider_count,
                            .check = r->check};
    bool opened = rider_report_open(&r->report, &def);
    if (!opened) {
        snprintf(r->text, sizeof r->text, "'%s' cannot be written: %s", r->def->stats_file, strerror(errno));
    }
    return opened;
}

// Writes the report, and judges it.
static bool finish(rider *r)
{
    json_t *report = rider_report_json(&r->report, r->client, r->transport);
    const char *file = r->def->report_file;
    if (file && json_dump_file(report, file, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0) {
        snprintf(r->text, sizeof r->text, "'%s' cannot be written: %s", file, strerror(errno));
    }
    json_t *promises = promise_judge_view(report);
    bool held = promise_all_held(promises);
    if (!r->def->quiet || !held) {
        promise_print(promises, held ? stdout : stderr);
    }
    json_decref(promises);
    json_decref(report);
    return held && !r->text[0];
}

int rider_run(const rider_def *def)
{
    static rider r; // large
    r.def = def;
    r.frame_tick = r.checked_tick = -1;
    bool opened = read_token(&r) && open_transport(&r) && open_check(&r) && open_report(&r) && open_client(&r);
    bool rode = opened && run(&r);
    bool held = opened && finish(&r);
    if (r.text[0]) {
        fprintf(stderr, "tramline: %s: %s\n", def->name, r.text);
    }
    rider_close(&r);
    return rode && held ? EXIT_SOUND : EXIT_FAILED;
}
