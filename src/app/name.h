// Names of servers and clients, on the command line.
#ifndef APP_NAME_H
#define APP_NAME_H

#include <argp.h>

// Gives `text` if it may be a name; otherwise it ends the program with what a name may be.
const char *name_checked(struct argp_state *state, const char *text);

#endif
