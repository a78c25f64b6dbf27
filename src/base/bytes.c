#include "base/bytes.h"

void tl_write_bytes(tl_writer *w, const void *data, size_t size)
{
    if (w->bad || w->capacity - w->size < size) {
        w->bad = true;
        return;
    }
    if (size) {
        memcpy(w->data + w->size, data, size);
    }
    w->size += size;
}

void tl_write_varint(tl_writer *w, uint64_t value)
{
    unsigned char bytes[10];
    int count = 0;
    do {
        bytes[count++] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    tl_write_bytes(w, bytes, (size_t)count);
}

void tl_write_fixed(tl_writer *w, uint64_t value, int bytes)
{
    unsigned char buffer[8];
    for (int i = 0; i < bytes; i++) {
        buffer[i] = (unsigned char)(value >> (8 * i));
    }
    tl_write_bytes(w, buffer, (size_t)bytes);
}

void tl_write_name(tl_writer *w, const char *name)
{
    size_t size = strlen(name);
    TL_ASSERT(size <= TL_NAME_BYTES_MAX);
    tl_write_fixed(w, size, 1);
    tl_write_bytes(w, name, size);
}

const unsigned char *tl_read_bytes(tl_reader *r, size_t size)
{
    if (r->bad || r->size - r->at < size) {
        r->bad = true;
        return NULL;
    }
    const unsigned char *data = r->data + r->at;
    r->at += size;
    return data;
}

uint64_t tl_read_varint(tl_reader *r)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        const unsigned char *byte = tl_read_bytes(r, 1);
        if (byte == NULL) {
            return 0;
        }
        if (shift == 63 && *byte > 1) {
            break;
        }
        value |= (uint64_t)(*byte & 0x7f) << shift;
        if (!(*byte & 0x80)) {
            return value;
        }
    }
    r->bad = true;
    return 0;
}

uint64_t tl_read_fixed(tl_reader *r, int bytes)
{
    const unsigned char *data = tl_read_bytes(r, (size_t)bytes);
    uint64_t value = 0;
    for (int i = 0; data && i < bytes; i++) {
        value |= (uint64_t)data[i] << (8 * i);
    }
    return value;
}

void tl_read_name(tl_reader *r, char out[TL_NAME_BYTES_MAX + 1])
{
    out[0] = 0;
    size_t size = tl_read_fixed(r, 1);
    if (size > TL_NAME_BYTES_MAX) {
        r->bad = true;
    }
    const unsigned char *data = tl_read_bytes(r, size);
    if (data == NULL) {
        return;
    }
    memcpy(out, data, size);
    out[size] = 0;
    if (!tl_name_valid(out) || strlen(out) != size) {
        r->bad = true;
    }
}
