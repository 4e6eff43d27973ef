/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_stream.c - guests on a stream socket, each a port of a whole user network
 *
 *   client --- stream socket --+
 *   client --- same socket   --+-- switch -- uplink
 *   ...                        |
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
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/ports/stream.h"
#include "net/ports/stream_frames.h"
#include "ports_net.h"
#include "sys/sock.h"

#define LEN 100u /* of most frames here */

/* A client reads whatever comes and keeps the last test frame. */
struct client {
	int fd;
	struct stream_rx rx;
	size_t n_got;	     /* test frames */
	uint8_t first, last; /* their fill */
	size_t last_len;
	bool ended;	 /* hung up on */
	bool wrong;	 /* something that is no frame */
	bool disordered; /* fills that do not count up */
	size_t wanted;
};

static void client_of_fd(struct client *c, int fd)
{
	*c = (struct client) { .fd = fd, .rx = { .buf = malloc(STREAM_RX_BYTES) } };
	assert_true(fd >= 0);
}

static void client_start(struct ports_net *p, struct client *c)
{
	client_of_fd(c, sock_connect(p->path));
}

static void client_end(struct client *c)
{
	close(c->fd);
	free(c->rx.buf);
}

static void client_take(struct client *c)
{
	struct frame frame;
	struct iovec iov;
	int r;

	while ((r = stream_rx_peek(&c->rx, &frame, &iov, 1)) > 0) {
		const uint8_t *bytes = iov.iov_base;

		if (is_test_frame(bytes, frame.len)) {
			c->disordered |=
				c->n_got > 0 && bytes[frame.len - 1] != (uint8_t)(c->last + 1);
			c->last = bytes[frame.len - 1];
			c->last_len = frame.len;
			if (c->n_got++ == 0)
				c->first = c->last;
		}
		stream_rx_consume(&c->rx, 1);
	}
	c->wrong |= r < 0;
}

static void client_read(struct client *c)
{
	size_t room;
	void *space = stream_rx_space(&c->rx, &room);
	ssize_t r = recv(c->fd, space, room, MSG_DONTWAIT);

	if (r > 0) {
		stream_rx_add(&c->rx, (size_t)r);
		client_take(c);
	}
	c->ended |= r == 0 || (r < 0 && errno != EAGAIN);
}

static bool has_wanted(void *opaque)
{
	struct client *c = opaque;

	client_read(c);
	return c->n_got >= c->wanted || c->ended || c->wrong;
}

static bool got(struct ports_net *p, struct client *c, size_t n)
{
	c->wanted = n;
	return ports_until(p, has_wanted, c) && c->n_got == n && !c->wrong;
}

static bool has_ended(void *opaque)
{
	struct client *c = opaque;

	client_read(c);
	return c->ended;
}

static void send_bytes(struct client *c, const void *bytes, size_t len)
{
	assert_int_equal(send(c->fd, bytes, len, MSG_NOSIGNAL), len);
}

static size_t put(uint8_t *at, uint8_t to, uint8_t from, uint8_t fill, size_t len)
{
	at[0] = at[1] = 0;
	at[2] = (uint8_t)(len >> 8);
	at[3] = (uint8_t)len;
	test_frame(at + STREAM_PREFIX, to, from, fill, len);
	return STREAM_PREFIX + len;
}

static void send_frame(struct client *c, uint8_t to, uint8_t from, uint8_t fill)
{
	uint8_t bytes[STREAM_PREFIX + LEN];

	send_bytes(c, bytes, put(bytes, to, from, fill, LEN));
}

/* Two clients that are ports "lan" and "lan/2". */
static struct port_socket *two(struct ports_net *p, struct client *a, struct client *b)
{
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "lan");
	struct port_socket *socket = ports_plug(p, &config);

	client_start(p, a);
	assert_true(ports_until_port(p, "lan", true));
	client_start(p, b);
	assert_true(ports_until_port(p, "lan/2", true));
	return socket;
}

static void guests_of_one_socket_reach_each_other(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;

	two(p, &a, &b);
	send_frame(&a, 0xff, 1, 'x');
	assert_true(got(p, &b, 1));
	assert_int_equal(b.last, 'x');
	assert_int_equal(b.last_len, LEN);
	send_frame(&b, 1, 2, 'y');
	assert_true(got(p, &a, 1));
	assert_int_equal(a.last, 'y');
	client_end(&a);
	client_end(&b);
}

static void a_name_is_free_when_its_guest_is_gone(void **state)
{
	struct ports_net *p = *state;
	struct client a, b, c;
	struct port_socket *socket = two(p, &a, &b);

	client_end(&a);
	assert_true(ports_until_port(p, "lan", false));
	assert_non_null(port_find(p->table, "lan/2"));
	client_start(p, &c);
	assert_true(ports_until_port(p, "lan", true));
	assert_int_equal(ports_counter(socket, "guests_accepted_total"), 3);
	assert_int_equal(ports_counter(socket, "guests"), 2);
	assert_int_equal(ports_counter(socket, "cut_frames_total"), 0);
	send_frame(&c, 0xff, 3, 'c');
	assert_true(got(p, &b, 1));
	client_end(&b);
	client_end(&c);
}

static void a_frame_may_come_byte_by_byte(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;
	uint8_t bytes[STREAM_PREFIX + LEN];

	two(p, &a, &b);
	put(bytes, 0xff, 1, 'z', LEN);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(b.n_got, 0);
		send_bytes(&a, &bytes[i], 1);
		ports_turn(p);
		client_read(&b);
	}
	assert_true(got(p, &b, 1));
	assert_int_equal(b.last, 'z');
	client_end(&a);
	client_end(&b);
}

static void one_write_may_bring_many_frames(void **state)
{
	enum { N = 500 };
	struct ports_net *p = *state;
	struct client a, b;
	uint8_t *bytes = malloc(N * (STREAM_PREFIX + LEN));
	size_t len = 0;

	two(p, &a, &b);
	for (unsigned int i = 0; i < N; i++)
		len += put(bytes + len, 0xff, 1, (uint8_t)i, LEN);
	send_bytes(&a, bytes, len);
	assert_true(got(p, &b, N));
	assert_int_equal(b.first, 0);
	assert_int_equal(b.last, (N - 1) % 256);
	assert_int_equal(ports_counters(p, "lan").channel.sent_frames, N);
	free(bytes);
	client_end(&a);
	client_end(&b);
}

/*
 * To one guest, which does not read at first: its socket takes some, one of them in part, its queue the
 * others. What comes out is what went in.
 */
static void many_frames_at_once_for_a_guest_that_is_slow_stay_in_order(void **state)
{
	enum { ROUNDS = 12, N = 40, LONG = 1500, BYTES = N * (STREAM_PREFIX + LONG) };
	struct ports_net *p = *state;
	struct client a, b;
	uint8_t *bytes = malloc(2 * STREAM_RX_BYTES);
	size_t seen, n = 0;

	two(p, &a, &b);
	send_bytes(&b, bytes, put(bytes, 1, 2, 'b', LEN));
	assert_true(got(p, &a, 1));
	for (unsigned int round = 0; round < ROUNDS; round++) {
		size_t len = 0;

		for (unsigned int i = 0; i < N; i++, n++)
			len += put(bytes + len, 2, 1, (uint8_t)n, LONG);
		assert_int_equal(len, BYTES);
		send_bytes(&a, bytes, len);
		ports_turn(p);
	}
	assert_int_equal(ports_counters(p, "lan/2").channel.received_dropped, 0);
	do {
		seen = b.n_got;
		client_read(&b);
		ports_turn(p);
	} while (b.n_got > seen);
	assert_int_equal(b.n_got, n);
	assert_int_equal(b.first, 0);
	assert_false(b.wrong || b.ended || b.disordered);
	assert_int_equal(ports_counters(p, "lan/2").channel.received_frames, n);
	free(bytes);
	client_end(&a);
	client_end(&b);
}

/* Each of them alone: the guest is hung up on, its neighbour is not, and it may come back. */
static void a_length_that_no_frame_has_ends_that_guest_alone(void **state)
{
	static const uint32_t bad[] = { 0, 1, 13, STREAM_FRAME_MAX + 1, 1u << 31, UINT32_MAX };
	struct ports_net *p = *state;
	struct client a, b;
	struct port_socket *socket = two(p, &a, &b);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const uint8_t prefix[] = { (uint8_t)(bad[i] >> 24), (uint8_t)(bad[i] >> 16),
					   (uint8_t)(bad[i] >> 8), (uint8_t)bad[i] };

		send_frame(&a, 0xff, 1, 'l');
		send_bytes(&a, prefix, sizeof(prefix));
		assert_true(ports_until(p, has_ended, &a));
		assert_true(ports_until_port(p, "lan", false));
		assert_int_equal(ports_counter(socket, "bad_lengths_total"), i + 1);
		/* What came before it still counts. */
		assert_true(got(p, &b, i + 1));
		client_end(&a);
		client_start(p, &a);
		assert_true(ports_until_port(p, "lan", true));
	}
	send_frame(&a, 0xff, 1, 'm');
	assert_true(got(p, &b, sizeof(bad) / sizeof(bad[0]) + 1));
	assert_int_equal(b.last, 'm');
	client_end(&a);
	client_end(&b);
}

static void a_frame_too_large_for_the_network_is_dropped_and_nobody_hung_up_on(void **state)
{
	static const uint32_t lens[] = { 1519, 65535, 65536, STREAM_FRAME_MAX };
	struct ports_net *p = *state;
	struct client a, b;
	uint8_t *bytes = malloc(STREAM_PREFIX + STREAM_FRAME_MAX);

	two(p, &a, &b);
	for (size_t i = 0; i < 4; i++) {
		size_t len = put(bytes, 0xff, 1, 'o', lens[i]), sent = 0;

		bytes[1] = (uint8_t)(lens[i] >> 16);
		while (sent < len) {
			ssize_t r =
				send(a.fd, bytes + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

			assert_true(r > 0 || errno == EAGAIN);
			sent += r > 0 ? (size_t)r : 0;
			ports_turn(p);
		}
	}
	send_frame(&a, 0xff, 1, 'k');
	assert_true(got(p, &b, 1));
	assert_int_equal(b.last, 'k');
	assert_int_equal(ports_counters(p, "lan").channel.sent_dropped, 4);
	free(bytes);
	client_end(&a);
	client_end(&b);
}

static void a_guest_that_hangs_up_inside_a_frame_is_counted(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;
	struct port_socket *socket = two(p, &a, &b);

	send_bytes(&a, "\0\0\0\x64half", 8);
	client_end(&a);
	assert_true(ports_until_port(p, "lan", false));
	assert_int_equal(ports_counter(socket, "cut_frames_total"), 1);
	send_bytes(&b, "\0\0", 2);
	client_end(&b);
	assert_true(ports_until_port(p, "lan/2", false));
	assert_int_equal(ports_counter(socket, "cut_frames_total"), 2);
	assert_int_equal(ports_counter(socket, "guests"), 0);
}

/* The kernel calls that an error of the connection, behind what can be read. */
static void what_a_guest_sent_before_it_hung_up_unread_still_counts(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;
	struct port_socket *socket = two(p, &a, &b);

	send_frame(&b, 0xff, 2, 'x');
	ports_turn(p);
	send_frame(&a, 0xff, 1, 'w');
	client_end(&a);
	assert_true(ports_until_port(p, "lan", false));
	assert_true(got(p, &b, 1));
	assert_int_equal(b.last, 'w');
	assert_int_equal(ports_counter(socket, "cut_frames_total"), 0);
	client_end(&b);
}

/* Counters, not clocks: of what is sent to all, the one that reads misses nothing. */
static void a_guest_that_never_reads_costs_the_others_nothing(void **state)
{
	enum { ROUNDS = 400, BURST = 64, N = ROUNDS * BURST, LONG = 1000 };
	struct ports_net *p = *state;
	struct client stuck, sender, reader;
	uint8_t *burst = malloc(BURST * (STREAM_PREFIX + LONG));
	struct port_counters counters;
	size_t len = 0, seen;

	two(p, &stuck, &sender);
	client_start(p, &reader);
	assert_true(ports_until_port(p, "lan/3", true));
	for (int i = 0; i < BURST; i++)
		len += put(burst + len, 0xff, 2, (uint8_t)i, LONG);
	for (int round = 1; round <= ROUNDS; round++) {
		send_bytes(&sender, burst, len);
		assert_true(got(p, &reader, (size_t)round * BURST));
	}
	assert_int_equal(ports_counters(p, "lan/3").channel.received_dropped, 0);
	assert_true(ports_counters(p, "lan/3").channel.received_frames >= N);
	counters = ports_counters(p, "lan");
	assert_true(counters.channel.received_dropped > N / 2);
	/* What it did get, once it reads, is frames from the first on. */
	do {
		seen = stuck.n_got;
		client_read(&stuck);
		ports_turn(p);
	} while (stuck.n_got > seen);
	assert_false(stuck.wrong || stuck.ended);
	assert_int_equal(stuck.first, 0);
	assert_int_equal(stuck.n_got + counters.channel.received_dropped, N);
	free(burst);
	client_end(&stuck);
	client_end(&sender);
	client_end(&reader);
}

/* The queue that held the rest of a frame is thrown away; the stream stays one of frames. */
static void a_link_that_goes_down_inside_a_frame_does_not_garble_the_stream(void **state)
{
	enum { BURST = 64, LONG = 1000 };
	struct ports_net *p = *state;
	struct client stuck, sender;
	uint8_t *burst = malloc(BURST * (STREAM_PREFIX + LONG));
	struct port *port;
	size_t len = 0, sent = 0, seen, before;

	two(p, &stuck, &sender);
	for (int i = 0; i < BURST; i++)
		len += put(burst + len, 0xff, 2, (uint8_t)i, LONG);
	/* Until its socket and its queue are full. */
	while (!ports_counters(p, "lan").channel.received_dropped) {
		send_bytes(&sender, burst, len);
		ports_turn(p);
		sent += BURST;
	}
	port = port_find(p->table, "lan");
	port_set_admin(port, false);
	port_set_admin(port, true);
	do {
		seen = stuck.n_got;
		client_read(&stuck);
		ports_turn(p);
	} while (stuck.n_got > seen);
	before = stuck.n_got;
	assert_true(before > 0);
	assert_true(ports_counters(p, "lan").link_dropped > 0); /* the queue */
	assert_int_equal(before + ports_counters(p, "lan").channel.received_dropped, sent);
	send_frame(&sender, 0xff, 2, '!');
	assert_true(got(p, &stuck, before + 1));
	assert_int_equal(stuck.last, '!');
	free(burst);
	client_end(&stuck);
	client_end(&sender);
}

static void more_guests_than_there_may_be_are_hung_up_on(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "lan");
	struct port_socket *socket = ports_plug(p, &config);
	struct client guests[STREAM_GUESTS_MAX], late;
	char name[16] = "lan";

	for (unsigned int i = 0; i < STREAM_GUESTS_MAX; i++) {
		client_start(p, &guests[i]);
		if (i > 0)
			snprintf(name, sizeof(name), "lan/%u", i + 1);
		assert_true(ports_until_port(p, name, true));
	}
	client_start(p, &late);
	assert_true(ports_until(p, has_ended, &late));
	client_end(&late);
	assert_int_equal(ports_counter(socket, "guests_refused_total"), 1);
	client_end(&guests[9]);
	assert_true(ports_until_port(p, "lan/10", false));
	client_start(p, &guests[9]);
	assert_true(ports_until_port(p, "lan/10", true));
	for (unsigned int i = 0; i < STREAM_GUESTS_MAX; i++)
		client_end(&guests[i]);
}

static void a_socket_with_a_mac_is_for_one_guest(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "lan");
	struct port_socket *socket;
	struct client a, b;

	config.mac_given = true;
	memcpy(config.mac, (const uint8_t[]) { 2, 0, 0, 0, 9, 1 }, FRAME_MAC);
	socket = ports_plug(p, &config);
	client_start(p, &a);
	assert_true(ports_until_port(p, "lan", true));
	assert_true(port_config(port_find(p->table, "lan"))->mac_known);
	client_start(p, &b);
	assert_true(ports_until(p, has_ended, &b));
	assert_int_equal(ports_counter(socket, "guests_refused_total"), 1);
	client_end(&a);
	client_end(&b);
}

static void a_name_that_another_port_has_is_passed_over(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "lan/2");
	struct client other, a, b;
	char path[64];

	ports_plug(p, &config);
	client_start(p, &other);
	assert_true(ports_until_port(p, "lan/2", true));
	snprintf(path, sizeof(path), "%s/t", p->dir);
	config.name = "lan";
	config.path = path;
	ports_plug(p, &config);
	client_of_fd(&a, sock_connect(path));
	assert_true(ports_until_port(p, "lan", true));
	client_of_fd(&b, sock_connect(path));
	assert_true(ports_until_port(p, "lan/3", true));
	client_end(&other);
	client_end(&a);
	client_end(&b);
}

static void guests_are_hung_up_on_when_their_socket_ends(void **state)
{
	struct ports_net *p = *state;
	struct client a, b;

	two(p, &a, &b);
	ports_unplug(p);
	assert_true(ports_until(p, has_ended, &a));
	assert_true(ports_until(p, has_ended, &b));
	assert_null(port_first(p->table));
	client_end(&a);
	client_end(&b);
}

/* Sockets that are inherited */

static void an_inherited_connected_socket_is_one_guest(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "fd");
	struct client a, b;
	int ends[2], other[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	config.path = NULL;
	config.fd = ends[0];
	ports_plug(p, &config);
	assert_int_equal(fcntl(ends[0], F_GETFD), -1); /* it is the socket's now */
	config.name = "other";
	config.fd = other[0];
	ports_plug(p, &config);
	client_of_fd(&a, ends[1]);
	client_of_fd(&b, other[1]);
	assert_true(ports_until_port(p, "fd", true));
	send_frame(&a, 0xff, 1, 'f');
	assert_true(got(p, &b, 1));
	client_end(&a);
	assert_true(ports_until_port(p, "fd", false));
	client_end(&b);
}

static void an_inherited_listening_socket_keeps_its_file(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "fd");
	struct sock_listener listener;
	struct client a;

	assert_int_equal(sock_listen(p->path, NULL, &listener), 0);
	config.path = NULL;
	config.fd = listener.fd;
	ports_plug(p, &config);
	client_start(p, &a);
	assert_true(ports_until_port(p, "fd", true));
	client_end(&a);
	ports_unplug(p);
	assert_int_equal(access(p->path, F_OK), 0);
	assert_int_equal(unlink(p->path), 0);
	free(listener.path);
}

static void fds_that_are_no_such_socket_are_refused_and_stay_open(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "fd");
	int file = open("/dev/null", O_RDWR | O_CLOEXEC), inet = socket(AF_INET, SOCK_STREAM, 0);
	int plain = socket(AF_UNIX, SOCK_STREAM, 0), packet = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	int pair[2];
	enum port_socket_kind kind;
	char *text = NULL;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	config.path = NULL;
	for (int i = 0; i < 2; i++) {
		config.kind = i ? PORT_SOCKET_NIC : PORT_SOCKET_STREAM;
		config.fd = 999;
		ports_refused(p, &config, -EBADF, "fd=999: not open");
		config.fd = file;
		ports_refused(p, &config, -ENOTSOCK, "not a socket");
		config.fd = inet;
		ports_refused(p, &config, -EPROTONOSUPPORT, "not a UNIX stream or datagram socket");
		config.fd = packet;
		ports_refused(p, &config, -EPROTONOSUPPORT, "not a UNIX stream or datagram socket");
		config.fd = pair[0];
		ports_refused(p, &config, -EPROTOTYPE, "give it to --dgram");
		config.fd = plain;
		ports_refused(p, &config, -ENOTCONN, "neither connected nor listening");
	}
	assert_int_equal(port_socket_kind_of_fd(pair[0], &kind, NULL), 0);
	assert_int_equal(kind, PORT_SOCKET_DGRAM);
	assert_int_equal(port_socket_kind_of_fd(plain, &kind, NULL), 0);
	assert_int_equal(kind, PORT_SOCKET_STREAM);
	assert_int_equal(port_socket_kind_of_fd(file, &kind, &text), -ENOTSOCK);
	assert_non_null(strstr(text, "not a socket"));
	free(text);
	close(file);
	close(inet);
	close(plain);
	close(packet);
	close(pair[0]);
	close(pair[1]);
}

static void paths_that_cannot_be_had_say_why(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "lan");
	struct sock_listener other;

	assert_int_equal(sock_listen(p->path, NULL, &other), 0);
	ports_refused(p, &config, -EADDRINUSE, "another process serves it");
	sock_listener_close(&other);
	config.path = "/nonexistent/s";
	ports_refused(p, &config, -ENOENT, "--stream /nonexistent/s: its directory does not exist");
	config.path = p->dir;
	ports_refused(p, &config, -EEXIST, "no socket is there");
}

static void the_file_of_a_socket_has_mode_and_group(void **state)
{
	struct ports_net *p = *state;
	struct port_socket_config config = ports_config(p, PORT_SOCKET_STREAM, "lan");
	struct stat st;

	config.mode = 0660;
	config.group = getegid();
	ports_plug(p, &config);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_gid, getegid());
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, ports_net_setup, ports_net_teardown)
	const struct CMUnitTest tests[] = {
		test(guests_of_one_socket_reach_each_other),
		test(a_name_is_free_when_its_guest_is_gone),
		test(a_frame_may_come_byte_by_byte),
		test(one_write_may_bring_many_frames),
		test(many_frames_at_once_for_a_guest_that_is_slow_stay_in_order),
		test(a_length_that_no_frame_has_ends_that_guest_alone),
		test(a_frame_too_large_for_the_network_is_dropped_and_nobody_hung_up_on),
		test(a_guest_that_hangs_up_inside_a_frame_is_counted),
		test(what_a_guest_sent_before_it_hung_up_unread_still_counts),
		test(a_guest_that_never_reads_costs_the_others_nothing),
		test(a_link_that_goes_down_inside_a_frame_does_not_garble_the_stream),
		test(more_guests_than_there_may_be_are_hung_up_on),
		test(a_socket_with_a_mac_is_for_one_guest),
		test(a_name_that_another_port_has_is_passed_over),
		test(guests_are_hung_up_on_when_their_socket_ends),
		test(an_inherited_connected_socket_is_one_guest),
		test(an_inherited_listening_socket_keeps_its_file),
		test(fds_that_are_no_such_socket_are_refused_and_stay_open),
		test(paths_that_cannot_be_had_say_why),
		test(the_file_of_a_socket_has_mode_and_group),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
