// A disk that hangs: whoever is attached is told so although the store's thread does not come back, nothing waits for
// it, and once the disk answers again all that was submitted is committed.
#include "directory.h"
#include "freezing_vfs.h"
#include "seat.h"

#include <time.h>
#include <unistd.h>

enum { WAIT_S_MAX = 120 }; // far more than it takes: only that it ends is judged

static void await(seat *s, tl_store_event_type type, size_t count)
{
    time_t until = time(NULL) + WAIT_S_MAX;
    while (seat_count(s, type, 0) < count) {
        seat_poll(s);
        usleep(1000);
        CHECK(time(NULL) < until);
    }
}

TEST(a_hung_disk_is_reported_and_recovers)
{
    char directory[64];
    directory_make(directory, sizeof(directory));
    directory_make_world(directory);
    seat alpha, beta;
    seat_open(&alpha, directory_open(directory), "alpha");
    seat_open(&beta, directory_open(directory), NULL);
    await(&alpha, TL_STORE_LOADED, 1);
    await(&beta, TL_STORE_LOADED, 1);
    CHECK_EQUAL(seat_submit(&alpha, 0, 1), TL_OK);
    await(&alpha, TL_STORE_COMMITTED, 1);
    freezing_vfs_freeze(true);
    for (int tick = 1; tick <= 20; tick++) {
        CHECK_EQUAL(seat_submit(&alpha, tick, 1), TL_OK); // comes back at once
    }
    await(&alpha, TL_STORE_STALLED, 1);
    const told *t = seat_last(&alpha, TL_STORE_STALLED, 0);
    CHECK_EQUAL(t->event.result, TL_ERR_UNAVAILABLE);
    CHECK(strstr(t->event.text, directory) && strstr(t->event.text, "disk has not answered"));
    CHECK(freezing_vfs_blocked() > 0);
    CHECK_EQUAL(tl_store_drain(alpha.store, 1), TL_AGAIN);
    for (int i = 0; i < 100; i++) {
        seat_poll(&alpha);
        seat_poll(&beta);
    }
    CHECK_EQUAL(seat_count(&alpha, TL_STORE_COMMITTED, 0), 1);
    CHECK_EQUAL(seat_count(&alpha, TL_STORE_STALLED, 0), 1); // once
    CHECK_EQUAL(seat_count(&alpha, TL_STORE_RECOVERED, 0), 0);
    freezing_vfs_freeze(false);
    await(&alpha, TL_STORE_RECOVERED, 1);
    await(&alpha, TL_STORE_COMMITTED, 21);
    await(&beta, TL_STORE_RECORD, 21);
    seat_check(&alpha);
    seat_check(&beta);
    seat_free(&alpha);
    seat_free(&beta);
    directory_remove(directory);
}

int main(void)
{
    freezing_vfs_install();
    RUN(a_hung_disk_is_reported_and_recovers);
    return 0;
}
