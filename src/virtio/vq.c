/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vq.c - the split ring, as its device sees it
 *
 * Three pieces of guest memory: the descriptor table and the available ring, which the driver
 * writes, and the used ring, which we write. Their host addresses are looked up once and kept until
 * guest memory changes; each must lie within one mapping. Addresses in descriptors are translated
 * as they come.
 *
 * What the guest can do to us is bounded by three habits. A descriptor is copied and then used,
 * never looked at twice. Every index is compared before it indexes. A chain ends after as many
 * descriptors as the ring (or its indirect table) has: more is a loop.
 *
 * Four pairs of barriers, each with its partner in the driver (names as in "2.7.13" and "2.7.14"):
 *
 *   here                        | in the driver                  | without them
 *   ----------------------------+--------------------------------+-------------------------
 *   acquire with avail.idx      | barrier between entry and idx  | an entry not yet written
 *   release with used.idx       | barrier after it read idx      | it sees an empty element
 *   used.idx, then used_event   | used_event, then used.idx      | both miss: no interrupt
 *   avail_event, then avail.idx | avail.idx, then avail_event    | both miss: no kick
 *
 * The last two are full fences, because on each side a store must come before a load. The flags of
 * the rings take the places of used_event and avail_event where the event index is not negotiated.
 */
#include "virtio/vq.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <outrigger/vfio_user.h>

#include "virtio/iov.h"
#include "virtio/spec.h"

/* An indirect table of VQ_SIZE_MAX entries has 16 KiB: five pages if it starts inside one. */
#define TABLE_IOV 5u
static_assert(VQ_SIZE_MAX * sizeof(struct virtq_desc) <= (TABLE_IOV - 1) * (size_t)4096,
	      "an indirect table in single pages fits");

static uint16_t load16(const uint16_t *from)
{
	return le16(__atomic_load_n(from, __ATOMIC_RELAXED));
}

static void store16(uint16_t *to, uint16_t value)
{
	__atomic_store_n(to, le16(value), __ATOMIC_RELAXED);
}

static int break_queue(struct vq *vq, int error, const char *reason)
{
	vq->broken = error;
	vq->broken_reason = reason;
	return error;
}

static const char *translate_reason(int error)
{
	switch (error) {
	case -EREMOTEIO:
		return "guest memory is not shared: give QEMU memory-backend-memfd,share=on";
	case -EACCES:
		return "address in guest memory that the device may not access so";
	case -ENOBUFS:
		return "more segments than the device takes";
	default:
		return "address outside guest memory";
	}
}

static int translate(const struct vq *vq, uint64_t address, uint64_t len, uint32_t prot,
		     struct iovec *iov, size_t max_iov)
{
	if (len > 0 && address + (len - 1) < address)
		return -EFAULT;
	return vq->memory->translate(vq->memory->opaque, address, len, prot, iov, max_iov);
}

static size_t avail_size(const struct vq_setup *setup)
{
	return sizeof(struct virtq_avail) + (setup->size + 1u) * sizeof(uint16_t);
}

static size_t used_size(const struct vq_setup *setup)
{
	return sizeof(struct virtq_used) + setup->size * sizeof(struct virtq_used_elem) +
	       sizeof(uint16_t);
}

/* Behind the last element of each ring is the event index of the other side. */
static uint16_t *used_event(const struct vq *vq)
{
	return &((struct virtq_avail *)vq->avail)->ring[vq->setup.size];
}

static uint16_t *avail_event(const struct vq *vq)
{
	return (uint16_t *)(void *)&((struct virtq_used *)vq->used)->ring[vq->setup.size];
}

static int map_ring(struct vq *vq, uint64_t address, uint64_t len, uint32_t prot, size_t align,
		    void **ret)
{
	struct iovec iov;
	int r = translate(vq, address, len, prot, &iov, 1);

	if (r == -ENOBUFS)
		return break_queue(vq, -EPROTO, "a ring lies in more than one mapping");
	if (r == -EFAULT)
		return r; /* the caller knows whether the memory may come back */
	if (r < 0)
		return break_queue(vq, r, translate_reason(r));
	/* The guest's address is aligned; a client may have mapped it at an odd offset of its file.
	 */
	if ((uintptr_t)iov.iov_base % align != 0)
		return break_queue(vq, -EPROTO, "a ring is not aligned in the client's file");
	*ret = iov.iov_base;
	return 0;
}

static int map_rings(struct vq *vq)
{
	const struct vq_setup *setup = &vq->setup;
	void *desc, *avail, *used;
	int r;

	r = map_ring(vq, setup->desc, setup->size * sizeof(struct virtq_desc), RIG_DMA_READ,
		     VIRTQ_DESC_ALIGN, &desc);
	if (r < 0)
		return r;
	r = map_ring(vq, setup->driver, avail_size(setup), RIG_DMA_READ, VIRTQ_AVAIL_ALIGN, &avail);
	if (r < 0)
		return r;
	r = map_ring(vq, setup->device, used_size(setup), RIG_DMA_WRITE, VIRTQ_USED_ALIGN, &used);
	if (r < 0)
		return r;
	vq->desc = desc;
	vq->avail = avail;
	vq->used = used;
	return 0;
}

/*
 * Return: 0 working, -EAGAIN disabled or suspended, or what broke the queue. Rings that were there
 * and are not are no fault of the guest: QEMU takes a whole range of memory away and brings it back
 * when an attribute of some of it changes, and we may be called in between.
 */
static int ready(struct vq *vq)
{
	int r;

	if (!vq->enabled)
		return -EAGAIN;
	if (vq->broken)
		return vq->broken;
	if (vq->desc)
		return 0;
	r = map_rings(vq);
	return r == -EFAULT ? -EAGAIN : r;
}

void vq_init(struct vq *vq, const struct vq_memory *memory)
{
	memset(vq, 0, sizeof(*vq));
	vq->memory = memory;
}

void vq_reset(struct vq *vq)
{
	vq_init(vq, vq->memory);
}

static bool setup_valid(const struct vq_setup *setup)
{
	return setup->size >= 1 && setup->size <= VQ_SIZE_MAX &&
	       (setup->size & (setup->size - 1)) == 0 && setup->desc % VIRTQ_DESC_ALIGN == 0 &&
	       setup->driver % VIRTQ_AVAIL_ALIGN == 0 && setup->device % VIRTQ_USED_ALIGN == 0;
}

int vq_enable(struct vq *vq, const struct vq_setup *setup)
{
	int r;

	vq_reset(vq);
	vq->setup = *setup;
	vq->enabled = true;
	vq->notify_enabled = true;
	vq->signalled_valid = true;
	if (!setup_valid(setup))
		return break_queue(vq, -EINVAL, "size or alignment of a ring");
	r = map_rings(vq);
	if (r == -EFAULT)
		return break_queue(vq, r, "a ring lies outside guest memory");
	return r;
}

void vq_memory_changed(struct vq *vq)
{
	vq->desc = NULL;
	vq->avail = NULL;
	vq->used = NULL;
}

bool vq_suspended(const struct vq *vq)
{
	return vq->enabled && !vq->broken && !vq->desc;
}

static uint16_t load_avail_idx(const struct vq *vq)
{
	const struct virtq_avail *avail = vq->avail;

	/* Pairs with the driver's barrier before it moves idx: the entries up to it are written. */
	return le16(__atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE));
}

bool vq_has_work(struct vq *vq)
{
	return ready(vq) == 0 && load_avail_idx(vq) != vq->last_avail;
}

/* struct table - descriptors to follow: the queue's own, or an indirect one */
struct table {
	struct iovec iov[TABLE_IOV];
	size_t n_iov;
	uint16_t entries;
	bool indirect;
};

static int open_indirect(struct vq *vq, const struct virtq_desc *desc, struct table *ret)
{
	int r;

	if (!vq->setup.indirect_desc)
		return break_queue(vq, -EPROTO, "indirect descriptor, which was not negotiated");
	if (ret->indirect)
		return break_queue(vq, -EPROTO, "indirect descriptor inside an indirect table");
	if (desc->flags & VIRTQ_DESC_F_NEXT)
		return break_queue(vq, -EPROTO, "indirect descriptor with a next one");
	if (desc->len == 0 || desc->len % sizeof(struct virtq_desc) != 0)
		return break_queue(vq, -EPROTO, "size of an indirect table");
	if (desc->len / sizeof(struct virtq_desc) > vq->setup.size)
		return break_queue(vq, -EPROTO, "indirect table longer than the ring");

	r = translate(vq, desc->addr, desc->len, RIG_DMA_READ, ret->iov, TABLE_IOV);
	if (r < 0)
		return break_queue(vq, r, translate_reason(r));
	ret->n_iov = (size_t)r;
	ret->entries = (uint16_t)(desc->len / sizeof(struct virtq_desc));
	ret->indirect = true;
	return 0;
}

static void copy_desc(const struct table *table, uint16_t i, struct virtq_desc *ret)
{
	struct virtq_desc raw = { 0 };

	iov_to_buf(table->iov, table->n_iov, i * sizeof(raw), &raw, sizeof(raw));
	ret->addr = le64(raw.addr);
	ret->len = le32(raw.len);
	ret->flags = le16(raw.flags);
	ret->next = le16(raw.next);
}

static int add_segment(struct vq *vq, const struct virtq_desc *desc, struct vq_chain *chain)
{
	bool write = desc->flags & VIRTQ_DESC_F_WRITE;
	size_t n = (size_t)chain->n_readable + chain->n_writable;
	int r;

	if (!write && chain->n_writable > 0)
		return break_queue(vq, -EPROTO, "readable descriptor after a writable one");
	if (desc->len == 0)
		return break_queue(vq, -EPROTO, "descriptor of zero length");

	r = translate(vq, desc->addr, desc->len, write ? RIG_DMA_WRITE : RIG_DMA_READ,
		      &chain->iov[n], VQ_CHAIN_IOV - n);
	if (r < 0)
		return break_queue(vq, r, translate_reason(r));
	if (write) {
		chain->n_writable += (uint16_t)r;
		chain->writable_len += desc->len;
	} else {
		chain->n_readable += (uint16_t)r;
		chain->readable_len += desc->len;
	}
	return 0;
}

/* One step per descriptor; `left` falls with each, starts again only in the one indirect table, so
 * it ends. */
static int walk(struct vq *vq, uint16_t head, struct vq_chain *chain)
{
	struct table table = {
		.iov = { { vq->desc, vq->setup.size * sizeof(struct virtq_desc) } },
		.n_iov = 1,
		.entries = vq->setup.size,
	};
	uint16_t left = table.entries, i = head;
	struct virtq_desc desc;
	int r;

	for (;;) {
		if (left-- == 0)
			return break_queue(vq, -EPROTO, "descriptor chain loops");
		copy_desc(&table, i, &desc);
		if (desc.flags & VIRTQ_DESC_F_INDIRECT) {
			r = open_indirect(vq, &desc, &table);
			if (r < 0)
				return r;
			left = table.entries;
			i = 0;
			continue;
		}
		r = add_segment(vq, &desc, chain);
		if (r < 0)
			return r;
		if (!(desc.flags & VIRTQ_DESC_F_NEXT))
			return 0;
		if (desc.next >= table.entries)
			return break_queue(vq, -EPROTO, "next descriptor is out of range");
		i = desc.next;
	}
}

int vq_pop(struct vq *vq, struct vq_chain *ret)
{
	uint16_t pending, head;
	int r = ready(vq);

	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	pending = (uint16_t)(load_avail_idx(vq) - vq->last_avail);
	if (pending == 0)
		return 0;
	if (pending > vq->setup.size)
		return break_queue(vq, -EPROTO,
				   "available index is further ahead than the ring is long");
	head = load16(
		&((struct virtq_avail *)vq->avail)->ring[vq->last_avail & (vq->setup.size - 1)]);
	if (head >= vq->setup.size)
		return break_queue(vq, -EPROTO, "head of a descriptor chain is out of range");

	ret->head = head;
	ret->n_readable = ret->n_writable = 0;
	ret->readable_len = ret->writable_len = 0;
	r = walk(vq, head, ret);
	if (r < 0)
		return r;
	vq->last_avail++;
	vq->filled = true;
	return 1;
}

void vq_unpop(struct vq *vq, uint16_t n)
{
	vq->last_avail -= n;
}

int vq_break(struct vq *vq, const char *reason)
{
	return break_queue(vq, -EPROTO, reason);
}

int vq_fill(struct vq *vq, uint16_t head, uint32_t written, uint16_t index)
{
	struct virtq_used_elem *elem;
	int r = ready(vq);

	if (r < 0)
		return r;
	assert(index < vq->setup.size);
	elem = &((struct virtq_used *)vq->used)
			->ring[(vq->next_used + index) & (vq->setup.size - 1)];
	__atomic_store_n(&elem->id, le32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len, le32(written), __ATOMIC_RELAXED);
	return 0;
}

int vq_publish(struct vq *vq, uint16_t n)
{
	int r = ready(vq);

	if (r < 0)
		return r;
	vq->next_used += n;
	/* Pairs with the driver's barrier after it read idx: elements, and the data they speak of,
	 * are written. */
	__atomic_store_n(&((struct virtq_used *)vq->used)->idx, le16(vq->next_used),
			 __ATOMIC_RELEASE);
	/* 65536 published without asking would look like none. */
	if ((uint16_t)(vq->next_used - vq->signalled_used) < n)
		vq->signalled_valid = false;
	return 0;
}

/* "2.7.7.2": did `event` get passed on the way from old to now? All three wrap. */
static bool event_passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool vq_wants_interrupt(struct vq *vq)
{
	uint16_t old = vq->signalled_used;
	bool valid = vq->signalled_valid;

	if (ready(vq) < 0 || (valid && old == vq->next_used))
		return false;
	vq->signalled_used = vq->next_used;
	vq->signalled_valid = true;

	/* used.idx before used_event: pairs with the driver's fence between storing used_event and
	 * looking at used.idx once more. Without it the driver would sleep on what we just
	 * published. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!vq->setup.event_idx)
		return !(load16(&((struct virtq_avail *)vq->avail)->flags) &
			 VIRTQ_AVAIL_F_NO_INTERRUPT);
	return !valid || event_passed(load16(used_event(vq)), vq->next_used, old);
}

void vq_disable_notify(struct vq *vq)
{
	if (!vq->notify_enabled || ready(vq) < 0)
		return;
	vq->notify_enabled = false;
	/* With the event index nothing is written: the driver has passed avail_event, or kicks once
	 * more. */
	if (!vq->setup.event_idx)
		store16(&((struct virtq_used *)vq->used)->flags, VIRTQ_USED_F_NO_NOTIFY);
}

bool vq_enable_notify(struct vq *vq)
{
	if (ready(vq) < 0)
		return false;
	vq->notify_enabled = true;
	if (vq->setup.event_idx)
		store16(avail_event(vq), vq->last_avail);
	else
		store16(&((struct virtq_used *)vq->used)->flags, 0);

	/* avail_event before avail.idx: pairs with the driver's fence between storing avail.idx and
	 * looking at avail_event. Without it the driver would not kick for a chain that we did not
	 * see. */
	atomic_thread_fence(memory_order_seq_cst);
	return load_avail_idx(vq) != vq->last_avail;
}
