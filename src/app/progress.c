#include "progress.h"

#include "clock.h"

#include <stdio.h>
#include <unistd.h>

enum { SHOW_EVERY_US = 100000 };

void progress_init(progress *p, const char *what) { *p = (progress){.what = what, .terminal = isatty(STDERR_FILENO)}; }

static void show_in_place(progress *p, double part)
{
    uint64_t now_us = clock_steady_us();
    if (p->begun && now_us - p->shown_us < SHOW_EVERY_US) {
        return;
    }
    p->begun = true;
    p->shown_us = now_us;
    fprintf(stderr, "\r%s: %3.0f %%\033[K", p->what, part * 100);
    fflush(stderr);
}

void progress_show(progress *p, uint64_t done, uint64_t total)
{
    double part = total > 0 && done < total ? (double)done / (double)total : 1;
    if (p->terminal) {
        show_in_place(p, part);
        return;
    }
    unsigned tenths = (unsigned)(part * 10);
    if (tenths > p->tenths) {
        p->tenths = tenths;
        fprintf(stderr, "%s: %u0 %%\n", p->what, tenths);
    }
}

void progress_end(progress *p, const char *text)
{
    fprintf(stderr, "%s%s: %s%s\n", p->terminal ? "\r" : "", p->what, text, p->terminal ? "\033[K" : "");
}
