#include "app/status_line.h"

#include "base/base.h"

#include "app/json_number.h"
#include "app/number.h"
#include "base/os/file.h"
#include "base/os/wait.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 1024, RIDERS_SHOWN_MAX = 6 };

typedef struct line_text {
    char text[TEXT_BYTES];
    size_t length;
} line_text;

static void append(line_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(line_text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(t->text + t->length, sizeof t->text - t->length, format, arguments);
    va_end(arguments);
    t->length += count > 0 ? (size_t)count : 0;
    t->length = t->length < sizeof t->text ? t->length : sizeof t->text - 1;
    TL_ASSERT(t->text[t->length] == 0);
}

static void append_riders(line_text *t, demo_cluster *c)
{
    uint32_t shown = c->riders_started < RIDERS_SHOWN_MAX ? c->riders_started : RIDERS_SHOWN_MAX;
    append(t, "in view");
    for (uint32_t i = 0; i < shown; i++) {
        char visible[NUMBER_TEXT_BYTES];
        append(t, " %s", number_text((uint64_t)json_number(c->riders[i].line, "visible"), visible));
    }
    append(t, " | kbit/s");
    for (uint32_t i = 0; i < shown; i++) {
        append(t, " %3.0f", json_number(c->riders[i].line, "kbit_s"));
    }
    append(t, " | worst mrad");
    for (uint32_t i = 0; i < shown; i++) {
        append(t, " %.2f", c->riders[i].worst_mrad);
        c->riders[i].worst_mrad = 0;
    }
}

static void append_servers(line_text *t, const demo_cluster *c)
{
    double link_ms = 0, tick_ms = 0;
    for (uint32_t i = 0; i < c->servers_started; i++) {
        link_ms = fmax(link_ms, c->servers[i].link_ms_now);
        tick_ms = fmax(tick_ms, c->servers[i].tick_ms_now);
    }
    append(t, " | link %4.1f ms | tick %4.1f ms", link_ms, tick_ms);
}

static void cut_to_terminal(line_text *t)
{
    int columns = tl_os_terminal_columns(TL_OS_STDOUT);
    if (columns > 1 && t->length >= (size_t)columns) {
        t->text[columns - 1] = 0;
    }
}

void status_line_init(status_line *l)
{
    *l = (status_line){.terminal = tl_os_is_terminal(TL_OS_STDOUT)};
}

void status_line_show(status_line *l, demo_cluster *c, double elapsed_s)
{
    if (elapsed_s < l->shown_s + 1 || !tl_os_is_writable(TL_OS_STDOUT)) {
        return;
    }
    l->shown_s = floor(elapsed_s);
    line_text t = {.length = 0};
    append(&t, "%3.0f s ", elapsed_s);
    append_riders(&t, c);
    append_servers(&t, c);
    if (l->terminal) {
        cut_to_terminal(&t);
        printf("\r%s\033[K", t.text);
    } else {
        printf("%s\n", t.text);
    }
    fflush(stdout);
}

void status_line_end(const status_line *l)
{
    if (l->terminal) {
        printf("\n");
    }
}
