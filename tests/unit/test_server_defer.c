/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_defer.c - devices that answer later, and who waits for them
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "server_end.h"

/* The replies that are there, by id; each is a success. */
static size_t ids_received(struct client *c, uint16_t *ids, size_t max)
{
	struct answer a;
	size_t n = 0;

	while (!nothing_came(c)) {
		receive_answer(c, &a);
		assert_int_equal(a.header.flags, WIRE_TYPE_REPLY);
		assert_true(n < max);
		ids[n++] = a.header.id;
	}
	return n;
}

static void assert_received(struct client *c, size_t n, const uint16_t *expected)
{
	uint16_t ids[64];

	pump(c);
	assert_int_equal(ids_received(c, ids, 64), n);
	if (n > 0)
		assert_memory_equal(ids, expected, n * sizeof(ids[0]));
}

#define assert_ids(c, ...)                                                          \
	assert_received(c, sizeof((uint16_t[]) { __VA_ARGS__ }) / sizeof(uint16_t), \
			(uint16_t[]) { __VA_ARGS__ })
#define assert_none(c) assert_received(c, 0, NULL)

/* --- accesses --- */

static void a_deferred_read_is_answered_later_and_others_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct answer a;
	size_t len;
	uint8_t *data;

	f->device.defers_access = true;
	send_read(c, 1, 0, 8);
	assert_none(c);
	f->device.defers_access = false;
	send_read(c, 2, 0, 8);
	assert_ids(c, 2);

	data = rig_request_data(f->device.deferred[0], &len);
	assert_int_equal(len, 8);
	assert_int_equal(data[0] | data[7], 0);
	data[7] = 7;
	device_answer(&f->device, 0);
	pump(c);
	receive_answer(c, &a);
	assert_int_equal(a.header.id, 1);
	assert_int_equal(a.header.flags, WIRE_TYPE_REPLY);
	assert_int_equal(a.len, IO_HEAD + 8);
	assert_int_equal(a.payload[IO_HEAD + 7], 7);
}

static void a_deferred_write_has_its_bytes_until_it_is_answered(void **state)
{
	struct fixture *f = *state;
	const struct region_io io = { 4, REGISTERS, 3, { 1, 2, 3 } };
	struct answer a;
	size_t len;

	f->device.defers_access = true;
	send_numbered(&f->client, 5, WIRE_REGION_WRITE, &io, IO_HEAD + 3);
	assert_none(&f->client);
	assert_memory_equal(rig_request_data(f->device.deferred[0], &len), io.data, 3);
	assert_int_equal(len, 3);
	device_answer(&f->device, 0);
	pump(&f->client);
	receive_answer(&f->client, &a);
	assert_int_equal(a.len, IO_HEAD);
	assert_memory_equal(a.payload, &io, IO_HEAD);
}

static void a_deferred_access_may_fail(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	f->device.defers_access = true;
	send_read(&f->client, 3, 0, 4);
	pump(&f->client);
	device_answer(&f->device, -EIO);
	pump(&f->client);
	receive_answer(&f->client, &a);
	assert_int_equal(a.header.error, EIO);
	assert_int_equal(a.header.size, sizeof(a.header));
	assert_usable(&f->client);
}

static void s003_a_deferred_posted_write_says_nothing(void **state)
{
	struct fixture *f = *state;
	const struct region_io io = { 4, REGISTERS, 1, { 1 } };

	f->device.defers_access = true;
	send_command(&f->client, WIRE_REGION_WRITE, NO_REPLY, &io, IO_HEAD + 1, NULL, 0);
	device_answer(&f->device, -EIO);
	pump(&f->client);
	assert_true(nothing_came(&f->client));
	assert_usable(&f->client);
}

static void deferring_without_a_request_is_an_error_of_the_device(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_null(rig_server_defer(f->server));
	f->device.defers_access = true;
	f->device.forgets_to_defer = true;
	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, REGISTERS, 0, 4, &a), EIO);
	assert_usable(&f->client);
}

struct multi {
	uint64_t n;
	struct wire_write_multi_entry entries[3];
} __attribute__((packed));

static void s065_a_deferred_write_of_many_holds_up_those_behind_it(void **state)
{
	struct fixture *f = *state;
	struct multi m = { .n = 3 };
	struct answer a;
	uint64_t done;

	for (uint8_t i = 0; i < 3; i++)
		m.entries[i] = (struct wire_write_multi_entry) { i, REGISTERS, 1, { 9 } };
	f->device.defers_access = true;
	send_numbered(&f->client, 1, WIRE_REGION_WRITE_MULTI, &m, sizeof(m));
	for (int i = 0; i < 3; i++) {
		assert_none(&f->client);
		assert_int_equal(f->device.registers[i], 9);
		assert_true(i == 2 || f->device.registers[i + 1] == 0);
		device_answer(&f->device, i < 2 ? 0 : -EIO);
	}
	pump(&f->client);
	receive_answer(&f->client, &a);
	memcpy(&done, a.payload, sizeof(done));
	assert_int_equal(done, 2);
}

/* --- resets --- */

static void s067_everything_behind_a_deferred_reset_waits_in_order(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	const struct region_io io = { 0, REGISTERS, 1, { 9 } };

	f->device.defers_reset = true;
	send_numbered(c, 1, WIRE_DEVICE_RESET, NULL, 0);
	send_read(c, 2, 0, 1);
	send_numbered(c, 3, WIRE_REGION_WRITE, &io, IO_HEAD + 1);
	send_read(c, 4, 0, 1);
	assert_none(c);
	assert_int_equal(f->device.registers[0], 0);
	device_answer(&f->device, 0);
	assert_ids(c, 1, 2, 3, 4);
	assert_int_equal(f->device.registers[0], 9);
	assert_string_equal(f->device.trace, "cqr");
}

static void s067_two_resets_in_a_row_are_two(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;

	f->device.defers_reset = true;
	send_numbered(c, 1, WIRE_DEVICE_RESET, NULL, 0);
	send_numbered(c, 2, WIRE_DEVICE_RESET, NULL, 0);
	send_read(c, 3, 0, 1);
	assert_none(c);
	assert_int_equal(f->device.resets, 1);
	device_answer(&f->device, 0);
	assert_ids(c, 1);
	assert_int_equal(f->device.resets, 2);
	device_answer(&f->device, 0);
	assert_ids(c, 2, 3);
}

static void a_reset_that_fails_later_is_refused_and_holds_nothing_up(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct answer a;

	f->device.defers_reset = true;
	send_numbered(c, 1, WIRE_DEVICE_RESET, NULL, 0);
	send_read(c, 2, 0, 1);
	pump(c);
	device_answer(&f->device, -ETIMEDOUT);
	pump(c);
	receive_answer(c, &a);
	assert_int_equal(a.header.error, ETIMEDOUT);
	assert_ids(c, 2);
}

/* --- quiesce --- */

static void the_device_is_quiet_before_anything_of_it_changes(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct answer a;

	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(unmap(c, 0, PAGE, 0), 0);
	assert_int_equal(ask(c, WIRE_DEVICE_RESET, NULL, 0, &a), 0);
	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(map(c, 2 * PAGE, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(unmap(c, 0, 0, RIG_DMA_UNMAP_ALL), 0);
	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	client_hang_up(c);
	assert_string_equal(f->device.trace, "cqmquqrqmqmquuqmqud");
}

static void what_would_be_refused_anyway_disturbs_no_device(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;

	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), EEXIST);
	assert_int_equal(map(c, 1, PAGE, RIG_DMA_READ, f->memory), EINVAL);
	assert_int_equal(unmap(c, PAGE, PAGE, 0), ENOENT);
	assert_int_equal(unmap(c, 0, PAGE, RIG_DMA_UNMAP_ALL), EINVAL);
	assert_string_equal(f->device.trace, "cqm");
}

static void everything_waits_while_the_device_goes_quiet(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	const struct wire_dma_map m = { sizeof(m), RIG_DMA_READ, 0, 0, PAGE };

	f->device.defers_quiesce = true;
	send_numbered(c, 1, WIRE_DMA_MAP, &m, sizeof(m));
	send_read(c, 2, 0, 1);
	send_unmap(c, 3, 0, PAGE, 0);
	assert_none(c);
	assert_string_equal(f->device.trace, "cq");
	device_answer(&f->device, 0);
	assert_ids(c, 1, 2);
	assert_string_equal(f->device.trace, "cqmq");
	device_answer(&f->device, 0);
	assert_ids(c, 3);
	assert_string_equal(f->device.trace, "cqmqu");
	f->device.defers_quiesce = false;
}

static void a_device_that_does_not_go_quiet_refuses_what_was_to_happen(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct answer a;
	struct iovec iov;

	assert_int_equal(map(c, 4 * PAGE, PAGE, RIG_DMA_READ, f->memory), 0);
	f->device.quiesce_error = -EBUSY;
	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), EBUSY);
	assert_int_equal(rig_dma_translate(f->server, 0, 1, RIG_DMA_READ, &iov, 1), -EFAULT);
	assert_int_equal(unmap(c, 4 * PAGE, PAGE, 0), EBUSY);
	assert_int_equal(unmap(c, 0, 0, RIG_DMA_UNMAP_ALL), EBUSY);
	assert_int_equal(ask(c, WIRE_DEVICE_RESET, NULL, 0, &a), EBUSY);
	assert_int_equal(rig_dma_translate(f->server, 4 * PAGE, 1, RIG_DMA_READ, &iov, 1), 1);
	assert_string_equal(f->device.trace, "cqmqqqq");
	/* A client that is gone is gone. */
	client_hang_up(c);
	assert_string_equal(f->device.trace, "cqmqqqqqud");
}

static void s101_a_client_is_gone_when_the_device_is_quiet(void **state)
{
	struct fixture *f = *state;
	struct client second;
	struct answer a;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	f->device.defers_quiesce = true;
	client_hang_up(&f->client);
	assert_int_equal(f->device.disconnected, 0);
	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, NULL, &a), EBUSY);
	client_hang_up(&second);
	assert_non_null(f->client.conn); /* its fd is still the loop's */

	device_answer(&f->device, 0);
	pump(&f->client);
	assert_null(f->client.conn);
	assert_string_equal(f->device.trace, "cqmqud");
}

static void a_reset_that_its_client_does_not_live_to_see_ends_first(void **state)
{
	struct fixture *f = *state;

	f->device.defers_reset = true;
	send_numbered(&f->client, 1, WIRE_DEVICE_RESET, NULL, 0);
	send_read(&f->client, 2, 0, 1);
	pump(&f->client);
	client_hang_up(&f->client);
	assert_string_equal(f->device.trace, "cqr");
	device_answer(&f->device, 0);
	pump(&f->client);
	assert_string_equal(f->device.trace, "cqrqd");
	assert_null(f->client.conn);
}

/* --- answers that come late, or never --- */

static void an_answer_after_the_client_is_gone_goes_nowhere(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	f->device.defers_access = true;
	send_read(&f->client, 1, 0, 4);
	pump(&f->client);
	client_hang_up(&f->client);
	assert_int_equal(f->device.disconnected, 1);
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, NULL, &a), 0);
	device_answer(&f->device, 0);
	pump(&f->client);
	assert_true(nothing_came(&f->client));
}

static void answers_after_the_server_is_gone_go_nowhere(void **state)
{
	struct fixture *f = *state;
	struct multi m = { .n = 1 };

	m.entries[0] = (struct wire_write_multi_entry) { 0, REGISTERS, 1, { 9 } };
	f->device.defers_access = true;
	f->device.defers_reset = true;
	send_read(&f->client, 1, 0, 4);
	send_numbered(&f->client, 2, WIRE_REGION_WRITE_MULTI, &m, 8 + 24);
	send_numbered(&f->client, 3, WIRE_DEVICE_RESET, NULL, 0);
	send_read(&f->client, 4, 0, 4);
	pump(&f->client);
	assert_int_equal(f->device.n_deferred, 3);
	rig_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->device.disconnected, 1);
	device_answer(&f->device, 0);
	pump(&f->client);
	device_answer(&f->device, 0);
	device_answer(&f->device, 0);
}

static void a_map_that_waits_when_its_server_goes_is_not_told_of(void **state)
{
	struct fixture *f = *state;
	const struct wire_dma_map m = { sizeof(m), RIG_DMA_READ, 0, 4 * PAGE, PAGE };

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	f->device.defers_quiesce = true;
	send_numbered(&f->client, 1, WIRE_DMA_MAP, &m, sizeof(m));
	pump(&f->client);
	rig_server_free(f->server);
	f->server = NULL;
	assert_string_equal(f->device.trace, "cqmqud"); /* the first one's */
	device_answer(&f->device, 0);
}

static void a_map_that_waits_when_its_client_goes_is_told_of_both_ways(void **state)
{
	struct fixture *f = *state;
	const struct wire_dma_map m = { sizeof(m), RIG_DMA_READ, 0, 4 * PAGE, PAGE };

	f->device.defers_quiesce = true;
	send_numbered(&f->client, 1, WIRE_DMA_MAP, &m, sizeof(m));
	pump(&f->client);
	client_hang_up(&f->client);
	f->device.defers_quiesce = false;
	device_answer(&f->device, 0);
	pump(&f->client);
	assert_string_equal(f->device.trace, "cqmqud");
}

static void an_answer_after_rig_conn_free_is_done_with(void **state)
{
	struct fixture *f = *state;

	f->device.defers_access = true;
	send_read(&f->client, 1, 0, 4);
	pump(&f->client);
	rig_conn_free(f->client.conn);
	f->client.conn = NULL;
	assert_true(server_closed(&f->client));
	device_answer(&f->device, 0);
}

/* --- what one client can make the server hold --- */

static void s104_requests_that_nobody_answers_are_bounded(void **state)
{
	struct fixture *f = *state;
	const struct region_io io = { 0, REGISTERS, 4, { 0 } };
	struct message m = message(WIRE_REGION_WRITE, NO_REPLY, &io, IO_HEAD + 4);
	size_t sent = 0;

	f->device.defers_access = true;
	while (send(f->client.fd, &m, m.header.size, MSG_DONTWAIT) == (ssize_t)m.header.size) {
		sent++;
		pump(&f->client);
	}
	assert_int_equal(f->device.n_deferred, 256);
	assert_true(sent > 256);
	/* Whatever was sent is done once there is room. */
	f->device.defers_access = false;
	while (f->device.n_deferred > 0)
		device_answer(&f->device, 0);
	pump(&f->client);
	shutdown(f->client.fd, SHUT_WR);
	pump(&f->client);
	assert_null(f->client.conn);
}

static void s104_a_client_that_never_reads_stops_being_read(void **state)
{
	struct fixture *f = *state;
	const struct wire_region_io io = { 0, REGISTERS, PAGE };
	struct message m = message(WIRE_REGION_READ, COMMAND, &io, sizeof(io));
	size_t sent = 0;

	while (send(f->client.fd, &m, m.header.size, MSG_DONTWAIT) == (ssize_t)m.header.size) {
		sent++;
		pump(&f->client);
	}
	/* The replies to these would take so much: sockets and queue hold a few megabytes. */
	assert_true(sent < 8192);
	assert_non_null(f->client.conn);
}

/* --- one thread --- */

static void with_one_thread_the_fd_is_the_socket_and_answers_still_wake_it(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	int before = fds_open();

	f->description.flags |= RIG_DEVICE_ONE_THREAD;
	remake(f, qemu_json);
	assert_int_equal(fds_open(), before - 5); /* nothing to wake a loop by */
	f->device.defers_reset = true;
	send_numbered(c, 1, WIRE_DEVICE_RESET, NULL, 0);
	assert_none(c);
	assert_int_equal(rig_conn_events(c->conn), POLLIN);
	device_answer(&f->device, 0);
	assert_int_equal(rig_conn_events(c->conn), POLLIN | POLLOUT);
	assert_ids(c, 1);
}

static void changed(void *opaque)
{
	++*(int *)opaque;
}

static void with_one_thread_the_hook_tells_of_what_was_left_to_do(void **state)
{
	struct fixture *f = *state;
	int hooks = 0;

	f->description.flags |= RIG_DEVICE_ONE_THREAD;
	remake(f, qemu_json);
	rig_conn_set_wants_changed(f->client.conn, changed, &hooks);
	f->device.defers_reset = true;
	send_numbered(&f->client, 1, WIRE_DEVICE_RESET, NULL, 0);
	assert_none(&f->client);
	assert_int_equal(hooks, 0);
	device_answer(&f->device, 0);
	assert_int_equal(hooks, 1);
	assert_ids(&f->client, 1);
}

/* Its socket hangs up for good, which a loop that polled it would hear all the time. */
static void with_one_thread_a_lost_client_is_not_polled_until_its_memory_is_let_go(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct rig_dma_seg seg;
	int hooks = 0;

	f->description.flags |= RIG_DEVICE_ONE_THREAD;
	remake(f, qemu_json);
	rig_conn_set_wants_changed(c->conn, changed, &hooks);
	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(rig_dma_pin(f->server, 0, PAGE, RIG_DMA_READ, &seg, 1), 1);
	client_hang_up(c);
	assert_non_null(c->conn);
	assert_int_equal(f->device.disconnected, 1); /* remake()'s */
	assert_int_equal(rig_conn_events(c->conn), 0);
	assert_true(rig_conn_deadline(c->conn) == RIG_FOREVER);
	assert_int_equal(hooks, 0);

	rig_dma_unpin(f->server, &seg, 1);
	assert_int_equal(hooks, 1);
	assert_true(rig_conn_deadline(c->conn) <= rig_now());
	assert_true(rig_conn_events(c->conn) != 0);
	pump(c);
	assert_null(c->conn);
	assert_int_equal(f->device.disconnected, 2);
	assert_int_equal(f->device.error, -ECONNRESET);
}

static void with_one_thread_a_lost_client_is_not_polled_until_it_is_answered(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;

	f->description.flags |= RIG_DEVICE_ONE_THREAD;
	remake(f, qemu_json);
	f->device.defers_reset = true;
	send_numbered(c, 1, WIRE_DEVICE_RESET, NULL, 0);
	pump(c);
	client_hang_up(c);
	assert_int_equal(rig_conn_events(c->conn), 0);
	device_answer(&f->device, 0);
	assert_true(rig_conn_deadline(c->conn) <= rig_now());
	pump(c);
	assert_null(c->conn);
	assert_string_equal(f->device.trace, "cqrqd");
}

static void with_one_thread_a_client_that_is_not_read_is_heard_to_hang_up(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;

	f->description.flags |= RIG_DEVICE_ONE_THREAD;
	remake(f, qemu_json);
	f->device.defers_access = true;
	for (uint16_t id = 1; id <= 300; id++) {
		send_read(c, id, 0, 4);
		pump(c);
	}
	assert_int_equal(rig_conn_events(c->conn), POLLHUP);
	client_hang_up(c);
	assert_null(c->conn);
	while (f->device.n_deferred > 0)
		device_answer(&f->device, 0);
}

static void count_result(void *opaque, int result)
{
	assert_int_equal(result, -ETIMEDOUT);
	++*(int *)opaque;
}

static void with_one_thread_deadlines_of_dma_are_told(void **state)
{
	const struct wire_dma_map m = { sizeof(m), RIG_DMA_READ, 0, 0, PAGE };
	struct fixture *f = *state;
	struct client *c = &f->client;
	rig_time soon = rig_after_ms(5);
	int hooks = 0, over = 0;
	struct answer a;
	uint8_t buf[8];

	f->description.flags |= RIG_DEVICE_ONE_THREAD;
	remake(f, qemu_json);
	assert_int_equal(ask(c, WIRE_DMA_MAP, &m, sizeof(m), &a), 0);
	assert_true(rig_conn_deadline(c->conn) == RIG_FOREVER);
	rig_conn_set_wants_changed(c->conn, changed, &hooks);
	assert_int_equal(rig_dma_read_async(f->server, 0, buf, sizeof(buf), soon,
					    (struct rig_completion) { count_result, &over }),
			 0);
	assert_true(rig_conn_deadline(c->conn) <= soon);
	assert_true(hooks > 0);
	while (rig_now() < soon)
		poll(NULL, 0, 1);
	assert_true(rig_conn_deadline(c->conn) <= rig_now());
	pump(c); /* which the deadline makes dispatch */
	assert_int_equal(over, 1);
	assert_true(rig_conn_deadline(c->conn) == RIG_FOREVER);
}

static void with_many_threads_the_fd_tells_of_deadlines(void **state)
{
	const struct wire_dma_map m = { sizeof(m), RIG_DMA_READ, 0, 0, PAGE };
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct pollfd p = { rig_conn_fd(c->conn), POLLIN, 0 };
	int over = 0;
	struct answer a;
	uint8_t buf[8];

	assert_int_equal(ask(c, WIRE_DMA_MAP, &m, sizeof(m), &a), 0);
	assert_int_equal(rig_dma_read_async(f->server, 0, buf, sizeof(buf), rig_after_ms(5),
					    (struct rig_completion) { count_result, &over }),
			 0);
	assert_true(rig_conn_deadline(c->conn) == RIG_FOREVER);
	assert_int_equal(poll(&p, 1, 10000), 1);
	pump(c);
	assert_int_equal(over, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_deferred_read_is_answered_later_and_others_meanwhile),
		test(a_deferred_write_has_its_bytes_until_it_is_answered),
		test(a_deferred_access_may_fail),
		test(s003_a_deferred_posted_write_says_nothing),
		test(deferring_without_a_request_is_an_error_of_the_device),
		test(s065_a_deferred_write_of_many_holds_up_those_behind_it),
		test(s067_everything_behind_a_deferred_reset_waits_in_order),
		test(s067_two_resets_in_a_row_are_two),
		test(a_reset_that_fails_later_is_refused_and_holds_nothing_up),
		test(the_device_is_quiet_before_anything_of_it_changes),
		test(what_would_be_refused_anyway_disturbs_no_device),
		test(everything_waits_while_the_device_goes_quiet),
		test(a_device_that_does_not_go_quiet_refuses_what_was_to_happen),
		test(s101_a_client_is_gone_when_the_device_is_quiet),
		test(a_reset_that_its_client_does_not_live_to_see_ends_first),
		test(an_answer_after_the_client_is_gone_goes_nowhere),
		test(answers_after_the_server_is_gone_go_nowhere),
		test(a_map_that_waits_when_its_server_goes_is_not_told_of),
		test(a_map_that_waits_when_its_client_goes_is_told_of_both_ways),
		test(an_answer_after_rig_conn_free_is_done_with),
		test(s104_requests_that_nobody_answers_are_bounded),
		test(s104_a_client_that_never_reads_stops_being_read),
		test(with_one_thread_the_fd_is_the_socket_and_answers_still_wake_it),
		test(with_one_thread_the_hook_tells_of_what_was_left_to_do),
		test(with_one_thread_a_lost_client_is_not_polled_until_its_memory_is_let_go),
		test(with_one_thread_a_lost_client_is_not_polled_until_it_is_answered),
		test(with_one_thread_a_client_that_is_not_read_is_heard_to_hang_up),
		test(with_one_thread_deadlines_of_dma_are_told),
		test(with_many_threads_the_fd_tells_of_deadlines),
	};

	return cmocka_run_group_tests_name("server_defer", tests, NULL, NULL);
}
