// Recordings: the sample against a reading of its own, looping, filling up, and files that are not as they should be.
#include "worlds.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char path[256]; // of the file that a test writes

static void file_write(const char *name, const void *bytes, size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/tramline-%ld-%s", folder ? folder : "/tmp", (long)getpid(), name);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, size, file) == size);
    CHECK_EQUAL(fclose(file), 0);
}

static tl_result load(scenario **s, uint32_t entity_count, char *text, size_t text_bytes)
{
    scenario_def def = scenario_def_default();
    def.name = "trace";
    def.fcd_file = path;
    def.entity_count = entity_count;
    return scenario_create(&def, s, text, text_bytes);
}

// Loads what must be refused, with this in the text.
static void refuse(tl_result wanted, const char *part)
{
    char text[512] = "";
    scenario *s;
    tl_result result = load(&s, 0, text, sizeof text);
    if (result != wanted || !strstr(text, part) || !strstr(text, path) || s) {
        fprintf(stderr, "%s instead of %s: '%s' instead of '%s'\n", tl_result_name(result), tl_result_name(wanted),
                text, part);
        abort();
    }
    unlink(path);
}

static void refuse_text(const char *xml, const char *part)
{
    file_write("bad.xml", xml, strlen(xml));
    refuse(TL_ERR_MALFORMED, part);
}

static scenario *load_text(const char *xml, uint32_t entity_count)
{
    char text[512] = "";
    scenario *s;
    file_write("good.xml", xml, strlen(xml));
    if (load(&s, entity_count, text, sizeof text) != TL_OK) {
        fprintf(stderr, "%s\n", text);
        abort();
    }
    unlink(path);
    return s;
}

// --- the sample, read line by line: nothing of the library's parser ---

enum { ROWS_MAX = 100000, SAMPLE_BYTES_MAX = 16 << 20 };

typedef struct sample_row {
    char id[16];
    double time_s, x_m, y_m, angle_deg;
} sample_row;

static sample_row rows[ROWS_MAX];
static int row_count;

static double value_of(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    CHECK(at);
    return atof(at + strlen(name));
}

static void sample_read(void)
{
    static char packed[1 << 20], text[SAMPLE_BYTES_MAX];
    FILE *file = fopen(SAMPLE_FILE, "rb");
    CHECK(file);
    size_t size = fread(packed, 1, sizeof packed, file);
    fclose(file);
    size_t bytes = ZSTD_decompress(text, sizeof text - 1, packed, size);
    if (ZSTD_isError(bytes)) { // its header does not say how large it is
        ZSTD_DStream *stream = ZSTD_createDStream();
        ZSTD_outBuffer to = {text, sizeof text - 1, 0};
        ZSTD_inBuffer from = {packed, size, 0};
        CHECK_EQUAL(ZSTD_decompressStream(stream, &to, &from), 0);
        ZSTD_freeDStream(stream);
        bytes = to.pos;
    }
    text[bytes] = 0;
    double time_s = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strstr(line, "<timestep")) {
            time_s = value_of(line, " time=\"");
        } else if (strstr(line, "<person") || strstr(line, "<vehicle")) {
            CHECK(row_count < ROWS_MAX);
            sample_row *row = &rows[row_count++];
            *row = (sample_row){.time_s = time_s,
                                .x_m = value_of(line, " x=\""),
                                .y_m = value_of(line, " y=\""),
                                .angle_deg = value_of(line, " angle=\"")};
            sscanf(strstr(line, " id=\""), " id=\"%15[^\"]", row->id);
        }
    }
    CHECK(row_count > 10000);
}

static tl_vec3 row_place(const sample_row *row, double centre_x_m, double centre_y_m)
{
    return (tl_vec3){row->x_m - centre_x_m, 0, -(row->y_m - centre_y_m)};
}

// At each recorded step, each row has an entity at its place that faces its way; the same one all along.
TEST(the_sample_is_played_as_it_was_recorded)
{
    sample_read();
    double low_x = 1e9, high_x = -1e9, low_y = 1e9, high_y = -1e9;
    for (int n = 0; n < row_count; n++) {
        low_x = fmin(low_x, rows[n].x_m);
        high_x = fmax(high_x, rows[n].x_m);
        low_y = fmin(low_y, rows[n].y_m);
        high_y = fmax(high_y, rows[n].y_m);
    }
    double centre_x_m = (low_x + high_x) / 2, centre_y_m = (low_y + high_y) / 2;
    scenario *s = world_make("trace", 1, 0);
    uint32_t count = scenario_entity_count(s), checked = 0, present = 0;
    for (int first = 0; first < row_count && rows[first].time_s == rows[0].time_s; first++) {
        const char *id = rows[first].id;
        uint32_t index = SCENARIO_NONE;
        for (int n = first; n < row_count; n++) {
            if (strcmp(rows[n].id, id) != 0) {
                continue;
            }
            tl_vec3 wanted = row_place(&rows[n], centre_x_m, centre_y_m);
            double time_s = rows[n].time_s - rows[0].time_s;
            for (uint32_t i = 0; n == first && i < count && index == SCENARIO_NONE; i++) {
                scenario_truth truth = truth_at(s, time_s, i);
                index = truth.present && distance(truth.position, wanted) < 0.001 ? i : index;
            }
            CHECK(index != SCENARIO_NONE);
            scenario_truth truth = truth_at(s, time_s, index);
            double half_rad = -rows[n].angle_deg * 3.14159265358979 / 360;
            CHECK(truth.present && distance(truth.position, wanted) < 0.01001);
            CHECK(angle_rad(truth.rotation, (tl_quat){0, sin(half_rad), 0, cos(half_rad)}) < 0.04);
            CHECK_EQUAL(truth.kind, id[0] == 'p' ? WALKER : CAR);
            checked++;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        present += truth_at(s, 0, i).present;
    }
    printf("  %u of %d rows checked\n", checked, row_count);
    CHECK(checked > 5000 && present > 60);
    scenario_destroy(s);
}

// --- small recordings ---

#define ROOT(steps) "<?xml version=\"1.0\"?>\n<fcd-export>\n" steps "</fcd-export>\n"
#define STEP(time, rows) "<timestep time=\"" time "\">\n" rows "</timestep>\n"
#define PERSON(id, x, y) "<person id=\"" id "\" x=\"" x "\" y=\"" y "\" angle=\"90\" speed=\"1\"/>\n"
#define VEHICLE(id, x, y, angle) "<vehicle id=\"" id "\" x=\"" x "\" y=\"" y "\" angle=\"" angle "\"/>\n"

TEST(it_loops_with_generations)
{
    scenario *s = load_text(ROOT(STEP("5", PERSON("a", "0", "0"))
                                     STEP("6", PERSON("a", "10", "20") VEHICLE("a", "4", "0", "0"))
                                         STEP("7", PERSON("a", "20", "20") VEHICLE("a", "4", "8", "350"))),
                            0);
    CHECK_EQUAL(scenario_entity_count(s), 2); // a person and a vehicle of the same name
    uint32_t person = truth_at(s, 0, 0).present ? 0 : 1, vehicle = 1 - person;
    for (uint32_t round = 0; round < 3; round++) { // 3 s each
        double begin_s = 3 * round;
        scenario_truth truth = truth_at(s, begin_s + 0.5, person);
        CHECK(truth.present && truth.generation == round && truth.kind == WALKER);
        CHECK(distance(truth.position, (tl_vec3){5 - 10, 0, -(10 - 10)}) < 1e-9);
        CHECK(distance(truth.velocity, (tl_vec3){10, 0, -20}) < 1e-9);
        CHECK(!truth_at(s, begin_s + 0.9, vehicle).present);
        truth = truth_at(s, begin_s + 1.5, vehicle); // halfway from 0 to 350 degrees is 355
        CHECK(truth.present && truth.kind == CAR);
        CHECK(distance(truth.position, (tl_vec3){4 - 10, 0, -(4 - 10)}) < 1e-9);
        double half_rad = 5 * 3.14159265358979 / 360;
        CHECK(angle_rad(truth.rotation, (tl_quat){0, sin(half_rad), 0, cos(half_rad)}) < 1e-3);
        CHECK(!truth_at(s, begin_s + 2.5, person).present && !truth_at(s, begin_s + 2.5, vehicle).present);
    }
    scenario_destroy(s);
}

TEST(copies_fill_up)
{
    scenario *s = world_make("trace", 1, 5000);
    CHECK_EQUAL(scenario_entity_count(s), 5000);
    uint32_t present = 0, same = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        scenario_truth truth = truth_at(s, 20, i);
        present += truth.present;
        for (uint32_t j = 0; truth.present && j < i; j += 7) {
            scenario_truth other = truth_at(s, 20, j);
            same += other.present && distance(other.position, truth.position) == 0;
        }
    }
    CHECK(present > 4000);
    CHECK(same < 50);
    scenario_destroy(s);
    s = world_make("trace", 1, 10);
    CHECK_EQUAL(scenario_entity_count(s), 10);
    scenario_destroy(s);
}

static const char good[] = ROOT(STEP("0", PERSON("a", "0", "0")) STEP("1", PERSON("a", "3", "0")));

static size_t gzip(const char *text, size_t size, unsigned char *packed, size_t room)
{
    z_stream z = {
        .next_in = (unsigned char *)text, .avail_in = (uInt)size, .next_out = packed, .avail_out = (uInt)room};
    CHECK_EQUAL(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    CHECK_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void check_good(void)
{
    char text[512] = "";
    scenario *s;
    CHECK_EQUAL(load(&s, 0, text, sizeof text), TL_OK);
    CHECK_NEAR(truth_at(s, 0.5, 0).velocity.x, 3, 1e-9);
    scenario_destroy(s);
    unlink(path);
}

TEST(packed_files_are_read_and_cut_ones_refused)
{
    unsigned char packed[4096];
    size_t size = gzip(good, strlen(good), packed, sizeof packed);
    file_write("a.xml.gz", packed, size);
    check_good();
    file_write("by-its-first-bytes", packed, size);
    check_good();
    size_t half = gzip(good, 40, packed, sizeof packed); // two parts in one file
    half += gzip(good + 40, strlen(good) - 40, packed + half, sizeof packed - half);
    file_write("a.xml.gz", packed, half);
    check_good();
    for (size_t cut = 0; cut < size; cut += cut < 20 ? 1 : 13) {
        gzip(good, strlen(good), packed, sizeof packed);
        file_write("cut.xml.gz", packed, cut);
        refuse(TL_ERR_CORRUPT, "cut off");
    }
    size = ZSTD_compress(packed, sizeof packed, good, strlen(good), 3);
    file_write("a.xml.zst", packed, size);
    check_good();
    for (size_t cut = 0; cut < size; cut += cut < 20 ? 1 : 13) {
        file_write("cut.xml.zst", packed, cut);
        refuse(TL_ERR_CORRUPT, "cut off");
    }
    file_write("a.xml.gz", good, strlen(good)); // XML that only says it is packed
    refuse(TL_ERR_CORRUPT, "is none");
    file_write("a.xml.zst", good, strlen(good));
    refuse(TL_ERR_CORRUPT, "is none");
    size = gzip("no XML at all\n", 14, packed, sizeof packed);
    file_write("a.xml.gz", packed, size);
    refuse(TL_ERR_MALFORMED, ":1: ");
}

TEST(malformed_files_are_refused_with_their_line)
{
    refuse_text("", ":1: ");
    refuse_text("a city", ":1: ");
    refuse_text("<routes>\n</routes>\n", ":1: this is no FCD recording: it begins with <routes>");
    refuse_text(ROOT(""), "no <timestep>");
    refuse_text(ROOT(STEP("1", "")), "nobody and nothing");
    refuse_text(ROOT(STEP("0", PERSON("a", "0", "0")) STEP("0", PERSON("a", "0", "0"))), ":6: the time of this step");
    refuse_text(ROOT(STEP("4", PERSON("a", "0", "0")) STEP("3", PERSON("a", "0", "0"))), ":6: the time of this step");
    refuse_text(ROOT(STEP("-1", PERSON("a", "0", "0"))), ":3: attribute 'time' is out of range");
    refuse_text(ROOT(STEP("1e99", PERSON("a", "0", "0"))), ":3: attribute 'time' is out of range");
    refuse_text(ROOT(STEP("now", PERSON("a", "0", "0"))), ":3: attribute 'time' is not a number");
    refuse_text(ROOT("<timestep>\n</timestep>\n"), ":3: attribute 'time' is missing");
    refuse_text(ROOT(STEP("0", STEP("1", PERSON("a", "0", "0")))), ":4: a <timestep> within another");
    refuse_text(ROOT(PERSON("a", "0", "0")), ":3: a <person> outside of a timestep");
    refuse_text(ROOT(STEP("0", "<person x=\"0\" y=\"0\" angle=\"0\"/>\n")), ":4: attribute 'id' is missing");
    refuse_text(ROOT(STEP("0", "<person id=\"a\" y=\"0\" angle=\"0\"/>\n")), ":4: attribute 'x' is missing");
    refuse_text(ROOT(STEP("0", "<vehicle id=\"a\" x=\"0\" angle=\"0\"/>\n")), ":4: attribute 'y' is missing");
    refuse_text(ROOT(STEP("0", "<vehicle id=\"a\" x=\"0\" y=\"0\"/>\n")), ":4: attribute 'angle' is missing");
    refuse_text(ROOT(STEP("0", PERSON("a", "nan", "0"))), ":4: attribute 'x' is not a number");
    refuse_text(ROOT(STEP("0", PERSON("a", "0", "-inf"))), ":4: attribute 'y' is not a number");
    refuse_text(ROOT(STEP("0", PERSON("a", "", "0"))), ":4: attribute 'x' is not a number");
    refuse_text(ROOT(STEP("0", PERSON("a", "1,5", "0"))), ":4: attribute 'x' is not a number");
    refuse_text(ROOT(STEP("0", PERSON("a", "1e", "0"))), ":4: attribute 'x' is not a number");
    refuse_text(ROOT(STEP("0", PERSON("a", "1e400", "0"))), "attribute 'x'");
    refuse_text(ROOT(STEP("0", PERSON("a", "1000001", "0"))), ":4: attribute 'x' is out of range");
    refuse_text(ROOT(STEP("0", VEHICLE("a", "0", "0", "361"))), ":4: attribute 'angle' is out of range");
    refuse_text(ROOT(STEP("0", PERSON("a", "0", "0") PERSON("a", "1", "0"))), ":5: 'a' comes twice");
    refuse_text("<!DOCTYPE x [<!ENTITY a \"b\">]>\n<fcd-export/>", ":1: a document type <!DOCTYPE x>");
    char cut[sizeof good];
    for (size_t size = 1; size + 2 < sizeof good; size += 7) { // without the end
        memcpy(cut, good, size);
        cut[size] = 0;
        refuse_text(cut, ":");
    }
    char long_id[400] = "";
    memset(long_id, 'x', 300);
    char xml[1024];
    snprintf(xml, sizeof xml, ROOT(STEP("0", PERSON("%s", "0", "0"))), long_id);
    refuse_text(xml, ":4: attribute 'id' is too long");
}

TEST(unreadable_files_are_refused)
{
    snprintf(path, sizeof path, "/nowhere/city.xml");
    refuse(TL_ERR_NOT_FOUND, "cannot be read");
    snprintf(path, sizeof path, "/");
    refuse(TL_ERR_IO, "cannot be read");
}

TEST(numbers_are_read_exactly)
{
    scenario *s = load_text(ROOT(STEP("0", PERSON("a", "-12.345", "+1.5e1") PERSON("b", "12.345", "15"))
                                     STEP("0.2", PERSON("a", "-12.345", "15.00") PERSON("b", "0.012345E3", ".15e+02"))),
                            0);
    for (double time_s = 0; time_s < 0.2; time_s += 0.1) {
        CHECK_NEAR(fabs(truth_at(s, time_s, 0).position.x), 12.345, 1e-9);
        CHECK_NEAR(truth_at(s, time_s, 0).position.x + truth_at(s, time_s, 1).position.x, 0, 1e-9);
        CHECK_NEAR(truth_at(s, time_s, 0).position.z, 0, 1e-9);
    }
    scenario_destroy(s);
}

static scenario *load_from(const char *file, const char *save_file, uint32_t entity_count)
{
    char text[512] = "";
    scenario *s;
    scenario_def def = scenario_def_default();
    def.name = "trace";
    def.fcd_file = file;
    def.save_file = save_file;
    def.entity_count = entity_count;
    if (scenario_create(&def, &s, text, sizeof text) != TL_OK) {
        fprintf(stderr, "%s\n", text);
        abort();
    }
    return s;
}

// What is saved and mapped again is the very same city, also when copies fill it up or only a part is taken.
TEST(a_saved_recording_is_the_same)
{
    static const uint32_t counts[] = {0, 250, 40};
    for (int c = 0; c < 3; c++) {
        file_write("saved", "", 0);
        scenario *read = load_from(SAMPLE_FILE, path, counts[c]), *mapped = load_from(path, NULL, counts[c]);
        uint32_t count = scenario_entity_count(read);
        CHECK_EQUAL(scenario_entity_count(mapped), count);
        CHECK_EQUAL(scenario_group_count(mapped), scenario_group_count(read));
        uint32_t present = 0;
        for (double time_s = 0; time_s < 130; time_s += 3.7) {
            for (uint32_t i = 0; i < count; i++) {
                scenario_truth a, b;
                scenario_evaluate(read, time_s, i, 1, &a);
                scenario_evaluate(mapped, time_s, i, 1, &b);
                CHECK(a.present == b.present && a.kind == b.kind && a.generation == b.generation);
                CHECK(memcmp(&a.position, &b.position, sizeof a.position) == 0 &&
                      memcmp(&a.velocity, &b.velocity, sizeof a.velocity) == 0 &&
                      memcmp(&a.rotation, &b.rotation, sizeof a.rotation) == 0);
                present += a.present;
            }
        }
        CHECK(present > 1000);
        scenario_destroy(mapped);
        scenario_destroy(read);
        unlink(path);
    }
}

TEST(it_says_when_all_is_replaced)
{
    scenario *s = load_from(SAMPLE_FILE, NULL, 0);
    scenario_truth before, after;
    double period_s = 1;
    CHECK(isinf(scenario_since_break_s(s, 10)));
    while (isinf(scenario_since_break_s(s, period_s))) {
        period_s += 0.1; // the first time round is over
    }
    CHECK(period_s > 50 && period_s < 70);
    CHECK_NEAR(scenario_since_break_s(s, period_s + 7), scenario_since_break_s(s, period_s) + 7, 1e-6);
    scenario_evaluate(s, period_s - 1, 0, 1, &before);
    scenario_evaluate(s, period_s + 1, 0, 1, &after);
    CHECK(after.generation == before.generation + 1);
    scenario_destroy(s);
    scenario_def def = scenario_def_default();
    char text[256];
    def.entity_count = 100;
    CHECK_EQUAL(scenario_create(&def, &s, text, sizeof text), TL_OK);
    CHECK(isinf(scenario_since_break_s(s, 1e6)));
    scenario_destroy(s);
}

TEST(damaged_saved_recordings_are_refused)
{
    static char bytes[1 << 22];
    file_write("saved", "", 0);
    scenario_destroy(load_from(SAMPLE_FILE, path, 0));
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    CHECK(size > 1000 && size < sizeof bytes);
    fclose(file);
    const size_t cuts[] = {8, 40, 47, 48, 100, size / 2, size - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        file_write("saved", bytes, cuts[i]);
        refuse(cuts[i] < 48 ? TL_ERR_IO : TL_ERR_CORRUPT, cuts[i] < 48 ? "cannot be mapped" : "damaged");
    }
    const size_t places[] = {8, 12, 48, 52, 56, 60}; // counts, and a track's points and times
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bytes[places[i] + 2] ^= 0x7f;
        file_write("saved", bytes, size);
        refuse(TL_ERR_CORRUPT, "damaged");
        bytes[places[i] + 2] ^= 0x7f;
    }
}

int main(void)
{
    RUN(the_sample_is_played_as_it_was_recorded);
    RUN(it_loops_with_generations);
    RUN(copies_fill_up);
    RUN(packed_files_are_read_and_cut_ones_refused);
    RUN(malformed_files_are_refused_with_their_line);
    RUN(unreadable_files_are_refused);
    RUN(numbers_are_read_exactly);
    RUN(a_saved_recording_is_the_same);
    RUN(damaged_saved_recordings_are_refused);
    RUN(it_says_when_all_is_replaced);
    return 0;
}
