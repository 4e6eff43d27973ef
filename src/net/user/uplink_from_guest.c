/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_from_guest.c - what guests send, as far as it may go to libslirp
 */
#include <linux/if_ether.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>

#include "net/user/packet.h"
#include "net/user/uplink_internal.h"

#define FRAMES_AT_ONCE	   32u

/* Before libslirp is made to look after what waits; well below the 16 that it keeps. */
#define NEIGHBOURS_AT_ONCE 8u

static enum uplink_verdict ask_services(struct uplink *uplink, const uint8_t **frame, size_t *len)
{
	const struct uplink_services *services = uplink->services;

	if (!services || !services->from_guest)
		return UPLINK_PASS;
	return services->from_guest(uplink->opaque, frame, len);
}

/*
 * libslirp keeps the Ethernet addresses of 16 guests for each IP version. What waits for one leaves
 * in its next turn only, or is lost if others have taken the place by then.
 */
static void flush(struct uplink *uplink)
{
	if (uplink->flush_due)
		slirp_poll_flush(uplink->poll);
	uplink->flush_due = false;
	uplink->n_neighbours = 0;
}

static bool is_discovery(const uint8_t *frame, size_t len)
{
	return len > PACKET_IP + PACKET_IP6_HEADER &&
	       packet_get16(frame + PACKET_ETH_TYPE) == ETH_P_IPV6 &&
	       frame[PACKET_IP + 6] == IPPROTO_ICMPV6;
}

static bool is_arp(const uint8_t *frame, size_t len)
{
	return len >= PACKET_IP + 8 && packet_get16(frame + PACKET_ETH_TYPE) == ETH_P_ARP;
}

/* Of a frame that libslirp has seen. */
static void note_neighbour(struct uplink *uplink, const uint8_t *frame, size_t len)
{
	if (is_arp(frame, len))
		uplink->flush_due |= packet_get16(frame + PACKET_IP + 6) == ARPOP_REPLY;
	else if (is_discovery(frame, len))
		uplink->flush_due |= frame[PACKET_IP + PACKET_IP6_HEADER] == ND_NEIGHBOR_ADVERT;
	else
		return;
	if (++uplink->n_neighbours >= NEIGHBOURS_AT_ONCE)
		flush(uplink);
}

static bool passes(struct uplink *uplink, const uint8_t **frame, size_t len)
{
	return uplink_filter_passes(&uplink->filter, *frame, len) &&
	       host_nat_from_guest(uplink->host_nat, uv_now(uplink->loop), frame, len);
}

static bool may_open(struct uplink *uplink, const uint8_t *frame, size_t len)
{
	uint64_t guest;

	if (!flow_budget_opens(frame, len))
		return true;
	guest = switch_port_of(uplink->eth_switch, frame + FRAME_MAC);
	if (flow_budget_ask(uplink->budget, guest, frame, len))
		return true;
	log_limited(&uplink->too_many_flows, LOG_LEVEL_WARNING,
		    "a guest has too many connections and flows open; it gets no more until some "
		    "end, or with a higher limit of open files (RLIMIT_NOFILE)");
	return false;
}

/* Return: false: nothing to go on with, it waits for the rest of its packet or is dropped. */
static bool is_whole(struct uplink *uplink, const uint8_t **frame, size_t *len)
{
	uint64_t guest;

	if (!fragment_is(*frame, *len))
		return true;
	if (!packet_is_for_uplink(*frame))
		return false;
	guest = switch_port_of(uplink->eth_switch, *frame + FRAME_MAC);
	return fragments_take(uplink->fragments, uv_now(uplink->loop), guest, frame, len);
}

static void take(struct uplink *uplink, const struct frame *frame)
{
	const struct frame_header *header = &frame->header;
	enum uplink_verdict verdict;
	const uint8_t *bytes;
	size_t len = frame->len;

	/*
	 * The switch's queues keep a frame in one piece. One that asks for offloads was not
	 * offered them.
	 */
	if (frame->n_iov != 1 || header->flags || header->gso_type)
		return;
	bytes = frame->iov->iov_base;
	if (!is_whole(uplink, &bytes, &len))
		return;
	verdict = ask_services(uplink, &bytes, &len);
	if (verdict == UPLINK_TAKEN || (verdict == UPLINK_PASS && !passes(uplink, &bytes, len)))
		return;
	if (!may_open(uplink, bytes, len))
		return;
	outward_begin(&uplink->outward, bytes, len);
	tcp_cork_frame(uplink->cork, bytes, len);
	slirp_input(uplink->slirp, bytes, (int)len);
	tcp_cork_framed(uplink->cork);
	outward_end(&uplink->outward);
	flow_budget_answered(uplink->budget);
	note_neighbour(uplink, bytes, len);
}

/*
 * Until empty; bounded by the queue, which nobody fills meanwhile. What is there is one batch for the
 * guests' connections, in both directions.
 */
void uplink_on_ready(void *opaque)
{
	struct uplink *uplink = opaque;
	struct frame frames[FRAMES_AT_ONCE];
	size_t n;

	slirp_poll_refresh(uplink->poll);
	uplink->in_batch = true;
	while ((n = channel_peek(uplink->channel, frames, FRAMES_AT_ONCE)) > 0) {
		for (size_t i = 0; i < n; i++)
			take(uplink, &frames[i]);
		channel_consume(uplink->channel, n);
	}
	uplink->in_batch = false;
	tcp_cork_release(uplink->cork);
	ack_thin_flush(&uplink->acks);
	flush(uplink);
	slirp_poll_changed(uplink->poll);
}
