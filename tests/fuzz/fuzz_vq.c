/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_vq.c - a virtqueue in guest memory of any content
 *
 * Input: options (one byte), then guest memory from its start on; the rest is zero. The rings have
 * fixed places:
 *
 *   GUEST + 0x000   descriptor table, 8 entries
 *   GUEST + 0x080   available ring
 *   GUEST + 0x0c0   used ring
 *   GUEST + 0x110   all else: indirect tables, data
 *   GUEST + 0x800   a second mapping, read-only, from here to the end
 *
 * Whatever is in there: a pop ends, its segments are inside memory that may be used so, their
 * lengths add up, and a broken queue stays broken. Writing to writable segments changes the rings
 * under way, as a guest would.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include <outrigger/vfio_user.h>

#include "virtio/vq.h"

#define GUEST		 UINT64_C(0x10000)
#define MEMORY		 0x1000u
#define READ_ONLY	 0x800u
#define SIZE		 8u
#define DATA		 0x110u

#define OPTION_EVENT_IDX 1u
#define OPTION_INDIRECT	 2u

static uint8_t memory[MEMORY] __attribute__((aligned(4096)));

static int translate(void *opaque, uint64_t address, uint64_t len, uint32_t prot, struct iovec *iov,
		     size_t max_iov)
{
	uint64_t at = address - GUEST, part;
	size_t n = 0;

	(void)opaque;
	if (address < GUEST || at > MEMORY || len > MEMORY - at)
		return -EFAULT;
	for (; len > 0; at += part, len -= part) {
		if (at >= READ_ONLY && (prot & RIG_DMA_WRITE))
			return -EACCES;
		if (n == max_iov)
			return -ENOBUFS;
		part = at < READ_ONLY && len > READ_ONLY - at ? READ_ONLY - at : len;
		iov[n++] = (struct iovec) { memory + at, part };
	}
	return (int)n;
}

static size_t check_segments(const struct iovec *iov, size_t n, size_t end)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		uintptr_t at = (uintptr_t)iov[i].iov_base - (uintptr_t)memory;

		MUST(iov[i].iov_len > 0 && at < end && iov[i].iov_len <= end - at);
		len += iov[i].iov_len;
	}
	return len;
}

static void check_chain(const struct vq_chain *chain)
{
	const struct iovec *writable = chain->iov + chain->n_readable;

	MUST(chain->head < SIZE);
	MUST((size_t)chain->n_readable + chain->n_writable <= VQ_CHAIN_IOV);
	MUST(check_segments(chain->iov, chain->n_readable, MEMORY) == chain->readable_len);
	MUST(check_segments(writable, chain->n_writable, READ_ONLY) == chain->writable_len);
	for (size_t i = 0; i < chain->n_writable; i++)
		memset(writable[i].iov_base, (int)(i + chain->head), writable[i].iov_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vq_memory guest = { .translate = translate };
	struct vq_setup setup = {
		.size = SIZE, .desc = GUEST, .driver = GUEST + 0x80, .device = GUEST + 0xc0
	};
	struct vq_chain chain;
	struct vq vq;
	int r = 0;

	if (size < 1)
		return 0;
	setup.event_idx = data[0] & OPTION_EVENT_IDX;
	setup.indirect_desc = data[0] & OPTION_INDIRECT;
	memset(memory, 0, sizeof(memory));
	memcpy(memory, data + 1, size - 1 < MEMORY ? size - 1 : MEMORY);

	vq_init(&vq, &guest);
	MUST(vq_enable(&vq, &setup) == 0);
	for (unsigned int i = 0; i < 4 * SIZE; i++) {
		vq_disable_notify(&vq);
		r = vq_pop(&vq, &chain);
		if (r <= 0)
			break;
		check_chain(&chain);
		if (i % 3 == 2)
			vq_unpop(&vq, 1);
		MUST(vq_fill(&vq, chain.head, (uint32_t)chain.writable_len, 0) == 0);
		MUST(vq_publish(&vq, 1) == 0);
		vq_wants_interrupt(&vq);
		vq_enable_notify(&vq);
	}
	MUST(r >= 0 || (vq.broken == r && vq.broken_reason && vq_pop(&vq, &chain) == r));
	return 0;
}

static void put(uint8_t *buf, size_t at, uint64_t value, size_t width)
{
	memcpy(buf + 1 + at, &value, width);
}

static void put_desc(uint8_t *buf, size_t at, uint64_t addr, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	put(buf, at, addr, 8);
	put(buf, at + 8, len, 4);
	put(buf, at + 12, flags, 2);
	put(buf, at + 14, next, 2);
}

/* A chain of three, an indirect one, one across both mappings, and one whose data are the rings. */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	const size_t len = 1 + 0x200;

	if (i >= 4 || max < len)
		return 0;
	memset(buf, 0, len);
	buf[0] = (uint8_t)(OPTION_INDIRECT | (i & OPTION_EVENT_IDX));
	put(buf, 0x82, 3, 2); /* available: 0, 3, 4 */
	put(buf, 0x86, 3, 2);
	put(buf, 0x88, 4, 2);

	put_desc(buf, 0, GUEST + DATA, 8, 1, 1);
	put_desc(buf, 16, GUEST + 0x300, 16, 1 | 2, 2);
	put_desc(buf, 32, GUEST + 0x400, 32, 2, 0);
	put_desc(buf, 48, GUEST + DATA, 48, i == 3 ? 0 : 4, 0);
	put_desc(buf, 64, i == 2 ? GUEST + READ_ONLY - 8 : GUEST, i == 2 ? 16 : 0x100,
		 i == 3 ? 2 : 0, 0);
	put_desc(buf, DATA, GUEST + 0x500, 4, 1, 1);
	put_desc(buf, DATA + 16, GUEST + 0x600, 4, 1, 2);
	put_desc(buf, DATA + 32, GUEST + 0x700, 4, 2, 0);
	return len;
}
