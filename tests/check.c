// The tests' frame: see check.h.
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>
#include <fnmatch.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum { MESSAGE_BYTES = 4096, VALUE_BYTES = 512, PATIENCE_MAX = 20 };

// cmocka catches these to end a test. The sanitizers' reports are worth more, and a signal may come from any thread.
static const int caught_by_cmocka[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
enum { CAUGHT_COUNT = sizeof caught_by_cmocka / sizeof *caught_by_cmocka };

static struct {
    void (*test)(void);
    const char *name;
    pthread_t thread;
    pid_t process;
    struct sigaction actions[CAUGHT_COUNT];
} running;
static int failed_count, ran_count;
static const char *filter;

// --test NAME becomes an environment variable, so that a test program's own arguments (seeds, for instance) stay where
// they are, and so that it reaches the program through scripts. glibc passes constructors the arguments of main.
__attribute__((constructor)) static void take_filter(int argc, char **argv)
{
    int kept = 0;
    bool is_given = false;
    for (int i = 0; i < argc; i++) {
        if (i > 0 && i + 1 < argc && strcmp(argv[i], "--test") == 0) {
            setenv("TL_TEST", argv[++i], true);
            is_given = true;
        } else {
            argv[kept++] = argv[i];
        }
    }
    if (is_given) {
        argv[kept] = NULL;
        execv("/proc/self/exe", argv);
        perror("--test");
        abort();
    }
    filter = getenv("TL_TEST");
}

static int thread_count(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *entry; tasks && (entry = readdir(tasks)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    if (tasks) {
        closedir(tasks);
    }
    return count;
}

// The program's exit status, whatever its main returns.
static void report_failures(void)
{
    if (failed_count > 0 || (filter && ran_count == 0)) {
        if (failed_count == 0) {
            fprintf(stderr, "no test is named %s\n", filter);
        }
        fflush(NULL);
        _exit(1); // without a search for leaks: a test that fails leaves open what it held
    }
}

static void run_under_cmocka(void **state)
{
    for (int i = 0; i < CAUGHT_COUNT; i++) {
        sigaction(caught_by_cmocka[i], &running.actions[i], NULL);
    }
    running.test();
}

void check_run_test(const char *name, void (*test)(void))
{
    static bool was_here;
    if (!was_here) {
        was_here = true;
        atexit(report_failures);
        if (!getenv("CMOCKA_MESSAGE_OUTPUT")) {
            cmocka_set_message_output(CM_OUTPUT_SUBUNIT); // one line as a test begins, one as it ends
        }
    }
    if (running.test) {
        fprintf(stderr, "%s is run within %s\n", name, running.name);
        abort();
    }
    if (filter && fnmatch(filter, name, 0) != 0) {
        return;
    }
    for (int i = 0; i < CAUGHT_COUNT; i++) {
        sigaction(caught_by_cmocka[i], NULL, &running.actions[i]);
    }
    int threads = thread_count();
    running.test = test;
    running.name = name;
    running.thread = pthread_self();
    running.process = getpid();
    ran_count++;
    fflush(NULL);
    const struct CMUnitTest tests[] = {{name, run_under_cmocka, NULL, NULL, NULL}};
    bool failed = _cmocka_run_group_tests(name, tests, 1, NULL, NULL) != 0;
    fflush(NULL);
    for (int i = 0; i < CAUGHT_COUNT; i++) {
        sigaction(caught_by_cmocka[i], &running.actions[i], NULL);
    }
    running.test = NULL;
    failed_count += failed;
    if (failed && thread_count() > threads) {
        fprintf(stderr, "threads of %s still run, on memory that is gone: no test after it is run\n", name);
        exit(1);
    }
}

double check_patience(void)
{
    const char *wanted = getenv("TL_PATIENCE");
    double patience = wanted ? atof(wanted) : 1, load = 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(&load, 1) == 1 && cores > 0 && load / (double)cores > patience) {
        patience = load / (double)cores;
    }
    return patience < 1 ? 1 : patience < PATIENCE_MAX ? patience : PATIENCE_MAX;
}

check_value check_of_bool(bool value)
{
    return (check_value){.type = CHECK_BOOL, .as_unsigned = value};
}

check_value check_of_signed(long long value)
{
    return (check_value){.type = CHECK_SIGNED, .as_signed = value};
}

check_value check_of_unsigned(unsigned long long value)
{
    return (check_value){.type = CHECK_UNSIGNED, .as_unsigned = value};
}

check_value check_of_real(double value)
{
    return (check_value){.type = CHECK_REAL, .as_real = value};
}

check_value check_of_pointer(const volatile void *value)
{
    return (check_value){.type = CHECK_POINTER, .as_pointer = (const void *)value};
}

check_value check_of_text(const char *value)
{
    return (check_value){.type = CHECK_STRING, .as_pointer = value};
}

static const char *value_print(char out[VALUE_BYTES], check_value value)
{
    switch (value.type) {
    case CHECK_BOOL: return value.as_unsigned ? "true" : "false";
    case CHECK_SIGNED: snprintf(out, VALUE_BYTES, "%lld", value.as_signed); break;
    case CHECK_UNSIGNED: snprintf(out, VALUE_BYTES, "%llu", value.as_unsigned); break;
    case CHECK_REAL: snprintf(out, VALUE_BYTES, "%.17g", value.as_real); break;
    case CHECK_POINTER: snprintf(out, VALUE_BYTES, "%p", value.as_pointer); break;
    case CHECK_STRING:
        if (!value.as_pointer) {
            return "no text";
        }
        snprintf(out, VALUE_BYTES, "\"%s\"", (const char *)value.as_pointer);
        break;
    }
    return out;
}

void check_fail(const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    fflush(stdout);
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, message);
    if (!running.test || running.process != getpid() || !pthread_equal(running.thread, pthread_self())) {
        abort();
    }
    _fail(file, line);
    abort(); // it does not return
}

void check_fail_compare(const char *file, int line, const char *expression, check_value a, check_value b)
{
    char text_a[VALUE_BYTES], text_b[VALUE_BYTES];
    check_fail(file, line, "%s: %s, %s", expression, value_print(text_a, a), value_print(text_b, b));
}
