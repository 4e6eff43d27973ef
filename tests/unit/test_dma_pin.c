/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dma_pin.c - guest memory in use: what a pin keeps, and what a removal waits for
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fds.h"
#include "vfio_user/dma.h"
#include <outrigger/server.h>

#define RW   (RIG_DMA_READ | RIG_DMA_WRITE)
#define PAGE UINT64_C(4096)

struct fixture {
	struct dma_map *map;
	int notified;
	size_t gone; /* ranges */
	uint64_t gone_address, gone_size;
};

static void count_notify(void *opaque)
{
	((struct fixture *)opaque)->notified++;
}

static void note_gone(void *opaque, uint64_t address, uint64_t size)
{
	struct fixture *f = opaque;

	f->gone++;
	f->gone_address = address;
	f->gone_size = size;
}

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	assert_int_equal(dma_map_new(1024, &f->map), 0);
	dma_map_set_notify(f->map, count_notify, f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	dma_map_free(f->map);
	test_free(f);
	return 0;
}

static size_t reap(struct fixture *f)
{
	return dma_map_reap(f->map, note_gone, f);
}

/* A range with a file of its own: what nobody keeps mapped, is not. */
static void add(struct fixture *f, uint64_t address, uint64_t size, uint32_t flags)
{
	int fd = test_memfd(size);

	assert_int_equal(dma_map_add(f->map, address, size, flags, 0, fd), 0);
	close(fd);
}

static struct rig_dma_seg pin(struct fixture *f, uint64_t address)
{
	struct rig_dma_seg seg;

	assert_int_equal(dma_map_pin(f->map, address, 8, RW, &seg, 1), 1);
	return seg;
}

static bool is_mapped(void *address)
{
	return msync((void *)((uintptr_t)address & ~(PAGE - 1)), PAGE, MS_ASYNC) == 0;
}

static void what_is_pinned_stays_until_it_is_unpinned(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg seg, other;

	add(f, PAGE, PAGE, RW);
	seg = pin(f, PAGE + 16);
	assert_int_equal(dma_map_remove_begin(f->map, PAGE, PAGE), -EINPROGRESS);
	assert_int_equal(reap(f), 1);
	assert_true(is_mapped(seg.host));
	memset(seg.host, 0xaa, seg.len);

	/* Nobody else finds it, and nothing else gets its place. */
	assert_int_equal(dma_map_pin(f->map, PAGE, 8, RW, &other, 1), -EFAULT);
	assert_null(dma_map_find(f->map, PAGE));
	assert_null(dma_map_first(f->map));
	assert_int_equal(dma_map_remove_begin(f->map, PAGE, PAGE), -ENOENT);
	assert_non_null(dma_map_overlap(f->map, 0, 3 * PAGE));
	assert_int_equal(dma_map_add(f->map, 0, 2 * PAGE, RW, 0, -1), -EEXIST);

	assert_int_equal(f->notified, 0);
	dma_map_unpin(f->map, &seg, 1);
	assert_int_equal(f->notified, 1);
	assert_int_equal(reap(f), 0);
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->gone_address, PAGE);
	assert_int_equal(f->gone_size, PAGE);
	assert_false(is_mapped(seg.host));
	assert_int_equal(dma_map_add(f->map, 0, 2 * PAGE, RW, 0, -1), 0);
}

static void who_is_not_awaited_notifies_nobody(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg seg;

	add(f, 0, PAGE, RW);
	seg = pin(f, 0);
	dma_map_unpin(f->map, &seg, 1);
	assert_int_equal(dma_map_remove_begin(f->map, 0, PAGE), 0);
	assert_int_equal(f->notified, 0);
	assert_int_equal(reap(f), 0);
	assert_int_equal(f->gone, 0);
}

static void a_pin_delays_the_removal_of_its_own_range_only(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg seg;

	add(f, 0, PAGE, RW);
	add(f, PAGE, PAGE, RW);
	seg = pin(f, 0);
	assert_int_equal(dma_map_remove_begin(f->map, 0, PAGE), -EINPROGRESS);
	assert_int_equal(dma_map_remove_begin(f->map, PAGE, PAGE), 0);
	dma_map_unpin(f->map, &seg, 1);
	assert_int_equal(reap(f), 0);
}

/* Far more than a thread has slots. Half of the pins are from before the removal began. */
static void the_last_of_many_pins_ends_the_removal(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg segs[100], other;
	const size_t n = sizeof(segs) / sizeof(segs[0]);

	add(f, 0, PAGE, RW);
	add(f, PAGE, PAGE, RW);
	for (size_t i = 0; i < n; i++)
		segs[i] = pin(f, 0);
	assert_int_equal(dma_map_remove_begin(f->map, 0, PAGE), -EINPROGRESS);
	other = pin(f, PAGE);
	srand(3);
	for (size_t left = n; left > 0; left--) {
		size_t i = (size_t)rand() % left;

		assert_int_equal(reap(f), 1);
		dma_map_unpin(f->map, &segs[i], 1);
		segs[i] = segs[left - 1];
	}
	assert_int_equal(reap(f), 0);
	assert_int_equal(f->gone, 1);
	assert_int_equal(dma_map_remove_begin(f->map, PAGE, PAGE), -EINPROGRESS);
	dma_map_unpin(f->map, &other, 1);
	assert_int_equal(reap(f), 0);
}

static void all_ranges_go_once_all_pins_went(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg segs[2];

	for (uint64_t i = 0; i < 8; i++)
		add(f, i * PAGE, PAGE, RW);
	segs[0] = pin(f, 2 * PAGE);
	segs[1] = pin(f, 5 * PAGE);
	assert_int_equal(dma_map_remove_all(f->map), -EINPROGRESS);
	assert_null(dma_map_first(f->map));
	assert_int_equal(reap(f), 2);
	dma_map_unpin(f->map, &segs[1], 1);
	assert_int_equal(reap(f), 1);
	assert_int_equal(f->gone_address, 5 * PAGE);
	assert_int_equal(dma_map_remove_all(f->map), -EINPROGRESS);
	dma_map_unpin(f->map, &segs[0], 1);
	assert_int_equal(reap(f), 0);
	assert_int_equal(f->gone, 2);
	assert_int_equal(dma_map_remove_all(f->map), 0);
}

static void count_gone(void *opaque)
{
	++*(int *)opaque;
}

static void a_map_that_is_freed_goes_with_its_last_pin(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg many[100], other;
	int gone = 0;

	dma_map_set_gone(f->map, count_gone, &gone);
	for (uint64_t i = 0; i < 3; i++)
		add(f, i * PAGE, PAGE, RW);
	for (size_t i = 0; i < 100; i++)
		many[i] = pin(f, 0);
	other = pin(f, PAGE);
	/* One of them was on its way already. */
	assert_int_equal(dma_map_remove_begin(f->map, PAGE, PAGE), -EINPROGRESS);
	dma_map_free(f->map);

	dma_map_unpin(f->map, many, 99);
	assert_true(is_mapped(many[99].host));
	memset(many[99].host, 0xaa, many[99].len);
	dma_map_unpin(f->map, &other, 1);
	assert_false(is_mapped(other.host));
	assert_int_equal(gone, 0);
	dma_map_unpin(f->map, &many[99], 1);
	assert_int_equal(gone, 1);
	assert_false(is_mapped(many[99].host));
	f->map = NULL;
}

static void a_map_without_pins_is_gone_when_it_is_freed(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg seg;
	int gone = 0;

	dma_map_set_gone(f->map, count_gone, &gone);
	add(f, 0, PAGE, RW);
	seg = pin(f, 0);
	assert_int_equal(dma_map_remove_begin(f->map, 0, PAGE), -EINPROGRESS);
	dma_map_unpin(f->map, &seg, 1); /* what nobody reaped */
	dma_map_free(f->map);
	assert_int_equal(gone, 1);
	f->map = NULL;
}

static void a_pin_across_ranges_has_a_segment_for_each(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg segs[3];

	add(f, 0, PAGE, RW);
	add(f, PAGE, 2 * PAGE, RIG_DMA_READ);
	add(f, 3 * PAGE, PAGE, RW);
	assert_int_equal(dma_map_pin(f->map, 100, 4 * PAGE - 200, RIG_DMA_READ, segs, 3), 3);
	assert_int_equal(segs[0].address, 100);
	assert_int_equal(segs[0].len, PAGE - 100);
	assert_int_equal(segs[1].address, PAGE);
	assert_int_equal(segs[1].len, 2 * PAGE);
	assert_int_equal(segs[2].address, 3 * PAGE);
	assert_int_equal(segs[2].len, PAGE - 100);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(segs[i].prot, RIG_DMA_READ);

	/* Given back one by one. */
	assert_int_equal(dma_map_remove_all(f->map), -EINPROGRESS);
	dma_map_unpin(f->map, &segs[1], 1);
	assert_int_equal(reap(f), 2);
	assert_int_equal(f->gone_address, PAGE);
	dma_map_unpin(f->map, &segs[2], 1);
	dma_map_unpin(f->map, &segs[0], 1);
	assert_int_equal(reap(f), 0);
}

static void a_pin_that_fails_pins_nothing(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg segs[4];

	add(f, 0, PAGE, RW);
	add(f, PAGE, PAGE, RIG_DMA_READ);
	add(f, 2 * PAGE, PAGE, RW);
	assert_int_equal(dma_map_add(f->map, 3 * PAGE, PAGE, RW, 0, -1), 0);
	assert_int_equal(dma_map_pin(f->map, 0, 2 * PAGE, RW, segs, 4), -EACCES);
	assert_int_equal(dma_map_pin(f->map, 0, 4 * PAGE, RIG_DMA_READ, segs, 4), -EREMOTEIO);
	assert_int_equal(dma_map_pin(f->map, 2 * PAGE, 3 * PAGE, RW, segs, 4), -EREMOTEIO);
	assert_int_equal(dma_map_pin(f->map, 0, 3 * PAGE, RIG_DMA_READ, segs, 2), -ENOBUFS);
	assert_int_equal(dma_map_pin(f->map, 0, 1, RIG_DMA_READ, segs, 0), -ENOBUFS);
	assert_int_equal(dma_map_pin(f->map, 8 * PAGE, 1, RIG_DMA_READ, segs, 4), -EFAULT);
	assert_int_equal(dma_map_pin(f->map, 8 * PAGE, 0, RIG_DMA_READ, segs, 4), 0);
	assert_int_equal(dma_map_remove_all(f->map), 0);
}

static void after_the_last_address_there_is_none(void **state)
{
	const uint64_t last = UINT64_MAX - PAGE + 1;
	struct fixture *f = *state;
	struct rig_dma_seg segs[2];

	add(f, 0, PAGE, RW);
	add(f, last, PAGE, RW);
	assert_int_equal(dma_map_pin(f->map, last, 2 * PAGE, RW, segs, 2), -EFAULT);
	assert_int_equal(dma_map_pin(f->map, last, PAGE, RW, segs, 2), 1);
	assert_int_equal(dma_map_remove_all(f->map), -EINPROGRESS);
	dma_map_unpin(f->map, segs, 1);
	assert_int_equal(reap(f), 0);
}

/* What a thread remembers is of another range by now: the same object, and the same page. */
static void what_was_remembered_is_looked_at_again(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg seg;

	for (uint64_t i = 0; i < 100; i++) {
		uint64_t address = i % 3 * PAGE;

		add(f, address, PAGE, RW);
		for (uint64_t page = 0; page < 3; page++) {
			int expected = page * PAGE == address ? 1 : -EFAULT;

			assert_int_equal(dma_map_pin(f->map, page * PAGE, 8, RW, &seg, 1),
					 expected);
			if (expected == 1)
				dma_map_unpin(f->map, &seg, 1);
		}
		assert_int_equal(dma_map_remove_begin(f->map, address, PAGE), 0);
	}
}

static void what_is_remembered_of_a_map_is_of_no_other(void **state)
{
	struct rig_dma_seg seg;

	for (int i = 0; i < 50; i++) {
		struct fixture f = { .notified = 0 };

		assert_int_equal(dma_map_new(4, &f.map), 0);
		assert_int_equal(dma_map_pin(f.map, 0, 8, RW, &seg, 1), -EFAULT);
		add(&f, 0, PAGE, RW);
		seg = pin(&f, 0);
		dma_map_unpin(f.map, &seg, 1);
		dma_map_free(f.map);
	}
}

struct other_thread {
	struct fixture *f;
	struct rig_dma_seg segs[40];
};

static void *pin_in_thread(void *opaque)
{
	struct other_thread *t = opaque;

	for (size_t i = 0; i < 40; i++)
		t->segs[i] = pin(t->f, 0);
	return NULL;
}

static void *unpin_in_thread(void *opaque)
{
	struct other_thread *t = opaque;

	dma_map_unpin(t->f->map, t->segs, 40);
	return NULL;
}

static void run_thread(void *(*function)(void *), struct other_thread *t)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, function, t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void pins_outlive_the_thread_that_made_them(void **state)
{
	struct other_thread first = { .f = *state }, second = { .f = *state };
	struct fixture *f = *state;

	add(f, 0, PAGE, RW);
	run_thread(pin_in_thread, &first);
	run_thread(pin_in_thread, &second); /* takes over what the first left */
	assert_int_equal(dma_map_remove_begin(f->map, 0, PAGE), -EINPROGRESS);
	run_thread(unpin_in_thread, &first);
	assert_int_equal(reap(f), 1);
	dma_map_unpin(f->map, second.segs, 40);
	assert_int_equal(reap(f), 0);
}

/* The dumb list: a page each, which is free, mapped or being removed, and how often it is pinned. */
#define PAGES 64
#define PINS  256

struct oracle {
	enum { FREE, LIVE, DYING } page[PAGES];
	size_t pins_of[PAGES];
	struct rig_dma_seg pins[PINS];
	size_t n_pins, n_dying;
};

static void oracle_add(struct fixture *f, struct oracle *o, size_t page)
{
	int expected = o->page[page] == FREE ? 0 : -EEXIST;
	int fd = test_memfd(PAGE);

	assert_int_equal(dma_map_add(f->map, page * PAGE, PAGE, RW, 0, fd), expected);
	close(fd);
	if (expected == 0)
		o->page[page] = LIVE;
}

static void oracle_remove(struct fixture *f, struct oracle *o, size_t page)
{
	int expected = o->page[page] != LIVE ? -ENOENT : o->pins_of[page] ? -EINPROGRESS : 0;

	assert_int_equal(dma_map_remove_begin(f->map, page * PAGE, PAGE), expected);
	if (expected == 0)
		o->page[page] = FREE;
	if (expected == -EINPROGRESS) {
		o->page[page] = DYING;
		o->n_dying++;
	}
}

static void oracle_pin(struct fixture *f, struct oracle *o, size_t page)
{
	int expected = o->page[page] == LIVE ? 1 : -EFAULT;

	if (o->n_pins == PINS)
		return;
	assert_int_equal(dma_map_pin(f->map, page * PAGE + 8, 8, RW, &o->pins[o->n_pins], 1),
			 expected);
	if (expected == 1) {
		o->n_pins++;
		o->pins_of[page]++;
	}
}

static void oracle_unpin(struct fixture *f, struct oracle *o)
{
	size_t i = o->n_pins ? (size_t)rand() % o->n_pins : 0, page;

	if (o->n_pins == 0)
		return;
	page = o->pins[i].address / PAGE;
	*(volatile char *)o->pins[i].host = 1;
	dma_map_unpin(f->map, &o->pins[i], 1);
	o->pins[i] = o->pins[--o->n_pins];
	if (--o->pins_of[page] == 0 && o->page[page] == DYING) {
		o->page[page] = FREE;
		o->n_dying--;
	}
	assert_int_equal(reap(f), o->n_dying);
}

static void random_pins_delay_what_a_dumb_list_says(void **state)
{
	static struct oracle o;
	struct fixture *f = *state;

	memset(&o, 0, sizeof(o));
	srand(4);
	for (int round = 0; round < 50000; round++) {
		size_t page = (size_t)rand() % PAGES;
		int what = rand() % 16;

		if (what < 2)
			oracle_remove(f, &o, page);
		else if (what < 6)
			oracle_add(f, &o, page);
		else if (what < 11)
			oracle_pin(f, &o, page);
		else
			oracle_unpin(f, &o);
	}
	while (o.n_pins > 0)
		oracle_unpin(f, &o);
	assert_int_equal(dma_map_remove_all(f->map), 0);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(what_is_pinned_stays_until_it_is_unpinned),
		test(who_is_not_awaited_notifies_nobody),
		test(a_pin_delays_the_removal_of_its_own_range_only),
		test(the_last_of_many_pins_ends_the_removal),
		test(all_ranges_go_once_all_pins_went),
		test(a_map_that_is_freed_goes_with_its_last_pin),
		test(a_map_without_pins_is_gone_when_it_is_freed),
		test(a_pin_across_ranges_has_a_segment_for_each),
		test(a_pin_that_fails_pins_nothing),
		test(after_the_last_address_there_is_none),
		test(what_was_remembered_is_looked_at_again),
		test(what_is_remembered_of_a_map_is_of_no_other),
		test(pins_outlive_the_thread_that_made_them),
		test(random_pins_delay_what_a_dumb_list_says),
	};
	int before = fds_open();
	int failed = cmocka_run_group_tests_name("dma_pin", tests, NULL, NULL);

	return failed ? failed : fds_open() != before;
}
