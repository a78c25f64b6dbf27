#include "wire/datagram.h"
#include "motion/kinds.h"

void tl_frame_head_write(tl_writer *w, const tl_frame_head *head)
{
    tl_write_fixed(w, TL_WIRE_FRAME, 1);
    tl_write_fixed(w, head->sequence, 2);
    tl_write_fixed(w, head->tick, 4);
    tl_write_fixed(w, head->sent_units, 2);
    tl_write_fixed(w, head->ack, 2);
    tl_write_fixed(w, head->held_units, 2);
    tl_write_fixed(w, head->settled, 1);
    tl_write_fixed(w, head->flags, 1);
}

void tl_frame_head_read(tl_reader *r, tl_frame_head *head)
{
    head->sequence = (uint16_t)tl_read_fixed(r, 2);
    head->tick = (uint32_t)tl_read_fixed(r, 4);
    head->sent_units = (uint16_t)tl_read_fixed(r, 2);
    head->ack = (uint16_t)tl_read_fixed(r, 2);
    head->held_units = (uint16_t)tl_read_fixed(r, 2);
    head->settled = (uint8_t)tl_read_fixed(r, 1);
    head->flags = (uint8_t)tl_read_fixed(r, 1);
    if (head->flags >> 5) {
        r->bad = true;
    }
}

void tl_report_head_write(tl_writer *w, const tl_report_head *head)
{
    tl_write_fixed(w, TL_WIRE_REPORT, 1);
    tl_write_fixed(w, head->sequence, 2);
    tl_write_fixed(w, head->ack, 2);
    tl_write_bytes(w, head->bits, sizeof head->bits);
    tl_write_fixed(w, head->flags, 1);
}

void tl_report_head_read(tl_reader *r, tl_report_head *head)
{
    head->sequence = (uint16_t)tl_read_fixed(r, 2);
    head->ack = (uint16_t)tl_read_fixed(r, 2);
    const unsigned char *bits = tl_read_bytes(r, sizeof head->bits);
    if (bits) {
        memcpy(head->bits, bits, sizeof head->bits);
    }
    head->flags = (uint8_t)tl_read_fixed(r, 1);
    if (head->flags >> 5) {
        r->bad = true;
    }
}

// A plain chunk's head is three bytes: the handle gap (7 bits, the top bit 0), then 6 bits of the version and 10 of the
// size. In any other head the top bit of the first byte is 1, and a byte of flags states what follows.
enum { GAP_ESCAPE = 127, PLAIN_SIZE_MAX = 1023 };

int tl_from_width(int64_t ticks)
{
    return ticks <= 1 << TL_FROM_PLAIN ? TL_FROM_PLAIN : ticks <= 1 << TL_FROM_BYTE ? TL_FROM_BYTE : TL_FROM_FULL;
}

static uint32_t low_bits(uint32_t version, int width)
{
    return width == TL_FROM_FULL ? version : version & ((1u << width) - 1);
}

static void write_gap(tl_writer *w, uint32_t gap, bool plain)
{
    tl_write_fixed(w, (gap < GAP_ESCAPE ? gap : GAP_ESCAPE) | (plain ? 0 : 0x80), 1);
    if (gap >= GAP_ESCAPE) {
        tl_write_varint(w, gap - GAP_ESCAPE);
    }
}

void tl_chunk_head_write(tl_writer *w, const tl_chunk_head *head, int32_t *last_handle)
{
    TL_ASSERT(head->handle < TL_HANDLES_MAX && head->begin < head->end);
    TL_ASSERT((int64_t)head->handle >= *last_handle);
    bool range = head->begin != 0 || head->end != TL_SLOT_END;
    bool full = !head->whole && head->from_width == TL_FROM_FULL;
    bool plain = !head->whole && head->from_width == TL_FROM_PLAIN && !range && head->steps == 1 &&
                 head->age_ticks == 0 && head->size <= PLAIN_SIZE_MAX;
    // the same stream may appear again with other slots
    uint32_t gap = head->handle - (uint32_t)tl_max_i64(*last_handle, 0);
    *last_handle = (int32_t)head->handle;
    write_gap(w, gap, plain);
    if (plain) {
        tl_write_fixed(w, low_bits(head->from, TL_FROM_PLAIN) | head->size << TL_FROM_PLAIN, 2);
        return;
    }
    tl_write_fixed(w,
                   (head->whole ? TL_CHUNK_WHOLE : 0) | (range ? TL_CHUNK_RANGE : 0) |
                       (head->whole || head->steps != 1 ? TL_CHUNK_STEPS : 0) | (head->age_ticks ? TL_CHUNK_AGED : 0) |
                       (full ? TL_CHUNK_FULL : 0),
                   1);
    if (head->whole) {
        tl_write_fixed(w, (uint64_t)(head->tile_size + head->level), 1); // the rank
        tl_write_signed(w, head->x);
        tl_write_signed(w, head->y);
        tl_write_signed(w, head->z);
    } else if (full) {
        tl_write_varint(w, head->from);
    } else {
        tl_write_fixed(w, low_bits(head->from, TL_FROM_BYTE), 1);
    }
    if (range) {
        tl_write_varint(w, head->begin);
        tl_write_varint(w, head->end == TL_SLOT_END ? 0 : head->end);
    }
    if (head->whole || head->steps != 1) {
        tl_write_varint(w, head->steps);
    }
    if (head->age_ticks) {
        tl_write_varint(w, head->age_ticks);
    }
    tl_write_varint(w, head->size);
}

static int32_t read_tile(tl_reader *r, int size)
{
    int64_t at = tl_read_signed(r), edge = TL_TILE_EDGE >> size;
    if (at < -edge || at >= edge) {
        r->bad = true;
    }
    return r->bad ? 0 : (int32_t)at;
}

static void read_flagged(tl_reader *r, tl_chunk_head *head)
{
    int flags = (int)tl_read_fixed(r, 1);
    head->whole = flags & TL_CHUNK_WHOLE;
    if (flags >> 5 || (head->whole && (!(flags & TL_CHUNK_STEPS) || flags & TL_CHUNK_FULL))) {
        r->bad = true;
    }
    if (head->whole) {
        int rank = (int)tl_read_fixed(r, 1);
        head->tile_size = rank / 2;
        head->level = rank / 2 + rank % 2;
        if (head->level >= TL_LEVELS_MAX) {
            r->bad = true;
            return;
        }
        head->x = read_tile(r, head->tile_size), head->y = read_tile(r, head->tile_size),
        head->z = read_tile(r, head->tile_size);
    } else {
        head->from_width = flags & TL_CHUNK_FULL ? TL_FROM_FULL : TL_FROM_BYTE;
        head->from = flags & TL_CHUNK_FULL ? (uint32_t)tl_read_limited(r, 0xffffffffu) : (uint32_t)tl_read_fixed(r, 1);
    }
    if (flags & TL_CHUNK_RANGE) {
        head->begin = (uint32_t)tl_read_limited(r, TL_SLOT_END - 1);
        head->end = (uint32_t)tl_read_limited(r, TL_SLOT_END - 1);
        if (head->end == 0) {
            head->end = TL_SLOT_END;
        }
        if (head->begin >= head->end) {
            r->bad = true;
        }
    }
    if (flags & TL_CHUNK_STEPS) {
        head->steps = (uint32_t)tl_read_limited(r, 0xffffffffu);
    }
    if (head->steps == 0 || (head->from_width == TL_FROM_BYTE && head->steps >> TL_FROM_BYTE)) {
        r->bad = true;
    }
    if (flags & TL_CHUNK_AGED) {
        head->age_ticks = (uint32_t)tl_read_limited(r, 1u << 31);
    }
    head->size = tl_read_limited(r, TL_DATAGRAM_BYTES_MAX);
}

void tl_chunk_head_read(tl_reader *r, tl_chunk_head *head, int32_t *last_handle)
{
    *head = (tl_chunk_head){.end = TL_SLOT_END, .steps = 1};
    uint32_t first = (uint32_t)tl_read_fixed(r, 1), gap = first & 0x7f;
    if (gap == GAP_ESCAPE) {
        gap += (uint32_t)tl_read_limited(r, TL_HANDLES_MAX);
    }
    head->handle = (uint32_t)tl_max_i64(*last_handle, 0) + gap;
    if (head->handle >= TL_HANDLES_MAX) {
        r->bad = true;
    }
    *last_handle = (int32_t)head->handle;
    if (first & 0x80) {
        read_flagged(r, head);
        return;
    }
    uint32_t bits = (uint32_t)tl_read_fixed(r, 2);
    head->from_width = TL_FROM_PLAIN;
    head->from = low_bits(bits, TL_FROM_PLAIN);
    head->size = bits >> TL_FROM_PLAIN;
}
