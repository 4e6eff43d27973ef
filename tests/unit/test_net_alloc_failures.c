/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_net_alloc_failures.c - every allocation of a user network fails once
 *
 *   options as a file --> service: network, forwards, sockets --> requests of the control socket
 *                                           ^--- a guest and a client, which connect
 *
 * The same session again and again, with one allocation later that fails. Whatever fails says so, by an
 * error or an answer; nothing leaks (fds and handles are counted, memory is for the sanitizer), and
 * what does not need the memory goes on. Allocations of libraries (GLib, which would end the process;
 * libuv; json-c) do not fail here.
 */
#include <errno.h>
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

#include "failing_alloc.h"
#include "fds.h"
#include "net/control/answer.h"
#include "net/control/captures.h"
#include "net/settings/config_file.h"
#include "net/user/dhcp_packet.h"
#include "net/user/udp_frame.h"
#include "sys/log.h"

#define TURNS 6

struct session {
	char dir[32];
	uv_loop_t loop;
	struct net_settings settings;
	struct net_service *service;
	struct control_host host;
	struct control *control;
};

static void tell(struct control_client *client, struct json_object *event)
{
	json_object_put(event);
}

static void turn(struct session *s)
{
	for (int i = 0; i < TURNS; i++)
		uv_run(&s->loop, UV_RUN_NOWAIT);
}

/* Once something failed whatever comes of it is fine, as long as it is an error. */
static bool ended(int r, char *error)
{
	if (r < 0 && !alloc_failed())
		fail_msg("%s", error ? error : strerror(-r));
	assert_true(r >= 0 || error || r == -ENOMEM);
	free(error);
	return r >= 0;
}

static bool read_options(struct session *s)
{
	static const char format[] =
		"mode shared\nnetwork user\nsource-guard\nstart-address 192.168.77.1\n"
		"end-address 192.168.77.99\nsubnet-mask 255.255.255.0\ndomain guests.test\n"
		"dns 192.0.2.53\nallow 127.0.0.1:80\n"
		"reserve 02:00:00:00:00:01=192.168.77.10,name=web\n"
		"forward tcp:%s/forward-web:80\nstream %s/stream,rate=800mbit\n"
		"dgram %s/dgram,name=d\ncontrol %s/control\nstate-dir %s\n";
	char text[1024], *error = NULL;
	int n = snprintf(text, sizeof(text), format, s->dir, s->dir, s->dir, s->dir, s->dir);
	int r;

	assert_true(n > 0 && (size_t)n < sizeof(text));
	r = config_file_parse(&s->settings, "F", text, (size_t)n, &error);
	if (r >= 0)
		r = net_settings_complete(&s->settings, &error);
	return ended(r, error);
}

static void ask(struct session *s, const char *request, int fd)
{
	struct request_line line = { .fd = fd };
	char *answer = NULL, *text = strdup(request);
	int r;

	assert_non_null(text);
	line.text = text;
	line.len = strlen(text);
	r = control_answer(&s->host, NULL, &line, &answer);
	assert_true(r == 0 ? answer != NULL : r == -ENOMEM && alloc_failed());
	if (r == 0 && strstr(answer, "\"error\"") && !alloc_failed())
		fail_msg("%s: %s", request, answer);
	free(answer);
	free(text);
}

static void ask_everything(struct session *s)
{
	char request[256];
	int pair[2];

	ask(s, "{\"method\":\"status\"}", -1);
	ask(s, "{\"method\":\"ports\"}", -1);
	ask(s, "{\"method\":\"leases\"}", -1);
	ask(s, "{\"method\":\"addresses\"}", -1);
	ask(s, "{\"method\":\"forwards\"}", -1);
	ask(s, "{\"method\":\"counters\"}", -1);
	ask(s, "{\"method\":\"metrics\"}", -1);
	snprintf(request, sizeof(request),
		 "{\"method\":\"add-port\",\"params\":{\"kind\":\"nic\",\"path\":\"%s/nic\","
		 "\"rate\":\"8mbit\"}}",
		 s->dir);
	ask(s, request, -1);
	ask(s,
	    "{\"method\":\"add-reservation\",\"params\":{\"mac\":\"02:00:00:00:00:02\","
	    "\"address\":\"192.168.77.11\",\"name\":\"db\"}}",
	    -1);
	snprintf(request, sizeof(request),
		 "{\"method\":\"add-forward\",\"params\":{\"forward\":\"tcp:%s/more-db:22\"}}",
		 s->dir);
	ask(s, request, -1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ask(s, "{\"method\":\"capture-start\",\"params\":{\"filter\":\"arp or port 53\"}}",
	    pair[0]);
	turn(s);
	close(pair[1]);
	ask(s, "{\"method\":\"captures\"}", -1);
	turn(s);
}

/* A guest */

static void put_prefix(uint8_t *at, size_t len)
{
	const uint8_t prefix[] = { 0, 0, (uint8_t)(len >> 8), (uint8_t)len };

	memcpy(at, prefix, sizeof(prefix));
}

static size_t put_discover(uint8_t *at)
{
	const struct udp_station from = { .mac = { 2, 0, 0, 0, 0, 1 }, .port = 68 };
	const struct udp_station to = { .mac = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
					.address.s_addr = INADDR_BROADCAST,
					.port = DHCP_SERVER_PORT };
	uint8_t *message = at + 4 + UDP_FRAME_PAYLOAD4;
	size_t len;

	memset(message, 0, 300);
	memcpy(message, (const uint8_t[]) { 1, 1, 6 }, 3);
	memcpy(message + 28, from.mac, FRAME_MAC);
	memcpy(message + 236, (const uint8_t[]) { 99, 130, 83, 99, 53, 1, 1, 12, 1, 'a', 255 }, 11);
	len = udp_frame_write(at + 4, &from, &to, 300);
	put_prefix(at, len);
	return 4 + len;
}

/* Of a packet for the gateway. */
static size_t put_fragment(uint8_t *at)
{
	static const uint8_t frame[14 + 20 + 8] = {
		0x52, 0x55, 192, 168,  77, 1,  2,  0,	 0,    0, 0, 1, 8, 0,	0x45, 0,  0,
		28,   0,    7,	 0x20, 0,  64, 17, 0xff, 0xff, 0, 0, 0, 0, 192, 168,  77, 1,
	};
	uint8_t *ip = at + 4 + 14;
	uint32_t sum = 0;

	put_prefix(at, sizeof(frame));
	memcpy(at + 4, frame, sizeof(frame));
	ip[10] = ip[11] = 0;
	for (unsigned int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	return 4 + sizeof(frame);
}

static int plug(struct session *s, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", s->dir, name);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	turn(s);
	return fd;
}

/* What it is told may be that there is no memory, or that it is hung up on. */
static void say(struct session *s, int fd, const void *bytes, size_t len)
{
	char answer[4096];

	(void)!send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	turn(s);
	if (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) <= 0 && !alloc_failed())
		fail_msg("nothing was answered");
}

static void be_a_guest(struct session *s)
{
	int fd = plug(s, "stream");
	uint8_t bytes[1024];
	size_t len = put_discover(bytes);

	say(s, fd, bytes, len + put_fragment(bytes + len));
	close(fd);
	turn(s);
}

static void be_a_client(struct session *s)
{
	static const char request[] = "{\"method\":\"status\"}\n";
	int fd = plug(s, "control");

	say(s, fd, request, sizeof(request) - 1);
	close(fd);
	turn(s);
}

/* One session */

static bool serve(struct session *s)
{
	char *error = NULL;
	int r = net_service_new(&s->loop, &s->settings, &s->service, &error);

	if (!ended(r, error))
		return false;
	s->host.service = s->service;
	s->host.version = "0";
	error = NULL;
	r = control_new(&s->loop, &s->settings, &s->host, &s->control, &error);
	if (!ended(r, error))
		return false;
	return ended(captures_new(net_service_ports(s->service), tell, &s->host.captures), NULL);
}

static void session(void)
{
	struct session s = { .dir = "/tmp/test_alloc.XXXXXX" };
	char path[64];
	int before;

	assert_non_null(mkdtemp(s.dir));
	before = fds_open();
	assert_int_equal(uv_loop_init(&s.loop), 0);
	alloc_count(true);
	if (read_options(&s) && serve(&s)) {
		be_a_guest(&s);
		be_a_client(&s);
		ask_everything(&s);
	}
	control_free(s.control);
	captures_free(s.host.captures);
	net_service_free(s.service);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	net_settings_free(&s.settings);
	alloc_count(false);
	assert_int_equal(uv_loop_close(&s.loop), 0);
	assert_int_equal(fds_open(), before);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/leases%s", s.dir, i ? ".lock" : "");
		(void)unlink(path);
	}
	assert_int_equal(rmdir(s.dir), 0);
}

static void every_allocation_fails_once(void **state)
{
	unsigned int n = 0;
	uv_loop_t first;

	log_set_level(LOG_LEVEL_ERROR);
	/* The first loop of a process opens what all share, for good. */
	assert_int_equal(uv_loop_init(&first), 0);
	assert_int_equal(uv_loop_close(&first), 0);
	alloc_fail_after(UINT32_MAX);
	session();
	do {
		alloc_fail_after(n++);
		session();
	} while (alloc_failed());
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails_once),
	};

	return cmocka_run_group_tests_name("net_alloc_failures", tests, NULL, NULL);
}
