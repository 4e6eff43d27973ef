/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dma_threads.c - guest memory, used by threads while its owner maps and unmaps
 *
 * Each range has a file of its own whose content says which range it is: memory that is gone while
 * it is pinned ends the program, another range's is noticed. Rounds are bounded, and each removal
 * has to finish in time.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fds.h"
#include "vfio_user/dma.h"
#include <outrigger/server.h>

#define RW	 (RIG_DMA_READ | RIG_DMA_WRITE)
#define PAGE	 UINT64_C(4096)
#define RANGES	 40 /* more than one node of the tree */
#define THREADS	 3
#define ROUNDS	 6000
#define LIMIT_MS 20000

struct shared {
	struct dma_map *map;
	int released; /* eventfd */
	int memory[RANGES];
	atomic_bool stop;
	atomic_ulong pinned; /* successes, all threads */
};

struct user {
	pthread_t thread;
	struct shared *shared;
	unsigned int seed;
};

static void notify(void *opaque)
{
	uint64_t one = 1;

	assert_int_equal(write(((struct shared *)opaque)->released, &one, sizeof(one)),
			 sizeof(one));
}

static uint64_t address_of(size_t i)
{
	return (uint64_t)i * 2 * PAGE;
}

static int set_up(void **state)
{
	struct shared *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(dma_map_new(RANGES, &s->map), 0);
	s->released = test_eventfd();
	dma_map_set_notify(s->map, notify, s);
	for (uint64_t i = 0; i < RANGES; i++) {
		s->memory[i] = test_memfd(PAGE);
		assert_int_equal(pwrite(s->memory[i], &i, sizeof(i), 0), sizeof(i));
	}
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct shared *s = *state;

	dma_map_free(s->map);
	close(s->released);
	for (size_t i = 0; i < RANGES; i++)
		close(s->memory[i]);
	free(s);
	return 0;
}

static int add(struct shared *s, size_t i)
{
	return dma_map_add(s->map, address_of(i), PAGE, RW, 0, s->memory[i]);
}

static void wait_until_gone(struct shared *s)
{
	while (dma_map_reap(s->map, NULL, NULL) > 0) {
		struct pollfd p = { .fd = s->released, .events = POLLIN };

		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		eventfd_take(s->released);
	}
}

/* Pins are held for a while and given back in any order: some in slots, some counted. */
#define HELD 48

static void *use_at_random(void *opaque)
{
	struct user *u = opaque;
	struct shared *s = u->shared;
	struct rig_dma_seg held[HELD];
	size_t n = 0;

	while (!atomic_load(&s->stop)) {
		size_t i = (size_t)rand_r(&u->seed) % RANGES;
		uint64_t found;
		int r;

		if (n == HELD || (n > 0 && rand_r(&u->seed) % 2)) {
			size_t k = (size_t)rand_r(&u->seed) % n;

			memcpy(&found, held[k].host, sizeof(found));
			assert_int_equal(address_of(found), held[k].address);
			dma_map_unpin(s->map, &held[k], 1);
			held[k] = held[--n];
			continue;
		}
		r = dma_map_pin(s->map, address_of(i), 8, RIG_DMA_READ, &held[n], 1);
		assert_true(r == 1 || r == -EFAULT);
		if (r == 1) {
			n++;
			atomic_fetch_add(&s->pinned, 1);
		}
	}
	dma_map_unpin(s->map, held, n);
	return NULL;
}

static void start(struct user *users, struct shared *s, void *(*function)(void *))
{
	for (unsigned int i = 0; i < THREADS; i++) {
		users[i] = (struct user) { .shared = s, .seed = i + 1 };
		assert_int_equal(pthread_create(&users[i].thread, NULL, function, &users[i]), 0);
	}
}

static void end(struct user *users, struct shared *s)
{
	atomic_store(&s->stop, true);
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(users[i].thread, NULL), 0);
}

static void pinned_memory_stays_while_ranges_come_and_go(void **state)
{
	struct shared *s = *state;
	struct user users[THREADS];

	start(users, s, use_at_random);
	srand(6);
	for (int round = 0; round < ROUNDS; round++) {
		size_t i = (size_t)rand() % RANGES;
		int r = dma_map_remove_begin(s->map, address_of(i), PAGE);

		if (r == -ENOENT) {
			r = add(s, i);
			assert_true(r == 0 || r == -EEXIST);
		} else {
			assert_true(r == 0 || r == -EINPROGRESS);
		}
		if (round % 8 == 0)
			dma_map_reap(s->map, NULL, NULL);
		if (round % 500 == 0) {
			dma_map_remove_all(s->map);
			wait_until_gone(s);
			assert_null(dma_map_first(s->map));
		}
	}
	/* Few or no pins may have met: the test is whether those that did were kept. */
	end(users, s);
	dma_map_remove_all(s->map);
	wait_until_gone(s);
	assert_true(atomic_load(&s->pinned) > 0);
}

/* More than a thread remembers, so that it looks into the tree; every other range comes and goes. */
#define STABLE	1500
#define LOOKUPS 500000u

static void *find_stable(void *opaque)
{
	struct user *u = opaque;
	struct rig_dma_seg seg;

	while (!atomic_load(&u->shared->stop)) {
		uint64_t i = (uint64_t)rand_r(&u->seed) % STABLE;

		/* Found, but not in shared memory. */
		assert_int_equal(dma_map_pin(u->shared->map, i * 2 * PAGE, 8, RW, &seg, 1),
				 -EREMOTEIO);
		atomic_fetch_add(&u->shared->pinned, 1);
	}
	return NULL;
}

static void what_stays_mapped_is_always_found(void **state)
{
	struct shared s = { .released = -1 };
	struct user users[THREADS];

	assert_int_equal(dma_map_new(2 * STABLE, &s.map), 0);
	for (uint64_t i = 0; i < STABLE; i++)
		assert_int_equal(dma_map_add(s.map, i * 2 * PAGE, PAGE, RW, 0, -1), 0);
	start(users, &s, find_stable);
	srand(7);
	for (int round = 0; atomic_load(&s.pinned) < LOOKUPS; round++) {
		uint64_t address = ((uint64_t)rand() % STABLE * 2 + 1) * PAGE;

		if (dma_map_remove_begin(s.map, address, PAGE) == -ENOENT)
			(void)dma_map_add(s.map, address, PAGE, RW, 0, -1);
		if (round % 64 == 0)
			dma_map_reap(s.map, NULL, NULL);
	}
	end(users, &s);
	dma_map_free(s.map);
}

/* Whoever wants the one range has it for a moment only, so its removal always finishes. */
static void *use_one_range(void *opaque)
{
	struct user *u = opaque;
	struct shared *s = u->shared;
	struct rig_dma_seg seg;

	while (!atomic_load(&s->stop)) {
		if (dma_map_pin(s->map, address_of(0), 8, RIG_DMA_READ, &seg, 1) != 1)
			continue;
		assert_int_equal(*(volatile uint64_t *)seg.host, 0);
		dma_map_unpin(s->map, &seg, 1);
		atomic_fetch_add(&s->pinned, 1);
	}
	return NULL;
}

static void a_range_that_all_use_can_be_removed(void **state)
{
	struct shared *s = *state;
	struct user users[THREADS];

	start(users, s, use_one_range);
	for (int round = 0; round < ROUNDS / 4; round++) {
		assert_int_equal(add(s, 0), 0);
		if (round % 16 == 0)
			usleep(100);
		dma_map_remove_begin(s->map, address_of(0), PAGE);
		wait_until_gone(s);
	}
	end(users, s);
}

/* Most threads that ever lived are gone; each leaves a pin for its successor to give back. */
static void *pin_and_end(void *opaque)
{
	struct shared *s = ((struct user *)opaque)->shared;
	static struct rig_dma_seg left; /* threads come one after the other */
	static bool is_left;

	if (is_left)
		dma_map_unpin(s->map, &left, 1);
	is_left = !is_left;
	if (is_left)
		assert_int_equal(dma_map_pin(s->map, 0, 8, RIG_DMA_READ, &left, 1), 1);
	return NULL;
}

static void threads_come_and_go(void **state)
{
	struct shared *s = *state;

	for (int round = 0; round < 100; round++) {
		struct user u = { .shared = s };

		if (round % 2 == 0)
			assert_int_equal(add(s, 0), 0);
		assert_int_equal(pthread_create(&u.thread, NULL, pin_and_end, &u), 0);
		assert_int_equal(pthread_join(u.thread, NULL), 0);
		assert_int_equal(dma_map_remove_begin(s->map, 0, PAGE),
				 round % 2 == 0 ? -EINPROGRESS : -ENOENT);
		assert_int_equal(dma_map_reap(s->map, NULL, NULL), round % 2 == 0);
	}
}

/* Of a large range each thread writes each page, in an order of its own. */
#define PAGES 256

static void write_all_pages(struct user *u)
{
	struct rig_dma_seg seg;

	for (uint64_t i = 0; i < PAGES; i++) {
		uint64_t page = (i * 7 + u->seed * 31) % PAGES;

		if (dma_map_pin(u->shared->map, page * PAGE, 8, RW, &seg, 1) == 1)
			dma_map_unpin(u->shared->map, &seg, 1);
	}
}

/* Of a small one, with a single word of bits, a few pages each; again and again. */
#define OWN_PAGES 20u
#define BURSTS	  3000u

static atomic_uint marked[THREADS];   /* bursts */
static atomic_uint reported[THREADS]; /* bursts that the owner heard of */

static void *mark_own_pages(void *opaque)
{
	struct user *u = opaque;
	unsigned int me = u->seed - 1;

	for (unsigned int i = 1; i <= BURSTS; i++) {
		for (uint64_t page = 0; page < OWN_PAGES; page++)
			dma_mark_dirty(u->shared->map, (me * OWN_PAGES + page) * PAGE, 1);
		atomic_store(&marked[me], i);
		while (atomic_load(&reported[me]) != i && !atomic_load(&u->shared->stop))
			sched_yield();
	}
	return NULL;
}

/* What was marked before a report is in it, or in an earlier one. Return: was this the last? */
static bool hear_of_marks(struct shared *s, uint64_t *heard)
{
	unsigned int before[THREADS], done = 0;
	uint64_t word = 0;

	for (unsigned int i = 0; i < THREADS; i++)
		before[i] = atomic_load(&marked[i]);
	assert_int_equal(dma_dirty_report(s->map, 0, 64 * PAGE, PAGE, &word, sizeof(word)), 0);
	*heard |= word;
	for (unsigned int i = 0; i < THREADS; i++) {
		uint64_t own = ((UINT64_C(1) << OWN_PAGES) - 1) << i * OWN_PAGES;

		if (before[i] != atomic_load(&reported[i])) {
			assert_true((*heard & own) == own);
			*heard &= ~own;
			atomic_store(&reported[i], before[i]);
		}
		done += before[i] == BURSTS;
	}
	return done == THREADS;
}

static void no_written_page_is_lost_between_reports(void **state)
{
	struct shared *s = *state;
	struct user users[THREADS];
	uint64_t heard = 0;
	int fd = test_memfd(64 * PAGE);

	assert_int_equal(dma_map_add(s->map, 0, 64 * PAGE, RW, 0, fd), 0);
	close(fd);
	assert_int_equal(dma_dirty_start(s->map, PAGE), 0);
	start(users, s, mark_own_pages);
	while (!hear_of_marks(s, &heard))
		;
	end(users, s);
}

/* Logging comes and goes, and with it the bitmap of the large range, while threads mark in it. */
static void *write_until_stopped(void *opaque)
{
	struct user *u = opaque;

	while (!atomic_load(&u->shared->stop))
		write_all_pages(u);
	return NULL;
}

static void logging_can_stop_while_pages_are_written(void **state)
{
	struct shared *s = *state;
	struct user users[THREADS];
	int fd = test_memfd(PAGES * PAGE);

	start(users, s, write_until_stopped);
	for (int round = 0; round < ROUNDS / 4; round++) {
		uint64_t words[4];

		if (round % 4 == 0)
			assert_int_equal(dma_map_add(s->map, 0, PAGES * PAGE, RW, 0, fd), 0);
		assert_int_equal(dma_dirty_start(s->map, PAGE), 0);
		assert_int_equal(
			dma_dirty_report(s->map, 0, PAGES * PAGE, PAGE, words, sizeof(words)), 0);
		assert_int_equal(dma_dirty_stop(s->map), 0);
		if (round % 4 == 3) {
			dma_map_remove_all(s->map);
			wait_until_gone(s);
		}
	}
	end(users, s);
	close(fd);
}

/* Threads let go of what they hold while the owner gives up the map: one of all these frees it. */
struct leaver {
	pthread_t thread;
	struct dma_map *map;
	pthread_barrier_t *ready;
	struct rig_dma_seg held[HELD];
};

static void *let_go(void *opaque)
{
	struct leaver *l = opaque;

	for (size_t i = 0; i < HELD; i++)
		assert_int_equal(dma_map_pin(l->map, address_of(i % RANGES), 8, RW, &l->held[i], 1),
				 1);
	pthread_barrier_wait(l->ready);
	for (size_t i = 0; i < HELD; i++) {
		*(volatile uint64_t *)l->held[i].host; /* still there */
		dma_map_unpin(l->map, &l->held[i], 1);
	}
	return NULL;
}

static void count_gone(void *opaque)
{
	atomic_fetch_add((atomic_int *)opaque, 1);
}

static void a_map_goes_once_with_whoever_uses_it_last(void **state)
{
	struct shared *s = *state;
	struct leaver leavers[THREADS];
	pthread_barrier_t ready;
	atomic_int gone = 0;

	pthread_barrier_init(&ready, NULL, THREADS + 1);
	for (int round = 0; round < 200; round++) {
		struct shared one = *s;

		assert_int_equal(dma_map_new(RANGES, &one.map), 0);
		dma_map_set_gone(one.map, count_gone, &gone);
		for (size_t i = 0; i < RANGES; i++)
			assert_int_equal(add(&one, i), 0);
		for (size_t i = 0; i < THREADS; i++) {
			leavers[i].map = one.map;
			leavers[i].ready = &ready;
			assert_int_equal(
				pthread_create(&leavers[i].thread, NULL, let_go, &leavers[i]), 0);
		}
		pthread_barrier_wait(&ready);
		dma_map_free(one.map);
		for (size_t i = 0; i < THREADS; i++)
			assert_int_equal(pthread_join(leavers[i].thread, NULL), 0);
		assert_int_equal(atomic_load(&gone), round + 1);
	}
	pthread_barrier_destroy(&ready);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(pinned_memory_stays_while_ranges_come_and_go),
		test(what_stays_mapped_is_always_found),
		test(a_range_that_all_use_can_be_removed),
		test(threads_come_and_go),
		test(no_written_page_is_lost_between_reports),
		test(logging_can_stop_while_pages_are_written),
		test(a_map_goes_once_with_whoever_uses_it_last),
	};
	int before = fds_open();
	int failed = cmocka_run_group_tests_name("dma_threads", tests, NULL, NULL);

	return failed ? failed : fds_open() != before;
}
