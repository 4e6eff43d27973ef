/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dgram.c - guests on datagram sockets, each a port of a whole user network
 *
 *   client --- dgram socket "a" --+
 *                                 +-- switch -- uplink
 *   client --- dgram socket "b" --+
 *
 * A client is bound to a path, as QEMU's -netdev dgram is; or connected as well, as vfkit is.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/ports/dgram_peer.h"
#include "ports_net.h"
#include "sys/sock.h"

#define LEN 100u

struct client {
	int fd;
	struct sockaddr_un server;
	char path[64]; /* "" : none */
	size_t n_got;
	uint8_t first, last;
	bool wrong; /* an empty datagram, or one that is no frame */
	size_t wanted;
};

static void path_of(struct ports_net *p, const char *name, char buf[64])
{
	snprintf(buf, 64, "%s/%s", p->dir, name);
}

/* @name: of its own socket in the directory, NULL: none; @server: that of ours */
static void client_start(struct ports_net *p, struct client *c, const char *name,
			 const char *server)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX };
	char path[64];

	*c = (struct client) { .fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
	path_of(p, server, path);
	assert_int_equal(sock_address(path, &c->server), 0);
	if (!name)
		return;
	path_of(p, name, c->path);
	strcpy(own.sun_path, c->path);
	assert_int_equal(bind(c->fd, (struct sockaddr *)&own, sizeof(own)), 0);
}

static void client_end(struct client *c)
{
	close(c->fd);
	if (c->path[0])
		assert_int_equal(unlink(c->path), 0);
}

static void client_connect(struct client *c)
{
	assert_int_equal(connect(c->fd, (struct sockaddr *)&c->server, sizeof(c->server)), 0);
}

/* Return: 0, -errno */
static int try_send(struct client *c, const void *bytes, size_t len)
{
	ssize_t r = sendto(c->fd, bytes, len, MSG_DONTWAIT, (struct sockaddr *)&c->server,
			   sizeof(c->server));

	return r < 0 ? -errno : 0;
}

static void send_bytes(struct client *c, const void *bytes, size_t len)
{
	assert_int_equal(try_send(c, bytes, len), 0);
}

static void send_frame(struct client *c, uint8_t to, uint8_t from, uint8_t fill)
{
	uint8_t frame[LEN];

	test_frame(frame, to, from, fill, LEN);
	send_bytes(c, frame, LEN);
}

static bool client_read(struct client *c)
{
	uint8_t bytes[2048];
	ssize_t r = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (r < 0)
		return false;
	c->wrong |= r < (ssize_t)FRAME_ETH_HEADER;
	if (is_test_frame(bytes, (size_t)r)) {
		c->last = bytes[r - 1];
		if (c->n_got++ == 0)
			c->first = c->last;
	}
	return true;
}

static bool has_wanted(void *opaque)
{
	struct client *c = opaque;

	while (c->n_got < c->wanted && client_read(c)) {
	}
	return c->n_got >= c->wanted;
}

static bool got(struct ports_net *p, struct client *c, size_t n)
{
	c->wanted = n;
	return ports_until(p, has_wanted, c) && c->n_got == n && !c->wrong;
}

static struct port_socket *plug(struct ports_net *p, const char *name)
{
	struct port_socket_config config = ports_config(p, PORT_SOCKET_DGRAM, name);
	char path[64];

	path_of(p, name, path);
	config.path = path;
	return ports_plug(p, &config);
}

/* Clients "ca" and "cb" on sockets "a" and "b", who are known there. */
static struct port_socket *two(struct ports_net *p, struct client *a, struct client *b)
{
	struct port_socket *socket = plug(p, "a");

	plug(p, "b");
	client_start(p, a, "ca", "a");
	client_start(p, b, "cb", "b");
	send_bytes(a, "VFKT", 4);
	send_bytes(b, "VFKT", 4);
	assert_true(ports_until_port(p, "a", true));
	assert_true(ports_until_port(p, "b", true));
	return socket;
}

static void the_first_frame_says_where_the_guest_is(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;

	plug(p, "a");
	plug(p, "b");
	client_start(p, &a, "ca", "a");
	client_start(p, &b, "cb", "b");
	assert_false(port_is_up(port_find(p->table, "a")));
	send_frame(&a, 0xff, 1, 'x');
	assert_true(ports_until_port(p, "a", true));
	send_frame(&b, 1, 2, 'y');
	assert_true(got(p, &a, 1));
	assert_int_equal(a.last, 'y');
	/* Nor was that first frame lost: it made the address known. */
	assert_int_equal(ports_counters(p, "a").channel.sent_frames, 1);
	send_frame(&a, 2, 1, 'z');
	assert_true(got(p, &b, 1));
	client_end(&a);
	client_end(&b);
}

static void the_hello_is_swallowed_whenever_it_comes(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;
	struct port_socket *socket = two(p, &a, &b);

	for (int i = 0; i < 3; i++) {
		send_bytes(&a, "VFKT", 4);
		send_frame(&a, 0xff, 1, 'h');
		assert_true(got(p, &b, (size_t)i + 1));
	}
	assert_int_equal(ports_counters(p, "a").channel.sent_frames, 3);
	assert_int_equal(ports_counter(socket, "not_frames_total"), 0);
	client_end(&a);
	client_end(&b);
}

static void what_is_neither_hello_nor_frame_is_nobodys(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} wrong[] = { { "", 0 },     { "V", 1 },      { "VFK", 3 },  { "VFKU", 4 },
		      { "vfkt", 4 }, { "VFKT\0", 5 }, { "TKFV", 4 }, { "thirteenbytes", 13 } };
	struct ports_net *p = *state;
	struct port_socket *socket = plug(p, "a");
	struct client a;

	client_start(p, &a, "ca", "a");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		send_bytes(&a, wrong[i].bytes, wrong[i].len);
		ports_turn(p);
		assert_int_equal(ports_counter(socket, "not_frames_total"), i + 1);
		assert_false(port_is_up(port_find(p->table, "a")));
	}
	send_frame(&a, 0xff, 1, 'x');
	assert_true(ports_until_port(p, "a", true));
	/* Nor do they disturb a guest that is known. */
	send_bytes(&a, "", 0);
	send_frame(&a, 0xff, 1, 'x');
	ports_turn(p);
	assert_int_equal(ports_counters(p, "a").channel.sent_frames, 2);
	client_end(&a);
}

static void a_datagram_larger_than_any_frame_is_dropped_and_counted(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;
	struct port_socket *socket = two(p, &a, &b);
	uint8_t *large = calloc(1, 80000);

	test_frame(large, 0xff, 1, 'l', 80000);
	send_bytes(&a, large, DGRAM_FRAME_MAX + 1);
	ports_turn(p);
	send_bytes(&a, large, 80000);
	ports_turn(p);
	send_bytes(&a, large, DGRAM_FRAME_MAX); /* a frame, if too large for this network */
	ports_turn(p);
	send_frame(&a, 0xff, 1, 's');
	assert_true(got(p, &b, 1));
	assert_int_equal(b.last, 's');
	assert_int_equal(ports_counter(socket, "not_frames_total"), 2);
	assert_int_equal(ports_counters(p, "a").channel.sent_dropped, 1);
	free(large);
	client_end(&a);
	client_end(&b);
}

static void a_second_client_is_ignored_while_the_first_one_lives(void **state)
{
	struct ports_net *p = *state;
	struct client a, b, thief;
	struct port_socket *socket = two(p, &a, &b);

	client_start(p, &thief, "ct", "a");
	send_bytes(&thief, "VFKT", 4);
	send_frame(&thief, 0xff, 9, 't');
	send_frame(&a, 0xff, 1, 'a');
	assert_true(got(p, &b, 1));
	assert_int_equal(b.last, 'a');
	assert_int_equal(ports_counter(socket, "from_others_total"), 2);
	send_frame(&b, 1, 2, 'b');
	assert_true(got(p, &a, 1));
	assert_false(client_read(&thief));
	/* Its turn comes when the first one is gone, and needs no send to find out. */
	client_end(&a);
	send_frame(&thief, 0xff, 9, 'T');
	assert_true(got(p, &b, 2));
	assert_int_equal(b.last, 'T');
	assert_int_equal(ports_counter(socket, "from_others_total"), 2);
	client_end(&b);
	client_end(&thief);
}

static void a_guest_may_come_back_at_the_same_path_or_another(void **state)
{
	static const char *const names[] = { "ca", "other", "ca" };
	struct ports_net *p = *state;
	struct client a, b;

	two(p, &a, &b);
	for (size_t i = 0; i < 3; i++) {
		client_end(&a);
		client_start(p, &a, names[i], "a");
		send_frame(&a, 0xff, 1, (uint8_t)i);
		assert_true(got(p, &b, i + 1));
		send_frame(&b, 1, 2, 'r');
		assert_true(got(p, &a, 1));
	}
	client_end(&a);
	client_end(&b);
}

static void a_guest_that_is_gone_is_noticed_by_what_is_sent_to_it(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;

	two(p, &a, &b);
	client_end(&a); /* the name is gone, too */
	send_frame(&b, 0xff, 2, 'x');
	assert_true(ports_until_port(p, "a", false));
	client_start(p, &a, "ca", "a");
	send_bytes(&a, "VFKT", 4);
	assert_true(ports_until_port(p, "a", true));
	close(a.fd); /* the name stays */
	send_frame(&b, 0xff, 2, 'x');
	assert_true(ports_until_port(p, "a", false));
	a.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	client_end(&a);
	client_end(&b);
}

static void a_client_that_cannot_be_answered_is_no_guest(void **state)
{
	struct ports_net *p = *state;
	struct port_socket *socket = plug(p, "a");
	struct client nameless, lost;

	client_start(p, &nameless, NULL, "a");
	send_frame(&nameless, 0xff, 1, 'n');
	ports_turn(p);
	assert_int_equal(ports_counter(socket, "unanswerable_total"), 1);
	client_start(p, &lost, "cl", "a");
	assert_int_equal(unlink(lost.path), 0); /* as a relative path would be elsewhere */
	send_frame(&lost, 0xff, 1, 'l');
	ports_turn(p);
	assert_int_equal(ports_counter(socket, "unanswerable_total"), 2);
	assert_false(port_is_up(port_find(p->table, "a")));
	assert_int_equal(ports_counters(p, "a").channel.sent_frames, 0);
	lost.path[0] = '\0';
	client_end(&nameless);
	client_end(&lost);
}

static void a_client_with_an_abstract_name_is_a_guest(void **state)
{
	struct ports_net *p = *state;
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	struct client a, b;

	two(p, &a, &b);
	client_end(&a);
	client_start(p, &a, NULL, "a");
	/* The kernel picks one. */
	assert_int_equal(bind(a.fd, (struct sockaddr *)&any, sizeof(sa_family_t)), 0);
	send_frame(&a, 0xff, 1, 'x');
	assert_true(got(p, &b, 1));
	send_frame(&b, 1, 2, 'y');
	assert_true(got(p, &a, 1));
	client_end(&a);
	client_end(&b);
}

static void a_client_that_is_connected_to_us_is_answered(void **state)
{
	struct ports_net *p = *state;
	struct client a, b, thief;
	struct port_socket *socket = two(p, &a, &b);

	client_connect(&a);
	send_frame(&b, 0xff, 2, 'y');
	assert_true(got(p, &a, 1));
	/* Nobody else may speak to it, not even to see whether it lives: it does. */
	client_start(p, &thief, "ct", "a");
	send_frame(&thief, 0xff, 9, 't');
	ports_turn(p);
	assert_int_equal(ports_counter(socket, "from_others_total"), 1);
	send_frame(&b, 0xff, 2, 'z');
	assert_true(got(p, &a, 2));
	client_end(&a);
	client_end(&b);
	client_end(&thief);
}

/* Full */

static void on_turn(uv_prepare_t *prepare)
{
	++*(unsigned int *)prepare->data;
}

static bool never(void *opaque)
{
	return *(bool *)opaque;
}

static void on_quiet(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* How often the loop turns while nothing happens for a tenth of a second. */
static unsigned int turns_when_idle(struct ports_net *p)
{
	unsigned int turns = 0;
	bool over = false;
	uv_prepare_t prepare;
	uv_timer_t timer;

	uv_prepare_init(&p->loop, &prepare);
	prepare.data = &turns;
	uv_timer_init(&p->loop, &timer);
	timer.data = &over;
	ports_turn(p);
	uv_prepare_start(&prepare, on_turn);
	uv_timer_start(&timer, on_quiet, 100, 0);
	ports_until(p, never, &over);
	uv_close((uv_handle_t *)&prepare, NULL);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&p->loop, UV_RUN_NOWAIT);
	return turns;
}

static bool can_send(void *opaque)
{
	struct client *c = opaque;
	uint8_t frame[1000];
	int r;

	test_frame(frame, 0xff, 2, (uint8_t)c->wanted, sizeof(frame));
	r = try_send(c, frame, sizeof(frame));
	assert_true(r == 0 || r == -EAGAIN);
	return r == 0;
}

static void send_many(struct ports_net *p, struct client *c, size_t n)
{
	for (c->wanted = 0; c->wanted < n; c->wanted++)
		assert_true(ports_until(p, can_send, c));
}

/* Both ways for a queue to be full: that of a guest that is not connected, and our own buffer. */
static void check_stuck(struct ports_net *p, bool connected)
{
	enum { N = 4000 };
	struct client stuck, sender, reader;
	uint64_t dropped;
	size_t seen;

	two(p, &stuck, &sender);
	plug(p, "c");
	client_start(p, &reader, "cc", "c");
	send_bytes(&reader, "VFKT", 4);
	assert_true(ports_until_port(p, "c", true));
	if (connected)
		client_connect(&stuck);
	for (size_t i = 0; i < N; i += 5) {
		send_many(p, &sender, 5);
		assert_true(got(p, &reader, i + 5));
	}
	assert_int_equal(ports_counters(p, "c").channel.received_dropped, 0);
	dropped = ports_counters(p, "a").channel.received_dropped;
	assert_true(dropped > N / 4);
	assert_true(port_is_up(port_find(p->table, "a")));
	assert_true(turns_when_idle(p) < 20);
	/* Once it reads it gets all that was kept, from the first on. */
	do {
		seen = stuck.n_got;
		while (client_read(&stuck)) {
		}
		ports_turn(p);
	} while (stuck.n_got > seen);
	assert_int_equal(stuck.n_got + dropped, N);
	assert_int_equal(stuck.first, 0);
	client_end(&stuck);
	client_end(&sender);
	client_end(&reader);
}

static void a_guest_that_never_reads_costs_the_others_nothing(void **state)
{
	check_stuck(*state, false);
}

static void a_connected_guest_that_never_reads_costs_the_others_nothing(void **state)
{
	check_stuck(*state, true);
}

static void a_guest_that_dies_while_its_queue_is_full_is_gone(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;

	two(p, &a, &b);
	send_many(p, &b, 2000);
	ports_turn(p);
	assert_true(port_is_up(port_find(p->table, "a")));
	client_end(&a);
	assert_true(ports_until_port(p, "a", false));
	client_start(p, &a, "ca", "a");
	send_frame(&a, 0xff, 1, 'x');
	assert_true(got(p, &b, 1));
	b.n_got = 0;
	send_frame(&b, 1, 2, 'y');
	assert_true(got(p, &a, 1));
	assert_int_equal(a.last, 'y'); /* and nothing of what was its predecessor's */
	client_end(&a);
	client_end(&b);
}

/* Sockets that are inherited */

static void half_of_a_socket_pair_is_a_port_with_its_guest(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_DGRAM, "fd");
	struct client b;
	uint8_t frame[LEN];
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	config.path = NULL;
	config.fd = ends[0];
	ports_plug(p, &config);
	assert_true(port_is_up(port_find(p->table, "fd")));
	plug(p, "b");
	client_start(p, &b, "cb", "b");
	send_bytes(&b, "VFKT", 4);
	assert_true(ports_until_port(p, "b", true));
	assert_int_equal(send(ends[1], "VFKT", 4, 0), 4);
	test_frame(frame, 0xff, 1, 'x', LEN);
	assert_int_equal(send(ends[1], frame, LEN, 0), LEN);
	assert_true(got(p, &b, 1));
	send_frame(&b, 1, 2, 'y');
	ports_turn(p);
	do
		assert_true(recv(ends[1], frame, LEN, MSG_DONTWAIT) > 0);
	while (!is_test_frame(frame, LEN));
	assert_int_equal(frame[LEN - 1], 'y');
	close(ends[1]);
	send_frame(&b, 0xff, 2, 'z');
	assert_true(ports_until_port(p, "fd", false));
	assert_true(turns_when_idle(p) < 20);
	client_end(&b);
}

static void an_inherited_socket_with_a_name_waits_for_its_guest(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_DGRAM, "fd");
	struct sock_listener listener;
	struct client a;

	assert_int_equal(sock_bind_dgram(p->path, NULL, &listener), 0);
	config.path = NULL;
	config.fd = listener.fd;
	ports_plug(p, &config);
	client_start(p, &a, "ca", "s");
	send_bytes(&a, "VFKT", 4);
	assert_true(ports_until_port(p, "fd", true));
	client_end(&a);
	ports_unplug(p);
	assert_int_equal(unlink(p->path), 0);
	free(listener.path);
}

static void sockets_that_cannot_be_had_say_why(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_DGRAM, "lan");
	int plain = socket(AF_UNIX, SOCK_DGRAM, 0), stream = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sock_listener other;

	assert_int_equal(sock_bind_dgram(p->path, NULL, &other), 0);
	ports_refused(p, &config, -EADDRINUSE, "another process serves it");
	sock_listener_close(&other);
	assert_int_equal(sock_listen(p->path, NULL, &other), 0);
	ports_refused(p, &config, -EADDRINUSE, "another process serves it");
	sock_listener_close(&other);
	config.path = "/nonexistent/s";
	ports_refused(p, &config, -ENOENT, "--dgram /nonexistent/s: its directory does not exist");
	config.path = NULL;
	config.fd = plain;
	ports_refused(p, &config, -ENOTCONN, "neither connected nor bound");
	config.fd = stream;
	ports_refused(p, &config, -EPROTOTYPE, "give it to --stream or --nic");
	close(plain);
	close(stream);
}

static void a_name_that_another_port_has_leaves_nothing_behind(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_DGRAM, "a");
	struct port_socket *socket;
	char *text = NULL;

	plug(p, "a");
	assert_int_equal(port_socket_new(&p->loop, &config, p->table, &socket, &text), -EEXIST);
	free(text);
	assert_int_equal(access(p->path, F_OK), -1);
}

static void assert_printed(const char *name, size_t len, const char *expected)
{
	struct dgram_address address = { .sun = { .sun_family = AF_UNIX } };
	char text[DGRAM_ADDRESS_TEXT];

	memcpy(address.sun.sun_path, name, len);
	address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	dgram_address_print(&address, text);
	assert_string_equal(text, expected);
}

/* A log line has one message, whatever a client is called. */
static void a_guests_address_is_printed_so_that_it_fakes_nothing(void **state)
{
	char longest[108], expected[4 * sizeof(longest) + 1];

	assert_printed("/run/a.sock", 11, "/run/a.sock");
	assert_printed("/run/a.sock\0rest", 16, "/run/a.sock");
	assert_printed("\0abstract", 9, "@abstract");
	assert_printed("\0a\0b", 4, "@a\\x00b");
	assert_printed("/a b\n\x1b[2J\\\x80\xff", 12, "/a\\x20b\\x0a\\x1b[2J\\x5c\\x80\\xff");
	assert_printed("", 0, "");
	memset(longest, 1, sizeof(longest));
	for (size_t i = 0; i < sizeof(longest); i++)
		memcpy(expected + 4 * i, "\\x01", 5);
	assert_printed(longest, sizeof(longest), expected);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, ports_net_setup, ports_net_teardown)
	const struct CMUnitTest tests[] = {
		test(the_first_frame_says_where_the_guest_is),
		test(the_hello_is_swallowed_whenever_it_comes),
		test(what_is_neither_hello_nor_frame_is_nobodys),
		test(a_datagram_larger_than_any_frame_is_dropped_and_counted),
		test(a_second_client_is_ignored_while_the_first_one_lives),
		test(a_guest_may_come_back_at_the_same_path_or_another),
		test(a_guest_that_is_gone_is_noticed_by_what_is_sent_to_it),
		test(a_client_that_cannot_be_answered_is_no_guest),
		test(a_client_with_an_abstract_name_is_a_guest),
		test(a_client_that_is_connected_to_us_is_answered),
		test(a_guest_that_never_reads_costs_the_others_nothing),
		test(a_connected_guest_that_never_reads_costs_the_others_nothing),
		test(a_guest_that_dies_while_its_queue_is_full_is_gone),
		test(half_of_a_socket_pair_is_a_port_with_its_guest),
		test(an_inherited_socket_with_a_name_waits_for_its_guest),
		test(sockets_that_cannot_be_had_say_why),
		test(a_name_that_another_port_has_leaves_nothing_behind),
		cmocka_unit_test(a_guests_address_is_printed_so_that_it_fakes_nothing),
	};

	return cmocka_run_group_tests_name("dgram", tests, NULL, NULL);
}
