// UDP with DTLS: many clients, who is trusted, limits, what errors say, another implementation's client.
#include "authority.h"
#include "fixture.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

TEST(two_hundred_clients)
{
    enum { CLIENTS = 200, ROUNDS = 5 };
    static watcher clients[CLIENTS];
    tl_dtls_server_def def = server_def();
    // all have one address
    def.address_handshakes_max = def.address_handshakes_per_s = def.address_datagrams_per_s = 10000;
    watcher server = server_open_with(def);
    server.echo = true;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_open(&server);
    }
    uint32_t echoed = 0, connected = 0;
    for (uint64_t end_us = clock_us() + 60000000; echoed < CLIENTS * ROUNDS;) {
        CHECK(clock_us() < end_us);
        echoed = connected = 0;
        for (int i = 0; i < CLIENTS; i++) {
            watcher *c = &clients[i];
            uint32_t before = c->datagrams + c->connected;
            watch(c, clock_us());
            CHECK_EQUAL(c->closed, 0);
            if (c->datagrams + c->connected != before && c->datagrams < ROUNDS) {
                tl_transport_send(c->transport, 1, &i, sizeof i);
            }
            if (c->datagrams > 0) {
                CHECK(memcmp(c->data, &i, sizeof i) == 0);
            }
            echoed += c->datagrams;
            connected += c->connected;
        }
        watch(&server, clock_us());
    }
    CHECK_EQUAL(server.connected, CLIENTS);
    CHECK_EQUAL(connected, CLIENTS);
    CHECK_EQUAL(server.transport->stats.handshakes_failed, 0);
    for (int i = 0; i < CLIENTS; i++) {
        watcher_close(&clients[i]);
    }
    WATCH_UNTIL(&server, &server, server.closed == CLIENTS);
    watcher_close(&server);
}

TEST(peer_address)
{
    char address[64];
    watcher server = server_open(), client = client_open(&server);
    WATCH_UNTIL(&server, &client, server.connected && client.connected);
    tl_dtls_server_get_peer_address(server.transport, server.peer, address);
    CHECK(strncmp(address, "127.0.0.1:", 10) == 0);
    tl_dtls_server_get_peer_address(server.transport, server.peer + 1, address);
    CHECK(address[0] == 0);
    CHECK(tl_transport_wait_fd(server.transport) >= 0);
    struct pollfd fd = {.fd = tl_transport_wait_fd(server.transport), .events = POLLIN};
    CHECK_EQUAL(poll(&fd, 1, 0), 0);
    CHECK_EQUAL(tl_transport_send(client.transport, 1, "x", 1), TL_OK);
    tl_transport_flush(client.transport);
    CHECK_EQUAL(poll(&fd, 1, 1000), 1);
    watcher_close(&client);
    watcher_close(&server);
}

static void check_connects(const char *server_address, const char *client_address)
{
    tl_dtls_server_def def = server_def();
    tl_dtls_client_def client_def = tl_dtls_client_def_default();
    char address[64];
    def.address = server_address;
    watcher server = server_open_with(def);
    snprintf(address, sizeof address, "%s:%u", client_address, tl_dtls_server_get_port(server.transport));
    client_def.address = address;
    watcher client = client_open_with(client_def, &server, 0);
    WATCH_UNTIL(&server, &client, server.connected && client.connected);
    bool v4 = !strchr(client_address, ':');
    uint64_t before = server.transport->stats.wire_bytes_sent;
    CHECK_EQUAL(tl_transport_send(server.transport, server.peer, "0123456789", 10), TL_OK);
    WATCH_UNTIL(&server, &client, client.datagrams == 1);
    CHECK_EQUAL(server.transport->stats.wire_bytes_sent - before, 10 + 37 + (v4 ? 28 : 48));
    watcher_close(&client);
    watcher_close(&server);
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

TEST(both_families)
{
    check_connects("127.0.0.1:0", "127.0.0.1");
    check_connects("0.0.0.0:0", "localhost");
    if (!has_ipv6()) {
        printf("  skipped: no IPv6 here\n");
        return;
    }
    check_connects("[::1]:0", "[::1]");
    check_connects("[::]:0", "[::1]");
    check_connects("[::]:0", "127.0.0.1");
}

// ---- trust ----------------------------------------------------------------------------------------------------------

static void check_refused(tl_dtls_client_def def, const watcher *server, const char *reason)
{
    watcher client = client_open_with(def, server, tl_dtls_server_get_port(server->transport));
    watcher s = *server;
    WATCH_UNTIL(&s, &client, client.closed == 1);
    CHECK_EQUAL(client.result, TL_ERR_DENIED);
    if (!strstr(client.text, reason)) {
        fprintf(stderr, "'%s' has no '%s'\n", client.text, reason);
    }
    CHECK(strstr(client.text, reason));
    CHECK_EQUAL(client.connected + s.connected, 0);
    watcher_close(&client);
}

TEST(wrong_fingerprint)
{
    char fingerprint[65];
    tl_dtls_client_def def = tl_dtls_client_def_default();
    watcher server = server_open();
    tl_dtls_server_get_fingerprint(server.transport, fingerprint);
    fingerprint[63] = fingerprint[63] == '0' ? '1' : '0';
    def.fingerprint = fingerprint;
    check_refused(def, &server, "fingerprint");
    WATCH_UNTIL(&server, &server, server.transport->stats.handshakes_failed == 1); // the client said why
    watcher_close(&server);
}

TEST(fingerprint_forms)
{
    char plain[65], colons[96], *out = colons;
    tl_dtls_client_def def = tl_dtls_client_def_default();
    watcher server = server_open();
    tl_dtls_server_get_fingerprint(server.transport, plain);
    for (int i = 0; i < 64; i += 2) {
        out += sprintf(out, "%s%c%c", i ? ":" : "", toupper(plain[i]), plain[i + 1]);
    }
    def.fingerprint = colons;
    watcher client = client_open_with(def, &server, tl_dtls_server_get_port(server.transport));
    WATCH_UNTIL(&server, &client, client.connected);
    watcher_close(&client);
    watcher_close(&server);
}

static watcher authority_server(const char *prefix, const char *name, long from_s, long to_s)
{
    static char certificate[96], key[96];
    authority_create(prefix, name, from_s, to_s);
    tl_dtls_server_def def = server_def();
    snprintf(certificate, sizeof certificate, "%s/%s.crt", folder, prefix);
    snprintf(key, sizeof key, "%s/%s.key", folder, prefix);
    def.certificate_file = certificate;
    def.key_file = key;
    def.self_signed = false;
    return server_open_with(def);
}

TEST(authority)
{
    char address[64], fingerprint[65];
    tl_dtls_client_def def = tl_dtls_client_def_default();
    watcher server = authority_server("good", "DNS:localhost", -3600, 3600);
    snprintf(address, sizeof address, "localhost:%u", tl_dtls_server_get_port(server.transport));
    def.address = address;
    def.ca_file = path_in_folder("goodca.crt");
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher client = client_open_with(def, &server, 0);
    WATCH_UNTIL(&server, &client, client.connected && server.connected);
    watcher_close(&client);
    tl_dtls_client_def by_relay = def; // the long chain is cut to the datagrams' size
    char relay_address[64];
    snprintf(relay_address, sizeof relay_address, "localhost:%u", r->port);
    by_relay.address = relay_address;
    client = client_open_with(by_relay, &server, 0);
    RELAY_UNTIL(r, &server, &client, client.connected && server.connected == 2);
    CHECK(r->size_max > 1000 && r->size_max <= 1200);
    watcher_close(&client);
    relay_close(r);
    tl_dtls_server_get_fingerprint(server.transport, fingerprint);
    def.fingerprint = fingerprint; // both hold
    client = client_open_with(def, &server, 0);
    WATCH_UNTIL(&server, &client, client.connected);
    watcher_close(&client);
    watcher plain = server;
    plain.connected = 0;
    def.fingerprint = "0000000000000000000000000000000000000000000000000000000000000000";
    check_refused(def, &plain, "fingerprint"); // both must hold
    def.fingerprint = NULL;
    def.address = NULL; // 127.0.0.1, which the certificate does not name
    check_refused(def, &plain, "refused");
    watcher_close(&server);
}

TEST(other_authorities)
{
    char address[64];
    tl_dtls_client_def def = tl_dtls_client_def_default();
    watcher server = authority_server("other", "DNS:localhost", -3600, 3600);
    snprintf(address, sizeof address, "localhost:%u", tl_dtls_server_get_port(server.transport));
    def.address = address;
    def.ca_file = path_in_folder("goodca.crt");
    check_refused(def, &server, "refused");
    watcher_close(&server);
    server = authority_server("old", "DNS:localhost", -7200, -3600);
    snprintf(address, sizeof address, "localhost:%u", tl_dtls_server_get_port(server.transport));
    def.ca_file = path_in_folder("oldca.crt");
    check_refused(def, &server, "expired");
    watcher_close(&server);
    server = authority_server("ip", "IP:127.0.0.1", -3600, 3600);
    def.ca_file = path_in_folder("ipca.crt");
    def.address = NULL;
    watcher client = client_open_with(def, &server, tl_dtls_server_get_port(server.transport));
    WATCH_UNTIL(&server, &client, client.connected);
    watcher_close(&client);
    watcher_close(&server);
}

// ---- limits ---------------------------------------------------------------------------------------------------------

TEST(peers_max)
{
    tl_dtls_server_def def = server_def();
    def.peers_max = 2;
    watcher server = server_open_with(def), clients[3];
    for (int i = 0; i < 2; i++) {
        clients[i] = client_open(&server);
        WATCH_UNTIL(&server, &clients[i], clients[i].connected);
    }
    clients[2] = client_open(&server);
    WATCH_UNTIL(&server, &clients[2], clients[2].closed == 1);
    CHECK_EQUAL(clients[2].result, TL_ERR_FULL);
    CHECK(strstr(clients[2].text, "full"));
    CHECK(server.transport->stats.dropped_full > 0);
    CHECK_EQUAL(server.connected, 2);
    watcher_close(&clients[2]);
    watcher_close(&clients[0]);
    WATCH_UNTIL(&server, &clients[1], server.closed == 1);
    clients[2] = client_open(&server);
    WATCH_UNTIL(&server, &clients[2], clients[2].connected);
    watcher_close(&clients[1]);
    watcher_close(&clients[2]);
    watcher_close(&server);
}

// One handshake is stuck; another must wait until it is given up.
TEST(handshakes_max)
{
    tl_dtls_server_def def = server_def();
    def.handshakes_max = 1;
    watcher server = server_open_with(def);
    relay *r = relay_open(tl_dtls_server_get_port(server.transport), 1);
    watcher stuck = client_open_with(tl_dtls_client_def_default(), &server, r->port);
    RELAY_UNTIL(r, &server, &stuck, r->log_count == 2);
    tl_dtls_client_def patient = tl_dtls_client_def_default();
    patient.handshake_ms_max = 10000;
    watcher client = client_open_with(patient, &server, tl_dtls_server_get_port(server.transport));
    watch_for(&server, &client, 600);
    CHECK_EQUAL(server.connected, 0);
    CHECK(server.transport->stats.dropped_full > 0);
    watch(&server, clock_us() + 10000000);
    CHECK_EQUAL(server.transport->stats.handshakes_failed, 1);
    WATCH_UNTIL(&server, &client, client.connected);
    watcher_close(&client);
    watcher_close(&stuck);
    relay_close(r);
    watcher_close(&server);
}

TEST(nobody_answers)
{
    uint16_t port;
    int deaf = udp_socket_on_loopback(&port);
    watcher server = server_open();
    tl_dtls_client_def def = tl_dtls_client_def_default();
    def.handshake_ms_max = 300;
    watcher client = client_open_with(def, &server, port);
    WATCH_UNTIL(&server, &client, client.closed == 1);
    CHECK_EQUAL(client.result, TL_ERR_UNAVAILABLE);
    CHECK(strstr(client.text, "300 ms"));
    watcher_close(&client);
    close(deaf);
    bool told = false; // the system may hold back its answer when it gave many others
    for (int tries = 0; tries < 10 && !told; tries++) {
        client = client_open_with(def, &server, port);
        WATCH_UNTIL(&server, &client, client.closed == 1);
        told = strstr(client.text, "nothing listens there");
        watcher_close(&client);
    }
    CHECK(told);
    watcher_close(&server);
}

// ---- errors when opening --------------------------------------------------------------------------------------------

static void check_server_error(tl_dtls_server_def def, tl_result expected, const char *part)
{
    tl_transport *transport = NULL;
    char text[256] = "";
    tl_result result = tl_dtls_server_open(&def, &transport, text, sizeof text);
    if (result != expected || !strstr(text, part)) {
        fprintf(stderr, "%d, '%s' has no '%s'\n", (int)result, text, part);
    }
    CHECK_EQUAL(result, expected);
    CHECK(strstr(text, part));
    CHECK(transport == NULL);
    CHECK_EQUAL(tl_dtls_server_open(&def, &transport, NULL, 0), expected);
}

static void check_client_error(tl_dtls_client_def def, tl_result expected, const char *part)
{
    tl_transport *transport = NULL;
    char text[256] = "";
    tl_result result = tl_dtls_client_open(&def, &transport, text, sizeof text);
    if (result != expected || !strstr(text, part)) {
        fprintf(stderr, "%d, '%s' has no '%s'\n", (int)result, text, part);
    }
    CHECK_EQUAL(result, expected);
    CHECK(strstr(text, part));
    CHECK(transport == NULL);
}

TEST(bad_addresses)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:x",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:123456789012",
                                      "::1:7777",
                                      "[::1]",
                                      "[::1:7777",
                                      "[]:7777",
                                      ":7777",
                                      "127.0.0.1:7777 "};
    tl_dtls_server_def server = server_def();
    tl_dtls_client_def client = tl_dtls_client_def_default();
    client.fingerprint = "0000000000000000000000000000000000000000000000000000000000000000";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        server.address = client.address = bad[i];
        check_server_error(server, TL_ERR_INVALID, "host:port");
        check_client_error(client, TL_ERR_INVALID, "host:port");
    }
    server.address = client.address = NULL;
    check_server_error(server, TL_ERR_INVALID, "no address");
    check_client_error(client, TL_ERR_INVALID, "no address");
    client.address = "127.0.0.1:0";
    check_client_error(client, TL_ERR_INVALID, "port");
    server.address = client.address = "name.invalid:7777";
    check_server_error(server, TL_ERR_NOT_FOUND, "name.invalid");
    check_client_error(client, TL_ERR_NOT_FOUND, "name.invalid");
    server.address = "192.0.2.1:7777"; // TEST-NET-1: nobody has it
    check_server_error(server, TL_ERR_INVALID, "not an address of this machine");
}

TEST(address_in_use)
{
    char address[64];
    tl_dtls_server_def def = server_def();
    watcher server = server_open();
    snprintf(address, sizeof address, "127.0.0.1:%u", tl_dtls_server_get_port(server.transport));
    def.address = address;
    check_server_error(def, TL_ERR_EXISTS, "in use");
    watcher_close(&server);
}

TEST(definitions_out_of_range)
{
    tl_dtls_server_def def = server_def();
    def.peers_max = 0;
    check_server_error(def, TL_ERR_INVALID, "peers_max");
    def = server_def();
    def.handshakes_max = 0;
    check_server_error(def, TL_ERR_INVALID, "handshakes_max");
    def = server_def();
    def.silence_ms_max = 0;
    check_server_error(def, TL_ERR_INVALID, "silence_ms_max");
    def = server_def();
    def.key_file = NULL;
    check_server_error(def, TL_ERR_INVALID, "key_file");
    tl_dtls_client_def client = tl_dtls_client_def_default();
    client.address = "127.0.0.1:7777";
    check_client_error(client, TL_ERR_INVALID, "neither fingerprint nor ca_file");
    client.fingerprint = "00";
    check_client_error(client, TL_ERR_INVALID, "no fingerprint");
    client.fingerprint = "000000000000000000000000000000000000000000000000000000000000000g";
    check_client_error(client, TL_ERR_INVALID, "no fingerprint");
    client.fingerprint = NULL;
    client.ca_file = path_in_folder("none.crt");
    check_client_error(client, TL_ERR_NOT_FOUND, "none.crt");
    file_write(path_in_folder("junk.crt"), "junk", 4);
    client.ca_file = path_in_folder("junk.crt");
    check_client_error(client, TL_ERR_MALFORMED, "junk.crt");
}

// ---- certificates and keys ------------------------------------------------------------------------------------------

static tl_dtls_server_def def_with(const char *certificate, const char *key)
{
    static char paths[2][160];
    tl_dtls_server_def def = server_def();
    snprintf(paths[0], sizeof paths[0], "%s/%s", folder, certificate);
    snprintf(paths[1], sizeof paths[1], "%s/%s", folder, key);
    def.certificate_file = paths[0];
    def.key_file = paths[1];
    return def;
}

TEST(self_signed)
{
    char first[65], second[65];
    struct stat status;
    tl_dtls_server_def def = def_with("new.crt", "new.key");
    def.self_signed = false;
    check_server_error(def, TL_ERR_NOT_FOUND, "new.crt");
    def.self_signed = true;
    watcher server = server_open_with(def);
    tl_dtls_server_get_fingerprint(server.transport, first);
    watcher_close(&server);
    CHECK(strlen(first) == 64);
    CHECK(stat(def.key_file, &status) == 0 && (status.st_mode & 0777) == 0600);
    server = server_open_with(def); // the same files
    tl_dtls_server_get_fingerprint(server.transport, second);
    watcher_close(&server);
    CHECK(strcmp(first, second) == 0);
    unlink(def.certificate_file);
    check_server_error(def, TL_ERR_NOT_FOUND, "is missing");
    CHECK(stat(def.key_file, &status) == 0); // not made anew
    def = def_with("nowhere/new.crt", "nowhere/new.key");
    check_server_error(def, TL_ERR_NOT_FOUND, "folder");
}

static void copy_cut(const char *from, const char *to, size_t bytes)
{
    char data[8192];
    FILE *file = fopen(path_in_folder(from), "rb");
    CHECK(file);
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    file_write(path_in_folder(to), data, size < bytes ? size : bytes);
}

TEST(bad_pem_files)
{
    watcher a = server_open_with(def_with("a.crt", "a.key")), b = server_open_with(def_with("b.crt", "b.key"));
    watcher_close(&a);
    watcher_close(&b);
    check_server_error(def_with("a.crt", "b.key"), TL_ERR_MALFORMED, "does not belong");
    check_server_error(def_with("a.key", "a.crt"), TL_ERR_MALFORMED, "no usable certificate");
    check_server_error(def_with("a.crt", "b.crt"), TL_ERR_MALFORMED, "no private key");
    file_write(path_in_folder("junk.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 58);
    check_server_error(def_with("junk.pem", "a.key"), TL_ERR_MALFORMED, "no usable certificate");
    check_server_error(def_with("a.crt", "junk.pem"), TL_ERR_MALFORMED, "no private key");
    file_write(path_in_folder("empty"), "", 0);
    check_server_error(def_with("empty", "a.key"), TL_ERR_MALFORMED, "no usable certificate");
    check_server_error(def_with("a.crt", "empty"), TL_ERR_MALFORMED, "no private key");
    check_server_error(def_with(".", "a.key"), TL_ERR_IO, "cannot be read");
    for (size_t bytes = 0; bytes < 200; bytes += 20) {
        copy_cut("a.key", "cut.key", bytes);
        check_server_error(def_with("a.crt", "cut.key"), TL_ERR_MALFORMED, "no private key");
    }
    FILE *file = fopen(path_in_folder("locked.key"), "w");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL) == 1);
    fclose(file);
    EVP_PKEY_free(key);
    check_server_error(def_with("a.crt", "locked.key"), TL_ERR_MALFORMED, "pass phrase");
}

// ---- another implementation -----------------------------------------------------------------------------------------

typedef struct child {
    pid_t pid;
    int in, out;
} child;

static child s_client_start(uint16_t port, const char *cipher)
{
    int in[2], out[2];
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    CHECK(pipe(in) == 0 && pipe(out) == 0);
    child c = {fork(), in[1], out[0]};
    CHECK(c.pid >= 0);
    if (c.pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int fd = 3; fd < 64; fd++) {
            close(fd);
        }
        execlp("openssl", "openssl", "s_client", "-dtls1_2", "-quiet", "-cipher", cipher, "-connect", address,
               (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    return c;
}

// Several lines both ways, and a farewell.
static void check_openssl_command(const char *cipher)
{
    char answer[64] = "";
    watcher server = server_open();
    server.echo = true;
    child c = s_client_start(tl_dtls_server_get_port(server.transport), cipher);
    WATCH_UNTIL(&server, &server, server.connected == 1);
    for (uint32_t i = 1; i <= 5; i++) {
        CHECK(write(c.in, "from afar\n", 10) == 10);
        WATCH_UNTIL(&server, &server, server.datagrams == i);
        CHECK(server.size == 10 && memcmp(server.data, "from afar\n", 10) == 0);
        CHECK(read(c.out, answer, sizeof answer) == 10 && memcmp(answer, "from afar\n", 10) == 0);
    }
    tl_transport_drop(server.transport, server.peer);
    tl_transport_flush(server.transport);
    CHECK(read(c.out, answer, sizeof answer) == 0); // it has understood the farewell
    close(c.in);
    close(c.out);
    waitpid(c.pid, NULL, 0);
    watcher_close(&server);
}

TEST(openssl_command)
{
    if (system("openssl version >/dev/null 2>&1") != 0) {
        printf("  skipped: there is no openssl command here\n");
        return;
    }
    check_openssl_command("ECDHE-ECDSA-AES128-GCM-SHA256");
    check_openssl_command("ECDHE-ECDSA-CHACHA20-POLY1305");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    folder_create();
    RUN(two_hundred_clients);
    RUN(peer_address);
    RUN(both_families);
    RUN(wrong_fingerprint);
    RUN(fingerprint_forms);
    RUN(authority);
    RUN(other_authorities);
    RUN(peers_max);
    RUN(handshakes_max);
    RUN(nobody_answers);
    RUN(bad_addresses);
    RUN(address_in_use);
    RUN(definitions_out_of_range);
    RUN(self_signed);
    RUN(bad_pem_files);
    RUN(openssl_command);
    folder_remove();
    return 0;
}
