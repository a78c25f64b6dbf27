// The guard between the engine and the core: what a failed assertion stops, and what goes on. The core and the engine
// are played by functions of this file.
#include "guard.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 1024 };

static int faults, errors_printed, fail_calls;
static char last_error[TEXT_BYTES], last_reason[TEXT_BYTES];

#define CHECK(condition) ((condition) ? (void)0 : report(__LINE__, #condition))

static void report(int line, const char *condition)
{
    printf("guard.c:%d: not true: %s\n", line, condition);
    faults++;
}

static void note_error(const char *text, const char *where, const char *file, int32_t line, gd_bool notify)
{
    errors_printed++;
    snprintf(last_error, sizeof last_error, "%s: %s", where, text);
}

static void note_failure(void *self, const char *why)
{
    fail_calls++;
    snprintf(last_reason, sizeof last_reason, "%s", why);
}

static const gd_class node_class = {.name = "TestNode", .bytes = sizeof(gd_instance), .fail = note_failure};

typedef struct scene {
    gd_instance node, other;
    bool inner_whole, callback_continued, core_continued;
} scene;

static scene new_scene(void)
{
    errors_printed = fail_calls = 0;
    last_error[0] = last_reason[0] = 0;
    return (scene){.node = {.type = &node_class}, .other = {.type = &node_class}};
}

static void succeed(void *context)
{
    ((scene *)context)->core_continued = true;
}

static void fail_while_busy(void *context)
{
    scene *s = context;
    s->node.busy = true;
    gd_guard_on_assert(NULL, "core.c", 12, "count > 0");
    s->core_continued = true;
}

static void test_success(void)
{
    scene s = new_scene();
    CHECK(gd_guard(&s.node, succeed, &s));
    CHECK(s.core_continued && !s.node.failed && errors_printed == 0 && fail_calls == 0);
}

static void test_failure(void)
{
    scene s = new_scene();
    CHECK(!gd_guard(&s.node, fail_while_busy, &s));
    CHECK(!s.core_continued && s.node.failed && !s.node.busy);
    CHECK(errors_printed == 1 && fail_calls == 1);
    CHECK(strstr(last_error, "TestNode: An assertion failed (core.c:12: count > 0)"));
    CHECK(strstr(last_error, "This is a bug in Tramline; the node is stopped"));
    CHECK(strcmp(last_reason, "An assertion failed (core.c:12: count > 0)") == 0);
    CHECK(!gd_guard(&s.node, fail_while_busy, &s));
    CHECK(errors_printed == 1 && fail_calls == 1); // once for each node
}

static void fail_own_assertion(void *context)
{
    GD_ASSERT(context == NULL);
}

static void test_own_assertion(void)
{
    scene s = new_scene();
    CHECK(!gd_guard(&s.node, fail_own_assertion, &s));
    CHECK(strstr(last_error, "guard.c:") && strstr(last_error, "context == NULL"));
}

// The core's step calls back, a script runs, and calls a method of a node whose core object fails.
static void step_with_script(void *context, gd_instance *called)
{
    scene *s = context;
    s->inner_whole = gd_guard(called, fail_while_busy, s);
    gd_guard_leave_if_failed(&s->node);
    s->callback_continued = true;
}

static void step_calling_itself(void *context)
{
    step_with_script(context, &((scene *)context)->node);
    ((scene *)context)->core_continued = true;
}

static void step_calling_other(void *context)
{
    step_with_script(context, &((scene *)context)->other);
    ((scene *)context)->core_continued = true;
}

static void test_script_fails_the_node_that_steps(void)
{
    scene s = new_scene();
    CHECK(!gd_guard(&s.node, step_calling_itself, &s));
    CHECK(!s.inner_whole && !s.callback_continued && !s.core_continued); // its broken core is not entered again
    CHECK(s.node.failed && !s.node.busy && errors_printed == 1 && fail_calls == 1);
}

static void test_script_fails_another_node(void)
{
    scene s = new_scene();
    CHECK(gd_guard(&s.node, step_calling_other, &s));
    CHECK(!s.inner_whole && s.callback_continued && s.core_continued);
    CHECK(s.other.failed && !s.node.failed && errors_printed == 1 && fail_calls == 1);
}

static void test_after_failure_outer_guard_counts(void)
{
    scene s = new_scene();
    gd_guard(&s.other, fail_while_busy, &s);
    CHECK(gd_guard(&s.node, succeed, &s) && s.core_continued);
}

static void test_without_guard(void)
{
    new_scene();
    gd_guard_on_assert(NULL, "thread.c", 3, "false"); // returns: the library ends the process then
    CHECK(errors_printed == 1 && strstr(last_error, "thread.c:3") && strstr(last_error, "The process ends"));
    CHECK(fail_calls == 0);
}

int main(void)
{
    gd.print_error = note_error;
    test_success();
    test_failure();
    test_own_assertion();
    test_script_fails_the_node_that_steps();
    test_script_fails_another_node();
    test_after_failure_outer_guard_counts();
    test_without_guard();
    printf("%d faults\n", faults);
    return faults != 0;
}
