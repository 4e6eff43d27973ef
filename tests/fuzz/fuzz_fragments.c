/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_fragments.c - fragments of any bytes, in any order; and packets of any bytes, split
 *
 * Input: events. Each begins with a byte, whose lowest 2 bits are the guest and whose next 4 how much
 * time passes; a frame follows behind its length in two bytes.
 *
 * Whatever they are: no byte beyond a frame is read; what is whole is no fragment and has the lengths
 * that its header says; no more packets wait than may; what is split fits.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "net/user/fragments.h"
#include "net/user/packet.h"
#include "net/user/packet_split.h"

#define MTU 576u

struct run {
	struct fragments *fragments;
	uint64_t now_ms;
};

static void check_whole(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + PACKET_IP;
	bool v6 = ip[0] >> 4 == 6;

	MUST(len > PACKET_IP + PACKET_IP4_HEADER && !fragment_is(frame, len));
	if (v6)
		MUST(len == PACKET_IP + PACKET_IP6_HEADER + packet_get16(ip + 4));
	else
		MUST(len == PACKET_IP + packet_get16(ip + 2) &&
		     packet_sum(0, ip, (size_t)(ip[0] & 0xf) * 4) == 0xffff);
}

static void check_part(void *opaque, const struct packet_part *part)
{
	size_t *sum = opaque;

	MUST(part->head_len + part->len <= PACKET_IP + MTU || part->head_len == 0);
	for (size_t i = 0; i < part->len; i++)
		*sum += part->payload[i];
}

static void split(const uint8_t *frame, size_t len)
{
	size_t sum = 0;

	packet_split(frame, len, MTU, 1, check_part, &sum);
}

static void take(struct run *run, uint8_t event, const uint8_t *bytes, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	const uint8_t *frame = exact;
	size_t len = n;

	MUST(exact);
	memcpy(exact, bytes, n);
	run->now_ms += (uint64_t)500 * (event >> 2 & 15);
	split(exact, n);
	if (fragment_is(exact, n) &&
	    fragments_take(run->fragments, run->now_ms, event & 3, &frame, &len)) {
		check_whole(frame, len);
		split(frame, len);
	}
	MUST(fragments_counters(run->fragments)->waiting <= 4 * FRAGMENTS_OF_GUEST);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { .now_ms = 1 };
	size_t at = 0;

	MUST(fragments_new(&run.fragments) == 0);
	while (size - at >= 3) {
		size_t len = packet_get16(data + at + 1);

		if (len > size - at - 3)
			len = size - at - 3;
		take(&run, data[at], data + at + 3, len);
		at += 3 + len;
	}
	fragments_free(run.fragments);
	return 0;
}

static size_t put4(uint8_t *at, unsigned int offset, unsigned int len, bool more)
{
	uint8_t *ip = at + 3 + PACKET_IP;

	packet_put16(at + 1, PACKET_IP + PACKET_IP4_HEADER + len);
	at[3] = 2;
	packet_put16(at + 3 + PACKET_ETH_TYPE, 0x0800);
	ip[0] = 0x45;
	packet_put16(ip + 2, PACKET_IP4_HEADER + len);
	packet_put16(ip + 6, offset / 8 | (more ? 0x2000 : 0));
	ip[9] = 17;
	packet_put16(ip + 10, ~packet_sum(0, ip, PACKET_IP4_HEADER) & 0xffff);
	return 3 + PACKET_IP + PACKET_IP4_HEADER + len;
}

static size_t put6(uint8_t *at, unsigned int offset, unsigned int len, bool more)
{
	uint8_t *ip = at + 3 + PACKET_IP;

	packet_put16(at + 1, PACKET_IP + PACKET_IP6_HEADER + 8 + len);
	at[3] = 2;
	packet_put16(at + 3 + PACKET_ETH_TYPE, 0x86dd);
	ip[0] = 0x60;
	packet_put16(ip + 4, 8 + len);
	ip[6] = 44;
	ip[40] = 17;
	packet_put16(ip + 42, offset | more);
	return 3 + PACKET_IP + PACKET_IP6_HEADER + 8 + len;
}

size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	size_t (*put)(uint8_t *, unsigned int, unsigned int, bool) = i & 1 ? put6 : put4;
	size_t len = 0;

	if (i >= 4 || max < 1024)
		return 0;
	memset(buf, 0, 1024);
	for (unsigned int n = 0; n < 4; n++) {
		unsigned int part = i & 2 ? 3 - n : n;

		len += put(buf + len, part * 48, part == 3 ? 21 : 48, part < 3);
	}
	return len;
}
