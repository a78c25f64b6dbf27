#define _GNU_SOURCE
#include "base/os/thread.h"

#include "base/base.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

// ---- threads --------------------------------------------------------------------------------------------------------

typedef struct start {
    void (*run)(void *user);
    void *user;
} start;

static void *begin(void *argument)
{
    start s = *(start *)argument;
    free(argument);
    s.run(s.user);
    return NULL;
}

bool tl_os_thread_start(tl_os_thread *thread, void (*run)(void *user), void *user)
{
    TL_ASSERT(thread && run);
    start *s = malloc(sizeof *s);
    if (!s) {
        return false;
    }
    *s = (start){run, user};
    sigset_t all, before; // signals are for the threads of the program
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(thread, NULL, begin, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        free(s);
    }
    return started;
}

void tl_os_thread_join(tl_os_thread thread)
{
    int error = pthread_join(thread, NULL);
    TL_ASSERT(error == 0);
}

void tl_os_thread_detach(tl_os_thread thread)
{
    int error = pthread_detach(thread);
    TL_ASSERT(error == 0);
}

uintptr_t tl_os_thread_self(void)
{
    return (uintptr_t)pthread_self();
}

// ---- mutexes --------------------------------------------------------------------------------------------------------

void tl_os_mutex_init(tl_os_mutex *mutex)
{
    int error = pthread_mutex_init(mutex, NULL);
    TL_ASSERT(error == 0);
}

void tl_os_mutex_destroy(tl_os_mutex *mutex)
{
    int error = pthread_mutex_destroy(mutex);
    TL_ASSERT(error == 0); // nobody holds it
}

void tl_os_mutex_lock(tl_os_mutex *mutex)
{
    int error = pthread_mutex_lock(mutex);
    TL_ASSERT(error == 0);
}

void tl_os_mutex_unlock(tl_os_mutex *mutex)
{
    int error = pthread_mutex_unlock(mutex);
    TL_ASSERT(error == 0);
}

// ---- conditions -----------------------------------------------------------------------------------------------------

void tl_os_condition_init(tl_os_condition *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int error = pthread_cond_init(condition, &attributes);
    TL_ASSERT(error == 0);
    pthread_condattr_destroy(&attributes);
}

void tl_os_condition_destroy(tl_os_condition *condition)
{
    int error = pthread_cond_destroy(condition);
    TL_ASSERT(error == 0);
}

void tl_os_condition_wait(tl_os_condition *condition, tl_os_mutex *mutex)
{
    int error = pthread_cond_wait(condition, mutex);
    TL_ASSERT(error == 0);
}

bool tl_os_condition_wait_until(tl_os_condition *condition, tl_os_mutex *mutex, uint64_t until_us)
{
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000u), .tv_nsec = (long)(until_us % 1000000u) * 1000};
    int error = pthread_cond_timedwait(condition, mutex, &until);
    TL_ASSERT(error == 0 || error == ETIMEDOUT);
    return error == 0;
}

void tl_os_condition_signal(tl_os_condition *condition)
{
    pthread_cond_signal(condition);
}

void tl_os_condition_broadcast(tl_os_condition *condition)
{
    pthread_cond_broadcast(condition);
}
