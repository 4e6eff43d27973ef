/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_internal.h - what the parts of the way out share: uplink.c says how they are in line
 *
 * One thread: the loop's.
 */
#ifndef NET_USER_UPLINK_INTERNAL_H
#define NET_USER_UPLINK_INTERNAL_H

#include <libslirp.h>

#include "net/user/ack_thin.h"
#include "net/user/flow_budget.h"
#include "net/user/fragments.h"
#include "net/user/host_nat.h"
#include "net/user/outward.h"
#include "net/user/slirp_poll.h"
#include "net/user/tcp_cork.h"
#include "net/user/unix_forward.h"
#include "net/user/uplink.h"
#include "net/user/uplink_filter.h"
#include "net/user/uplink_timer.h"
#include "sys/log.h"

struct uplink {
	Slirp *slirp;
	const struct uplink_services *services;
	void *opaque; /* for services */
	struct slirp_poll *poll;
	struct eth_switch *eth_switch;
	struct flow_budget *budget;
	struct tcp_cork *cork;
	struct ack_thin acks; /* while in_batch */
	bool in_batch;	      /* frames of guests are worked on */
	struct channel *channel;
	uv_loop_t *loop;
	struct network_addresses addresses;
	struct uplink_filter filter;
	struct outward outward;
	struct host_nat *host_nat;
	struct fragments *fragments;
	uint32_t next_id;   /* of packets that are split */
	uint64_t n_split;   /* packets */
	uint64_t n_unsplit; /* dropped: too long, and not to be split */
	struct unix_forwards *unix_forwards;
	struct uplink_timer *timer; /* of router advertisements; never set without IPv6 */
	bool flush_due;		    /* an answer came that packets may wait for */
	unsigned int
		n_neighbours; /* frames since the last flush that libslirp may have learned from */
	struct log_limit too_many_flows;
	struct log_limit guest_errors;
};

/** uplink_on_ready() - frames of guests wait: channel_events.ready, until empty */
void uplink_on_ready(void *uplink);

/** uplink_to_guest() - a frame of libslirp's, by host_nat and services; of any length up to 64 KiB */
void uplink_to_guest(void *uplink, const uint8_t *frame, size_t len);

/** uplink_slirp_make() - everything else is there. Return: 0, -EIO it refused, -ENOMEM */
int uplink_slirp_make(struct uplink *uplink, const struct network_config *config);

#endif
