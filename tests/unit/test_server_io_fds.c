/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_io_fds.c - fds that stand for writes to regions, as a client is told of them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server_end.h"

#define HEAD 16u

static int ask_io_fds(struct fixture *f, uint32_t region, uint32_t argsz, struct answer *a,
		      struct wire_region_io_fds *ret)
{
	const struct wire_region_io_fds asked = { .argsz = argsz, .index = region };
	int r = ask(&f->client, WIRE_DEVICE_GET_REGION_IO_FDS, &asked, sizeof(asked), a);

	if (r == 0) {
		assert_true(a->len >= HEAD && a->len <= argsz);
		memcpy(ret, a->payload, HEAD);
		assert_int_equal(ret->flags, 0);
		assert_int_equal(ret->index, region);
	}
	return r;
}

static void close_fds(struct answer *a)
{
	for (size_t i = 0; i < a->n_fds; i++)
		close(a->fds[i]);
}

static struct rig_io_fd_desc doorbell(uint64_t offset, int fd)
{
	return (struct rig_io_fd_desc) { .offset = offset, .size = 2, .fd = fd };
}

static void add(struct fixture *f, const struct rig_io_fd_desc *desc)
{
	assert_int_equal(rig_server_add_io_fd(f->server, DOORBELL, desc), 0);
}

static void s056_a_region_without_io_fds_has_an_empty_list(void **state)
{
	struct fixture *f = *state;
	struct wire_region_io_fds head;
	struct answer a;

	assert_int_equal(ask_io_fds(f, REGISTERS, 64, &a, &head), 0);
	assert_int_equal(a.len, HEAD);
	assert_int_equal(head.argsz, HEAD);
	assert_int_equal(head.count, 0);
	assert_int_equal(a.n_fds, 0);
}

static void s056_entries_have_40_bytes_and_share_fds(void **state)
{
	struct fixture *f = *state;
	int fds[] = { test_eventfd(), test_eventfd() };
	struct rig_io_fd_desc desc = doorbell(0, fds[0]);
	struct wire_region_io_fds head;
	struct wire_region_io_fd entries[3];
	struct answer a;

	add(f, &desc);
	desc = doorbell(8, fds[1]);
	desc.flags = RIG_IO_FD_FLAG_DATAMATCH;
	desc.datamatch = 3;
	add(f, &desc);
	desc = doorbell(4, fds[0]);
	add(f, &desc);
	close(fds[0]); /* a duplicate was made */

	assert_int_equal(ask_io_fds(f, DOORBELL, 4096, &a, &head), 0);
	assert_int_equal(head.count, 3);
	assert_int_equal(head.argsz, HEAD + 3 * 40);
	assert_int_equal(a.len, head.argsz);
	assert_int_equal(a.n_fds, 2);
	memcpy(entries, a.payload + HEAD, sizeof(entries));
	assert_int_equal(entries[0].offset, 0);
	assert_int_equal(entries[0].size, 2);
	assert_int_equal(entries[0].fd_index, 0);
	assert_int_equal(entries[0].type, RIG_IO_FD_IOEVENTFD);
	assert_int_equal(entries[1].fd_index, 1);
	assert_int_equal(entries[1].flags, RIG_IO_FD_FLAG_DATAMATCH);
	assert_int_equal(entries[1].data, 3);
	assert_int_equal(entries[2].offset, 4);
	assert_int_equal(entries[2].fd_index, 0);

	eventfd_write(a.fds[1], 5);
	assert_int_equal(eventfd_take(fds[1]), 5);
	close_fds(&a);
	close(fds[1]);
}

static void s056_with_too_little_room_there_is_the_head_alone_without_fds(void **state)
{
	struct fixture *f = *state;
	int fd = test_eventfd();
	const struct rig_io_fd_desc desc = doorbell(0, fd);
	struct wire_region_io_fds head;
	struct answer a;

	add(f, &desc);
	for (uint32_t argsz = HEAD; argsz < HEAD + 40; argsz++) {
		assert_int_equal(ask_io_fds(f, DOORBELL, argsz, &a, &head), 0);
		assert_int_equal(a.len, HEAD);
		assert_int_equal(head.argsz, HEAD + 40);
		assert_int_equal(head.count, 1);
		assert_int_equal(a.n_fds, 0);
	}
	close(fd);
}

static void s056_a_shadow_makes_all_entries_libvfio_users(void **state)
{
	struct fixture *f = *state;
	int fd = test_eventfd();
	struct rig_io_fd_desc desc = doorbell(0, fd);
	struct wire_region_io_fds head;
	struct wire_region_io_fd_shadow entries[2];
	struct answer a;

	add(f, &desc);
	desc.offset = 4;
	desc.type = RIG_IO_FD_SHADOW;
	desc.shadow_fd = f->memory;
	desc.shadow_offset = PAGE;
	add(f, &desc);
	assert_int_equal(ask_io_fds(f, DOORBELL, 4096, &a, &head), 0);
	assert_int_equal(head.argsz, HEAD + 2 * 48);
	assert_int_equal(a.n_fds, 2);
	memcpy(entries, a.payload + HEAD, sizeof(entries));
	assert_int_equal(entries[0].shadow_fd_index, UINT32_MAX);
	assert_int_equal(entries[1].type, RIG_IO_FD_SHADOW);
	assert_int_equal(entries[1].fd_index, 0);
	assert_int_equal(entries[1].shadow_fd_index, 1);
	assert_int_equal(entries[1].shadow_offset, PAGE);
	close_fds(&a);
	close(fd);
}

static void s029_a_client_that_takes_few_fds_is_told_of_few(void **state)
{
	struct fixture *f = *state;
	int fds[] = { test_eventfd(), test_eventfd() };
	struct wire_region_io_fds head;
	struct answer a;

	remake(f, "{\"capabilities\":{\"max_msg_fds\":1}}");
	for (int i = 0; i < 4; i++) {
		const struct rig_io_fd_desc desc = doorbell((uint64_t)i * 8, fds[i / 2]);

		add(f, &desc);
	}
	assert_int_equal(ask_io_fds(f, DOORBELL, 4096, &a, &head), 0);
	assert_int_equal(head.count, 2);
	assert_int_equal(a.n_fds, 1);
	close_fds(&a);

	remake(f, "{\"capabilities\":{\"max_msg_fds\":0}}");
	add(f, &(struct rig_io_fd_desc) { .size = 4, .fd = fds[0] });
	assert_int_equal(ask_io_fds(f, DOORBELL, 4096, &a, &head), 0);
	assert_int_equal(head.count, 0);
	assert_int_equal(a.n_fds, 0);
	close(fds[0]);
	close(fds[1]);
}

static void s057_malformed_questions_are_refused(void **state)
{
	static const struct wire_region_io_fds bad[] = {
		{ 64, 1, REGISTERS, 0 },	 { 64, 0, REGISTERS, 1 }, { 64, 0, REGIONS, 0 },
		{ 64, 0, UINT32_MAX, 0 },	 { 64, 0, ABSENT, 0 },	  { 15, 0, REGISTERS, 0 },
		{ UINT32_MAX, 0, REGISTERS, 0 },
	};
	struct fixture *f = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			ask(&f->client, WIRE_DEVICE_GET_REGION_IO_FDS, &bad[i], sizeof(bad[i]), &a),
			EINVAL);
	assert_usable(&f->client);
}

static void what_makes_no_sense_is_refused_and_leaves_no_fd(void **state)
{
	struct fixture *f = *state;
	int fd = test_eventfd(), before;
	const struct rig_io_fd_desc bad[] = {
		{ .size = 4, .fd = -1 },
		{ .size = 3, .fd = fd },
		{ .size = 16, .fd = fd },
		{ .offset = 62, .size = 4, .fd = fd },
		{ .offset = 64, .size = 0, .fd = fd },
		{ .offset = UINT64_MAX, .size = 8, .fd = fd },
		{ .size = 4, .fd = fd, .flags = 1u << 5 },
		{ .size = 4, .fd = fd, .type = RIG_IO_FD_IOREGIONFD },
		{ .size = 4, .fd = fd, .type = RIG_IO_FD_SHADOW, .shadow_fd = -1 },
	};
	const struct rig_io_fd_desc fine = { .size = 4, .fd = fd };

	before = fds_open();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rig_server_add_io_fd(f->server, DOORBELL, &bad[i]), -EINVAL);
	assert_int_equal(rig_server_add_io_fd(f->server, REGIONS, &fine), -EINVAL);
	assert_int_equal(rig_server_add_io_fd(f->server, ABSENT, &fine), -EINVAL);
	/* The second is no fd at all: what was duplicated before that is closed. */
	assert_int_equal(rig_server_add_io_fd(f->server, DOORBELL,
					      &(struct rig_io_fd_desc) { .size = 4,
									 .fd = fd,
									 .type = RIG_IO_FD_SHADOW,
									 .shadow_fd = 9999 }),
			 -EBADF);
	assert_int_equal(fds_open(), before);
	for (int i = 0; i < 16; i++)
		assert_int_equal(rig_server_add_io_fd(f->server, DOORBELL, &fine), 0);
	assert_int_equal(rig_server_add_io_fd(f->server, DOORBELL, &fine), -ENOSPC);
	assert_int_equal(fds_open(), before + 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(s056_a_region_without_io_fds_has_an_empty_list),
		test(s056_entries_have_40_bytes_and_share_fds),
		test(s056_with_too_little_room_there_is_the_head_alone_without_fds),
		test(s056_a_shadow_makes_all_entries_libvfio_users),
		test(s029_a_client_that_takes_few_fds_is_told_of_few),
		test(s057_malformed_questions_are_refused),
		test(what_makes_no_sense_is_refused_and_leaves_no_fd),
	};

	return cmocka_run_group_tests_name("server_io_fds", tests, NULL, NULL);
}
