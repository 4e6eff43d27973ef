/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_slirp.c - libslirp: how it is set up, and what it calls
 *
 * Memory: libslirp uses GLib, which ends the process when malloc() fails. Nothing to be done about
 * here.
 */
#include <errno.h>

#include "net/user/dns_rewrite.h"
#include "net/user/uplink_internal.h"

/* IPv6 needs links that carry this much (RFC 8200, section 5). */
#define IPV6_MTU_MIN 1280u

static ssize_t send_packet(const void *packet, size_t len, void *opaque)
{
	struct uplink *uplink = opaque;

	tcp_cork_to_guest(uplink->cork, packet, len);
	if (uplink->in_batch)
		ack_thin_send(&uplink->acks, packet, len);
	else
		uplink_to_guest(uplink, packet, len);
	return (ssize_t)len;
}

/* Router advertisements */

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

/* The rest of what it asks of us */

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

int uplink_slirp_make(struct uplink *uplink, const struct network_config *config)
{
	SlirpConfig slirp_cfg = slirp_config(config, &uplink->addresses);

	if (!slirp_new(&slirp_cfg, &slirp_callbacks, uplink))
		return -EIO;
	slirp_poll_start(uplink->poll, uplink->slirp);
	return unix_forwards_new(uplink->loop, uplink->slirp, uplink->poll, &uplink->unix_forwards);
}
