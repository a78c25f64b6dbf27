// A node: a server on a store, with its clients' transport and the game that it plays, run until it is to stop.
#ifndef APP_NODE_H
#define APP_NODE_H

#include "app/admission.h"
#include "app/game.h"

typedef struct node_def {
    const char *name;
    const char *store;            // URI
    const char *listen;           // "127.0.0.1:7777"; port 0: any free one
    const char *own_directory;    // what it keeps for itself; NULL: the store's directory, or . if the store is none
    const char *certificate_file; // NULL: self-signed, kept in its own directory; then key_file is NULL too
    const char *key_file;
    const char *token_key_file; // NULL: everybody is let in
    const char *ready_file;     // NULL, or written when it runs: {"name", "port", "fingerprint"}
    const char *stats_file;     // NULL, or one JSON line a second, see meter.h
    game_choice game;
    admission admission;
    uint32_t clients_max;
    uint32_t grace_ms;                              // for what clients own
    uint32_t entities_max, groups_max, created_max; // 0: the defaults
    uint32_t kbit_s;                                // for a client at most
    uint32_t wal_mb;                                // of an SQLite store, 0: the default
    double seconds;                                 // 0: until it is asked to stop
    bool quiet;
} node_def;

// Blocks until a signal, or the time is over; then it hands its groups over. Answers the exit status.
int node_run(const node_def *def);

#endif
