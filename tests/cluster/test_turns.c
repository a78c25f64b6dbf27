// Nobody hostile: a client that owns three notes, and writes each anew again and again. Two of them fill a datagram;
// the third has its turn as well.
#include "crowd.h"

enum { NOTES = 3, TEXT_BYTES = 540, SECONDS = 20 };

static tl_values note_of(uint32_t value, unsigned char *text)
{
    uint32_t random = value * 2654435761u + 1;
    for (int i = 0; i < TEXT_BYTES; i++) {
        random = random * 1664525u + 1013904223u, text[i] = (unsigned char)(random >> 24);
    }
    memcpy(text, &value, sizeof value);
    tl_values v = crowd_at(1, 2, 3);
    v.mask |= 4;
    v.fields[2].bytes = text, v.fields[2].size = TEXT_BYTES;
    return v;
}

TEST(each_has_its_turn)
{
    crowd *c = crowd_create(1);
    c->names_proven = true;
    c->def.client_bytes_s_max = 1000000;
    crowd_start(c, 0);
    crowd_connect(c, 0, 0, "writer");
    crowd_run(c, 1);
    tl_client *k = c->clients[0].client;
    tl_server *s = c->servers[0].server;
    tl_entity_id notes[NOTES];
    unsigned char text[TEXT_BYTES];
    for (int i = 0; i < NOTES; i++) {
        tl_values v = note_of(1, text);
        CHECK_EQUAL(tl_client_request_create(k, CROWD_NOTE, 0, &v, true, NULL), TL_OK);
        crowd_run(c, 0.3);
        CHECK_EQUAL(c->clients[0].answer.result, TL_OK);
        notes[i] = c->clients[0].last_made;
    }
    uint32_t oldest[NOTES] = {0};
    for (uint32_t tick = 2; tick < SECONDS * CROWD_HZ; tick++) {
        for (int i = 0; i < NOTES; i++) {
            tl_values v = note_of(tick, text);
            CHECK_EQUAL(tl_client_set_values(k, notes[i], tl_client_get_server_tick(k, c->now_us), 0, &v), TL_OK);
        }
        crowd_run(c, 1.0 / CROWD_HZ);
        for (int i = 0; i < NOTES; i++) {
            tl_values got;
            uint32_t value;
            CHECK_EQUAL(tl_server_get_values(s, tl_server_find(s, notes[i]), &got), TL_OK);
            memcpy(&value, got.fields[2].bytes, sizeof value);
            if (tick - value > oldest[i]) {
                oldest[i] = tick - value;
            }
        }
    }
    for (int i = 0; i < NOTES; i++) {
        printf("  note %d was %u ticks old at the most\n", i, oldest[i]);
    }
    for (int i = 0; i < NOTES; i++) {
        CHECK(oldest[i] < 10);
    }
    crowd_destroy(c);
}

int main(void)
{
    RUN(each_has_its_turn);
    return 0;
}
