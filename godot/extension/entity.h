// TramlineEntity: a node that is an entity. On a server it publishes where it is and what its kind's fields name of its
// properties; on a client it is moved. TramlineObserver: where a client looks from.
#ifndef GODOT_ENTITY_H
#define GODOT_ENTITY_H

#include "client.h"
#include "server.h"

typedef struct entity_node {
    gd_instance instance;
    // properties
    gd_variant kind;
    gd_node_path server_path, client_path;
    int64_t entity_id, group_id;
    // while it is in a tree
    server_node *publishes; // NULL: none
    client_node *follows;
    bool in_tree, spawned;
    bool alone; // no Node3D is above: its transform is the global one
    bool shown_any;
    uint32_t hint;        // where the client found its entity
    gd_transform3d shown; // what it was set to last
    tl_entity_id made;    // what it has made on its server
    tl_entity_ref ref;    // where that found it
    tl_entity_id carrier; // that was told last
    struct entity_place {
        int64_t tick;
        tl_vec3 position;
        tl_quat rotation;
    } places[2];                       // in the world, at the last two ticks that it was published at
    uint32_t faults_told, fields_told; // bits, so that each is told once and not each tick
    bool server_path_settled, client_path_settled;
} entity_node;

extern const gd_class entity_class, observer_class;

// At each tick of its server.
void entity_publish(entity_node *e, server_node *s);
// At each displayed frame of its client.
void entity_follow(entity_node *e, client_node *c);
// Its server has set the entity down: its carrier is gone.
void entity_set_down(entity_node *e, tl_entity_id entity);
void entity_server_gone(entity_node *e);
void entity_client_gone(entity_node *e);
// A client has made the node for an entity; before it enters the tree.
void entity_bind(entity_node *e, client_node *c, tl_entity_id id);

// A place in the scene, whose origin is the client's.
gd_transform3d entity_scene_transform(const client_node *c, const tl_placed *placed);
// Finds an instance of a class by its path from `object`, or if that is empty or leads to none among the ancestors and
// what is directly below them. NULL: none. `who` is told of a path that has never led to one; once, which `settled`
// notes.
void *entity_find(gd_object object, const gd_node_path *path, const gd_class *type, const char *who, bool *settled);

#endif
