/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_dma.c - guest memory comes and goes
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

#include <cmocka.h>

#include "server_end.h"

static void s030_s043_mapped_memory_is_the_clients(void **state)
{
	struct fixture *f = *state;
	struct iovec iov;
	int before = fds_open();

	assert_int_equal(pwrite(f->memory, "hull", 4, 5), 4);
	assert_int_equal(map(&f->client, 0x10000, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(fds_open(), before);
	assert_int_equal(rig_dma_translate(f->server, 0x10005, 4, RIG_DMA_READ, &iov, 1), 1);
	assert_memory_equal(iov.iov_base, "hull", 4);
	assert_int_equal(f->device.mapped, 1);
	assert_int_equal(unmap(&f->client, 0x10000, PAGE, 0), 0);
	assert_int_equal(f->device.unmapped, 1);
	assert_int_equal(rig_dma_translate(f->server, 0x10005, 4, RIG_DMA_READ, &iov, 1), -EFAULT);
	assert_int_equal(map(&f->client, 0x10000, PAGE, RIG_DMA_READ, f->memory), 0);
}

static void s032_s035_s037_s038_bad_maps_are_refused_and_their_fd_closed(void **state)
{
	struct fixture *f = *state;
	const int two[] = { f->memory, f->memory };
	const struct wire_dma_map short_argsz = { 31, RIG_DMA_READ, 0, 0, PAGE };
	const struct wire_dma_map fine = { 32, RIG_DMA_READ, 0, 0, PAGE };
	int before = fds_open(), p[2];
	struct answer a;

	assert_int_equal(map(&f->client, 0, 0, RIG_DMA_READ, f->memory), EINVAL);
	assert_int_equal(map(&f->client, UINT64_MAX - PAGE + 1, 2 * PAGE, RIG_DMA_READ, f->memory),
			 EINVAL);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ | RIG_DMA_ACCESS_MMAP, -1), EINVAL);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ | 1u << 4, f->memory), EINVAL);
	assert_int_equal(map(&f->client, 0, 16 * PAGE, RIG_DMA_READ, f->memory), EINVAL);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, p[0]), EINVAL);
	close(p[0]);
	close(p[1]);
	assert_int_equal(ask_fds(&f->client, WIRE_DMA_MAP, &short_argsz, 32, &f->memory, 1, &a),
			 EINVAL);
	assert_int_equal(ask_fds(&f->client, WIRE_DMA_MAP, &fine, 32, two, 2, &a), EINVAL);
	assert_int_equal(f->device.mapped, 0);
	assert_int_equal(fds_open(), before);
}

static void s033_s036_overlaps_are_EEXIST_and_too_many_ENOSPC(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(map(&f->client, i * PAGE, PAGE, RIG_DMA_READ, -1), 0);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, -1), EEXIST);
	assert_int_equal(map(&f->client, 9 * PAGE, PAGE, RIG_DMA_READ, -1), ENOSPC);
	assert_int_equal(unmap(&f->client, 3 * PAGE, PAGE, 0), 0);
	assert_int_equal(map(&f->client, 9 * PAGE, PAGE, RIG_DMA_READ, -1), 0);
}

static void s040_s041_s042_unmap_takes_exactly_one_map_or_all(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(unmap(&f->client, 0, 0, RIG_DMA_UNMAP_ALL), 0);
	assert_int_equal(map(&f->client, 0, 2 * PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(map(&f->client, 8 * PAGE, PAGE, RIG_DMA_READ, -1), 0);
	assert_int_equal(unmap(&f->client, 0, PAGE, 0), ENOENT);
	assert_int_equal(unmap(&f->client, 0, 3 * PAGE, 0), ENOENT);
	assert_int_equal(unmap(&f->client, 4 * PAGE, PAGE, 0), ENOENT);
	assert_int_equal(unmap(&f->client, 0, 2 * PAGE, RIG_DMA_UNMAP_ALL), EINVAL);
	assert_int_equal(unmap(&f->client, 0, 2 * PAGE, 1), EINVAL);
	assert_int_equal(unmap(&f->client, 0, 0, RIG_DMA_UNMAP_ALL | 1u << 2), EINVAL);
	assert_int_equal(f->device.unmapped, 0);
	assert_int_equal(unmap(&f->client, 0, 0, RIG_DMA_UNMAP_ALL), 0);
	assert_int_equal(f->device.unmapped, 2);
	assert_int_equal(unmap(&f->client, 0, 2 * PAGE, 0), ENOENT);
}

/* --- memory that is in use --- */

static struct rig_dma_seg pin(struct fixture *f, uint64_t address, uint64_t len)
{
	struct rig_dma_seg seg;

	assert_int_equal(rig_dma_pin(f->server, address, len, RIG_DMA_READ, &seg, 1), 1);
	return seg;
}

static void s039_an_unmap_is_answered_when_the_last_user_let_go(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct rig_dma_seg segs[2];
	struct answer a;

	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	segs[0] = pin(f, 0, 8);
	segs[1] = pin(f, 8, 8);
	send_unmap(c, 1, 0, PAGE, 0);
	pump(c);
	assert_true(nothing_came(c));
	assert_int_equal(f->device.unmapped, 1);
	assert_int_equal(rig_dma_pin(f->server, 0, 8, RIG_DMA_READ, segs, 1), -EFAULT);
	assert_usable(c); /* nobody else waits */
	assert_int_equal(map(c, PAGE, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(unmap(c, PAGE, PAGE, 0), 0);

	rig_dma_unpin(f->server, &segs[0], 1);
	pump(c);
	assert_true(nothing_came(c));
	rig_dma_unpin(f->server, &segs[1], 1);
	pump(c);
	receive_answer(c, &a);
	assert_int_equal(a.header.id, 1);
	assert_int_equal(a.len, sizeof(struct wire_dma_unmap));
	assert_int_equal(unmap(c, 0, PAGE, 0), ENOENT);
}

static void s043_a_map_behind_an_unmap_that_waits_comes_after_it(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	const struct wire_dma_map m = { sizeof(m), RIG_DMA_WRITE, 0, 0, 2 * PAGE };
	struct rig_dma_seg seg;
	struct answer a;

	assert_int_equal(map(c, PAGE, PAGE, RIG_DMA_READ, f->memory), 0);
	seg = pin(f, PAGE, 8);
	send_unmap(c, 1, PAGE, PAGE, 0);
	send_numbered(c, 2, WIRE_DMA_MAP, &m, sizeof(m)); /* overlaps */
	send_unmap(c, 3, 0, 2 * PAGE, 0);		  /* what is mapped then */
	send_read(c, 4, 0, 4);
	pump(c);
	receive_answer(c, &a);
	assert_int_equal(a.header.id, 4);
	assert_true(nothing_came(c));
	rig_dma_unpin(f->server, &seg, 1);
	pump(c);
	for (uint16_t id = 1; id <= 3; id++) {
		receive_answer(c, &a);
		assert_int_equal(a.header.id, id);
		assert_int_equal(a.header.flags, WIRE_TYPE_REPLY);
	}
	assert_string_equal(f->device.trace, "cqmquqmqu");
}

static void s041_an_unmap_of_everything_waits_for_every_user(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	const struct wire_dma_map m = { sizeof(m), RIG_DMA_WRITE, 0, 64 * PAGE, PAGE };
	struct rig_dma_seg segs[2];
	struct answer a;

	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(map(c, i * PAGE, PAGE, RIG_DMA_READ, f->memory), 0);
	segs[0] = pin(f, 0, 8);
	segs[1] = pin(f, 2 * PAGE, 8);
	send_unmap(c, 1, 0, PAGE, 0);
	send_unmap(c, 2, 0, 0, RIG_DMA_UNMAP_ALL);
	send_numbered(c, 3, WIRE_DMA_MAP, &m, sizeof(m));
	pump(c);
	assert_true(nothing_came(c));
	rig_dma_unpin(f->server, &segs[1], 1);
	pump(c);
	assert_true(nothing_came(c));
	rig_dma_unpin(f->server, &segs[0], 1);
	pump(c);
	for (uint16_t id = 1; id <= 3; id++) {
		receive_answer(c, &a);
		assert_int_equal(a.header.id, id);
		assert_int_equal(a.header.flags, WIRE_TYPE_REPLY);
	}
	assert_int_equal(f->device.unmapped, 3);
}

static void s101_a_client_is_gone_when_nobody_uses_its_memory(void **state)
{
	struct fixture *f = *state;
	struct client second;
	struct rig_dma_seg seg;
	struct answer a;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	seg = pin(f, 0, PAGE);
	client_hang_up(&f->client);
	assert_string_equal(f->device.trace, "cqmqu");
	client_open(f, &second);
	assert_int_equal(ask_version(&second, 0, 0, NULL, &a), EBUSY);
	client_hang_up(&second);
	assert_memory_equal(seg.host, "\0\0", 2);

	rig_dma_unpin(f->server, &seg, 1);
	pump(&f->client);
	assert_null(f->client.conn);
	assert_string_equal(f->device.trace, "cqmqud");
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, NULL, &a), 0);
}

/* The application need not keep the connection for that. */
static void s102_a_new_client_comes_in_after_the_memory_of_the_old_is_let_go(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg seg;
	struct answer a;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	seg = pin(f, 0, PAGE);
	rig_conn_free(f->client.conn);
	f->client.conn = NULL;
	client_hang_up(&f->client);
	assert_int_equal(f->device.disconnected, 0);
	rig_dma_unpin(f->server, &seg, 1);
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, NULL, &a), 0);
	assert_string_equal(f->device.trace, "cqmqudc");
}

static void memory_that_is_pinned_outlives_its_server(void **state)
{
	struct fixture *f = *state;
	struct rig_server *server = f->server;
	struct rig_dma_seg segs[2];

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(map(&f->client, PAGE, PAGE, RIG_DMA_READ, f->memory), 0);
	segs[0] = pin(f, 0, PAGE);
	segs[1] = pin(f, PAGE, PAGE);
	send_unmap(&f->client, 1, 0, PAGE, 0);
	pump(&f->client);
	rig_server_free(server);
	f->server = NULL;
	assert_string_equal(f->device.trace, "cqmqmququd"); /* the unmap's, and the end's */
	pump(&f->client);
	assert_null(f->client.conn);
	assert_memory_equal(segs[0].host, "\0\0", 2);
	rig_dma_unpin(server, &segs[0], 1);
	assert_memory_equal(segs[1].host, "\0\0", 2);
	rig_dma_unpin(server, &segs[1], 1);
}

static void an_unmap_that_waits_does_not_outlive_its_client(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg seg;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	seg = pin(f, 0, PAGE);
	send_unmap(&f->client, 1, 0, PAGE, 0);
	pump(&f->client);
	client_hang_up(&f->client);
	assert_int_equal(f->device.disconnected, 0);
	rig_dma_unpin(f->server, &seg, 1);
	pump(&f->client);
	assert_int_equal(f->device.disconnected, 1);
}

static void an_unmap_that_becomes_due_after_its_client_is_gone_is_done_with(void **state)
{
	struct fixture *f = *state;
	struct rig_dma_seg seg;

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	seg = pin(f, 0, PAGE);
	f->device.defers_quiesce = true;
	send_unmap(&f->client, 1, 0, PAGE, 0);
	pump(&f->client);
	client_hang_up(&f->client);
	f->device.defers_quiesce = false;
	device_answer(&f->device, 0);
	pump(&f->client);
	assert_string_equal(f->device.trace, "cqmquq");
	rig_dma_unpin(f->server, &seg, 1);
	pump(&f->client);
	assert_string_equal(f->device.trace, "cqmquqd");
}

static void a_device_is_reset_when_its_client_is_lost_if_it_wants_to_be(void **state)
{
	struct fixture *f = *state;

	f->description.flags |= RIG_DEVICE_RESET_ON_LOSS;
	remake(f, NULL);
	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(write_register(&f->client, 0, 7), 0);
	client_hang_up(&f->client);
	assert_int_equal(f->device.registers[0], 0);
	assert_string_equal(f->device.trace, "cqmquld");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(s030_s043_mapped_memory_is_the_clients),
		test(s032_s035_s037_s038_bad_maps_are_refused_and_their_fd_closed),
		test(s033_s036_overlaps_are_EEXIST_and_too_many_ENOSPC),
		test(s040_s041_s042_unmap_takes_exactly_one_map_or_all),
		test(s039_an_unmap_is_answered_when_the_last_user_let_go),
		test(s043_a_map_behind_an_unmap_that_waits_comes_after_it),
		test(s041_an_unmap_of_everything_waits_for_every_user),
		test(s101_a_client_is_gone_when_nobody_uses_its_memory),
		test(s102_a_new_client_comes_in_after_the_memory_of_the_old_is_let_go),
		test(memory_that_is_pinned_outlives_its_server),
		test(an_unmap_that_waits_does_not_outlive_its_client),
		test(an_unmap_that_becomes_due_after_its_client_is_gone_is_done_with),
		test(a_device_is_reset_when_its_client_is_lost_if_it_wants_to_be),
	};

	return cmocka_run_group_tests_name("server_dma", tests, NULL, NULL);
}
