// The examples at the end of docs/PROTOCOL.md, made anew. First two datagrams, and how the second one's chunk is
// decoded, bit by bit. Then the same with the second one lost: a nack, and chunks of some slots. Built with the core
// compiled with TL_TRAIN, whose hooks show the coder at work.
//
//   bench_protocol_example               prints it
//   bench_protocol_example PROTOCOL.md   checks that the page says just that; a CTest
#include "check.h"
#include "client/view_apply.h"
#include "motion/state.h"
#include "wire/chunk.h"
#include "wire/datagram.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#define MEMBERS(X) \
    X(added)       \
    X(filled)      \
    X(changed)     \
    X(op)          \
    X(kind)        \
    X(server)      \
    X(id)          \
    X(carrier)     \
    X(field)       \
    X(still)       \
    X(age)         \
    X(place)       \
    X(speed)       \
    X(turn)        \
    X(swerve)      \
    X(since)       \
    X(miss)        \
    X(mode)        \
    X(rotation)    \
    X(spin)        \
    X(scalar)      \
    X(integer)     \
    X(bytes)

extern void (*tl_train_step)(const tl_codec *before, uint32_t bound, int context, int probability, int bit);

enum {
    LINE_BYTES = 256,
    LINES_MAX = 256,
    FIRST_TICK = 1000,
    SECOND_TICK = 1010,
    THIRD_TICK = 1011,
    FOURTH_TICK = 1013
};

static char lines[LINES_MAX][LINE_BYTES];
static int line_count;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    CHECK(line_count < LINES_MAX);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(lines[line_count++], LINE_BYTES, format, arguments);
    va_end(arguments);
}

static void say_bytes(const unsigned char *data, size_t size)
{
    char text[LINE_BYTES] = "";
    for (size_t i = 0; i < size; i++) {
        snprintf(text + 3 * i, sizeof text - 3 * i, "%02x ", data[i]);
    }
    text[3 * size - 1] = 0;
    say("%s", text);
}

static void on_step(const tl_codec *before, uint32_t bound, int context, int probability, int bit)
{
    if (before->encode) {
        return;
    }
    if (context < 0) {
        say("| raw | | %08x | %08x | %08x | %d |", before->range, before->code, bound, bit);
        return;
    }
    const char *name = "";
    int first = 0;
#define NAME(member)                                       \
    if (context >= (int)(offsetof(tl_models, member) / 2)) \
        name = #member, first = (int)(offsetof(tl_models, member) / 2);
    MEMBERS(NAME)
    say("| %s+%d | %d | %08x | %08x | %08x | %d |", name, context - first, probability, before->range, before->code,
        bound, bit);
}

// ---- the two walkers ----

static tl_kinds kinds;
// after: the first one at the second tick; started: the second one at the third
static int64_t walkers[2][16], after[16], started[16];

static void make_walkers(void)
{
    static tl_kind_def def;
    def = tl_kind_def_default("walker");
    def.fields[1] = tl_field_def_default("rotation", TL_FIELD_ROTATION, TL_PREDICT_HEADING);
    def.field_count = 2;
    CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, 20, NULL, 0), TL_OK);
    int shift = kinds.kinds[0].fields[0].shift[0];
    tl_position_set(walkers[0], shift, &kinds, FIRST_TICK, (tl_vec3){10, 0, 20}, (tl_vec3){1.5, 0, 0}, true);
    walkers[0][7] = 1; // along its heading
    tl_position_set(walkers[1], shift, &kinds, FIRST_TICK, (tl_vec3){12, 0, 20}, (tl_vec3){0}, true);
    memcpy(after, walkers[0], sizeof after);
    memcpy(started, walkers[1], sizeof started);
    tl_position_set(started, shift, &kinds, THIRD_TICK, (tl_vec3){12, 0, 20}, (tl_vec3){0, 0, -1}, true);
    tl_position_set(after, shift, &kinds, SECOND_TICK, (tl_vec3){10.675, 0, 20.075}, (tl_vec3){0, 0, 1.5}, true);
}

static size_t encode_first(unsigned char *out)
{
    static tl_chunk_coder c;
    tl_chunk_encoder(&c, &kinds, 0, 1, true, FIRST_TICK, 0, out, 256);
    tl_chunk_added(&c, 2);
    for (uint32_t i = 0; i < 2; i++) {
        tl_chunk_op op = {.type = TL_CHUNK_ENTER, .slot = i, .id = 0x0001000000000007u + i, .words = walkers[i]};
        tl_chunk_changed(&c, true, TL_MOTION_EMPTY, 0);
        tl_chunk_code(&c, &op, NULL, 0);
    }
    return tl_codec_finish(&c.codec);
}

static void code_second(tl_chunk_coder *c, int64_t *words)
{
    const tl_kind *kind = &kinds.kinds[0];
    CHECK_EQUAL(tl_chunk_added(c, 0), 0);
    tl_chunk_op op = {.type = TL_CHUNK_UPDATE, .slot = 0, .words = words};
    CHECK(tl_chunk_changed(c, true, tl_motion_of(kind, &kinds, 0, walkers[0]), walkers[0][0]));
    tl_chunk_code(c, &op, walkers[0], 0);
    CHECK(!tl_chunk_changed(c, false, tl_motion_of(kind, &kinds, 0, walkers[1]), walkers[1][0]));
}

static size_t encode_second(unsigned char *out)
{
    static tl_chunk_coder c;
    tl_chunk_encoder(&c, &kinds, 0, 1, false, SECOND_TICK, 0x0001000000000007u, out, 256);
    code_second(&c, after);
    return tl_codec_finish(&c.codec);
}

static void decode_second(const unsigned char *in, size_t size)
{
    static tl_chunk_coder c;
    int64_t words[16] = {0};
    tl_train_step = on_step;
    tl_chunk_decoder(&c, &kinds, 0, 1, false, SECOND_TICK, 0x0001000000000007u, in, size);
    code_second(&c, words);
    tl_train_step = NULL;
    CHECK(!c.codec.bad && memcmp(words, after, sizeof words) == 0);
}

// A chunk of one slot or both: from what is in `from` to what is in `to`.
static size_t encode_slots(uint32_t begin, uint32_t end, const int64_t *const from[2], int64_t *const to[2],
                           uint32_t steps, unsigned char *out)
{
    static tl_chunk_coder c;
    const tl_kind *kind = &kinds.kinds[0];
    tl_chunk_encoder(&c, &kinds, 0, steps, false, THIRD_TICK, 0x0001000000000007u + begin, out, 256);
    if (end == TL_SLOT_END) {
        tl_chunk_added(&c, 0);
    }
    for (uint32_t i = begin; i < end && i < 2; i++) {
        bool changed = memcmp(from[i], to[i], sizeof after) != 0;
        tl_chunk_changed(&c, changed, tl_motion_of(kind, &kinds, 0, from[i]), from[i][0]);
        tl_chunk_op op = {.type = TL_CHUNK_UPDATE, .slot = i, .words = to[i]};
        if (changed) {
            tl_chunk_code(&c, &op, from[i], 0);
        }
    }
    return tl_codec_finish(&c.codec);
}

// ---- the datagrams ----

static tl_view view;

// What the client makes of a datagram, from after its head on.
static void view_takes(uint16_t sequence, int64_t tick, const tl_writer *w, size_t head_bytes, uint64_t skipped,
                       uint32_t nack_count)
{
    tl_reader r = tl_reader_make(w->data + head_bytes, w->size - head_bytes);
    CHECK_EQUAL(tl_view_apply(&view, sequence, tick, -1, NULL, 0, &r), TL_OK);
    CHECK(view.skipped == skipped && view.nack_count == nack_count);
}

static void say_datagram(uint16_t sequence, int64_t tick, tl_chunk_head *chunk, const unsigned char *data, size_t size)
{
    unsigned char out[256];
    tl_writer w = tl_writer_make(out, sizeof out);
    tl_frame_head head = {.sequence = sequence,
                          .tick = (uint32_t)tick,
                          .sent_units = 150,
                          .held_units = TL_TIME_UNITS_MAX,
                          .settled = 255,
                          .flags = TL_FRAME_FIRST | TL_FRAME_LAST};
    int32_t last_handle = -1;
    tl_frame_head_write(&w, &head);
    size_t head_bytes = w.size;
    say_bytes(out, head_bytes);
    chunk->end = TL_SLOT_END;
    chunk->steps = 1;
    chunk->size = size;
    tl_chunk_head_write(&w, chunk, &last_handle);
    say_bytes(out + head_bytes, w.size - head_bytes);
    say_bytes(data, size);
}

// Writes a frame's head; its size.
static size_t write_frame_head(tl_writer *w, uint16_t sequence, int64_t tick, uint16_t ack, uint16_t held_units)
{
    tl_frame_head head = {.sequence = sequence,
                          .tick = (uint32_t)tick,
                          .sent_units = 150,
                          .ack = ack,
                          .held_units = held_units,
                          .settled = 255,
                          .flags = TL_FRAME_FIRST | TL_FRAME_LAST};
    tl_frame_head_write(w, &head);
    return w->size;
}

static void put_chunk(tl_writer *w, int32_t *last_handle, tl_chunk_head head, const unsigned char *data, bool told)
{
    size_t at = w->size;
    tl_chunk_head_write(w, &head, last_handle);
    if (told) {
        say_bytes(w->data + at, w->size - at);
    }
    tl_write_bytes(w, data, head.size);
    if (told) {
        say_bytes(data, head.size);
    }
}

static void say_report(void)
{
    unsigned char out[64];
    tl_writer w = tl_writer_make(out, sizeof out);
    tl_report_head head = {.sequence = 5, .ack = 3, .bits = {1 << 0 | 1 << 2}, .flags = TL_REPORT_NACKS};
    tl_report_head_write(&w, &head);
    say_bytes(out, w.size);
    size_t at = w.size;
    tl_write_varint(&w, view.nack_count);
    tl_write_fixed(&w, view.nacks[0].sequence, 2);
    tl_write_varint(&w, view.nacks[0].handle);
    tl_write_varint(&w, view.nacks[0].begin);
    tl_write_varint(&w, view.nacks[0].end == TL_SLOT_END ? 0 : view.nacks[0].end);
    tl_write_varint(&w, tl_view_held(&view, &view.nacks[0]));
    say_bytes(out + at, w.size - at);
}

static void say_states(void)
{
    for (int i = 0; i < 2; i++) {
        const int64_t *state = view.streams[0].slots[i].state;
        CHECK(memcmp(state, i ? started : after, 11 * sizeof *state) == 0);
        say("%lld, p %lld %lld %lld, v %lld %lld %lld", (long long)state[0], (long long)state[1], (long long)state[2],
            (long long)state[3], (long long)state[4], (long long)state[5], (long long)state[6]);
    }
}

// The second datagram is lost. The third does not fit, the client says so, and the fourth brings both slots, each by
// itself.
static void make_loss(void)
{
    unsigned char out[256], data[256];
    size_t bytes = tl_view_bytes(16) + (1 << 20);
    void *memory = calloc(1, bytes);
    tl_heap heap;
    CHECK(memory);
    tl_heap_init(&heap, memory, bytes);
    CHECK_EQUAL(tl_view_init(&view, &heap, &kinds, 16), TL_OK);
    int32_t last = -1;
    tl_writer w = tl_writer_make(out, sizeof out);
    size_t head_bytes = write_frame_head(&w, 1, FIRST_TICK, 4, 500), size = encode_first(data);
    put_chunk(&w, &last, (tl_chunk_head){.whole = true, .end = TL_SLOT_END, .steps = 1, .size = size}, data, false);
    view_takes(1, FIRST_TICK, &w, head_bytes, 0, 0);

    w = tl_writer_make(out, sizeof out), last = -1;
    head_bytes = write_frame_head(&w, 3, THIRD_TICK, 4, 500);
    say_bytes(out, w.size);
    const int64_t *const before_third[2] = {after, walkers[1]}, *const first[2] = {walkers[0], walkers[1]};
    int64_t *const third[2] = {after, started};
    size = encode_slots(0, TL_SLOT_END, before_third, third, 1, data);
    put_chunk(&w, &last,
              (tl_chunk_head){.end = TL_SLOT_END, .steps = 1, .from = 2, .from_width = TL_FROM_PLAIN, .size = size},
              data, true);
    view_takes(3, THIRD_TICK, &w, head_bytes, 1, 1);
    say_report();

    w = tl_writer_make(out, sizeof out), last = -1;
    head_bytes = write_frame_head(&w, 4, FOURTH_TICK, 5, 1000);
    say_bytes(out, w.size);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t end = i ? TL_SLOT_END : 1;
        size = encode_slots(i, end, first, third, 2, data);
        tl_chunk_head head = {.begin = i,
                              .end = end,
                              .steps = 2,
                              .age_ticks = FOURTH_TICK - THIRD_TICK,
                              .from = 1,
                              .from_width = TL_FROM_PLAIN,
                              .size = size};
        put_chunk(&w, &last, head, data, true);
    }
    view_takes(4, FOURTH_TICK, &w, head_bytes, 1, 0);
    say_states();
    free(memory);
}

static void make(void)
{
    unsigned char data[256];
    make_walkers();
    size_t size = encode_first(data);
    say_datagram(1, FIRST_TICK, &(tl_chunk_head){.whole = true}, data, size);
    size = encode_second(data);
    say_datagram(2, SECOND_TICK, &(tl_chunk_head){.from = 1, .from_width = TL_FROM_PLAIN}, data, size);
    decode_second(data, size);
    say("%lld, p %lld %lld %lld, v %lld %lld %lld", (long long)after[0], (long long)after[1], (long long)after[2],
        (long long)after[3], (long long)after[4], (long long)after[5], (long long)after[6]);
    make_loss();
}

// Each line must be in the page, after the one before.
static int check_page(const char *path)
{
    static char page[1 << 20];
    FILE *file = fopen(path, "r");
    CHECK(file);
    page[fread(page, 1, sizeof page - 1, file)] = 0;
    fclose(file);
    const char *at = strstr(page, "## 16. An example");
    for (int i = 0; i < line_count && at; i++) {
        const char *found = strstr(at, lines[i]);
        if (found == NULL) {
            fprintf(stderr, "%s: sections 16 and 17 do not say, or not in this order: %s\n", path, lines[i]);
        }
        at = found;
    }
    if (at == NULL) {
        fprintf(stderr, "bench_protocol_example without an argument prints what it should say.\n");
    }
    return at ? 0 : 1;
}

int main(int argc, char **argv)
{
    make();
    if (argc > 1) {
        return check_page(argv[1]);
    }
    for (int i = 0; i < line_count; i++) {
        printf("%s\n", lines[i]);
    }
    return 0;
}
