/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_vq.c - the device's side of a split ring, against a driver that keeps the rules and one that
 * lies
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "guest.h"
#include "virtio/vq.h"

#define SIZE  8u
#define RING  (GUEST_BASE + 0x10000)
#define DATA  (GUEST_BASE + 0x100000)
#define TABLE (GUEST_BASE + 0x80000)

struct fixture {
	struct guest guest;
	struct vq_memory memory;
	struct ring ring;
	struct vq vq;
};

static struct vq_setup setup_of(const struct ring *ring)
{
	return (struct vq_setup) {
		.size = ring->size,
		.desc = ring->desc,
		.driver = ring->avail,
		.device = ring->used,
		.event_idx = ring->event_idx,
		.indirect_desc = true,
	};
}

static void start(struct fixture *f, uint16_t size, bool event_idx)
{
	struct vq_setup setup;

	ring_init(&f->ring, &f->guest, RING, size, event_idx);
	setup = setup_of(&f->ring);
	assert_int_equal(vq_enable(&f->vq, &setup), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	guest_init(&f->guest);
	f->memory = (struct vq_memory) { guest_translate, &f->guest };
	vq_init(&f->vq, &f->memory);
	start(f, SIZE, true);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	guest_free(&f->guest);
	free(f);
	return 0;
}

static void put(struct fixture *f, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
		uint16_t next)
{
	ring_put_desc(&f->ring, f->ring.desc, i, (struct ring_desc) { addr, len, flags, next });
}

static void put_indirect(struct fixture *f, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
			 uint16_t next)
{
	ring_put_desc(&f->ring, TABLE, i, (struct ring_desc) { addr, len, flags, next });
}

static void use(struct fixture *f, uint16_t head, uint32_t written)
{
	assert_int_equal(vq_fill(&f->vq, head, written, 0), 0);
	assert_int_equal(vq_publish(&f->vq, 1), 0);
}

/*
 * Chains
 */

static void an_empty_ring_gives_nothing(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	assert_false(vq_has_work(&f->vq));
	assert_int_equal(vq_pop(&f->vq, &chain), 0);
}

static void a_disabled_queue_gives_nothing(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	ring_offer_one(&f->ring, 0, DATA, 1, 0);
	vq_reset(&f->vq);
	assert_false(vq_has_work(&f->vq));
	assert_int_equal(vq_pop(&f->vq, &chain), 0);
	assert_int_equal(vq_publish(&f->vq, 1), -EAGAIN);
	assert_false(vq_wants_interrupt(&f->vq));
	assert_false(vq_enable_notify(&f->vq));
}

static void a_chain_has_its_readable_segments_before_its_writable_ones(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	put(f, 5, DATA, 10, RING_NEXT, 2);
	put(f, 2, DATA + 100, 20, RING_NEXT | RING_WRITE, 7);
	put(f, 7, DATA + 200, 30, RING_WRITE, 0);
	ring_offer(&f->ring, 5);

	assert_true(vq_has_work(&f->vq));
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.head, 5);
	assert_int_equal(chain.n_readable, 1);
	assert_int_equal(chain.n_writable, 2);
	assert_int_equal(chain.readable_len, 10);
	assert_int_equal(chain.writable_len, 50);
	assert_ptr_equal(chain.iov[0].iov_base, guest_at(&f->guest, DATA));
	assert_ptr_equal(chain.iov[2].iov_base, guest_at(&f->guest, DATA + 200));
	assert_int_equal(chain.iov[2].iov_len, 30);
	assert_false(vq_has_work(&f->vq));
	assert_int_equal(vq_pop(&f->vq, &chain), 0);
}

static void a_chain_may_be_as_long_as_the_ring(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	for (uint16_t i = 0; i < SIZE; i++)
		put(f, i, DATA + i, 1, i + 1u < SIZE ? RING_NEXT : 0, i + 1);
	ring_offer(&f->ring, 0);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.n_readable, SIZE);
}

static void an_indirect_table_may_be_as_long_as_the_ring(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	for (uint16_t i = 0; i < SIZE; i++)
		put_indirect(f, i, DATA + i, 1, i + 1u < SIZE ? RING_NEXT : 0, i + 1);
	ring_offer_one(&f->ring, 3, TABLE, SIZE * 16, RING_INDIRECT);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.head, 3);
	assert_int_equal(chain.n_readable, SIZE);
}

/* "2.7.5.3.2": "zero or more normal chained descriptors followed by a single descriptor with
 * INDIRECT" */
static void an_indirect_table_may_follow_normal_descriptors(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	put(f, 0, DATA, 4, RING_NEXT, 1);
	put(f, 1, TABLE, 32, RING_INDIRECT, 0);
	put_indirect(f, 0, DATA + 8, 5, RING_NEXT, 1);
	put_indirect(f, 1, DATA + 16, 6, RING_WRITE, 0);
	ring_offer(&f->ring, 0);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.readable_len, 9);
	assert_int_equal(chain.writable_len, 6);
}

/* The device ignores WRITE on the descriptor that refers to a table ("2.7.5.3.2"). */
static void the_write_flag_of_an_indirect_descriptor_is_ignored(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	put_indirect(f, 0, DATA, 5, 0, 0);
	ring_offer_one(&f->ring, 0, TABLE, 16, RING_INDIRECT | RING_WRITE);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.readable_len, 5);
}

static void split_at(struct fixture *f, uint64_t address)
{
	f->guest.n_ranges = 0;
	guest_map(&f->guest, GUEST_BASE, address - GUEST_BASE, GUEST_RW);
	guest_map(&f->guest, address, GUEST_BASE + GUEST_SIZE - address, GUEST_RW);
	vq_memory_changed(&f->vq);
}

static void a_segment_across_two_mappings_is_two_segments(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	split_at(f, DATA + 0x1000);
	ring_offer_one(&f->ring, 0, DATA + 0xff0, 0x20, RING_WRITE);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.n_writable, 2);
	assert_int_equal(chain.iov[0].iov_len, 0x10);
	assert_int_equal(chain.iov[1].iov_len, 0x10);
}

static void an_indirect_table_across_two_mappings_is_followed(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	/* in the middle of the second descriptor, which can start anywhere */
	split_at(f, TABLE + 0x1000);
	for (uint16_t i = 0; i < 3; i++)
		ring_put_desc(&f->ring, TABLE + 0xfe8, i,
			      (struct ring_desc) { DATA + 64u * i, i + 1u, i < 2 ? RING_NEXT : 0,
						   i + 1 });
	ring_offer_one(&f->ring, 0, TABLE + 0xfe8, 48, RING_INDIRECT);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.readable_len, 6);
	assert_ptr_equal(chain.iov[1].iov_base, guest_at(&f->guest, DATA + 64));
}

static void what_is_put_back_comes_again(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	for (uint16_t i = 0; i < 3; i++)
		ring_offer_one(&f->ring, i, DATA, 1u + i, 0);
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(vq_pop(&f->vq, &chain), 1);
	vq_unpop(&f->vq, 2);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.head, 1);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.head, 2);
	assert_int_equal(vq_pop(&f->vq, &chain), 0);
}

static void filled_elements_are_seen_when_published_and_all_at_once(void **state)
{
	struct fixture *f = *state;
	uint32_t id, len;

	assert_int_equal(vq_fill(&f->vq, 4, 44, 0), 0);
	assert_int_equal(vq_fill(&f->vq, 6, 66, 1), 0);
	assert_false(ring_take(&f->ring, &id, &len));
	assert_int_equal(vq_publish(&f->vq, 2), 0);
	assert_true(ring_take(&f->ring, &id, &len));
	assert_int_equal(id, 4);
	assert_int_equal(len, 44);
	assert_true(ring_take(&f->ring, &id, &len));
	assert_int_equal(id, 6);
	assert_int_equal(len, 66);
	assert_false(ring_take(&f->ring, &id, &len));
}

/*
 * Liars: one field each
 */

static void offer_head(struct fixture *f, uint16_t head)
{
	put(f, 0, DATA, 1, 0, 0);
	ring_offer(&f->ring, head);
}

static void lie_head_is_the_size(struct fixture *f)
{
	offer_head(f, SIZE);
}

static void lie_head_is_huge(struct fixture *f)
{
	offer_head(f, 0xffff);
}

static void lie_index_is_one_too_far(struct fixture *f)
{
	f->ring.avail_idx = SIZE;
	offer_head(f, 0);
}

static void lie_index_is_behind(struct fixture *f)
{
	f->ring.avail_idx = 0xfffe;
	offer_head(f, 0);
}

static void lie_next_is_the_size(struct fixture *f)
{
	put(f, 0, DATA, 1, RING_NEXT, SIZE);
	ring_offer(&f->ring, 0);
}

static void lie_next_is_huge(struct fixture *f)
{
	put(f, 0, DATA, 1, RING_NEXT, 0xffff);
	ring_offer(&f->ring, 0);
}

static void lie_next_is_itself(struct fixture *f)
{
	put(f, 0, DATA, 1, RING_NEXT, 0);
	ring_offer(&f->ring, 0);
}

static void lie_chain_is_a_circle(struct fixture *f)
{
	for (uint16_t i = 0; i < SIZE; i++)
		put(f, i, DATA, 1, RING_NEXT, (i + 1) % SIZE);
	ring_offer(&f->ring, 3);
}

static void lie_length_is_zero(struct fixture *f)
{
	ring_offer_one(&f->ring, 0, DATA, 0, 0);
}

static void lie_later_length_is_zero(struct fixture *f)
{
	put(f, 0, DATA, 1, RING_NEXT, 1);
	put(f, 1, DATA, 0, RING_WRITE, 0);
	ring_offer(&f->ring, 0);
}

static void lie_readable_follows_writable(struct fixture *f)
{
	put(f, 0, DATA, 1, RING_NEXT | RING_WRITE, 1);
	put(f, 1, DATA, 1, 0, 0);
	ring_offer(&f->ring, 0);
}

static void lie_address_is_below_memory(struct fixture *f)
{
	ring_offer_one(&f->ring, 0, GUEST_BASE - 1, 2, 0);
}

static void lie_address_is_at_the_end(struct fixture *f)
{
	ring_offer_one(&f->ring, 0, GUEST_BASE + GUEST_SIZE, 1, 0);
}

static void lie_length_leaves_memory(struct fixture *f)
{
	ring_offer_one(&f->ring, 0, GUEST_BASE + GUEST_SIZE - 4, 5, 0);
}

static void lie_length_is_huge(struct fixture *f)
{
	ring_offer_one(&f->ring, 0, DATA, UINT32_MAX, RING_WRITE);
}

static void lie_address_wraps(struct fixture *f)
{
	ring_offer_one(&f->ring, 0, UINT64_MAX - 3, 8, 0);
}

static void lie_writes_read_only_memory(struct fixture *f)
{
	f->guest.ranges[0].size = DATA - GUEST_BASE;
	guest_map(&f->guest, DATA, 0x1000, RIG_DMA_READ);
	ring_offer_one(&f->ring, 0, DATA, 1, RING_WRITE);
}

static void lie_memory_is_not_shared(struct fixture *f)
{
	f->guest.ranges[0].size = DATA - GUEST_BASE;
	guest_map(&f->guest, DATA, 0x1000, GUEST_RW);
	f->guest.ranges[1].shared = false;
	ring_offer_one(&f->ring, 0, DATA, 1, RING_WRITE);
}

static void indirect(struct fixture *f, uint64_t addr, uint32_t len, uint16_t flags)
{
	put_indirect(f, 0, DATA, 1, 0, 0);
	ring_offer_one(&f->ring, 0, addr, len, RING_INDIRECT | flags);
}

static void lie_indirect_was_not_negotiated(struct fixture *f)
{
	struct vq_setup setup = setup_of(&f->ring);

	setup.indirect_desc = false;
	assert_int_equal(vq_enable(&f->vq, &setup), 0);
	indirect(f, TABLE, 16, 0);
}

static void lie_indirect_has_a_next(struct fixture *f)
{
	indirect(f, TABLE, 16, RING_NEXT);
}

static void lie_indirect_length_is_zero(struct fixture *f)
{
	indirect(f, TABLE, 0, 0);
}

static void lie_indirect_length_is_one_short(struct fixture *f)
{
	indirect(f, TABLE, 15, 0);
}

static void lie_indirect_length_is_one_long(struct fixture *f)
{
	indirect(f, TABLE, 17, 0);
}

static void lie_indirect_is_longer_than_the_ring(struct fixture *f)
{
	indirect(f, TABLE, 16 * (SIZE + 1), 0);
}

static void lie_indirect_length_is_huge(struct fixture *f)
{
	indirect(f, TABLE, 0xfffffff0, 0);
}

static void lie_indirect_table_is_outside(struct fixture *f)
{
	indirect(f, 0, 16, 0);
}

static void lie_indirect_table_wraps(struct fixture *f)
{
	indirect(f, UINT64_MAX - 7, 16, 0);
}

static void lie_indirect_holds_indirect(struct fixture *f)
{
	put_indirect(f, 0, TABLE, 16, RING_INDIRECT, 0);
	ring_offer_one(&f->ring, 0, TABLE, 16, RING_INDIRECT);
}

static void lie_indirect_next_is_out_of_its_table(struct fixture *f)
{
	put_indirect(f, 0, DATA, 1, RING_NEXT, 2);
	put_indirect(f, 2, DATA, 1, 0, 0);
	ring_offer_one(&f->ring, 0, TABLE, 32, RING_INDIRECT);
}

static void lie_indirect_table_is_a_circle(struct fixture *f)
{
	put_indirect(f, 0, DATA, 1, RING_NEXT, 1);
	put_indirect(f, 1, DATA, 1, RING_NEXT, 0);
	ring_offer_one(&f->ring, 0, TABLE, 32, RING_INDIRECT);
}

static void lie_more_segments_than_the_device_takes(struct fixture *f)
{
	start(f, 2 * VQ_CHAIN_IOV, true);
	for (uint16_t i = 0; i <= VQ_CHAIN_IOV; i++)
		put(f, i, DATA + i, 1, i < VQ_CHAIN_IOV ? RING_NEXT : 0, i + 1);
	ring_offer(&f->ring, 0);
}

static const struct lie {
	const char *name;
	void (*tell)(struct fixture *f);
	int error;
	const char *why; /* part of the reason given */
} lies[] = {
	{ "head is the size", lie_head_is_the_size, -EPROTO, "head of" },
	{ "head is huge", lie_head_is_huge, -EPROTO, "head of" },
	{ "index is one too far", lie_index_is_one_too_far, -EPROTO, "further ahead" },
	{ "index is behind", lie_index_is_behind, -EPROTO, "further ahead" },
	{ "next is the size", lie_next_is_the_size, -EPROTO, "next descriptor" },
	{ "next is huge", lie_next_is_huge, -EPROTO, "next descriptor" },
	{ "next is itself", lie_next_is_itself, -EPROTO, "loops" },
	{ "chain is a circle", lie_chain_is_a_circle, -EPROTO, "loops" },
	{ "length is zero", lie_length_is_zero, -EPROTO, "zero length" },
	{ "later length is zero", lie_later_length_is_zero, -EPROTO, "zero length" },
	{ "readable follows writable", lie_readable_follows_writable, -EPROTO, "readable" },
	{ "address is below memory", lie_address_is_below_memory, -EFAULT, "outside" },
	{ "address is at the end", lie_address_is_at_the_end, -EFAULT, "outside" },
	{ "length leaves memory", lie_length_leaves_memory, -EFAULT, "outside" },
	{ "length is huge", lie_length_is_huge, -EFAULT, "outside" },
	{ "address wraps", lie_address_wraps, -EFAULT, "outside" },
	{ "writes read-only memory", lie_writes_read_only_memory, -EACCES, "may not" },
	{ "memory is not shared", lie_memory_is_not_shared, -EREMOTEIO, "share=on" },
	{ "indirect was not negotiated", lie_indirect_was_not_negotiated, -EPROTO, "negotiated" },
	{ "indirect has a next", lie_indirect_has_a_next, -EPROTO, "with a next" },
	{ "indirect length is zero", lie_indirect_length_is_zero, -EPROTO, "size of" },
	{ "indirect length is one short", lie_indirect_length_is_one_short, -EPROTO, "size of" },
	{ "indirect length is one long", lie_indirect_length_is_one_long, -EPROTO, "size of" },
	{ "indirect is longer than the ring", lie_indirect_is_longer_than_the_ring, -EPROTO,
	  "longer" },
	{ "indirect length is huge", lie_indirect_length_is_huge, -EPROTO, "longer" },
	{ "indirect table is outside", lie_indirect_table_is_outside, -EFAULT, "outside" },
	{ "indirect table wraps", lie_indirect_table_wraps, -EFAULT, "outside" },
	{ "indirect holds indirect", lie_indirect_holds_indirect, -EPROTO, "inside an" },
	{ "indirect next is out of its table", lie_indirect_next_is_out_of_its_table, -EPROTO,
	  "next descriptor" },
	{ "indirect table is a circle", lie_indirect_table_is_a_circle, -EPROTO, "loops" },
	{ "more segments than the device takes", lie_more_segments_than_the_device_takes, -ENOBUFS,
	  "more segments" },
};

static void each_lie_breaks_the_queue_until_it_is_reset(void **state)
{
	struct vq_chain chain;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct fixture *f;

		set_up((void **)&f);
		lies[i].tell(f);
		if (vq_pop(&f->vq, &chain) != lies[i].error)
			fail_msg("%s: broken is %d, not %d", lies[i].name, f->vq.broken,
				 lies[i].error);
		if (!strstr(f->vq.broken_reason, lies[i].why))
			fail_msg("%s: %s", lies[i].name, f->vq.broken_reason);

		/* sticky, and nothing of it reaches the guest */
		assert_int_equal(vq_pop(&f->vq, &chain), lies[i].error);
		assert_int_equal(vq_fill(&f->vq, 0, 0, 0), lies[i].error);
		assert_int_equal(vq_publish(&f->vq, 1), lies[i].error);
		assert_false(vq_has_work(&f->vq));
		assert_false(vq_enable_notify(&f->vq));
		assert_false(vq_wants_interrupt(&f->vq));
		assert_int_equal(ring_used_idx(&f->ring), 0);

		vq_reset(&f->vq);
		start(f, SIZE, true);
		ring_offer_one(&f->ring, 0, TABLE, 1, 0);
		assert_int_equal(vq_pop(&f->vq, &chain), 1);
		tear_down((void **)&f);
	}
	(void)state;
}

/* How a queue refuses to start: by one field of its registers. */
static void rings_that_cannot_be_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct vq_setup good = setup_of(&f->ring);
	const uint64_t end = GUEST_BASE + GUEST_SIZE;
	const struct {
		struct vq_setup setup;
		int error;
	} bad[] = {
		{ { 0, good.desc, good.driver, good.device }, -EINVAL },
		{ { 3, good.desc, good.driver, good.device }, -EINVAL },
		{ { 2 * VQ_SIZE_MAX, good.desc, good.driver, good.device }, -EINVAL },
		{ { SIZE, good.desc + 8, good.driver, good.device }, -EINVAL },
		{ { SIZE, good.desc, good.driver + 1, good.device }, -EINVAL },
		{ { SIZE, good.desc, good.driver, good.device + 2 }, -EINVAL },
		{ { SIZE, end - 16 * SIZE + 16, good.driver, good.device }, -EFAULT },
		{ { SIZE, good.desc, end - 6 - 2 * SIZE + 2, good.device }, -EFAULT },
		{ { SIZE, good.desc, good.driver, end - 6 - 8 * SIZE + 2 }, -EFAULT },
		{ { SIZE, 0, good.driver, good.device }, -EFAULT },
		{ { SIZE, UINT64_MAX - 15, good.driver, good.device }, -EFAULT },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (vq_enable(&f->vq, &bad[i].setup) != bad[i].error)
			fail_msg("setup %zu: broken is %d, not %d", i, f->vq.broken, bad[i].error);
		assert_non_null(f->vq.broken_reason);
	}
	assert_int_equal(vq_enable(&f->vq, &good), 0);
}

static void rings_up_to_the_last_byte_of_memory_are_accepted(void **state)
{
	struct fixture *f = *state;
	struct vq_setup setup = setup_of(&f->ring);
	const uint64_t end = GUEST_BASE + GUEST_SIZE;

	setup.desc = end - 16 * SIZE;
	assert_int_equal(vq_enable(&f->vq, &setup), 0);
	setup.desc = GUEST_BASE;
	setup.driver = end - 6 - 2 * SIZE;
	assert_int_equal(vq_enable(&f->vq, &setup), 0);
	setup.driver = GUEST_BASE;
	setup.device = end - 8 - 8 * SIZE; /* 6 would do, but for its alignment */
	assert_int_equal(vq_enable(&f->vq, &setup), 0);
}

static void a_ring_in_two_mappings_is_refused(void **state)
{
	struct fixture *f = *state;
	struct vq_setup setup = setup_of(&f->ring);

	split_at(f, RING + 16);
	assert_int_equal(vq_enable(&f->vq, &setup), -EPROTO);
}

static void a_used_ring_in_read_only_memory_is_refused(void **state)
{
	struct fixture *f = *state;
	struct vq_setup setup = setup_of(&f->ring);

	f->guest.ranges[0].prot = RIG_DMA_READ;
	assert_int_equal(vq_enable(&f->vq, &setup), -EACCES);
}

static void rings_in_memory_that_is_not_shared_are_refused_with_advice(void **state)
{
	struct fixture *f = *state;
	struct vq_setup setup = setup_of(&f->ring);

	f->guest.ranges[0].shared = false;
	assert_int_equal(vq_enable(&f->vq, &setup), -EREMOTEIO);
	assert_non_null(strstr(f->vq.broken_reason, "memory-backend-memfd,share=on"));
}

static void rings_at_an_odd_place_of_the_clients_file_are_refused(void **state)
{
	struct fixture *f = *state;
	struct vq_setup setup = setup_of(&f->ring);

	f->guest.ranges[0].skew = 1;
	assert_int_equal(vq_enable(&f->vq, &setup), -EPROTO);
}

/*
 * Memory that comes and goes
 */

static void a_queue_whose_rings_are_unmapped_waits_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	ring_offer_one(&f->ring, 0, DATA, 1, 0);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	use(f, 0, 0);
	ring_offer_one(&f->ring, 1, DATA, 1, 0);

	f->guest.n_ranges = 0;
	vq_memory_changed(&f->vq);
	assert_true(vq_suspended(&f->vq));
	assert_false(vq_has_work(&f->vq));
	assert_int_equal(vq_pop(&f->vq, &chain), 0);
	assert_int_equal(vq_fill(&f->vq, 0, 0, 0), -EAGAIN);
	assert_false(vq_enable_notify(&f->vq));

	guest_map(&f->guest, GUEST_BASE, GUEST_SIZE, GUEST_RW);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_int_equal(chain.head, 1);
	assert_false(vq_suspended(&f->vq));
}

static void rings_are_found_where_memory_moved_to(void **state)
{
	struct fixture *f = *state;
	uint8_t *moved = aligned_alloc(4096, GUEST_SIZE);
	struct vq_chain chain;

	memcpy(moved, f->guest.memory, GUEST_SIZE);
	free(f->guest.memory);
	f->guest.memory = moved;
	vq_memory_changed(&f->vq);
	ring_offer_one(&f->ring, 0, DATA, 1, 0);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_ptr_equal(chain.iov[0].iov_base, guest_at(&f->guest, DATA));
}

/*
 * Notifications
 */

static void flags_mode_says_when_kicks_are_wanted(void **state)
{
	struct fixture *f = *state;

	start(f, SIZE, false);
	assert_true(ring_offer_one(&f->ring, 0, DATA, 1, 0));
	vq_disable_notify(&f->vq);
	assert_false(ring_offer_one(&f->ring, 1, DATA, 1, 0));
	assert_true(vq_enable_notify(&f->vq));
	assert_true(ring_offer_one(&f->ring, 2, DATA, 1, 0));
}

static void flags_mode_interrupts_unless_told_not_to(void **state)
{
	struct fixture *f = *state;

	start(f, SIZE, false);
	use(f, 0, 0);
	assert_true(vq_wants_interrupt(&f->vq));
	ring_set_avail_flags(&f->ring, 1);
	use(f, 0, 0);
	assert_false(vq_wants_interrupt(&f->vq));
	ring_set_avail_flags(&f->ring, 0);
	assert_false(vq_wants_interrupt(&f->vq)); /* nothing new */
}

static void a_sleeping_device_is_kicked_for_the_first_chain_only(void **state)
{
	struct fixture *f = *state;
	struct vq_chain chain;

	assert_true(ring_offer_one(&f->ring, 0, DATA, 1, 0)); /* avail_event starts at 0 */
	assert_false(ring_offer_one(&f->ring, 1, DATA, 1, 0));
	vq_disable_notify(&f->vq);
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_true(vq_enable_notify(&f->vq)); /* one is left */
	assert_int_equal(vq_pop(&f->vq, &chain), 1);
	assert_false(vq_enable_notify(&f->vq));
	assert_true(ring_offer_one(&f->ring, 2, DATA, 1, 0));
	assert_false(ring_offer_one(&f->ring, 3, DATA, 1, 0));
}

static void the_driver_is_interrupted_when_its_event_is_passed(void **state)
{
	struct fixture *f = *state;

	ring_set_used_event(&f->ring, 2);
	use(f, 0, 0);
	assert_false(vq_wants_interrupt(&f->vq));
	use(f, 1, 0);
	assert_false(vq_wants_interrupt(&f->vq));
	use(f, 2, 0);
	assert_true(vq_wants_interrupt(&f->vq));
	assert_false(vq_wants_interrupt(&f->vq));
	use(f, 3, 0);
	assert_false(vq_wants_interrupt(&f->vq));
}

static void a_batch_that_jumps_over_the_event_interrupts_once(void **state)
{
	struct fixture *f = *state;

	ring_set_used_event(&f->ring, 1);
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(vq_fill(&f->vq, i, 0, i), 0);
	assert_int_equal(vq_publish(&f->vq, 4), 0);
	assert_true(vq_wants_interrupt(&f->vq));
	assert_false(vq_wants_interrupt(&f->vq));
}

/* 65536 elements later the index is what it was: not asked meanwhile, the device must interrupt to
 * be safe. */
static void an_index_that_went_round_unasked_interrupts(void **state)
{
	struct fixture *f = *state;

	ring_set_used_event(&f->ring, 5);
	use(f, 0, 0);
	assert_false(vq_wants_interrupt(&f->vq));
	for (unsigned int i = 0; i < 65536; i++)
		use(f, 0, 0);
	assert_true(vq_wants_interrupt(&f->vq));
	assert_false(vq_wants_interrupt(&f->vq));
}

/*
 * Random traffic against an oracle that counts in 64 bits and so never wraps
 */

struct oracle {
	uint64_t offered, popped, published;
	uint64_t asked;	     /* published when the device last asked about an interrupt */
	uint64_t used_event; /* interrupt once this element, from 0, is out */
	uint64_t avail_event;
};

static void walk_offer(struct fixture *f, struct oracle *o, uint64_t *seed)
{
	uint16_t i = (uint16_t)(o->offered % SIZE);
	uint32_t len = 1 + test_random(seed) % 100;
	bool write = test_random(seed) & 1, kick;

	if (o->offered - o->published == SIZE)
		return;
	/* the descriptor tells its number by its address */
	kick = ring_offer_one(&f->ring, i, DATA + 128 * (o->offered % 1000), len,
			      write ? RING_WRITE : 0);
	assert_int_equal(kick, o->avail_event == o->offered);
	o->offered++;
}

static void walk_pop(struct fixture *f, struct oracle *o)
{
	struct vq_chain chain;
	int r = vq_pop(&f->vq, &chain);

	assert_int_equal(r, o->popped < o->offered);
	if (r == 0)
		return;
	assert_int_equal(chain.head, o->popped % SIZE);
	assert_ptr_equal(chain.iov[0].iov_base,
			 guest_at(&f->guest, DATA + 128 * (o->popped % 1000)));
	o->popped++;
}

static void walk_publish(struct fixture *f, struct oracle *o, uint16_t n)
{
	uint32_t id = 0, len = 0;

	if (n > o->popped - o->published)
		return;
	for (uint16_t i = 0; i < n; i++)
		assert_int_equal(vq_fill(&f->vq, (o->published + i) % SIZE, i, i), 0);
	assert_int_equal(vq_publish(&f->vq, n), 0);
	for (uint16_t i = 0; i < n; i++) {
		assert_true(ring_take(&f->ring, &id, &len));
		assert_int_equal(id, (o->published + i) % SIZE);
		assert_int_equal(len, i);
	}
	assert_false(ring_take(&f->ring, &id, &len));
	o->published += n;
}

static void walk_ask(struct fixture *f, struct oracle *o)
{
	bool want = o->asked <= o->used_event && o->used_event < o->published;

	assert_int_equal(vq_wants_interrupt(&f->vq), want);
	o->asked = o->published;
}

static void random_traffic_goes_as_the_oracle_says(void **state)
{
	struct fixture *f = *state;
	struct oracle o = { 0 };
	uint64_t seed = 20260101;

	for (unsigned int step = 0; step < 1000000; step++) {
		switch (test_random(&seed) % 8) {
		case 0:
		case 1:
			walk_offer(f, &o, &seed);
			break;
		case 2:
		case 3:
			walk_pop(f, &o);
			break;
		case 4:
			walk_publish(f, &o, (uint16_t)(test_random(&seed) % 4));
			break;
		case 5:
			walk_ask(f, &o);
			break;
		case 6:
			o.used_event = o.asked + test_random(&seed) % 12;
			ring_set_used_event(&f->ring, (uint16_t)o.used_event);
			break;
		case 7:
			assert_int_equal(vq_enable_notify(&f->vq), o.popped < o.offered);
			o.avail_event = o.popped;
			break;
		}
	}
	assert_true(o.published > 2 * 65536); /* both indexes went round */
}

/* Whatever the ring holds, a pop ends, and what it returns is inside guest memory. */
static void random_rings_never_lead_outside_memory(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 7;

	for (unsigned int round = 0; round < 20000; round++) {
		struct vq_chain chain;

		start(f, SIZE, true);
		for (uint16_t i = 0; i < SIZE; i++) {
			put(f, i, GUEST_BASE + test_random(&seed) % (GUEST_SIZE + 64),
			    test_random(&seed) % 200, test_random(&seed) % 8,
			    test_random(&seed) % (SIZE + 1));
			put_indirect(f, i, GUEST_BASE + test_random(&seed) % GUEST_SIZE,
				     test_random(&seed) % 64, test_random(&seed) % 4,
				     test_random(&seed) % SIZE);
			if (test_random(&seed) % 4 == 0)
				put(f, i, TABLE, 16 * (test_random(&seed) % SIZE), RING_INDIRECT,
				    0);
			ring_offer(&f->ring, test_random(&seed) % SIZE);
		}
		while (vq_pop(&f->vq, &chain) == 1) {
			for (size_t i = 0; i < (size_t)chain.n_readable + chain.n_writable; i++) {
				uint8_t *at = chain.iov[i].iov_base;

				assert_true(at >= f->guest.memory);
				assert_true(at + chain.iov[i].iov_len <=
					    f->guest.memory + GUEST_SIZE);
			}
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_ring_gives_nothing),
		TEST(a_disabled_queue_gives_nothing),
		TEST(a_chain_has_its_readable_segments_before_its_writable_ones),
		TEST(a_chain_may_be_as_long_as_the_ring),
		TEST(an_indirect_table_may_be_as_long_as_the_ring),
		TEST(an_indirect_table_may_follow_normal_descriptors),
		TEST(the_write_flag_of_an_indirect_descriptor_is_ignored),
		TEST(a_segment_across_two_mappings_is_two_segments),
		TEST(an_indirect_table_across_two_mappings_is_followed),
		TEST(what_is_put_back_comes_again),
		TEST(filled_elements_are_seen_when_published_and_all_at_once),
		cmocka_unit_test(each_lie_breaks_the_queue_until_it_is_reset),
		TEST(rings_that_cannot_be_are_refused),
		TEST(rings_up_to_the_last_byte_of_memory_are_accepted),
		TEST(a_ring_in_two_mappings_is_refused),
		TEST(a_used_ring_in_read_only_memory_is_refused),
		TEST(rings_in_memory_that_is_not_shared_are_refused_with_advice),
		TEST(rings_at_an_odd_place_of_the_clients_file_are_refused),
		TEST(a_queue_whose_rings_are_unmapped_waits_and_goes_on),
		TEST(rings_are_found_where_memory_moved_to),
		TEST(flags_mode_says_when_kicks_are_wanted),
		TEST(flags_mode_interrupts_unless_told_not_to),
		TEST(a_sleeping_device_is_kicked_for_the_first_chain_only),
		TEST(the_driver_is_interrupted_when_its_event_is_passed),
		TEST(a_batch_that_jumps_over_the_event_interrupts_once),
		TEST(an_index_that_went_round_unasked_interrupts),
		TEST(random_traffic_goes_as_the_oracle_says),
		TEST(random_rings_never_lead_outside_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
