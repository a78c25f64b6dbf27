#include "store/sqlite/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- faults --------------------------------------------------------------------------------------------------------

static tl_result fault_of_io(int code, int system_error, const char **text)
{
    switch (system_error) {
    case ENOSPC:
    case EDQUOT: *text = "no space is left on the disk; free some and it goes on"; return TL_ERR_NO_SPACE;
    case EFBIG:
        *text = "the file may not grow (ulimit -f, or the file system's limit); raise the limit and it goes on";
        return TL_ERR_NO_SPACE;
    case EROFS:
        *text = "the file system is mounted read-only; remount it writable and it goes on";
        return TL_ERR_READ_ONLY;
    default: break;
    }
    *text = code == SQLITE_IOERR_SHORT_READ
                ? "the file is shorter than it says; restore it from a copy"
                : "reading or writing failed; the system's log may say why; it is tried again";
    return code == SQLITE_IOERR_SHORT_READ ? TL_ERR_CORRUPT : TL_ERR_IO;
}

static tl_result fault_of_code(int code, int system_error, const char **text)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        *text = "locked by another process; it is tried again; close the program that keeps a transaction open on it";
        return TL_ERR_BUSY;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        *text = "cannot be written; check its owner, the directory's permissions and the mount";
        return TL_ERR_READ_ONLY;
    case SQLITE_FULL: *text = "no space is left on the disk; free some and it goes on"; return TL_ERR_NO_SPACE;
    case SQLITE_NOTADB:
        *text = "not a store's file, or its header is damaged; restore it from a copy, or check the path";
        return TL_ERR_CORRUPT;
    case SQLITE_ERROR: // of statements that are right: then the header or the schema is not
    case SQLITE_CORRUPT:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH: *text = "damaged; stop all servers and restore it from a copy"; return TL_ERR_CORRUPT;
    case SQLITE_CANTOPEN:
        *text = "cannot be opened; check that it exists, its permissions and the number of open files (ulimit -n)";
        return TL_ERR_UNAVAILABLE;
    case SQLITE_NOMEM: *text = "out of memory"; return TL_ERR_MEMORY;
    case SQLITE_IOERR: return fault_of_io(code, system_error, text);
    default: *text = "SQLite refused in an unforeseen way"; return TL_ERR_IO;
    }
}

static tl_result fault_of_namespace(int code, const char **text)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        *text = "another commit came in between, or mvstore refuses; it is done again";
        return TL_ERR_BUSY;
    case SQLITE_IOERR:
    case SQLITE_ERROR:
        *text = "mvstore refused to read or write; its log may say why; it is tried again";
        return TL_ERR_IO;
    default: return fault_of_code(code, 0, text);
    }
}

static bool is_told_apart(int system_error)
{
    return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG || system_error == EROFS;
}

// Why the system refused. SQLite's own answer may be of a later call; the WAL and the file keep their last one.
static int last_system_error(const tl_sqlite_file *file)
{
    int system_error = sqlite3_system_errno(file->db), kept = 0;
    sqlite3_file *wal = NULL;
    if (is_told_apart(system_error)) {
        return system_error;
    }
    sqlite3_file_control(file->db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (wal && wal->pMethods && wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &kept) == SQLITE_OK &&
        is_told_apart(kept)) {
        return kept;
    }
    sqlite3_file_control(file->db, NULL, SQLITE_FCNTL_LAST_ERRNO, &kept);
    return is_told_apart(kept) ? kept : system_error;
}

tl_result tl_sqlite_file_fault(const tl_sqlite_file *file, int code, tl_fault *fault)
{
    const char *text = "";
    int extended = file->db && sqlite3_errcode(file->db) == code ? sqlite3_extended_errcode(file->db) : code;
    tl_result result = TL_OK;
    char whole[256];
    if (file->schema->vfs && extended == SQLITE_IOERR_LOCK) { // the only one that fails so
        snprintf(
            whole, sizeof(whole),
            "no such namespace; make it: curl http://ADMIN_API/api/create_namespace -d '{\"key\":\"%.64s\"}', or start "
            "mvstore with --auto-create-namespace",
            file->path);
        return tl_fault_set(fault, TL_ERR_NOT_FOUND, file->path, whole);
    }
    if (file->schema->vfs) {
        result = fault_of_namespace(extended, &text);
    } else {
        result = fault_of_code(extended, file->db ? last_system_error(file) : errno, &text);
    }
    snprintf(whole, sizeof(whole), "%s (SQLite %d, %s)", text, extended, sqlite3_errstr(extended));
    return tl_fault_set(fault, result, file->path, whole);
}

tl_result tl_sqlite_file_damaged(const tl_sqlite_file *file, const char *table, int64_t row, const char *what,
                                 tl_fault *fault)
{
    char text[200];
    snprintf(text, sizeof(text), "table %s, row %lld %s; stop all servers and restore the %s from a copy", table,
             (long long)row, what, file->schema->vfs ? "namespace" : "file");
    return tl_fault_set(fault, TL_ERR_CORRUPT, file->path, text);
}

// ---- statements ----------------------------------------------------------------------------------------------------

tl_result tl_sqlite_file_prepare(tl_sqlite_file *file, const tl_sqlite_sql *list, size_t count, tl_fault *fault)
{
    TL_ASSERT(count > 0);
    for (size_t i = 0; i < count; i++) {
        int code = sqlite3_prepare_v3(file->db, list[i].sql, -1, SQLITE_PREPARE_PERSISTENT, list[i].statement, NULL);
        if (code == SQLITE_ERROR) { // no such table or column: the schema is not ours
            return tl_fault_set(fault, TL_ERR_CORRUPT, file->path,
                                "its tables are not those of a store; restore it from a copy");
        }
        if (code != SQLITE_OK) {
            return tl_sqlite_file_fault(file, code, fault);
        }
    }
    return TL_OK;
}

tl_result tl_sqlite_file_run_with(tl_sqlite_file *file, sqlite3_stmt *statement, const int64_t *values, tl_fault *fault)
{
    TL_ASSERT(statement && values);
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++) {
        sqlite3_bind_int64(statement, i + 1, values[i]);
    }
    return tl_sqlite_file_run(file, statement, fault);
}

tl_result tl_sqlite_file_step(tl_sqlite_file *file, sqlite3_stmt *statement, tl_fault *fault)
{
    TL_ASSERT(statement);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        return TL_OK;
    }
    tl_result result = code == SQLITE_DONE ? TL_AGAIN : tl_sqlite_file_fault(file, code, fault);
    sqlite3_reset(statement);
    return result;
}

tl_result tl_sqlite_file_run(tl_sqlite_file *file, sqlite3_stmt *statement, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_step(file, statement, fault);
    sqlite3_reset(statement);
    return result == TL_AGAIN ? TL_OK : result;
}

tl_result tl_sqlite_file_begin(tl_sqlite_file *file, bool write, tl_fault *fault)
{
    TL_ASSERT(sqlite3_get_autocommit(file->db));
    return tl_sqlite_file_run(file, write ? file->begin_write : file->begin_read, fault);
}

void tl_sqlite_file_rollback(tl_sqlite_file *file)
{
    if (!sqlite3_get_autocommit(file->db)) {
        tl_fault ignored;
        (void)tl_sqlite_file_run(file, file->rollback, &ignored);
    }
}

tl_result tl_sqlite_file_commit(tl_sqlite_file *file, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_run(file, file->commit, fault);
    if (result != TL_OK) {
        tl_sqlite_file_rollback(file);
    }
    return result;
}

tl_result tl_sqlite_file_version(tl_sqlite_file *file, int64_t *out, tl_fault *fault)
{
    tl_result result = tl_sqlite_file_step(file, file->data_version, fault);
    if (result == TL_OK) {
        *out = sqlite3_column_int64(file->data_version, 0);
    }
    sqlite3_reset(file->data_version);
    return result == TL_AGAIN ? TL_ERR_IO : result;
}

static int count_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    tl_sqlite_file *file = context;
    file->wal_pages = pages;
    return SQLITE_OK;
}

bool tl_sqlite_file_is_moved(tl_sqlite_file *file)
{
    int moved = 0;
    return sqlite3_file_control(file->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

// ---- opening -------------------------------------------------------------------------------------------------------

static tl_result execute(tl_sqlite_file *file, const char *sql, tl_fault *fault)
{
    int code = sqlite3_exec(file->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(file, code, fault);
}

static tl_result read_number(tl_sqlite_file *file, const char *sql, int64_t *out, tl_fault *fault)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
    if (code != SQLITE_OK) {
        return tl_sqlite_file_fault(file, code, fault);
    }
    tl_result result = tl_sqlite_file_step(file, statement, fault);
    if (result == TL_OK) {
        *out = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return result == TL_AGAIN ? TL_ERR_IO : result;
}

typedef struct identity {
    int64_t application, version, tables;
    int64_t ours; // of them, those whose definition is the schema's
} identity;

static int count_tables(const char *sql)
{
    int count = 0;
    for (const char *at = strstr(sql, "CREATE TABLE"); at; at = strstr(at + 1, "CREATE TABLE")) {
        count++;
    }
    return count;
}

static tl_result count_ours(tl_sqlite_file *file, int64_t *out, tl_fault *fault)
{
    sqlite3_stmt *statement = NULL;
    const tl_sqlite_sql list[] = {{&statement, "SELECT count(*) FROM sqlite_schema WHERE instr(?1, sql) > 0"}};
    tl_result result = tl_sqlite_file_prepare(file, list, 1, fault);
    if (result == TL_OK) {
        sqlite3_bind_text(statement, 1, file->schema->sql, -1, SQLITE_STATIC);
        result = tl_sqlite_file_step(file, statement, fault);
        *out = result == TL_OK ? sqlite3_column_int64(statement, 0) : 0;
    }
    sqlite3_finalize(statement);
    return result == TL_AGAIN ? TL_ERR_IO : result;
}

static tl_result read_identity(tl_sqlite_file *file, identity *out, tl_fault *fault)
{
    tl_result result = read_number(file, "PRAGMA application_id", &out->application, fault);
    if (result == TL_OK) {
        result = read_number(file, "PRAGMA user_version", &out->version, fault);
    }
    if (result == TL_OK) {
        result = read_number(file, "SELECT count(*) FROM sqlite_schema", &out->tables, fault);
    }
    return result == TL_OK ? count_ours(file, &out->ours, fault) : result;
}

// What is in the file: TL_AGAIN nothing yet. All of it is read in one transaction: it may just be being made.
static tl_result check_identity(tl_sqlite_file *file, tl_fault *fault)
{
    identity found = {0};
    bool alone = sqlite3_get_autocommit(file->db) != 0;
    tl_result result = alone ? execute(file, "BEGIN", fault) : TL_OK;
    if (result == TL_OK) {
        result = read_identity(file, &found, fault);
    }
    if (alone && !sqlite3_get_autocommit(file->db)) {
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    }
    if (result != TL_OK) {
        return result;
    }
    if (found.application == 0 && found.version == 0 && found.tables == 0) {
        return TL_AGAIN;
    }
    if (found.application != file->schema->application_id) {
        return tl_fault_set(fault, TL_ERR_CORRUPT, file->path,
                            "an SQLite file, but not this part of a Tramline store; check the path");
    }
    bool ours = found.ours == count_tables(file->schema->sql);
    int format = file->schema->format ? file->schema->format : TL_STORE_FORMAT;
    if (ours && found.version != format) {
        return tl_fault_set(
            fault, TL_ERR_CORRUPT, file->path,
            "its header names another format than its tables have; stop all servers and restore it from a copy");
    }
    if (found.version != format) {
        return tl_fault_format(fault, file->path, found.version);
    }
    return ours ? TL_OK
                : tl_fault_set(fault, TL_ERR_CORRUPT, file->path,
                               "its tables are not those of a store; restore it from a copy");
}

// In one transaction, so that another process sees all of it or an empty file.
static tl_result create_schema(tl_sqlite_file *file, tl_fault *fault)
{
    char pragma[160];
    snprintf(pragma, sizeof(pragma), "PRAGMA page_size=%d; PRAGMA journal_mode=%s", file->schema->page_bytes,
             file->schema->vfs ? "MEMORY" : "WAL");
    tl_result result = execute(file, pragma, fault);
    if (result == TL_OK) {
        result = execute(file, "BEGIN IMMEDIATE", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    result = check_identity(file, fault); // another process may have been faster
    if (result == TL_AGAIN) {
        snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d; PRAGMA user_version=%d",
                 file->schema->application_id, TL_STORE_FORMAT);
        result = execute(file, file->schema->sql, fault);
        if (result == TL_OK) {
            result = execute(file, pragma, fault);
        }
        if (result == TL_OK && file->schema->fill) {
            result = file->schema->fill(file, fault);
        }
    }
    if (result == TL_OK) {
        result = execute(file, "COMMIT", fault);
    }
    if (result != TL_OK && !sqlite3_get_autocommit(file->db)) {
        sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return result;
}

static tl_result check_pages(tl_sqlite_file *file, tl_sqlite_mode mode, tl_fault *fault)
{
    struct stat status;
    off_t limit = mode == TL_SQLITE_READ_ONLY ? TL_SQLITE_INSPECT_BYTES_MAX : TL_SQLITE_CHECK_BYTES_MAX;
    if (stat(file->path, &status) != 0 || status.st_size > limit) {
        return TL_OK;
    }
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(file->db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code != SQLITE_OK) {
        return tl_sqlite_file_fault(file, code, fault);
    }
    tl_result result = tl_sqlite_file_step(file, statement, fault);
    if (result == TL_OK && strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        char text[160];
        snprintf(text, sizeof(text), "damaged (%.80s); stop all servers and restore it from a copy",
                 (const char *)sqlite3_column_text(statement, 0));
        result = tl_fault_set(fault, TL_ERR_CORRUPT, file->path, text);
    }
    sqlite3_finalize(statement);
    return result;
}

// SQLite would take a directory in its place for a fault of the disk, and wait for ever at a pipe.
static tl_result check_types(const tl_sqlite_file *file, tl_fault *fault)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        char path[TL_PATH_BYTES_MAX + 8];
        struct stat status;
        snprintf(path, sizeof(path), "%s%s", file->path, ends[i]);
        if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
            return tl_fault_set(
                fault, TL_ERR_CORRUPT, path,
                "not a file, but a directory, a pipe or the like; stop all servers, move it away and restore the store "
                "from a copy");
        }
    }
    return TL_OK;
}

static tl_result connect_to(tl_sqlite_file *file, tl_sqlite_mode mode, tl_fault *fault)
{
    struct stat status;
    tl_result types = check_types(file, fault);
    if (types != TL_OK) {
        return types;
    }
    if (stat(file->path, &status) != 0 && errno == ENOENT && mode != TL_SQLITE_CREATE) {
        return TL_AGAIN;
    }
    int flags = mode == TL_SQLITE_READ_ONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    flags |= mode == TL_SQLITE_CREATE ? SQLITE_OPEN_CREATE : 0;
    // By name: where mvsqlite's library is loaded, its VFS is the default.
    int code = sqlite3_open_v2(file->path, &file->db, flags | SQLITE_OPEN_NOMUTEX, "unix");
    if (code != SQLITE_OK) {
        tl_result result = tl_sqlite_file_fault(file, code, fault);
        int system_error = file->db ? sqlite3_system_errno(file->db) : 0;
        if (system_error == EROFS || system_error == EACCES || system_error == EPERM) {
            result = tl_fault_set(fault, TL_ERR_READ_ONLY, file->path,
                                  "cannot be opened for writing; check its owner, permissions and the mount");
        }
        return result;
    }
    if (mode != TL_SQLITE_READ_ONLY && sqlite3_db_readonly(file->db, "main") == 1) {
        return tl_fault_set(fault, TL_ERR_READ_ONLY, file->path,
                            "can be read but not written; check its owner, permissions and the mount");
    }
    sqlite3_busy_timeout(file->db, TL_SQLITE_BUSY_MS);
    return TL_OK;
}

// A store on read-only media has no place for the index of its WAL. If there is no WAL, the file alone is all of it.
static tl_result connect_to_immutable(tl_sqlite_file *file, tl_fault *fault)
{
    char uri[TL_PATH_BYTES_MAX * 3 + 32] = "file:";
    char wal[TL_PATH_BYTES_MAX + 8];
    struct stat status;
    snprintf(wal, sizeof(wal), "%s-wal", file->path);
    if (stat(wal, &status) == 0 && status.st_size > 0) {
        return tl_fault_set(
            fault, TL_ERR_READ_ONLY, file->path,
            "on read-only media with a -wal file beside it; copy the directory to where it can be written");
    }
    size_t length = strlen(uri);
    for (const char *c = file->path; *c; c++) {
        bool special = *c == '?' || *c == '#' || *c == '%';
        length += (size_t)snprintf(uri + length, sizeof(uri) - length, special ? "%%%02x" : "%c", (unsigned char)*c);
    }
    snprintf(uri + length, sizeof(uri) - length, "?immutable=1");
    sqlite3_close(file->db);
    file->db = NULL;
    int code = sqlite3_open_v2(uri, &file->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, "unix");
    return code == SQLITE_OK ? check_identity(file, fault) : tl_sqlite_file_fault(file, code, fault);
}

// A namespace is there or not, whatever the mode; and nothing is asked of mvstore before the first lock.
static tl_result connect_to_namespace(tl_sqlite_file *file, tl_sqlite_mode mode, tl_fault *fault)
{
    int flags = mode == TL_SQLITE_READ_ONLY ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int code = sqlite3_open_v2(file->path, &file->db, flags | SQLITE_OPEN_NOMUTEX, file->schema->vfs);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(file->db, "PRAGMA journal_mode=MEMORY", NULL, NULL, NULL);
    }
    return code == SQLITE_OK ? TL_OK : tl_sqlite_file_fault(file, code, fault);
}

static tl_result open_checked(tl_sqlite_file *file, tl_sqlite_mode mode, bool durable_full, bool whole, tl_fault *fault)
{
    tl_result result = file->schema->vfs ? connect_to_namespace(file, mode, fault) : connect_to(file, mode, fault);
    if (result == TL_OK) {
        result = check_identity(file, fault);
        if (mode == TL_SQLITE_READ_ONLY && !file->schema->vfs && result != TL_OK && result != TL_AGAIN &&
            result != TL_ERR_CORRUPT && result != TL_ERR_VERSION && result != TL_ERR_BUSY) {
            result = connect_to_immutable(file, fault);
        }
    }
    if (result == TL_AGAIN && mode == TL_SQLITE_CREATE) {
        result = create_schema(file, fault);
    }
    // It could be written when it was connected to: so says its header, once that was read.
    if (result == TL_OK && mode != TL_SQLITE_READ_ONLY && !file->schema->vfs &&
        sqlite3_db_readonly(file->db, "main") == 1) {
        result = tl_fault_set(fault, TL_ERR_CORRUPT, file->path,
                              "its header is damaged; stop all servers and restore it from a copy");
    }
    if (result == TL_OK && whole && !file->schema->vfs) {
        result = check_pages(file, mode, fault);
    }
    if (result == TL_OK) {
        result = execute(file, durable_full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", fault);
    }
    if (result == TL_OK) {
        result = execute(file, "PRAGMA cache_size=-1024; PRAGMA journal_size_limit=16777216", fault);
    }
    if (result != TL_OK) {
        return result;
    }
    sqlite3_wal_hook(file->db, count_wal_pages, file); // in the place of SQLite's own checkpoints within COMMIT
    const tl_sqlite_sql list[] = {
        {&file->begin_read, "BEGIN"},
        // In a namespace it would exclude nobody, and wait for ever where mvstore refuses.
        {&file->begin_write, file->schema->vfs ? "BEGIN" : "BEGIN IMMEDIATE"},
        {&file->commit, "COMMIT"},
        {&file->rollback, "ROLLBACK"},
        {&file->data_version, "PRAGMA data_version"},
    };
    return tl_sqlite_file_prepare(file, list, sizeof(list) / sizeof(list[0]), fault);
}

tl_result tl_sqlite_file_open(tl_sqlite_file *file, const char *path, const tl_sqlite_schema *schema,
                              tl_sqlite_mode mode, bool durable_full, bool whole, tl_fault *fault)
{
    memset(file, 0, sizeof(*file));
    file->schema = schema;
    int length = snprintf(file->path, sizeof(file->path), "%s", path);
    if (length < 0 || (size_t)length >= sizeof(file->path)) {
        return tl_fault_set(fault, TL_ERR_INVALID, path, "the path is too long; use a shorter one");
    }
    tl_result result = open_checked(file, mode, durable_full, whole, fault);
    if (result != TL_OK) {
        tl_sqlite_file_close(file);
    }
    return result;
}

void tl_sqlite_file_close(tl_sqlite_file *file)
{
    if (!file->db) {
        return;
    }
    for (sqlite3_stmt *statement = sqlite3_next_stmt(file->db, NULL); statement;
         statement = sqlite3_next_stmt(file->db, NULL)) {
        sqlite3_finalize(statement);
    }
    int code = sqlite3_close(file->db);
    TL_ASSERT(code == SQLITE_OK);
    file->db = NULL;
}
