/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_source_guard.c - two guests that send anything, and leases that come and go
 *
 * Input: events, one after the other. Each begins with a byte: bit 0 which guest; bits 1 and 2 are
 * 0: a lease begins for it, 1: one ends, each with the last byte of the address; else a frame
 * follows behind its length in two bytes.
 *
 * Whatever it is: no byte beyond the frame is read; what passes is from the guest's own MAC and is
 * no advertisement in plain sight; no address is claimed by two, and none that is leased to another,
 * or the network's own.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "net/policy/source_guard.h"

#define N 2u

static const uint8_t macs[N][FRAME_MAC] = { { 2, 0, 0, 0, 0, 10 }, { 2, 0, 0, 0, 0, 20 } };
static const uint8_t gateway_mac[FRAME_MAC] = { 2, 0, 0, 0, 0, 1 };

struct run {
	struct source_guard_table *table;
	struct source_guard guards[N];
	uint8_t leased[256]; /* 10.0.0.n: to whom, counted from 1 */
	uint64_t now_ms;
};

static struct in_addr address_of(uint8_t n)
{
	const uint8_t bytes[] = { 10, 0, 0, n };
	struct in_addr address;

	memcpy(&address, bytes, sizeof(bytes));
	return address;
}

static bool has_v4(const struct source_guard *guard, in_addr_t address)
{
	for (unsigned int i = 0; i < guard->n_v4; i++) {
		if (guard->v4[i].address == address)
			return true;
	}
	return false;
}

static bool has_v6(const struct source_guard *guard, const struct in6_addr *address)
{
	for (unsigned int i = 0; i < guard->n_v6; i++) {
		if (memcmp(&guard->v6[i].address, address, sizeof(*address)) == 0)
			return true;
	}
	return false;
}

static void check_claims(const struct run *run)
{
	const struct source_guard *a = &run->guards[0], *b = &run->guards[1];

	MUST(a->n_v4 <= SOURCE_GUARD_V4 && b->n_v4 <= SOURCE_GUARD_V4);
	MUST(a->n_v6 <= SOURCE_GUARD_V6 && b->n_v6 <= SOURCE_GUARD_V6);
	for (unsigned int i = 0; i < a->n_v4; i++)
		MUST(!has_v4(b, a->v4[i].address));
	for (unsigned int i = 0; i < a->n_v6; i++)
		MUST(!has_v6(b, &a->v6[i].address));
	for (unsigned int n = 0; n < 256; n++) {
		in_addr_t address = address_of((uint8_t)n).s_addr;

		MUST(!(run->leased[n] == 1 && has_v4(b, address)));
		MUST(!(run->leased[n] == 2 && has_v4(a, address)));
	}
	MUST(!has_v4(a, address_of(1).s_addr) && !has_v4(b, address_of(1).s_addr));
}

static void check_passed(unsigned int from, const uint8_t *frame, size_t len)
{
	MUST(len >= FRAME_ETH_HEADER);
	MUST(memcmp(frame + FRAME_MAC, macs[from], FRAME_MAC) == 0);
	if (len > 54 && frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == 58)
		MUST(frame[54] != 134 && frame[54] != 137);
	if (len >= 42 && frame[12] == 8 && frame[13] == 6)
		MUST(memcmp(frame + 22, macs[from], FRAME_MAC) == 0);
}

static void judge(struct run *run, unsigned int from, const uint8_t *frame, size_t whole)
{
	size_t len = whole < SOURCE_GUARD_HEAD ? whole : SOURCE_GUARD_HEAD;
	uint8_t *exact = malloc(len ? len : 1);
	enum source_guard_verdict verdict;

	if (!exact)
		return;
	memcpy(exact, frame, len);
	run->now_ms += 1000;
	verdict = source_guard_judge(&run->guards[from], exact, len, whole, run->now_ms);
	MUST(verdict < SOURCE_GUARD_VERDICTS);
	if (verdict == SOURCE_GUARD_PASS)
		check_passed(from, exact, len);
	free(exact);
}

static void lease(struct run *run, unsigned int whose, uint8_t n, bool gone)
{
	if (n == 1) /* the gateway's is not leased */
		return;
	if (!gone) {
		source_guard_lease(run->table, macs[whose], address_of(n));
		run->leased[n] = (uint8_t)(whose + 1);
	} else {
		source_guard_lease_gone(run->table, macs[whose], address_of(n));
		if (run->leased[n] == whose + 1)
			run->leased[n] = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { 0 };
	size_t at = 0;

	if (source_guard_table_new(&run.table) < 0)
		return 0;
	MUST(source_guard_reserve_mac(run.table, gateway_mac, FRAME_MAC) == 0);
	MUST(source_guard_reserve_v4(run.table, address_of(1)) == 0);
	source_guard_add(run.table, &run.guards[0], macs[0]);
	source_guard_add(run.table, &run.guards[1], NULL);
	source_guard_see(&run.guards[1], macs[1]);
	while (size - at >= 3) {
		unsigned int who = data[at] & 1, what = data[at] >> 1 & 3;
		size_t len = (size_t)data[at + 1] << 8 | data[at + 2];

		if (what < 2) {
			lease(&run, who, data[at + 1], what == 1);
			at += 2;
		} else {
			at += 3;
			len = len < size - at ? len : size - at;
			judge(&run, who, data + at, len);
			at += len;
		}
		check_claims(&run);
	}
	source_guard_remove(&run.guards[0]);
	source_guard_remove(&run.guards[1]);
	source_guard_table_free(run.table);
	return 0;
}

static size_t put_frame(uint8_t *at, uint8_t who, const uint8_t *rest, size_t len)
{
	const uint8_t head[] = { (uint8_t)(4 | who), 0, (uint8_t)(12 + len) };

	memcpy(at, head, sizeof(head));
	memset(at + 3, 0xff, FRAME_MAC);
	memcpy(at + 9, macs[who], FRAME_MAC);
	memcpy(at + 15, rest, len);
	return 15 + len;
}

/* Of each kind of frame one, from either guest, between leases. */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	static const uint8_t kinds[][90] = {
		{ 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 10, 10, 0, 0, 50 },
		{ 8,  0,  0x45, 0, 0, 60, 0,  0, 0,  0, 64, 17, 0, 0, 10, 0, 0,
		  50, 10, 0,	0, 1, 0,  68, 0, 67, 0, 40, 0,	0, 1, 1,  6 },
		{ 0x86, 0xdd, 0x60,	 0,	      0, 0,	     0,		  32,	     58,
		  255,	0xfd, [25] = 50, [26] = 0xff, 2, [42] = 135, [50] = 0xfd, [65] = 50, 1,
		  1,	2,    0,	 0,	      0, 0,	     10 },
		{ 0x86,	     0xdd,	  0x60, 0,	   0, 0,	 0, 40, 0, 255,	      0xfd,
		  [25] = 50, [26] = 0xff, 2,	[42] = 44, 0, [50] = 58, 0, 0,	1, [58] = 134 },
		{ 0x81, 0,  0,	 7,    0x86,	  0xdd,	     0x60, 0,	     0,	   0, 0,
		  16,	60, 255, 0xfd, [29] = 50, [46] = 17, 0,	   [54] = 2, 0x23, 2, 0x22 },
	};
	size_t len = 0;

	if (i >= sizeof(kinds) / sizeof(kinds[0]) || max < 512)
		return 0;
	buf[len++] = 0; /* a lease for the first */
	buf[len++] = 50;
	for (uint8_t who = 0; who < N; who++)
		len += put_frame(buf + len, who, kinds[i], sizeof(kinds[i]));
	buf[len++] = 1; /* for the second, the same one */
	buf[len++] = 50;
	for (uint8_t who = 0; who < N; who++)
		len += put_frame(buf + len, who, kinds[i], sizeof(kinds[i]));
	buf[len++] = 3; /* and gone */
	buf[len++] = 50;
	len += put_frame(buf + len, 0, kinds[i], sizeof(kinds[i]));
	return len;
}
