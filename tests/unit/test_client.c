/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client.c - the client against servers that lie
 *
 *	client (this thread)  --UNIX socket-->  script (a thread): reads a request, builds the
 *						honest reply, lets the test bend it, sends it
 *
 * A client that would wait forever is caught by its own deadline, and by the runner's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fds.h"
#include "sys/sock.h"
#include "vfio_user/client.h"
#include <outrigger/vfio_user.h>

#define TIMEOUT_MS	 5000
#define SHORT_TIMEOUT_MS 20

struct message {
	struct wire_header header;
	uint8_t payload[4096];
} __attribute__((packed));

/* What a bent reply becomes, other than sent. */
enum verdict {
	SEND,
	SAY_NOTHING,
	HANG_UP,
};

typedef enum verdict bend_function(const struct message *request, struct message *reply);

struct fixture {
	char dir[32], path[64];
	struct sock_listener listener;
	pthread_t thread;
	bend_function *bend;
	int open_before;
};

static void set_payload(struct message *reply, const void *payload, size_t len)
{
	memcpy(reply->payload, payload, len);
	reply->header.size = (uint32_t)(sizeof(reply->header) + len);
}

static void answer_version(struct message *reply, uint16_t major, uint16_t minor, const char *json)
{
	const struct wire_version version = { major, minor };

	set_payload(reply, &version, sizeof(version));
	if (json) {
		strcpy((char *)reply->payload + sizeof(version), json);
		reply->header.size += (uint32_t)strlen(json) + 1;
	}
}

/* A device of one region with bytes 0, 1, 2, ... and one IRQ. */
static void answer_honestly(const struct message *request, struct message *reply)
{
	struct wire_region_io io;

	reply->header = request->header;
	reply->header.flags = WIRE_TYPE_REPLY;
	switch (request->header.command) {
	case WIRE_VERSION:
		answer_version(reply, 0, 0, "{\"capabilities\":{\"max_data_xfer_size\":100}}");
		break;
	case WIRE_DEVICE_GET_INFO:
		set_payload(reply, &(struct wire_device_info) { 16, RIG_DEVICE_PCI, 1, 1 }, 16);
		break;
	case WIRE_DEVICE_GET_REGION_INFO:
		set_payload(reply, &(struct wire_region_info) { 32, RIG_REGION_READ, 0, 0, 256, 0 },
			    32);
		break;
	case WIRE_DEVICE_GET_IRQ_INFO:
		set_payload(reply, &(struct wire_irq_info) { 16, RIG_IRQ_EVENTFD, 0, 1 }, 16);
		break;
	case WIRE_REGION_READ:
		memcpy(&io, request->payload, sizeof(io));
		set_payload(reply, &io, sizeof(io));
		for (uint32_t i = 0; i < io.count; i++)
			reply->payload[sizeof(io) + i] = (uint8_t)(io.offset + i);
		reply->header.size += io.count;
		break;
	}
}

static bool receive_all(int fd, void *buf, size_t len)
{
	return len == 0 || recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static bool serve_one(struct fixture *f, int fd)
{
	struct message request, reply;
	size_t len;

	if (!receive_all(fd, &request.header, sizeof(request.header)))
		return false;
	len = request.header.size - sizeof(request.header);
	if (len > sizeof(request.payload) || !receive_all(fd, request.payload, len))
		return false;
	answer_honestly(&request, &reply);
	switch (f->bend ? f->bend(&request, &reply) : SEND) {
	case SEND:
		return send(fd, &reply, reply.header.size, MSG_NOSIGNAL) == reply.header.size;
	case SAY_NOTHING:
		return true;
	case HANG_UP:
		break;
	}
	return false;
}

static void *serve(void *opaque)
{
	struct fixture *f = opaque;
	int fd = accept(f->listener.fd, NULL, NULL);

	while (fd >= 0 && serve_one(f, fd))
		;
	close(fd);
	return NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->open_before = fds_open();
	strcpy(f->dir, "/tmp/test_client.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	assert_int_equal(sock_listen(f->path, &f->listener), 0);
	assert_int_equal(fcntl(f->listener.fd, F_SETFL, 0), 0); /* accept() waits */
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sock_listener_close(&f->listener);
	assert_int_equal(rmdir(f->dir), 0);
	assert_int_equal(fds_open(), f->open_before);
	free(f);
	return 0;
}

/* Each connection is followed by hang_up(), failed ones too: it ends the script's thread. */
static int connect_bent(struct fixture *f, bend_function *bend, int timeout_ms, struct client **ret)
{
	char *error = NULL;
	int r;

	f->bend = bend;
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
	r = client_connect(f->path, timeout_ms, ret, &error);
	if (r < 0) {
		assert_non_null(strstr(error, f->path));
		free(error);
		*ret = NULL;
	}
	return r;
}

static void hang_up(struct fixture *f, struct client *client)
{
	client_free(client);
	pthread_join(f->thread, NULL);
}

static void assert_handshake_fails(struct fixture *f, bend_function *bend, int error)
{
	struct client *client;

	assert_int_equal(connect_bent(f, bend, TIMEOUT_MS, &client), error);
	hang_up(f, client);
}

static void an_honest_device_is_read(void **state)
{
	struct fixture *f = *state;
	struct client *client;
	struct wire_device_info device;
	struct client_region region;
	struct wire_irq_info irq;
	uint8_t bytes[256];

	assert_int_equal(connect_bent(f, NULL, TIMEOUT_MS, &client), 0);
	assert_int_equal(client_version(client)->caps.max_data_xfer_size, 100);
	assert_int_equal(client_version(client)->caps.max_msg_fds, 1);
	assert_int_equal(client_device_info(client, &device), 0);
	assert_int_equal(client_region_info(client, 0, &region), 0);
	assert_int_equal(region.size, 256);
	assert_int_equal(client_irq_info(client, 0, &irq), 0);
	/* In three parts: the server's limit is 100. */
	assert_int_equal(client_region_read(client, 0, 0, bytes, sizeof(bytes)), 0);
	for (int i = 0; i < 256; i++)
		assert_int_equal(bytes[i], i);
	client_region_clear(&region);
	hang_up(f, client);
}

static void nobody_and_no_socket_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct client *client;
	char *error;

	assert_int_equal(client_connect("/nonexistent/s", TIMEOUT_MS, &client, &error), -ENOENT);
	free(error);
	assert_int_equal(client_connect("/etc/passwd", TIMEOUT_MS, &client, &error), -ENOTSOCK);
	free(error);
	close(f->listener.fd);
	f->listener.fd = -1;
	assert_int_equal(client_connect(f->path, TIMEOUT_MS, &client, &error), -ECONNREFUSED);
	assert_non_null(strstr(error, "is the server running?"));
	free(error);
}

static enum verdict busy(const struct message *request, struct message *reply)
{
	reply->header.flags |= WIRE_FLAG_ERROR;
	reply->header.error = EBUSY;
	reply->header.size = sizeof(reply->header);
	return SEND;
}

static enum verdict error_zero(const struct message *request, struct message *reply)
{
	busy(request, reply);
	reply->header.error = 0;
	return SEND;
}

static enum verdict hang_up_at_once(const struct message *request, struct message *reply)
{
	return HANG_UP;
}

static enum verdict silence(const struct message *request, struct message *reply)
{
	return SAY_NOTHING;
}

static enum verdict no_such_message_type(const struct message *request, struct message *reply)
{
	reply->header.flags = 7;
	return SEND;
}

static enum verdict other_major(const struct message *request, struct message *reply)
{
	answer_version(reply, 1, 0, "{}");
	return SEND;
}

static enum verdict higher_minor(const struct message *request, struct message *reply)
{
	answer_version(reply, 0, VERSION_MINOR + 1, "{}");
	return SEND;
}

static enum verdict bad_json(const struct message *request, struct message *reply)
{
	answer_version(reply, 0, 0, "{\"capabilities\":");
	return SEND;
}

static enum verdict wrong_type(const struct message *request, struct message *reply)
{
	answer_version(reply, 0, 0, "{\"capabilities\":{\"max_msg_fds\":\"8\"}}");
	return SEND;
}

static enum verdict no_nul(const struct message *request, struct message *reply)
{
	reply->header.size--;
	return SEND;
}

static enum verdict unasked_twin(const struct message *request, struct message *reply)
{
	answer_version(reply, 0, 0, "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}");
	return SEND;
}

static enum verdict nothing_fits(const struct message *request, struct message *reply)
{
	answer_version(reply, 0, 0, "{\"capabilities\":{\"max_data_xfer_size\":0}}");
	return SEND;
}

static enum verdict three_bytes(const struct message *request, struct message *reply)
{
	reply->header.size = sizeof(reply->header) + 3;
	return SEND;
}

static enum verdict no_json(const struct message *request, struct message *reply)
{
	if (request->header.command == WIRE_VERSION)
		answer_version(reply, 0, 0, NULL);
	return SEND;
}

static void a_bad_handshake_fails_cleanly(void **state)
{
	struct fixture *f = *state;

	assert_handshake_fails(f, busy, -EBUSY);
	assert_handshake_fails(f, error_zero, -EIO);
	assert_handshake_fails(f, hang_up_at_once, -ENOTCONN);
	assert_handshake_fails(f, no_such_message_type, -ENOTCONN);
	assert_handshake_fails(f, other_major, -EPROTO);
	assert_handshake_fails(f, higher_minor, -EPROTO);
	assert_handshake_fails(f, bad_json, -EPROTO);
	assert_handshake_fails(f, wrong_type, -EPROTO);
	assert_handshake_fails(f, no_nul, -EPROTO);
	assert_handshake_fails(f, unasked_twin, -EPROTO);
	assert_handshake_fails(f, nothing_fits, -EPROTO);
	assert_handshake_fails(f, three_bytes, -EPROTO);
}

static void a_reply_without_json_means_defaults(void **state)
{
	struct fixture *f = *state;
	struct client *client;

	assert_int_equal(connect_bent(f, no_json, TIMEOUT_MS, &client), 0);
	assert_int_equal(client_version(client)->caps.stated, 0);
	assert_string_equal(client_version(client)->json, "");
	hang_up(f, client);
}

static void a_server_that_says_nothing_is_left(void **state)
{
	struct fixture *f = *state;
	struct client *client;

	assert_int_equal(connect_bent(f, silence, SHORT_TIMEOUT_MS, &client), -ETIMEDOUT);
	hang_up(f, client);
}

static enum verdict absurd_counts(const struct message *request, struct message *reply)
{
	if (request->header.command == WIRE_DEVICE_GET_INFO)
		set_payload(reply, &(struct wire_device_info) { 16, 2, UINT32_MAX, 1 }, 16);
	return SEND;
}

static enum verdict one_byte_less(const struct message *request, struct message *reply)
{
	if (request->header.command != WIRE_VERSION)
		reply->header.size--;
	return SEND;
}

static enum verdict one_byte_more(const struct message *request, struct message *reply)
{
	if (request->header.command != WIRE_VERSION)
		reply->header.size++;
	return SEND;
}

static enum verdict other_command(const struct message *request, struct message *reply)
{
	if (request->header.command != WIRE_VERSION)
		reply->header.command = WIRE_DEVICE_RESET;
	return SEND;
}

static enum verdict wrong_index(const struct message *request, struct message *reply)
{
	if (request->header.command == WIRE_DEVICE_GET_REGION_INFO)
		reply->payload[8] = 1;
	if (request->header.command == WIRE_DEVICE_GET_IRQ_INFO)
		reply->payload[8] = 1;
	if (request->header.command == WIRE_REGION_READ)
		reply->payload[8] = 1;
	return SEND;
}

static enum verdict dies_later(const struct message *request, struct message *reply)
{
	return request->header.command == WIRE_VERSION ? SEND : HANG_UP;
}

/* Every question gets this reply bent so: none may succeed, nor return anything else. */
static void assert_questions_fail(struct fixture *f, bend_function *bend)
{
	struct wire_device_info device = { .argsz = 99 };
	struct client_region region = { .size = 99 };
	struct wire_irq_info irq = { .argsz = 99 };
	struct client *client;
	uint8_t bytes[16];

	for (int question = 0; question < 4; question++) {
		int r = 0;

		assert_int_equal(connect_bent(f, bend, TIMEOUT_MS, &client), 0);
		switch (question) {
		case 0:
			if (bend != wrong_index)
				r = client_device_info(client, &device);
			else
				r = -EPROTO; /* has no index */
			break;
		case 1:
			r = client_region_info(client, 0, &region);
			break;
		case 2:
			r = client_irq_info(client, 0, &irq);
			break;
		case 3:
			r = client_region_read(client, 0, 0, bytes, sizeof(bytes));
			break;
		}
		assert_true(r == -EPROTO || r == -ENOTCONN);
		hang_up(f, client);
	}
	assert_int_equal(device.argsz, 99);
	assert_int_equal(region.size, 99);
	assert_int_equal(irq.argsz, 99);
}

static void replies_that_contradict_their_request_are_refused(void **state)
{
	struct fixture *f = *state;
	struct wire_device_info device;
	struct client *client;

	assert_questions_fail(f, one_byte_less);
	assert_questions_fail(f, one_byte_more);
	assert_questions_fail(f, other_command);
	assert_questions_fail(f, wrong_index);
	assert_questions_fail(f, dies_later);
	assert_int_equal(connect_bent(f, absurd_counts, TIMEOUT_MS, &client), 0);
	assert_int_equal(client_device_info(client, &device), -EPROTO);
	hang_up(f, client);
}

static void a_dead_connection_stays_dead(void **state)
{
	struct fixture *f = *state;
	struct wire_device_info device;
	struct client *client;

	assert_int_equal(connect_bent(f, dies_later, TIMEOUT_MS, &client), 0);
	assert_int_equal(client_device_info(client, &device), -ENOTCONN);
	assert_int_equal(client_device_info(client, &device), -ENOTCONN);
	assert_true(strlen(client_error(client)) > 0);
	hang_up(f, client);
}

static uint32_t argsz_of(const struct message *request)
{
	uint32_t argsz;

	memcpy(&argsz, request->payload, sizeof(argsz));
	return argsz;
}

static enum verdict wants_64(const struct message *request, struct message *reply)
{
	struct wire_region_info info = { 64, RIG_REGION_MMAP, 0, 0, 8192, 0 };
	const struct wire_cap_sparse_mmap list = { { RIG_REGION_CAP_SPARSE_MMAP, 1, 0 }, 1, 0 };
	const struct wire_sparse_area area = { 4096, 4096 };

	if (request->header.command != WIRE_DEVICE_GET_REGION_INFO)
		return SEND;
	if (argsz_of(request) < 64) {
		set_payload(reply, &info, sizeof(info));
		return SEND;
	}
	info.flags |= RIG_REGION_CAPS;
	info.cap_offset = sizeof(info);
	set_payload(reply, &info, sizeof(info));
	memcpy(reply->payload + 32, &list, sizeof(list));
	memcpy(reply->payload + 48, &area, sizeof(area));
	reply->header.size += 32;
	return SEND;
}

static enum verdict always_wants_more(const struct message *request, struct message *reply)
{
	const struct wire_region_info info = { argsz_of(request) * 2, 0, 0, 0, 8192, 0 };

	if (request->header.command == WIRE_DEVICE_GET_REGION_INFO)
		set_payload(reply, &info, sizeof(info));
	return SEND;
}

static enum verdict wants_4_gib(const struct message *request, struct message *reply)
{
	const struct wire_region_info info = { UINT32_MAX, 0, 0, 0, 8192, 0 };

	if (request->header.command == WIRE_DEVICE_GET_REGION_INFO)
		set_payload(reply, &info, sizeof(info));
	return SEND;
}

static void region_info_is_asked_again_with_the_room_it_needs(void **state)
{
	struct fixture *f = *state;
	struct client_region region;
	struct client *client;

	assert_int_equal(connect_bent(f, wants_64, TIMEOUT_MS, &client), 0);
	assert_int_equal(client_region_info(client, 0, &region), 0);
	assert_int_equal(region.n_areas, 1);
	assert_int_equal(region.areas[0].offset, 4096);
	client_region_clear(&region);
	hang_up(f, client);

	assert_int_equal(connect_bent(f, always_wants_more, TIMEOUT_MS, &client), 0);
	assert_int_equal(client_region_info(client, 0, &region), -EPROTO);
	hang_up(f, client);
	assert_int_equal(connect_bent(f, wants_4_gib, TIMEOUT_MS, &client), 0);
	assert_int_equal(client_region_info(client, 0, &region), -EPROTO);
	hang_up(f, client);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(an_honest_device_is_read),
		test(nobody_and_no_socket_are_told_apart),
		test(a_bad_handshake_fails_cleanly),
		test(a_reply_without_json_means_defaults),
		test(a_server_that_says_nothing_is_left),
		test(replies_that_contradict_their_request_are_refused),
		test(a_dead_connection_stays_dead),
		test(region_info_is_asked_again_with_the_room_it_needs),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
