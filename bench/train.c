// Learns the start values of the chunk coder's models (src/wire/model_table.h) from rides through cities, and says what
// each part of a chunk costs. Built with the core compiled anew with TL_TRAIN.
//
//   bench_train [OUTPUT.h, or - for none] [seconds] [RECORDING, with a '/' in its path]
#include "cluster.h"
#include "wire/chunk.h"

#include <math.h>
#include <stddef.h>

enum { CONTEXTS = sizeof(tl_models) / sizeof(uint16_t), LEVELS = 7 };

extern void (*tl_train_bit)(int context, int bit);
extern void (*tl_train_raw)(int bits);
extern void (*tl_train_start)(int level, bool whole);

static double counts[LEVELS][CONTEXTS][2];
static double costs[2][CONTEXTS]; // bits with the models as they are, [from a version, from nothing]
static double raws[2][CONTEXTS];
static double chunks[2];
static int level_now, last_context;
static bool whole_now, counting;

static void on_start(int level, bool whole)
{
    level_now = level < LEVELS ? level : LEVELS - 1;
    whole_now = whole;
    if (counting) {
        chunks[whole]++;
    }
}

static void on_bit(int context, int bit)
{
    last_context = context;
    if (counting) {
        counts[level_now][context][bit]++;
    }
    const uint16_t *start = (const uint16_t *)tl_models_start(level_now);
    double p = fmin(fmax(start[context] / 65536.0, 1 / 4096.0), 1 - 1 / 4096.0);
    if (counting) {
        costs[whole_now][context] -= log2(bit ? 1 - p : p);
    }
}

static void on_raw(int bits)
{
    if (counting) {
        raws[whole_now][last_context] += bits;
    }
}

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

static void say(const char *name, size_t offset, size_t size, double ticks)
{
    double cost[2] = {0}, raw[2] = {0};
    for (size_t i = offset / 2; i < (offset + size) / 2; i++) {
        for (int w = 0; w < 2; w++) {
            cost[w] += costs[w][i], raw[w] += raws[w][i];
        }
    }
    if (cost[0] + cost[1] + raw[0] + raw[1] > 0) {
        printf("%10s: updates %8.1f + %7.1f raw bytes/tick, whole %8.1f + %7.1f\n", name, cost[0] / 8 / ticks,
               raw[0] / 8 / ticks, cost[1] / 8 / ticks, raw[1] / 8 / ticks);
    }
}

static void report(double ticks)
{
    printf("chunks/tick: %.1f and %.1f whole\n", chunks[0] / ticks, chunks[1] / ticks);
#define SAY(member) say(#member, offsetof(tl_models, member), sizeof(((tl_models *)0)->member), ticks);
    MEMBERS(SAY)
}

static void write_table(const char *path)
{
    FILE *f = fopen(path, "w");
    CHECK(f);
    fprintf(f, "// Start values of the models, learnt by bench/train.c: probability of a 0, of 65'536, by level and "
               "context (chunk.h).\n");
    fprintf(f,
            "#define TL_MODEL_LEVELS %d\n#define TL_MODEL_CONTEXTS %d\nstatic const uint16_t "
            "model_table[TL_MODEL_LEVELS][TL_MODEL_CONTEXTS] = {\n",
            LEVELS, CONTEXTS);
    for (int level = 0; level < LEVELS; level++) {
        fprintf(f, "    {");
        for (int i = 0; i < CONTEXTS; i++) {
            // Little seen at a level: lean on what all levels say, and then on a half.
            double zero = 0.5, one = 0.5, all[2] = {0};
            for (int l = 0; l < LEVELS; l++) {
                all[0] += counts[l][i][0], all[1] += counts[l][i][1];
            }
            double weight = fmin(1, 8 / (all[0] + all[1] + 1e-9));
            zero += all[0] * weight + counts[level][i][0], one += all[1] * weight + counts[level][i][1];
            int p = (int)lround(65536 * zero / (zero + one));
            fprintf(f, "%s%d,", i % 24 ? " " : "\n     ", p < 64 ? 64 : p > 65472 ? 65472 : p);
        }
        fprintf(f, "},\n");
    }
    fprintf(f, "};\n");
    fclose(f);
}

static void ride(const char *name, uint32_t entities, uint64_t seed, uint32_t cabin, double seconds)
{
    cluster *c = cluster_create(name, entities, seed, 20);
    c->quiet = true;
    counting = true; // from the join on, where most tiles are told whole
    cluster_add_rider_in(c, 0, cabin);
    cluster_run(c, 4);
    tl_client_stats before = tl_client_get_stats(c->riders[0].client);
    cluster_run(c, seconds);
    tl_client_stats after = tl_client_get_stats(c->riders[0].client);
    printf("%s, cabin %u: %.1f kbit/s\n", name, cabin, (double)(after.bytes - before.bytes) * 8e-3 / seconds);
    cluster_destroy(c);
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 30;
    tl_train_bit = on_bit, tl_train_raw = on_raw, tl_train_start = on_start;
    if (argc > 3) {
        ride(argv[3], 100000, 1, 0, seconds / 2);
        ride("city", 100000, 7, 1, seconds / 4);
        ride("city", 100000, 8, 6, seconds / 4);
    } else {
        ride("city", 100000, 7, 1, seconds / 2);
        ride("city", 100000, 8, 6, seconds / 2);
    }
    report(seconds * 20);
    if (argc > 1 && argv[1][0] != '-') {
        write_table(argv[1]);
    }
    return 0;
}
