#include "store/fdb/rows.h"

#include <string.h>

// ---- keys ----------------------------------------------------------------------------------------------------------

enum {
    TUPLE_STRING = 0x02, // until a 0x00
    TUPLE_INT = 0x14,    // plus how many bytes follow, big-endian
    STAMP_BYTES = 10,    // a versionstamp: the version in 8 bytes, big-endian, and a number within the batch
};

static void put_element(tl_fdb_key *key, uint64_t value)
{
    int bytes = 0;
    for (uint64_t rest = value; rest > 0; rest >>= 8) {
        bytes++;
    }
    TL_ASSERT(key->size + 1 + bytes < TL_FDB_KEY_BYTES_MAX);
    key->bytes[key->size++] = (uint8_t)(TUPLE_INT + bytes);
    for (int i = bytes - 1; i >= 0; i--) {
        key->bytes[key->size++] = (uint8_t)(value >> (8 * i));
    }
}

tl_fdb_key tl_fdb_key_make(const char *prefix, tl_fdb_space space, const uint64_t *elements, size_t count)
{
    tl_fdb_key key = {.size = 0};
    size_t length = strlen(prefix);
    TL_ASSERT(length <= TL_NAME_BYTES_MAX);
    key.bytes[key.size++] = TUPLE_STRING;
    memcpy(key.bytes + key.size, prefix, length + 1);
    key.size += (int)length + 1;
    put_element(&key, space);
    for (size_t i = 0; i < count; i++) {
        put_element(&key, elements[i]);
    }
    return key;
}

tl_fdb_key tl_fdb_key_end(const tl_fdb_key *key)
{
    tl_fdb_key end = *key;
    TL_ASSERT(end.size < TL_FDB_KEY_BYTES_MAX);
    end.bytes[end.size++] = 0xff; // no element begins with it
    return end;
}

tl_fdb_key tl_fdb_key_part(const tl_fdb_key *of, uint64_t part)
{
    tl_fdb_key key = *of;
    put_element(&key, part);
    return key;
}

bool tl_fdb_key_read(const char *prefix, tl_fdb_space space, const uint8_t *key, int key_bytes, uint64_t *out,
                     size_t count)
{
    tl_fdb_key start = tl_fdb_key_make(prefix, space, NULL, 0);
    if (key_bytes < start.size || memcmp(key, start.bytes, (size_t)start.size) != 0) {
        return false;
    }
    int at = start.size;
    for (size_t i = 0; i < count; i++) {
        int bytes = at < key_bytes ? key[at] - TUPLE_INT : -1;
        if (bytes < 0 || bytes > 8 || at + 1 + bytes > key_bytes) {
            return false;
        }
        out[i] = 0;
        for (int j = 1; j <= bytes; j++) {
            out[i] = out[i] << 8 | key[at + j];
        }
        at += 1 + bytes;
    }
    return at == key_bytes;
}

// ---- values --------------------------------------------------------------------------------------------------------

// One description of each row serves both ways: a cursor that puts or gets, field by field.
typedef struct cursor {
    uint8_t *put;       // NULL: gets
    const uint8_t *get; // NULL: puts
    int at, size;
    bool sound;
} cursor;

static void field(cursor *c, uint64_t *value, int bytes)
{
    if (c->at + bytes > c->size) {
        c->sound = false;
        return;
    }
    if (c->put) {
        for (int i = 0; i < bytes; i++) {
            c->put[c->at + i] = (uint8_t)(*value >> (8 * i));
        }
    } else {
        *value = 0;
        for (int i = 0; i < bytes; i++) {
            *value |= (uint64_t)c->get[c->at + i] << (8 * i);
        }
    }
    c->at += bytes;
}

static void field_u32(cursor *c, uint32_t *value)
{
    uint64_t wide = *value;
    field(c, &wide, 4);
    *value = (uint32_t)wide;
}

static void field_i32(cursor *c, int *value)
{
    uint64_t wide = (uint32_t)*value;
    field(c, &wide, 4);
    *value = (int)(int32_t)(uint32_t)wide;
}

static void field_i64(cursor *c, int64_t *value)
{
    uint64_t wide = (uint64_t)*value;
    field(c, &wide, 8);
    *value = (int64_t)wide;
}

// A versionstamp; of it we keep the version.
static void field_stamp(cursor *c, uint64_t *version)
{
    if (c->at + STAMP_BYTES > c->size) {
        c->sound = false;
        return;
    }
    if (c->put) {
        memset(c->put + c->at, 0, STAMP_BYTES);
    } else {
        *version = 0;
    }
    for (int i = 0; i < 8; i++) {
        if (c->put) {
            c->put[c->at + i] = (uint8_t)(*version >> (8 * (7 - i)));
        } else {
            *version = *version << 8 | c->get[c->at + i];
        }
    }
    c->at += STAMP_BYTES;
}

static void field_text(cursor *c, char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        uint64_t letter = (uint8_t)text[i];
        field(c, &letter, 1);
        text[i] = (char)letter;
    }
}

static void name_row(cursor *c, tl_fdb_name *name)
{
    field_text(c, name->text, sizeof(name->text));
}

static void world_row(cursor *c, tl_world_info *info)
{
    field_u32(c, &info->format);
    field_u32(c, &info->tick_hz);
    field(c, &info->created_us, 8);
    field(c, &info->kinds_hash, 8);
    field(c, &info->seed, 8);
    field_text(c, info->scenario, sizeof(info->scenario));
}

static void lease_row(cursor *c, tl_fdb_lease *lease)
{
    field_u32(c, &lease->epoch);
    field(c, &lease->nonce, 8);
}

static void head_row(cursor *c, tl_log_head *head)
{
    field_u32(c, &head->epoch);
    field_i32(c, &head->heir);
    field_i64(c, &head->tick);
    field(c, &head->sum, 8);
}

enum { EPOCH_BEGAN_AT = 0, EPOCH_ENDED_AT = STAMP_BYTES, RECORD_STAMP_AT = 0 };

static void epoch_row(cursor *c, tl_log_epoch *epoch)
{
    field_stamp(c, &epoch->began_order);
    field_stamp(c, &epoch->ended_order);
    field(c, &epoch->began_us, 8);
    field_i64(c, &epoch->began_tick);
    field(c, &epoch->ended_us, 8);
    field_i64(c, &epoch->last_tick);
    field_i32(c, &epoch->heir);
}

static void record_row(cursor *c, tl_fdb_record *record)
{
    field_stamp(c, &record->order);
    field_i64(c, &record->previous_tick);
    field(c, &record->previous_sum, 8);
    field_u32(c, &record->epoch);
    field(c, &record->begun_us, 8);
    field(c, &record->sum, 8);
    field_u32(c, &record->size);
}

static void checkpoint_row(cursor *c, tl_fdb_checkpoint *checkpoint)
{
    field_i64(c, &checkpoint->tick);
    uint32_t server = checkpoint->server;
    field(c, &checkpoint->sum, 8);
    field_u32(c, &checkpoint->size);
    field_u32(c, &server);
    checkpoint->server = (tl_server_number)server;
}

static void manifest_row(cursor *c, tl_fdb_manifest *manifest)
{
    field(c, &manifest->count, 8);
    field(c, &manifest->total, 8);
}

static void count_row(cursor *c, uint32_t *count)
{
    field_u32(c, count);
}

// ---- each row, both ways -------------------------------------------------------------------------------------------

static int epoch_stamp_at(const tl_log_epoch *epoch)
{
    return epoch->heir == TL_HEIR_NONE ? EPOCH_BEGAN_AT : EPOCH_ENDED_AT;
}

static bool is_heir(int heir)
{
    return heir >= TL_HEIR_NONE && heir <= TL_SERVERS_MAX;
}

// The stamp's place and what must hold may look at `value`. The sum is of what follows the `unsummed` bytes for stamps.
#define TL_FDB_ROW(name, type, describe, unsummed, stamp, holds)                                                     \
    tl_fdb_row tl_fdb_put_##name(const type *value)                                                                  \
    {                                                                                                                \
        type copy = *value;                                                                                          \
        tl_fdb_row row = {.stamp_at = (stamp)};                                                                      \
        cursor c = {.put = row.bytes, .size = TL_FDB_ROW_BYTES_MAX, .sound = true};                                  \
        describe(&c, &copy);                                                                                         \
        uint64_t sum = tl_store_sum(sizeof(#name), (unsummed), row.bytes + (unsummed), (size_t)(c.at - (unsummed))); \
        field(&c, &sum, 8);                                                                                          \
        TL_ASSERT(c.sound);                                                                                          \
        row.size = c.at;                                                                                             \
        return row;                                                                                                  \
    }                                                                                                                \
    bool tl_fdb_get_##name(const uint8_t *bytes, int size, type *value)                                              \
    {                                                                                                                \
        *value = (type){0};                                                                                          \
        cursor c = {.get = bytes, .size = size, .sound = true};                                                      \
        describe(&c, value);                                                                                         \
        if (!c.sound) {                                                                                              \
            return false;                                                                                            \
        }                                                                                                            \
        uint64_t found = 0;                                                                                          \
        uint64_t sum = tl_store_sum(sizeof(#name), (unsummed), bytes + (unsummed), (size_t)(c.at - (unsummed)));     \
        field(&c, &found, 8);                                                                                        \
        return c.sound && found == sum && c.at == size && (holds);                                                   \
    }

TL_FDB_ROW(world, tl_world_info, world_row, 0, -1, value->scenario[sizeof(value->scenario) - 1] == 0)
TL_FDB_ROW(name, tl_fdb_name, name_row, 0, -1, value->text[sizeof(value->text) - 1] == 0 && tl_name_valid(value->text))
TL_FDB_ROW(lease, tl_fdb_lease, lease_row, 0, -1, true)
TL_FDB_ROW(head, tl_log_head, head_row, 0, -1, value->tick >= -1 && is_heir(value->heir))
TL_FDB_ROW(epoch, tl_log_epoch, epoch_row, 2 * STAMP_BYTES, epoch_stamp_at(value),
           value->began_tick >= -1 && value->last_tick >= -1 && is_heir(value->heir))
TL_FDB_ROW(record, tl_fdb_record, record_row, STAMP_BYTES, RECORD_STAMP_AT,
           value->previous_tick >= -1 && value->size <= TL_RECORD_BYTES_MAX)
TL_FDB_ROW(checkpoint, tl_fdb_checkpoint, checkpoint_row, 0, -1, value->tick >= 0 && value->size <= TL_RECORD_BYTES_MAX)
TL_FDB_ROW(manifest, tl_fdb_manifest, manifest_row, 0, -1, true)
TL_FDB_ROW(count, uint32_t, count_row, 0, -1, true)

uint64_t tl_fdb_record_sum(tl_server_number server, int64_t tick, const tl_fdb_record *record, const void *data,
                           size_t size)
{
    const int64_t columns[] = {
        server, tick, record->epoch, record->previous_tick, (int64_t)record->previous_sum, (int64_t)record->begun_us};
    return tl_store_row_sum('r', columns, sizeof(columns) / sizeof(columns[0]), data, size);
}

bool tl_fdb_is_former_world(const uint8_t *bytes, int size)
{
    tl_world_info info = {0};
    cursor c = {.get = bytes, .size = size, .sound = true};
    world_row(&c, &info);
    return c.sound && c.at == size && info.format == TL_STORE_FORMAT_FORMER;
}
