// The program `tramline`: finds the command and runs it.
#include "app/command.h"

#include "tramline/types.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} command;

static int command_version(int argc, char **argv)
{
    static const struct argp argp = {.doc = "Print the version."};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    printf("tramline %s\n", TL_VERSION_STRING);
    return EXIT_SOUND;
}

static const command commands[] = {
    {"demo", command_demo, "The city, three servers and three riders, measured"},
    {"serve", command_serve, "A server on a store"},
    {"ride", command_ride, "A rider: a client that checks all that it sees"},
    {"city", command_city, "Fill a store with a city or another scenario"},
    {"token", command_token, "Keys, and tokens for clients"},
    {"inspect", command_inspect, "What is in a store, and whether it is sound"},
    {"copy", command_copy, "A world from one store into another, whole and checked"},
    {"version", command_version, "The version"},
};

static void print_help(FILE *out)
{
    fprintf(out, "Usage: tramline COMMAND [OPTION...]\n"
                 "Keep 100'000 moving entities in step between servers and players.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
    }
    fprintf(out, "\n'tramline COMMAND --help' says more; so does 'man tramline'.\n");
}

static int run(const command *c, int argc, char **argv)
{
    char name[64];
    snprintf(name, sizeof name, "tramline %s", c->name);
    argv[0] = name;
    return c->run(argc, argv);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-?") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return EXIT_SOUND;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    argp_err_exit_status = EXIT_WRONG;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return run(&commands[i], argc - 1, argv + 1);
        }
    }
    if (name[0]) {
        fprintf(stderr, "tramline: there is no command '%s'\n\n", name);
    }
    print_help(stderr);
    return EXIT_WRONG;
}
