// tramline token: keys, and tokens for clients.
#include "tramline/token.h"

#include "app/command.h"
#include "app/name.h"
#include "app/number.h"
#include "base/os/clock.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_LEVEL = 256, OPTION_READ_ONLY, OPTION_OWN, OPTION_CREATED };

typedef struct token_options {
    const char *action, *arguments[2];
    int argument_count;
    const char *key_file, *name, *world;
    double hours;
    tl_grant grant;
} token_options;

static const struct argp_option options[] = {
    {"key", 'k', "FILE", 0, "make: the private key; show: the public key (required)", 1},
    {"name", 'N', "NAME", 0, "make: the client's name (required)", 1},
    {"hours", 'H', "NUMBER", 0, "make: the token expires after NUMBER hours (default 24)", 1},
    {"world", 'w', "NAME", 0, "make: valid only for worlds of this scenario (default: any)", 2},
    {"kbit", 'b', "NUMBER", 0, "make: the client receives at most NUMBER kbit/s (default 8000)", 2},
    {"level", OPTION_LEVEL, "NUMBER", 0, "make: the finest level that the client may see (default 0: all levels)", 2},
    {"own", OPTION_OWN, "NUMBER", 0, "make: the client may own at most NUMBER entities (default 16)", 2},
    {"created", OPTION_CREATED, "NUMBER", 0,
     "make: at most NUMBER entities that the client created may exist at a time, no matter who owns them (default 64)",
     2},
    {"read-only", OPTION_READ_ONLY, NULL, 0, "make: the client may look, but not change anything", 2},
    {0},
};

static void check(const token_options *o, struct argp_state *state)
{
    if (!o->action) {
        argp_error(state, "the action is missing: keys, make or show");
    } else if (strcmp(o->action, "keys") == 0) {
        if (o->argument_count != 2) {
            argp_error(state, "pass two files: keys PRIVATE.pem PUBLIC.pem");
        }
    } else if (strcmp(o->action, "make") == 0) {
        if (!o->key_file || !o->name || o->argument_count > 0) {
            argp_error(state, "pass the private key and a name: make --key PRIVATE.pem --name NAME");
        }
    } else if (strcmp(o->action, "show") == 0) {
        if (!o->key_file || o->argument_count > 1) {
            argp_error(state, "pass the public key: show --key PUBLIC.pem [FILE]");
        }
    } else {
        argp_error(state, "unknown action '%s'; it must be keys, make or show", o->action);
    }
}

static void take_argument(token_options *o, const char *argument, struct argp_state *state)
{
    if (!o->action) {
        o->action = argument;
    } else if (o->argument_count < 2) {
        o->arguments[o->argument_count++] = argument;
    } else {
        argp_error(state, "unexpected argument '%s'", argument);
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    token_options *o = state->input;
    switch (key) {
    case 'k': o->key_file = argument; return 0;
    case 'N': o->name = name_checked(state, argument); return 0;
    case 'H': o->hours = number_real(state, "hours", argument, 0.01, 100 * 365 * 24); return 0;
    case 'w': o->world = argument; return 0;
    case 'b': o->grant.kbit_s_max = (uint32_t)number_whole(state, "kbit", argument, 1, 1000000); return 0;
    case OPTION_LEVEL:
        o->grant.level_finest = (int)number_whole(state, "level", argument, 0, TL_LEVELS_MAX - 1);
        return 0;
    case OPTION_OWN: o->grant.entities_max = (uint32_t)number_whole(state, "own", argument, 0, 1000000); return 0;
    case OPTION_CREATED:
        o->grant.created_max = (uint32_t)number_whole(state, "created", argument, 0, 1000000);
        return 0;
    case OPTION_READ_ONLY: o->grant.write = false; return 0;
    case ARGP_KEY_ARG: take_argument(o, argument, state); return 0;
    case ARGP_KEY_END: check(o, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp token_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "keys PRIVATE PUBLIC\nmake --key PRIVATE --name NAME\nshow --key PUBLIC [FILE]",
    .doc = "Make keys, and the tokens by which clients identify themselves.\v'keys' creates a pair of keys: the "
           "private key signs tokens, so keep it secret; pass the public key to 'tramline serve --token-key'. 'make' "
           "prints a token for 'tramline ride --token FILE'. 'show' reads a token from FILE or standard input, and "
           "prints what it grants and whether it is valid.",
};

static int make_keys(const token_options *o)
{
    tl_result result = tl_token_keys_create(o->arguments[0], o->arguments[1]);
    if (result != TL_OK) {
        fprintf(stderr, "tramline: cannot create the keys '%s' and '%s': %s\n", o->arguments[0], o->arguments[1],
                result == TL_ERR_EXISTS ? "a file of that name exists already, and keys are never overwritten"
                                        : tl_result_text(result));
        return EXIT_FAILED;
    }
    printf("%s signs tokens: keep it secret\n%s is for 'tramline serve --token-key'\n", o->arguments[0],
           o->arguments[1]);
    return EXIT_SOUND;
}

static int make_token(token_options *o)
{
    char token[TL_TOKEN_BYTES_MAX + 1];
    if (o->world && strlen(o->world) >= sizeof o->grant.world) {
        fprintf(stderr, "tramline: the world's name is too long; it has at most %zu letters\n",
                sizeof o->grant.world - 1);
        return EXIT_FAILED;
    }
    snprintf(o->grant.name, sizeof o->grant.name, "%s", o->name);
    snprintf(o->grant.world, sizeof o->grant.world, "%s", o->world ? o->world : "");
    o->grant.expires_s = (int64_t)(tl_os_wall_us() / 1000000) + (int64_t)(o->hours * 3600);
    tl_result result = tl_token_sign(o->key_file, &o->grant, token, sizeof token);
    if (result != TL_OK) {
        fprintf(stderr, "tramline: '%s' cannot sign: %s; is it a private key made by 'tramline token keys'?\n",
                o->key_file, tl_result_text(result));
        return EXIT_FAILED;
    }
    printf("%s\n", token);
    return EXIT_SOUND;
}

static bool read_token(const char *file, char token[TL_TOKEN_BYTES_MAX + 2])
{
    FILE *in = file ? fopen(file, "r") : stdin;
    if (!in) {
        fprintf(stderr, "tramline: '%s' cannot be read: %s\n", file, strerror(errno));
        return false;
    }
    bool got = fgets(token, TL_TOKEN_BYTES_MAX + 2, in) != NULL;
    if (file) {
        fclose(in);
    }
    token[got ? strcspn(token, "\r\n") : 0] = 0;
    return true;
}

static int show_token(const token_options *o)
{
    char token[TL_TOKEN_BYTES_MAX + 2];
    tl_token_verifier *verifier = NULL;
    tl_result result = tl_token_verifier_create(o->key_file, &verifier);
    if (result != TL_OK) {
        fprintf(stderr, "tramline: '%s' cannot be read as a public key: %s\n", o->key_file, tl_result_text(result));
        return EXIT_FAILED;
    }
    tl_grant grant = tl_grant_default();
    bool read = read_token(o->arguments[0], token);
    result = read ? tl_token_verify(verifier, token, strlen(token), (int64_t)(tl_os_wall_us() / 1000000), &grant)
                  : TL_ERR_IO;
    tl_token_verifier_destroy(verifier);
    if (result != TL_OK) {
        if (read) {
            fprintf(stderr, "tramline: the token is not valid: %s\n", tl_result_text(result));
        }
        return EXIT_FAILED;
    }
    json_t *shown = json_pack("{s:s, s:s, s:I, s:I, s:i, s:b, s:I, s:I, s:I}", "name", grant.name, "world", grant.world,
                              "not_before_s", (json_int_t)grant.not_before_s, "expires_s", (json_int_t)grant.expires_s,
                              "level_finest", grant.level_finest, "write", grant.write, "kbit_s_max",
                              (json_int_t)grant.kbit_s_max, "entities_max", (json_int_t)grant.entities_max,
                              "created_max", (json_int_t)grant.created_max);
    json_dumpf(shown, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(shown);
    return EXIT_SOUND;
}

int command_token(int argc, char **argv)
{
    token_options o = {.hours = 24, .grant = tl_grant_default()};
    argp_parse(&token_argp, argc, argv, 0, NULL, &o);
    switch (o.action[0]) {
    case 'k': return make_keys(&o);
    case 'm': return make_token(&o);
    default: return show_token(&o);
    }
}
