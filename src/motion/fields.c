#include "motion/fields.h"

// Start ticks are written as ticks before `tick`; 0 stays 0, since a start tick of 0 means "does not move".
static void write_start(tl_writer *w, int64_t tick, int64_t start)
{
    tl_write_varint(w, start == 0 ? 0 : tl_zigzag(tl_sub_wrap(tick, start)) + 1);
}

static void write_field(tl_writer *w, int64_t tick, const tl_field *field, const int64_t *words)
{
    bool started = field->type == TL_FIELD_POSITION ||
                   (field->type <= TL_FIELD_SCALAR && field->predictor == TL_PREDICT_LINEAR);
    if (field->type == TL_FIELD_BYTES) {
        tl_write_varint(w, (uint64_t)words[0]);
        tl_write_bytes(w, words + 1, (size_t)words[0]);
        return;
    }
    if (started) {
        write_start(w, tick, words[0]);
    }
    for (int i = started; i < field->word_count; i++) {
        tl_write_signed(w, words[i]);
    }
}

void tl_fields_write(tl_writer *w, const tl_kind *kind, int64_t tick, uint32_t fields, const int64_t *words)
{
    TL_ASSERT((fields & ~tl_fields_all(kind)) == 0);
    for (int i = 0; i < kind->field_count; i++) {
        if (fields >> i & 1) {
            write_field(w, tick, &kind->fields[i], words + kind->fields[i].word);
        }
    }
}

static int64_t read_start(tl_reader *r, int64_t tick)
{
    uint64_t value = tl_read_varint(r);
    return value == 0 ? 0 : tl_sub_wrap(tick, tl_unzigzag(value - 1));
}

static bool moves(const tl_field *field, const int64_t *words)
{
    return field->type == TL_FIELD_SCALAR ? words[2] != 0 : (words[4] | words[5] | words[6]) != 0;
}

static void read_field(tl_reader *r, int64_t tick, const tl_field *field, int64_t *words)
{
    bool started = field->type == TL_FIELD_POSITION ||
                   (field->type <= TL_FIELD_SCALAR && field->predictor == TL_PREDICT_LINEAR);
    memset(words, 0, (size_t)field->word_count * sizeof *words);
    if (field->type == TL_FIELD_BYTES) {
        size_t size = tl_read_limited(r, (uint64_t)field->bytes_max);
        const unsigned char *data = tl_read_bytes(r, size);
        if (data == NULL) {
            return;
        }
        words[0] = (int64_t)size;
        memcpy(words + 1, data, size);
        return;
    }
    if (started) {
        words[0] = read_start(r, tick);
    }
    for (int i = started; i < field->word_count; i++) {
        words[i] = tl_read_signed(r);
    }
    if (started && !moves(field, words)) {
        words[0] = 0; // a position at rest has no start tick
    }
}

void tl_fields_read_again(tl_reader *r, const tl_kind *kind, int64_t tick, uint32_t fields, int64_t *words)
{
    for (int i = 0; i < kind->field_count; i++) {
        if (fields >> i & 1) {
            read_field(r, tick, &kind->fields[i], words + kind->fields[i].word);
        }
    }
}

void tl_fields_read(tl_reader *r, const tl_kind *kind, const tl_kinds *kinds, int64_t tick, uint32_t fields,
                    int64_t *words)
{
    tl_fields_read_again(r, kind, tick, fields, words);
    for (int i = 0; i < kind->field_count; i++) {
        const tl_field *field = &kind->fields[i];
        if (fields >> i & 1 && !tl_field_valid(field, kinds, words + field->word, 0, tick)) {
            r->bad = true;
        }
    }
}
