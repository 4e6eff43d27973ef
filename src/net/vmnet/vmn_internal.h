/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_internal.h - one vmnet network, for the files that make it up
 *
 * vmn_network.c makes and ends the whole, vmn_channel.c a port, vmn_send.c its way out. One thread: the
 * loop's.
 */
#ifndef NET_VMNET_VMN_INTERNAL_H
#define NET_VMNET_VMN_INTERNAL_H

#include "net/network.h"
#include "net/vmnet/vmn_iface.h"
#include "net/vmnet/vmn_ring.h"
#include "sys/log.h"

struct vmn_channel;

/** struct vmn_counters - of all ports; what they have at the end stays */
struct vmn_counters {
	uint64_t interfaces, start_failed;
	uint64_t read_failed, read_bad;	      /* calls; packets */
	uint64_t write_failed, write_refused; /* packets: vmnet's error; not offered to it */
	uint64_t write_full;		      /* packets given up on, as its buffers stayed full */
	uint64_t source_stopped;	      /* events switched off, as a guest took nothing */
};

struct vmn_network {
	struct network network; /* first: what is given out */
	uv_loop_t *loop;
	struct network_config config; /* settled, as far as vmnet says */
	struct vmn_times times;
	struct vmn_iface *anchor; /* as long as the network; NULL where that would be in the way */
	void *object;		  /* of macOS 26, where it is needed; else NULL */
	struct vmn_channel *channels;
	struct vmn_memory memory;
	void *bounce; /* VMN_CALL_BYTES for frames in pieces; NULL: none was sent yet */
	struct vmn_counters counters;
	struct log_limit said; /* of reads and writes that failed */
	bool any_started, failed;
};

struct vmn_channel {
	struct channel channel; /* first: what is given out */
	struct channel_stats stats;
	struct vmn_network *network;
	struct vmn_channel *next;
	char *name;
	struct vmn_iface *iface; /* NULL: it has failed */
	bool running;		 /* started */
	bool up;		 /* the port's end */
	bool down_told;		 /* that it is not running yet */
	bool asked;		 /* the port found nothing and is to be told of the next packets */
	bool full;		 /* it is to be told when vmnet may take packets again */
	bool resting;		 /* a read has failed; the next one is after a pause */
	unsigned int full_tries, read_failures;
	unsigned int write_packets; /* the most of one call, as far as is known */
	size_t longest;		    /* bytes of a frame that it takes */
	struct vmn_ring ring;
};

/** vmn_network_make() - vmn_network_new(), with other deadlines: for tests */
int vmn_network_make(uv_loop_t *loop, const struct network_config *config,
		     const struct vmn_times *times, struct network **ret, char **ret_error);

/** vmn_network_fail() - it cannot go on: said to its owner, once */
void vmn_network_fail(struct vmn_network *network, const char *why);

/** vmn_network_started() - an interface runs: what it says of the network is so */
void vmn_network_started(struct vmn_network *network, const struct vmn_facts *facts);

/** vmn_open() - as in struct network_ops */
int vmn_open(struct network *network, const struct network_port *port,
	     const struct channel_events *events, void *opaque, struct channel **ret);

/** vmn_send() - as in struct channel_ops */
size_t vmn_send(struct channel *channel, const struct frame *frames, size_t n);

/** vmn_say_failed() - "PORT: WHAT: STATUS", as often as is bearable */
void vmn_say_failed(struct vmn_channel *channel, const char *what, vmnet_return_t status);

#endif
