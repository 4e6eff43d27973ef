/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * network.h - network objects: configurations, and networks that are made of them
 *
 *   network_config.c  what a network shall be, key by key
 *   network.c         the network: made or adopted, looked at, plugged into
 *   network_live.c    which objects there are
 *
 * Both are objects of CFRetain() and CFRelease(). A reference that is none any more is found out, as
 * long as its memory is not another object's; whoever has one keeps the object. A configuration is
 * used by one thread at a time, a network by any.
 */
#ifndef VMNET_OBJECTS_NETWORK_H
#define VMNET_OBJECTS_NETWORK_H

#include "darwin/object.h"
#include "vmnet/networks/backend.h"

#define NETWORK_ENTRIES_MAX 1024u /* reservations, and forwards, of one configuration */

enum network_kind_of_object {
	NETWORK_OBJECT_CONFIGURATION,
	NETWORK_OBJECT_NETWORK,
};

/** struct network_object - what both begin with */
struct network_object {
	struct darwin_object object; /* first: what CFRelease() finds */
	enum network_kind_of_object kind;
	struct network_object *next; /* of those that live */
};

/** network_live_add() - with one reference; @free gets it when that and all others are gone */
void network_live_add(struct network_object *object, enum network_kind_of_object kind,
		      const struct darwin_class *cls);
void network_live_remove(struct network_object *object);

/** network_is_live() - @object: any value */
bool network_is_live(const void *object, enum network_kind_of_object kind);

struct vmnet_network_configuration {
	struct network_object live;
	struct backend_request request; /* its arrays are those below */
	struct backend_reservation *reservations;
	struct backend_forward *forwards;
};

struct vmnet_network {
	struct network_object live;
	operating_modes_t mode;
	struct vmnet_backend *backend; /* holds the network */
};

#endif
