// The store in mvsqlite: the contract, and what is said to who starts it wrongly. Run by scripts/with-mvsqlite.sh.
//
//   test_store_mvsqlite contract|silent|refused|unloaded
//
// `refused` is for an mvstore that makes no namespaces by itself, `unloaded` for a process without mvsqlite's library.
#define _XOPEN_SOURCE 700
#include "contract.h"
#include "database.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

// ---- the contract --------------------------------------------------------------------------------------------------

typedef struct namespace_fixture {
    char uri[1200], copy[1210];
} namespace_fixture;

static void *fixture_create(uint64_t seed)
{
    namespace_fixture *fixture = calloc(1, sizeof(*fixture));
    CHECK(fixture);
    database_make_world(fixture->uri, sizeof(fixture->uri));
    return fixture;
}

static void fixture_destroy(void *world)
{
    free(world);
}

static tl_store *fixture_attach(void *world)
{
    return database_open(((namespace_fixture *)world)->uri, false);
}

// Other namespaces of the same mvstore.
static tl_store *fixture_attach_copy(void *world)
{
    namespace_fixture *fixture = world;
    snprintf(fixture->copy, sizeof(fixture->copy), "%s-c", fixture->uri);
    return database_open(fixture->copy, true);
}

static uint64_t fixture_pass(void *world)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return now(CLOCK_REALTIME);
}

static void fixture_stall(void *world, const char *name, bool stalled)
{
    database_signal("mvstore", stalled ? SIGSTOP : SIGCONT);
}

static void keeps_the_contract(void)
{
    const contract_backend backend = {
        .name = "mvsqlite",
        .create = fixture_create,
        .destroy = fixture_destroy,
        .attach = fixture_attach,
        .attach_copy = fixture_attach_copy,
        .pass = fixture_pass,
        .stall = fixture_stall,
        .steps = 300,
    };
    contract_run(&backend);
}

// ---- silence --------------------------------------------------------------------------------------------------------

static void await_count(seat *s, tl_store_event_type type, size_t events)
{
    for (int tries = 0; seat_count(s, type, 0) < events; tries++) {
        CHECK(tries < 3000);
        uint64_t begun_us = now(CLOCK_MONOTONIC);
        seat_poll(s);
        CHECK(now(CLOCK_MONOTONIC) - begun_us < 500000u); // whatever mvstore does
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

// While mvstore does not answer, nothing waits for it for ever.
TEST(a_silent_mvstore_holds_up_neither_close_nor_open)
{
    char uri[1200], text[256];
    database_make_world(uri, sizeof(uri));
    seat s;
    tl_store *store = NULL;
    seat_open(&s, database_open(uri, false), "alpha");
    await_count(&s, TL_STORE_LOADED, 1);
    database_signal("mvstore", SIGSTOP);
    CHECK_EQUAL(seat_submit(&s, 0, now(CLOCK_REALTIME)), TL_OK);
    await_count(&s, TL_STORE_STALLED, 1);
    uint64_t begun_us = now(CLOCK_MONOTONIC);
    seat_close(&s, true);
    CHECK(now(CLOCK_MONOTONIC) - begun_us < 6000000u);
    begun_us = now(CLOCK_MONOTONIC);
    CHECK_EQUAL(tl_store_open(uri, false, false, &store, text, sizeof(text)), TL_ERR_UNAVAILABLE);
    CHECK(now(CLOCK_MONOTONIC) - begun_us < 25000000u);
    database_signal("mvstore", SIGCONT);
    seat_free(&s);
    seat_open(&s, database_open(uri, false), "alpha"); // what was left behind does no harm
    await_count(&s, TL_STORE_LOADED, 1);
    seat_free(&s);
}

// ---- what is said to who starts it wrongly -------------------------------------------------------------------------

static void refuses(const char *uri, tl_result expected, const char *part)
{
    tl_store *store = NULL;
    char text[256] = "";
    CHECK_EQUAL(tl_store_open(uri, false, false, &store, text, sizeof(text)), expected);
    CHECK(!store);
    if (!strstr(text, part)) {
        fprintf(stderr, "%s\n", text);
    }
    CHECK(strstr(text, part));
}

TEST(addresses_are_checked)
{
    refuses("mvsqlite:", TL_ERR_INVALID, "mvsqlite:http://HOST:PORT/NAME");
    refuses("mvsqlite:test", TL_ERR_INVALID, "mvsqlite:http://HOST:PORT/NAME");
    refuses("mvsqlite:http://127.0.0.1:7000", TL_ERR_INVALID, "mvsqlite:http://HOST:PORT/NAME");
    refuses("mvsqlite:http:///test", TL_ERR_INVALID, "mvsqlite:http://HOST:PORT/NAME");
    refuses("mvsqlite:http://127.0.0.1:7000/a/b", TL_ERR_INVALID, "mvsqlite:http://HOST:PORT/NAME");
    refuses("mvsqlite:ftp://127.0.0.1:7000/test", TL_ERR_INVALID, "mvsqlite:http://HOST:PORT/NAME");
}

TEST(without_the_library_it_says_how_to_load_it)
{
    refuses("mvsqlite:http://127.0.0.1:7000/test", TL_ERR_UNAVAILABLE, "LD_PRELOAD=");
}

TEST(the_library_must_ask_at_the_same_address)
{
    char *plane = strdup(getenv("MVSQLITE_DATA_PLANE"));
    unsetenv("MVSQLITE_DATA_PLANE");
    refuses(getenv("TL_STORE"), TL_ERR_INVALID, "MVSQLITE_DATA_PLANE=http://127.0.0.1:");
    setenv("MVSQLITE_DATA_PLANE", "http://127.0.0.1:1", 1);
    refuses(getenv("TL_STORE"), TL_ERR_INVALID, "MVSQLITE_DATA_PLANE=http://127.0.0.1:");
    refuses("mvsqlite:http://127.0.0.1:1/test", TL_ERR_UNAVAILABLE, "start mvstore");
    setenv("MVSQLITE_DATA_PLANE", plane, 1);
    free(plane);
}

// POST /api/create_namespace at mvstore's other address, as the text says.
static void create_namespace(const char *suffix)
{
    char body[128], request[512], answer[64] = "";
    const char *admin = getenv("TL_MVSQLITE_ADMIN");
    CHECK(admin);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(strrchr(admin, ':') + 1))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(handle >= 0 && connect(handle, (struct sockaddr *)&address, sizeof(address)) == 0);
    snprintf(body, sizeof(body), "{\"key\":\"test%s\"}", suffix);
    int length = snprintf(request, sizeof(request),
                          "POST /api/create_namespace HTTP/1.1\r\nHost: mvstore\r\nConnection: close\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                          strlen(body), body);
    CHECK_EQUAL(write(handle, request, (size_t)length), length);
    CHECK(read(handle, answer, sizeof(answer) - 1) > 0 && strstr(answer, " 201 "));
    close(handle);
}

TEST(without_a_namespace_it_says_how_to_make_it)
{
    const char *uri = getenv("TL_STORE");
    seat s;
    refuses(uri, TL_ERR_NOT_FOUND, "/api/create_namespace");
    create_namespace("-world");
    refuses(uri, TL_ERR_NOT_FOUND, "create the store first");
    tl_store *store = database_open(uri, true);
    tl_world_info info = {.format = TL_STORE_FORMAT, .tick_hz = 20, .created_us = 1};
    CHECK_EQUAL(tl_store_create_world(store, &info), TL_OK);
    tl_store_close(store, false);
    seat_open(&s, database_open(uri, false), "alpha");
    await_count(&s, TL_STORE_FAILED, 1);
    const told *failed = seat_last(&s, TL_STORE_FAILED, 0);
    CHECK_EQUAL(failed->event.result, TL_ERR_NOT_FOUND);
    CHECK(strstr(failed->event.text, "test-log-alpha") && strstr(failed->event.text, "/api/create_namespace"));
    seat_free(&s);
    create_namespace("-log-alpha");
    seat_open(&s, database_open(uri, false), "alpha");
    await_count(&s, TL_STORE_LOADED, 1);
    seat_free(&s);
}

int main(int count, char **arguments)
{
    const char *which = count > 1 ? arguments[1] : "";
    if (strcmp(which, "contract") == 0) {
        keeps_the_contract();
    } else if (strcmp(which, "silent") == 0) {
        RUN(a_silent_mvstore_holds_up_neither_close_nor_open);
    } else if (strcmp(which, "refused") == 0) {
        RUN(addresses_are_checked);
        RUN(the_library_must_ask_at_the_same_address);
        RUN(without_a_namespace_it_says_how_to_make_it);
    } else if (strcmp(which, "unloaded") == 0) {
        RUN(addresses_are_checked);
        RUN(without_the_library_it_says_how_to_load_it);
    } else {
        return 2;
    }
    return 0;
}
