// The bytes of the protocol, held fast: tests/golden/*.hex. A change of the format changes these files in the same
// commit:
//   test_core_golden --write DIR
// All of it comes from one short session of a server and a client (fuzz/pair.h), and one record and checkpoint.
#include "check.h"
#include "pair.h"
#include "wire/datagram.h"
#include "world/checkpoint.h"

typedef struct golden {
    const char *name;
    unsigned char data[TL_DATAGRAM_BYTES_MAX];
    size_t size;
} golden;

enum { HELLO, WELCOME, KINDS, REPORT, WHOLE, PLAIN, RECORD, CHECKPOINT, COUNT };
static golden found[COUNT] = {{.name = "hello"},  {.name = "welcome"},     {.name = "frame-kinds"},
                              {.name = "report"}, {.name = "frame-whole"}, {.name = "frame-plain"},
                              {.name = "record"}, {.name = "checkpoint"}};

static void keep(int which, const void *data, size_t size)
{
    CHECK(size <= sizeof found[which].data);
    memcpy(found[which].data, data, size);
    found[which].size = size;
}

static void keep_frame(const unsigned char *data, size_t size)
{
    tl_frame_head head;
    tl_chunk_head chunk;
    tl_reader r = tl_reader_make(data + 1, size - 1);
    tl_frame_head_read(&r, &head);
    if (head.flags & TL_FRAME_MESSAGES) {
        if (found[KINDS].size == 0) {
            keep(KINDS, data, size);
        }
        return;
    }
    if (head.flags & (TL_FRAME_CHANNEL_ACK | TL_FRAME_CLOSES) || r.at == r.size) {
        return;
    }
    int32_t last_handle = -1;
    tl_chunk_head_read(&r, &chunk, &last_handle);
    int which = chunk.whole ? WHOLE : PLAIN;
    if (found[which].size == 0) {
        keep(which, data, size);
    }
}

static void on_datagram(void *user, bool to_server, const unsigned char *data, size_t size)
{
    (void)user, (void)to_server;
    if (data[0] == TL_WIRE_HELLO && found[HELLO].size == 0) {
        keep(HELLO, data, size);
    }
    if (data[0] == TL_WIRE_WELCOME && found[WELCOME].size == 0) {
        keep(WELCOME, data, size);
    }
    if (data[0] == TL_WIRE_REPORT && found[WHOLE].size && found[REPORT].size == 0) {
        keep(REPORT, data, size);
    }
    if (data[0] == TL_WIRE_FRAME) {
        keep_frame(data, size);
    }
}

static void gather_session(void)
{
    pair *p = pair_create();
    p->seen = on_datagram;
    CHECK(pair_join(p));
    pair_run(p, 500);
    pair_destroy(p);
}

static void gather_record(void)
{
    static tl_kinds kinds;
    static unsigned char memory[1 << 20], data[4096];
    tl_kind_def defs[2] = {tl_kind_def_default("body"), tl_kind_def_default("cabin")};
    defs[0].fields[1] = tl_field_def_default("rotation", TL_FIELD_ROTATION, TL_PREDICT_LINEAR);
    defs[0].fields[2] = tl_field_def_default("score", TL_FIELD_INTEGER, TL_PREDICT_HOLD);
    defs[0].fields[3] = tl_field_def_default("text", TL_FIELD_BYTES, TL_PREDICT_HOLD);
    defs[0].field_count = 4;
    defs[1].carrier_reach_m = 10;
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 2, 20, NULL, 0), TL_OK);
    int64_t cabin_words[7] = {1000, 256, -512, 25600, 30, 0, -30};
    int64_t body_words[7 + 7 + 1 + 9] = {0, 100, 200, -300, 0, 0, 0, 990, 10, -20, 30, 1, 2, 3, -7, 4};
    memcpy(&body_words[16], "tram", 4);
    tl_entity cabin = {.id = 0x1000000000001, .kind = 1}, body = {.id = 0x1000000000002, .kind = 0};
    tl_record_writer r;
    tl_record_begin(&r, &kinds, 1000, data, sizeof data);
    tl_record_need(&r, 2, 3, 999);
    tl_record_group(&r, 0x1000000000001, 1);
    tl_record_create(&r, &cabin, 0x1000000000001, 0, cabin_words);
    tl_record_create(&r, &body, 0x1000000000001, cabin.id, body_words);
    body_words[14] = 8;
    tl_record_update(&r, &body, 1 << 2, body_words);
    tl_record_post(&r.w, TL_OP_REQUEST, 2, "request", 7);
    CHECK(!r.w.bad);
    keep(RECORD, data, r.w.size);
    tl_heap heap;
    tl_mirror mirror;
    tl_heap_init(&heap, memory, sizeof memory);
    CHECK_EQUAL(tl_mirror_init(&mirror, &heap, &kinds, 16, 16), TL_OK);
    mirror.tick = 1000;
    CHECK_EQUAL(tl_record_apply(&mirror, 1, 1000, data, r.w.size, false, NULL), TL_OK);
    tl_mirror_resolve(&mirror);
    size_t size;
    CHECK_EQUAL(
        tl_checkpoint_write(&mirror, tl_mirror_find_group(&mirror, 0x1000000000001), 1000, data, sizeof data, &size),
        TL_OK);
    keep(CHECKPOINT, data, size);
}

static void path_of(char *out, size_t bytes, const char *directory, int which)
{
    snprintf(out, bytes, "%s/%s.hex", directory, found[which].name);
}

static void write_file(const char *directory, int which)
{
    char path[1024];
    path_of(path, sizeof path, directory, which);
    FILE *file = fopen(path, "w");
    CHECK(file);
    for (size_t i = 0; i < found[which].size; i++) {
        fprintf(file, "%02x%c", found[which].data[i], i % 32 == 31 || i + 1 == found[which].size ? '\n' : ' ');
    }
    CHECK(fclose(file) == 0);
}

static void compare_file(const char *directory, int which)
{
    char path[1024];
    path_of(path, sizeof path, directory, which);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s is missing; see the top of test_golden.c\n", path);
    }
    CHECK(file);
    size_t size = 0;
    for (unsigned byte; fscanf(file, "%2x", &byte) == 1; size++) {
        if (size < found[which].size && byte == found[which].data[size]) {
            continue;
        }
        fprintf(stderr, "%s: byte %zu differs; the format has changed\n", path, size);
        abort();
    }
    CHECK_EQUAL(size, found[which].size);
    fclose(file);
}

int main(int argc, char **argv)
{
    gather_session();
    gather_record();
    bool writes = argc == 3 && strcmp(argv[1], "--write") == 0;
    for (int i = 0; i < COUNT; i++) {
        printf("%s: %zu bytes\n", found[i].name, found[i].size);
        CHECK(found[i].size > 0);
        if (writes) {
            write_file(argv[2], i);
        } else {
            compare_file(GOLDEN_DIRECTORY, i);
        }
    }
}
