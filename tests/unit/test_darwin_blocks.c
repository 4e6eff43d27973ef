/* SPDX-License-Identifier: BSD-3-Clause */
/* test_darwin_blocks.c - real blocks on queues and over XPC's containers; needs clang -fblocks */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <Block.h>
#include <cmocka.h>

#include <xpc/xpc.h>

static dispatch_time_t in_a_minute(void)
{
	return dispatch_time(DISPATCH_TIME_NOW, 60 * (int64_t)NSEC_PER_SEC);
}

static void a_queued_block_keeps_what_it_captured(void **state)
{
	dispatch_queue_t queue = dispatch_queue_create("capture", NULL);
	dispatch_semaphore_t done = dispatch_semaphore_create(0);
	__block int sum = 0;

	for (int i = 1; i <= 100; i++) {
		dispatch_async(queue, ^{
		  sum += i;
		  dispatch_semaphore_signal(done);
		});
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(dispatch_semaphore_wait(done, in_a_minute()), 0);
	assert_int_equal(sum, 5050);
	dispatch_release(queue);
	dispatch_release(done);
}

static void what_a_sync_block_writes_is_there_after_it(void **state)
{
	dispatch_queue_t queue = dispatch_queue_create("sync", NULL);
	__block int value = 0;

	for (int i = 0; i < 100; i++) {
		dispatch_async(queue, ^{
		  value++;
		});
		dispatch_sync(queue, ^{
		  value++;
		});
		assert_int_equal(value, 2 * (i + 1));
	}
	dispatch_release(queue);
}

static void a_block_may_submit_blocks_and_release_its_queue(void **state)
{
	dispatch_queue_t queue = dispatch_queue_create("nested", NULL);
	dispatch_semaphore_t done = dispatch_semaphore_create(0);
	__block int order = 0;

	dispatch_async(queue, ^{
	  dispatch_async(queue, ^{
	    order = order * 10 + 2;
	    dispatch_semaphore_signal(done);
	  });
	  dispatch_release(queue);
	  order = order * 10 + 1;
	});
	assert_int_equal(dispatch_semaphore_wait(done, in_a_minute()), 0);
	assert_int_equal(order, 12);
	dispatch_release(done);
}

static void a_block_that_is_done_lets_go_of_the_blocks_in_it(void **state)
{
	dispatch_queue_t queue = dispatch_queue_create("handler", NULL);
	dispatch_semaphore_t done = dispatch_semaphore_create(0);
	__block int called_with = 0;
	void (^handler)(int) = Block_copy(^(int value) {
	  called_with = value;
	});

	dispatch_async(queue, ^{
	  handler(1000);
	  dispatch_semaphore_signal(done);
	});
	assert_int_equal(dispatch_semaphore_wait(done, in_a_minute()), 0);
	assert_int_equal(called_with, 1000);
	Block_release(handler);
	dispatch_release(queue);
	dispatch_release(done);
}

/* How the start of an interface is awaited by every program that has one. */
static void a_handler_tells_its_caller_by_a_semaphore_and_both_let_go(void **state)
{
	dispatch_queue_t queue = dispatch_queue_create("start", NULL);

	for (int i = 0; i < 2000; i++) {
		dispatch_semaphore_t started = dispatch_semaphore_create(0);
		__block uint64_t mtu = 0;
		void (^handler)(xpc_object_t) = ^(xpc_object_t params) {
		  mtu = xpc_dictionary_get_uint64(params, "mtu");
		  dispatch_semaphore_signal(started);
		};

		dispatch_async(queue, ^{
		  xpc_object_t params = xpc_dictionary_create_empty();

		  xpc_dictionary_set_uint64(params, "mtu", 1500);
		  handler(params);
		  xpc_release(params);
		});
		assert_int_equal(dispatch_semaphore_wait(started, in_a_minute()), 0);
		assert_int_equal(mtu, 1500);
		dispatch_release(started);
	}
	dispatch_release(queue);
}

static void blocks_of_a_concurrent_queue_wait_for_each_other(void **state)
{
	dispatch_queue_t queue = dispatch_queue_create("peers", DISPATCH_QUEUE_CONCURRENT);
	dispatch_semaphore_t first = dispatch_semaphore_create(0),
			     second = dispatch_semaphore_create(0);

	dispatch_async(queue, ^{
	  dispatch_semaphore_wait(first, DISPATCH_TIME_FOREVER);
	  dispatch_semaphore_signal(second);
	});
	dispatch_async(queue, ^{
	  dispatch_semaphore_signal(first);
	});
	assert_int_equal(dispatch_semaphore_wait(second, in_a_minute()), 0);
	dispatch_release(queue);
	dispatch_release(first);
	dispatch_release(second);
}

static void appliers_see_all_until_they_decline(void **state)
{
	xpc_object_t dictionary = xpc_dictionary_create_empty(), names = xpc_array_create_empty();
	__block uint64_t sum = 0;
	__block size_t last = 0;

	xpc_dictionary_set_uint64(dictionary, "a", 1);
	xpc_dictionary_set_string(dictionary, "b", "no number");
	xpc_dictionary_set_uint64(dictionary, "c", 2);
	assert_true(xpc_dictionary_apply(dictionary, ^bool(const char *key, xpc_object_t value) {
	  if (xpc_get_type(value) == XPC_TYPE_UINT64)
		  sum += xpc_uint64_get_value(value);
	  return true;
	}));
	assert_int_equal(sum, 3);
	for (int i = 0; i < 5; i++)
		xpc_array_append_value(names, xpc_dictionary_get_value(dictionary, "b"));
	assert_false(xpc_array_apply(names, ^bool(size_t index, xpc_object_t value) {
	  last = index;
	  return index != 2;
	}));
	assert_int_equal(last, 2);
	xpc_release(names);
	xpc_release(dictionary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queued_block_keeps_what_it_captured),
		cmocka_unit_test(what_a_sync_block_writes_is_there_after_it),
		cmocka_unit_test(a_block_may_submit_blocks_and_release_its_queue),
		cmocka_unit_test(a_block_that_is_done_lets_go_of_the_blocks_in_it),
		cmocka_unit_test(a_handler_tells_its_caller_by_a_semaphore_and_both_let_go),
		cmocka_unit_test(blocks_of_a_concurrent_queue_wait_for_each_other),
		cmocka_unit_test(appliers_see_all_until_they_decline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
