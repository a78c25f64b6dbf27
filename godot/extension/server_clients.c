#include "server_clients.h"

#include "call.h"
#include "variant.h"

enum { REASON_BYTES = 128 }; // the rest is omitted

void server_send_message(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_change(s, "TramlineServer.send_message")) {
        int64_t client = gd_arg_int(args, 0), size = gd_size(GD_BYTES, args[1]);
        const void *data = size ? (const void *)gd.bytes_at(args[1], 0) : "";
        tl_result result = client < 1 || client > UINT32_MAX
                               ? TL_ERR_NOT_FOUND
                               : tl_server_send(s->server, (tl_client_number)client, data, (size_t)size);
        error = gd_error_report("TramlineServer.send_message", result,
                                "The message cannot be sent; it may have up to 1'024 bytes");
    }
    gd_ret_int(ret, error);
}

void server_drop_client(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    int64_t client = gd_arg_int(args, 0);
    char reason[REASON_BYTES];
    gd_string_to_text(args[1], reason, sizeof reason);
    if (server_can_read(s, "TramlineServer.drop_client") && client > 0 && client <= UINT32_MAX) {
        tl_server_drop_client(s->server, (tl_client_number)client, reason);
    }
}

void server_add_custom_peer(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    const char *method = "TramlineServer.add_custom_peer";
    tl_peer peer = 0;
    if (server_can_read(s, method)) {
        peer = peers_add(s->peers);
        if (!peer) {
            gd_error_print(method,
                           "There are %d custom peers, the limit; call remove_custom_peer() for those "
                           "that have gone.",
                           PEERS_CUSTOM_MAX);
        }
    }
    gd_ret_int(ret, peer);
}

static tl_peer arg_peer(const void *const *args)
{
    int64_t peer = gd_arg_int(args, 0);
    return peer > 0 && peer <= UINT32_MAX ? (tl_peer)peer : 0;
}

void server_receive_custom(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    gd_error error = GD_ERR_UNCONFIGURED;
    if (server_can_read(s, "TramlineServer.receive_custom")) {
        int64_t size = gd_size(GD_BYTES, args[1]);
        tl_result result = peers_receive(s->peers, arg_peer(args), size ? gd.bytes_at(args[1], 0) : NULL, (size_t)size);
        // The bytes come from outside: the result says what is wrong, and no error is printed for each datagram.
        error = gd_error_from(result);
    }
    gd_ret_int(ret, error);
}

void server_remove_custom_peer(void *self, const void *const *args, void *ret)
{
    server_node *s = self;
    if (server_can_read(s, "TramlineServer.remove_custom_peer")) {
        peers_remove(s->peers, arg_peer(args));
    }
}
