// Accounts of work (work.h), keyed by proven name: a name that a token proves has one account, however many connections
// it has and whether or not it was connected before. So reconnecting does not renew the work that a join may cause. A
// client without a name has an account that lasts as long as its connection.
#include "server/accounts.h"
#include "server/state.h"

static uint32_t accounts_max(const tl_server_def *def)
{
    return def->clients_max + TL_ACCOUNTS_REMEMBERED;
}

size_t tl_accounts_bytes(const tl_server_def *def)
{
    return accounts_max(def) * sizeof(tl_account) * 5 / 4;
}

bool tl_accounts_init(tl_server *s)
{
    s->clients.accounts = tl_heap_alloc(&s->heap, accounts_max(&s->def) * sizeof *s->clients.accounts);
    return s->clients.accounts != NULL;
}

// Returns the account of that name, or else the account that has been unused for longest: its budgets have probably
// refilled.
static tl_account *find(tl_server *s, const char *name)
{
    tl_account *oldest = NULL;
    for (uint32_t i = 0; i < s->clients.account_top; i++) {
        tl_account *a = &s->clients.accounts[i];
        if (strcmp(a->name, name) == 0) {
            return a;
        }
        if (a->holders == 0 && (oldest == NULL || a->left_us < oldest->left_us)) {
            oldest = a;
        }
    }
    if (s->clients.account_top < accounts_max(&s->def)) {
        oldest = &s->clients.accounts[s->clients.account_top++];
    }
    TL_ASSERT(oldest); // there are fewer clients than accounts
    *oldest = (tl_account){0};
    memcpy(oldest->name, name, strlen(name) + 1);
    return oldest;
}

// A new connection may belong to a client whose earlier connections are all lost: the oldest of them ends.
tl_server_client *tl_accounts_surplus(tl_server *s, const tl_grant *grant)
{
    uint32_t holders = 0;
    tl_server_client *oldest = NULL;
    if (!grant->proven) {
        return NULL;
    }
    for (uint32_t i = 0; i < s->def.clients_max; i++) {
        tl_server_client *client = &s->clients.all[i];
        if (!client->used || !client->grant.proven || strcmp(client->grant.name, grant->name) != 0) {
            continue;
        }
        holders++;
        if (oldest == NULL || client->number < oldest->number) {
            oldest = client;
        }
    }
    TL_ASSERT((holders == 0) == (oldest == NULL));
    return holders >= TL_ACCOUNT_HOLDERS_MAX ? oldest : NULL;
}

void tl_accounts_take(tl_server *s, tl_server_client *client)
{
    TL_ASSERT(client->used && client->session && client->account == NULL);
    if (!client->grant.proven) {
        return;
    }
    client->account = find(s, client->grant.name);
    client->account->holders++;
    client->session->work.account = &client->account->work;
}

void tl_accounts_leave(tl_server *s, tl_server_client *client)
{
    if (client->account == NULL) {
        return;
    }
    TL_ASSERT(client->account->holders > 0);
    client->account->holders--;
    client->account->left_us = s->time.now_us;
    client->account = NULL;
}
