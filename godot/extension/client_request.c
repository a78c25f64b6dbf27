#include "client_request.h"

#include "call.h"
#include "client_own.h"
#include "kind_values.h"
#include "variant.h"

#include <string.h>

void client_send_message(void *self, const void *const *args, void *ret)
{
    const char *method = "TramlineClient.send_message";
    tl_client *client = client_live(self, method);
    int64_t size = gd_size(GD_BYTES, args[0]);
    const void *data = size ? (const void *)gd.bytes_at(args[0], 0) : "";
    gd_ret_int(ret, client ? gd_error_report(method, tl_client_send(client, data, (size_t)size),
                                             "The message cannot be sent; it may have up to 1'024 bytes")
                    : client_core_state(self) == TL_CLIENT_RECONNECTING ? GD_ERR_UNAVAILABLE
                                                                        : GD_ERR_UNCONFIGURED);
}

static int find_kind(tl_client *client, const char *method, const gd_string *name, tl_kind_def *out)
{
    char text[KIND_NAME_TEXT_BYTES];
    gd_string_to_text(name, text, sizeof text);
    for (int i = 0; i < tl_client_kind_count(client); i++) {
        if (strcmp(tl_client_kind_name(client, i), text) == 0 && tl_client_kind(client, i, out) == TL_OK) {
            return i;
        }
    }
    gd_error_print(method, "The world has no kind '%s'; see get_kind_names().", text);
    return -1;
}

void client_request_create(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    const char *method = "TramlineClient.request_create";
    tl_client *client = client_live(c, method);
    tl_kind_def kind;
    int number = client ? find_kind(client, method, args[0], &kind) : -1;
    uint32_t request = 0;
    if (number >= 0) {
        kind_values values = {0};
        bool good = kind_values_require(method, &kind, args[1], args[3], &values);
        kind_values_complete(&kind, &values.values);
        tl_result result = good ? tl_client_request_create(client, number, (tl_entity_id)gd_arg_int(args, 2),
                                                           &values.values, gd_arg_bool(args, 4), &request)
                                : TL_AGAIN;
        gd_error_report(method, result, "The request cannot be sent");
        if (result == TL_OK && gd_arg_bool(args, 4)) {
            client_remember_own(c, request, number);
        }
        kind_values_free(&values);
    }
    gd_ret_int(ret, request);
}

void client_request_update(void *self, const void *const *args, void *ret)
{
    const char *method = "TramlineClient.request_update";
    tl_client *client = client_live(self, method);
    tl_entity_id id = (tl_entity_id)gd_arg_int(args, 0);
    uint32_t request = 0;
    tl_pose pose;
    tl_kind_def kind;
    if (client &&
        (tl_client_pose(client, id, 0, false, &pose) != TL_OK || tl_client_kind(client, pose.kind, &kind) != TL_OK)) {
        gd_error_print(method, "Entity %lld is not in view.", (long long)id);
    } else if (client) {
        kind_values values = {0};
        if (kind_values_require(method, &kind, NULL, args[1], &values)) {
            gd_error_report(method, tl_client_request_update(client, id, &values.values, &request),
                            "The request cannot be sent");
        }
        kind_values_free(&values);
    }
    gd_ret_int(ret, request);
}

void client_request_delete(void *self, const void *const *args, void *ret)
{
    client_node *c = self;
    const char *method = "TramlineClient.request_delete";
    tl_client *client = client_live(c, method);
    uint32_t request = 0;
    if (client) {
        tl_entity_id id = (tl_entity_id)gd_arg_int(args, 0);
        tl_result result = id ? tl_client_request_delete(client, id, &request) : TL_ERR_INVALID;
        if (gd_error_report(method, result, "The request cannot be sent") == GD_OK) {
            client_forget_own(c, id);
        }
    }
    gd_ret_int(ret, request);
}
