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
    {"demo", command_demo, "Run a city, three servers and three riders, and measure them"},
    {"serve", command_serve, "Run a server on a store"},
    {"ride", command_ride, "Run a rider: a client that checks everything it sees"},
    {"city", command_city, "Populate a store with a city or another scenario"},
    {"token", command_token, "Make keys, and tokens for clients"},
    {"inspect", command_inspect, "List what is in a store, and check that it is sound"},
    {"copy", command_copy, "Copy a world to another store, and check the copy"},
    {"version", command_version, "Print the version"},
};

static void print_help(FILE *out)
{
    fprintf(out, "Usage: tramline COMMAND [OPTION...]\n"
                 "Keep 100'000 moving entities in step between servers and players.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
    }
    fprintf(out, "\nSee 'tramline COMMAND --help' and 'man tramline'.\n");
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
