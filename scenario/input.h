// A file read from its beginning to its end: plain, gzip (.gz) or Zstandard (.zst), by its name or its first bytes.
#ifndef SCENARIO_INPUT_H
#define SCENARIO_INPUT_H

#include "tramline/types.h"

typedef struct input input;

// On failure `text` says what is wrong; so it does for input_read().
tl_result input_open(const char *path, input **out, char *text, size_t text_bytes);
// *read_bytes: 0 at the end. A compressed file that ends too early is TL_ERR_CORRUPT.
tl_result input_read(input *in, void *bytes, size_t size, size_t *read_bytes, char *text, size_t text_bytes);
void input_progress(const input *in, uint64_t *done_bytes, uint64_t *total_bytes); // of the file as it lies there
void input_close(input *in);

#endif
