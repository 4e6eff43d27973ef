/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_fake.h - libvmnet's interfaces on a network that is none, and blocks without a compiler for them
 *
 * The backend and the NIC's driver are replaced: what they return is set here, what they were asked
 * is counted here, frames come from and go to memory. One lock; any thread.
 */
#ifndef VMNET_FAKE_H
#define VMNET_FAKE_H

#include <stdatomic.h>

#include "virtio/driver/net_driver.h"
#include "vmnet/networks/backend.h"

#define FAKE_FRAMES 512u
#define FAKE_LEN    2048u

struct fake {
	/* What comes back */
	vmnet_return_t open, plug, adopt, forward;
	int driver_new;	       /* an errno */
	size_t room;	       /* frames that can be sent; others wait in vain */
	uint16_t mtu;	       /* of the network */
	void (*opening)(void); /* while backend_open() runs; may be NULL */

	/* What was asked */
	struct backend_request request; /* the last */
	uint8_t mac[FRAME_MAC];
	bool isolated;
	char adopted[64];
	_Atomic(int) backends, drivers; /* that there are */
	_Atomic(int) forwards;
	struct backend_forward rule;
	uint8_t sent[FAKE_FRAMES][FAKE_LEN];
	size_t sent_len[FAKE_FRAMES];
	size_t n_sent, flushes, drains;
};
extern struct fake fake;

/** fake_reset() - all succeeds; nothing was asked */
void fake_reset(void);

/** fake_deliver() - a frame comes to the interface that was started last; @tag: its last byte */
void fake_deliver(uint8_t tag, size_t len);

/** fake_waiting() - how many were not read */
size_t fake_waiting(void);

/** fake_break() - the network of the interface that was started last is lost */
void fake_break(int error);

/**
 * struct fake_block - what a compiler would make of a block without captured variables
 * @told: how often it ran; @status, @object: what it was last given, @object kept by a reference
 */
struct fake_block {
	void *isa;
	int flags, reserved;
	void (*invoke)(void);
	const void *descriptor;

	_Atomic(int) told;
	_Atomic(vmnet_return_t) status;
	_Atomic(uint64_t) estimate;
	xpc_object_t object;
	void (*then)(struct fake_block *block); /* called in it; may be NULL */
};

/** fake_status_block() and others - by the arguments that the block takes */
void fake_status_block(struct fake_block *block);
void fake_params_block(struct fake_block *block);
void fake_event_block(struct fake_block *block);
void fake_rules_block(struct fake_block *block);

/** fake_block_forget() - the object, and what was told */
void fake_block_forget(struct fake_block *block);

/** fake_wait() - until it ran @n times; fails the test after 10 s */
void fake_wait(const struct fake_block *block, int n);

/** fake_started() - a shared interface that runs; with @keys besides, NULL: none */
interface_ref fake_started(dispatch_queue_t queue, xpc_object_t keys);

/** fake_stopped() - stop it and wait for that */
void fake_stopped(interface_ref interface, dispatch_queue_t queue);

#endif
