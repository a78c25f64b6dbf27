// Servers on a database, with riders that look on, while one of them, or the database, is killed or stopped. Run by
// scripts/with-fdb.sh or with-mvsqlite.sh.
//
//   test_app_database server|zombie     a server is killed; is stopped until it has lost its lease, and goes on
//   test_app_database pause|kill SECONDS PROCESS...    the database's processes are stopped, or killed, for so long
#include "check.h"
#include "crowd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { RECOVER_S = 60, LEASE_S = 5 };

static void on_process(const char *process, const char *command)
{
    char line[2 * PROGRAM_PATH_BYTES];
    const char *folder = getenv("TL_MVSQLITE_FOLDER");
    folder = folder ? folder : getenv("TL_FDB_FOLDER");
    CHECK(folder);
    snprintf(line, sizeof line, command, folder, process);
    CHECK_EQUAL(system(line), 0);
}

// It may have been between a commit and its acknowledgement, as often as not.
static void a_server_is_killed(crowd *c)
{
    for (int i = 0; i < 3; i++) {
        int status = program_stop(c->servers[2], SIGKILL);
        CHECK(WIFSIGNALED(status));
        crowd_wait_for_owners(c, 3, OWNER_WITHIN_S + LINE_EVERY_S);
        sleep_s(RIGHT_WITHIN_S);
        crowd_check(c, 3);
        crowd_start_server(c, 2);
        crowd_wait_for_owners(c, 7, 20);
    }
}

// It takes itself for an owner still, and the store says otherwise: it begins anew.
static void a_server_goes_on_as_a_zombie(crowd *c)
{
    CHECK_EQUAL(kill(c->servers[2], SIGSTOP), 0);
    crowd_wait_for_owners(c, 3, OWNER_WITHIN_S + LINE_EVERY_S);
    sleep_s(LEASE_S);
    crowd_check(c, 2);
    CHECK_EQUAL(kill(c->servers[2], SIGCONT), 0);
    crowd_check(c, 3);
    crowd_wait_for_owners(c, 7, 20);
}

static void the_database_is_away(crowd *c, int count, char **arguments)
{
    bool kills = strcmp(arguments[1], "kill") == 0;
    for (int i = 3; i < count; i++) {
        on_process(arguments[i], kills ? "kill -KILL $(cat '%s/%s.pid')" : "kill -STOP $(cat '%s/%s.pid')");
    }
    sleep_s(atof(arguments[2]));
    for (int i = 3; i < count; i++) {
        on_process(arguments[i], kills ? "'%s/%s.start'" : "kill -CONT $(cat '%s/%s.pid')");
    }
    crowd_check_once_well(c, 4, RECOVER_S);
}

int main(int count, char **arguments)
{
    const char *uri = getenv("TL_STORE");
    const char *fault = count > 1 ? arguments[1] : "";
    if (!uri) {
        fprintf(stderr, "TL_STORE is not set: run this with scripts/with-fdb.sh or with-mvsqlite.sh\n");
        return 77;
    }
    crowd c = {.forgives_slow_store = true}; // a database that commits slowly is not what this is about
    crowd_start(&c, uri);
    if (strcmp(fault, "server") == 0) {
        a_server_is_killed(&c);
    } else if (strcmp(fault, "zombie") == 0) {
        a_server_goes_on_as_a_zombie(&c);
    } else {
        CHECK(count > 3 && (strcmp(fault, "kill") == 0 || strcmp(fault, "pause") == 0));
        the_database_is_away(&c, count, arguments);
    }
    sleep_s(RIGHT_WITHIN_S);
    crowd_wait_for_owners(&c, 7, OWNER_WITHIN_S);
    crowd_check(&c, 4);
    crowd_stop(&c, 7);
    return 0;
}
