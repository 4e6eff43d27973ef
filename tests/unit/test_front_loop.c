/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_front_loop.c - a front in a loop: which thread calls back, what wakes the loop, how much one
 * dispatch does
 *
 * Each test ends with as many open fds as it began with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "counted.h"
#include <outrigger/vfio_user.h>

static const struct front_config in_the_loop = { .dispatch_only = true, .nested = true };
static const struct front_config collecting = { .dispatch_only = true };
static const struct front_config anywhere;
static const struct front_config plain = { .dispatch_only = true, .plain_fd = true };

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void a_loop_gets_requests_and_completions(void **state)
{
	struct read read = { 0 };
	struct peer_message m;
	struct end end;

	end_new(&end, &anywhere, false);
	assert_int_equal(read_start_async(&read, &end, 5, patience()), 0);
	assert_true(peer_receive(end.peer, &m));
	peer_ask(end.peer, m.header.id, 0x1000, 8);
	end_dispatch_until(&end, &end.n_requests, 1);
	assert_int_equal(read.n_done, 0);
	peer_answer(end.peer, &m);
	end_dispatch_until(&end, &read.n_done, 1);
	assert_int_equal(read.result, 0);
	assert_true(peer_receive(end.peer, &m));
	assert_int_equal(m.header.command, WIRE_DMA_READ);
	assert_false(readable(front_fd(end.front)));
	end_free(&end);
}

/* A thread that waits reads everything, but calls back nothing. */
static void callbacks_run_in_the_dispatching_thread_only(void **state)
{
	for (unsigned int i = 0; i < 50; i++) {
		struct read async[4] = { 0 }, waiter = { 0 };
		struct peer_message m[5];
		struct end end;

		end_new(&end, &in_the_loop, false);
		end.only_here = true;
		front_dispatch(end.front);
		read_thread(&waiter, &end, 9, patience());
		assert_true(peer_receive(end.peer, &m[4]));
		for (size_t k = 0; k < 4; k++) {
			assert_int_equal(read_start_async(&async[k], &end, k, patience()), 0);
			assert_true(peer_receive(end.peer, &m[k]));
		}
		peer_ask(end.peer, 1, 0x1000, 8);
		for (size_t k = 0; k < 4; k++)
			peer_answer(end.peer, &m[k]);
		for (size_t k = 0; k < 4; k++)
			end_dispatch_until(&end, &async[k].n_done, 1);
		end_dispatch_until(&end, &end.n_requests, 1);
		peer_answer(end.peer, &m[4]);
		assert_int_equal(read_join(&waiter), 0);
		assert_false(end.elsewhere);
		if (i % 2) {
			close(end.peer);
			end.peer = -1;
			end_dispatch_until(&end, &end.n_dead, 1);
			assert_false(end.elsewhere);
		}
		end_free(&end);
	}
}

static void cancel_and_kill_wake_the_loop(void **state)
{
	struct read read = { 0 };
	struct end end;

	end_new(&end, &in_the_loop, false);
	assert_int_equal(read_start_async(&read, &end, 1, patience()), 0);
	front_fd(end.front);
	assert_false(readable(front_fd(end.front)));
	front_cancel(end.front, &read.call);
	assert_int_equal(read.n_done, 0);
	end_dispatch_until(&end, &read.n_done, 1);
	assert_int_equal(read.result, -ECANCELED);
	front_kill(end.front, -ESHUTDOWN, "enough");
	end_dispatch_until(&end, &end.n_dead, 1);
	assert_int_equal(front_dispatch(end.front), -ESHUTDOWN);
	end_free(&end);
}

static void death_is_told_after_requests_and_before_completions_end(void **state)
{
	struct read read = { 0 };
	struct end end;

	end_new(&end, &in_the_loop, false);
	assert_int_equal(read_start_async(&read, &end, 1, patience()), 0);
	peer_ask(end.peer, 1, 0x1000, 8);
	shutdown(end.peer, SHUT_WR);
	end_dispatch_until(&end, &read.n_done, 1);
	assert_int_equal(end.n_requests, 1);
	assert_int_equal(end.n_dead, 1);
	assert_int_equal(read.result, -ENOTCONN);
	assert_int_equal(front_dispatch(end.front), -ECONNRESET);
	end_free(&end);
}

static void freeing_completes_each_call_once(void **state)
{
	struct read reads[3] = { 0 };
	struct end end;

	end_new(&end, &in_the_loop, false);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(read_start_async(&reads[i], &end, i, patience()), 0);
	front_cancel(end.front, &reads[1].call);
	peer_ask(end.peer, 1, 0x1000, 8);
	end_free(&end);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(reads[i].n_done, 1);
		assert_int_equal(reads[i].result, i == 1 ? -ECANCELED : -ENOTCONN);
	}
	assert_int_equal(end.n_dead, 1);
}

static void *dispatch_once(void *opaque)
{
	struct end *end = opaque;

	end_poll(end);
	front_dispatch(end->front);
	return NULL;
}

static void *settle(void *opaque)
{
	struct end *end = opaque;

	front_settle(end->front);
	return end->depth == 0 && end->n_dead == 1 ? end : NULL;
}

static void settling_waits_for_callbacks_of_other_threads(void **state)
{
	for (unsigned int i = 0; i < 20; i++) {
		struct read read = { 0 };
		pthread_t inside, settling;
		void *settled;
		struct end end;

		end_new(&end, i % 2 ? &anywhere : &in_the_loop, false);
		assert_int_equal(read_start_async(&read, &end, 1, patience()), 0);
		end.stay = true;
		peer_ask(end.peer, 1, 0x1000, 8);
		assert_int_equal(pthread_create(&inside, NULL, dispatch_once, &end), 0);
		while (end.n_requests == 0)
			usleep(100);
		front_kill(end.front, -ENOTCONN, "test");
		assert_int_equal(pthread_create(&settling, NULL, settle, &end), 0);
		usleep(i * 100);
		assert_int_equal(end.n_dead, 0);
		end.stay = false;
		pthread_join(settling, &settled);
		assert_ptr_equal(settled, &end);
		assert_int_equal(read.n_done, 1);
		pthread_join(inside, NULL);
		end_free(&end);
		assert_int_equal(end.n_dead, 1);
	}
}

static void settling_calls_back_what_is_left(void **state)
{
	struct read read = { 0 };
	struct end end;

	end_new(&end, &in_the_loop, false);
	end.only_here = true;
	assert_int_equal(read_start_async(&read, &end, 1, patience()), 0);
	front_kill(end.front, -ENOTCONN, "test");
	assert_int_equal(read.n_done, 0);
	front_settle(end.front);
	assert_int_equal(read.n_done, 1);
	assert_int_equal(end.n_dead, 1);
	assert_false(end.elsewhere);
	end_free(&end);
}

static void the_loop_times_out_its_calls(void **state)
{
	struct read read = { 0 }, forever = { 0 };
	rig_time deadline = rig_after_ms(5);
	struct end end;

	end_new(&end, &in_the_loop, false);
	assert_true(front_deadline(end.front) == RIG_FOREVER);
	assert_int_equal(read_start_async(&forever, &end, 1, RIG_FOREVER), 0);
	assert_int_equal(end.n_wants, 0);
	assert_int_equal(read_start_async(&read, &end, 1, deadline), 0);
	assert_int_equal(end.n_wants, 1);
	assert_true(front_deadline(end.front) == deadline);
	while (rig_now() < deadline)
		poll(NULL, 0, 1);
	front_dispatch(end.front);
	assert_int_equal(read.n_done, 1);
	assert_int_equal(read.result, -ETIMEDOUT);
	assert_int_equal(forever.n_done, 0);
	end_free(&end);
}

static void blocking_calls_do_not_bother_the_loop(void **state)
{
	struct echo echo = { .mode = ECHO_EACH };
	struct read reads[100] = { 0 };
	struct end end;

	end_new(&end, &in_the_loop, false);
	assert_true(front_fd(end.front) >= 0);
	echo_start(&echo, end.peer);
	for (size_t i = 0; i < 100; i++) {
		read_thread(&reads[i], &end, i, patience());
		assert_int_equal(read_join(&reads[i]), 0);
	}
	assert_int_equal(end.n_wants, 0);
	assert_false(readable(front_fd(end.front)));
	front_kill(end.front, -ENOTCONN, "done");
	echo_join(&echo);
	end_free(&end);
}

/* The loop's own thread waits. */

static void a_wait_of_the_loops_thread_serves_requests(void **state)
{
	struct echo echo = { .mode = ECHO_EACH, .asks = true };
	struct read read = { 0 };
	struct end end;

	end_new(&end, &in_the_loop, false);
	end.only_here = true;
	echo_start(&echo, end.peer);
	for (size_t i = 0; i < 200; i++) {
		assert_int_equal(read_start(&read, &end, i, patience()), 0);
		assert_int_equal(read_wait(&read), 0);
	}
	assert_int_equal(end.n_requests, 200);
	assert_false(end.elsewhere);
	front_kill(end.front, -ENOTCONN, "done");
	echo_join(&echo);
	end_free(&end);
}

/* The reader is somebody else, who has to wake the loop's thread for each request. */
static void a_following_loop_thread_serves_requests(void **state)
{
	for (unsigned int i = 0; i < 50; i++) {
		struct read first = { 0 }, own = { 0 };
		struct peer_message m, reply, ours;
		struct end end;

		end_new(&end, &in_the_loop, false);
		end.only_here = true;
		read_thread(&first, &end, 1, patience());
		assert_true(peer_receive(end.peer, &m));
		assert_int_equal(read_start(&own, &end, 2, patience()), 0);
		assert_true(peer_receive(end.peer, &ours));
		peer_ask(end.peer, 1, 0x1000, 8);
		peer_ask(end.peer, 2, 0x1000, 8);
		peer_answer(end.peer, &ours);
		assert_int_equal(read_wait(&own), 0);
		end_dispatch_until(&end, &end.n_requests, 2);
		assert_true(peer_receive(end.peer, &reply) && peer_receive(end.peer, &reply));
		peer_answer(end.peer, &m);
		assert_int_equal(read_join(&first), 0);
		assert_false(end.elsewhere);
		end_free(&end);
	}
}

/* A call, and n requests before its reply. */
static void wait_while_asked(struct end *end, uint16_t n)
{
	struct read read = { 0 };
	struct peer_message m;

	assert_int_equal(read_start(&read, end, 1, patience()), 0);
	assert_true(peer_receive(end->peer, &m));
	for (uint16_t i = 0; i < n; i++)
		peer_ask(end->peer, i, 0x1000, 8);
	peer_answer(end->peer, &m);
	assert_int_equal(read_wait(&read), 0);
	assert_int_equal(end->n_requests, 0);
}

static void without_nesting_a_wait_only_collects(void **state)
{
	struct end end;

	end_new(&end, &collecting, false);
	assert_true(front_fd(end.front) >= 0);
	wait_while_asked(&end, 5);
	assert_true(readable(front_fd(end.front)));
	assert_int_equal(front_dispatch(end.front), 0);
	assert_int_equal(end.n_requests, 5);
	assert_false(readable(front_fd(end.front)));
	end_free(&end);
}

static void an_fd_asked_for_late_knows_what_was_collected(void **state)
{
	struct end end;

	end_new(&end, &collecting, false);
	wait_while_asked(&end, 1);
	assert_true(readable(front_fd(end.front)));
	assert_int_equal(front_dispatch(end.front), 0);
	assert_int_equal(end.n_requests, 1);
	end_free(&end);
}

/* The socket itself. */

static void the_answers_of_one_dispatch_leave_together(void **state)
{
	uint8_t asks[16 * 32], replies[16 * 40 + 1];
	struct end end;

	end_new(&end, &plain, false);
	for (size_t i = 0; i < 16; i++) {
		struct wire_header header = { (uint16_t)i, WIRE_DMA_READ, 32, 0, 0 };
		const uint64_t io[] = { 0x1000, 8 };

		memcpy(asks + i * 32, &header, 16);
		memcpy(asks + i * 32 + 16, io, 16);
	}
	assert_int_equal(send(end.peer, asks, sizeof(asks), 0), sizeof(asks));
	assert_int_equal(front_fd(end.front), front_fd(end.front));
	assert_true(readable(front_fd(end.front)));
	assert_int_equal(front_dispatch(end.front), 0);
	assert_int_equal(end.n_requests, 16);
	assert_int_equal(recv(end.peer, replies, sizeof(replies), MSG_DONTWAIT), 16 * 40);
	assert_int_equal(front_events(end.front), POLLIN);
	end_free(&end);
}

static void a_plain_fd_tells_what_a_wait_collected_as_a_deadline(void **state)
{
	struct end end;

	end_new(&end, &plain, false);
	wait_while_asked(&end, 1);
	assert_false(readable(front_fd(end.front)));
	assert_true(end.n_wants > 0);
	assert_true(front_deadline(end.front) == 0);
	assert_int_equal(front_dispatch(end.front), 0);
	assert_int_equal(end.n_requests, 1);
	assert_true(front_deadline(end.front) == RIG_FOREVER);
	end_free(&end);
}

static void a_plain_fd_waits_for_pollout_while_the_peer_does_not_read(void **state)
{
	struct front_config config = plain;
	struct end end;
	size_t asked = 0, answered = 0;
	char buf[4096];
	ssize_t n;

	config.max_queued = 4096;
	end_new(&end, &config, false);
	/* Until it stops reading: 40 bytes of answer each, then the socket and the queue are full. */
	while (front_events(end.front) & POLLIN) {
		peer_ask(end.peer, 1, 0x1000, 8);
		asked++;
		assert_int_equal(front_dispatch(end.front), 0);
	}
	assert_int_equal(front_events(end.front), POLLOUT);
	assert_true(end.n_requests <= asked);
	while (answered < asked * 40) {
		n = recv(end.peer, buf, sizeof(buf), 0);
		assert_true(n > 0);
		answered += (size_t)n;
		assert_int_equal(front_dispatch(end.front), 0);
	}
	assert_int_equal(end.n_requests, asked);
	assert_int_equal(front_events(end.front), POLLIN);
	end_free(&end);
}

static void a_peer_that_reads_no_reply_and_hangs_up_is_noticed(void **state)
{
	struct front_config config = plain;
	struct end end;

	config.max_queued = 4096;
	end_new(&end, &config, false);
	while (front_events(end.front) & POLLIN) {
		peer_ask(end.peer, 1, 0x1000, 8);
		assert_int_equal(front_dispatch(end.front), 0);
	}
	close(end.peer);
	end.peer = -1;
	assert_int_equal(front_dispatch(end.front), -ECONNRESET);
	assert_int_equal(end.n_dead, 1);
	end_free(&end);
}

static void what_callbacks_said_leaves_at_the_end_or_with_a_flush(void **state)
{
	struct end end;

	end_new(&end, &plain, false);
	end.flush_inside = true;
	peer_ask(end.peer, 1, 0x1000, 8);
	assert_int_equal(front_dispatch(end.front), 0);
	assert_int_equal(end.n_requests, 1);
	end_free(&end);
}

static void a_socket_error_ends_the_connection(void **state)
{
	struct end end;
	char reason[64];
	int fd;

	end_new(&end, &plain, false);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(dup3(fd, front_fd(end.front), O_CLOEXEC) >= 0);
	close(fd);
	assert_int_equal(front_dispatch(end.front), -ENOTSOCK);
	front_reason(end.front, reason, sizeof(reason));
	assert_non_null(strstr(reason, "recvmsg"));
	end_free(&end);
}

/* Fds. */

static const struct wire_dma_map map_io = { .argsz = sizeof(map_io), .size = 4096 };
static const struct wire_region_io read_io = { .count = 4 };

static void fds_stay_with_their_requests(void **state)
{
	int fd = test_eventfd();
	struct end end;

	end_new_server(&end, &plain);
	for (uint16_t id = 0; id < 12; id++) {
		if (id % 3 == 0)
			peer_send(end.peer, id, WIRE_REGION_READ, 0, &read_io, sizeof(read_io));
		else
			peer_send_fds(end.peer, id, WIRE_DMA_MAP, &map_io, sizeof(map_io), &fd,
				      id % 3 == 1);
	}
	assert_int_equal(front_dispatch(end.front), 0);
	assert_int_equal(end.n_requests, 12);
	assert_int_equal(end.n_fds, 4);
	assert_true(fcntl(end.keep, F_GETFD) & FD_CLOEXEC);
	close(end.keep);
	close(fd);
	end_free(&end);
}

static void fds_of_requests_that_nobody_took_are_closed(void **state)
{
	int fd = test_eventfd();
	struct end end;

	end_new_server(&end, &collecting);
	end.keep = 0; /* taken: none */
	end.hold = true;
	for (uint16_t id = 0; id < 3; id++)
		peer_send_fds(end.peer, id, WIRE_DMA_MAP, &map_io, sizeof(map_io), &fd, 1);
	end_dispatch_until(&end, &end.n_requests, 2);
	front_reply_error(end.front, end.held[0], -EIO);
	for (uint16_t id = 3; id < 6; id++) /* never called back */
		peer_send_fds(end.peer, id, WIRE_DMA_MAP, &map_io, sizeof(map_io), &fd, 1);
	end_free(&end);
	for (size_t i = 1; i < end.n_held; i++) /* long gone */
		front_reply_error(end.front, end.held[i], -EIO);
	close(fd);
}

static void fds_that_did_not_fit_end_the_connection(void **state)
{
	struct wire_irq_set set = {
		.argsz = sizeof(set),
		.flags = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
		.count = 8,
	};
	struct rlimit limit, few;
	struct end end;
	int fds[8];

	end_new_server(&end, &plain);
	for (size_t i = 0; i < 8; i++)
		fds[i] = test_eventfd();
	peer_send_fds(end.peer, 1, WIRE_DEVICE_SET_IRQS, &set, sizeof(set), fds, 8);
	/* Room for three more in this process, so that the kernel drops five. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = (rlim_t)fds[7] + 1;
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(front_dispatch(end.front), -EPROTO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(end.n_requests, 0);
	for (size_t i = 3; i < 8; i++)
		close(fds[i]);
	end_free(&end);
}

/* Two fronts that face each other. */

struct mirror {
	struct front *front;
	size_t n_fds; /* that came */
};

/* Reads get what they ask for, other commands an empty reply. */
static void mirror_request(void *opaque, struct front_request *r)
{
	static const uint8_t zeroes[100000];
	struct mirror *mirror = opaque;
	const struct wire_region_io *io = r->wire.region_io;
	const struct iovec iov[] = { { (void *)io, sizeof(*io) }, { (void *)zeroes, io->count } };

	mirror->n_fds += r->fds != NULL ? r->fds->n : 0;
	front_reply_ok(mirror->front, r, iov, r->wire.command == WIRE_REGION_READ ? 2 : 0, NULL, 0);
}

static void mirror_new(struct mirror *mirror, int fd)
{
	static const struct front_ops ops = { .request = mirror_request };
	const struct front_config config = {
		.peer = WIRE_FROM_CLIENT,
		.accepts = { 1u << 20, 8 },
		.dispatch_only = true,
		.plain_fd = true,
		.ops = &ops,
		.opaque = mirror,
	};

	mirror->n_fds = 0;
	assert_int_equal(front_new(fd, &config, &mirror->front), 0);
}

struct long_call {
	struct front_call call;
	size_t *n_over;
	size_t len; /* of the reply */
};

static int long_accept(struct front_call *call, const struct link_reply *reply)
{
	((struct long_call *)call)->len = reply->len;
	return reply->error;
}

static void long_done(struct front_call *call, int result)
{
	assert_int_equal(result, 0);
	++*((struct long_call *)call)->n_over;
}

static void long_start(struct front *front, struct long_call *call, enum wire_command command,
		       const void *payload, size_t len, const int *fds, size_t n_fds)
{
	const struct iovec iov = { (void *)payload, len };

	call->call = (struct front_call) { .accept = long_accept, .done = long_done };
	assert_int_equal(front_start(front, &call->call, command, &iov, 1, fds, n_fds, 200000, 0,
				     patience()),
			 0);
}

static void full_sockets_and_empty_ones_lose_nothing(void **state)
{
	const struct wire_region_io io = { .count = 100000 };
	const int fd = test_eventfd(), few = 4096;
	struct long_call calls[80];
	struct mirror mirror;
	size_t n_over = 0;
	struct end end;

	end_new(&end, &plain, false);
	assert_int_equal(setsockopt(end.peer, SOL_SOCKET, SO_SNDBUF, &few, sizeof(few)), 0);
	assert_int_equal(setsockopt(front_fd(end.front), SOL_SOCKET, SO_SNDBUF, &few, sizeof(few)),
			 0);
	mirror_new(&mirror, end.peer);
	end.peer = -1;
	for (size_t i = 0; i < 80; i += 2) {
		calls[i].n_over = calls[i + 1].n_over = &n_over;
		long_start(end.front, &calls[i], WIRE_REGION_READ, &io, sizeof(io), NULL, 0);
		long_start(end.front, &calls[i + 1], WIRE_DMA_MAP, &map_io, sizeof(map_io), &fd, 1);
	}
	/* Blindly, ready or not: EAGAIN is nothing special. */
	while (n_over < 80) {
		assert_int_equal(front_dispatch(end.front), 0);
		assert_int_equal(front_dispatch(mirror.front), 0);
	}
	assert_int_equal(mirror.n_fds, 40);
	for (size_t i = 0; i < 80; i++)
		assert_int_equal(calls[i].len, i % 2 == 0 ? 100016 : 0);
	assert_int_equal(front_events(end.front), POLLIN);
	assert_int_equal(front_events(mirror.front), POLLIN);
	front_free(mirror.front);
	end_free(&end);
	close(fd);
}

/* Answers from another thread. */

static void *answer_held(void *opaque)
{
	struct end *end = opaque;

	for (size_t i = 0; i < end->n_held; i++)
		front_reply_error(end->front, end->held[i], -EIO);
	return NULL;
}

static void requests_may_be_answered_by_another_thread(void **state)
{
	struct front_config config = collecting;
	struct peer_message m;
	struct end end;
	pthread_t thread;

	config.max_outstanding = 8;
	end_new(&end, &config, false);
	end.hold = true;
	for (uint16_t i = 0; i < 16; i++)
		peer_ask(end.peer, i, 0x1000, 8);
	end_dispatch_until(&end, &end.n_requests, 8);
	front_dispatch(end.front);
	assert_int_equal(end.n_requests, 8);
	assert_int_equal(pthread_create(&thread, NULL, answer_held, &end), 0);
	/* Those that waited for room are handled then, and the loop hears of it. */
	for (uint16_t i = 0; i < 8; i++) {
		assert_true(peer_receive(end.peer, &m));
		assert_int_equal(m.header.error, EIO);
	}
	pthread_join(thread, NULL);
	end_dispatch_until(&end, &end.n_requests, 16);
	assert_int_equal(end.n_held, 16);
	for (size_t i = 8; i < 16; i++)
		front_reply_error(end.front, end.held[i], -EIO);
	end_free(&end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		counted(a_loop_gets_requests_and_completions),
		counted(callbacks_run_in_the_dispatching_thread_only),
		counted(cancel_and_kill_wake_the_loop),
		counted(death_is_told_after_requests_and_before_completions_end),
		counted(freeing_completes_each_call_once),
		counted(settling_waits_for_callbacks_of_other_threads),
		counted(settling_calls_back_what_is_left),
		counted(the_loop_times_out_its_calls),
		counted(blocking_calls_do_not_bother_the_loop),
		counted(a_wait_of_the_loops_thread_serves_requests),
		counted(a_following_loop_thread_serves_requests),
		counted(without_nesting_a_wait_only_collects),
		counted(an_fd_asked_for_late_knows_what_was_collected),
		counted(the_answers_of_one_dispatch_leave_together),
		counted(a_plain_fd_tells_what_a_wait_collected_as_a_deadline),
		counted(a_plain_fd_waits_for_pollout_while_the_peer_does_not_read),
		counted(a_peer_that_reads_no_reply_and_hangs_up_is_noticed),
		counted(what_callbacks_said_leaves_at_the_end_or_with_a_flush),
		counted(a_socket_error_ends_the_connection),
		counted(fds_stay_with_their_requests),
		counted(fds_of_requests_that_nobody_took_are_closed),
		counted(fds_that_did_not_fit_end_the_connection),
		counted(full_sockets_and_empty_ones_lose_nothing),
		counted(requests_may_be_answered_by_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
