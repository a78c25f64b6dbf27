// The wire protocol between client and server: datagram types, flags and fixed heads. docs/PROTOCOL.md is normative;
// golden files in tests/golden hold it.
#ifndef TRAMLINE_WIRE_DATAGRAM_H
#define TRAMLINE_WIRE_DATAGRAM_H

#include "base/bytes.h"
#include "wire/cursor.h"

enum {
    TL_PROTOCOL_VERSION = 2,
    TL_WIRE_HELLO = 0x01,   // client: version, token
    TL_WIRE_REPORT = 0x02,  // client: what it has received, its viewpoint, what it owns
    TL_WIRE_BYE = 0x03,     // either side
    TL_WIRE_WELCOME = 0x81, // server
    TL_WIRE_FRAME = 0x82,   // server: a datagram of a frame
    TL_WIRE_REFUSE = 0x83,  // server: a result and a text
    TL_ACK_BITS = 128,
    TL_NACKS_MAX = 24, // per report
    TL_CLOSES_MAX = 64,
    TL_OWNED_MAX = 64,     // per client
    TL_HANDLES_MAX = 2048, // streams that a client holds at once
    TL_TIME_UNIT_US = 20,  // unit of times in heads
    TL_TIME_UNITS_MAX = 65535,
    TL_DATAGRAM_OPS_MAX = 4096, // over all chunks of one datagram
    TL_DATAGRAM_WORDS_MAX = 65536,
};

enum {                  // flags of a frame's datagram
    TL_FRAME_FIRST = 1, // first of its frame
    TL_FRAME_LAST = 2,
    TL_FRAME_CHANNEL_ACK = 4,
    TL_FRAME_MESSAGES = 8,
    TL_FRAME_CLOSES = 16,
};

enum { // flags of a report
    TL_REPORT_CHANNEL_ACK = 1,
    TL_REPORT_MESSAGES = 2,
    TL_REPORT_NACKS = 4,
    TL_REPORT_OBSERVER = 8,
    TL_REPORT_OWNED = 16,
};

enum {                  // flags of a chunk that is not plain
    TL_CHUNK_WHOLE = 1, // from version 0; the tile's key follows
    TL_CHUNK_RANGE = 2, // covers only slots begin..end
    TL_CHUNK_STEPS = 4, // spans more than one version
    TL_CHUNK_AGED = 8,  // ends at an older tick than the frame's
    TL_CHUNK_FULL = 16, // the base version is written in full
};

enum { // messages of the channel
    TL_MESSAGE_USER = 0,
    TL_MESSAGE_KINDS = 1,   // server: a part of the kind table
    TL_MESSAGE_REQUEST = 2, // client
    TL_MESSAGE_ANSWER = 3,  // server
    TL_MESSAGE_OWN = 4,     // server: the entities that this client owns, after a reconnect
};

typedef struct tl_frame_head {
    uint16_t sequence;
    uint32_t tick;       // low 32 bits of the world tick that the frame shows
    uint16_t sent_units; // send time, from that tick's beginning
    uint16_t ack;        // the last report that was received
    uint16_t held_units; // how long ago that was; TL_TIME_UNITS_MAX: none received yet
    uint8_t settled;     // how many ticks ago everything had arrived; 255: longer, or never
    uint8_t flags;
} tl_frame_head;

typedef struct tl_report_head {
    uint16_t sequence, ack;
    unsigned char bits[TL_ACK_BITS / 8]; // bit i: datagram ack - i was received and applied completely
    uint8_t flags;
} tl_report_head;

// A chunk's head, before its bytes.
typedef struct tl_chunk_head {
    uint32_t handle;
    bool whole;
    int tile_size, level; // the tile, if whole
    int32_t x, y, z;
    uint32_t begin, end; // slots
    uint32_t from;       // the base version: its low from_width bits when read, all bits when written
    int from_width;      // one of TL_FROM_…
    uint32_t steps;      // versions that it spans; whole: the version it leads to
    uint32_t age_ticks;  // how much older than the frame's tick its last tick is
    size_t size;
} tl_chunk_head;

// How many low bits identify a version. A stream's version increases at most once per tick, so two versions that agree
// in their low n bits were reached at least 2^n ticks apart. So n bits identify a version that was reached at most 2^n
// ticks before the tick that the chunk leads to (view_apply.c: runs_from_held() has the proof).
enum { TL_FROM_PLAIN = 6, TL_FROM_BYTE = 8, TL_FROM_FULL = 32 };
// The smallest width for a version that was reached `ticks` before the tick that the chunk leads to.
int tl_from_width(int64_t ticks);

enum { TL_CHUNK_HEAD_BYTES_MAX = 48 };

void tl_frame_head_write(tl_writer *w, const tl_frame_head *head);
void tl_frame_head_read(tl_reader *r, tl_frame_head *head); // after the type
void tl_report_head_write(tl_writer *w, const tl_report_head *head);
void tl_report_head_read(tl_reader *r, tl_report_head *head);
// `last_handle` is the handle of the previous chunk in the datagram, -1 at first; it is updated.
void tl_chunk_head_write(tl_writer *w, const tl_chunk_head *head, int32_t *last_handle);
void tl_chunk_head_read(tl_reader *r, tl_chunk_head *head, int32_t *last_handle);

#endif
