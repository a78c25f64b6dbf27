// tramline token: keys, tokens, and what a token grants.
#include "check.h"
#include "program.h"

#include <sys/stat.h>
#include <unistd.h>

static char output[PROGRAM_OUTPUT_BYTES];

TEST(a_token_grants_what_it_was_made_for)
{
    char folder[PROGRAM_PATH_BYTES], path[2 * PROGRAM_PATH_BYTES];
    struct stat status;
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "token keys %s/private.pem %s/public.pem", folder, folder), 0);
    snprintf(path, sizeof path, "%s/private.pem", folder);
    CHECK_EQUAL(stat(path, &status), 0);
    CHECK_EQUAL(status.st_mode & 0777, 0600);
    CHECK_EQUAL(
        program_run(output,
                    "token make --key %s/private.pem --name alice --hours 2 --world city --kbit 300 --read-only "
                    ">%s/token",
                    folder, folder),
        0);
    CHECK_EQUAL(program_run(output, "token show --key %s/public.pem %s/token", folder, folder), 0);
    json_t *shown = json_loads(output, 0, NULL);
    CHECK(strcmp(json_string_value(json_object_get(shown, "name")), "alice") == 0);
    CHECK(strcmp(json_string_value(json_object_get(shown, "world")), "city") == 0);
    CHECK_EQUAL(number_of(shown, "kbit_s_max"), 300);
    CHECK(json_is_false(json_object_get(shown, "write")));
    json_decref(shown);
    folder_remove(folder);
}

TEST(keys_are_never_overwritten)
{
    char folder[PROGRAM_PATH_BYTES];
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "token keys %s/private.pem %s/public.pem", folder, folder), 0);
    CHECK_EQUAL(program_run(output, "token keys %s/private.pem %s/other.pem", folder, folder), 1);
    CHECK(strstr(output, "never overwritten"));
    folder_remove(folder);
}

TEST(anothers_token_is_not_good)
{
    char folder[PROGRAM_PATH_BYTES];
    folder_make(folder);
    CHECK_EQUAL(program_run(output, "token keys %s/a.pem %s/a.public.pem", folder, folder), 0);
    CHECK_EQUAL(program_run(output, "token keys %s/b.pem %s/b.public.pem", folder, folder), 0);
    CHECK_EQUAL(program_run(output, "token make --key %s/a.pem --name alice >%s/token", folder, folder), 0);
    CHECK_EQUAL(program_run(output, "token show --key %s/b.public.pem %s/token", folder, folder), 1);
    CHECK(strstr(output, "not valid"));
    CHECK_EQUAL(program_run(output, "token show --key %s/a.public.pem /dev/null", folder), 1);
    CHECK_EQUAL(program_run(output, "token make --key %s/a.public.pem --name alice", folder), 1);
    CHECK_EQUAL(program_run(output, "token make --key %s/a.pem --name 'a b'", folder), 64);
    CHECK(strstr(output, "1 to 31 letters"));
    folder_remove(folder);
}

int main(void)
{
    RUN(a_token_grants_what_it_was_made_for);
    RUN(keys_are_never_overwritten);
    RUN(anothers_token_is_not_good);
}
