#include "app/progress.h"

#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/os/wait.h"

#include <stdio.h>

enum { IN_PLACE_EVERY_US = 100000, LINE_EVERY_US = 1000000, REPORT_EVERY_US = 5000000 };

void progress_init(progress *p, const char *what)
{
    *p = (progress){.what = what, .terminal = tl_os_is_terminal(TL_OS_STDERR), .shown_us = tl_os_monotonic_us()};
}

void progress_show(progress *p, uint64_t done, uint64_t total)
{
    uint64_t now_us = tl_os_monotonic_us();
    if (now_us - p->shown_us < (p->terminal ? IN_PLACE_EVERY_US : LINE_EVERY_US) || !tl_os_is_writable(TL_OS_STDERR)) {
        return;
    }
    p->shown_us = now_us;
    double part = total > 0 && done < total ? (double)done / (double)total : 1;
    fprintf(stderr, p->terminal ? "\r%s: %3.0f %%\033[K" : "%s: %3.0f %%\n", p->what, part * 100);
    fflush(stderr);
}

bool progress_is_due(const progress *p)
{
    return tl_os_monotonic_us() - p->shown_us >= (p->terminal ? IN_PLACE_EVERY_US : REPORT_EVERY_US);
}

void progress_report(progress *p, const char *text)
{
    p->shown_us = tl_os_monotonic_us();
    fprintf(stderr, p->terminal ? "\r%s: %s\033[K" : "%s: %s\n", p->what, text);
    fflush(stderr);
}

void progress_say(const progress *p, const char *text)
{
    fprintf(stderr, "%stramline: %s%s\n", p->terminal ? "\r" : "", text, p->terminal ? "\033[K" : "");
}

void progress_end(progress *p, const char *text)
{
    if (!tl_os_is_writable(TL_OS_STDERR)) {
        return;
    }
    fprintf(stderr, "%s%s: %s%s\n", p->terminal ? "\r" : "", p->what, text, p->terminal ? "\033[K" : "");
}
