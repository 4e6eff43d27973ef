/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dispatch.c - queues of liboutrigger-darwin: order, threads, references
 *
 * Without blocks, so that each compiler runs it; cmocka is called from the main thread only.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <dispatch/dispatch.h>

#include "darwin/block.h"

#define SERIAL_MOST	512
#define CONCURRENT_MOST 64

static void take(dispatch_semaphore_t semaphore, int times)
{
	const dispatch_time_t deadline =
		dispatch_time(DISPATCH_TIME_NOW, 60 * (int64_t)NSEC_PER_SEC);

	for (int i = 0; i < times; i++)
		assert_int_equal(dispatch_semaphore_wait(semaphore, deadline), 0);
}

static void signal_it(void *semaphore)
{
	dispatch_semaphore_signal(semaphore);
}

/* ---- order ------------------------------------------------------------------------- */

struct record {
	int numbers[10000];
	int n;
	_Atomic(int) inside, most_inside;
	dispatch_semaphore_t done;
};

struct entry {
	struct record *record;
	int number;
};

static void enter(void *opaque)
{
	struct entry *entry = opaque;
	struct record *record = entry->record;
	int inside = ++record->inside;

	if (inside > record->most_inside)
		record->most_inside = inside;
	record->numbers[record->n++] = entry->number;
	record->inside--;
	free(entry);
}

static void submit_number(dispatch_queue_t queue, struct record *record, int number)
{
	struct entry *entry = malloc(sizeof(*entry));

	*entry = (struct entry) { record, number };
	dispatch_async_f(queue, entry, enter);
}

static void a_serial_queue_runs_one_at_a_time_in_the_order_of_submission(void **state)
{
	struct record *record = calloc(1, sizeof(*record));
	dispatch_queue_t queue = dispatch_queue_create("order", DISPATCH_QUEUE_SERIAL);

	record->done = dispatch_semaphore_create(0);
	for (int i = 0; i < 10000; i++)
		submit_number(queue, record, i);
	dispatch_async_f(queue, record->done, signal_it);
	take(record->done, 1);
	assert_int_equal(record->n, 10000);
	assert_int_equal(record->most_inside, 1);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(record->numbers[i], i);
	dispatch_release(queue);
	dispatch_release(record->done);
	free(record);
}

struct submitter {
	dispatch_queue_t queue;
	struct record *record;
	int first;
};

static void *submit_thousand(void *opaque)
{
	struct submitter *submitter = opaque;

	for (int i = 0; i < 1000; i++)
		submit_number(submitter->queue, submitter->record, submitter->first + i);
	return NULL;
}

static void what_one_thread_submits_keeps_its_order_among_others(void **state)
{
	struct record *record = calloc(1, sizeof(*record));
	dispatch_queue_t queue = dispatch_queue_create(NULL, NULL);
	struct submitter submitters[4];
	pthread_t threads[4];
	int next[4] = { 0 };

	record->done = dispatch_semaphore_create(0);
	for (int i = 0; i < 4; i++) {
		submitters[i] = (struct submitter) { queue, record, i * 1000 };
		assert_int_equal(pthread_create(&threads[i], NULL, submit_thousand, &submitters[i]),
				 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	dispatch_async_f(queue, record->done, signal_it);
	take(record->done, 1);
	assert_int_equal(record->n, 4000);
	assert_int_equal(record->most_inside, 1);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(record->numbers[i] % 1000, next[record->numbers[i] / 1000]++);
	dispatch_release(queue);
	dispatch_release(record->done);
	free(record);
}

/* ---- work from within work --------------------------------------------------------- */

struct nest {
	dispatch_queue_t queue;
	dispatch_semaphore_t done;
	int outer, inner;
};

static void inner(void *opaque)
{
	struct nest *nest = opaque;

	nest->inner = nest->outer + 1; /* 2 only after the outer has ended */
	dispatch_semaphore_signal(nest->done);
}

static void outer(void *opaque)
{
	struct nest *nest = opaque;

	dispatch_async_f(nest->queue, nest, inner);
	nest->outer = 1;
}

static void work_submitted_from_within_work_runs_after_it(void **state)
{
	struct nest nest = { .queue = dispatch_queue_create("nest", NULL),
			     .done = dispatch_semaphore_create(0) };

	dispatch_async_f(nest.queue, &nest, outer);
	take(nest.done, 1);
	assert_int_equal(nest.inner, 2);
	dispatch_release(nest.queue);
	dispatch_release(nest.done);
}

static void let_go(void *opaque)
{
	struct nest *nest = opaque;

	dispatch_release(nest->queue);
	dispatch_semaphore_signal(nest->done);
}

static void a_queue_can_be_released_from_within_its_own_work(void **state)
{
	struct nest nest = { .done = dispatch_semaphore_create(0) };

	for (int i = 0; i < 1000; i++) {
		nest.queue = dispatch_queue_create("own", i % 2 ? DISPATCH_QUEUE_CONCURRENT
								: DISPATCH_QUEUE_SERIAL);
		dispatch_async_f(nest.queue, &nest, let_go);
		take(nest.done, 1);
	}
	dispatch_release(nest.done);
}

/* ---- threads ----------------------------------------------------------------------- */

struct gate {
	dispatch_semaphore_t begun, open, done;
};

static struct gate gate_new(void)
{
	return (struct gate) { dispatch_semaphore_create(0), dispatch_semaphore_create(0),
			       dispatch_semaphore_create(0) };
}

static void gate_free(struct gate *gate)
{
	dispatch_release(gate->begun);
	dispatch_release(gate->open);
	dispatch_release(gate->done);
}

static void pass(void *opaque)
{
	struct gate *gate = opaque;

	dispatch_semaphore_signal(gate->begun);
	dispatch_semaphore_wait(gate->open, DISPATCH_TIME_FOREVER);
	dispatch_semaphore_signal(gate->done);
}

static void open_gate(struct gate *gate, int times)
{
	for (int i = 0; i < times; i++)
		dispatch_semaphore_signal(gate->open);
	take(gate->done, times);
}

static void a_queue_that_nobody_holds_still_runs_what_it_has(void **state)
{
	struct gate gate = gate_new();
	dispatch_semaphore_t done = dispatch_semaphore_create(0);
	dispatch_queue_t queue = dispatch_queue_create("orphan", NULL);

	dispatch_retain(queue);
	dispatch_async_f(queue, &gate, pass);
	for (int i = 0; i < 200; i++)
		dispatch_async_f(queue, done, signal_it);
	dispatch_release(queue);
	dispatch_release(queue);
	open_gate(&gate, 1);
	take(done, 200);
	dispatch_release(done);
	gate_free(&gate);
}

static void blocks_of_a_concurrent_queue_run_at_the_same_time_up_to_its_limit(void **state)
{
	struct gate gate = gate_new();
	dispatch_queue_t queue = dispatch_queue_create("vms", DISPATCH_QUEUE_CONCURRENT);

	for (int i = 0; i < CONCURRENT_MOST + 10; i++)
		dispatch_async_f(queue, &gate, pass);
	take(gate.begun, CONCURRENT_MOST);
	assert_int_not_equal(dispatch_semaphore_wait(gate.begun, DISPATCH_TIME_NOW), 0);
	open_gate(&gate, CONCURRENT_MOST + 10);
	dispatch_release(queue);
	gate_free(&gate);
}

static void a_full_concurrent_queue_does_not_hold_up_serial_ones(void **state)
{
	struct gate gate = gate_new();
	dispatch_queue_t vms = dispatch_queue_create("vms", DISPATCH_QUEUE_CONCURRENT);
	dispatch_queue_t host = dispatch_queue_create("host", DISPATCH_QUEUE_SERIAL);
	dispatch_semaphore_t ran = dispatch_semaphore_create(0);

	for (int i = 0; i < CONCURRENT_MOST + 10; i++)
		dispatch_async_f(vms, &gate, pass);
	take(gate.begun, CONCURRENT_MOST);
	dispatch_async_f(host, ran, signal_it);
	take(ran, 1);
	open_gate(&gate, CONCURRENT_MOST + 10);
	dispatch_release(vms);
	dispatch_release(host);
	dispatch_release(ran);
	gate_free(&gate);
}

static int threads_of_this_process(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[128];
	int n = 0;

	while (n == 0 && fgets(line, sizeof(line), status))
		sscanf(line, "Threads: %d", &n);
	fclose(status);
	return n;
}

static void serial_queues_run_beside_each_other_on_a_bounded_number_of_threads(void **state)
{
	struct gate gate = gate_new();
	dispatch_queue_t queues[SERIAL_MOST + 200];
	const int n = sizeof(queues) / sizeof(*queues);

	for (int i = 0; i < n; i++) {
		queues[i] = dispatch_queue_create("one of many", NULL);
		dispatch_async_f(queues[i], &gate, pass);
	}
	take(gate.begun, SERIAL_MOST);
	/* This one, those of both kinds, and a sanitizer's. */
	assert_in_range(threads_of_this_process(), 1 + SERIAL_MOST,
			1 + SERIAL_MOST + CONCURRENT_MOST + 1);
	open_gate(&gate, n);
	for (int i = 0; i < n; i++)
		dispatch_release(queues[i]);
	gate_free(&gate);
}

static void thousands_of_queues_run_all_that_they_get(void **state)
{
	dispatch_semaphore_t done = dispatch_semaphore_create(0);
	dispatch_queue_t queue;

	for (int i = 0; i < 5000; i++) {
		queue = dispatch_queue_create("one of thousands", NULL);
		for (int j = 0; j < 5; j++)
			dispatch_async_f(queue, done, signal_it);
		dispatch_release(queue);
	}
	take(done, 5000 * 5);
	dispatch_release(done);
}

static void read_mask(void *mask)
{
	pthread_sigmask(SIG_BLOCK, NULL, mask);
}

struct mask_read {
	sigset_t mask;
	dispatch_semaphore_t done;
};

static void read_mask_and_tell(void *opaque)
{
	struct mask_read *read = opaque;

	read_mask(&read->mask);
	dispatch_semaphore_signal(read->done);
}

static void signals_are_blocked_in_the_threads_that_run_work(void **state)
{
	struct mask_read read = { .done = dispatch_semaphore_create(0) };
	dispatch_queue_t queue = dispatch_queue_create("signals", NULL);

	dispatch_async_f(queue, &read, read_mask_and_tell);
	take(read.done, 1);
	assert_true(sigismember(&read.mask, SIGTERM));
	assert_true(sigismember(&read.mask, SIGCHLD));
	assert_false(sigismember(&read.mask, SIGSEGV));
	dispatch_release(queue);
	dispatch_release(read.done);
}

/* ---- waiting for it ---------------------------------------------------------------- */

struct tally {
	dispatch_queue_t queue;
	pthread_t ran_on;
	int plain; /* guarded by the queue alone */
};

static void count_up(void *opaque)
{
	struct tally *tally = opaque;

	tally->ran_on = pthread_self();
	tally->plain++;
}

static void sync_runs_on_the_calling_thread_after_what_was_submitted_before(void **state)
{
	struct tally tally = { .queue = dispatch_queue_create("sync", NULL) };

	for (int i = 1; i <= 300; i++) {
		for (int j = 0; j < i % 3; j++)
			dispatch_async_f(tally.queue, &tally, count_up);
		dispatch_sync_f(tally.queue, &tally, count_up);
		assert_true(pthread_equal(tally.ran_on, pthread_self()));
	}
	assert_int_equal(tally.plain, 300 + 300);
	dispatch_release(tally.queue);
}

static void *sync_and_async(void *opaque)
{
	struct tally *tally = opaque;

	for (int i = 0; i < 2000; i++) {
		if (i % 3 == 0)
			dispatch_async_f(tally->queue, tally, count_up);
		else
			dispatch_sync_f(tally->queue, tally, count_up);
	}
	return NULL;
}

static void sync_and_async_of_many_threads_exclude_each_other(void **state)
{
	struct tally tally = { .queue = dispatch_queue_create("both", NULL) };
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sync_and_async, &tally), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	dispatch_sync_f(tally.queue, &tally, count_up);
	assert_int_equal(tally.plain, 4 * 2000 + 1);
	dispatch_release(tally.queue);
}

static void sync_on_another_queue(void *opaque)
{
	struct tally *tally = opaque;

	dispatch_sync_f(tally->queue, tally, count_up);
}

static void sync_may_be_nested_over_different_queues(void **state)
{
	struct tally tally = { .queue = dispatch_queue_create("inner", NULL) };
	dispatch_queue_t outer_queue = dispatch_queue_create("outer", NULL);
	dispatch_queue_t concurrent = dispatch_queue_create("any", DISPATCH_QUEUE_CONCURRENT);

	dispatch_sync_f(outer_queue, &tally, sync_on_another_queue);
	dispatch_sync_f(concurrent, &tally, sync_on_another_queue);
	assert_int_equal(tally.plain, 2);
	dispatch_release(outer_queue);
	dispatch_release(concurrent);
	dispatch_release(tally.queue);
}

static void sync_on_the_queue_that_runs_this_ends_the_program_with_a_sentence(void **state)
{
	struct tally tally = { .queue = dispatch_queue_create("own queue", NULL) };
	char said[256] = "";
	int status, ends[2];
	FILE *heard;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		dispatch_sync_f(tally.queue, &tally, sync_on_another_queue);
		_exit(0);
	}
	close(ends[1]);
	heard = fdopen(ends[0], "r");
	assert_non_null(fgets(said, sizeof(said), heard));
	assert_non_null(strstr(said, "dispatch_sync() on queue 'own queue'"));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	fclose(heard);
	dispatch_release(tally.queue);
}

/* ---- the rest ---------------------------------------------------------------------- */

static void a_label_is_copied_and_none_is_an_empty_one(void **state)
{
	char label[] = "io.example";
	dispatch_queue_t queue = dispatch_queue_create(label, NULL);
	dispatch_queue_t unnamed = dispatch_queue_create(NULL, NULL);

	label[0] = 'x';
	assert_string_equal(dispatch_queue_get_label(queue), "io.example");
	assert_string_equal(dispatch_queue_get_label(unnamed), "");
	dispatch_release(queue);
	dispatch_release(unnamed);
}

/* A block as clang makes one that captures nothing. */
static int block_calls;

static void block_body(const void *block)
{
	block_calls++;
}

static void a_block_is_called_by_its_abi_whatever_the_compiler(void **state)
{
	static struct block_head block = { .flags = 1 << 28, .invoke = (void (*)(void))block_body };
	dispatch_queue_t queue = dispatch_queue_create("abi", NULL);

	dispatch_async(queue, (dispatch_block_t)&block);
	dispatch_sync(queue, (dispatch_block_t)&block);
	assert_int_equal(block_calls, 2);
	dispatch_release(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sync_on_the_queue_that_runs_this_ends_the_program_with_a_sentence),
		cmocka_unit_test(a_serial_queue_runs_one_at_a_time_in_the_order_of_submission),
		cmocka_unit_test(what_one_thread_submits_keeps_its_order_among_others),
		cmocka_unit_test(work_submitted_from_within_work_runs_after_it),
		cmocka_unit_test(a_queue_can_be_released_from_within_its_own_work),
		cmocka_unit_test(a_queue_that_nobody_holds_still_runs_what_it_has),
		cmocka_unit_test(blocks_of_a_concurrent_queue_run_at_the_same_time_up_to_its_limit),
		cmocka_unit_test(a_full_concurrent_queue_does_not_hold_up_serial_ones),
		cmocka_unit_test(
			serial_queues_run_beside_each_other_on_a_bounded_number_of_threads),
		cmocka_unit_test(thousands_of_queues_run_all_that_they_get),
		cmocka_unit_test(signals_are_blocked_in_the_threads_that_run_work),
		cmocka_unit_test(sync_runs_on_the_calling_thread_after_what_was_submitted_before),
		cmocka_unit_test(sync_and_async_of_many_threads_exclude_each_other),
		cmocka_unit_test(sync_may_be_nested_over_different_queues),
		cmocka_unit_test(a_label_is_copied_and_none_is_an_empty_one),
		cmocka_unit_test(a_block_is_called_by_its_abi_whatever_the_compiler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
