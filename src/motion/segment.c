#include "motion/segment.h"

void tl_segment_turned(const int64_t *v, int turn, int64_t out[3])
{
    TL_ASSERT(turn >= 0 && turn < TL_TURNS);
    static const int8_t cosine[TL_TURNS] = {1, 0, 0, -1, 0}, sine[TL_TURNS] = {0, 1, -1, 0, 0};
    out[0] = cosine[turn] * v[0] + sine[turn] * v[2];
    out[1] = turn == TL_TURN_AFRESH ? 0 : v[1];
    out[2] = cosine[turn] * v[2] - sine[turn] * v[0];
}

int tl_segment_turn(const int64_t *from, const int64_t *to)
{
    int best = 0;
    double least = INFINITY;
    for (int turn = 0; turn < TL_TURNS; turn++) {
        int64_t v[3];
        tl_segment_turned(from, turn, v);
        double dx = (double)(to[0] - v[0]), dz = (double)(to[2] - v[2]), d = dx * dx + dz * dz;
        if (d < least) {
            least = d;
            best = turn;
        }
    }
    return best;
}

tl_segment_change tl_segment_change_of(const tl_kinds *kinds, int level, const tl_field *field, const int64_t *base,
                                       const int64_t *w, int64_t tick)
{
    TL_ASSERT(level >= 0 && level < TL_LEVELS_MAX);
    tl_segment_change d = {.tolerance = (field->tolerance[level] - (level ? field->tolerance[0] : 0)) *
                                        tl_power(field->shift[level])};
    tl_position_quanta(base, kinds->rate_shift, tick, d.old_place);
    for (int axis = 0; axis < 3; axis++) {
        d.change[axis] = (double)w[4 + axis] - (double)base[4 + axis];
        d.length += d.change[axis] * d.change[axis];
    }
    d.length = sqrt(d.length);
    d.sudden = d.length * 2 > d.tolerance * tl_power(kinds->rate_shift);
    return d;
}

// Velocities from the wire may be arbitrary until tl_state_valid() has checked them.
static int64_t whole_of(double value)
{
    return fabs(value) < 0x1p62 ? (int64_t)value : 0;
}

void tl_segment_expect(const tl_kinds *kinds, const tl_segment_change *d, int since_ticks, int64_t expected[3])
{
    TL_ASSERT(since_ticks >= 0 && since_ticks <= TL_SINCE_TICKS_MAX);
    memcpy(expected, d->old_place, sizeof d->old_place);
    if (d->length == 0) {
        return;
    }
    double scale = d->sudden ? since_ticks * tl_power(-kinds->rate_shift) : d->tolerance / d->length;
    for (int axis = 0; axis < 3; axis++) {
        expected[axis] = tl_add_wrap(expected[axis], whole_of(floor(d->change[axis] * scale + 0.5)));
    }
}

static double distance_of(const int64_t *a, const int64_t *b)
{
    double x = (double)tl_sub_wrap(a[0], b[0]), y = (double)tl_sub_wrap(a[1], b[1]),
           z = (double)tl_sub_wrap(a[2], b[2]);
    return sqrt(x * x + y * y + z * z);
}

int tl_segment_since(const tl_kinds *kinds, const tl_segment_change *d, const int64_t *place)
{
    int best = 0;
    double least = INFINITY;
    for (int since = 0; d->sudden && since <= TL_SINCE_TICKS_MAX; since++) {
        int64_t expected[3];
        tl_segment_expect(kinds, d, since, expected);
        double distance = distance_of(expected, place);
        if (distance < least) {
            least = distance;
            best = since;
        }
    }
    return best;
}

// The share of the tolerance that a snapped position may use, and a snapped velocity within SNAP_SECONDS.
static const double SNAP_SHARE = 0.5, SNAP_SECONDS = 10;

void tl_segment_snap(const tl_level_context *c, double limit_m, const int64_t *before, int64_t *words)
{
    TL_ASSERT(c->level > 0 && limit_m >= 0);
    const tl_field *place = &c->kind->fields[0];
    const tl_kinds *kinds = c->kinds;
    double limit_quanta = SNAP_SHARE * limit_m * tl_power(place->shift[c->level]);
    double limit_rate = limit_quanta * tl_power(kinds->rate_shift) / (SNAP_SECONDS * kinds->tick_hz);
    bool was_moving = tl_position_moves(before), moves = tl_position_moves(words);
    int64_t expected[3];
    int turn = was_moving && moves ? tl_segment_turn(before + 4, words + 4) : TL_TURN_AFRESH;
    if (turn != TL_TURN_AFRESH) {
        tl_segment_turned(before + 4, turn, expected);
        if (distance_of(expected, words + 4) <= limit_rate) {
            memcpy(words + 4, expected, sizeof expected);
        }
    }
    tl_segment_change d = tl_segment_change_of(kinds, c->level, place, before, words, moves ? words[0] : c->tick);
    tl_segment_expect(kinds, &d, tl_segment_since(kinds, &d, words + 1), expected);
    if (distance_of(expected, words + 1) <= limit_quanta) {
        memcpy(words + 1, expected, sizeof expected);
    }
}
