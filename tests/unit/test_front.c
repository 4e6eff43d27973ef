/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front.c - threads that wait on one connection
 *
 * The peer is a script in the test's own thread, or a thread that echoes. Where threads race the
 * test is repeated, and every order must come out right. Each test ends with as many open fds as it
 * began with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counted.h"

#define THREADS 8
#define RACES	100 /* repetitions of what two threads race for */

static const struct front_config plain_config;

/* Threads that all wait, and the requests of theirs, received. */
struct crowd {
	struct read reads[THREADS];
	struct peer_message messages[THREADS];
};

static void crowd_start(struct crowd *crowd, struct end *end)
{
	memset(crowd, 0, sizeof(*crowd));
	for (size_t i = 0; i < THREADS; i++)
		read_thread(&crowd->reads[i], end, i, patience());
	for (size_t i = 0; i < THREADS; i++)
		assert_true(peer_receive(end->peer, &crowd->messages[i]));
}

static void crowd_join(struct crowd *crowd, int result)
{
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(read_join(&crowd->reads[i]), result);
}

static void replies_in_any_order_reach_their_threads(void **state)
{
	struct crowd crowd;
	struct end end;

	end_new(&end, &plain_config, false);
	for (size_t step = 1; step < THREADS; step += 2) {
		crowd_start(&crowd, &end);
		for (size_t i = 0; i < THREADS; i++)
			peer_answer(end.peer, &crowd.messages[(i * step + 3) % THREADS]);
		crowd_join(&crowd, 0);
	}
	end_free(&end);
}

static void *many_reads(void *opaque)
{
	struct read *read = opaque;
	unsigned int n = (unsigned int)read->offset;

	read->result = 0;
	for (unsigned int i = 0; i < n && read->result == 0; i++) {
		read->result = read_start(read, read->end, i, patience());
		if (read->result == 0)
			read->result = read_wait(read);
	}
	return NULL;
}

static void many_calls(const struct front_config *config, struct echo *echo, size_t threads,
		       unsigned int n)
{
	struct read reads[THREADS] = { 0 };
	struct end end;

	end_new(&end, config, false);
	echo_start(echo, end.peer);
	for (size_t i = 0; i < threads; i++) {
		reads[i].end = &end;
		reads[i].offset = n;
		assert_int_equal(pthread_create(&reads[i].thread, NULL, many_reads, &reads[i]), 0);
	}
	for (size_t i = 0; i < threads; i++)
		assert_int_equal(read_join(&reads[i]), 0);
	front_kill(end.front, -ENOTCONN, "done");
	echo_join(echo);
	end_free(&end);
}

static void eight_threads_call_at_once(void **state)
{
	struct echo echo = { .mode = ECHO_EACH };

	many_calls(&plain_config, &echo, THREADS, 2000);
}

static void of_two_threads_the_later_may_be_answered_first(void **state)
{
	struct echo echo = { .mode = ECHO_PAIRS };
	struct read reads[2] = { 0 };
	struct end end;

	end_new(&end, &plain_config, false);
	echo_start(&echo, end.peer);
	for (unsigned int i = 0; i < 1000; i++) {
		read_thread(&reads[0], &end, i, patience());
		read_thread(&reads[1], &end, i + 1, patience());
		assert_int_equal(read_join(&reads[0]), 0);
		assert_int_equal(read_join(&reads[1]), 0);
	}
	front_kill(end.front, -ENOTCONN, "done");
	echo_join(&echo);
	end_free(&end);
}

static void eight_threads_poll_before_they_sleep(void **state)
{
	struct front_config config = { .poll_us = 50 };
	struct echo echo = { .mode = ECHO_EACH };

	many_calls(&config, &echo, THREADS, 1000);
}

static void a_reply_may_come_byte_by_byte(void **state)
{
	struct echo echo = { .mode = ECHO_TRICKLED };

	many_calls(&plain_config, &echo, THREADS, 20);
}

static void a_request_is_served_before_the_reply_comes(void **state)
{
	struct echo echo = { .mode = ECHO_EACH, .asks = true };

	/* With the id of our own request, which means nothing. */
	many_calls(&plain_config, &echo, 1, 500);
	assert_int_equal(echo.asked, 500);
}

static void a_wait_that_is_over_already_returns_at_once(void **state)
{
	struct read first = { 0 }, second = { 0 };
	struct peer_message m[2];
	struct end end;

	end_new(&end, &plain_config, true);
	assert_int_equal(read_start(&first, &end, 1, patience()), 0);
	assert_int_equal(read_start(&second, &end, 2, patience()), 0);
	assert_true(peer_receive(end.peer, &m[0]) && peer_receive(end.peer, &m[1]));
	peer_answer(end.peer, &m[0]);
	peer_answer(end.peer, &m[1]);
	assert_int_equal(read_wait(&second), 0);
	assert_int_equal(end.n_release, 1);
	assert_int_equal(read_wait(&first), 0);
	assert_int_equal(end.n_release, 1);
	assert_int_equal(end.n_take, 1);
	end_free(&end);
}

static void hooks_run_in_pairs_around_each_wait(void **state)
{
	struct crowd crowd;
	struct end end;

	end_new(&end, &plain_config, true);
	crowd_start(&crowd, &end);
	for (size_t i = 0; i < THREADS; i++)
		peer_answer(end.peer, &crowd.messages[i]);
	crowd_join(&crowd, 0);
	assert_true(end.n_release >= 1 && end.n_release <= THREADS);
	assert_int_equal(end.n_take, end.n_release);
	end_free(&end);
}

/* Deadlines. */

static void a_call_ends_at_its_deadline_and_a_late_reply_is_dropped(void **state)
{
	struct read late = { 0 }, next = { 0 };
	struct peer_message m;
	struct end end;

	end_new(&end, &plain_config, false);
	assert_int_equal(read_start(&late, &end, 1, rig_after_ms(5)), 0);
	assert_int_equal(read_wait(&late), -ETIMEDOUT);
	assert_true(peer_receive(end.peer, &m));
	peer_answer(end.peer, &m);
	assert_int_equal(read_start(&next, &end, 2, patience()), 0);
	assert_true(peer_receive(end.peer, &m));
	peer_answer(end.peer, &m);
	assert_int_equal(read_wait(&next), 0);
	assert_int_equal(late.value, 0xdead);
	assert_int_equal(front_error(end.front), 0);
	end_free(&end);
}

static void a_deadline_that_passed_is_over_at_once(void **state)
{
	struct read read = { 0 };
	struct end end;

	end_new(&end, &plain_config, false);
	assert_int_equal(read_start(&read, &end, 1, 0), 0);
	assert_int_equal(read_wait(&read), -ETIMEDOUT);
	end_free(&end);
}

static void each_thread_times_out_by_itself(void **state)
{
	struct read patient = { 0 }, hasty[3] = { 0 };
	struct peer_message m, first = { 0 };
	struct end end;

	end_new(&end, &plain_config, false);
	read_thread(&patient, &end, 100, patience());
	assert_true(peer_receive(end.peer, &first));
	for (size_t i = 0; i < 3; i++)
		read_thread(&hasty[i], &end, i, rig_after_ms(5 + (unsigned int)i * 5));
	for (size_t i = 0; i < 3; i++) {
		assert_true(peer_receive(end.peer, &m));
		assert_int_equal(read_join(&hasty[i]), -ETIMEDOUT);
	}
	peer_answer(end.peer, &first);
	assert_int_equal(read_join(&patient), 0);
	end_free(&end);
}

static void deadlines_and_replies_race(void **state)
{
	struct echo echo = { .mode = ECHO_EACH };
	struct end end;

	end_new(&end, &plain_config, false);
	echo_start(&echo, end.peer);
	for (unsigned int i = 0; i < RACES; i++) {
		struct read reads[4] = { 0 };

		for (size_t k = 0; k < 4; k++)
			read_thread(&reads[k], &end, k, rig_now() + 20 + i * 4);
		for (size_t k = 0; k < 4; k++) {
			int r = read_join(&reads[k]);

			assert_true(r == 0 || r == -ETIMEDOUT);
		}
	}
	assert_int_equal(front_error(end.front), 0);
	front_kill(end.front, -ENOTCONN, "done");
	echo_join(&echo);
	end_free(&end);
}

static void a_waiter_times_out_the_calls_that_nobody_waits_for(void **state)
{
	struct read waiter = { 0 }, async = { 0 };
	struct peer_message m;
	struct end end;

	end_new(&end, &plain_config, false);
	read_thread(&waiter, &end, 1, patience());
	assert_true(peer_receive(end.peer, &m));
	assert_int_equal(read_start_async(&async, &end, 2, rig_after_ms(5)), 0);
	while (async.n_done == 0)
		sched_yield();
	assert_int_equal(async.result, -ETIMEDOUT);
	peer_answer(end.peer, &m);
	assert_int_equal(read_join(&waiter), 0);
	end_free(&end);
}

/* Cancel, kill, death. */

static void cancel_ends_the_wait_of_another_thread(void **state)
{
	struct end end;

	end_new(&end, &plain_config, false);
	for (size_t i = 0; i < RACES; i++) {
		struct read reads[2] = { 0 };
		struct peer_message m[2];
		size_t first = i % 2;

		read_thread(&reads[0], &end, 0, patience());
		read_thread(&reads[1], &end, 1, patience());
		assert_true(peer_receive(end.peer, &m[0]) && peer_receive(end.peer, &m[1]));
		front_cancel(end.front, &reads[first].call);
		assert_int_equal(read_join(&reads[first]), -ECANCELED);
		front_cancel(end.front, &reads[!first].call);
		assert_int_equal(read_join(&reads[!first]), -ECANCELED);
		peer_answer(end.peer, &m[0]);
		peer_answer(end.peer, &m[1]);
	}
	end_free(&end);
}

static void kill_wakes_everybody(void **state)
{
	for (size_t i = 0; i < RACES / 5; i++) {
		struct crowd crowd;
		char reason[64];
		struct end end;

		end_new(&end, &plain_config, true);
		crowd_start(&crowd, &end);
		front_kill(end.front, -ESHUTDOWN, "enough");
		crowd_join(&crowd, -ENOTCONN);
		peer_expect_end(end.peer);
		assert_int_equal(front_error(end.front), -ESHUTDOWN);
		front_reason(end.front, reason, sizeof(reason));
		assert_string_equal(reason, "enough");
		assert_int_equal(read_start(&crowd.reads[0], &end, 1, patience()), -ENOTCONN);
		assert_int_equal(end.n_dead, 1);
		end_free(&end);
	}
}

static void a_peer_that_dies_wakes_everybody(void **state)
{
	for (size_t i = 0; i < RACES / 5; i++) {
		struct crowd crowd;
		struct end end;

		end_new(&end, &plain_config, false);
		crowd_start(&crowd, &end);
		close(end.peer);
		end.peer = -1;
		crowd_join(&crowd, -ENOTCONN);
		assert_int_equal(end.n_dead, 1);
		end_free(&end);
	}
}

static void a_peer_that_talks_nonsense_wakes_everybody(void **state)
{
	struct crowd crowd;
	struct end end;

	end_new(&end, &plain_config, false);
	crowd_start(&crowd, &end);
	peer_send(end.peer, 12345, WIRE_REGION_READ, WIRE_TYPE_REPLY, NULL, 0);
	crowd_join(&crowd, -ENOTCONN);
	assert_int_equal(front_error(end.front), -EPROTO);
	end_free(&end);
}

static void the_last_words_of_a_peer_are_heard(void **state)
{
	struct read answered = { 0 }, lost = { 0 };
	struct peer_message m;
	struct end end;

	end_new(&end, &plain_config, false);
	assert_int_equal(read_start(&answered, &end, 5, patience()), 0);
	assert_true(peer_receive(end.peer, &m));
	peer_answer(end.peer, &m);
	close(end.peer);
	end.peer = -1;
	/* Cannot be sent: what came before is read all the same. */
	(void)read_start(&lost, &end, 6, patience());
	assert_int_equal(read_wait(&answered), 0);
	end_free(&end);
}

static void killing_and_calling_race(void **state)
{
	for (size_t i = 0; i < RACES; i++) {
		struct echo echo = { .mode = ECHO_EACH };
		struct read reads[4] = { 0 };
		struct end end;

		end_new(&end, &plain_config, false);
		echo_start(&echo, end.peer);
		for (size_t k = 0; k < 4; k++) {
			reads[k].end = &end;
			reads[k].offset = 1000000;
			assert_int_equal(
				pthread_create(&reads[k].thread, NULL, many_reads, &reads[k]), 0);
		}
		for (size_t k = 0; k < i; k++)
			sched_yield();
		if (i % 2)
			front_kill(end.front, -ENOTCONN, "race");
		else
			shutdown(end.peer, SHUT_RDWR);
		for (size_t k = 0; k < 4; k++)
			assert_int_equal(read_join(&reads[k]), -ENOTCONN);
		echo_join(&echo);
		end_free(&end);
	}
}

/* A peer that does not read. */

#define CHUNK (64u << 10)

static int post_chunk(struct end *end)
{
	static const uint8_t chunk[CHUNK];
	struct wire_region_io io = { .count = CHUNK };
	struct iovec iov[] = { { &io, sizeof(io) }, { (void *)chunk, CHUNK } };

	return front_post(end->front, WIRE_REGION_WRITE, iov, 2);
}

static void *read_posts(void *opaque)
{
	struct end *end = opaque;
	struct peer_message m;

	do {
		if (!peer_receive(end->peer, &m))
			return NULL;
	} while (m.header.command == WIRE_REGION_WRITE);
	peer_answer(end->peer, &m);
	return NULL;
}

static void what_a_peer_does_not_read_is_bounded(void **state)
{
	struct front_config config = { .max_queued = 1u << 20 };
	struct read read = { 0 };
	struct end end;
	pthread_t reader;
	size_t n = 0;

	end_new(&end, &config, false);
	while (post_chunk(&end) == 0)
		assert_true(++n < 1000);
	assert_int_equal(post_chunk(&end), -EAGAIN);
	assert_int_equal(front_room(end.front, rig_after_ms(5)), -ETIMEDOUT);
	assert_int_equal(read_start(&read, &end, 1, patience()), -EAGAIN);

	assert_int_equal(pthread_create(&reader, NULL, read_posts, &end), 0);
	assert_int_equal(front_room(end.front, patience()), 0);
	assert_int_equal(read_start(&read, &end, 1, patience()), 0);
	assert_int_equal(read_wait(&read), 0);
	pthread_join(reader, NULL);
	end_free(&end);
}

static void *post_many(void *opaque)
{
	struct end *end = opaque;

	for (size_t i = 0; i < 200; i++) {
		int r;

		while ((r = post_chunk(end)) == -EAGAIN)
			if (front_room(end->front, patience()) < 0)
				return end;
		if (r < 0)
			return end;
	}
	return NULL;
}

static void *count_posts(void *opaque)
{
	struct end *end = opaque;
	struct peer_message m;
	size_t n = 0;

	while (peer_receive(end->peer, &m)) {
		if (m.header.command == WIRE_REGION_READ)
			peer_answer(end->peer, &m);
		else
			n++;
	}
	return (void *)n;
}

static void threads_wait_for_room_while_others_read(void **state)
{
	struct front_config config = { .max_queued = 256u << 10 };
	struct read reader = { 0 };
	pthread_t peer, posters[3];
	struct end end;
	void *r;

	end_new(&end, &config, false);
	assert_int_equal(pthread_create(&peer, NULL, count_posts, &end), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&posters[i], NULL, post_many, &end), 0);
	reader.end = &end;
	reader.offset = 300;
	while ((reader.result = read_start(&reader, &end, 7, patience())) == -EAGAIN)
		assert_int_equal(front_room(end.front, patience()), 0);
	assert_int_equal(reader.result, 0);
	assert_int_equal(read_wait(&reader), 0);
	for (size_t i = 0; i < 3; i++) {
		pthread_join(posters[i], &r);
		assert_null(r);
	}
	while ((reader.result = read_start(&reader, &end, 8, patience())) == -EAGAIN)
		assert_int_equal(front_room(end.front, patience()), 0);
	assert_int_equal(read_wait(&reader), 0); /* so everything before was sent */
	front_kill(end.front, -ENOTCONN, "done");
	pthread_join(peer, &r);
	assert_int_equal((size_t)r, 3 * 200);
	end_free(&end);
}

static void waiting_for_room_ends_with_the_connection(void **state)
{
	struct front_config config = { .max_queued = 1u << 20 };
	struct end end;

	end_new(&end, &config, false);
	while (post_chunk(&end) == 0)
		;
	close(end.peer);
	end.peer = -1;
	assert_int_equal(front_room(end.front, patience()), -ENOTCONN);
	end_free(&end);
}

/* The twin. */

static void requests_come_from_both_sockets(void **state)
{
	struct read read = { 0 };
	struct peer_message m;
	struct end end;

	end_new(&end, &plain_config, false);
	end_add_twin(&end);
	read_thread(&read, &end, 9, patience());
	assert_true(peer_receive(end.peer, &m));
	for (uint16_t i = 0; i < 20; i++) {
		int fd = i % 2 ? end.peer : end.twin_peer;
		struct peer_message reply;

		peer_ask(fd, i, 0x1000, 8);
		assert_true(peer_receive(fd, &reply));
		assert_int_equal(reply.header.id, i);
	}
	peer_answer(end.peer, &m);
	assert_int_equal(read_join(&read), 0);
	assert_int_equal(end.n_requests, 20);
	end_free(&end);
}

static void our_requests_leave_by_the_named_socket(void **state)
{
	struct read before = { 0 }, after = { 0 };
	struct peer_message m;
	struct end end;

	end_new(&end, &plain_config, false);
	end_add_twin(&end);
	assert_int_equal(read_start(&before, &end, 1, patience()), 0);
	front_set_out_twin(end.front);
	assert_int_equal(read_start(&after, &end, 2, patience()), 0);
	assert_true(peer_receive(end.twin_peer, &m));
	peer_answer(end.twin_peer, &m);
	assert_int_equal(read_wait(&after), 0);
	assert_true(peer_receive(end.peer, &m));
	peer_answer(end.peer, &m);
	assert_int_equal(read_wait(&before), 0);
	end_free(&end);
}

static void either_socket_is_the_death_of_both(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		struct crowd crowd;
		struct end end;

		end_new(&end, &plain_config, false);
		end_add_twin(&end);
		crowd_start(&crowd, &end);
		shutdown(i ? end.peer : end.twin_peer, SHUT_RDWR);
		crowd_join(&crowd, -ENOTCONN);
		peer_expect_end(end.peer);
		peer_expect_end(end.twin_peer);
		assert_int_equal(end.n_dead, 1);
		end_free(&end);
	}
}

/* Requests. */

static void requests_may_be_answered_after_the_front_is_freed(void **state)
{
	struct read read = { 0 };
	struct peer_message m;
	struct end end;

	end_new(&end, &plain_config, false);
	end.hold = true;
	assert_int_equal(read_start(&read, &end, 1, patience()), 0);
	assert_true(peer_receive(end.peer, &m));
	peer_ask(end.peer, 1, 0x1000, 8);
	peer_ask(end.peer, 2, 0x2000, 8);
	peer_answer(end.peer, &m);
	assert_int_equal(read_wait(&read), 0);
	assert_int_equal(end.n_held, 2);
	end_free(&end);
	assert_int_equal(end.held[1]->wire.dma_io->address, 0x2000);
	front_reply_error(end.front, end.held[0], -EIO);
	front_reply_error(end.front, end.held[1], -EIO);
}

/* While a thread waits, n requests come, and the callback of each makes a call and waits for it. */
static void wait_inside_callbacks(struct end *end, uint16_t n)
{
	struct peer_message m, ours;
	struct read read = { 0 };

	end->wait_inside = true;
	read_thread(&read, end, 1, patience());
	assert_true(peer_receive(end->peer, &ours));
	for (uint16_t i = 0; i < n; i++)
		peer_ask(end->peer, i, 0x1000, 8);
	/* Their calls, and the replies to the requests. */
	for (unsigned int i = 0; i < 2u * n; i++) {
		assert_true(peer_receive(end->peer, &m));
		if (m.header.command == WIRE_REGION_READ)
			peer_answer(end->peer, &m);
	}
	peer_answer(end->peer, &ours);
	assert_int_equal(read_join(&read), 0);
	assert_int_equal(end->n_requests, n);
}

static void callbacks_wait_inside_callbacks_to_a_bounded_depth(void **state)
{
	struct front_config config = { .nested = true };
	struct end end;

	end_new(&end, &config, false);
	wait_inside_callbacks(&end, 20);
	assert_in_range(end.max_depth, 2, 8);
	end_free(&end);
}

static void without_nesting_a_callbacks_wait_runs_no_other(void **state)
{
	struct end end;

	end_new(&end, &plain_config, false);
	wait_inside_callbacks(&end, 10);
	assert_int_equal(end.max_depth, 1);
	end_free(&end);
}

/* Fork. */

static int child_of(struct end *end, struct read *inherited)
{
	struct read read = { 0 };
	char reason[64];

	if (read_start(&read, end, 1, patience()) != -ENOTCONN)
		return 1;
	if (front_wait(end->front, &inherited->call) != -ENOTCONN)
		return 2;
	if (front_error(end->front) != -ENOTCONN || front_dispatch(end->front) != -ENOTCONN)
		return 3;
	if (front_room(end->front, patience()) != -ENOTCONN || post_chunk(end) != -ENOTCONN)
		return 4;
	front_reason(end->front, reason, sizeof(reason));
	front_cancel(end->front, &inherited->call);
	front_kill(end->front, -EIO, "the child");
	front_flush(end->front);
	end_free(end);
	return end->n_dead == 0 && fds_open() == fds_before ? 0 : 5;
}

static void a_forked_child_has_no_connection(void **state)
{
	struct peer_message m;
	struct read read = { 0 };
	struct end end;
	pid_t pid;
	int status;

	end_new(&end, &plain_config, false);
	assert_true(front_fd(end.front) >= 0);
	assert_int_equal(read_start(&read, &end, 1, patience()), 0);
	pid = fork();
	if (pid == 0)
		_exit(child_of(&end, &read));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);

	assert_true(peer_receive(end.peer, &m));
	peer_answer(end.peer, &m);
	assert_int_equal(read_wait(&read), 0);
	end_free(&end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted(a_forked_child_has_no_connection), /* while there was no other thread */
		counted(replies_in_any_order_reach_their_threads),
		counted(eight_threads_call_at_once),
		counted(of_two_threads_the_later_may_be_answered_first),
		counted(eight_threads_poll_before_they_sleep),
		counted(a_reply_may_come_byte_by_byte),
		counted(a_request_is_served_before_the_reply_comes),
		counted(a_wait_that_is_over_already_returns_at_once),
		counted(hooks_run_in_pairs_around_each_wait),
		counted(a_call_ends_at_its_deadline_and_a_late_reply_is_dropped),
		counted(a_deadline_that_passed_is_over_at_once),
		counted(each_thread_times_out_by_itself),
		counted(deadlines_and_replies_race),
		counted(a_waiter_times_out_the_calls_that_nobody_waits_for),
		counted(cancel_ends_the_wait_of_another_thread),
		counted(kill_wakes_everybody),
		counted(a_peer_that_dies_wakes_everybody),
		counted(a_peer_that_talks_nonsense_wakes_everybody),
		counted(the_last_words_of_a_peer_are_heard),
		counted(killing_and_calling_race),
		counted(what_a_peer_does_not_read_is_bounded),
		counted(threads_wait_for_room_while_others_read),
		counted(waiting_for_room_ends_with_the_connection),
		counted(requests_come_from_both_sockets),
		counted(our_requests_leave_by_the_named_socket),
		counted(either_socket_is_the_death_of_both),
		counted(requests_may_be_answered_after_the_front_is_freed),
		counted(callbacks_wait_inside_callbacks_to_a_bounded_depth),
		counted(without_nesting_a_callbacks_wait_runs_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
