// Three servers on one store, three honest riders, and an attack on the servers: no lease may be lost, nobody be
// dropped, memory stays within its bound, and newcomers get in.
//
//   siege                            each mode for two seconds, from an address of its own; what is judged are counts
//   siege [OPTIONS] SECONDS [MODE…]  20'000 entities, each mode from an address of its own and then from the riders';
//   what
//                                    riders see is judged as well. For a quiet machine. Where commits of the other
//                                    servers took long, some entities may be off meanwhile (lateness.h)
//     --from ADDRESS                 only from there: 127.0.0.66, or 127.0.0.1, which is the riders'
//     --open                         servers that ask for no token
#include "check.h"
#include "drain.h"
#include "lateness.h"
#include "program.h"
#include "view_line.h"

#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERVERS = 3, RIDERS = 3, ENTITIES_SHORT = 3000, ENTITIES_LONG = 20000, PATH_BYTES = 2 * PROGRAM_PATH_BYTES };
#define SHORT_S 2.0
// How much a server may grow: of an address's handshakes 20 MB at worst, of newcomers, datagrams that wait and some
// tens of clients the rest; and if they look from everywhere, by the streams of each entity at each level.
#define GROWTH_MB_MAX 64.0
#define GROWTH_KB_ENTITY_MAX 3.0
#define OVER_SHARE_MAX 0.001
#define OWN_ADDRESS "127.0.0.66"
#define RIDERS_ADDRESS "127.0.0.1"

static const char *const names[SERVERS] = {"alpha", "beta", "gamma"};
static const char *const riders[RIDERS] = {"alice", "bob", "carol"};
static const char *const modes[] = {"junk", "hello",  "silent",   "ports",    "cookies", "noise", "bloat",
                                    "kill", "create", "teleport", "carriers", "nack",    "twins", "pipe"};

typedef struct siege {
    char folder[PROGRAM_PATH_BYTES];
    int entities;
    bool judges_view, open;
    const char *from; // only from there; NULL: all addresses
    double seconds;   // each mode
    pid_t servers[SERVERS], drains[SERVERS], riders[RIDERS];
    int ports[SERVERS];
    char fingerprints[SERVERS][65];
} siege;

static const char *path_of(const siege *s, const char *name, const char *ending)
{
    static char paths[8][PATH_BYTES];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_BYTES, "%s/%s.%s", s->folder, name, ending);
    return path;
}

static double last_of(const siege *s, const char *name, const char *key)
{
    json_t *line = lines_last(path_of(s, name, "stats"));
    double value = number_of(line, key);
    json_decref(line);
    return value;
}

static bool has_joined(const siege *s, const char *rider)
{
    json_t *line = lines_last(path_of(s, rider, "stats"));
    bool joined = json_is_true(json_object_get(line, "joined"));
    json_decref(line);
    return joined;
}

// Riders are on three servers.
static pid_t start_rider(const siege *s, const char *name, int number, int server)
{
    remove(path_of(s, name, "stats"));
    static char output[PROGRAM_OUTPUT_BYTES];
    char token[PATH_BYTES + 16] = "";
    CHECK_EQUAL(program_run(output, "token make --key %s/private.pem --name %s >%s", s->folder, name,
                            path_of(s, name, "token")),
                0);
    if (!s->open) {
        snprintf(token, sizeof token, "--token %s", path_of(s, name, "token"));
    }
    return program_start(path_of(s, name, "log"),
                         "ride --server 127.0.0.1:%d --fingerprint %s %s --name %s --rider %d --riders %d "
                         "--entities %d --stats %s --quiet",
                         s->ports[server], s->fingerprints[server], token, name, number, RIDERS + 1, s->entities,
                         path_of(s, name, "stats"));
}

static void wait_for_rider(const siege *s, const char *name, double seconds_max)
{
    for (double until_s = now_s() + seconds_max; !has_joined(s, name); sleep_s(0.1)) {
        CHECK(now_s() < until_s);
    }
}

static void begin(siege *s)
{
    static char output[PROGRAM_OUTPUT_BYTES];
    folder_make(s->folder);
    CHECK_EQUAL(program_run(output, "city --store %s/store --entities %d --quiet", s->folder, s->entities), 0);
    CHECK_EQUAL(program_run(output, "token keys %s/private.pem %s/public.pem", s->folder, s->folder), 0);
    char key[PATH_BYTES + 16] = "";
    if (!s->open) {
        snprintf(key, sizeof key, "--token-key %s/public.pem", s->folder);
    }
    for (int i = 0; i < SERVERS; i++) {
        s->drains[i] = drain_start(path_of(s, names[i], "pipe"), path_of(s, names[i], "log"));
        s->servers[i] = program_start(path_of(s, names[i], "pipe"),
                                      "serve --store %s/store --name %s --own %s --listen 127.0.0.1:0 --ready %s "
                                      "--stats %s %s",
                                      s->folder, names[i], s->folder, path_of(s, names[i], "ready"),
                                      path_of(s, names[i], "stats"), key);
        json_t *ready = ready_wait(path_of(s, names[i], "ready"));
        s->ports[i] = (int)number_of(ready, "port");
        snprintf(s->fingerprints[i], sizeof s->fingerprints[i], "%s",
                 json_string_value(json_object_get(ready, "fingerprint")));
        json_decref(ready);
    }
    for (int i = 0; i < RIDERS; i++) {
        s->riders[i] = start_rider(s, riders[i], i, i % SERVERS);
    }
    for (int i = 0; i < RIDERS; i++) {
        wait_for_rider(s, riders[i], 60);
    }
    sleep_s(3);
}

// The first server is attacked; the others are where its attackers may go as well.
static pid_t attack_start(const siege *s, const char *mode, const char *from)
{
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid > 0) {
        return pid;
    }
    char addresses[SERVERS][64], length[32], key[PATH_BYTES];
    for (int i = 0; i < SERVERS; i++) {
        snprintf(addresses[i], sizeof addresses[i], "127.0.0.1:%d", s->ports[i]);
    }
    snprintf(length, sizeof length, "%g", s->seconds);
    snprintf(key, sizeof key, "%s/private.pem", s->folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(ATTACK_PROGRAM, "attack", "--server", addresses[0], "--server", addresses[1], "--server", addresses[2],
          "--from", from, "--seconds", length, mode, s->open ? (char *)NULL : "--key", key, (char *)NULL);
    _exit(127);
}

static size_t line_count(const siege *s, const char *name)
{
    json_t *lines = lines_read(path_of(s, name, "stats"));
    size_t count = json_array_size(lines);
    json_decref(lines);
    return count;
}

static bool log_has(const siege *s, const char *name, const char *text)
{
    char line[1024];
    bool found = false;
    FILE *in = fopen(path_of(s, name, "log"), "r");
    while (in && fgets(line, sizeof line, in)) {
        found |= strstr(line, text) != NULL;
    }
    if (in) {
        fclose(in);
    }
    return found;
}

static double rss_max(const siege *s, const char *name, size_t from_line)
{
    json_t *lines = lines_read(path_of(s, name, "stats"));
    double most = 0;
    for (size_t n = from_line; n < json_array_size(lines); n++) {
        double rss = number_of(json_array_get(lines, n), "rss_mb");
        most = rss > most ? rss : most;
    }
    json_decref(lines);
    return most;
}

// The processor time of the slowest tick since then, ms.
static double tick_ms_max(const siege *s, const char *name, size_t from_line)
{
    json_t *lines = lines_read(path_of(s, name, "stats"));
    double most = 0;
    for (size_t n = from_line; n < json_array_size(lines); n++) {
        size_t i;
        json_t *tick_ms;
        json_array_foreach(json_object_get(json_array_get(lines, n), "tick_ms"), i, tick_ms)
            most = fmax(most, json_number_value(tick_ms));
    }
    json_decref(lines);
    return most;
}

static bool store_was_slow(const siege *s, double tick)
{
    bool slow = false;
    for (int i = 1; i < SERVERS; i++) {
        slow |= lateness_of_store(path_of(s, names[i], "stats"), tick); // the first one is attacked
    }
    return slow;
}

static void check_view(const siege *s, const char *rider, size_t from_line)
{
    const view_limits limits = {.entities = s->entities, .over_share = OVER_SHARE_MAX};
    const view_limits late = view_limits_when_late(&limits);
    json_t *lines = lines_read(path_of(s, rider, "stats"));
    for (size_t n = from_line + 1; n < json_array_size(lines); n++) {
        const json_t *line = json_array_get(lines, n);
        bool right = view_line_is_right(line, &limits) ||
                     (view_line_is_right(line, &late) && store_was_slow(s, number_of(line, "tick")));
        if (!right) {
            view_line_print(rider, line);
        }
        CHECK(right);
    }
    json_decref(lines);
}

// What was before an attack.
typedef struct before {
    json_t *servers[SERVERS]; // the last line of each
    size_t server_lines[SERVERS], rider_lines[RIDERS];
} before;

static before look(const siege *s)
{
    before b;
    for (int i = 0; i < SERVERS; i++) {
        b.servers[i] = lines_last(path_of(s, names[i], "stats"));
        b.server_lines[i] = line_count(s, names[i]);
    }
    for (int i = 0; i < RIDERS; i++) {
        b.rider_lines[i] = line_count(s, riders[i]);
    }
    return b;
}

static void check_server(const siege *s, const before *b, int i)
{
    static const char *const counts[][2] = {
        {"transport_dropped_rate", "over rate"},
        {"handshakes_refused", "handshakes refused"},
        {"hellos_refused", "hellos refused"},
        {"newcomers_closed", "newcomers closed"},
        {"malformed", "malformed"},
        {"peers_closed_malformed", "closed for it"},
        {"steps_deferred", "steps cut"},
        {"limits_reached", "limits reached"},
        {"entities", "entities more"},
        {"client_lines_omitted", "lines omitted"},
        {"work_waits", "ticks with waits"},
    };
    json_t *now = lines_last(path_of(s, names[i], "stats"));
    double grown_mb = rss_max(s, names[i], b->server_lines[i]) - number_of(b->servers[i], "rss_mb");
    printf("    %s: slowest tick %.0f ms, grew by %.1f MB", names[i], tick_ms_max(s, names[i], b->server_lines[i]),
           grown_mb);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        double count = number_of(now, counts[k][0]) - number_of(b->servers[i], counts[k][0]);
        if (count > 0) {
            printf(", %s %.0f", counts[k][1], count);
        }
    }
    int late = lateness_seconds(path_of(s, names[i], "stats"), number_of(b->servers[i], "tick"), INFINITY);
    if (late) {
        printf(", records late in %d s", late);
    }
    printf("\n");
    CHECK(late <= LATE_SECONDS_MAX || !s->judges_view);
    CHECK(program_runs(s->servers[i]));
    CHECK(!log_has(s, names[i], "joining again") && !log_has(s, names[i], "fenced"));
    CHECK(number_of(now, "committed_tick") > number_of(b->servers[i], "committed_tick"));
    CHECK(grown_mb <= GROWTH_MB_MAX + s->entities * GROWTH_KB_ENTITY_MAX / 1000);
    json_decref(now);
}

// What somebody has said last, for whoever looks why a check fails.
static void print_log(const siege *s, const char *name)
{
    char line[1024];
    FILE *in = fopen(path_of(s, name, "log"), "r");
    while (in && fgets(line, sizeof line, in)) {
        fprintf(stderr, "  %s", line);
    }
    if (in) {
        fclose(in);
    }
}

static void check_rider(const siege *s, int i)
{
    bool rides = program_runs(s->riders[i]) && has_joined(s, riders[i]);
    if (!rides) {
        print_log(s, riders[i]);
    }
    CHECK(rides);
}

static void check_all(const siege *s, before *b)
{
    for (int i = 0; i < SERVERS; i++) {
        check_server(s, b, i);
        json_decref(b->servers[i]);
    }
    for (int i = 0; i < RIDERS; i++) {
        check_rider(s, i);
        if (s->judges_view) {
            check_view(s, riders[i], b->rider_lines[i]);
        }
    }
}

// The server goes on although nobody reads what it says.
static void check_held(const siege *s, const char *name)
{
    double tick = last_of(s, name, "committed_tick");
    for (double until_s = now_s() + 30; last_of(s, name, "committed_tick") <= tick; sleep_s(0.1)) {
        CHECK(now_s() < until_s);
    }
}

// From an address of their own attackers do not even make newcomers wait; from the riders' newcomers get in afterwards.
static void run_mode(const siege *s, const char *mode, const char *from)
{
    printf("  %s from %s, %g s\n", mode, from, s->seconds);
    bool hold = strcmp(mode, "pipe") == 0, own = strcmp(from, RIDERS_ADDRESS) != 0;
    before b = look(s);
    if (hold) {
        drain_hold(s->drains[0], path_of(s, names[0], "pipe"));
    }
    pid_t attack = attack_start(s, mode, from);
    sleep_s(s->seconds / 3);
    pid_t newcomer = start_rider(s, "dave", RIDERS, 0);
    int status;
    CHECK(waitpid(attack, &status, 0) == attack && status == 0);
    if (!own && !program_runs(newcomer)) {
        newcomer = start_rider(s, "dave", RIDERS, 0); // it had to wait for too long, and gave up
    }
    wait_for_rider(s, "dave", s->judges_view && own ? 0.1 : 30);
    program_stop(newcomer, SIGTERM);
    if (hold) {
        check_held(s, names[0]);
    }
    if (hold) {
        drain_release(s->drains[0]);
    }
    sleep_s(s->judges_view ? 2 : 1);
    check_all(s, &b);
}

static void end(siege *s)
{
    static char output[PROGRAM_OUTPUT_BYTES];
    for (int i = 0; i < RIDERS; i++) {
        CHECK(WIFEXITED(program_stop(s->riders[i], SIGTERM)));
    }
    for (int i = 0; i < SERVERS; i++) {
        CHECK_EQUAL(program_stop(s->servers[i], SIGTERM), 0);
    }
    for (int i = 0; i < SERVERS; i++) {
        drain_stop(s->drains[i]);
    }
    CHECK_EQUAL(program_run(output, "inspect %s/store", s->folder), 0);
    folder_remove(s->folder);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, 'f'}, {"open", no_argument, NULL, 'o'}, {0}};
    siege s = {.entities = ENTITIES_SHORT, .seconds = SHORT_S};
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        CHECK(key == 'f' || key == 'o');
        if (key == 'f') {
            s.from = optarg;
        } else {
            s.open = true;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (optind < argc) {
        s.entities = ENTITIES_LONG, s.judges_view = true, s.seconds = atof(argv[optind++]);
    }
    begin(&s);
    int given = argc - optind, count = given ? given : (int)(sizeof modes / sizeof *modes);
    for (int i = 0; i < count; i++) {
        const char *mode = given ? argv[optind + i] : modes[i];
        run_mode(&s, mode, s.from ? s.from : OWN_ADDRESS);
        if (s.judges_view && !s.from) {
            run_mode(&s, mode, RIDERS_ADDRESS);
        }
    }
    end(&s);
}
