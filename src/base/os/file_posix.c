#define _GNU_SOURCE // mkostemp, nftw
#include "base/os/file.h"

#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MODE_FILE = 0666, // less what the umask takes away
    MODE_FOLDER = 0777,
    MODE_PRIVATE = 0600,
    MODE_PUBLIC = 0644,
    OPEN_FOLDERS_MAX = 8,
};

// ---- files ----------------------------------------------------------------------------------------------------------

int tl_os_file_create(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, MODE_FILE);
}

void tl_os_file_close(int file)
{
    TL_ASSERT(file >= 0);
    close(file);
}

bool tl_os_file_write(int file, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes > 0) {
        ssize_t written = write(file, at, bytes);
        if (written > 0) {
            TL_ASSERT((size_t)written <= bytes);
            at += written;
            bytes -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) { // somebody has made it non-blocking
            poll(&(struct pollfd){.fd = file, .events = POLLOUT}, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static int no_quota_is_no_space(int error)
{
    return error == EDQUOT ? ENOSPC : error;
}

// Writes beside the file and then links it to its name.
bool tl_os_file_write_new(const char *path, bool is_private, const void *data, size_t bytes)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return false;
    }
    int file = mkostemp(beside, O_CLOEXEC); // mode 0600
    if (file < 0) {
        errno = no_quota_is_no_space(errno);
        return false;
    }
    bool good = tl_os_file_write(file, data, bytes) && fchmod(file, is_private ? MODE_PRIVATE : MODE_PUBLIC) == 0 &&
                fsync(file) == 0;
    int error = errno;
    close(file);
    if (good && link(beside, path) != 0) {
        good = false;
        error = errno;
    }
    unlink(beside);
    errno = no_quota_is_no_space(error);
    return good;
}

ptrdiff_t tl_os_file_read(const char *path, void *out, size_t bytes_max)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not hang us
    if (file < 0) {
        return -1;
    }
    ptrdiff_t bytes = read(file, out, bytes_max);
    int error = errno;
    close(file);
    errno = error;
    return bytes;
}

bool tl_os_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool tl_os_file_replace(const char *from, const char *to)
{
    return rename(from, to) == 0;
}

// ---- folders --------------------------------------------------------------------------------------------------------

bool tl_os_folder_create(const char *path)
{
    return mkdir(path, MODE_FOLDER) == 0;
}

bool tl_os_folder_remove(const char *path)
{
    return rmdir(path) == 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

void tl_os_folder_remove_all(const char *path)
{
    TL_ASSERT(path[0]);
    nftw(path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}

// ---- terminals ------------------------------------------------------------------------------------------------------

bool tl_os_is_terminal(int file)
{
    return isatty(file);
}

int tl_os_terminal_columns(int file)
{
    struct winsize size;
    return ioctl(file, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
