#include "scenario/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

enum { BUFFER_BYTES = 1 << 17 };

typedef enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD } packing;

struct input {
    FILE *file;
    packing packing;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool within; // a compressed part that has not ended
    unsigned char buffer[BUFFER_BYTES];
    size_t begin, end; // of what is in the buffer and not used
    uint64_t done_bytes, total_bytes;
};

static bool ends_with(const char *path, const char *ending)
{
    size_t length = strlen(path), ending_length = strlen(ending);
    return length >= ending_length && strcmp(path + length - ending_length, ending) == 0;
}

static bool fill(input *in)
{
    if (in->begin == in->end) {
        in->begin = 0;
        in->end = fread(in->buffer, 1, BUFFER_BYTES, in->file);
        in->done_bytes += in->end;
    }
    return !ferror(in->file);
}

static packing packing_of(const input *in, const char *path)
{
    static const unsigned char gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    const unsigned char *bytes = in->buffer + in->begin;
    size_t size = in->end - in->begin;
    if (ends_with(path, ".gz") || (size >= sizeof gzip && memcmp(bytes, gzip, sizeof gzip) == 0)) {
        return PACKING_GZIP;
    }
    bool packed = ends_with(path, ".zst") || (size >= sizeof zstd && memcmp(bytes, zstd, sizeof zstd) == 0);
    return packed ? PACKING_ZSTD : PACKING_NONE;
}

tl_result input_open(const char *path, input **out, char *text, size_t text_bytes)
{
    *out = NULL;
    input *in = calloc(1, sizeof *in);
    if (!in) {
        snprintf(text, text_bytes, "out of memory");
        return TL_ERR_MEMORY;
    }
    in->file = fopen(path, "rb");
    struct stat status;
    if (!in->file || fstat(fileno(in->file), &status) != 0 || !fill(in)) {
        snprintf(text, text_bytes, "cannot be read: %s", strerror(errno));
        tl_result result = errno == ENOENT ? TL_ERR_NOT_FOUND : TL_ERR_IO;
        input_close(in);
        return result;
    }
    in->total_bytes = (uint64_t)status.st_size;
    in->packing = packing_of(in, path);
    bool ready = in->packing != PACKING_GZIP || inflateInit2(&in->gzip, 15 + 16) == Z_OK; // 16: gzip's header
    if (in->packing == PACKING_ZSTD) {
        in->zstd = ZSTD_createDStream();
        ready = in->zstd != NULL;
    }
    in->within = in->packing != PACKING_NONE;
    if (!ready) {
        in->packing = PACKING_NONE;
        input_close(in);
        snprintf(text, text_bytes, "out of memory");
        return TL_ERR_MEMORY;
    }
    *out = in;
    return TL_OK;
}

// Both unpackers: consume part of the buffer, produce some bytes. False: the data is damaged.
static bool unpack_gzip(input *in, void *bytes, size_t size, size_t *given)
{
    in->gzip.next_in = in->buffer + in->begin;
    in->gzip.avail_in = (uInt)(in->end - in->begin);
    in->gzip.next_out = bytes;
    in->gzip.avail_out = (uInt)size;
    if (!in->within) { // one more part after the one that has ended
        inflateReset(&in->gzip);
        in->within = true;
    }
    int result = inflate(&in->gzip, Z_NO_FLUSH);
    in->begin = in->end - in->gzip.avail_in;
    *given = size - in->gzip.avail_out;
    in->within = result != Z_STREAM_END;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR;
}

static bool unpack_zstd(input *in, void *bytes, size_t size, size_t *given)
{
    ZSTD_inBuffer from = {in->buffer, in->end, in->begin};
    ZSTD_outBuffer to = {bytes, size, 0};
    size_t result = ZSTD_decompressStream(in->zstd, &to, &from);
    in->begin = from.pos;
    *given = to.pos;
    in->within = result != 0;
    return !ZSTD_isError(result);
}

tl_result input_read(input *in, void *bytes, size_t size, size_t *read_bytes, char *text, size_t text_bytes)
{
    *read_bytes = 0;
    while (*read_bytes == 0) {
        if (!fill(in)) {
            snprintf(text, text_bytes, "cannot be read: %s", strerror(errno));
            return TL_ERR_IO;
        }
        bool ended = in->begin == in->end;
        if (in->packing == PACKING_NONE) {
            *read_bytes = in->end - in->begin < size ? in->end - in->begin : size;
            memcpy(bytes, in->buffer + in->begin, *read_bytes);
            in->begin += *read_bytes;
            return TL_OK;
        }
        if (ended && !in->within) {
            return TL_OK;
        }
        bool gzip = in->packing == PACKING_GZIP;
        bool sound = gzip ? unpack_gzip(in, bytes, size, read_bytes) : unpack_zstd(in, bytes, size, read_bytes);
        if (!sound) {
            snprintf(text, text_bytes, "the %s data is damaged, or is none", gzip ? "gzip" : "Zstandard");
            return TL_ERR_CORRUPT;
        }
        if (ended && *read_bytes == 0 && in->within) {
            snprintf(text, text_bytes, "the %s data is cut off; copy or record it again", gzip ? "gzip" : "Zstandard");
            return TL_ERR_CORRUPT;
        }
    }
    return TL_OK;
}

void input_progress(const input *in, uint64_t *done_bytes, uint64_t *total_bytes)
{
    *done_bytes = in->done_bytes;
    *total_bytes = in->total_bytes;
}

void input_close(input *in)
{
    if (!in) {
        return;
    }
    if (in->packing == PACKING_GZIP) {
        inflateEnd(&in->gzip);
    }
    ZSTD_freeDStream(in->zstd);
    if (in->file) {
        fclose(in->file);
    }
    free(in);
}
