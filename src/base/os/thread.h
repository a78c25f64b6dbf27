// Threads, mutexes and condition variables whose deadlines are on the monotonic clock.
#ifndef TRAMLINE_BASE_OS_THREAD_H
#define TRAMLINE_BASE_OS_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#ifdef _WIN32
typedef struct tl_os_thread {
    void *handle;
} tl_os_thread;
typedef struct tl_os_mutex { // an SRWLOCK
    void *word;
} tl_os_mutex;
typedef struct tl_os_condition { // a CONDITION_VARIABLE
    void *word;
} tl_os_condition;
#define TL_OS_MUTEX_INIT \
    {                    \
        0                \
    }
#else
#include <pthread.h>
typedef pthread_t tl_os_thread;
typedef pthread_mutex_t tl_os_mutex;
typedef pthread_cond_t tl_os_condition;
#define TL_OS_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#endif

// Runs `run(user)` on a thread of its own, to which no signals are delivered. False: the system has no more threads.
// A started thread is either joined, which waits for its end, or detached, once.
bool tl_os_thread_start(tl_os_thread *thread, void (*run)(void *user), void *user);
void tl_os_thread_join(tl_os_thread thread);
void tl_os_thread_detach(tl_os_thread thread);
// A number that no other living thread of the process has.
uintptr_t tl_os_thread_self(void);

// Not recursive. TL_OS_MUTEX_INIT initialises a static one.
void tl_os_mutex_init(tl_os_mutex *mutex);
void tl_os_mutex_destroy(tl_os_mutex *mutex);
void tl_os_mutex_lock(tl_os_mutex *mutex);
void tl_os_mutex_unlock(tl_os_mutex *mutex);

// Waits may also end without a signal: callers check in a loop what they wait for.
void tl_os_condition_init(tl_os_condition *condition);
void tl_os_condition_destroy(tl_os_condition *condition);
void tl_os_condition_wait(tl_os_condition *condition, tl_os_mutex *mutex);
// Waits until tl_os_monotonic_us() reaches `until_us` at most. False: that time has come.
bool tl_os_condition_wait_until(tl_os_condition *condition, tl_os_mutex *mutex, uint64_t until_us);
void tl_os_condition_signal(tl_os_condition *condition);    // wakes one
void tl_os_condition_broadcast(tl_os_condition *condition); // wakes all

#endif
