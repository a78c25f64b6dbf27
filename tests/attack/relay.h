// A relay of datagrams between riders and servers, in a process of its own, that does to them what networks do: it
// loses, delays, reorders and doubles them, is silent in one direction or both, and changes the address that a client
// seems to have.
#ifndef TRAMLINE_TESTS_RELAY_H
#define TRAMLINE_TESTS_RELAY_H

#include <stdatomic.h>
#include <sys/types.h>

enum { RELAY_PORTS_MAX = 4 };

// What it does, to be changed at any time. Shares are of 1'000'000; delays are for each way.
typedef struct relay_weather {
    _Atomic int lost, doubled;       // of a million datagrams
    _Atomic int delay_ms, jitter_ms; // a datagram waits for delay_ms and up to jitter_ms more: later ones overtake it
    _Atomic int no_uplink, no_downlink;   // 1: nothing passes
    _Atomic int moves;                    // each time that it rises, all clients get another address
    _Atomic int servers[RELAY_PORTS_MAX]; // where port n's datagrams go to, on 127.0.0.1
} relay_weather;

typedef struct relay {
    relay_weather *weather;     // shared with the process
    int ports[RELAY_PORTS_MAX]; // on 127.0.0.1, for clients
    int count;
    pid_t pid;
} relay;

// Begins with calm weather.
void relay_start(relay *r, const int *servers, int count);
void relay_calm(relay *r);
void relay_stop(relay *r);

#endif
