// A progress line: rewritten in place on a terminal, otherwise one line a second.
#ifndef APP_PROGRESS_H
#define APP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    const char *what; // "loading the city"
    bool terminal;
    uint64_t shown_us; // when
} progress;

void progress_init(progress *p, const char *what);
void progress_show(progress *p, uint64_t done, uint64_t total);
// The same where nobody knows how much there is: whether it is time for a line, every five seconds away from a
// terminal; and how far it has come.
bool progress_is_due(const progress *p);
void progress_report(progress *p, const char *text);
void progress_say(const progress *p, const char *text); // a separate line
// The last line: "what: text".
void progress_end(progress *p, const char *text);

#endif
