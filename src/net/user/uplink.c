/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink.c - the way out of a user network: libslirp on a port of the switch
 *
 *   switch -- peek --> fragments --> services --> uplink_filter --> host_nat --> flow_budget -.
 *                                                                              slirp_input() <'
 *                                                                                            '-> tcp_cork
 *   switch <-- send -- packet_split <-- services <-- host_nat <-- ack_thin <----- send_packet
 *
 * libslirp turns guests' packets into sockets of this process: NAT without privileges. It also is
 * the DNS forwarder and the IPv6 router. Who has which address: struct network_addresses. For
 * libslirp the gateway's address is the host's loopback; host_nat makes another address of the host of
 * it. (Its disable_host_loopback stays off: answers to forwards' clients on loopback go there.)
 *
 * What is between fragments and packet_split are whole packets, up to 64 KiB: libslirp is told that its
 * link carries those, and TCP the network's MTU (if_mru) all the same. So it takes IPv6 packets that
 * were reassembled, and makes no fragments, in which host_nat and services would see no ports.
 *
 * Memory: libslirp uses GLib, which ends the process when malloc() fails. Nothing to be done about
 * here.
 */
#include "net/user/uplink.h"

#include <errno.h>
#include <libslirp.h>
#include <linux/if_ether.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>

#include "net/user/ack_thin.h"
#include "net/user/dns_rewrite.h"
#include "net/user/flow_budget.h"
#include "net/user/forward.h"
#include "net/user/fragments.h"
#include "net/user/host_address.h"
#include "net/user/host_nat.h"
#include "net/user/outward.h"
#include "net/user/packet.h"
#include "net/user/packet_split.h"
#include "net/user/refusal.h"
#include "net/user/slirp_poll.h"
#include "net/user/tcp_cork.h"
#include "net/user/unix_forward.h"
#include "net/user/uplink_filter.h"
#include "net/user/uplink_timer.h"
#include "sys/log.h"

/* IPv6 needs links that carry this much (RFC 8200, section 5). */
#define IPV6_MTU_MIN	   1280u

#define FRAMES_AT_ONCE	   32u

/* Before libslirp is made to look after what waits; well below the 16 that it keeps. */
#define NEIGHBOURS_AT_ONCE 8u

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

/* Towards the guests */

static void send_part(void *opaque, const struct packet_part *part)
{
	struct uplink *uplink = opaque;
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)part->head, .iov_len = part->head_len },
		{ .iov_base = (void *)(uintptr_t)part->payload, .iov_len = part->len },
	};
	unsigned int first = part->head_len == 0;
	struct frame frame = { .iov = iov + first,
			       .n_iov = 2 - first,
			       .len = part->head_len + part->len };

	/* The switch takes everything: what has no room is lost there. */
	channel_send(uplink->channel, &frame, 1);
}

void uplink_send(struct uplink *uplink, const uint8_t *frame, size_t len)
{
	size_t mtu = uplink->filter.config->mtu;
	bool fits = len <= FRAME_ETH_HEADER + mtu;

	if (!packet_split(frame, len, mtu, uplink->next_id, send_part, uplink)) {
		uplink->n_unsplit++;
	} else if (!fits) {
		uplink->next_id++;
		uplink->n_split++;
	}
}

static void send_to_guest(void *opaque, const uint8_t *frame, size_t len)
{
	struct uplink *uplink = opaque;
	const struct uplink_services *services = uplink->services;

	host_nat_to_guest(uplink->host_nat, uv_now(uplink->loop), &frame, len);
	if (!services || !services->to_guest || services->to_guest(uplink->opaque, &frame, &len))
		uplink_send(uplink, frame, len);
}

static ssize_t send_packet(const void *packet, size_t len, void *opaque)
{
	struct uplink *uplink = opaque;

	tcp_cork_to_guest(uplink->cork, packet, len);
	if (uplink->in_batch)
		ack_thin_send(&uplink->acks, packet, len);
	else
		send_to_guest(uplink, packet, len);
	return (ssize_t)len;
}

/* Forwards */

int uplink_forward_add(struct uplink *uplink, const struct network_forward *forward,
		       char **ret_error)
{
	int r = user_forward_check(&uplink->addresses, forward, ret_error);

	if (r < 0)
		return r;
	if (forward->host.ss_family == AF_UNIX)
		return unix_forwards_add(uplink->unix_forwards, forward, ret_error);
	return user_forward_add(uplink->slirp, uplink->poll, forward, ret_error);
}

void uplink_forward_remove(struct uplink *uplink, const struct network_forward *forward)
{
	if (forward->host.ss_family == AF_UNIX)
		unix_forwards_remove(uplink->unix_forwards, forward);
	else
		user_forward_remove(uplink->slirp, uplink->poll, forward);
}

void uplink_each_counter(const struct uplink *uplink,
			 void (*each)(void *opaque, const char *name, uint64_t value), void *opaque)
{
	const struct fragments_counters *fragments = fragments_counters(uplink->fragments);

	host_nat_each_counter(uplink->host_nat, each, opaque);
	each(opaque, "fragments_received_total", fragments->received);
	each(opaque, "fragments_invalid_total", fragments->invalid);
	each(opaque, "packets_incomplete", fragments->waiting);
	each(opaque, "packets_reassembled_total", fragments->reassembled);
	each(opaque, "packets_overlapping_total", fragments->overlapping);
	each(opaque, "packets_incomplete_lost_total", fragments->lost);
	each(opaque, "packets_split_total", uplink->n_split);
	each(opaque, "packets_too_long_total", uplink->n_unsplit);
	each(opaque, "flows", flow_budget_used(uplink->budget));
	each(opaque, "flows_refused_total", flow_budget_refused(uplink->budget));
}

/* From the guests */

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
static void on_ready(void *opaque)
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

/* Router advertisements */

static void on_link(void *opaque, bool up)
{
	struct uplink *uplink = opaque;

	uplink_timer_run(uplink->timer, up);
}

static void *timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	struct uplink *uplink = opaque;

	/* The only one that it asks for. Made before: here it could not be said that there is no memory. */
	uplink_timer_take(uplink->timer, id, cb_opaque);
	return uplink->timer;
}

static void timer_free(void *timer, void *opaque)
{
	uplink_timer_unset(timer);
}

static void timer_mod(void *timer, int64_t expires_ms, void *opaque)
{
	uplink_timer_set(timer, (uint64_t)expires_ms);
}

/* The rest of what libslirp asks of us */

static int64_t clock_get_ns(void *opaque)
{
	return (int64_t)uv_hrtime();
}

static void guest_error(const char *message, void *opaque)
{
	struct uplink *uplink = opaque;

	log_limited(&uplink->guest_errors, LOG_LEVEL_WARNING, "a guest misbehaves: %s", message);
}

static void register_poll_fd(int fd, void *opaque)
{
	struct uplink *uplink = opaque;

	outward_opened(&uplink->outward, fd);
	/* The next fill will name it. */
	flow_budget_opened(uplink->budget, fd);
	tcp_cork_opened(uplink->cork, fd);
	slirp_poll_hold(uplink->poll, flow_budget_is_full(uplink->budget));
}

static void unregister_poll_fd(int fd, void *opaque)
{
	struct uplink *uplink = opaque;

	slirp_poll_forget(uplink->poll, fd);
	outward_closed(&uplink->outward, fd);
	flow_budget_closed(uplink->budget, fd);
	tcp_cork_closed(uplink->cork, fd);
	slirp_poll_hold(uplink->poll, flow_budget_is_full(uplink->budget));
}

static void notify(void *opaque)
{
	struct uplink *uplink = opaque;

	slirp_poll_changed(uplink->poll);
}

static void init_completed(Slirp *slirp, void *opaque)
{
	struct uplink *uplink = opaque;

	uplink->slirp = slirp;
}

static const SlirpCb slirp_callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new_opaque = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = register_poll_fd,
	.unregister_poll_fd = unregister_poll_fd,
	.notify = notify,
	.init_completed = init_completed,
};

static const struct channel_events channel_events = {
	.ready = on_ready,
	.link = on_link,
};

/* Version 4 is what the oldest libslirp that we build with has. */
static SlirpConfig slirp_config(const struct network_config *config,
				const struct network_addresses *addresses)
{
	return (SlirpConfig) {
		.version = 4,
		.in_enabled = true,
		.vnetwork = addresses->network,
		.vnetmask = addresses->mask,
		.vhost = addresses->gateway,
		.vnameserver = dns_rewrite_server(addresses),
		.vdhcp_start = addresses->first_lease, /* it insists on one */
		.disable_dhcp = true,
		.in6_enabled = config->mtu >= IPV6_MTU_MIN,
		.vprefix_addr6 = addresses->prefix6,
		.vprefix_len = 64,
		.vhost6 = addresses->gateway6,
		.vnameserver6 = dns_rewrite_server6(addresses),
		.if_mtu = FRAME_MTU_MAX, /* packet_split knows the network's */
		.if_mru = config->mtu,
		.disable_dns = config->mode == NETWORK_HOST,
	};
}

static int slirp_make(struct uplink *uplink, const struct network_config *config)
{
	SlirpConfig slirp_cfg = slirp_config(config, &uplink->addresses);

	if (!slirp_new(&slirp_cfg, &slirp_callbacks, uplink))
		return -EIO;
	slirp_poll_start(uplink->poll, uplink->slirp);
	return unix_forwards_new(uplink->loop, uplink->slirp, uplink->poll, &uplink->unix_forwards);
}

static void refuse(void *opaque, const uint8_t *frame, size_t len)
{
	uint8_t answer[REFUSAL_MAX];
	size_t answer_len = refusal_write(frame, len, answer);

	if (answer_len)
		uplink_send(opaque, answer, answer_len);
}

static int host_nat_make(struct uplink *uplink, const struct network_config *config)
{
	struct host_nat_config nat = { .network = config,
				       .addresses = uplink->addresses,
				       .host_address = host_address_find,
				       .refused = refuse,
				       .opaque = uplink };

	return host_nat_new(&nat, &uplink->host_nat);
}

int uplink_new(uv_loop_t *loop, const struct network_config *config, struct eth_switch *eth_switch,
	       const struct uplink_services *services, void *opaque, struct uplink **ret,
	       char **ret_error)
{
	struct uplink *uplink = calloc(1, sizeof(*uplink));
	struct switch_port_config port = { .uplink = true,
					   .events = &channel_events,
					   .opaque = uplink };
	int r;

	if (!uplink)
		return -ENOMEM;
	uplink->loop = loop;
	uplink->acks = (struct ack_thin) { .send = send_to_guest, .opaque = uplink };
	uplink->services = services;
	uplink->eth_switch = eth_switch;
	uplink->opaque = opaque;
	network_config_addresses(config, &uplink->addresses);
	uplink_filter_init(&uplink->filter, config);
	r = outward_init(&uplink->outward, config, ret_error);
	if (r < 0)
		goto fail;
	r = host_nat_make(uplink, config);
	if (r < 0)
		goto fail;
	r = fragments_new(&uplink->fragments);
	if (r < 0)
		goto fail;
	r = uplink_timer_new(loop, &uplink->slirp, &uplink->timer);
	if (r < 0)
		goto fail;
	r = flow_budget_new(&uplink->budget);
	if (r < 0)
		goto fail;
	r = tcp_cork_new(&uplink->cork);
	if (r < 0)
		goto fail;
	r = slirp_poll_new(loop, &uplink->poll);
	if (r < 0)
		goto fail;
	r = switch_open(eth_switch, &port, &uplink->channel);
	if (r < 0)
		goto fail;
	r = slirp_make(uplink, config);
	if (r < 0)
		goto fail;
	channel_set_link(uplink->channel, true);
	*ret = uplink;
	return 0;
fail:
	uplink_free(uplink);
	return r;
}

void uplink_free(struct uplink *uplink)
{
	if (!uplink)
		return;
	unix_forwards_free(uplink->unix_forwards);
	if (uplink->slirp)
		slirp_cleanup(uplink->slirp);
	slirp_poll_free(uplink->poll);
	channel_close(uplink->channel);
	host_nat_free(uplink->host_nat);
	uplink_timer_free(uplink->timer);
	fragments_free(uplink->fragments);
	flow_budget_free(uplink->budget);
	tcp_cork_free(uplink->cork);
	free(uplink);
}
