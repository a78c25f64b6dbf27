// A frame as one packed byte array: what the server hands over is all that a client needs, and damage is refused.
#include "check.h"
#include "pair.h"

TEST(a_client_lives_on_packed_frames)
{
    pair *p = pair_create();
    p->by_frames = true;
    CHECK(pair_join(p));
    pair_run(p, 500);
    tl_client_stats stats = tl_client_get_stats(p->client);
    CHECK_EQUAL(stats.entities, PAIR_ENTITIES);
    CHECK(stats.frames > 90 && stats.datagrams_lost == 0 && stats.malformed == 0);
    tl_client_validate(p->client);
    pair_destroy(p);
}

TEST(cut_frames_are_refused)
{
    pair *p = pair_create();
    CHECK(pair_join(p));
    const unsigned char one_short[] = {3, 0, 0x82, 1}, no_size[] = {3}, nothing[] = {0, 0};
    CHECK_EQUAL(tl_client_receive_frame(p->client, one_short, sizeof one_short, p->now_us), TL_ERR_MALFORMED);
    CHECK_EQUAL(tl_client_receive_frame(p->client, no_size, sizeof no_size, p->now_us), TL_ERR_MALFORMED);
    CHECK_EQUAL(tl_client_receive_frame(p->client, nothing, sizeof nothing, p->now_us), TL_ERR_MALFORMED);
    CHECK_EQUAL(tl_client_get_stats(p->client).entities, PAIR_ENTITIES);
    pair_destroy(p);
}

int main(void)
{
    RUN(a_client_lives_on_packed_frames);
    RUN(cut_frames_are_refused);
}
