// Inspections: whose groups are whose, what is missing, what is faulty.
#include "check.h"
#include "tramline/inspect.h"
#include "world/checkpoint.h"

static unsigned char data[4096];
static tl_record_writer writer;
static tl_kinds kinds;
static tl_inspect_report report;

static tl_inspect *inspect_create(void)
{
    static tl_kind_def defs[2];
    defs[0] = tl_kind_def_default("walker"), defs[1] = tl_kind_def_default("tram");
    CHECK_EQUAL(tl_kinds_init(&kinds, defs, 2, 20, NULL, 0), TL_OK);
    tl_inspect *n;
    CHECK_EQUAL(tl_inspect_create(defs, 2, 20, 100, 10, &n), TL_OK);
    CHECK(tl_inspect_kinds_hash(n) == kinds.hash);
    return n;
}

static void tell_server(tl_inspect *n, tl_server_number server, uint32_t epoch)
{
    tl_store_event event = {.type = TL_STORE_SERVER, .server = server, .epoch = epoch, .tick = -1};
    snprintf(event.name, sizeof event.name, "server-%u", server);
    tl_inspect_event(n, &event);
}

static void tell_end(tl_inspect *n, tl_server_number server, uint32_t epoch, int64_t tick, tl_server_number heir)
{
    tl_inspect_event(
        n, &(tl_store_event){.type = TL_STORE_FENCED, .server = server, .epoch = epoch, .tick = tick, .heir = heir});
}

static void begin(int64_t tick)
{
    tl_record_begin(&writer, &kinds, tick, data, sizeof data);
}

static void add(tl_entity_id id, int kind, tl_group_id group, tl_entity_id carrier)
{
    static const int64_t words[TL_STATE_WORDS_MAX];
    tl_record_create(&writer, &(tl_entity){.id = id, .kind = (uint8_t)kind}, group, carrier, words);
}

static void commit(tl_inspect *n, tl_server_number server, uint32_t epoch)
{
    CHECK(!writer.w.bad);
    tl_inspect_event(n, &(tl_store_event){.type = TL_STORE_RECORD,
                                          .server = server,
                                          .epoch = epoch,
                                          .tick = writer.tick,
                                          .data = data,
                                          .size = writer.w.size});
}

static void finish(tl_inspect *n)
{
    tl_inspect_event(n, &(tl_store_event){.type = TL_STORE_LOADED});
    tl_inspect_finish(n, &report);
    tl_inspect_destroy(n);
    CHECK(report.complete && report.decoded);
}

// A tram and two walkers of server 1 in group 7, one in the tram and one in a carrier that nobody made.
static tl_inspect *with_a_group(void)
{
    tl_inspect *n = inspect_create();
    tell_server(n, 1, 1);
    tell_server(n, 2, 1);
    begin(10);
    tl_record_group(&writer, 7, 1);
    add(100, 1, 7, 0);
    add(101, 0, 7, 100);
    add(102, 0, 7, 999);
    commit(n, 1, 1);
    return n;
}

TEST(what_is_there_is_counted)
{
    finish(with_a_group());
    CHECK_EQUAL(report.faults, 0);
    CHECK_EQUAL(report.groups, 1);
    CHECK_EQUAL(report.entities, 3);
    CHECK_EQUAL(report.entities_of_kind[0], 2);
    CHECK_EQUAL(report.entities_of_kind[1], 1);
    CHECK_EQUAL(report.carriers_missing, 1);
    CHECK_EQUAL(report.groups_without_heir, 0);
    CHECK_EQUAL(report.log_records, 1);
    CHECK_EQUAL(report.log_bytes, writer.w.size);
    CHECK(report.log_first_tick == 10 && report.log_last_tick == 10);
    CHECK(report.servers[1].groups == 1 && report.servers[1].entities == 3 && !report.servers[1].ended);
    CHECK(report.servers[2].known && report.servers[2].groups == 0);
}

static void tell_deleted(tl_inspect *n, tl_group_id group, int64_t tick)
{
    tl_inspect_event(n, &(tl_store_event){.type = TL_STORE_CHECKPOINT, .group = group, .tick = tick});
}

// More of them than there may be groups; none of them is in the way of a group that lives.
TEST(deleted_groups_take_no_places)
{
    tl_inspect *n = inspect_create();
    tell_server(n, 1, 1);
    for (tl_group_id group = 1000; group < 2000; group++) {
        tell_deleted(n, group, 20);
    }
    tell_deleted(n, 1000, 25); // told once more
    begin(20);
    tl_record_group(&writer, 1000, 1); // older than its end
    add(100, 0, 1000, 0);
    tl_record_group(&writer, 7, 1);
    add(101, 0, 7, 0);
    commit(n, 1, 1);
    begin(26);
    tl_record_group(&writer, 1000, 1); // made anew
    add(102, 0, 1000, 0);
    commit(n, 1, 1);
    finish(n);
    CHECK_EQUAL(report.faults, 0);
    CHECK_EQUAL(report.checkpoints_empty, 1001);
    CHECK_EQUAL(report.groups, 2);
    CHECK_EQUAL(report.entities, 2);
}

TEST(an_id_that_was_deleted_counts_once)
{
    tl_inspect *n = with_a_group();
    begin(11);
    tl_record_delete(&writer, 102);
    commit(n, 1, 1);
    begin(12);
    add(102, 0, 7, 0);
    commit(n, 1, 1);
    finish(n);
    CHECK_EQUAL(report.entities, 3);
    CHECK_EQUAL(report.carriers_missing, 0);
}

TEST(groups_wait_for_an_heir_until_there_is_one)
{
    tl_inspect *n = with_a_group();
    tell_end(n, 1, 1, 10, 0);
    finish(n);
    CHECK(report.servers[1].ended && report.servers[1].heir == 0);
    CHECK_EQUAL(report.groups_without_heir, 1);
    CHECK_EQUAL(report.faults, 0);

    n = with_a_group();
    tell_end(n, 1, 1, 10, 0);
    tell_end(n, 1, 1, 10, 2);
    finish(n);
    CHECK(report.servers[1].ended && report.servers[1].heir == 2);
    CHECK_EQUAL(report.groups_without_heir, 0);
    CHECK_EQUAL(report.servers[2].entities, 3);

    n = with_a_group(); // it comes back and keeps them
    tell_end(n, 1, 1, 10, 1);
    tell_server(n, 1, 2);
    finish(n);
    CHECK(!report.servers[1].ended && report.servers[1].groups == 1);
}

// A gift that comes after the end of the epoch it was meant for is the heir's.
TEST(a_gift_to_one_that_has_ended_is_its_heirs)
{
    tl_inspect *n = with_a_group();
    tell_server(n, 3, 1);
    tell_end(n, 2, 1, -1, 3);
    begin(11);
    tl_record_group_give(&writer, 7, 2, 1);
    commit(n, 1, 1);
    finish(n);
    CHECK_EQUAL(report.servers[3].groups, 1);
}

TEST(faults_are_told_with_server_and_tick)
{
    tl_inspect *n = with_a_group();
    begin(11);
    data[writer.w.size++] = 200; // no op
    commit(n, 1, 1);
    tl_inspect_event(n,
                     &(tl_store_event){.type = TL_STORE_CHECKPOINT, .group = 7, .tick = 12, .data = data, .size = 1});
    finish(n);
    CHECK_EQUAL(report.faults, 2);
    CHECK(report.fault_server == 1 && report.fault_tick == 11);
    CHECK(strstr(report.fault_text, "server server-1 (1): the record of tick 11 cannot be read"));
    CHECK_EQUAL(report.entities, 0); // what the newer checkpoint had is not known
    CHECK_EQUAL(report.groups, 1);
}

// In the place of a checkpoint that cannot be read: its group, and what the log says after it.
TEST(an_unreadable_checkpoint_has_a_stand_in)
{
    const void *stand_in;
    unsigned char kept[64];
    tl_inspect *n = with_a_group();
    begin(12);
    tl_record_group(&writer, 7, 1);
    data[writer.w.size++] = 200;
    const tl_store_event checkpoint = {
        .type = TL_STORE_CHECKPOINT, .group = 7, .tick = 12, .data = data, .size = writer.w.size};
    tl_inspect_event(n, &checkpoint);
    CHECK(tl_inspect_sets_aside(n));
    size_t size = tl_inspect_stand_in(n, &stand_in);
    CHECK(size > 0 && size < sizeof kept);
    memcpy(kept, stand_in, size);
    finish(n);
    CHECK_EQUAL(report.faults, 1);
    CHECK_EQUAL(report.servers[1].groups, 1);
    n = with_a_group();
    tl_inspect_event(
        n, &(tl_store_event){.type = TL_STORE_CHECKPOINT, .group = 7, .tick = 12, .data = kept, .size = size});
    CHECK(!tl_inspect_sets_aside(n));
    CHECK_EQUAL(tl_inspect_stand_in(n, &stand_in), 0);
    finish(n);
    CHECK_EQUAL(report.faults, 0);
    CHECK_EQUAL(report.groups, 1);
    CHECK_EQUAL(report.entities, 0);
}

// Of another version it is neither left out nor taken: a newer release reads it.
TEST(a_checkpoint_of_another_version_stays)
{
    tl_inspect *n = with_a_group();
    begin(12);
    data[0]++;
    tl_inspect_event(
        n, &(tl_store_event){.type = TL_STORE_CHECKPOINT, .group = 7, .tick = 12, .data = data, .size = writer.w.size});
    CHECK(!tl_inspect_sets_aside(n));
    finish(n);
    CHECK_EQUAL(report.faults, 1);
    CHECK(strstr(report.fault_text, "is of another version"));
    CHECK_EQUAL(report.entities, 3);
}

// What servers leave out, and where they take the epoch to end.
TEST(what_follows_an_unreadable_record_in_its_epoch_is_set_aside)
{
    tl_inspect *n = with_a_group();
    CHECK(!tl_inspect_sets_aside(n));
    begin(11);
    data[writer.w.size++] = 200;
    commit(n, 1, 1);
    CHECK(tl_inspect_sets_aside(n));
    begin(12);
    commit(n, 1, 1);
    CHECK(tl_inspect_sets_aside(n));
    tell_end(n, 1, 1, 12, 2);
    CHECK(!tl_inspect_sets_aside(n));
    CHECK_EQUAL(tl_inspect_last_tick(n), 10);
    // It came back, twice, and no record was committed in between: all of that was where its log ends now.
    tl_inspect_event(
        n, &(tl_store_event){.type = TL_STORE_SERVER, .server = 1, .epoch = 2, .tick = 12, .name = "server-1"});
    CHECK_EQUAL(tl_inspect_last_tick(n), 10);
    tell_end(n, 1, 2, 12, 1);
    CHECK_EQUAL(tl_inspect_last_tick(n), 10);
    tl_inspect_event(
        n, &(tl_store_event){.type = TL_STORE_SERVER, .server = 1, .epoch = 3, .tick = 12, .name = "server-1"});
    CHECK_EQUAL(tl_inspect_last_tick(n), 10);
    begin(13);
    commit(n, 1, 3);
    CHECK(!tl_inspect_sets_aside(n));
    tell_end(n, 1, 3, 13, 2);
    CHECK_EQUAL(tl_inspect_last_tick(n), 13);
    finish(n);
    CHECK_EQUAL(report.set_aside, 2);
    CHECK_EQUAL(report.fault_tick, 11);
    CHECK_EQUAL(report.fault_server, 1);
}

TEST(records_out_of_order_or_after_their_epoch_are_faults)
{
    tl_inspect *n = with_a_group();
    begin(10);
    commit(n, 1, 1);
    tell_end(n, 1, 1, 10, 2);
    begin(11);
    commit(n, 1, 1);
    finish(n);
    CHECK_EQUAL(report.faults, 2);
}

TEST(an_unknown_owner_is_a_fault)
{
    tl_inspect *n = with_a_group();
    begin(11);
    tl_record_group(&writer, 8, 77);
    commit(n, 1, 1);
    finish(n);
    CHECK_EQUAL(report.faults, 1);
    CHECK_EQUAL(report.servers[0].groups, 1);
}

TEST(limits_are_told)
{
    tl_inspect *n = with_a_group();
    begin(11);
    for (tl_entity_id id = 1000; id < 1098; id++) {
        add(id, 0, 7, 0);
    }
    commit(n, 1, 1);
    finish(n);
    CHECK_EQUAL(report.entities, 100);
    CHECK(strstr(report.fault_text, "larger than the limits"));
    CHECK_EQUAL(tl_inspect_create(NULL, 0, 20, 0, 1, &n), TL_ERR_INVALID);
}

int main(void)
{
    RUN(what_is_there_is_counted);
    RUN(deleted_groups_take_no_places);
    RUN(an_id_that_was_deleted_counts_once);
    RUN(groups_wait_for_an_heir_until_there_is_one);
    RUN(a_gift_to_one_that_has_ended_is_its_heirs);
    RUN(faults_are_told_with_server_and_tick);
    RUN(an_unreadable_checkpoint_has_a_stand_in);
    RUN(a_checkpoint_of_another_version_stays);
    RUN(what_follows_an_unreadable_record_in_its_epoch_is_set_aside);
    RUN(records_out_of_order_or_after_their_epoch_are_faults);
    RUN(an_unknown_owner_is_a_fault);
    RUN(limits_are_told);
}
