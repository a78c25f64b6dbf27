// Numbers on the command line.
#ifndef APP_NUMBER_H
#define APP_NUMBER_H

#include <argp.h>
#include <stdint.h>

// A whole number from min to max; apostrophes and underscores between digits are passed over. Otherwise it ends the
// program with what is wrong with option `name`.
uint64_t number_whole(struct argp_state *state, const char *name, const char *text, uint64_t min, uint64_t max);
// The same for a number with a fraction.
double number_real(struct argp_state *state, const char *name, const char *text, double min, double max);

enum { NUMBER_TEXT_BYTES = 32 };
// "100'000". Returns `out`.
const char *number_text(uint64_t number, char out[NUMBER_TEXT_BYTES]);

#endif
