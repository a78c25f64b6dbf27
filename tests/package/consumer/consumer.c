// A program in C that uses the installed library: every public header, and one call into each part.
#include <tramline/tramline.h>

#include <stdio.h>

int main(void)
{
    tl_memory_world_def world_def = tl_memory_world_def_default();
    tl_memory_world *world = tl_memory_world_create(&world_def);
    tl_store *store = NULL;
    tl_memory_network *network = tl_memory_network_create(1);
    tl_transport *transport = NULL;
    tl_kind_def kind = tl_kind_def_default("walker");
    tl_server_def server = tl_server_def_default();
    tl_client_def client = tl_client_def_default();
    tl_grant grant = tl_grant_default();
    int sound = tl_abi_matches() && world && tl_memory_store_open(world, &store) == TL_OK && network &&
                tl_memory_network_open_server(network, &transport) == TL_OK && kind.field_count == 1 && grant.write &&
                tl_server_memory(&server) > 0 && tl_client_memory(&client) > 0;
    printf("tramline %s: %s\n", TL_VERSION_STRING, sound ? tl_result_text(TL_OK) : "not sound");
    if (transport) {
        tl_transport_close(transport);
    }
    tl_memory_network_destroy(network);
    if (store) {
        tl_store_close(store, false);
    }
    tl_memory_world_destroy(world);
    return sound ? 0 : 1;
}
