/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * write_offload.c - each packet is planned twice: all of them before the first goes, so that a call
 * sends all or nothing, and again when it goes, which is cheaper than to keep 256 plans
 */
#include "vmnet/interfaces/write_offload.h"

#include <errno.h>
#include <string.h>

#include "virtio/offload.h"

#define PIECES 64u

struct pieces {
	size_t n;
	struct frame frames[PIECES];
	struct iovec iov[PIECES][2];
	uint8_t own[PIECES][OFFLOAD_HEADERS_MAX];
};

static int plan_packet(const struct interface *interface, const struct vmpktdesc *packet,
		       struct offload_plan *ret)
{
	const struct description *description = &interface->description;
	const struct offload_want want = {
		.mtu = interface->mtu,
		.segment = description->tso,
		.checksums = description->checksum_offload,
	};
	const uint8_t *frame = packet->vm_pkt_iov->iov_base;
	struct frame_header header;

	if (!description->virtio_header)
		return offload_plan(frame, packet->vm_pkt_size, &want, NULL, ret);
	memcpy(&header, frame, sizeof(header));
	return offload_plan(frame + sizeof(header), packet->vm_pkt_size - sizeof(header), &want,
			    &header, ret);
}

/* With checksum offload, what fails the checks is dropped; else it is the caller's mistake. */
static int check_all(const struct interface *interface, const struct vmpktdesc *packets, int n)
{
	struct offload_plan plan;
	int r;

	for (int i = 0; i < n; i++) {
		r = plan_packet(interface, &packets[i], &plan);
		if (r < 0 && !(r == -EINVAL && interface->description.checksum_offload))
			return r;
	}
	return 0;
}

static int flush(struct interface *interface, struct pieces *pieces)
{
	size_t sent;
	int r = interface_send(interface, pieces->frames, pieces->n, &sent);

	pieces->n = 0;
	return r;
}

static int add_packet(struct interface *interface, const struct offload_plan *plan,
		      struct pieces *pieces)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_pieces; i++) {
		size_t at = pieces->n;

		pieces->frames[at] = (struct frame) {
			.iov = pieces->iov[at],
			.n_iov = 2,
			.len = offload_piece(plan, i, pieces->own[at], pieces->iov[at]),
		};
		pieces->n++;
		if (pieces->n == PIECES)
			r = flush(interface, pieces);
	}
	return r;
}

int write_offload(struct interface *interface, const struct vmpktdesc *packets, int n,
		  size_t *ret_sent)
{
	struct offload_plan plan;
	struct pieces pieces;
	size_t sure = 0; /* packets whose pieces have all gone */
	int r = check_all(interface, packets, n);

	pieces.n = 0;
	for (int i = 0; r == 0 && i < n; i++) {
		if (plan_packet(interface, &packets[i], &plan) < 0)
			continue;
		r = add_packet(interface, &plan, &pieces);
		if (r == 0 && pieces.n == 0)
			sure = (size_t)i + 1;
	}
	if (r == 0 && pieces.n > 0)
		r = flush(interface, &pieces);
	*ret_sent = r == 0 ? (size_t)n : sure;
	return r;
}
