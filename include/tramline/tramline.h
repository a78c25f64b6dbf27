/// @file
/// Everything public. Include this, or single headers where a build should depend on less.
///
/// - server.h: owns groups of entities, commits and follows, sends frames to clients.
/// - client.h: connects to one server and holds a view of the whole world.
/// - store.h: the only link between servers, with backends.
/// - transport.h: carries datagrams between a server and its clients, with backends.
/// - kind.h, values.h: what entities are made of.
/// - token.h: a client's identity and permissions.
/// - inspect.h: what a store holds, without a server.
/// - hooks.h: failed assertions and memory.
#ifndef TRAMLINE_TRAMLINE_H
#define TRAMLINE_TRAMLINE_H

#include "tramline/client.h"
#include "tramline/hooks.h"
#include "tramline/inspect.h"
#include "tramline/kind.h"
#include "tramline/server.h"
#include "tramline/store.h"
#include "tramline/token.h"
#include "tramline/transport.h"
#include "tramline/types.h"
#include "tramline/values.h"

#endif
