// Groups that hold clients' entities: their ids, the identity each belongs to, and how the log records that.
#include "server/client_groups.h"
#include "server/ownership.h"
#include "server/state.h"
#include "world/record_apply.h"

enum { GAME_NUMBER = 65534 }; // used as the server number in ids that scenarios make; no server has it

bool tl_client_groups_is_id(tl_group_id id)
{
    return id & TL_CLIENT_GROUP_BIT && id >> 48 != GAME_NUMBER;
}

// Whether a group holds what some client owns, even a client that cannot return. If its checkpoint cannot be read, its
// identity is unknown.
bool tl_client_groups_is_owned(const tl_group *group)
{
    if (!group->used || !tl_client_groups_is_id(group->id) || group->missing->unread) {
        return false;
    }
    tl_identity nobodys = tl_identity_nobodys();
    return !tl_identity_equal(&group->identity, &nobodys);
}

// Returns the next group of `identity` at or after index `from`, or TL_NONE. A second one is rare.
int32_t tl_client_groups_next(const tl_server *s, const tl_identity *identity, int32_t from)
{
    TL_ASSERT(from >= 0);
    for (int32_t g = from; identity->size && g < s->mirror.group_top; g++) {
        if (tl_client_groups_is_owned(&s->mirror.groups[g]) &&
            tl_identity_equal(&s->mirror.groups[g].identity, identity)) {
            return g;
        }
    }
    return TL_NONE;
}

void tl_client_groups_note(tl_server *s, tl_group *group)
{
    TL_ASSERT(group->used && tl_client_groups_is_id(group->id));
    group->unsent_claim = s->changes.has_claims = true;
}

// Whether a group is empty and nobody's, so that its owner's next client can have it.
bool tl_client_groups_is_spare(const tl_group *group)
{
    return tl_client_groups_is_owned(group) && group->identity.size == 0 && group->vanished_tick >= 0 &&
           group->holder == 0 && group->entity_count == 0;
}

bool tl_client_groups_record(tl_server *s, tl_record_writer *r)
{
    if (!s->changes.has_claims) {
        return true;
    }
    for (int32_t g = 0; g < s->mirror.group_top; g++) {
        tl_group *group = &s->mirror.groups[g];
        if (!group->used || !group->unsent_claim) {
            continue;
        }
        tl_record_mark mark = tl_record_here(r);
        if (tl_own_owns(s, g)) {
            tl_record_group_client(r, group);
        }
        if (tl_record_check(r, mark) != TL_OK) {
            return false;
        }
        group->unsent_claim = false;
    }
    s->changes.has_claims = false;
    return true;
}
