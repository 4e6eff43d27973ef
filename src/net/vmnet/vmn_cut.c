/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_cut.c - packets with offloads, shown as the frames that they stand for
 */
#include "net/vmnet/vmn_cut.h"

#include <string.h>

static size_t header_len(const struct vmn_offloads *offloads)
{
	return offloads->header ? sizeof(struct frame_header) : 0;
}

static int plan(const struct vmn_offloads *offloads, uint16_t mtu, const void *packet, size_t len,
		struct offload_plan *ret)
{
	const struct offload_want want = { .mtu = mtu,
					   .segment = offloads->segments,
					   .checksums = offloads->checksums };
	size_t header = header_len(offloads);
	struct frame_header wishes = { 0 };

	memcpy(&wishes, packet, header);
	return offload_plan((const uint8_t *)packet + header, len - header, &want,
			    header ? &wishes : NULL, ret);
}

unsigned int vmn_cut_count(const struct vmn_offloads *offloads, uint16_t mtu, const void *packet,
			   size_t len)
{
	struct offload_plan cut;

	if (len < header_len(offloads) + FRAME_ETH_HEADER ||
	    plan(offloads, mtu, packet, len, &cut) < 0 || cut.n_pieces > VMN_CUT_PIECES)
		return 0;
	return (unsigned int)cut.n_pieces;
}

size_t vmn_cut_show(const struct vmn_offloads *offloads, uint16_t mtu, const struct iovec *packet,
		    unsigned int first, struct vmn_piece *pieces, struct frame *frames, size_t n)
{
	struct offload_plan cut;
	size_t shown = 0;

	if (plan(offloads, mtu, packet->iov_base, packet->iov_len, &cut) < 0)
		return 0;
	for (size_t i = first; i < cut.n_pieces && shown < n; i++, shown++) {
		struct vmn_piece *piece = &pieces[shown];

		piece->len = offload_piece(&cut, i, piece->own, piece->iov);
		/* Whoever looks at headers finds them in the first part. */
		frames[shown] = piece->iov[0].iov_len ? (struct frame) { .iov = piece->iov,
									 .n_iov = 2,
									 .len = piece->len }
						      : (struct frame) { .iov = piece->iov + 1,
									 .n_iov = 1,
									 .len = piece->len };
	}
	return shown;
}
