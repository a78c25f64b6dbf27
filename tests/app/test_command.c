// The command line: help, wrong use, and errors that say what to do.
#include "check.h"
#include "program.h"

#include "tramline/types.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { WRONG_USE = 64 };

static char output[PROGRAM_OUTPUT_BYTES];

static void check_says(const char *text)
{
    if (!strstr(output, text)) {
        fprintf(stderr, "'%s' is not in:\n%s\n", text, output);
    }
    CHECK(strstr(output, text));
}

static const char *const commands[] = {"demo", "serve", "ride", "city", "token", "inspect", "copy", "version"};

TEST(help_names_every_command)
{
    CHECK_EQUAL(program_run(output, "--help"), 0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        check_says(commands[i]);
    }
}

TEST(every_command_has_help)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        CHECK_EQUAL(program_run(output, "%s --help", commands[i]), 0);
        check_says("Usage: tramline");
        check_says(commands[i]);
    }
}

TEST(version_is_told)
{
    CHECK_EQUAL(program_run(output, "version"), 0);
    check_says("tramline " TL_VERSION_STRING "\n");
    CHECK_EQUAL(program_run(output, "--version"), 0);
    check_says(TL_VERSION_STRING);
}

TEST(wrong_use_is_told_apart_from_failure)
{
    CHECK_EQUAL(program_run(output, " "), WRONG_USE);
    CHECK_EQUAL(program_run(output, "fly"), WRONG_USE);
    check_says("there is no command 'fly'");
    CHECK_EQUAL(program_run(output, "city --colour red"), WRONG_USE);
    CHECK_EQUAL(program_run(output, "city"), WRONG_USE);
    check_says("--store is missing");
    CHECK_EQUAL(program_run(output, "city --store x --entities many"), WRONG_USE);
    check_says("must be a whole number");
    CHECK_EQUAL(program_run(output, "city --store x --hz 1000"), WRONG_USE);
    CHECK_EQUAL(program_run(output, "city --store x extra"), WRONG_USE);
    CHECK_EQUAL(program_run(output, "serve --store x"), WRONG_USE);
    check_says("--name is missing");
    CHECK_EQUAL(program_run(output, "serve --store x --name a --cert c.pem"), WRONG_USE);
    check_says("--cert and --key go together");
    CHECK_EQUAL(program_run(output, "serve --store x --name ../a"), WRONG_USE);
    check_says("it must be 1 to 31 letters");
    CHECK_EQUAL(program_run(output, "serve --store x --name .a"), WRONG_USE);
    CHECK_EQUAL(program_run(output, "serve --store x --name a --client-speed 0"), WRONG_USE);
    check_says("client-speed");
    CHECK_EQUAL(program_run(output, "ride --server 127.0.0.1:1"), WRONG_USE);
    check_says("--fingerprint");
    CHECK_EQUAL(program_run(output, "demo --store oracle"), WRONG_USE);
    check_says("it must be sqlite, fdb:FILE");
    CHECK_EQUAL(program_run(output, "demo --store fdb"), WRONG_USE);
    check_says("./run --store fdb");
    CHECK_EQUAL(program_run(output, "demo --seconds -1"), WRONG_USE);
    CHECK_EQUAL(program_run(output, "inspect"), WRONG_USE);
    CHECK_EQUAL(program_run(output, "city --store x --scenario city --fcd y.xml"), WRONG_USE);
}

TEST(a_missing_store_is_told)
{
    CHECK_EQUAL(program_run(output, "inspect /tmp/no-such-store"), 1);
    check_says("/tmp/no-such-store");
    CHECK_EQUAL(program_run(output, "serve --store /tmp/no-such-store --name alpha --listen 127.0.0.1:0"), 1);
    check_says("/tmp/no-such-store");
    CHECK_EQUAL(program_run(output, "city --store /no/such/folder/store --entities 100 --quiet"), 1);
    check_says("/no/such/folder");
}

TEST(an_unknown_scenario_is_told)
{
    CHECK_EQUAL(program_run(output, "city --store /tmp/never-made --scenario moon"), WRONG_USE);
    check_says("unknown scenario 'moon'");
    CHECK_EQUAL(program_run(output, "city --store /tmp/never-made --fcd /tmp/no-such-file.xml"), 1);
    check_says("/tmp/no-such-file.xml");
}

TEST(a_store_is_filled_once)
{
    char folder[PROGRAM_PATH_BYTES];
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities 500 --seed 7 --hz 30", folder), 0);
    check_says("500 entities");
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities 500 --quiet", folder), 1);
    check_says("holds a world already");
    CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 0);
    check_says("city:500, seed 7, 30 ticks per second");
    check_says("sound");
    CHECK_EQUAL(program_run(output, "serve --store %s/s --name a --entities 400 --listen 127.0.0.1:0", folder), 1);
    check_says("populated with 500 entities, not 400");
    CHECK_EQUAL(program_run(output, "serve --store %s/s --name a --scenario far --listen 127.0.0.1:0", folder), 1);
    check_says("populated by the scenario 'city'");
    folder_remove(folder);
}

TEST(a_full_disk_is_told)
{
    char folder[PROGRAM_PATH_BYTES];
    struct rlimit old, limit;
    folder_make(folder);
    CHECK_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 400000; // stands for a disk without room for the records
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities 50000 --quiet", folder), 1);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    check_says("the store does not commit (the store stalls: ");
    check_says("the file may not grow");
    folder_remove(folder);
}

TEST(inspect_speaks_json)
{
    char folder[PROGRAM_PATH_BYTES];
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities 500 --quiet", folder), 0);
    CHECK_EQUAL(program_run(output, "inspect --json %s/s", folder), 0);
    json_t *shown = json_loads(output, 0, NULL);
    CHECK(json_is_true(json_object_get(shown, "sound")));
    CHECK_EQUAL(json_array_size(json_object_get(shown, "servers")), 1);
    json_decref(shown);
    folder_remove(folder);
}

// Writes over the middle of a file.
static void damage(const char *folder, const char *name)
{
    char path[2 * PROGRAM_PATH_BYTES], rubbish[512];
    snprintf(path, sizeof path, "%s/s/%s", folder, name);
    memset(rubbish, 0x5a, sizeof rubbish);
    FILE *file = fopen(path, "r+");
    CHECK(file);
    CHECK_EQUAL(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    CHECK(size > 8192);
    for (long at = 4096 + 1000; at < size; at += 4096) { // some of each page, so that some of what is in use is hit
        CHECK_EQUAL(fseek(file, at, SEEK_SET), 0);
        CHECK_EQUAL(fwrite(rubbish, 1, sizeof rubbish, file), sizeof rubbish);
    }
    CHECK_EQUAL(fclose(file), 0);
}

TEST(a_damaged_store_is_told)
{
    static const char *const files[] = {"world.db", "city.log.db"};
    for (int i = 0; i < 2; i++) {
        char folder[PROGRAM_PATH_BYTES];
        folder_make(folder);
        CHECK_EQUAL(program_run(output, "city --store %s/s --entities 3000 --quiet", folder), 0);
        damage(folder, files[i]);
        CHECK_EQUAL(program_run(output, "inspect %s/s", folder), 1);
        check_says(files[i]);
        folder_remove(folder);
    }
}

static pid_t start_server(const char *folder, const char *options, char fingerprint[65], int *port)
{
    char path[2 * PROGRAM_PATH_BYTES], log[2 * PROGRAM_PATH_BYTES];
    snprintf(path, sizeof path, "%s/ready", folder);
    snprintf(log, sizeof log, "%s/alpha.log", folder);
    pid_t pid = program_start(log, "serve --store %s/s --name alpha --listen 127.0.0.1:0 --ready %s %s", folder, path,
                              options);
    json_t *ready = ready_wait(path);
    snprintf(fingerprint, 65, "%s", json_string_value(json_object_get(ready, "fingerprint")));
    *port = (int)number_of(ready, "port");
    json_decref(ready);
    return pid;
}

TEST(a_server_that_cannot_run_fails)
{
    char folder[PROGRAM_PATH_BYTES], path[2 * PROGRAM_PATH_BYTES];
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities 500 --quiet", folder), 0);
    CHECK_EQUAL(program_run(output,
                            "serve --store %s/s --name alpha --listen 127.0.0.1:0 --seconds 2 --ready %s/none/ready",
                            folder, folder),
                1);
    check_says("none/ready' cannot be written");
    snprintf(path, sizeof path, "%s/s/world.db", folder);
    sqlite3 *lock = NULL;
    CHECK_EQUAL(sqlite3_open(path, &lock), SQLITE_OK);
    CHECK_EQUAL(sqlite3_exec(lock, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQUAL(program_run(output, "serve --store %s/s --name alpha --listen 127.0.0.1:0 --seconds 2", folder), 1);
    check_says("it never started");
    CHECK_EQUAL(sqlite3_close(lock), SQLITE_OK);
    folder_remove(folder);
}

// Neither takes the lease from the other for ever: one goes on, and the other says why it does not.
TEST(two_servers_of_one_name_are_told)
{
    char folder[PROGRAM_PATH_BYTES], fingerprint[65];
    int port;
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities 500 --quiet", folder), 0);
    pid_t pid = start_server(folder, "", fingerprint, &port);
    int second = program_run(output, "serve --store %s/s --name alpha --listen 127.0.0.1:0 --seconds 8", folder);
    int status = program_stop(pid, SIGTERM);
    CHECK(WIFEXITED(status));
    CHECK_EQUAL(second + WEXITSTATUS(status), 1);
    if (second == 0) {
        char path[2 * PROGRAM_PATH_BYTES];
        snprintf(path, sizeof path, "%s/alpha.log", folder);
        FILE *log = fopen(path, "r");
        CHECK(log);
        output[fread(output, 1, sizeof output - 1, log)] = 0;
        fclose(log);
    }
    check_says("another process is running as alpha");
    folder_remove(folder);
}

TEST(a_wrong_certificate_is_told)
{
    char folder[PROGRAM_PATH_BYTES], fingerprint[65];
    int port;
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities 500 --quiet", folder), 0);
    pid_t pid = start_server(folder, "", fingerprint, &port);
    fingerprint[0] = fingerprint[0] == '0' ? '1' : '0';
    CHECK_EQUAL(program_run(output, "ride --server 127.0.0.1:%d --fingerprint %s --entities 500 --seconds 1", port,
                            fingerprint),
                1);
    check_says("fingerprint");
    fingerprint[0] = 'x';
    CHECK_EQUAL(program_run(output, "ride --server 127.0.0.1:%d --fingerprint %s --entities 500 --seconds 1", port,
                            fingerprint),
                1);
    check_says("fingerprint");
    CHECK_EQUAL(program_stop(pid, SIGTERM), 0);
    folder_remove(folder);
}

TEST(who_has_no_good_token_is_not_let_in)
{
    char folder[PROGRAM_PATH_BYTES], options[2 * PROGRAM_PATH_BYTES], fingerprint[65];
    int port;
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "city --store %s/s --entities 500 --quiet", folder), 0);
    CHECK_EQUAL(program_run(output, "token keys %s/private.pem %s/public.pem", folder, folder), 0);
    snprintf(options, sizeof options, "--token-key %s/public.pem", folder);
    pid_t pid = start_server(folder, options, fingerprint, &port);
    CHECK_EQUAL(program_run(output, "ride --server 127.0.0.1:%d --fingerprint %s --entities 500 --seconds 1", port,
                            fingerprint),
                1);
    check_says("pass its file with --token");
    CHECK_EQUAL(
        program_run(output, "token make --key %s/private.pem --name zoe --world far >%s/far.token", folder, folder), 0);
    CHECK_EQUAL(
        program_run(output,
                    "ride --server 127.0.0.1:%d --fingerprint %s --entities 500 --seconds 1 --token %s/far.token", port,
                    fingerprint, folder),
        1);
    CHECK_EQUAL(
        program_run(output, "token make --key %s/private.pem --name zoe --world city >%s/city.token", folder, folder),
        0);
    CHECK_EQUAL(
        program_run(output,
                    "ride --server 127.0.0.1:%d --fingerprint %s --entities 500 --seconds 1 --token %s/city.token",
                    port, fingerprint, folder),
        0);
    CHECK_EQUAL(program_stop(pid, SIGTERM), 0);
    folder_remove(folder);
}

int main(void)
{
    RUN(help_names_every_command);
    RUN(every_command_has_help);
    RUN(version_is_told);
    RUN(wrong_use_is_told_apart_from_failure);
    RUN(a_missing_store_is_told);
    RUN(an_unknown_scenario_is_told);
    RUN(a_store_is_filled_once);
    RUN(a_full_disk_is_told);
    RUN(inspect_speaks_json);
    RUN(a_damaged_store_is_told);
    RUN(a_server_that_cannot_run_fails);
    RUN(two_servers_of_one_name_are_told);
    RUN(a_wrong_certificate_is_told);
    RUN(who_has_no_good_token_is_not_let_in);
}
