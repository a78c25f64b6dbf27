// A client that connects anew waits for no name server: whoever asks one on its thread after it was opened is found
// out.
#include "fixture.h"

#include <netdb.h>

static int asked;
static bool dead; // no name server answers: only numbers are known

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
    asked++;
    return dead && strcmp(host, "127.0.0.1") != 0 ? EAI_AGAIN : __real_getaddrinfo(host, service, hints, out);
}

TEST(names_are_looked_up_when_it_is_opened)
{
    static char fingerprint[65], address[64];
    watcher server = server_open(), client = {0};
    tl_dtls_server_get_fingerprint(server.transport, fingerprint);
    snprintf(address, sizeof address, "localhost:%u", tl_dtls_server_get_port(server.transport));
    tl_dtls_client_def def = tl_dtls_client_def_default();
    def.address = address, def.fingerprint = fingerprint;
    asked = 0;
    CHECK_EQUAL(tl_dtls_failover_open(&def, 1, &client.transport, NULL, 0), TL_OK);
    CHECK_EQUAL(asked, 1);
    dead = true;
    for (uint32_t i = 1; i <= 3; i++) {
        WATCH_UNTIL(&server, &client, server.connected == i && client.connected == i);
        CHECK_EQUAL(tl_transport_reconnect(client.transport, TL_RECONNECT_SAME), TL_OK);
    }
    CHECK_EQUAL(asked, 1);
    watcher_close(&client);
    watcher_close(&server);
}

// A name that nobody knew when it was opened is asked for beside the attempts.
TEST(names_that_come_late_are_found)
{
    static char fingerprint[65], address[64], late[64];
    watcher server = server_open(), client = {0};
    tl_dtls_server_get_fingerprint(server.transport, fingerprint);
    uint16_t deaf_port;
    int deaf = udp_socket_on_loopback(&deaf_port);
    snprintf(address, sizeof address, "127.0.0.1:%u", deaf_port);
    snprintf(late, sizeof late, "localhost:%u", tl_dtls_server_get_port(server.transport));
    tl_dtls_client_def defs[2] = {tl_dtls_client_def_default(), tl_dtls_client_def_default()};
    defs[0].address = late, defs[1].address = address;
    defs[0].fingerprint = defs[1].fingerprint = fingerprint;
    dead = true;
    char text[256];
    CHECK_EQUAL(tl_dtls_failover_open(defs, 1, &client.transport, text, sizeof text), TL_ERR_NOT_FOUND);
    CHECK_EQUAL(tl_dtls_failover_open(defs, 2, &client.transport, text, sizeof text), TL_OK);
    // what the C library itself asks is answered
    WATCH_UNTIL(&server, &client, server.connected == 1 && client.connected == 1);
    CHECK_EQUAL(tl_failover_get_server(client.transport), 0);
    close(deaf);
    watcher_close(&client);
    watcher_close(&server);
}

int main(void)
{
    folder_create();
    RUN(names_are_looked_up_when_it_is_opened);
    RUN(names_that_come_late_are_found);
    folder_remove();
    return 0;
}
