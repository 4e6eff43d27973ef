/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_offload.c - frames of any bytes, with every wish for checksums and segments
 *
 * Input: a byte of wishes, the MTU in two, a virtio header, a frame.
 *
 * Whatever they are: no byte beyond a frame is read; pieces fit the MTU, hold all of the payload once
 * and in order; and a checksum that was filled in is what a receiver finds right.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "../unit/offload_frames.h"

#define BEFORE (3 + sizeof(struct frame_header))

enum wish {
	WISH_SEGMENT = 1,
	WISH_CHECKSUMS = 2,
	WISH_HEADER = 4,
};

/* By the slow sum of the unit tests. */
static bool receiver_is_content(const uint8_t *piece, size_t len)
{
	struct offload_headers at;
	struct made like;

	MUST(offload_headers_find(piece, len, &at) == 0 && !at.opaque);
	like.ip = at.ip;
	like.transport = at.transport;
	like.v6 = at.v6;
	like.protocol = at.tcp ? IPPROTO_TCP : IPPROTO_UDP;
	return sums_are_right(&like, piece, at.end);
}

static void check(const struct offload_plan *plan, const struct offload_want *want)
{
	static uint8_t piece[2 * MADE_MAX];
	size_t payload = plan->at.payload, len;

	for (size_t i = 0; i < plan->n_pieces; i++) {
		len = take_piece(plan, i, piece);
		MUST(len > 0 && len <= plan->len);
		if (plan->finish_transport)
			MUST(receiver_is_content(piece, len));
		if (plan->mss == 0)
			continue;
		MUST(len - plan->at.ip <= want->mtu);
		len -= plan->at.payload;
		MUST(memcmp(piece + plan->at.payload, plan->frame + payload, len) == 0);
		payload += len;
	}
	MUST(plan->mss == 0 || payload == plan->at.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct offload_want want = { 0 };
	struct frame_header header;
	struct offload_plan plan;
	uint8_t *exact;
	size_t len;

	if (size < BEFORE)
		return 0;
	want.segment = data[0] & WISH_SEGMENT;
	want.checksums = data[0] & WISH_CHECKSUMS;
	want.mtu = (uint16_t)(68 + get16(data + 1) % (FRAME_MTU_MAX - 67));
	memcpy(&header, data + 3, sizeof(header));
	len = size - BEFORE;
	exact = malloc(len ? len : 1);
	MUST(exact);
	memcpy(exact, data + BEFORE, len);
	if (offload_plan(exact, len, &want, data[0] & WISH_HEADER ? &header : NULL, &plan) == 0)
		check(&plan, &want);
	free(exact);
	return 0;
}

size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	static struct made made;
	struct frame_header header = { .flags = 1, .gso_type = i & 8 ? 4 : 1, .gso_size = 400 };

	if (i >= 64)
		return 0;
	make_frame(&made, i & 8, i & 16 ? IPPROTO_UDP : IPPROTO_TCP, i & 32, i & 32 ? 8 : 0, 1000);
	if (max < BEFORE + made.len)
		return 0;
	if (i & 16)
		header = (struct frame_header) { .flags = 1,
						 .csum_start = (uint16_t)made.transport,
						 .csum_offset = 6 };
	buf[0] = i & 7;
	put16(buf + 1, 300);
	memcpy(buf + 3, &header, sizeof(header));
	memcpy(buf + BEFORE, made.bytes, made.len);
	return BEFORE + made.len;
}
