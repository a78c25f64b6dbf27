// Servers that end, in order and not, while riders on another one look on.
#include "check.h"
#include "crowd.h"

#include <signal.h>
#include <sys/wait.h>

// Nobody notices: its groups are handed over.
TEST(a_server_that_is_terminated_hands_over)
{
    crowd c = {0};
    crowd_start(&c, NULL);
    CHECK_EQUAL(program_stop(c.servers[2], SIGTERM), 0);
    crowd_wait_for_owners(&c, 3, OWNER_WITHIN_S + LINE_EVERY_S);
    crowd_check(&c, 4);
    crowd_stop(&c, 3);
}

TEST(a_server_that_is_killed_is_inherited)
{
    crowd c = {0};
    crowd_start(&c, NULL);
    int status = program_stop(c.servers[2], SIGKILL);
    CHECK(WIFSIGNALED(status));
    crowd_wait_for_owners(&c, 3, OWNER_WITHIN_S + LINE_EVERY_S);
    sleep_s(RIGHT_WITHIN_S);
    crowd_check(&c, 4);
    // It comes back under its name, and gets its share.
    crowd_start_server(&c, 2);
    crowd_wait_for_owners(&c, 7, 20);
    sleep_s(RIGHT_WITHIN_S);
    crowd_check(&c, 3);
    crowd_stop(&c, 7);
}

int main(void)
{
    RUN(a_server_that_is_terminated_hands_over);
    RUN(a_server_that_is_killed_is_inherited);
}
