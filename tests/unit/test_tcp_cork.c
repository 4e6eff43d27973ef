/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_tcp_cork.c - sockets of connections that have more than one frame in a batch are corked
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/user/packet.h"
#include "net/user/tcp_cork.h"

#define SOCKETS 100u /* more than are corked at once, and than the table begins with */
#define FRAME	600u
#define SMALL	60u

struct fixture {
	struct tcp_cork *cork;
	int fds[SOCKETS];
};

static int setup(void **state)
{
	static struct fixture f;

	assert_int_equal(tcp_cork_new(&f.cork), 0);
	for (size_t i = 0; i < SOCKETS; i++) {
		f.fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_true(f.fds[i] >= 0);
	}
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < SOCKETS; i++)
		close(f->fds[i]);
	tcp_cork_free(f->cork);
	return 0;
}

static void frame_of(unsigned int port, uint8_t flags, uint8_t ret[FRAME])
{
	memset(ret, 0, FRAME);
	packet_put16(ret + PACKET_ETH_TYPE, 0x0800);
	ret[PACKET_IP] = 0x45;
	ret[PACKET_IP + 9] = IPPROTO_TCP;
	packet_put16(ret + PACKET_IP + 20, port);
	ret[PACKET_IP + 20 + 13] = flags;
}

static void pass(struct fixture *f, unsigned int port)
{
	uint8_t frame[FRAME];

	frame_of(port, TH_ACK, frame);
	tcp_cork_frame(f->cork, frame, FRAME);
	tcp_cork_framed(f->cork);
}

/* As libslirp does: the socket is made while it looks at the frame. */
static void open_by(struct fixture *f, unsigned int port, uint8_t flags, int fd)
{
	uint8_t frame[FRAME];

	frame_of(port, flags, frame);
	tcp_cork_frame(f->cork, frame, SMALL);
	tcp_cork_opened(f->cork, fd);
	tcp_cork_framed(f->cork);
}

/* Connection @port, in a batch of its own. */
static void open_one(struct fixture *f, unsigned int port)
{
	open_by(f, port, TH_SYN, f->fds[port]);
	tcp_cork_release(f->cork);
}

static int is_corked(int fd)
{
	int on = -1;
	socklen_t len = sizeof(on);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, &len), 0);
	return on;
}

static void a_connection_is_corked_from_its_second_frame_to_the_end_of_the_batch(void **state)
{
	struct fixture *f = *state;

	open_one(f, 1);
	for (int batch = 0; batch < 3; batch++) {
		pass(f, 1);
		assert_int_equal(is_corked(f->fds[1]), 0);
		pass(f, 1);
		assert_int_equal(is_corked(f->fds[1]), 1);
		pass(f, 1);
		assert_int_equal(is_corked(f->fds[1]), 1);
		tcp_cork_release(f->cork);
		assert_int_equal(is_corked(f->fds[1]), 0);
	}
}

static void one_frame_in_each_batch_corks_nothing(void **state)
{
	struct fixture *f = *state;

	open_one(f, 1);
	for (int batch = 0; batch < 3; batch++) {
		pass(f, 1);
		assert_int_equal(is_corked(f->fds[1]), 0);
		tcp_cork_release(f->cork);
	}
}

static void small_frames_cork_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[FRAME];

	open_one(f, 1);
	frame_of(1, TH_ACK, frame);
	for (size_t len = 0; len <= SMALL; len++) {
		tcp_cork_frame(f->cork, frame, len);
		tcp_cork_framed(f->cork);
	}
	assert_int_equal(is_corked(f->fds[1]), 0);
}

static void each_connection_has_its_own_socket(void **state)
{
	struct fixture *f = *state;

	open_one(f, 1);
	open_one(f, 2);
	open_one(f, 3);
	pass(f, 1);
	pass(f, 2);
	pass(f, 1);
	assert_int_equal(is_corked(f->fds[1]), 1);
	assert_int_equal(is_corked(f->fds[2]), 0);
	pass(f, 2);
	pass(f, 3);
	assert_int_equal(is_corked(f->fds[2]), 1);
	assert_int_equal(is_corked(f->fds[3]), 0);
	tcp_cork_release(f->cork);
	assert_int_equal(is_corked(f->fds[1]) + is_corked(f->fds[2]), 0);
}

static void more_connections_than_are_corked_at_once_are_all_released(void **state)
{
	struct fixture *f = *state;
	unsigned int n = 0;

	for (unsigned int i = 0; i < SOCKETS; i++)
		open_one(f, i);
	for (unsigned int i = 0; i < 2 * SOCKETS; i++)
		pass(f, i % SOCKETS);
	for (unsigned int i = 0; i < SOCKETS; i++)
		n += (unsigned int)is_corked(f->fds[i]);
	assert_true(n > 1 && n < SOCKETS);
	tcp_cork_release(f->cork);
	for (unsigned int i = 0; i < SOCKETS; i++)
		assert_int_equal(is_corked(f->fds[i]), 0);
}

/* The number is somebody else's then. */
static void a_closed_socket_is_not_touched(void **state)
{
	struct fixture *f = *state;
	const int on = 1;

	open_one(f, 1);
	pass(f, 1);
	pass(f, 1);
	tcp_cork_closed(f->cork, f->fds[1]);
	assert_int_equal(setsockopt(f->fds[1], IPPROTO_TCP, TCP_CORK, &on, sizeof(on)), 0);
	tcp_cork_release(f->cork);
	assert_int_equal(is_corked(f->fds[1]), 1);
	assert_int_equal(setsockopt(f->fds[1], IPPROTO_TCP, TCP_CORK, &(int) { 0 }, sizeof(int)),
			 0);
	pass(f, 1);
	pass(f, 1);
	assert_int_equal(is_corked(f->fds[1]), 0);
}

static void a_number_that_is_used_again_is_the_new_connections(void **state)
{
	struct fixture *f = *state;

	open_one(f, 1);
	tcp_cork_closed(f->cork, f->fds[1]);
	open_by(f, 2, TH_SYN, f->fds[1]);
	tcp_cork_release(f->cork);
	pass(f, 1);
	pass(f, 1);
	assert_int_equal(is_corked(f->fds[1]), 0);
	pass(f, 2);
	pass(f, 2);
	assert_int_equal(is_corked(f->fds[1]), 1);
	tcp_cork_release(f->cork);
}

static void only_the_frame_that_begins_a_connection_says_whose_a_socket_is(void **state)
{
	struct fixture *f = *state;

	open_by(f, 1, TH_SYN | TH_ACK, f->fds[1]);
	open_by(f, 2, TH_ACK, f->fds[2]);
	tcp_cork_opened(f->cork, -1);
	tcp_cork_closed(f->cork, -1);
	tcp_cork_closed(f->cork, 1 << 20);
	tcp_cork_release(f->cork);
	for (unsigned int i = 0; i < 4; i++) {
		pass(f, i);
		pass(f, i);
		assert_int_equal(is_corked(f->fds[i]), 0);
	}
}

/* As libslirp does for a forward: it accepts, then sends the guest a SYN. */
static void accept_one(struct fixture *f, unsigned int guest_port, uint8_t flags, int fd)
{
	uint8_t frame[FRAME];

	tcp_cork_opened(f->cork, fd);
	frame_of(0, flags, frame);
	packet_put16(frame + PACKET_IP + 22, guest_port);
	tcp_cork_to_guest(f->cork, frame, SMALL);
}

static void a_forwards_connection_is_the_one_that_the_guest_is_told_of(void **state)
{
	struct fixture *f = *state;

	accept_one(f, 1, TH_SYN, f->fds[1]);
	accept_one(f, 2, TH_SYN, f->fds[2]);
	tcp_cork_release(f->cork);
	pass(f, 2);
	pass(f, 2);
	assert_int_equal(is_corked(f->fds[1]), 0);
	assert_int_equal(is_corked(f->fds[2]), 1);
	tcp_cork_release(f->cork);
	assert_int_equal(is_corked(f->fds[2]), 0);
}

static void nothing_but_a_syn_tells_a_guest_of_a_connection(void **state)
{
	struct fixture *f = *state;

	accept_one(f, 1, TH_SYN | TH_ACK, f->fds[1]);
	tcp_cork_release(f->cork);
	pass(f, 1);
	pass(f, 1);
	assert_int_equal(is_corked(f->fds[1]), 0);
}

static void a_connection_that_ends_before_the_guest_is_told_of_it_is_forgotten(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[FRAME];

	tcp_cork_opened(f->cork, f->fds[1]);
	tcp_cork_closed(f->cork, f->fds[1]);
	frame_of(0, TH_SYN, frame);
	tcp_cork_to_guest(f->cork, frame, SMALL);
	pass(f, 0);
	pass(f, 0);
	assert_int_equal(is_corked(f->fds[1]), 0);
}

static void what_is_no_segment_belongs_to_no_connection(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[FRAME];

	open_one(f, 1);
	frame_of(1, TH_ACK, frame);
	frame[PACKET_IP + 9] = IPPROTO_UDP;
	tcp_cork_frame(f->cork, frame, FRAME);
	tcp_cork_frame(f->cork, frame, FRAME);
	assert_int_equal(is_corked(f->fds[1]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_connection_is_corked_from_its_second_frame_to_the_end_of_the_batch),
		TEST(one_frame_in_each_batch_corks_nothing),
		TEST(small_frames_cork_nothing),
		TEST(each_connection_has_its_own_socket),
		TEST(more_connections_than_are_corked_at_once_are_all_released),
		TEST(a_closed_socket_is_not_touched),
		TEST(a_number_that_is_used_again_is_the_new_connections),
		TEST(only_the_frame_that_begins_a_connection_says_whose_a_socket_is),
		TEST(a_forwards_connection_is_the_one_that_the_guest_is_told_of),
		TEST(nothing_but_a_syn_tells_a_guest_of_a_connection),
		TEST(a_connection_that_ends_before_the_guest_is_told_of_it_is_forgotten),
		TEST(what_is_no_segment_belongs_to_no_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
