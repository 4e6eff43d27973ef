/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_to_guest.c - from libslirp and from services to the guests, in frames that fit their network
 */
#include "net/user/packet_split.h"
#include "net/user/uplink_internal.h"

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

void uplink_to_guest(void *opaque, const uint8_t *frame, size_t len)
{
	struct uplink *uplink = opaque;
	const struct uplink_services *services = uplink->services;

	host_nat_to_guest(uplink->host_nat, uv_now(uplink->loop), &frame, len);
	if (!services || !services->to_guest || services->to_guest(uplink->opaque, &frame, &len))
		uplink_send(uplink, frame, len);
}
