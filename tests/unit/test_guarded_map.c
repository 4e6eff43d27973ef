/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_guarded_map.c - truncate, then touch
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fds.h"
#include "sigbus.h"
#include "sys/guarded_map.h"

#define RW   (PROT_READ | PROT_WRITE)
#define PAGE ((uint64_t)4096)

static volatile char *bytes(struct guarded_map *map)
{
	return guarded_map_addr(map);
}

static void writes_are_shared_with_the_file(void **state)
{
	int fd = test_memfd(2 * PAGE);
	struct guarded_map *map;
	char c = 0;

	assert_int_equal(guarded_map_new(fd, PAGE - 1, 2, RW, &map), 0);
	bytes(map)[0] = 'a';
	bytes(map)[1] = 'b';
	assert_int_equal(pread(fd, &c, 1, PAGE), 1);
	assert_int_equal(c, 'b');
	guarded_map_free(map);
	close(fd);
}

static void what_is_no_memory_or_too_short_is_refused(void **state)
{
	struct guarded_map *map;
	int fd = test_memfd(PAGE), event = test_eventfd();

	assert_int_equal(guarded_map_new(event, 0, 1, RW, &map), -EINVAL);
	assert_int_equal(guarded_map_new(-1, 0, 1, RW, &map), -EBADF);
	assert_int_equal(guarded_map_new(fd, 0, 0, RW, &map), -EINVAL);
	assert_int_equal(guarded_map_new(fd, 0, PAGE + 1, RW, &map), -EINVAL);
	assert_int_equal(guarded_map_new(fd, 1, PAGE, RW, &map), -EINVAL);
	assert_int_equal(guarded_map_new(fd, UINT64_MAX, 1, RW, &map), -EINVAL);
	assert_int_equal(guarded_map_new(fd, 0, SIZE_MAX, RW, &map), -EINVAL);
	close(event);
	close(fd);
}

static void touching_truncated_memory_reads_zero_and_is_told(void **state)
{
	int fd = test_memfd(4 * PAGE);
	unsigned int losses = guarded_map_losses();
	struct guarded_map *map, *other;

	sigbus_give_back();
	assert_int_equal(guarded_map_new(fd, 0, 4 * PAGE, RW, &map), 0);
	assert_int_equal(guarded_map_new(fd, 0, PAGE, RW, &other), 0);
	bytes(map)[3 * PAGE] = 'x';
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_false(guarded_map_lost(map));

	assert_int_equal(bytes(map)[3 * PAGE], 0);
	bytes(map)[2 * PAGE] = 'y'; /* no second fault */
	assert_true(guarded_map_lost(map));
	assert_false(guarded_map_lost(other));
	assert_int_equal(guarded_map_losses(), losses + 1);

	guarded_map_free(map);
	guarded_map_free(other);
	close(fd);
}

static void a_freed_slot_forgets_that_its_memory_was_lost(void **state)
{
	int fd = test_memfd(PAGE);
	struct guarded_map *map;

	sigbus_give_back();
	assert_int_equal(guarded_map_new(fd, 0, PAGE, RW, &map), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	bytes(map)[0] = 1;
	guarded_map_free(map);

	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(guarded_map_new(fd, 0, PAGE, RW, &map), 0);
	assert_false(guarded_map_lost(map));
	guarded_map_free(map);
	close(fd);
}

static void *touch(void *opaque)
{
	*(volatile char *)opaque = 1;
	return NULL;
}

static void any_thread_may_fault_while_mappings_come_and_go(void **state)
{
	enum { N = 300 };
	struct guarded_map *maps[N];
	pthread_t threads[8];
	int fd = test_memfd(PAGE);

	sigbus_give_back();
	for (int i = 0; i < N; i++)
		assert_int_equal(guarded_map_new(fd, 0, PAGE, RW, &maps[i]), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, touch, guarded_map_addr(maps[i * 37]));
	for (int i = 290; i < N; i++)
		guarded_map_free(maps[i]);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_true(guarded_map_lost(maps[i * 37]));
	}
	assert_false(guarded_map_lost(maps[1]));
	for (int i = 0; i < 290; i++)
		guarded_map_free(maps[i]);
	close(fd);
}

/* The signal that ends a child which does this. */
static int signal_that_ends(void (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch_unguarded_memory(void)
{
	int fd = test_memfd(PAGE);
	volatile char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (ftruncate(fd, 0) == 0)
		p[0] = 1;
}

static void raise_sigbus(void)
{
	raise(SIGBUS);
}

static void a_sigbus_elsewhere_still_kills(void **state)
{
	sigbus_give_back();
	assert_int_equal(signal_that_ends(touch_unguarded_memory), SIGBUS);
	assert_int_equal(signal_that_ends(raise_sigbus), SIGBUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_are_shared_with_the_file),
		cmocka_unit_test(what_is_no_memory_or_too_short_is_refused),
		cmocka_unit_test(touching_truncated_memory_reads_zero_and_is_told),
		cmocka_unit_test(a_freed_slot_forgets_that_its_memory_was_lost),
		cmocka_unit_test(any_thread_may_fault_while_mappings_come_and_go),
		cmocka_unit_test(a_sigbus_elsewhere_still_kills),
	};
	int before = fds_open();
	int failed;

	signal(SIGBUS, SIG_DFL); /* a sanitizer's handler would end the children another way */
	sigbus_remember();
	failed = cmocka_run_group_tests_name("guarded_map", tests, NULL, NULL);
	return failed ? failed : fds_open() != before;
}
