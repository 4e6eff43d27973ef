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
 */
#include "net/user/uplink.h"

#include <errno.h>
#include <stdlib.h>

#include "net/user/forward.h"
#include "net/user/host_address.h"
#include "net/user/refusal.h"
#include "net/user/uplink_internal.h"

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

/* Making and ending */

static void on_link(void *opaque, bool up)
{
	struct uplink *uplink = opaque;

	uplink_timer_run(uplink->timer, up);
}

static const struct channel_events channel_events = {
	.ready = uplink_on_ready,
	.link = on_link,
};

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
	uplink->acks = (struct ack_thin) { .send = uplink_to_guest, .opaque = uplink };
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
	r = uplink_slirp_make(uplink, config);
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
