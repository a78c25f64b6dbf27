// Three servers on one store, three honest riders, and an attack on the servers: no lease may be lost, nobody be dropped, memory
// stays within its bound, and newcomers get in.
//
//   siege                      each mode for three seconds, from an address of its own; what is judged are counts
//   siege SECONDS [MODE...]    20'000 entities, each mode from an address of its own and then from the riders'; what riders see
//                              is judged as well. For a quiet machine
#include "check.h"
#include "program.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERVERS = 3, RIDERS = 3, ENTITIES_SHORT = 3000, ENTITIES_LONG = 20000, PATH_BYTES = 2 * PROGRAM_PATH_BYTES };
#define RSS_GROWTH_MB_MAX 64.0 // of an address's handshakes at worst 32 MB, of newcomers and datagrams that wait the rest
#define OVER_SHARE_MAX 0.001
#define OWN_ADDRESS "127.0.0.66"
#define RIDERS_ADDRESS "127.0.0.1"

static const char *const names[SERVERS] = {"alpha", "beta", "gamma"};
static const char *const riders[RIDERS] = {"alice", "bob", "carol"};
static const char *const modes[] = {"junk", "hello", "silent", "ports", "cookies", "noise"};

typedef struct siege {
    char folder[PROGRAM_PATH_BYTES];
    int entities;
    bool judges_view;
    pid_t servers[SERVERS], riders[RIDERS];
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
    CHECK_EQUAL(program_run(output, "token make --key %s/private.pem --name %s >%s", s->folder, name, path_of(s, name, "token")), 0);
    return program_start(path_of(s, name, "log"), "ride --server 127.0.0.1:%d --fingerprint %s --token %s --rider %d --riders %d "
                         "--entities %d --stats %s --quiet", s->ports[server], s->fingerprints[server], path_of(s, name, "token"), number,
                         RIDERS + 1, s->entities, path_of(s, name, "stats"));
}

static void wait_for_rider(const siege *s, const char *name, double seconds_max)
{
    for (double until_s = now_s() + seconds_max; !has_joined(s, name); sleep_s(0.1)) CHECK(now_s() < until_s);
}

static void begin(siege *s)
{
    static char output[PROGRAM_OUTPUT_BYTES];
    folder_make(s->folder);
    CHECK_EQUAL(program_run(output, "city --store %s/store --entities %d --quiet", s->folder, s->entities), 0);
    CHECK_EQUAL(program_run(output, "token keys %s/private.pem %s/public.pem", s->folder, s->folder), 0);
    for (int i = 0; i < SERVERS; i++) {
        s->servers[i] = program_start(path_of(s, names[i], "log"), "serve --store %s/store --name %s --own %s --listen 127.0.0.1:0 --ready %s "
                                      "--stats %s --token-key %s/public.pem", s->folder, names[i], s->folder, path_of(s, names[i], "ready"), path_of(s, names[i], "stats"), s->folder);
        json_t *ready = ready_wait(path_of(s, names[i], "ready"));
        s->ports[i] = (int)number_of(ready, "port");
        snprintf(s->fingerprints[i], sizeof s->fingerprints[i], "%s", json_string_value(json_object_get(ready, "fingerprint")));
        json_decref(ready);
    }
    for (int i = 0; i < RIDERS; i++) s->riders[i] = start_rider(s, riders[i], i, i % SERVERS);
    for (int i = 0; i < RIDERS; i++) wait_for_rider(s, riders[i], 60);
    sleep_s(3);
}

static pid_t attack_start(const siege *s, const char *mode, const char *from, int server, double seconds)
{
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid > 0) return pid;
    char address[64], length[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", s->ports[server]);
    snprintf(length, sizeof length, "%g", seconds);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(ATTACK_PROGRAM, "attack", "--server", address, "--fingerprint", s->fingerprints[server], "--from", from, "--seconds", length, mode,
          (char *)NULL);
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
    while (in && fgets(line, sizeof line, in)) found |= strstr(line, text) != NULL;
    if (in) fclose(in);
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

static void check_view(const siege *s, const char *rider, size_t from_line)
{
    json_t *lines = lines_read(path_of(s, rider, "stats"));
    for (size_t n = from_line + 1; n < json_array_size(lines); n++) {
        const json_t *line = json_array_get(lines, n);
        bool right = number_of(line, "missing") == 0 && number_of(line, "doubled") == 0 && number_of(line, "surplus") == 0 &&
                     number_of(line, "wrong_carrier") == 0 && number_of(line, "over_twice") == 0 &&
                     number_of(line, "over") <= OVER_SHARE_MAX * s->entities;
        if (!right) {
            char *text = json_dumps(line, 0);
            fprintf(stderr, "%s: %s\n", rider, text);
            free(text);
        }
        CHECK(right);
    }
    json_decref(lines);
}

static void check_servers(const siege *s, const size_t *lines, const double *rss_mb, const double *ticks)
{
    for (int i = 0; i < SERVERS; i++) {
        CHECK(program_runs(s->servers[i]));
        CHECK(!log_has(s, names[i], "joins again") && !log_has(s, names[i], "fenced"));
        CHECK(last_of(s, names[i], "committed_tick") > ticks[i]);
        double grown_mb = rss_max(s, names[i], lines[i]) - rss_mb[i];
        printf("    %s: grew by %.1f MB; over rate %.0f, handshakes refused %.0f, hellos refused %.0f, closed %.0f + %.0f, steps cut %.0f\n",
               names[i], grown_mb, last_of(s, names[i], "transport_dropped_rate"), last_of(s, names[i], "handshakes_refused"),
               last_of(s, names[i], "hellos_refused"), last_of(s, names[i], "newcomers_closed"),
               last_of(s, names[i], "peers_closed_malformed"), last_of(s, names[i], "steps_cut_short"));
        CHECK(grown_mb <= RSS_GROWTH_MB_MAX);
    }
}

static void run_mode(const siege *s, const char *mode, const char *from, double seconds)
{
    printf("  %s from %s, %g s\n", mode, from, seconds);
    size_t server_lines[SERVERS], rider_lines[RIDERS];
    double rss_mb[SERVERS], ticks[SERVERS];
    pid_t attacks[SERVERS];
    for (int i = 0; i < SERVERS; i++) {
        server_lines[i] = line_count(s, names[i]);
        rss_mb[i] = last_of(s, names[i], "rss_mb");
        ticks[i] = last_of(s, names[i], "committed_tick");
    }
    for (int i = 0; i < RIDERS; i++) rider_lines[i] = line_count(s, riders[i]);
    // One server is attacked: what it does not commit, the others feel.
    attacks[0] = attack_start(s, mode, from, 0, seconds);
    bool own = strcmp(from, OWN_ADDRESS) == 0;
    sleep_s(seconds / 3);
    pid_t newcomer = own ? start_rider(s, "dave", RIDERS, 0) : 0;
    int status;
    CHECK(waitpid(attacks[0], &status, 0) == attacks[0] && status == 0);
    if (own) wait_for_rider(s, "dave", s->judges_view ? 0.1 : 30);
    if (own) program_stop(newcomer, SIGTERM);
    sleep_s(2);
    check_servers(s, server_lines, rss_mb, ticks);
    for (int i = 0; i < RIDERS; i++) {
        CHECK(program_runs(s->riders[i]) && has_joined(s, riders[i]));
        if (s->judges_view) check_view(s, riders[i], rider_lines[i]);
    }
}

static void end(siege *s)
{
    static char output[PROGRAM_OUTPUT_BYTES];
    for (int i = 0; i < RIDERS; i++) CHECK(WIFEXITED(program_stop(s->riders[i], SIGTERM)));
    for (int i = 0; i < SERVERS; i++) CHECK_EQUAL(program_stop(s->servers[i], SIGTERM), 0);
    CHECK_EQUAL(program_run(output, "inspect %s/store", s->folder), 0);
    folder_remove(s->folder);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    siege s = {.entities = argc > 1 ? ENTITIES_LONG : ENTITIES_SHORT, .judges_view = argc > 1};
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    begin(&s);
    int count = argc > 2 ? argc - 2 : (int)(sizeof modes / sizeof *modes);
    for (int i = 0; i < count; i++) {
        const char *mode = argc > 2 ? argv[2 + i] : modes[i];
        run_mode(&s, mode, OWN_ADDRESS, seconds);
        if (s.judges_view) run_mode(&s, mode, RIDERS_ADDRESS, seconds);
    }
    end(&s);
}
