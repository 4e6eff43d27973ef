/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_port_capture.c - captures on a network: which frames they see, and how often
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port_ends.h"

#define LEN	   64u
#define FILE_BYTES 65536u
#define FILE_HEAD  24u
#define MOST	   16u

enum { A, B, C };

/* The other end of a capture's socket, and what came. */
struct reader {
	struct capture *capture;
	int fd;
	const char *ended;
	char file[FILE_BYTES];
	size_t len;
	size_t wanted;
};

static void on_ended(void *opaque, const char *why)
{
	struct reader *reader = opaque;

	assert_null(reader->ended);
	reader->ended = why;
}

static int begin(struct ports_net *p, struct reader *reader, struct port *port, const char *filter,
		 char **ret_error)
{
	struct capture_config config = { .filter = filter, .ended = on_ended, .opaque = reader };
	int fds[2];

	*reader = (struct reader) { .fd = -1 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	reader->fd = fds[0];
	config.fd = fds[1];
	return port_table_capture_add(p->table, port, &config, &reader->capture, ret_error);
}

static void begin_well(struct ports_net *p, struct reader *reader, struct port *port)
{
	char *error = NULL;

	assert_int_equal(begin(p, reader, port, NULL, &error), 0);
	assert_null(error);
}

static void finish(struct ports_net *p, struct reader *reader)
{
	port_table_capture_remove(p->table, reader->capture);
	close(reader->fd);
}

static void read_some(struct reader *reader)
{
	ssize_t n = recv(reader->fd, reader->file + reader->len, FILE_BYTES - reader->len, 0);

	if (n > 0)
		reader->len += (size_t)n;
}

static bool is_all_there(void *opaque)
{
	struct reader *reader = opaque;
	struct capture_counters counters;

	read_some(reader);
	capture_counters(reader->capture, &counters);
	return reader->len == counters.bytes;
}

/* Return: how many frames libpcap finds, of the test's frames only if with fill @fill */
static unsigned int frames_of(struct ports_net *p, struct reader *reader, uint8_t fill)
{
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *bytes;
	unsigned int n = 0;
	pcap_t *pcap;
	FILE *file;
	int r;

	assert_true(ports_until(p, is_all_there, reader));
	file = fmemopen(reader->file, reader->len, "rb");
	assert_non_null(file);
	pcap = pcap_fopen_offline(file, error);
	assert_non_null(pcap);
	while ((r = pcap_next_ex(pcap, &header, &bytes)) == 1) {
		assert_int_equal(header->len, header->caplen);
		n += is_test_frame(bytes, header->len) && bytes[header->len - 1] == fill;
	}
	assert_int_equal(r, PCAP_ERROR_BREAK);
	pcap_close(pcap);
	return n;
}

static void send_test(struct port_end *end, uint8_t to, uint8_t from, uint8_t fill)
{
	uint8_t frame[LEN];

	test_frame(frame, to, from, fill, sizeof(frame));
	assert_true(port_end_send(end, frame, sizeof(frame)));
}

static struct port_ends *plug(struct ports_net *p, size_t n)
{
	static const struct port_config config;

	return port_ends_new(p, n, &config);
}

static void a_port_s_capture_sees_what_it_sends_and_what_it_takes(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 3);
	struct reader reader;

	begin_well(p, &reader, port_find(p->table, "a"));
	send_test(ends->ends[A], 0xff, 1, 's');
	send_test(ends->ends[B], 0xff, 2, 't');
	ports_turn(p);
	send_test(ends->ends[C], 2, 3, 'n'); /* known to be behind b */
	ports_turn(p);
	assert_int_equal(frames_of(p, &reader, 's'), 1);
	assert_int_equal(frames_of(p, &reader, 't'), 1);
	assert_int_equal(frames_of(p, &reader, 'n'), 0);
	finish(p, &reader);
	port_ends_free(ends);
}

static void what_a_port_does_not_take_is_not_seen(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 2);
	struct reader reader;

	begin_well(p, &reader, port_find(p->table, "a"));
	ends->ends[A]->stuck = true;
	send_test(ends->ends[B], 0xff, 2, 'w');
	ports_turn(p);
	assert_int_equal(frames_of(p, &reader, 'w'), 0);
	ends->ends[A]->stuck = false;
	port_end_pull(ends->ends[A]);
	assert_int_equal(frames_of(p, &reader, 'w'), 1);
	finish(p, &reader);
	port_ends_free(ends);
}

static void a_network_s_capture_sees_each_frame_of_a_guest_once(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 3);
	struct reader reader;

	begin_well(p, &reader, NULL);
	send_test(ends->ends[A], 0xff, 1, 'a');
	send_test(ends->ends[B], 1, 2, 'b');
	ports_turn(p);
	assert_int_equal(ends->ends[C]->n_got, 1);
	assert_int_equal(frames_of(p, &reader, 'a'), 1);
	assert_int_equal(frames_of(p, &reader, 'b'), 1);
	finish(p, &reader);
	port_ends_free(ends);
}

static unsigned int captured(const struct reader *reader)
{
	struct capture_counters counters;

	capture_counters(reader->capture, &counters);
	return (unsigned int)counters.frames;
}

static bool got_two(void *opaque)
{
	return ((struct port_end *)opaque)->n_got >= 2;
}

/* The gateway's answers; one to everybody, which each port gets, one to who asked. */
static void a_network_s_capture_sees_each_frame_from_outside_once(void **state)
{
	/* ff02::2 from fe80::9, ICMPv6 type 133, its checksum */
	static const uint8_t solicitation[] = { 0x33, 0x33, 0,	  0,	0, 2,	 2, 0, 0, 0,  9,
						1,    0x86, 0xdd, 0x60, 0, 0,	 0, 0, 8, 58, 255,
						0xfe, 0x80, 0,	  0,	0, 0,	 0, 0, 0, 0,  0,
						0,    0,    0,	  0,	9, 0xff, 2, 0, 0, 0,  0,
						0,    0,    0,	  0,	0, 0,	 0, 0, 0, 2,  133,
						0,    0x7d, 0x2e, 0,	0, 0,	 0 };
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 3);
	struct reader all, outside;
	uint8_t arp[42];
	char *error = NULL;

	begin_well(p, &all, NULL);
	assert_int_equal(begin(p, &outside, NULL, "not ether src 02:00:00:00:09:01", &error), 0);
	arp_request(p, arp, 1, 9, 1);
	assert_true(port_end_send(ends->ends[A], arp, sizeof(arp)));
	assert_true(port_end_send(ends->ends[A], solicitation, sizeof(solicitation)));
	assert_true(ports_until(p, got_two, ends->ends[A]));
	ports_turn(p);
	/* The request and the solicitation, which b and c got, too, and the advertisement to all */
	assert_int_equal(ends->ends[B]->n_got, 3);
	assert_int_equal(ends->ends[C]->n_got, 3);
	assert_int_equal(captured(&all), 4);
	assert_int_equal(captured(&outside), 2);
	finish(p, &all);
	finish(p, &outside);
	port_ends_free(ends);
}

static void several_captures_see_the_same_and_end_alone(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 2);
	struct reader first, second, whole;

	begin_well(p, &first, port_find(p->table, "a"));
	begin_well(p, &second, port_find(p->table, "a"));
	begin_well(p, &whole, NULL);
	send_test(ends->ends[A], 0xff, 1, '1');
	assert_int_equal(frames_of(p, &first, '1'), 1);
	finish(p, &first);
	send_test(ends->ends[A], 0xff, 1, '2');
	ports_turn(p);
	assert_int_equal(frames_of(p, &second, '2'), 1);
	assert_int_equal(frames_of(p, &whole, '2'), 1);
	finish(p, &second);
	finish(p, &whole);
	send_test(ends->ends[A], 0xff, 1, '3');
	ports_turn(p);
	assert_int_equal(ends->ends[B]->n_got, 3);
	port_ends_free(ends);
}

static void too_many_captures_are_refused(void **state)
{
	struct ports_net *p = *state;
	struct reader *readers = calloc(MOST + 1, sizeof(*readers));
	char *error = NULL;

	assert_non_null(readers);
	for (size_t i = 0; i < MOST; i++)
		begin_well(p, &readers[i], NULL);
	assert_int_equal(begin(p, &readers[MOST], NULL, NULL, &error), -ENOSPC);
	assert_non_null(strstr(error, "16 captures"));
	free(error);
	close(readers[MOST].fd);
	finish(p, &readers[0]);
	begin_well(p, &readers[0], NULL);
	for (size_t i = 0; i < MOST; i++)
		finish(p, &readers[i]);
	free(readers);
}

static void a_bad_filter_leaves_nothing_behind(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 2);
	struct reader reader;
	char *error = NULL;

	assert_int_equal(begin(p, &reader, NULL, "no such thing", &error), -EINVAL);
	free(error);
	close(reader.fd);
	send_test(ends->ends[A], 0xff, 1, 'f');
	ports_turn(p);
	assert_int_equal(ends->ends[B]->n_got, 1);
	port_ends_free(ends);
}

static bool has_ended(void *opaque)
{
	struct reader *reader = opaque;

	read_some(reader);
	return reader->ended;
}

static void a_port_that_goes_ends_its_captures_and_no_others(void **state)
{
	struct ports_net *p = *state;
	struct port_ends *ends = plug(p, 2);
	struct reader reader, whole;

	begin_well(p, &reader, port_find(p->table, "a"));
	begin_well(p, &whole, NULL);
	send_test(ends->ends[A], 0xff, 1, 'x');
	channel_close(ends->ends[A]->channel);
	ends->ends[A]->channel = NULL;
	assert_null(reader.ended); /* not from inside of it */
	assert_true(ports_until(p, has_ended, &reader));
	assert_string_equal(reader.ended, "its port is gone");
	assert_int_equal(frames_of(p, &reader, 'x'), 1);
	assert_null(whole.ended);
	send_test(ends->ends[B], 0xff, 2, 'y');
	assert_int_equal(frames_of(p, &whole, 'y'), 1);
	finish(p, &reader);
	finish(p, &whole);
	port_ends_free(ends);
}

static void captures_go_with_their_table(void **state)
{
	struct ports_net *p = *state;
	struct reader reader;

	begin_well(p, &reader, NULL);
	port_table_free(p->table);
	p->table = NULL;
	uv_run(&p->loop, UV_RUN_NOWAIT);
	assert_null(reader.ended);
	read_some(&reader);
	assert_int_equal(reader.len, FILE_HEAD);
	assert_int_equal(recv(reader.fd, reader.file, 1, 0), 0);
	close(reader.fd);
}

#define net_test(f) cmocka_unit_test_setup_teardown(f, ports_net_setup, ports_net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		net_test(a_port_s_capture_sees_what_it_sends_and_what_it_takes),
		net_test(what_a_port_does_not_take_is_not_seen),
		net_test(a_network_s_capture_sees_each_frame_of_a_guest_once),
		net_test(a_network_s_capture_sees_each_frame_from_outside_once),
		net_test(several_captures_see_the_same_and_end_alone),
		net_test(too_many_captures_are_refused),
		net_test(a_bad_filter_leaves_nothing_behind),
		net_test(a_port_that_goes_ends_its_captures_and_no_others),
		net_test(captures_go_with_their_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
