#include "store/fdb/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

static const char library_name[] = "libfdb_c.so";

static pthread_mutex_t load_mutex = PTHREAD_MUTEX_INITIALIZER;
static tl_fdb_library library;
static bool loaded;
static pthread_t network_thread;

// Where an operator may have put it, besides the places that the linker knows.
static void *open_library(void)
{
    const char *folder = getenv("TL_FDB_DIR");
    static const char *const places[] = {"%s/%s", "%s/lib/%s"};
    for (size_t i = 0; folder && i < sizeof(places) / sizeof(places[0]); i++) {
        char path[1024];
        snprintf(path, sizeof(path), places[i], folder, library_name);
        void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (handle) {
            return handle;
        }
    }
    return dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
}

// dlsym() returns an object pointer; POSIX allows reading it as a function pointer.
static bool find(void *handle, const char *name, void *function)
{
    void *address = dlsym(handle, name);
    memcpy(function, &address, sizeof(address));
    return address != NULL;
}

static tl_result find_all(void *handle, tl_fault *fault)
{
    const char *missing = NULL;
#define TL_FDB_FIND(result, name, parameters) \
    missing = find(handle, "fdb_" #name, &library.name) ? missing : "fdb_" #name;
    TL_FDB_FUNCTIONS(TL_FDB_FIND)
#undef TL_FDB_FIND
    if (!missing) {
        return TL_OK;
    }
    char text[160];
    snprintf(text, sizeof(text), "has no %s; install foundationdb-clients 7.1 or later", missing);
    return tl_fault_set(fault, TL_ERR_VERSION, library_name, text);
}

static void *run_network(void *unused)
{
    (void)library.run_network();
    return NULL;
}

static void stop_network(void)
{
    static bool stopped;
    if (!stopped) {
        stopped = true;
        (void)library.stop_network();
        pthread_join(network_thread, NULL);
    }
}

// What is registered last is called first when the process exits. The library's own objects, made while it was at work,
// are registered too: its thread must have ended before they go.
void tl_fdb_library_release(void)
{
    (void)atexit(stop_network);
}

// A read whose version the storage server has not reached yet is tried again after this knob's time. A watch fires just
// then: with the default of 10 ms followers hear of it 10 ms late (docs/STORE.md has the figures).
const char *tl_fdb_library_knob = "future_version_retry_delay=0.001";

static tl_result start_network(tl_fault *fault)
{
    int code = library.select_api_version_impl(TL_FDB_API_VERSION, TL_FDB_API_VERSION);
    if (code == 0 && tl_fdb_library_knob) {
        code = library.network_set_option(TL_FDB_NETWORK_OPTION_KNOB, (const uint8_t *)tl_fdb_library_knob,
                                          (int)strlen(tl_fdb_library_knob));
    }
    if (code == 0) {
        code = library.setup_network();
    }
    if (code != 0) {
        return tl_fault_set(fault, TL_ERR_VERSION, library_name, library.get_error(code));
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&network_thread, NULL, run_network, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        return tl_fault_set(fault, TL_ERR_MEMORY, library_name, "its network thread cannot be started");
    }
    return TL_OK;
}

static tl_result load(tl_fault *fault)
{
    void *handle = open_library();
    if (!handle) {
        return tl_fault_set(fault, TL_ERR_UNAVAILABLE, library_name,
                            "not found; install FoundationDB's package foundationdb-clients (7.1 or later), or put the "
                            "file into a folder and name that in TL_FDB_DIR");
    }
    tl_result result = find_all(handle, fault);
    return result == TL_OK ? start_network(fault) : result;
}

tl_result tl_fdb_library_load(const tl_fdb_library **out, tl_fault *fault)
{
    pthread_mutex_lock(&load_mutex);
    tl_result result = loaded ? TL_OK : load(fault);
    loaded |= result == TL_OK;
    pthread_mutex_unlock(&load_mutex);
    *out = &library;
    return result;
}
