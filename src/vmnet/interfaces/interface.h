/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * interface.h - an interface: one port of a network, and how its parts hang together
 *
 *   interfaces.c   which there are; what a caller's interface_ref stands for
 *   start.c stop.c how one comes and goes, on a queue of its own, as that takes time
 *   io.c           read and write, in the caller's thread
 *   event.c        telling the caller that packets wait; watcher.c is the thread that notices
 *   forward.c      port forwarding rules
 *
 * Interfaces are memory that is used again but never freed, and an interface_ref holds a number that
 * is never used again: so a handle that is none any more is always found out, whoever uses it.
 */
#ifndef VMNET_INTERFACES_INTERFACE_H
#define VMNET_INTERFACES_INTERFACE_H

#include <pthread.h>
#include <stdatomic.h>

#include "virtio/driver/net_driver.h"
#include "vmnet/interfaces/handler.h"
#include "vmnet/keys/description.h"
#include "vmnet/networks/backend.h"

#define INTERFACES_MAX	     1024u /* of a process */
#define INTERFACE_BATCH	     256u  /* packets in one call */
#define INTERFACE_RULES_MAX  256u
#define INTERFACE_TSO_PACKET 65550u /* longest packet with segmentation: as the framework says */

enum interface_state {
	INTERFACE_STARTING, /* set up on its queue; refuses all but a stop */
	INTERFACE_RUNNING,
	INTERFACE_STOPPING, /* taken apart on its queue; refuses all */
};

/** enum event_state - what makes the next event
 * EVENT_OFF:    nothing, there is no callback, or the network is lost
 * EVENT_ARMED:  the next packet, which the watcher will notice
 * EVENT_QUEUED: one is on the caller's queue or runs
 * EVENT_PACED:  packets were left unread by the last one; the watcher repeats it in a moment
 */
enum event_state {
	EVENT_OFF,
	EVENT_ARMED,
	EVENT_QUEUED,
	EVENT_PACED,
};

struct event_sink;

/** struct interface_slot - the iovec that a read left behind, which may come back as it is */
struct interface_slot {
	void *base;
	size_t len;
};

struct interface {
	_Atomic(uintptr_t) ref; /* 0: nobody's */
	_Atomic(enum interface_state) state;

	pthread_mutex_t lock; /* of who receives, and of the next five. After @tx, where both are */
	enum event_state event;
	struct event_sink *sink;      /* NULL: no callback */
	bool consumed;		      /* something was read since the last event */
	struct interface_slot *slots; /* INTERFACE_BATCH, by place in the call; NULL: none read */
	struct net_driver *driver;    /* changes under both locks */

	pthread_mutex_t tx; /* of who sends */

	/* Set while it starts, constant until it is taken apart */
	struct description description;
	uint8_t mac[FRAME_MAC];
	uint16_t mtu;
	size_t max_packet; /* with a virtio header, if packets have one */
	dispatch_queue_t control, callers;

	/* Of @control */
	struct vmnet_backend *backend;
	char *network;	   /* what backend_adopt() takes; NULL: find it by its description */
	xpc_object_t keep; /* an object that keeps that network until the stop; or NULL */
	struct backend_forward *rules;
	size_t n_rules;
};

/** interface_new() - starting, with nothing in it. Return: NULL no memory, or too many */
struct interface *interface_new(void);

/** interface_free() - give it back, empty; its handle is none from now on */
void interface_free(struct interface *interface);

/**
 * interface_lock() - by handle
 * Return: NULL not an interface, or no longer; else it is locked
 */
struct interface *interface_lock(interface_ref ref);
void interface_unlock(struct interface *interface);

/** interface_lock_tx() - the same with the lock of senders alone */
struct interface *interface_lock_tx(interface_ref ref);
void interface_unlock_tx(struct interface *interface);

/** interface_each() - each one there is, locked */
void interface_each(void (*each)(struct interface *interface));

interface_ref interface_handle(const struct interface *interface);

/** interface_refuses() - VMNET_SUCCESS if it runs, else why it cannot be used. Locked, either way */
vmnet_return_t interface_refuses(const struct interface *interface);

/**
 * struct interface_network - for vmnet_interface_start_with_network()
 * @text:   of backend_describe(); the interface's from now on, however it ends
 * @object: anything with a struct darwin_object in it; gets a reference, so that the network is there until the interface has its own hold
 */
struct interface_network {
	operating_modes_t mode;
	char *text;
	xpc_object_t object;
};

/** interface_start() - of both functions that start; @network: NULL: as the description says */
interface_ref interface_start(const struct interface_network *network, xpc_object_t dictionary,
			      dispatch_queue_t queue, const void *block);

/** interface_take_apart() - of the control queue: what it has is let go; it is empty then */
void interface_take_apart(struct interface *interface);

/** interface_params() - what the start handler gets; the caller's */
xpc_object_t interface_params(const struct interface *interface, const struct backend_facts *facts);

/** interface_settle_mac() - by its id, which is made up if none was given */
int interface_settle_mac(struct interface *interface);

/** forwards_drop() - of the control queue: remove all rules */
void forwards_drop(struct interface *interface);

#endif
