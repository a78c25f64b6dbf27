// Kinds: what may be declared, where fields lie, and the table that goes over the wire.
#include "check.h"
#include "motion/kinds.h"

#include <math.h>

static tl_kinds kinds, copy;
static unsigned char table[TL_KIND_TABLE_BYTES_MAX];

static tl_kind_def full_kind(const char *name)
{
    tl_kind_def def = tl_kind_def_default(name);
    def.fields[1] = tl_field_def_default("rotation", TL_FIELD_ROTATION, TL_PREDICT_LINEAR);
    def.fields[2] = tl_field_def_default("heading", TL_FIELD_ROTATION, TL_PREDICT_HEADING);
    def.fields[3] = tl_field_def_default("charge", TL_FIELD_SCALAR, TL_PREDICT_LINEAR);
    def.fields[4] = tl_field_def_default("light", TL_FIELD_SCALAR, TL_PREDICT_HOLD);
    def.fields[5] = tl_field_def_default("score", TL_FIELD_INTEGER, TL_PREDICT_HOLD);
    def.fields[6] = tl_field_def_default("text", TL_FIELD_BYTES, TL_PREDICT_HOLD);
    def.fields[7] = tl_field_def_default("goal", TL_FIELD_POSITION, TL_PREDICT_HOLD);
    def.fields[6].bytes_max = 9, def.fields[6].level_last = 2;
    def.field_count = 8;
    def.carrier_reach_m = 7.29;
    def.level_last = 9;
    def.update = TL_POLICY_ALLOW, def.remove = TL_POLICY_ASK, def.create = TL_POLICY_DENY;
    return def;
}

TEST(fields_lie_one_after_another)
{
    tl_kind_def def = full_kind("full");
    CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, 20, NULL, 0), TL_OK);
    const tl_kind *kind = &kinds.kinds[0];
    const int words[8] = {7, 7, 4, 3, 1, 1, 3, 7};
    int at = 0;
    for (int i = 0; i < 8; at += words[i++]) {
        CHECK(kind->fields[i].word == at && kind->fields[i].word_count == words[i]);
    }
    CHECK_EQUAL(kind->word_count, at);
    CHECK_EQUAL(kind->rotation, 1);
    CHECK_EQUAL(tl_fields_mask_at(kind, 2), 0xff);
    CHECK_EQUAL(tl_fields_mask_at(kind, 3), 0xbf);
}

TEST(quanta_are_within_a_quarter_of_the_tolerance)
{
    tl_kind_def def = full_kind("full");
    for (double tolerance = 2e-6; tolerance <= 1e6; tolerance *= 1.7) {
        for (int i = 0; i < 5; i++) {
            def.fields[i].tolerance = tolerance;
        }
        CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, 60, NULL, 0), TL_OK);
        for (int i = 0; i < 5; i++) {
            const tl_field *field = &kinds.kinds[0].fields[i];
            for (int level = 0; level < TL_LEVELS_MAX; level++) {
                double quantum = ldexp(1, -field->shift[level]);
                CHECK(quantum <= field->tolerance[level] / 4 || field->shift[level] == TL_SHIFT_MAX);
                CHECK(quantum > field->tolerance[level] / 8 || field->shift[level] <= 0);
                CHECK(field->shift[level] >= -TL_TILE_SHIFT);
                if (level == 0) {
                    continue;
                }
                CHECK(field->tolerance[level] >= field->tolerance[level - 1] &&
                      field->shift[level] <= field->shift[level - 1]);
            }
            if (field->type == TL_FIELD_ROTATION) {
                CHECK(field->tolerance[TL_LEVELS_MAX - 1] <= 1.5);
            }
        }
    }
}

TEST(tolerances_scale_with_the_level)
{
    tl_kind_def def = full_kind("full");
    def.carrier_reach_m = 0;
    def.fields[3].tolerance_level[2] = 0.5;
    CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, 20, NULL, 0), TL_OK);
    const tl_kind *kind = &kinds.kinds[0];
    for (int level = 0; level < TL_LEVELS_MAX; level++) {
        CHECK_NEAR(kind->fields[0].tolerance[level], tl_level_tolerance_m(level), 1e-12);
        // At a level's distance its tolerance is a milliradian; a tile is as wide as twice that distance.
        if (level) {
            CHECK_NEAR(tl_level_tolerance_m(level), 0.001 * tl_level_distance_m(level), 1e-12);
        }
        CHECK_NEAR(kind->fields[3].tolerance[level], level < 2 ? 0.01 : 0.5, 0); // never finer than the level before
        CHECK_NEAR(tl_level_tile_m(level), ldexp(64, level), 0);
    }
}

TEST(carriers_leave_room_for_their_riders)
{
    tl_kind_def def = full_kind("tram");
    def.carrier_reach_m = 30;
    CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, 20, NULL, 0), TL_OK);
    for (int level = 0; level < TL_LEVELS_MAX; level++) {
        double tolerance = tl_level_tolerance_m(level), lever = kinds.kinds[0].fields[1].tolerance[level] * 30;
        CHECK(kinds.kinds[0].fields[0].tolerance[level] + fmin(lever, tolerance) <= 0.5 * tolerance);
    }
}

static void check_refused(tl_kind_def def, const char *why)
{
    tl_kind_def defs[2] = {tl_kind_def_default("fine"), def};
    char text[256] = "";
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 2, 20, text, sizeof text), TL_ERR_INVALID);
    if (strstr(text, why) == NULL || strstr(text, "kind 1") == NULL) {
        fprintf(stderr, "said: %s; expected: %s\n", text, why);
    }
    CHECK(strstr(text, why) != NULL && strstr(text, "kind 1") != NULL);
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 2, 20, NULL, 0), TL_ERR_INVALID);
}

#define REFUSED(change, why)                 \
    do {                                     \
        tl_kind_def def = full_kind("full"); \
        change;                              \
        check_refused(def, why);             \
    } while (0)

TEST(invalid_kinds_are_refused)
{
    REFUSED(def.cookie++, "tl_kind_def_default");
    REFUSED(def.name = NULL, "its name");
    REFUSED(def.name = "", "its name");
    REFUSED(def.name = "a b", "its name");
    REFUSED(def.name = "abcdefghijklmnopqrstuvwxyz0123456", "its name");
    REFUSED(def.name = "fine", "another kind");
    REFUSED(def.field_count = 0, "fields");
    REFUSED(def.field_count = TL_FIELDS_MAX + 1, "fields");
    REFUSED(def.fields[0] = def.fields[1], "position");
    REFUSED(def.level_last = -1, "level_last");
    REFUSED(def.level_last = TL_LEVELS_MAX, "level_last");
    REFUSED(def.carrier_reach_m = -1, "carrier_reach_m");
    REFUSED(def.carrier_reach_m = 2501, "carrier_reach_m");
    REFUSED(def.carrier_reach_m = NAN, "carrier_reach_m");
    REFUSED(def.update = TL_POLICY_COUNT, "policy");
    REFUSED(def.remove = (tl_policy)-1, "policy");
    REFUSED(def.create = (tl_policy)9, "policy");
}

TEST(invalid_fields_are_refused)
{
    REFUSED(def.fields[1].name = NULL, "its name");
    REFUSED(def.fields[1].name = "\n", "its name");
    REFUSED(def.fields[1].type = TL_FIELD_TYPE_COUNT, "type");
    REFUSED(def.fields[1].type = (tl_field_type)-1, "type");
    REFUSED(def.fields[1].predictor = TL_PREDICTOR_COUNT, "predictor");
    REFUSED(def.fields[0].predictor = TL_PREDICT_HEADING, "heading");
    REFUSED(def.fields[3].predictor = TL_PREDICT_HEADING, "heading");
    REFUSED(def.fields[5].predictor = TL_PREDICT_LINEAR, "only hold");
    REFUSED(def.fields[6].predictor = TL_PREDICT_LINEAR, "only hold");
    REFUSED(def.fields[1].level_last = -1, "level_last");
    REFUSED(def.fields[1].level_last = TL_LEVELS_MAX, "level_last");
    REFUSED(def.fields[0].tolerance = 0, "tolerance");
    REFUSED(def.fields[3].tolerance = 1e-7, "tolerance");
    REFUSED(def.fields[3].tolerance = 1e7, "tolerance");
    REFUSED(def.fields[3].tolerance = NAN, "tolerance");
    REFUSED(def.fields[3].tolerance = INFINITY, "tolerance");
    REFUSED(def.fields[3].tolerance_level[4] = -1, "tolerance");
    REFUSED(def.fields[3].tolerance_level[4] = NAN, "tolerance");
    REFUSED(def.fields[6].bytes_max = 0, "bytes_max");
    REFUSED(def.fields[6].bytes_max = TL_FIELD_BYTES_MAX + 1, "bytes_max");
    REFUSED(def.fields[6].bytes_max = TL_FIELD_BYTES_MAX, "too large");
}

TEST(invalid_worlds_are_refused)
{
    static tl_kind_def defs[TL_KINDS_MAX + 1];
    static char names[TL_KINDS_MAX + 1][TL_NAME_BYTES_MAX + 1];
    for (int i = 0; i <= TL_KINDS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "kind-with-quite-a-long-name-%d", i);
        defs[i] = tl_kind_def_default(names[i]);
    }
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 0, 20, NULL, 0), TL_ERR_INVALID);
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, -1, 20, NULL, 0), TL_ERR_INVALID);
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, TL_KINDS_MAX + 1, 20, NULL, 0), TL_ERR_INVALID);
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, TL_KINDS_MAX, 20, NULL, 0), TL_OK);
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 1, 0, NULL, 0), TL_ERR_INVALID);
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 1, 241, NULL, 0), TL_ERR_INVALID);
    for (uint32_t hz = 1; hz <= 240; hz++) {
        CHECK_EQUAL(tl_kinds_init(&kinds, defs, 1, hz, NULL, 0), TL_OK);
    }
    // More fields than the table of kinds has room for.
    for (int i = 0; i < TL_KINDS_MAX; i++) {
        for (int f = 1; f < TL_FIELDS_MAX; f++) {
            defs[i].fields[f] = tl_field_def_default("a-field-with-quite-a-long-name", TL_FIELD_SCALAR,
                                                     TL_PREDICT_HOLD);
        }
        defs[i].field_count = TL_FIELDS_MAX;
    }
    char text[256] = "";
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, TL_KINDS_MAX, 20, text, sizeof text), TL_ERR_INVALID);
    CHECK(strstr(text, "too many fields") != NULL);
}

static size_t write_table(void)
{
    tl_kind_def defs[3] = {full_kind("full"), tl_kind_def_default("plain"), tl_kind_def_default("wide")};
    defs[2].fields[0].tolerance = 1e6;
    defs[2].carrier_reach_m = 0;
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 3, 20, NULL, 0), TL_OK);
    tl_writer w = tl_writer_make(table, sizeof table);
    tl_kinds_write(&kinds, &w);
    CHECK(!w.bad);
    return w.size;
}

TEST(the_table_round_trips)
{
    size_t size = write_table();
    tl_reader r = tl_reader_make(table, size);
    CHECK_EQUAL(tl_kinds_read(&copy, &r), TL_OK);
    CHECK_EQUAL(r.at, size);
    CHECK(copy.hash == kinds.hash && copy.count == 3 && copy.rate_shift == kinds.rate_shift &&
          copy.tick_hz == kinds.tick_hz);
    for (int i = 0; i < 3; i++) {
        const tl_kind *a = &kinds.kinds[i], *b = &copy.kinds[i];
        CHECK_NEAR(b->carrier_reach_m, a->carrier_reach_m, 0.011);
        CHECK(strcmp(a->name, b->name) == 0 && a->word_count == b->word_count && a->level_last == b->level_last &&
              a->rotation == b->rotation);
        CHECK(a->update == b->update && a->remove == b->remove && a->create == b->create);
        for (int f = 0; f < a->field_count; f++) {
            CHECK(memcmp(&a->fields[f], &b->fields[f], sizeof a->fields[f]) == 0 ||
                  a->fields[f].type >= TL_FIELD_INTEGER);
        }
    }
}

TEST(a_kind_is_told_as_it_was_declared)
{
    tl_kind_def defs[2] = {full_kind("full"), full_kind("again")}, told[2];
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 2, 20, NULL, 0), TL_OK);
    for (int i = 0; i < 2; i++) {
        tl_kinds_def(&kinds.kinds[i], &told[i]);
    }
    CHECK(strcmp(told[1].name, "again") == 0 && told[1].field_count == 8 && told[1].fields[6].bytes_max == 9 &&
          told[1].update == TL_POLICY_ALLOW);
    CHECK(told[1].fields[2].predictor == TL_PREDICT_HEADING && strcmp(told[1].fields[5].name, "score") == 0);
    CHECK_EQUAL(tl_kinds_init(&copy, told, 2, 20, NULL, 0), TL_OK); // and may be declared again
    CHECK(copy.hash == kinds.hash);
}

TEST(the_hash_tells_tables_apart)
{
    write_table();
    uint64_t hash = kinds.hash;
    tl_kind_def def = full_kind("full");
    CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, 20, NULL, 0), TL_OK);
    CHECK(kinds.hash != hash && kinds.hash != 0);
    uint64_t one = kinds.hash;
    def.fields[3].tolerance *= 1.0000001;
    CHECK_EQUAL(tl_kinds_init(&kinds, &def, 1, 20, NULL, 0), TL_OK);
    CHECK(kinds.hash != one);
}

// What is read must be as good as what is declared.
static void check_sound(const tl_kinds *k)
{
    CHECK(k->count >= 1 && k->count <= TL_KINDS_MAX && k->tick_hz >= 1 && k->tick_hz <= 240);
    for (int i = 0; i < k->count; i++) {
        const tl_kind *kind = &k->kinds[i];
        CHECK(tl_name_valid(kind->name) && kind->word_count <= TL_STATE_WORDS_MAX &&
              kind->fields[0].type == TL_FIELD_POSITION);
        CHECK((unsigned)kind->update < TL_POLICY_COUNT && (unsigned)kind->remove < TL_POLICY_COUNT &&
              (unsigned)kind->create < TL_POLICY_COUNT);
        CHECK(kind->field_count >= 1 && kind->field_count <= TL_FIELDS_MAX);
        int at = 0;
        for (int f = 0; f < kind->field_count; f++) {
            const tl_field *field = &kind->fields[f];
            CHECK(tl_name_valid(field->name) && field->word == at && (unsigned)field->level_last < TL_LEVELS_MAX);
            at += field->word_count;
            if (field->type == TL_FIELD_ROTATION) {
                CHECK(field->shift[TL_LEVELS_MAX - 1] > 0);
            }
            for (int level = 0; level < TL_LEVELS_MAX; level++) {
                CHECK(abs(field->shift[level]) <= TL_SHIFT_MAX);
            }
        }
    }
}

TEST(malformed_tables_are_refused)
{
    size_t size = write_table();
    for (size_t cut = 0; cut < size; cut++) {
        tl_reader r = tl_reader_make(table, cut);
        CHECK_EQUAL(tl_kinds_read(&copy, &r), TL_ERR_MALFORMED);
    }
    static unsigned char damaged[TL_KIND_TABLE_BYTES_MAX];
    uint64_t random = 9;
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        memcpy(damaged, table, size);
        for (int times = 0; times < 1 + i % 3; times++) {
            damaged[check_random(&random) % size] = (unsigned char)check_random(&random);
        }
        tl_reader r = tl_reader_make(damaged, size);
        if (tl_kinds_read(&copy, &r) != TL_OK) {
            refused++;
            continue;
        }
        check_sound(&copy);
        static unsigned char again[TL_KIND_TABLE_BYTES_MAX]; // there is one way to write a table
        tl_writer w = tl_writer_make(again, sizeof again);
        tl_kinds_write(&copy, &w);
        CHECK(w.size == r.at && memcmp(again, damaged, w.size) == 0);
    }
    CHECK(refused > 2000);
}

static tl_result read_after(int type, int predictor, int bytes_max)
{
    write_table();
    tl_field *field = &kinds.kinds[0].fields[1];
    field->type = type, field->predictor = predictor, field->bytes_max = bytes_max;
    for (int level = 0; level < TL_LEVELS_MAX; level++) {
        field->tolerance[level] = 0.1;
    }
    tl_writer w = tl_writer_make(table, sizeof table);
    tl_kinds_write(&kinds, &w);
    tl_reader r = tl_reader_make(table, w.size);
    return tl_kinds_read(&copy, &r);
}

TEST(each_predictor_has_its_types)
{
    static const bool good[TL_FIELD_TYPE_COUNT][TL_PREDICTOR_COUNT] = {[TL_FIELD_POSITION] = {true, true, false},
                                                                       [TL_FIELD_ROTATION] = {true, true, true},
                                                                       [TL_FIELD_SCALAR] = {true, true, false},
                                                                       [TL_FIELD_INTEGER] = {true, false, false},
                                                                       [TL_FIELD_BYTES] = {true, false, false}};
    for (int type = 0; type < TL_FIELD_TYPE_COUNT; type++) {
        for (int predictor = 0; predictor < TL_PREDICTOR_COUNT; predictor++) {
            CHECK_EQUAL(read_after(type, predictor, type == TL_FIELD_BYTES ? 8 : 0),
                        good[type][predictor] ? TL_OK : TL_ERR_MALFORMED);
        }
    }
    CHECK_EQUAL(read_after(TL_FIELD_BYTES, TL_PREDICT_HOLD, 0), TL_ERR_MALFORMED);
    CHECK_EQUAL(read_after(TL_FIELD_INTEGER, TL_PREDICT_HOLD, 1), TL_ERR_MALFORMED);
}

TEST(nothing_follows_the_last_kind)
{
    size_t size = write_table();
    table[size] = 0;
    tl_reader r = tl_reader_make(table, size + 1);
    CHECK_EQUAL(tl_kinds_read(&copy, &r), TL_ERR_MALFORMED);
}

int main(void)
{
    RUN(fields_lie_one_after_another);
    RUN(quanta_are_within_a_quarter_of_the_tolerance);
    RUN(tolerances_scale_with_the_level);
    RUN(carriers_leave_room_for_their_riders);
    RUN(invalid_kinds_are_refused);
    RUN(invalid_fields_are_refused);
    RUN(invalid_worlds_are_refused);
    RUN(the_table_round_trips);
    RUN(a_kind_is_told_as_it_was_declared);
    RUN(the_hash_tells_tables_apart);
    RUN(malformed_tables_are_refused);
    RUN(each_predictor_has_its_types);
    RUN(nothing_follows_the_last_kind);
}
