/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dgram_internal.h - what the files of a datagram socket share: dgram.c (its life and events),
 * dgram_receive.c (from the guest, and who that is), dgram_send.c (to the guest)
 *
 * Whoever changes waits, network_full or up leaves the handles to dgram.c, which arms them after
 * each event. One thread: the loop's.
 */
#ifndef NET_PORTS_DGRAM_INTERNAL_H
#define NET_PORTS_DGRAM_INTERNAL_H

#include <errno.h>

#include "net/ports/bind.h"
#include "net/ports/dgram_batch.h"
#include "sys/log.h"

/* For room: see dgram_send.c */
enum dgram_wait { WAIT_NONE, WAIT_OWN, WAIT_PEER };

struct dgram {
	struct port_socket socket; /* first: what is given out */
	char *name;
	struct channel *channel;
	struct port_bound bound;
	int scout; /* -1: the socket is connected and needs none */
	uv_poll_t poll, scout_poll;
	unsigned int open_handles;
	int armed; /* UV_ events that poll waits for */
	bool scout_armed;
	enum dgram_wait waits;
	bool network_full;	   /* until writable(): no receiving */
	bool up;		   /* there is a guest */
	struct dgram_address peer; /* where, if the socket is not connected */
	struct dgram_rx *rx;
	uint64_t no_frames, foreign, unanswerable, unsent;
	struct log_limit peers, mistakes, lost;
};

/** dgram_receive() - one batch, to the network */
void dgram_receive(struct dgram *d);

/** dgram_hand_on() - what the network did not take yet */
void dgram_hand_on(struct dgram *d);

/** dgram_pull() - from the network to the guest, some batches */
void dgram_pull(struct dgram *d);

/** dgram_guest_gone() - the link goes down, what waits for it is dropped */
void dgram_guest_gone(struct dgram *d);

/** dgram_nobody_there() - does dgram_address_check() say so? */
static inline bool dgram_nobody_there(int error)
{
	return error == -ECONNREFUSED || error == -ENOENT;
}

#endif
