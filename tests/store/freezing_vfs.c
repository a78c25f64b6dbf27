#include "freezing_vfs.h"

#include "check.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

typedef struct freezing_file {
    sqlite3_file base;
    sqlite3_file *real; // behind this struct
} freezing_file;

static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t thawed = PTHREAD_COND_INITIALIZER;
static bool is_frozen;
static int blocked;

void freezing_vfs_freeze(bool frozen)
{
    pthread_mutex_lock(&mutex);
    is_frozen = frozen;
    pthread_cond_broadcast(&thawed);
    pthread_mutex_unlock(&mutex);
}

int freezing_vfs_blocked(void)
{
    pthread_mutex_lock(&mutex);
    int count = blocked;
    pthread_mutex_unlock(&mutex);
    return count;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((freezing_file *)file)->real;
}

// The real file, once nothing is frozen.
static sqlite3_file *to_write(sqlite3_file *file)
{
    pthread_mutex_lock(&mutex);
    blocked += is_frozen;
    while (is_frozen) {
        pthread_cond_wait(&thawed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    return real_of(file);
}

#define METHODS(file) real_of(file)->pMethods

static int file_close(sqlite3_file *file)
{
    return METHODS(file)->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *out, int bytes, sqlite3_int64 offset)
{
    return METHODS(file)->xRead(real_of(file), out, bytes, offset);
}

static int file_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 offset)
{
    sqlite3_file *real = to_write(file);
    return real->pMethods->xWrite(real, data, bytes, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *real = to_write(file);
    return real->pMethods->xTruncate(real, size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    sqlite3_file *real = to_write(file);
    return real->pMethods->xSync(real, flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *out)
{
    return METHODS(file)->xFileSize(real_of(file), out);
}

static int file_lock(sqlite3_file *file, int lock)
{
    return METHODS(file)->xLock(real_of(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
    return METHODS(file)->xUnlock(real_of(file), lock);
}

static int file_check_lock(sqlite3_file *file, int *out)
{
    return METHODS(file)->xCheckReservedLock(real_of(file), out);
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
    return METHODS(file)->xFileControl(real_of(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file)
{
    return METHODS(file)->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file)
{
    return METHODS(file)->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **out)
{
    return METHODS(file)->xShmMap(real_of(file), page, bytes, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return METHODS(file)->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    METHODS(file)->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    return METHODS(file)->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *out, int flags, int *flags_out)
{
    freezing_file *file = (freezing_file *)out;
    file->real = (sqlite3_file *)(file + 1);
    int code = real_vfs->xOpen(real_vfs, name, file->real, flags, flags_out);
    file->base.pMethods = file->real->pMethods ? &methods : NULL;
    return code;
}

void freezing_vfs_install(void)
{
    CHECK_EQUAL(sqlite3_initialize(), SQLITE_OK);
    real_vfs = sqlite3_vfs_find("unix");
    CHECK(real_vfs);
    vfs = *real_vfs; // names, deletes and tells the time as that does
    vfs.szOsFile = (int)sizeof(freezing_file) + real_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    CHECK_EQUAL(sqlite3_vfs_unregister(real_vfs), SQLITE_OK);
    CHECK_EQUAL(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}
