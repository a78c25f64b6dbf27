// Attacks a server: attack --server HOST:PORT [--from ADDRESS] [--seconds N] [--fingerprint HEX] MODE
// The fingerprint is taken and not needed: an attacker does not care whom he talks to.
#include "attack.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
    const char *name;
    void (*run)(attack *a);
    const char *what;
} modes[] = {
    {"junk", attack_junk, "4 connected peers send junk at full rate"},
    {"hello", attack_hellos, "2 peers repeat a hello with a wrong token"},
    {"silent", attack_silent, "3'000 peers never say hello and keep sending"},
    {"ports", attack_ports, "270 ports stop in the middle of their handshakes"},
    {"cookies", attack_cookies, "ClientHellos without a cookie, at full rate"},
    {"noise", attack_noise, "datagrams of no connection, at full rate"},
};

static int usage(void)
{
    fprintf(stderr, "attack --server HOST:PORT [--from ADDRESS] [--seconds N] [--fingerprint HEX] MODE\n");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) fprintf(stderr, "  %-8s %s\n", modes[i].name, modes[i].what);
    return 64;
}

static bool parse_server(const char *text, struct sockaddr_in *out)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    out->sin_family = AF_INET;
    out->sin_port = htons((uint16_t)atoi(colon + 1));
    return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"server", required_argument, NULL, 's'}, {"fingerprint", required_argument, NULL, 'f'},
                                            {"from", required_argument, NULL, 'a'}, {"seconds", required_argument, NULL, 'T'}, {0}};
    attack a = {.from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, .random = 1};
    double seconds = 10;
    bool good = true;
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (key == 's') good &= parse_server(optarg, &a.server);
        else if (key == 'a') good &= inet_pton(AF_INET, optarg, &a.from.sin_addr) == 1;
        else if (key == 'T') seconds = atof(optarg);
        else good &= key == 'f';
    }
    if (!good || a.server.sin_port == 0 || optind != argc - 1) return usage();
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    a.context = SSL_CTX_new(DTLS_client_method());
    a.until_s = attack_now_s() + seconds;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, argv[optind]) != 0) continue;
        modes[i].run(&a);
        printf("%s: sent %llu, connected or answered %llu, closed by the server %llu\n", modes[i].name, (unsigned long long)a.sent,
               (unsigned long long)a.connected, (unsigned long long)a.closed);
        SSL_CTX_free(a.context);
        return 0;
    }
    SSL_CTX_free(a.context);
    return usage();
}
