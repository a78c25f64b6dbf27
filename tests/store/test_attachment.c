// The queues between a store's caller and its threads, without a thread: what is told, and in which order.
#include "check.h"
#include "store/engine/attachment.h"

#include <string.h>

static void begin(tl_attachment *attachment)
{
    static const tl_store_ops ops = {.poll = tl_attachment_poll};
    tl_log_head head = {.epoch = 1, .tick = -1, .heir = TL_HEIR_NONE};
    memset(attachment, 0, sizeof(*attachment));
    CHECK(tl_attachment_init(attachment, &ops));
    CHECK_EQUAL(tl_attachment_begin(attachment, "alpha"), TL_OK);
    tl_attachment_report_joined(attachment, 1, &head);
}

static void expect(tl_attachment *attachment, tl_store_event_type type)
{
    tl_store_event event;
    CHECK_EQUAL(tl_attachment_poll(&attachment->base, &event), TL_OK);
    CHECK_EQUAL(event.type, type);
}

// Nothing of what failed is tried again then.
TEST(a_stall_ends_with_the_lease)
{
    static const tl_activity own[] = {TL_ACTIVITY_COMMIT, TL_ACTIVITY_FENCE, TL_ACTIVITY_LEASE,
                                      TL_ACTIVITY_MAINTENANCE};
    static const tl_fault fault = {.result = TL_ERR_IO, .text = "the disk"};
    static const tl_log_epoch row = {.last_tick = 3, .heir = 2};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        static tl_attachment attachment;
        tl_store_event event;
        begin(&attachment);
        expect(&attachment, TL_STORE_JOINED);
        CHECK(!tl_attachment_result(&attachment, own[i], fault.result, &fault));
        expect(&attachment, TL_STORE_STALLED);
        tl_attachment_report_lost(&attachment, &row);
        expect(&attachment, TL_STORE_RECOVERED);
        expect(&attachment, TL_STORE_LOST);
        CHECK_EQUAL(tl_attachment_poll(&attachment.base, &event), TL_AGAIN);
        CHECK(!attachment.retry_states[own[i]].failing); // and so no thread wakes for it
        tl_attachment_free(&attachment);
    }
}

int main(void)
{
    RUN(a_stall_ends_with_the_lease);
    return 0;
}
