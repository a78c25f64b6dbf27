// A recording as a file: what recording_load() has made of FCD XML, byte for byte as it lies in memory.
// Reading XML of gigabytes takes minutes; this is mapped at once, and all processes that map it share its pages. Such a
// file is for the machine that wrote it, and for as long as the city runs: its numbers have this machine's byte order.
#include "scenario/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MAGIC[8] = "TLREC\0\0\1"; // with the version

typedef struct recording_head {
    char magic[8];
    uint32_t track_count, point_count, period_ms, unused;
    double centre_x_m, centre_z_m;
} recording_head;
_Static_assert(sizeof(recording_head) == 40 && sizeof(recording_track) == 20 && sizeof(recording_point) == 16,
               "no padding but what is named");

static size_t tracks_bytes(const recording_head *head)
{
    return ((size_t)head->track_count * sizeof(recording_track) + 15) / 16 * 16;
}

static size_t file_bytes(const recording_head *head)
{
    return 48 + tracks_bytes(head) + (size_t)head->point_count * sizeof(recording_point);
}

static bool write_all(FILE *file, const recording *r)
{
    static const char zeros[16];
    recording_head head = {.track_count = r->track_count,
                           .point_count = r->point_count,
                           .period_ms = r->period_ms,
                           .centre_x_m = r->centre_x_m,
                           .centre_z_m = r->centre_z_m};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    size_t padding = tracks_bytes(&head) - r->track_count * sizeof *r->tracks;
    return fwrite(&head, sizeof head, 1, file) == 1 && fwrite(zeros, 48 - sizeof head, 1, file) == 1 &&
           fwrite(r->tracks, sizeof *r->tracks, r->track_count, file) == r->track_count &&
           fwrite(zeros, 1, padding, file) == padding &&
           fwrite(r->points, sizeof *r->points, r->point_count, file) == r->point_count;
}

tl_result recording_save(const recording *r, const char *path, char *text, size_t text_bytes)
{
    FILE *file = fopen(path, "wb");
    bool written = file && write_all(file, r);
    int why = errno;
    if (file && fclose(file) != 0) {
        written = false;
        why = errno;
    }
    if (!written) {
        snprintf(text, text_bytes, "%s: cannot be written: %s", path, strerror(why));
    }
    return written ? TL_OK : why == ENOSPC ? TL_ERR_NO_SPACE : TL_ERR_IO;
}

bool recording_is_saved(const char *path)
{
    char magic[sizeof MAGIC];
    FILE *file = fopen(path, "rb");
    bool saved = file && fread(magic, sizeof magic, 1, file) == 1 && memcmp(magic, MAGIC, sizeof MAGIC) == 0;
    if (file) {
        fclose(file);
    }
    return saved;
}

static bool tracks_sound(const recording *r)
{
    for (uint32_t n = 0; n < r->track_count; n++) {
        const recording_track *t = &r->tracks[n];
        if (t->count < 1 || t->first > r->point_count || t->count > r->point_count - t->first ||
            t->begin_ms > t->end_ms) {
            return false;
        }
        const recording_point *points = &r->points[t->first];
        if (points[0].time_ms != t->begin_ms || points[t->count - 1].time_ms != t->end_ms) {
            return false;
        }
        for (uint32_t i = 1; i < t->count; i++) {
            if (points[i].time_ms <= points[i - 1].time_ms) {
                return false;
            }
        }
    }
    return true;
}

tl_result recording_map(recording *r, const char *path, char *text, size_t text_bytes)
{
    *r = (recording){0};
    struct stat about = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *mapped = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &about) == 0 && about.st_size >= 48) {
        mapped = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (mapped == MAP_FAILED) {
        snprintf(text, text_bytes, "%s: cannot be mapped: %s", path,
                 fd >= 0 && about.st_size < 48 ? "it is cut" : strerror(errno));
        return TL_ERR_IO;
    }
    const recording_head *head = mapped;
    *r = (recording){.mapped = mapped, .mapped_bytes = (size_t)about.st_size};
    bool sound = memcmp(head->magic, MAGIC, sizeof MAGIC) == 0 && head->track_count >= 1 &&
                 head->track_count <= RECORDING_TRACKS_MAX && head->point_count <= RECORDING_POINTS_MAX &&
                 head->period_ms >= 1 && isfinite(head->centre_x_m) && isfinite(head->centre_z_m) &&
                 file_bytes(head) == r->mapped_bytes;
    if (sound) {
        r->tracks = (recording_track *)((char *)mapped + 48);
        r->points = (recording_point *)((char *)mapped + 48 + tracks_bytes(head));
        r->track_count = head->track_count;
        r->point_count = head->point_count;
        r->period_ms = head->period_ms;
        r->centre_x_m = head->centre_x_m;
        r->centre_z_m = head->centre_z_m;
        sound = tracks_sound(r);
    }
    if (!sound) {
        snprintf(text, text_bytes, "%s: is a saved recording, but cut or damaged; read the FCD XML again", path);
        recording_reset(r);
        return TL_ERR_CORRUPT;
    }
    return TL_OK;
}
