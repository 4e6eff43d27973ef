/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_capture.c - what passes is what libpcap reads back
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/policy/capture.h"
#include "net/policy/capture_filter.h"

#define UDP_LEN	      60u
#define FILE_HEADER   24u
#define RECORD(len)   (16u + (len))
#define TURNS_AT_MOST 1000

struct fixture {
	uv_loop_t loop;
	struct capture *capture;
	int reader;
	const char *ended;
	char *file; /* what was read so far */
	size_t len;
};

static void on_ended(void *opaque, const char *why)
{
	struct fixture *f = opaque;

	assert_null(f->ended);
	f->ended = why;
}

static int start(struct fixture *f, struct capture_config config, char **ret_error)
{
	int fds[2];
	int r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	config.fd = fds[1];
	config.ended = on_ended;
	config.opaque = f;
	r = capture_new(&f->loop, &config, &f->capture, ret_error);
	f->reader = fds[0];
	return r;
}

static void start_well(struct fixture *f, struct capture_config config)
{
	char *error = NULL;

	assert_int_equal(start(f, config, &error), 0);
	assert_null(error);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->reader = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	capture_free(f->capture);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	if (f->reader >= 0)
		close(f->reader);
	free(f->file);
	free(f);
	return 0;
}

/* UDP to the port in a frame that is otherwise empty, in two pieces. */
static void pass(struct fixture *f, uint16_t port)
{
	uint8_t bytes[UDP_LEN] = { [12] = 8, [14] = 0x45, [17] = 46, [22] = 64, [23] = 17 };
	struct iovec iov[2] = { { bytes, 20 }, { bytes + 20, UDP_LEN - 20 } };

	bytes[36] = (uint8_t)(port >> 8);
	bytes[37] = (uint8_t)port;
	capture_frame(f->capture, &(struct frame) { .iov = iov, .n_iov = 2, .len = UDP_LEN });
}

/* Return: false when the other end is closed */
static bool read_some(struct fixture *f)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(f->reader, buf, sizeof(buf), 0)) > 0) {
		f->file = realloc(f->file, f->len + (size_t)n);
		assert_non_null(f->file);
		memcpy(f->file + f->len, buf, (size_t)n);
		f->len += (size_t)n;
	}
	return n != 0;
}

static void read_until(struct fixture *f, size_t len)
{
	for (int i = 0; f->len < len; i++) {
		assert_true(i < TURNS_AT_MOST);
		uv_run(&f->loop, UV_RUN_NOWAIT);
		read_some(f);
	}
	assert_int_equal(f->len, len);
}

/* Return: how many frames libpcap finds; each is compared as far as it was kept */
static unsigned int frames_in(struct fixture *f, uint32_t kept)
{
	char error[PCAP_ERRBUF_SIZE];
	FILE *file = fmemopen(f->file, f->len, "rb");
	pcap_t *pcap = pcap_fopen_offline(file, error);
	struct pcap_pkthdr *header;
	const u_char *bytes;
	unsigned int n = 0;
	int r;

	assert_non_null(pcap);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	while ((r = pcap_next_ex(pcap, &header, &bytes)) == 1) {
		assert_int_equal(header->len, UDP_LEN);
		assert_int_equal(header->caplen, kept);
		assert_int_equal(bytes[14], 0x45);
		n++;
	}
	assert_int_equal(r, PCAP_ERROR_BREAK);
	pcap_close(pcap);
	return n;
}

static void what_passes_is_what_libpcap_reads(void **state)
{
	struct fixture *f = *state;

	start_well(f, (struct capture_config) { 0 });
	pass(f, 53);
	pass(f, 80);
	read_until(f, FILE_HEADER + 2 * RECORD(UDP_LEN));
	assert_int_equal(frames_in(f, UDP_LEN), 2);
}

static void only_what_the_filter_means_is_written(void **state)
{
	struct fixture *f = *state;

	start_well(f, (struct capture_config) { .filter = "udp port 53" });
	pass(f, 80);
	pass(f, 53);
	pass(f, 81);
	read_until(f, FILE_HEADER + RECORD(UDP_LEN));
	assert_int_equal(frames_in(f, UDP_LEN), 1);
}

/* libpcap would look them up while the loop waits. */
static void names_of_hosts_are_refused(void **state)
{
	static const char *const filters[] = {
		"host example.com",  "example.com",	   "ip and localhost",
		"net loopback",	     "gateway router",	   "port http or https",
		"src 1password.com", "ether host \\guest", "host a:b",
		"tcp and (dst web)", "host fe80::1%eth0",  "port http or host port-80.example.com",
		"udp prot 53",	     "wlan host me",
	};
	struct bpf_program program;

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		char *error = NULL;

		assert_int_equal(capture_filter_compile(filters[i], &program, &error), -EINVAL);
		assert_non_null(error);
		assert_non_null(strstr(error, "names of hosts are not looked up"));
		free(error);
	}
}

static void filters_without_names_are_libpcaps(void **state)
{
	static const char *const filters[] = {
		"host 192.0.2.1 or host 2001:db8::1",
		"ether host 02:00:00:00:00:01 and not arp",
		/* (Names of services and protocols are in Debian's netbase, which need not be there.) */
		"tcp port 80 or udp port 53",
		"portrange 1000-2000",
		"ip proto 6 or ip6 proto 89",
		"net 10.0.0.0/8 or src net 192.168 or fe80::/10",
		"icmp[icmptype] = icmp-echo or tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
		"vlan 7 && greater 100 or len <= 0x40",
		"(not broadcast)and!multicast",
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		struct bpf_program program;
		char *error = NULL;

		if (capture_filter_compile(filters[i], &program, &error) != 0)
			fail_msg("%s: %s", filters[i], error);
		pcap_freecode(&program);
	}
}

static void a_word_longer_than_any_name_is_refused(void **state)
{
	char filter[600] = "host ", *error = NULL;
	struct bpf_program program;

	memset(filter + 5, 'a', 300);
	assert_int_equal(capture_filter_compile(filter, &program, &error), -EINVAL);
	assert_non_null(strstr(error, "255"));
	free(error);
}

static void a_filter_that_takes_too_long_is_refused(void **state)
{
	char filter[1026], *error = NULL;
	struct bpf_program program;

	memset(filter, ' ', sizeof(filter));
	memcpy(filter, "tcp", 3);
	filter[1025] = '\0';
	assert_int_equal(capture_filter_compile(filter, &program, &error), -EINVAL);
	assert_non_null(strstr(error, "longer than 1024 bytes"));
	free(error);
	error = NULL;
	filter[1024] = '\0';
	assert_int_equal(capture_filter_compile(filter, &program, &error), 0);
	pcap_freecode(&program);
}

static void a_filter_that_is_none_is_refused_in_libpcaps_words(void **state)
{
	struct fixture *f = *state;
	char *error = NULL;

	assert_int_equal(start(f, (struct capture_config) { .filter = "udp port" }, &error),
			 -EINVAL);
	assert_non_null(strstr(error, "filter \"udp port\": "));
	assert_null(f->capture);
	free(error);
	assert_false(read_some(f)); /* its end is closed */
}

static void an_fd_that_is_no_stream_socket_is_refused(void **state)
{
	struct fixture *f = *state;
	struct capture_config config = { .ended = on_ended, .opaque = f };
	int fds[2];
	char *error = NULL;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	config.fd = fds[1];
	assert_int_equal(capture_new(&f->loop, &config, &f->capture, &error), -ENOTSOCK);
	assert_non_null(error);
	free(error);
	close(fds[0]);
}

static void frames_are_cut_to_the_snap_length(void **state)
{
	struct fixture *f = *state;

	start_well(f, (struct capture_config) { .snap_len = 34 });
	pass(f, 53);
	read_until(f, FILE_HEADER + RECORD(34));
	assert_int_equal(frames_in(f, 34), 1);
}

static void the_file_ends_whole_before_its_size_limit(void **state)
{
	struct fixture *f = *state;

	start_well(f,
		   (struct capture_config) { .max_bytes = FILE_HEADER + 2 * RECORD(UDP_LEN) + 75 });
	for (int i = 0; i < 5; i++)
		pass(f, 53);
	read_until(f, FILE_HEADER + 2 * RECORD(UDP_LEN));
	for (int i = 0; !f->ended && i < TURNS_AT_MOST; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->ended, "its size limit is reached");
	assert_int_equal(frames_in(f, UDP_LEN), 2);
}

static void a_reader_that_is_gone_ends_the_capture(void **state)
{
	struct fixture *f = *state;

	start_well(f, (struct capture_config) { 0 });
	close(f->reader);
	f->reader = -1;
	for (int i = 0; !f->ended && i < TURNS_AT_MOST; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_string_equal(f->ended, "its reader is gone");
	pass(f, 53); /* harmless */
}

static void what_a_slow_reader_leaves_no_room_for_is_counted(void **state)
{
	struct fixture *f = *state;
	struct capture_counters counters;
	unsigned int passed = 2 * CAPTURE_BUFFER_BYTES / RECORD(UDP_LEN), read;

	start_well(f, (struct capture_config) { 0 });
	for (unsigned int i = 0; i < passed; i++) {
		pass(f, 53);
		if (i % 1024 == 0)
			uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	capture_counters(f->capture, &counters);
	assert_true(counters.dropped > 0);
	assert_int_equal(counters.frames, passed);
	read_until(f, counters.bytes);
	read = frames_in(f, UDP_LEN);
	assert_int_equal(read, passed - counters.dropped);
}

static void what_is_queued_is_sent_when_the_capture_is_stopped(void **state)
{
	struct fixture *f = *state;

	start_well(f, (struct capture_config) { 0 });
	pass(f, 53);
	capture_free(f->capture);
	f->capture = NULL;
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_false(read_some(f));
	assert_int_equal(frames_in(f, UDP_LEN), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_passes_is_what_libpcap_reads),
		TEST(only_what_the_filter_means_is_written),
		TEST(names_of_hosts_are_refused),
		TEST(filters_without_names_are_libpcaps),
		TEST(a_word_longer_than_any_name_is_refused),
		TEST(a_filter_that_takes_too_long_is_refused),
		TEST(a_filter_that_is_none_is_refused_in_libpcaps_words),
		TEST(an_fd_that_is_no_stream_socket_is_refused),
		TEST(frames_are_cut_to_the_snap_length),
		TEST(the_file_ends_whole_before_its_size_limit),
		TEST(a_reader_that_is_gone_ends_the_capture),
		TEST(what_a_slow_reader_leaves_no_room_for_is_counted),
		TEST(what_is_queued_is_sent_when_the_capture_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
