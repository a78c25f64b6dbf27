// Attacks a server: attack --server HOST:PORT [--server …] [--key FILE] [--from ADDRESS] [--seconds N] [--fingerprint
// HEX] MODE The fingerprint is taken and not needed: an attacker does not care whom he talks to. With the private key
// he signs the tokens of as many names as the attack wants: each stands for somebody who has bought the game.
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
    {"bloat", attack_bloat, "64 handshakes that send what comes too early, so that it is kept"},
    {"kill", attack_kill, "4 clients say of what they own what once killed servers, and whatever else is well-formed"},
    {"create", attack_create, "24 clients create as fast as they may, and come again under other names"},
    {"teleport", attack_teleport, "10 clients look from elsewhere each tick; 10 more connect anew each second"},
    {"carriers", attack_carriers, "8 clients board and leave carriers, near, far, unknown and in circles"},
    {"nack", attack_nack, "12 clients acknowledge nothing, the future, or what they please, and nack all"},
    {"twins", attack_twins, "12 connections to all servers under 3 names, which take each other's entities"},
    {"pipe", attack_lines, "clients come and go, so that servers log it"},
};

static int usage(void)
{
    fprintf(stderr, "attack --server HOST:PORT [--server ...] [--key FILE] [--from ADDRESS] [--seconds N] "
                    "[--fingerprint HEX] MODE\n");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        fprintf(stderr, "  %-8s %s\n", modes[i].name, modes[i].what);
    }
    return 64;
}

static bool parse_server(const char *text, struct sockaddr_in *out)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host) {
        return false;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    out->sin_family = AF_INET;
    out->sin_port = htons((uint16_t)atoi(colon + 1));
    return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"server", required_argument, NULL, 's'},      {"key", required_argument, NULL, 'k'},
        {"fingerprint", required_argument, NULL, 'f'}, {"from", required_argument, NULL, 'a'},
        {"seconds", required_argument, NULL, 'T'},     {0}};
    attack a = {.from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, .random = 1};
    double seconds = 10;
    bool good = true;
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (key == 's') {
            good &= a.server_count < SERVERS_MAX && parse_server(optarg, &a.servers[a.server_count++]);
        } else if (key == 'k') {
            a.key_file = optarg;
        } else if (key == 'a') {
            good &= inet_pton(AF_INET, optarg, &a.from.sin_addr) == 1;
        } else if (key == 'T') {
            seconds = atof(optarg);
        } else {
            good &= key == 'f';
        }
    }
    if (!good || a.server_count == 0 || optind != argc - 1) {
        return usage();
    }
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max, setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    a.context = SSL_CTX_new(DTLS_client_method());
    a.until_s = attack_now_s() + seconds;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i].name, argv[optind]) != 0) {
            continue;
        }
        modes[i].run(&a);
        printf("%s: sent %llu, connected or answered %llu, closed by the server %llu\n", modes[i].name,
               (unsigned long long)a.sent, (unsigned long long)a.connected, (unsigned long long)a.closed);
        if (a.said) {
            printf("%s: said %llu, done %llu, refused %llu, put out %llu\n", modes[i].name, (unsigned long long)a.said,
                   (unsigned long long)a.done, (unsigned long long)a.refused, (unsigned long long)a.ended);
        }
        SSL_CTX_free(a.context);
        return a.said >= a.said_min ? 0 : 1; // nobody was attacked
    }
    SSL_CTX_free(a.context);
    return usage();
}
