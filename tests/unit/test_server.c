/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server.c - who is served: handshakes, one client at a time, messages
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
#include <sys/wait.h>

#include <cmocka.h>

#include "server_end.h"
#include "sigbus.h"

/* Of a connection that other threads may use, beside its socket: to wake loops and sleepers by. */
#define FDS_OF_CONN 4

/* --- VERSION --- */

static void s028_qemus_proposal_gets_a_shorter_answer_with_16_fds(void **state)
{
	struct fixture *f = *state;
	struct wire_version version;
	struct answer a;

	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), 0);
	memcpy(&version, a.payload, sizeof(version));
	assert_int_equal(version.major, 0);
	assert_int_equal(version.minor, 0);
	assert_true(a.len <= sizeof(version) + sizeof(qemu_json));
	assert_int_equal(a.payload[a.len - 1], 0);
	assert_non_null(strstr((char *)a.payload + 4, "\"max_msg_fds\":16"));
	assert_null(strstr((char *)a.payload + 4, "write_multiple"));
	assert_int_equal(a.n_fds, 0);
	assert_int_equal(f->device.connected, 1);
}

static void s026_a_twin_socket_is_the_first_fd_of_the_reply(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0,
				     "{\"capabilities\":{\"max_msg_fds\":1,"
				     "\"twin_socket\":{\"supported\":true}}}",
				     &a),
			 0);
	assert_int_equal(a.n_fds, 1);
	assert_non_null(strstr((char *)a.payload + 4,
			       "\"twin_socket\":{\"supported\":true,\"fd_index\":0}"));
	assert_usable(&f->client);
	/* Its end is the end of the connection. */
	close(a.fds[0]);
	pump(&f->client);
	assert_null(f->client.conn);
}

static void s027_nobody_else_gets_a_twin_socket(void **state)
{
	static const char *const others[] = {
		NULL,
		qemu_json,
		"{\"capabilities\":{\"twin_socket\":{}}}",
		"{\"capabilities\":{\"twin_socket\":{\"supported\":false}}}",
		"{\"capabilities\":{\"max_msg_fds\":0,\"twin_socket\":{\"supported\":true}}}",
	};
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < 5; i++) {
		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, 0, others[i], &a), 0);
		assert_int_equal(a.n_fds, 0);
		assert_null(strstr((char *)a.payload + 4, "twin"));
		client_hang_up(&f->client);
	}
	f->description.flags |= RIG_DEVICE_ONE_THREAD;
	rig_server_free(f->server);
	assert_int_equal(rig_server_new(&f->description, &f->server), 0);
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0,
				     "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}",
				     &a),
			 0);
	assert_int_equal(a.n_fds, 0);
}

static void s017_s019_the_minor_is_the_smaller_of_both(void **state)
{
	static const uint16_t asked[] = { 0, 1, 2, 3, 65535 };
	struct fixture *f = *state;

	for (size_t i = 0; i < 5; i++) {
		struct answer a;
		uint16_t minor;

		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, asked[i], NULL, &a), 0);
		memcpy(&minor, a.payload + 2, sizeof(minor));
		assert_int_equal(minor, asked[i] < 2 ? asked[i] : 2);
		client_hang_up(&f->client);
	}
}

static void s020_s021_s022_a_bad_handshake_gets_an_errno_and_the_end(void **state)
{
	static const char *const bad[] = { "", "{", "[]",
					   "{\"capabilities\":{\"max_msg_fds\":-1}}" };
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < 4; i++) {
		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, 0, bad[i], &a), EINVAL);
		assert_true(server_closed(&f->client));
		client_hang_up(&f->client);
	}
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 1, 0, NULL, &a), EINVAL);
	assert_true(server_closed(&f->client));
	assert_int_equal(f->device.connected, 0);
}

static void s016_anything_before_version_is_refused_and_the_end(void **state)
{
	const struct wire_device_info info = { .argsz = sizeof(info) };
	struct fixture *f = *state;
	struct message m[2];
	struct answer a;

	client_open(f, &f->client);
	assert_int_equal(ask(&f->client, WIRE_DEVICE_GET_INFO, &info, sizeof(info), &a), EINVAL);
	assert_true(server_closed(&f->client));
	client_hang_up(&f->client);

	/* What follows in the same bytes is not executed either. */
	client_open(f, &f->client);
	m[0] = message(WIRE_DEVICE_RESET, COMMAND, NULL, 0);
	send_bytes(&f->client, &m[0], m[0].header.size, NULL, 0);
	send_bytes(&f->client, &m[0], m[0].header.size, NULL, 0);
	pump(&f->client);
	receive_answer(&f->client, &a);
	assert_true(server_closed(&f->client));
	assert_int_equal(f->device.resets, 0);
}

static void s024_a_second_version_is_refused_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), EINVAL);
	assert_int_equal(f->device.connected, 1);
	assert_usable(&f->client);
}

static void s025_fds_with_version_are_closed(void **state)
{
	const struct wire_version version = { 0, 0 };
	struct fixture *f = *state;
	struct answer a;
	int before;

	client_open(f, &f->client);
	before = fds_open();
	assert_int_equal(
		ask_fds(&f->client, WIRE_VERSION, &version, sizeof(version), &f->memory, 1, &a),
		EINVAL);
	assert_int_equal(fds_open(), before);
}

/* --- one client at a time --- */

static void s103_a_second_client_is_told_EBUSY_and_the_first_not_disturbed(void **state)
{
	struct fixture *f = *state;
	struct client second;
	struct answer a;

	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, qemu_json, &a), EBUSY);
	assert_true(server_closed(&second));
	client_hang_up(&second);
	assert_usable(&f->client);
}

static void servers_in_one_process_do_not_disturb_each_other(void **state)
{
	struct fixture *f = *state;
	struct fixture *other;

	setup((void **)&other);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(map(&other->client, 0, PAGE, RIG_DMA_READ, other->memory), 0);
	assert_int_equal(write_register(&f->client, 0, 1), 0);
	teardown((void **)&other);
	assert_usable(&f->client);
	assert_int_equal(f->device.registers[0], 1);
	assert_int_equal(f->device.unmapped, 0);
}

/* QEMU was killed and started again; the loop has not looked at the old connection yet. */
static void s102_a_client_that_died_unnoticed_makes_room(void **state)
{
	struct fixture *f = *state;
	struct client second;
	struct answer a;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	close(f->client.fd);
	f->client.fd = -1;

	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, qemu_json, &a), 0);
	assert_int_equal(f->device.disconnected, 1);
	assert_int_equal(f->device.unmapped, 1);
	/* The old connection learns of it when its turn comes, and takes nothing with it. */
	pump(&f->client);
	assert_null(f->client.conn);
	assert_usable(&second);
	client_hang_up(&second);
}

static void what_a_dead_client_said_last_is_still_done(void **state)
{
	const struct region_io posted = { 3, REGISTERS, 1, { 42 } };
	struct fixture *f = *state;
	struct message m = message(WIRE_REGION_WRITE, NO_REPLY, &posted, IO_HEAD + 1);
	struct client second;
	struct answer a;

	send_bytes(&f->client, &m, m.header.size, NULL, 0);
	close(f->client.fd);
	f->client.fd = -1;
	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, qemu_json, &a), 0);
	assert_int_equal(f->device.registers[3], 42);
	client_hang_up(&second);
}

static void silent_connections_do_not_keep_a_client_out_nor_grow_without_bound(void **state)
{
	struct fixture *f = *state;
	struct client silent[32];
	int n = 0, pair[2], r;

	do {
		struct rig_conn *conn;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		r = rig_server_connect(f->server, pair[1], &conn);
		silent[n] = (struct client) { pair[0], -1, r == 0 ? conn : NULL, 0 };
		n++;
	} while (r == 0 && n < 32);
	assert_int_equal(r, -EAGAIN);
	assert_usable(&f->client);
	while (n > 0)
		client_hang_up(&silent[--n]);
}

/* What the client lent is gone, the registers are not. */
static void s101_s102_a_client_that_is_gone_leaves_no_map_and_no_fd_but_the_state(void **state)
{
	const struct wire_irq_set set = { sizeof(set),
					  RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
					  RIG_PCI_MSIX_IRQ, 0, 1 };
	struct fixture *f = *state;
	int irq = test_eventfd();
	int before = fds_open();
	struct iovec iov;
	struct answer a;

	assert_int_equal(write_register(&f->client, 8, 0xfeed), 0);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(ask_fds(&f->client, WIRE_DEVICE_SET_IRQS, &set, sizeof(set), &irq, 1, &a),
			 0);
	assert_int_equal(fds_open(), before + 1);
	client_hang_up(&f->client);
	assert_int_equal(f->device.disconnected, 1);
	assert_int_equal(f->device.unmapped, 1);
	assert_int_equal(fds_open(), before - 2 - FDS_OF_CONN);
	assert_int_equal(rig_dma_translate(f->server, 0, 1, RIG_DMA_READ, &iov, 1), -EFAULT);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_MSIX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 0);

	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, qemu_json, &a), 0);
	assert_int_equal(access_region(&f->client, WIRE_REGION_READ, REGISTERS, 8, 2, &a), 0);
	assert_memory_equal(a.payload + 16, "\xed\xfe", 2);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	close(irq);
}

static void s101_hanging_up_at_any_byte_leaves_nothing(void **state)
{
	const struct wire_dma_map dma = { sizeof(dma), RIG_DMA_READ, 0, 0, PAGE };
	struct fixture *f = *state;
	struct message m = message(WIRE_DMA_MAP, COMMAND, &dma, sizeof(dma));
	int before;

	client_hang_up(&f->client);
	before = fds_open();
	for (size_t n = 1; n <= m.header.size; n++) {
		struct answer a;

		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, 0, NULL, &a), 0);
		send_bytes(&f->client, &m, n, &f->memory, 1);
		client_hang_up(&f->client);
		assert_int_equal(fds_open(), before);
	}
}

static void s047_memory_truncated_under_us_ends_that_client_with_a_reason(void **state)
{
	struct fixture *f = *state;
	struct iovec iov;

	sigbus_give_back();
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ | RIG_DMA_WRITE, f->memory), 0);
	assert_int_equal(rig_dma_translate(f->server, 0, PAGE, RIG_DMA_WRITE, &iov, 1), 1);
	assert_int_equal(ftruncate(f->memory, 0), 0);
	*(volatile char *)iov.iov_base = 1;
	assert_int_equal(rig_conn_dispatch(f->client.conn, 0), -EFAULT);
	assert_int_equal(f->device.disconnected, 1);
	assert_non_null(strstr(f->device.reason, "truncated"));
	assert_int_equal(rig_conn_dispatch(f->client.conn, POLLIN), -EFAULT);
}

/* In a child of fork(): it may free what it inherited. Return: 0, or what went wrong */
static int child_of(struct fixture *f)
{
	int before = fds_open(), disconnected = f->device.disconnected;

	if (rig_conn_dispatch(f->client.conn, POLLIN) != -ENOTCONN)
		return 1;
	rig_conn_free(f->client.conn);
	rig_server_free(f->server);
	if (fds_open() != before - FDS_OF_CONN - 1)
		return 2;
	return f->device.disconnected == disconnected ? 0 : 3;
}

static void a_forked_child_has_no_client_and_does_no_harm(void **state)
{
	struct fixture *f = *state;
	struct iovec iov;
	struct answer a;
	int status;
	pid_t pid;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	f->device.defers_access = true;
	send_read(&f->client, 9, 0, 4);
	pump(&f->client);
	assert_int_equal(f->device.n_deferred, 1);
	/* One more is there, unread: the parent's. */
	send_numbered(&f->client, 10, WIRE_DEVICE_RESET, NULL, 0);

	pid = fork();
	if (pid == 0)
		_exit(child_of(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);

	assert_true(nothing_came(&f->client));
	pump(&f->client);
	receive_answer(&f->client, &a);
	assert_int_equal(a.header.id, 10);
	device_answer(&f->device, 0);
	receive_answer(&f->client, &a);
	assert_int_equal(a.header.id, 9);
	assert_int_equal(rig_dma_translate(f->server, 0, PAGE, RIG_DMA_READ, &iov, 1), 1);
	f->device.defers_access = false;
	assert_usable(&f->client);
}

static void a_server_may_go_before_its_connections(void **state)
{
	struct fixture *f = *state;

	rig_server_free(f->server);
	f->server = NULL;
	assert_int_equal(f->device.disconnected, 1);
	assert_int_equal(rig_conn_dispatch(f->client.conn, POLLIN), -ESHUTDOWN);
}

/* --- messages --- */

static void s006_a_message_cut_at_every_byte_is_one_message(void **state)
{
	const struct wire_device_info info = { .argsz = sizeof(info) };
	struct fixture *f = *state;
	struct message m = message(WIRE_DEVICE_GET_INFO, COMMAND, &info, sizeof(info));
	struct answer a;

	for (size_t cut = 1; cut < m.header.size; cut++) {
		send_bytes(&f->client, &m, cut, NULL, 0);
		pump(&f->client);
		assert_true(nothing_came(&f->client));
		send_bytes(&f->client, (char *)&m + cut, m.header.size - cut, NULL, 0);
		pump(&f->client);
		receive_answer(&f->client, &a);
		assert_int_equal(a.header.flags, WIRE_TYPE_REPLY);
		assert_true(nothing_came(&f->client));
	}
}

static void s012_s013_unknown_and_foreign_commands_are_refused(void **state)
{
	static const uint16_t commands[] = { 0, 11, 12, 14, 19, 65535 };
	struct fixture *f = *state;
	const uint8_t payload[64] = { 0 };
	struct answer a;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_not_equal(ask(&f->client, commands[i], payload, sizeof(payload), &a), 0);
		assert_usable(&f->client);
	}
}

/* Each command with a payload of every length below its fixed part. */
static void every_command_cut_short_is_refused(void **state)
{
	static const struct {
		uint16_t command;
		size_t fixed;
	} rules[] = {
		{ WIRE_VERSION, 4 },
		{ WIRE_DMA_MAP, 32 },
		{ WIRE_DMA_UNMAP, 24 },
		{ WIRE_DEVICE_GET_INFO, 16 },
		{ WIRE_DEVICE_GET_REGION_INFO, 32 },
		{ WIRE_DEVICE_GET_REGION_IO_FDS, 16 },
		{ WIRE_DEVICE_GET_IRQ_INFO, 16 },
		{ WIRE_DEVICE_SET_IRQS, 20 },
		{ WIRE_REGION_READ, 16 },
		{ WIRE_REGION_WRITE, 16 },
		{ WIRE_REGION_WRITE_MULTI, 8 },
		{ WIRE_DEVICE_FEATURE, 8 },
		{ WIRE_MIG_DATA_READ, 8 },
		{ WIRE_MIG_DATA_WRITE, 8 },
	};
	struct fixture *f = *state;
	uint8_t payload[64];
	struct answer a;

	memset(payload, 0xff, sizeof(payload));
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (size_t n = 0; n < rules[i].fixed; n++)
			assert_int_equal(ask(&f->client, rules[i].command, payload, n, &a), EINVAL);
	assert_usable(&f->client);
}

static void s004_a_refused_no_reply_command_says_nothing(void **state)
{
	const struct wire_region_io io = { 0, 99, 4 };
	struct fixture *f = *state;

	send_command(&f->client, WIRE_REGION_READ, NO_REPLY, &io, sizeof(io), NULL, 0);
	send_command(&f->client, 77, NO_REPLY, &io, sizeof(io), NULL, 0);
	assert_true(nothing_came(&f->client));
	assert_usable(&f->client);
}

/* Who it was, what it asked for, what is wrong, and what comes of it. */
static void the_log_names_process_command_field_and_the_connections_fate(void **state)
{
	const struct wire_region_io io = { 0, 99, 4 };
	struct fixture *f = *state;
	struct client second;
	struct answer a;
	char pid[32];

	snprintf(pid, sizeof(pid), "process %d;", (int)getpid());
	assert_int_equal(ask(&f->client, WIRE_REGION_READ, &io, sizeof(io), &a), EINVAL);
	assert_non_null(strstr(f->device.last_line, "read of region 99 at 0x0+0x4: Invalid"));
	assert_non_null(strstr(f->device.last_line, pid));
	assert_non_null(strstr(f->device.last_line, "lives on"));
	/* What breaks its command's rule is not asked of the device, but told as well. */
	assert_int_equal(ask_fds(&f->client, WIRE_REGION_READ, &io, 7, &f->memory, 1, &a), EINVAL);
	assert_non_null(strstr(f->device.last_line,
			       "REGION_READ (command 9) of 23 bytes with 1 fds: Invalid"));
	assert_non_null(strstr(f->device.last_line, "lives on"));
	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, qemu_json, &a), EBUSY);
	assert_non_null(strstr(f->device.last_line, "a second client: Device or resource busy"));
	assert_non_null(strstr(f->device.last_line, "ends"));
	client_hang_up(&second);
	assert_usable(&f->client);
}

static void a_hostile_client_that_breaks_every_rule_fills_no_log(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask(&f->client, WIRE_REGION_READ, NULL, 0, &a), EINVAL);
	assert_int_equal(f->device.logged, 20);
	assert_non_null(strstr(f->device.last_line, "the last one that is logged"));
}

static void a_hostile_client_fills_no_log(void **state)
{
	const struct wire_region_io io = { 0, 99, 4 };
	struct fixture *f = *state;
	struct answer a;

	for (int i = 0; i < 1000; i++)
		ask(&f->client, WIRE_REGION_READ, &io, sizeof(io), &a);
	assert_true(f->device.logged > 0 && f->device.logged < 50);
}

/* --- descriptions --- */

static void assert_refused(struct fixture *f)
{
	struct rig_server *server;

	assert_int_equal(rig_server_new(&f->description, &server), -EINVAL);
	describe(f);
}

static void a_description_that_contradicts_itself_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct rig_device_ops no_read = { .region_write = f->ops.region_write };

	f->description.struct_size = 8;
	assert_refused(f);
	f->description.ops = NULL;
	assert_refused(f);
	f->description.ops = &no_read;
	assert_refused(f);
	f->description.n_regions = RIG_PCI_REGIONS - 1;
	assert_refused(f);
	f->description.n_irqs = RIG_PCI_IRQS - 1;
	assert_refused(f);
	f->description.flags |= 1u << 2;
	assert_refused(f);
	f->regions[MEMORY].mmap_fd = -1;
	assert_refused(f);
	f->regions[MEMORY].flags |= RIG_REGION_CAPS;
	assert_refused(f);
	f->areas[1].offset = 0;
	assert_refused(f);
	f->areas[1].size = 3 * PAGE;
	assert_refused(f);
	f->irqs[RIG_PCI_INTX_IRQ].flags |= 1u << 4;
	assert_refused(f);
	f->regions[FILES].n_areas = 0;
	assert_refused(f);
	f->regions[FILES].flags &= ~RIG_REGION_MMAP;
	assert_refused(f);
	f->file_areas[1].fd = -1;
	assert_refused(f);
	f->file_areas[1].fd_offset = 1;
	assert_refused(f);
	f->regions[MEMORY].subtype = 1;
	assert_refused(f);
	f->irqs[RIG_PCI_MSI_IRQ].count = UINT32_MAX;
	assert_refused(f);
}

static void only_unix_stream_sockets_are_served(void **state)
{
	struct fixture *f = *state;
	struct rig_conn *conn;
	int pair[2];

	assert_int_equal(rig_server_connect(f->server, test_memfd(1), &conn), -EINVAL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(rig_server_connect(f->server, pair[0], &conn), -EINVAL);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		unconnected(s028_qemus_proposal_gets_a_shorter_answer_with_16_fds),
		unconnected(s026_a_twin_socket_is_the_first_fd_of_the_reply),
		unconnected(s027_nobody_else_gets_a_twin_socket),
		unconnected(s017_s019_the_minor_is_the_smaller_of_both),
		unconnected(s020_s021_s022_a_bad_handshake_gets_an_errno_and_the_end),
		unconnected(s016_anything_before_version_is_refused_and_the_end),
		test(s024_a_second_version_is_refused_and_changes_nothing),
		unconnected(s025_fds_with_version_are_closed),
		test(s103_a_second_client_is_told_EBUSY_and_the_first_not_disturbed),
		test(servers_in_one_process_do_not_disturb_each_other),
		test(s102_a_client_that_died_unnoticed_makes_room),
		test(what_a_dead_client_said_last_is_still_done),
		test(silent_connections_do_not_keep_a_client_out_nor_grow_without_bound),
		test(s101_s102_a_client_that_is_gone_leaves_no_map_and_no_fd_but_the_state),
		test(s101_hanging_up_at_any_byte_leaves_nothing),
		test(s047_memory_truncated_under_us_ends_that_client_with_a_reason),
		test(a_forked_child_has_no_client_and_does_no_harm),
		test(a_server_may_go_before_its_connections),
		test(s006_a_message_cut_at_every_byte_is_one_message),
		test(s012_s013_unknown_and_foreign_commands_are_refused),
		test(every_command_cut_short_is_refused),
		test(s004_a_refused_no_reply_command_says_nothing),
		test(the_log_names_process_command_field_and_the_connections_fate),
		test(a_hostile_client_that_breaks_every_rule_fills_no_log),
		test(a_hostile_client_fills_no_log),
		unconnected(a_description_that_contradicts_itself_is_refused),
		unconnected(only_unix_stream_sockets_are_served),
	};

	sigbus_remember();
	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
