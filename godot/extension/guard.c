#include "guard.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#ifndef _WIN32
#include <dlfcn.h>
#endif

enum { FAILURE_BYTES = 512 };

typedef struct guard {
    jmp_buf place;
    struct guard *outer;
} guard;

static _Thread_local guard *innermost;
static _Thread_local char failure[FAILURE_BYTES]; // what failed last, as text

// The threads of a store that is never closed run this library's code for as long as the process lives: it must not be
// unloaded before.
static void keep_library_loaded(void)
{
#ifndef _WIN32
    Dl_info info;
    static const char here;
    if (dladdr(&here, &info)) {
        dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    }
#endif
}

static void stop(gd_instance *node)
{
    if (node->failed) { // an inner guard has stopped it
        return;
    }
    node->failed = true;
    keep_library_loaded();
    gd_error_print(node->type->name,
                   "%s. This is a bug in Tramline; the node is stopped. Please report it; to go on, free the node and "
                   "add a new one.",
                   failure);
    if (node->type->fail) {
        node->type->fail(node, failure);
    }
}

bool gd_guard(void *node, void (*step)(void *context), void *context)
{
    gd_instance *instance = node;
    bool was_busy = instance->busy; // not changed after setjmp(), as none of the locals is
    guard here = {.outer = innermost};
    innermost = &here;
    if (setjmp(here.place) == 0) {
        step(context);
        innermost = here.outer;
        return true; // the instance may be gone
    }
    innermost = here.outer;
    instance->busy = was_busy;
    stop(instance);
    return false;
}

void gd_guard_leave_if_failed(const void *node)
{
    const gd_instance *instance = node;
    if (instance->failed) {
        GD_ASSERT(innermost);
        longjmp(innermost->place, 1);
    }
}

void gd_guard_on_assert(void *user, const char *file, int line, const char *condition)
{
    snprintf(failure, sizeof failure, "An assertion failed (%s:%d: %s)", file, line, condition);
    if (innermost) {
        longjmp(innermost->place, 1);
    }
    gd_error_print("tramline", "%s. This is a bug in Tramline; please report it. The process ends.", failure);
}

_Noreturn void gd_guard_fail(const char *file, int line, const char *condition)
{
    gd_guard_on_assert(NULL, file, line, condition);
    abort();
}
