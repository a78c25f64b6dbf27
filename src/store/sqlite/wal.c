#include "store/sqlite/wal.h"

#include "store/engine/attachment.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// Where SQLite locks the snapshots that readers use, in the file "-shm" (WAL_READ_LOCK in its wal.c).
enum { READ_LOCKS_FIRST = 123, READ_LOCKS_LAST = 127, READERS_MAX = 32, LOOKS = 4 };

static uint64_t bytes_of(const tl_sqlite_file *file, int pages)
{
    return pages > 0 ? (uint64_t)pages * (uint64_t)(file->schema->page_bytes + 24) + 32 : 0; // with SQLite's headers
}

void tl_sqlite_wal_move(tl_sqlite_file *file)
{
    bool large = file->wal_bytes >= TL_WAL_RESET_BYTES;
    if (file->wal_pages > 0) {
        file->wal_bytes = bytes_of(file, file->wal_pages);
    }
    if (large && tl_clock_steady_us() >= file->wal_reset_us) {
        int pages = 0, moved = 0;
        file->wal_reset_us = tl_clock_steady_us() + TL_WAL_RESET_US;
        file->wal_pages = 0;
        int code = sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &pages, &moved);
        if ((code == SQLITE_OK || code == SQLITE_BUSY) && pages >= 0) {
            file->wal_bytes = bytes_of(file, pages);
        }
    } else if (file->wal_pages >= file->schema->checkpoint_pages) {
        file->wal_pages = 0; // a reader in the way leaves the rest to the next commit
        (void)sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    if (file->wal_bytes < TL_WAL_NOTICE_BYTES / 2) {
        file->wal_noticed_bytes = 0;
    }
}

bool tl_sqlite_wal_settle(tl_sqlite_file *file)
{
    int pages = 0, moved = 0;
    int code = sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
    return code == SQLITE_OK && moved == pages;
}

typedef struct readers {
    int processes[READERS_MAX];
    int count;
} readers;

static bool is_among(const readers *r, int process)
{
    for (int i = 0; i < r->count; i++) {
        if (r->processes[i] == process) {
            return true;
        }
    }
    return false;
}

// The other processes that have a snapshot open now, by the system's table of locks. (To open "-shm" for asking would
// drop all our own locks on it.)
static void list_readers(const struct stat *shm, readers *out)
{
    char line[256];
    FILE *locks = fopen("/proc/locks", "re");
    out->count = 0;
    while (locks && out->count < READERS_MAX && fgets(line, sizeof(line), locks)) {
        int process = 0;
        unsigned int major_number = 0, minor_number = 0;
        unsigned long long inode = 0, first = 0, last = 0;
        int fields = sscanf(line, "%*d: POSIX %*s READ %d %x:%x:%llu %llu %llu", &process, &major_number, &minor_number,
                            &inode, &first, &last);
        bool same = fields == 6 && inode == (unsigned long long)shm->st_ino && major_number == major(shm->st_dev) &&
                    minor_number == minor(shm->st_dev);
        if (same && first <= READ_LOCKS_LAST && last >= READ_LOCKS_FIRST && process > 0 && process != (int)getpid()) {
            out->processes[out->count++] = process;
        }
    }
    if (locks) {
        fclose(locks);
    }
}

// One that had a snapshot open at each of several looks: followers have theirs for a moment only. 0: none is found.
static int find_reader(const tl_sqlite_file *file)
{
    char path[TL_PATH_BYTES_MAX + 8];
    struct stat shm;
    snprintf(path, sizeof(path), "%s-shm", file->path);
    if (stat(path, &shm) != 0) {
        return 0;
    }
    readers all;
    list_readers(&shm, &all);
    for (int look = 1; look < LOOKS && all.count > 0; look++) {
        readers now, both = {.count = 0};
        nanosleep(&(struct timespec){.tv_nsec = 1500000}, NULL);
        list_readers(&shm, &now);
        for (int i = 0; i < all.count; i++) {
            if (is_among(&now, all.processes[i])) {
                both.processes[both.count++] = all.processes[i];
            }
        }
        all = both;
    }
    return all.count > 0 ? all.processes[0] : 0;
}

static tl_result describe(const tl_sqlite_file *file, const char *then, tl_fault *fault)
{
    char text[220], who[40] = "a program";
    int process = find_reader(file);
    if (process > 0) {
        snprintf(who, sizeof(who), "process %d", process);
    }
    snprintf(text, sizeof(text),
             "its -wal file has grown to %llu MB, for %s keeps an old snapshot of it open; close that (fuser "
             "names it)%s",
             (unsigned long long)(file->wal_bytes / 1000000), who, then);
    return tl_fault_set(fault, TL_ERR_NO_SPACE, file->path, text);
}

bool tl_sqlite_wal_has_grown(tl_sqlite_file *file, tl_fault *fault)
{
    if (file->wal_bytes < TL_WAL_NOTICE_BYTES || file->wal_bytes < 2 * file->wal_noticed_bytes) {
        return false;
    }
    file->wal_noticed_bytes = file->wal_bytes;
    (void)describe(file, "", fault);
    return true;
}

tl_result tl_sqlite_wal_check(tl_sqlite_file *file, uint64_t bytes_max, tl_fault *fault)
{
    return file->wal_bytes < bytes_max ? TL_OK : describe(file, "; nothing is written until then", fault);
}
