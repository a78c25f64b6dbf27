// What an entity's node is, for the server and the client that it works for.
#ifndef GODOT_ENTITY_NODE_H
#define GODOT_ENTITY_NODE_H

#include "tables.h"

#include "tramline/server.h"

typedef struct entity_node {
    gd_instance instance;
    // properties
    gd_variant kind;
    gd_node_path server_path, client_path;
    int64_t entity_id, group_id;
    // while it is in a tree
    struct server_node *publishes; // the server that it publishes on; NULL: none
    struct client_node *follows;
    bool in_tree, spawned;
    bool alone; // no Node3D is above: its transform is the global one
    bool shown_any;
    uint32_t hint;        // where the client found its entity last
    gd_transform3d shown; // what the node was set to last
    tl_entity_id made;    // the entity that it has created on its server; 0: none
    tl_entity_ref ref;    // where the server found it last
    tl_entity_id carrier; // as published last
    struct entity_place {
        int64_t tick;
        tl_vec3 position;
        tl_quat rotation;
    } places[2];                               // in the world, at the last two ticks that it was published at
    uint32_t faults_reported, fields_reported; // bits: each is reported once, not at each tick
    bool server_path_settled, client_path_settled;
} entity_node;

#endif
