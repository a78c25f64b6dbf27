// FoundationDB's C client, loaded when the first store asks for it, through declarations of our own: building needs
// nothing of FoundationDB. The functions and their meaning: https://apple.github.io/foundationdb/api-c.html, API
// version 710. The library has one network thread for the whole process; it is started once and ended when the process
// exits.
#ifndef TRAMLINE_STORE_FDB_LIBRARY_H
#define TRAMLINE_STORE_FDB_LIBRARY_H

#include "store/engine/log.h"

typedef struct tl_fdb_future tl_fdb_future;
typedef struct tl_fdb_database tl_fdb_database;
typedef struct tl_fdb_transaction tl_fdb_transaction;

// Without padding, and at any address.
#pragma pack(push, 1)
typedef struct tl_fdb_key_value {
    const uint8_t *key;
    int key_bytes;
    const uint8_t *value;
    int value_bytes;
} tl_fdb_key_value;
#pragma pack(pop)

enum {
    TL_FDB_API_VERSION = 710,
    TL_FDB_NETWORK_OPTION_KNOB = 40,
    TL_FDB_DATABASE_OPTION_MAX_RETRY_DELAY = 502,
    TL_FDB_MODE_WANT_ALL = -2,
    TL_FDB_MODE_EXACT = 0,
    TL_FDB_MUTATION_SET_VERSIONSTAMPED_VALUE = 15,
    TL_FDB_CONFLICT_READ = 0,
    // Errors.
    TL_FDB_DATABASE_LOCKED = 1038,
    TL_FDB_OPERATION_CANCELLED = 1101,
    TL_FDB_NO_CLUSTER_FILE = 1515,
    TL_FDB_CONNECTION_STRING_INVALID = 2104,
};

// X(result, name, parameters): what is taken out of the library.
#define TL_FDB_FUNCTIONS(X)                                                                                         \
    X(const char *, get_error, (int code))                                                                          \
    X(int, select_api_version_impl, (int runtime, int header))                                                      \
    X(int, network_set_option, (int option, const uint8_t *value, int value_bytes))                                 \
    X(int, setup_network, (void))                                                                                   \
    X(int, run_network, (void))                                                                                     \
    X(int, stop_network, (void))                                                                                    \
    X(void, future_cancel, (tl_fdb_future *))                                                                       \
    X(void, future_destroy, (tl_fdb_future *))                                                                      \
    X(int, future_set_callback, (tl_fdb_future *, void (*)(tl_fdb_future *, void *), void *))                       \
    X(int, future_get_error, (tl_fdb_future *))                                                                     \
    X(int, future_get_value, (tl_fdb_future *, int *present, const uint8_t **value, int *value_bytes))              \
    X(int, future_get_keyvalue_array, (tl_fdb_future *, const tl_fdb_key_value **, int *count, int *more))          \
    X(int, create_database, (const char *cluster_file, tl_fdb_database **))                                         \
    X(void, database_destroy, (tl_fdb_database *))                                                                  \
    X(int, database_set_option, (tl_fdb_database *, int option, const uint8_t *value, int value_bytes))             \
    X(int, database_create_transaction, (tl_fdb_database *, tl_fdb_transaction **))                                 \
    X(void, transaction_destroy, (tl_fdb_transaction *))                                                            \
    X(void, transaction_set_read_version, (tl_fdb_transaction *, int64_t version))                                  \
    X(tl_fdb_future *, transaction_get, (tl_fdb_transaction *, const uint8_t *key, int key_bytes, int snapshot))    \
    X(tl_fdb_future *, transaction_get_range,                                                                       \
      (tl_fdb_transaction *, const uint8_t *begin, int begin_bytes, int begin_or_equal, int begin_offset,           \
       const uint8_t *end, int end_bytes, int end_or_equal, int end_offset, int limit, int target_bytes, int mode,  \
       int iteration, int snapshot, int reverse))                                                                   \
    X(void, transaction_set, (tl_fdb_transaction *, const uint8_t *key, int key_bytes, const uint8_t *, int bytes)) \
    X(void, transaction_atomic_op,                                                                                  \
      (tl_fdb_transaction *, const uint8_t *key, int key_bytes, const uint8_t *, int bytes, int operation))         \
    X(void, transaction_clear_range,                                                                                \
      (tl_fdb_transaction *, const uint8_t *begin, int begin_bytes, const uint8_t *end, int end_bytes))             \
    X(int, transaction_add_conflict_range,                                                                          \
      (tl_fdb_transaction *, const uint8_t *begin, int begin_bytes, const uint8_t *end, int end_bytes, int type))   \
    X(tl_fdb_future *, transaction_watch, (tl_fdb_transaction *, const uint8_t *key, int key_bytes))                \
    X(tl_fdb_future *, transaction_commit, (tl_fdb_transaction *))                                                  \
    X(int, transaction_get_committed_version, (tl_fdb_transaction *, int64_t *))                                    \
    X(tl_fdb_future *, transaction_on_error, (tl_fdb_transaction *, int code))

typedef struct tl_fdb_library {
#define TL_FDB_MEMBER(result, name, parameters) result(*name) parameters;
    TL_FDB_FUNCTIONS(TL_FDB_MEMBER)
#undef TL_FDB_MEMBER
} tl_fdb_library;

// The client's knob that is set before its network starts; NULL: none. For benchmarks to change before the first load.
extern const char *tl_fdb_library_knob;

// Loads the library and starts its network thread, at the first call; later calls return the same. Any thread. Not
// after a fork() of a process that has called it.
tl_result tl_fdb_library_load(const tl_fdb_library **out, tl_fault *fault);
// To be called when a database has been destroyed, so that the library is ended in order when the process exits.
void tl_fdb_library_release(void);

#endif
