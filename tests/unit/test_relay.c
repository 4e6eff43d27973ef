/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_relay.c - forwards that go through the process, by sockets of this host
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "net/relay/stream_relay.h"
#include "net/relay/udp_relay.h"

#define FLOWS 256 /* that are remembered */

struct fixture {
	uv_loop_t loop;
	struct sockaddr_in6 front, behind; /* what clients know; what is dialled */
	int front_fd, behind_fd, type;
	unsigned int dialled;
	int refuse; /* dial() returns this, if it is not 0 */
};

static int open_socket(int type, struct sockaddr_in6 *ret)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 16), 0);
	*ret = address;
	return fd;
}

static int connect_to(const struct sockaddr_in6 *address, int type)
{
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		    errno == EINPROGRESS);
	return fd;
}

static int dial(void *opaque)
{
	struct fixture *fixture = opaque;

	fixture->dialled++;
	return fixture->refuse ? fixture->refuse : connect_to(&fixture->behind, fixture->type);
}

static void set_up(struct fixture *fixture, int type)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->type = type;
	assert_int_equal(uv_loop_init(&fixture->loop), 0);
	fixture->front_fd = open_socket(type, &fixture->front);
	fixture->behind_fd = open_socket(type, &fixture->behind);
}

static void tear_down(struct fixture *fixture)
{
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&fixture->loop), 0);
	close(fixture->front_fd);
	close(fixture->behind_fd);
}

/* Let the relay work until there is something to read. */
static void until_readable(struct fixture *fixture, int fd)
{
	for (unsigned int i = 0; i < 1000; i++) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

		uv_run(&fixture->loop, UV_RUN_NOWAIT);
		if (poll(&poll_fd, 1, 10) > 0)
			return;
	}
	fail_msg("nothing comes");
}

static void expect(struct fixture *fixture, int fd, const char *text)
{
	char got[64];

	until_readable(fixture, fd);
	assert_int_equal(recv(fd, got, sizeof(got), 0), strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

/* Streams */

static void the_end_of_one_direction_leaves_the_other(void **state)
{
	struct stream_relays *relays;
	struct stream_relay *relay;
	struct fixture fixture;
	int client, server;

	set_up(&fixture, SOCK_STREAM);
	assert_int_equal(stream_relays_new(&fixture.loop, &relays), 0);
	assert_int_equal(
		stream_relay_new(relays, fixture.front_fd, "tcp:x", dial, &fixture, &relay), 0);
	client = connect_to(&fixture.front, SOCK_STREAM);
	until_readable(&fixture, fixture.behind_fd);
	server = accept4(fixture.behind_fd, NULL, NULL, SOCK_NONBLOCK);
	assert_true(server >= 0);
	assert_int_equal(send(client, "question", 8, 0), 8);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	expect(&fixture, server, "question");
	expect(&fixture, server, "");
	stream_relay_free(relay); /* connections stay */
	assert_int_equal(send(server, "answer", 6, 0), 6);
	close(server);
	expect(&fixture, client, "answer");
	expect(&fixture, client, "");
	stream_relays_free(relays);
	close(client);
	tear_down(&fixture);
}

static void who_cannot_be_connected_is_let_go(void **state)
{
	struct stream_relays *relays;
	struct stream_relay *relay;
	struct fixture fixture;
	int refused, closed;

	set_up(&fixture, SOCK_STREAM);
	assert_int_equal(stream_relays_new(&fixture.loop, &relays), 0);
	assert_int_equal(
		stream_relay_new(relays, fixture.front_fd, "tcp:x", dial, &fixture, &relay), 0);
	fixture.refuse = -ENETUNREACH;
	refused = connect_to(&fixture.front, SOCK_STREAM);
	expect(&fixture, refused, "");
	fixture.refuse = 0;
	fixture.behind.sin6_port = htons(1); /* nobody's: refused after connect() */
	closed = connect_to(&fixture.front, SOCK_STREAM);
	until_readable(&fixture, closed);
	assert_true(recv(closed, &(char) { 0 }, 1, 0) <= 0);
	assert_int_equal(fixture.dialled, 2);
	stream_relay_free(relay);
	stream_relays_free(relays);
	close(refused);
	close(closed);
	tear_down(&fixture);
}

/* Its queue has room for one; the next one's request to connect is dropped, and repeated. */
static int fill_queue(const struct fixture *fixture)
{
	struct pollfd poll_fd = { .fd = connect_to(&fixture->behind, SOCK_STREAM),
				  .events = POLLOUT };

	assert_int_equal(listen(fixture->behind_fd, 0), 0);
	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	return poll_fd.fd;
}

static void the_end_of_one_direction_waits_for_the_connection(void **state)
{
	struct stream_relays *relays;
	struct stream_relay *relay;
	struct fixture fixture;
	int first, client, server;

	set_up(&fixture, SOCK_STREAM);
	first = fill_queue(&fixture);
	assert_int_equal(stream_relays_new(&fixture.loop, &relays), 0);
	assert_int_equal(
		stream_relay_new(relays, fixture.front_fd, "tcp:x", dial, &fixture, &relay), 0);
	client = connect_to(&fixture.front, SOCK_STREAM);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	while (fixture.dialled == 0)
		uv_run(&fixture.loop, UV_RUN_ONCE);
	for (unsigned int i = 0; i < 10; i++)
		uv_run(&fixture.loop, UV_RUN_NOWAIT); /* the end is there by now */
	close(accept4(fixture.behind_fd, NULL, NULL, SOCK_CLOEXEC));
	until_readable(&fixture, fixture.behind_fd);
	server = accept4(fixture.behind_fd, NULL, NULL, SOCK_NONBLOCK);
	assert_true(server >= 0);
	expect(&fixture, server, "");
	assert_int_equal(send(server, "answer", 6, 0), 6);
	expect(&fixture, client, "answer");
	stream_relay_free(relay);
	stream_relays_free(relays);
	close(first);
	close(client);
	close(server);
	tear_down(&fixture);
}

/* Datagrams */

static void answer(struct fixture *fixture, const char *question, const char *text)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char got[64];

	until_readable(fixture, fixture->behind_fd);
	assert_int_equal(recvfrom(fixture->behind_fd, got, sizeof(got), 0, (void *)&from, &len),
			 strlen(question));
	assert_memory_equal(got, question, strlen(question));
	assert_int_equal(sendto(fixture->behind_fd, text, strlen(text), 0, (void *)&from, len),
			 strlen(text));
}

static void answers_find_back_to_who_asked(void **state)
{
	struct udp_relay *relay;
	struct fixture fixture;
	int clients[2];

	set_up(&fixture, SOCK_DGRAM);
	assert_int_equal(udp_relay_new(&fixture.loop, fixture.front_fd, dial, &fixture, &relay), 0);
	for (unsigned int i = 0; i < 2; i++)
		clients[i] = connect_to(&fixture.front, SOCK_DGRAM);
	for (unsigned int round = 0; round < 2; round++) {
		assert_int_equal(send(clients[0], "a", 1, 0), 1);
		answer(&fixture, "a", "to a");
		assert_int_equal(send(clients[1], "", 0, 0), 0);
		answer(&fixture, "", "to nothing");
		expect(&fixture, clients[1], "to nothing");
		expect(&fixture, clients[0], "to a");
	}
	assert_int_equal(fixture.dialled, 2);
	udp_relay_free(relay);
	close(clients[0]);
	close(clients[1]);
	tear_down(&fixture);
}

static void the_one_that_was_silent_for_longest_makes_room(void **state)
{
	int clients[FLOWS + 1];
	struct udp_relay *relay;
	struct fixture fixture;

	set_up(&fixture, SOCK_DGRAM);
	assert_int_equal(udp_relay_new(&fixture.loop, fixture.front_fd, dial, &fixture, &relay), 0);
	for (int i = 0; i <= FLOWS; i++) {
		clients[i] = connect_to(&fixture.front, SOCK_DGRAM);
		assert_int_equal(send(clients[i], "q", 1, 0), 1);
		answer(&fixture, "q", "r");
		expect(&fixture, clients[i], "r");
	}
	assert_int_equal(fixture.dialled, FLOWS + 1);
	assert_int_equal(send(clients[1], "q", 1, 0), 1); /* is remembered */
	answer(&fixture, "q", "r");
	assert_int_equal(fixture.dialled, FLOWS + 1);
	assert_int_equal(send(clients[0], "q", 1, 0), 1); /* made room */
	answer(&fixture, "q", "r");
	assert_int_equal(fixture.dialled, FLOWS + 2);
	for (int i = 0; i <= FLOWS; i++)
		close(clients[i]);
	udp_relay_free(relay);
	tear_down(&fixture);
}

static void an_answer_finds_back_after_a_refusal(void **state)
{
	struct udp_relay *relay;
	struct fixture fixture;
	int client;

	set_up(&fixture, SOCK_DGRAM);
	assert_int_equal(udp_relay_new(&fixture.loop, fixture.front_fd, dial, &fixture, &relay), 0);
	client = connect_to(&fixture.front, SOCK_DGRAM);
	close(fixture.behind_fd); /* the service is not up yet: ICMP says so */
	assert_int_equal(send(client, "early", 5, 0), 5);
	while (fixture.dialled == 0)
		uv_run(&fixture.loop, UV_RUN_ONCE);
	for (unsigned int i = 0; i < 10; i++)
		uv_run(&fixture.loop, UV_RUN_NOWAIT);
	fixture.behind_fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(fixture.behind_fd, (struct sockaddr *)&fixture.behind, sizeof(fixture.behind)),
		0);
	assert_int_equal(send(client, "again", 5, 0), 5);
	answer(&fixture, "again", "here");
	expect(&fixture, client, "here");
	assert_int_equal(fixture.dialled, 1);
	udp_relay_free(relay);
	close(client);
	tear_down(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_of_one_direction_leaves_the_other),
		cmocka_unit_test(who_cannot_be_connected_is_let_go),
		cmocka_unit_test(the_end_of_one_direction_waits_for_the_connection),
		cmocka_unit_test(answers_find_back_to_who_asked),
		cmocka_unit_test(an_answer_finds_back_after_a_refusal),
		cmocka_unit_test(the_one_that_was_silent_for_longest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
