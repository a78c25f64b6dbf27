// The example at the end of docs/PROTOCOL.md, made anew: two datagrams, and how the second one's chunk is decoded, bit by
// bit. Built with the core compiled with TL_TRAIN, whose hooks show the coder at work.
//
//   bench_protocol_example               prints it
//   bench_protocol_example PROTOCOL.md   checks that the page says just that; a CTest
#include "check.h"
#include "chunk.h"
#include "state.h"
#include "wire.h"

#include <stdarg.h>
#include <stddef.h>

#define MEMBERS(X)                                                                                                     \
    X(added) X(filled) X(changed) X(op) X(kind) X(server) X(id) X(carrier) X(field) X(still) X(age) X(place) X(speed) X(turn) X(swerve) X(since) X(miss) X(mode) X(rotation)     \
        X(spin) X(scalar) X(integer) X(bytes)

extern void (*tl_train_step)(const tl_codec *before, uint32_t bound, int context, int probability, int bit);

enum { LINE_BYTES = 256, LINES_MAX = 256, FIRST_TICK = 1000, SECOND_TICK = 1010 };

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
    for (size_t i = 0; i < size; i++) snprintf(text + 3 * i, sizeof text - 3 * i, "%02x ", data[i]);
    text[3 * size - 1] = 0;
    say("%s", text);
}

static void on_step(const tl_codec *before, uint32_t bound, int context, int probability, int bit)
{
    if (before->encode) return;
    if (context < 0) {
        say("| raw | | %08x | %08x | %08x | %d |", before->range, before->code, bound, bit);
        return;
    }
    const char *name = "";
    int first = 0;
#define NAME(member)                                                                                                   \
    if (context >= (int)(offsetof(tl_models, member) / 2)) name = #member, first = (int)(offsetof(tl_models, member) / 2);
    MEMBERS(NAME)
    say("| %s+%d | %d | %08x | %08x | %08x | %d |", name, context - first, probability, before->range, before->code, bound, bit);
}

// ---- the two walkers ----

static tl_kinds kinds;
static int64_t walkers[2][16], after[16];

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

// ---- the two datagrams ----

static void say_datagram(uint16_t sequence, int64_t tick, tl_chunk_head *chunk, const unsigned char *data, size_t size)
{
    unsigned char out[256];
    tl_writer w = tl_writer_make(out, sizeof out);
    tl_frame_head head = {.sequence = sequence, .tick = (uint32_t)tick, .sent_units = 150, .held_units = TL_TIME_UNITS_MAX, .settled = 255,
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

static void make(void)
{
    unsigned char data[256];
    make_walkers();
    size_t size = encode_first(data);
    say_datagram(1, FIRST_TICK, &(tl_chunk_head){.whole = true}, data, size);
    size = encode_second(data);
    say_datagram(2, SECOND_TICK, &(tl_chunk_head){.from = 1, .from_width = TL_FROM_PLAIN}, data, size);
    decode_second(data, size);
    say("%lld, p %lld %lld %lld, v %lld %lld %lld", (long long)after[0], (long long)after[1], (long long)after[2], (long long)after[3], (long long)after[4], (long long)after[5],
        (long long)after[6]);
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
        if (found == NULL) fprintf(stderr, "%s: section 16 does not say, or not in this order: %s\n", path, lines[i]);
        at = found;
    }
    if (at == NULL) fprintf(stderr, "bench_protocol_example without an argument prints what it should say.\n");
    return at ? 0 : 1;
}

int main(int argc, char **argv)
{
    make();
    if (argc > 1) return check_page(argv[1]);
    for (int i = 0; i < line_count; i++) printf("%s\n", lines[i]);
    return 0;
}
