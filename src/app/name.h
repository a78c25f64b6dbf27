// Names of servers and clients, on the command line.
#ifndef APP_NAME_H
#define APP_NAME_H

#include <argp.h>

// Returns `text` if it is a valid name; otherwise prints the rule for names and exits.
const char *name_checked(struct argp_state *state, const char *text);

#endif
