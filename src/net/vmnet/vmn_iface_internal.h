/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_iface_internal.h - one interface, for its two halves: vmn_iface.c is the loop's,
 * vmn_iface_blocks.c what vmnet's threads run
 */
#ifndef NET_VMNET_VMN_IFACE_INTERNAL_H
#define NET_VMNET_VMN_IFACE_INTERNAL_H

#include <stdatomic.h>

#include "net/vmnet/vmn_iface.h"

enum vmn_state {
	VMN_STARTING,
	VMN_RUNNING,
	VMN_FAILED,
	VMN_STOPPING,
	VMN_ENDING, /* handles are being closed */
};

/* What a handler, which runs once, has said. */
struct answer {
	bool awaited, given;
	vmnet_return_t status;
};

struct vmn_iface {
	/* Constant while blocks can run. */
	dispatch_queue_t queue;
	char *name;
	struct vmn_times times;

	/* The loop's. */
	enum vmn_state state;
	uv_async_t bell;
	uv_timer_t timer; /* STARTING, STOPPING: the deadline; RUNNING: a pause */
	unsigned int open_handles;
	const struct vmn_iface_events *events; /* NULL: nobody is to be told */
	void *opaque;
	bool closed, watched, pending_told;
	struct vmn_facts facts;

	/* Any thread's. */
	_Atomic(unsigned int) owners;
	_Atomic(bool)
		event;	 /* set by blocks, cleared by the loop before it reads: nothing is lost */
	uv_mutex_t lock; /* around the rest */
	uv_cond_t answered;
	bool bell_gone;
	interface_ref ref;
	struct answer start, stop;
	struct vmn_facts told; /* with start */
};

/** vmn_iface_let_go() - by an owner; the last one frees. Any thread */
void vmn_iface_let_go(struct vmn_iface *iface);

/** vmn_iface_expect() - a handler is about to be given to vmnet: it is an owner from now on */
void vmn_iface_expect(struct vmn_iface *iface, struct answer *answer);

/** vmn_iface_expect_no_more() - vmnet would not have it */
void vmn_iface_expect_no_more(struct vmn_iface *iface, struct answer *answer);

/** vmn_iface_on_start(), vmn_iface_on_event() - what the blocks do. Any thread */
void vmn_iface_on_start(struct vmn_iface *iface, vmnet_return_t status, xpc_object_t parameters);
void vmn_iface_on_event(struct vmn_iface *iface);

/** vmn_iface_stop() - Return: VMNET_SUCCESS: the handler will run. Any thread, once */
vmnet_return_t vmn_iface_stop(struct vmn_iface *iface);

#endif
