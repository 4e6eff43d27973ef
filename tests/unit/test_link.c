/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_link.c - one connection, fed by a script, by a simulated pipe
 *
 * Every test ends with as many open fds as it began with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "link_end.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <outrigger/vfio_user.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static size_t fds_before;
static uint8_t out[4u << 20]; /* what links send, for tests to look at */

static int count_before(void **state)
{
	fds_before = count_fds();
	return 0;
}

static int count_after(void **state)
{
	assert_int_equal(count_fds(), fds_before);
	return 0;
}

static struct wire_header header_at(const void *bytes)
{
	struct wire_header header;

	memcpy(&header, bytes, sizeof(header));
	return header;
}

static void assert_error_reply(const void *bytes, uint16_t id, uint16_t command, uint32_t error)
{
	struct wire_header header = header_at(bytes);

	assert_int_equal(header.id, id);
	assert_int_equal(header.command, command);
	assert_int_equal(header.size, 16);
	assert_int_equal(header.flags, 0x21);
	assert_int_equal(header.error, error);
}

/* A DMA_MAP; an fd may come with it. */
static size_t command_map(void *buf, uint16_t id)
{
	struct wire_dma_map map = { .argsz = sizeof(map), .size = 4096 };

	return message(buf, id, WIRE_DMA_MAP, 0, 0, &map, sizeof(map));
}

/* Framing. */

static void half_a_header_is_a_state(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[64];
	size_t n = command_read(buf, 1, 4);

	for (size_t i = 0; i < n; i++) {
		assert_true(link_wants_read(end->link));
		assert_false(link_wants_write(end->link));
		assert_int_equal(end->n_requests, 0);
		assert_int_equal(end_feed(end, buf + i, 1, NULL, 0), 0);
	}
	assert_int_equal(end->n_requests, 1);
	assert_int_equal(end->last.region_io->count, 4);
	end_free(end);
}

static void a_message_cut_at_any_byte_keeps_its_fd(void **state)
{
	uint8_t buf[64];
	size_t n = command_map(buf, 1);
	int fd = some_fd();

	for (size_t cut = 1; cut < n; cut++) {
		struct end *end = end_new(WIRE_FROM_CLIENT);
		int copy = dup(fd);

		assert_int_equal(end_feed(end, buf, cut, &copy, 1), 0);
		assert_int_equal(end->n_requests, 0);
		assert_int_equal(end_feed(end, buf + cut, n - cut, NULL, 0), 0);
		assert_int_equal(end->n_requests, 1);
		assert_int_equal(end->n_fds, 1);
		assert_int_equal(fcntl(copy, F_GETFD), -1); /* closed behind the handler */
		end_free(end);
	}
	close(fd);
}

static void messages_glued_together_are_handled_in_order(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[100 * 32];
	size_t n = 0;

	for (uint16_t id = 0; id < 100; id++)
		n += command_read(buf + n, id, 8);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_int_equal(end->n_requests, 100);
	assert_int_equal(end_take(end, out, sizeof(out), NULL), 100 * 40);
	for (uint16_t id = 0; id < 100; id++)
		assert_int_equal(header_at(out + (size_t)id * 40).id, id);
	end_free(end);
}

static void two_messages_cut_anywhere_are_two_messages(void **state)
{
	uint8_t buf[128];
	size_t n = command_read(buf, 1, 4);

	n += command_map(buf + n, 2);
	for (size_t cut = 1; cut < n; cut++) {
		struct end *end = end_new(WIRE_FROM_CLIENT);

		assert_int_equal(end_feed(end, buf, cut, NULL, 0), 0);
		assert_int_equal(end_feed(end, buf + cut, n - cut, NULL, 0), 0);
		assert_int_equal(end->n_requests, 2);
		assert_int_equal(end->last.command, WIRE_DMA_MAP);
		end_free(end);
	}
}

static void sixteen_replies_are_one_iovec(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[16 * 32];
	struct iovec iov;
	const int *fds;
	size_t n = 0, n_fds;

	for (uint16_t id = 0; id < 16; id++)
		n += command_read(buf + n, id, 8);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_true(link_pending(end->link, &iov, &fds, &n_fds));
	assert_int_equal(iov.iov_len, 16 * 40);
	assert_int_equal(n_fds, 0);
	end_free(end);
}

static void a_reply_sent_in_any_pieces_is_whole(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[64], got[64] = { 0 };
	struct iovec iov;
	const int *fds;
	size_t n_fds, len = 0;

	assert_int_equal(end_feed(end, buf, command_read(buf, 9, 8), NULL, 0), 0);
	while (link_pending(end->link, &iov, &fds, &n_fds)) {
		got[len++] = *(uint8_t *)iov.iov_base;
		link_sent(end->link, 1);
	}
	assert_int_equal(len, 40);
	assert_int_equal(header_at(got).size, 40);
	assert_int_equal(got[39], 0x42);
	end_free(end);
}

static void a_megabyte_is_accepted_whole(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	struct wire_region_io io = { .count = 1u << 20 };
	uint8_t *buf = calloc(1, 32 + io.count);

	assert_non_null(buf);
	message(buf, 1, WIRE_REGION_WRITE, 0, 0, &io, sizeof(io));
	((struct wire_header *)(void *)buf)->size = 32 + io.count;
	assert_int_equal(end_feed(end, buf, 32 + io.count, NULL, 0), 0);
	assert_int_equal(end->n_requests, 1);
	free(buf);
	end_free(end);
}

static void memory_is_for_messages_that_have_a_right_to_it(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	struct wire_region_io io = { .count = 1u << 20 };
	uint8_t buf[64], *rest = calloc(1, io.count);
	struct wire_header header = {
		.command = WIRE_REGION_WRITE,
		.size = 32 + io.count,
	};
	size_t first, len;

	assert_non_null(rest);
	link_space(end->link, &first);
	assert_true(first <= 8192);
	memcpy(buf, &header, sizeof(header));
	memcpy(buf + 16, &io, sizeof(io));
	assert_int_equal(end_feed(end, buf, 32, NULL, 0), 0);
	link_space(end->link, &len);
	assert_true(len >= io.count && len < io.count + 8192);
	assert_int_equal(end_feed(end, rest, io.count, NULL, 0), 0);
	assert_int_equal(end->n_requests, 1);

	/* Given back once it was not needed for a while. */
	for (uint16_t i = 0; i < 300; i++)
		assert_int_equal(end_feed(end, buf, command_read(buf, i, 4), NULL, 0), 0);
	link_space(end->link, &len);
	assert_int_equal(len, first);
	free(rest);
	end_free(end);
}

static void messages_as_long_as_the_buffer_leave_no_gap(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	static uint8_t buf[64 * 2064];
	size_t n = 0;

	for (uint16_t id = 0; id < 64; id++) {
		struct wire_region_io io = { .count = 2031 };

		message(buf + n, id, WIRE_REGION_WRITE, 0, 0, &io, sizeof(io));
		((struct wire_header *)(void *)(buf + n))->size = 32 + io.count;
		n += 32 + io.count;
	}
	for (size_t piece = 1; piece < n; piece = piece * 3 + 1) {
		for (size_t i = 0; i < n; i += piece)
			assert_int_equal(
				end_feed(end, buf + i, n - i < piece ? n - i : piece, NULL, 0), 0);
		assert_int_equal(end->n_requests % 64, 0);
		end_take(end, out, sizeof(out), NULL);
	}
	assert_int_equal(link_error(end->link), 0);
	end_free(end);
}

/* What is no message ends the connection. */

static void assert_header_kills(const struct wire_header *header, int error)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	size_t len;

	assert_int_equal(end_feed(end, header, sizeof(*header), NULL, 0), error);
	assert_int_equal(link_error(end->link), error);
	assert_true(strlen(link_reason(end->link)) > 10);
	assert_int_equal(end->n_dead, 1);
	assert_false(link_wants_read(end->link));
	assert_false(link_wants_write(end->link));
	assert_null(link_space(end->link, &len));
	assert_int_equal(len, 0);
	assert_int_equal(link_feed(end->link, 0, NULL, 0), -ENOTCONN);
	assert_int_equal(link_post(end->link, WIRE_DEVICE_RESET, NULL, 0), -ENOTCONN);
	end_free(end);
}

static void a_size_below_the_header_ends_the_connection(void **state)
{
	for (uint32_t size = 0; size < 16; size++)
		assert_header_kills(&(struct wire_header) { .command = 4, .size = size }, -EPROTO);
}

static void a_size_above_the_limit_ends_the_connection(void **state)
{
	assert_header_kills(&(struct wire_header) { .command = 10, .size = (1u << 20) + 81 },
			    -EMSGSIZE);
	assert_header_kills(&(struct wire_header) { .command = 10, .size = UINT32_MAX }, -EMSGSIZE);
}

static void a_type_that_is_none_ends_the_connection(void **state)
{
	for (uint32_t type = 2; type < 16; type++)
		assert_header_kills(&(struct wire_header) { .size = 16, .flags = type }, -EPROTO);
}

static void a_reply_to_nothing_ends_the_connection(void **state)
{
	assert_header_kills(&(struct wire_header) { .command = 9, .size = 16, .flags = 1 },
			    -EPROTO);
	assert_header_kills(
		&(struct wire_header) { .id = UINT16_MAX, .command = 9, .size = 16, .flags = 0x21 },
		-EPROTO);
}

static void eof_between_messages_is_a_clean_close(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[64];

	assert_int_equal(end_feed(end, buf, command_read(buf, 1, 4), NULL, 0), 0);
	assert_int_equal(link_feed(end->link, 0, NULL, 0), -ECONNRESET);
	assert_int_equal(end->n_dead, 1);
	end_free(end);
}

static void eof_in_a_message_is_an_error_that_says_so(void **state)
{
	uint8_t buf[64];
	size_t n = command_map(buf, 1);

	for (size_t cut = 1; cut < n; cut++) {
		struct end *end = end_new(WIRE_FROM_CLIENT);
		int fd = some_fd();

		assert_int_equal(end_feed(end, buf, cut, &fd, 1), 0);
		assert_int_equal(link_feed(end->link, 0, NULL, 0), -EPROTO);
		assert_non_null(strstr(link_reason(end->link), cut < 16 ? "middle" : "DMA_MAP"));
		assert_int_equal(end->n_requests, 0);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
		end_free(end);
	}
}

/* Requests that break their rule are answered, and that is all. */

static void a_refused_request_gets_an_errno_and_the_next_one_works(void **state)
{
	static const struct {
		uint16_t command;
		size_t len;
		uint32_t error;
	} wrong[] = {
		{ 0, 16, ENOSYS },
		{ 14, 0, ENOSYS },
		{ 65535, 100, ENOSYS },
		{ WIRE_DMA_READ, 16, ENOSYS },
		{ WIRE_REGION_READ, 15, EINVAL },
		{ WIRE_DMA_MAP, 31, EINVAL },
		{ WIRE_VERSION, 3, EINVAL },
	};
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[256], zeros[128] = { 0 };

	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		size_t n = message(buf, (uint16_t)i, wrong[i].command, 0, 0, zeros, wrong[i].len);

		n += command_read(buf + n, 99, 4);
		assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
		assert_int_equal(end_take(end, out, sizeof(out), NULL), 16 + 36);
		assert_error_reply(out, (uint16_t)i, wrong[i].command, wrong[i].error);
		assert_int_equal(header_at(out + 16).id, 99);
	}
	assert_int_equal(end->n_requests, ARRAY_SIZE(wrong));
	end_free(end);
}

static void a_no_reply_command_yields_no_bytes(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[64], zeros[16] = { 0 };
	size_t n = message(buf, 1, WIRE_DEVICE_RESET, WIRE_FLAG_NO_REPLY, 0, NULL, 0);

	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_int_equal(end->n_requests, 1);
	/* One that fails, later; one that is refused at once. */
	end->mode = END_HOLD;
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_int_equal(link_reply_error(end->link, end->tokens[0], -EIO), 0);
	n = message(buf, 1, WIRE_REGION_READ, WIRE_FLAG_NO_REPLY, 0, zeros, 3);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_false(link_wants_write(end->link));
	end_free(end);
}

static void an_errno_is_positive_on_the_wire_and_never_0(void **state)
{
	static const struct {
		int given;
		uint32_t sent;
	} errors[] = {
		{ -ENOENT, ENOENT }, { ENOENT, ENOENT }, { 0, EIO },
		{ -5000, EIO },	     { 1 << 30, EIO },	 { INT32_MIN, EIO },
	};
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[64];

	end->mode = END_HOLD;
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		assert_int_equal(end_feed(end, buf, command_read(buf, (uint16_t)i, 4), NULL, 0), 0);
		assert_int_equal(link_reply_error(end->link, end->tokens[i], errors[i].given), 0);
		assert_int_equal(end_take(end, out, sizeof(out), NULL), 16);
		assert_error_reply(out, (uint16_t)i, WIRE_REGION_READ, errors[i].sent);
	}
	end_free(end);
}

static void a_request_can_be_answered_later_but_once(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[64];

	end->mode = END_HOLD;
	/* Ids may repeat: tokens do not. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(end_feed(end, buf, command_read(buf, 5, 4), NULL, 0), 0);
	for (size_t i = 3; i-- > 0;) {
		assert_int_equal(link_reply_ok(end->link, end->tokens[i], NULL, 0, NULL, 0), 0);
		assert_int_equal(link_reply_ok(end->link, end->tokens[i], NULL, 0, NULL, 0),
				 -ENOENT);
	}
	assert_int_equal(link_reply_ok(end->link, 0, NULL, 0, NULL, 0), -ENOENT);
	assert_int_equal(link_reply_ok(end->link, UINT64_MAX, NULL, 0, NULL, 0), -ENOENT);
	assert_int_equal(end_take(end, out, sizeof(out), NULL), 3 * 16);
	/* A slot used again has another token. */
	assert_int_equal(end_feed(end, buf, command_read(buf, 5, 4), NULL, 0), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(link_reply_error(end->link, end->tokens[i], 1), -ENOENT);
	link_kill(end->link, -EIO, "test");
	assert_int_equal(link_reply_error(end->link, end->tokens[3], 1), -ENOENT);
	end_free(end);
}

/* Fds. */

static void fds_of_two_messages_in_one_sendmsg_are_of_the_one_that_may_have_some(void **state)
{
	uint8_t buf[128];
	size_t map = command_map(buf, 1);
	size_t n = map + command_read(buf + map, 2, 4);

	/* However the read is cut, also inside the second header. */
	for (size_t cut = 1; cut <= n; cut++) {
		struct end *end = end_new(WIRE_FROM_CLIENT);
		int fd = some_fd();

		assert_int_equal(end_feed(end, buf, cut, &fd, 1), 0);
		assert_int_equal(end_feed(end, buf + cut, n - cut, NULL, 0), 0);
		assert_int_equal(end->n_requests, 2);
		assert_int_equal(end->fds_of[WIRE_DMA_MAP], 1);
		assert_int_equal(link_error(end->link), 0);
		end_free(end);
	}
}

static void fds_behind_other_messages_are_of_the_last_one_that_may_have_some(void **state)
{
	uint8_t buf[192];
	size_t n = command_map(buf, 1); /* a map without fd, then one with, in one read */

	n += command_read(buf + n, 2, 4);
	n += command_map(buf + n, 3);
	for (size_t cut = 81; cut <= n; cut++) {
		struct end *end = end_new(WIRE_FROM_CLIENT);
		int fd = some_fd();

		end->take_fds = true;
		assert_int_equal(end_feed(end, buf, cut, &fd, 1), 0);
		/* The first could be the owner until the last header is whole. */
		assert_int_equal(end->n_requests, cut < 96 ? 0 : cut < n ? 2 : 3);
		assert_int_equal(end_feed(end, buf + cut, n - cut, NULL, 0), 0);
		assert_int_equal(end->n_requests, 3);
		assert_int_equal(end->n_taken, 1);
		assert_int_equal(end->last.id, 3);
		assert_int_equal(end->n_fds, 1);
		end_free(end);
	}
}

static void each_of_many_messages_gets_its_own_fds(void **state)
{
	struct pipe pipe = { 0 };
	uint8_t buf[64], space[256];
	int own = some_fd(), fds[LINK_MAX_FDS];
	size_t n, n_fds;

	for (size_t max = 1; max < sizeof(space); max++) {
		struct end *end = end_new(WIRE_FROM_CLIENT);

		for (uint16_t id = 0; id < 12; id++) {
			n = id % 3 == 0 ? command_read(buf, id, 4) : command_map(buf, id);
			pipe_write(&pipe, buf, n, &own, id % 3 == 1);
		}
		while ((n = pipe_read(&pipe, space, max, fds, &n_fds)) > 0)
			assert_int_equal(end_feed(end, space, n, fds, n_fds), 0);
		assert_int_equal(end->n_requests, 12);
		assert_int_equal(end->n_fds, 4);
		assert_int_equal(end->fds_of[WIRE_DMA_MAP], 4);
		end_take(end, out, sizeof(out), NULL);
		end_free(end);
	}
	close(own);
}

static void fds_that_belong_to_no_message_end_the_connection(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[64];
	size_t n = command_map(buf, 1);
	int fds[2] = { some_fd(), some_fd() };

	assert_int_equal(end_feed(end, buf, 20, NULL, 0), 0);
	assert_int_equal(end_feed(end, buf + 20, n - 21, fds, 2), -EPROTO);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	end_free(end);

	end = end_new(WIRE_FROM_CLIENT);
	fds[0] = some_fd();
	assert_int_equal(link_feed(end->link, 0, fds, 1), -ECONNRESET);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	fds[0] = some_fd();
	assert_int_equal(link_feed(end->link, 0, fds, 1), -ENOTCONN);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	end_free(end);
}

static void fds_nobody_may_send_are_closed_and_the_request_refused(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[64];
	int fds[3] = { some_fd(), some_fd(), some_fd() };

	assert_int_equal(end_feed(end, buf, command_read(buf, 1, 4), fds, 1), 0);
	assert_int_equal(end_feed(end, buf, command_map(buf, 2), fds + 1, 2), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(fcntl(fds[i], F_GETFD), -1);
	assert_int_equal(end->n_requests, 0);
	assert_int_equal(end_take(end, out, sizeof(out), NULL), 32);
	assert_error_reply(out, 1, WIRE_REGION_READ, EINVAL);
	assert_error_reply(out + 16, 2, WIRE_DMA_MAP, EINVAL);
	end_free(end);
}

static void more_fds_than_max_msg_fds_are_refused_not_fatal(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	struct wire_irq_set set = {
		.argsz = sizeof(set),
		.flags = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
		.index = 2,
	};
	int fds[LINK_MAX_FDS];
	uint8_t buf[64];

	for (uint32_t count = 16; count <= LINK_MAX_FDS;
	     count = count < 18 ? count + 1 : LINK_MAX_FDS) {
		set.count = count;
		for (size_t i = 0; i < count; i++)
			fds[i] = some_fd();
		assert_int_equal(
			end_feed(end, buf,
				 message(buf, 1, WIRE_DEVICE_SET_IRQS, 0, 0, &set, sizeof(set)),
				 fds, count),
			0);
		assert_int_equal(end_take(end, out, sizeof(out), NULL), 16);
		assert_int_equal(header_at(out).error, count > 16 ? EINVAL : 0);
		if (count == LINK_MAX_FDS)
			break;
	}
	assert_int_equal(end->n_requests, 1);
	end_free(end);
}

/* A full socket cuts what Linux need not take as a whole: stock peers lose a message cut in two. */
static void one_sendmsg_is_a_long_message_or_32_KiB_of_short_ones(void **state)
{
	static uint8_t data[1 << 17];
	const size_t sizes[] = { 8, 30000, 5000, sizeof(data), 8, 8 };
	const size_t batches[] = { 16 + 8 + 16 + 30000, 16 + 5000, 16 + sizeof(data),
				   2 * (16 + 8) };
	struct end *end = end_new(WIRE_FROM_SERVER);
	struct iovec iov;
	const int *fds;
	size_t n_fds;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		iov = (struct iovec) { data, sizes[i] };
		assert_int_equal(link_post(end->link, WIRE_REGION_WRITE, &iov, 1), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(batches); i++) {
		assert_true(link_pending(end->link, &iov, &fds, &n_fds));
		assert_int_equal(iov.iov_len, batches[i]);
		link_sent(end->link, iov.iov_len);
	}
	assert_false(link_pending(end->link, &iov, &fds, &n_fds));
	end_free(end);
}

/* A peer that reads nothing would otherwise get 256 answers of a mebibyte queued. */
static void no_more_is_accepted_than_the_replies_may_take(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[16 * 32];
	size_t n = 0;

	end->mode = END_HOLD;
	for (uint16_t id = 0; id < 16; id++)
		n += command_read(buf + n, id, 1u << 20);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_int_equal(end->n_tokens, 5);
	assert_false(link_wants_read(end->link));
	assert_int_equal(link_reply_error(end->link, end->tokens[0], EIO), 0);
	assert_int_equal(end->n_tokens, 5);
	assert_int_equal(end_take(end, buf, sizeof(buf), NULL), 16);
	assert_int_equal(end->n_tokens, 6);
	end_free(end);
}

static void a_reply_with_fds_is_a_sendmsg_of_its_own(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[256];
	struct iovec iov;
	const int *fds;
	size_t n = 0, n_fds;
	int fd = some_fd();

	end->mode = END_HOLD;
	for (uint16_t id = 0; id < 4; id++)
		n += command_read(buf + n, id, 4);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(link_reply_ok(end->link, end->tokens[i], NULL, 0, &fd, i == 2), 0);
	close(fd); /* ours; the link has a duplicate */

	assert_true(link_pending(end->link, &iov, &fds, &n_fds));
	assert_int_equal(iov.iov_len, 32);
	assert_int_equal(n_fds, 0);
	link_sent(end->link, 32);
	assert_true(link_pending(end->link, &iov, &fds, &n_fds));
	assert_int_equal(iov.iov_len, 16);
	assert_int_equal(n_fds, 1);
	fd = fds[0];
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	/* With the first byte they are gone. */
	link_sent(end->link, 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(link_pending(end->link, &iov, &fds, &n_fds));
	assert_int_equal(n_fds, 0);
	assert_int_equal(iov.iov_len, 15);
	end_free(end);
}

/* Requests of ours. */

/* A server's link with one request in flight; the id is returned. */
static struct end *end_asking(size_t reply_max, uint64_t deadline_us, uint16_t *ret_id)
{
	struct end *end = end_new(WIRE_FROM_SERVER);
	struct wire_region_io io = { .count = 4 };

	assert_int_equal(
		end_request(end, WIRE_REGION_READ, &io, sizeof(io), reply_max, deadline_us, ret_id),
		0);
	assert_int_equal(end_take(end, out, sizeof(out), NULL), 32);
	assert_int_equal(header_at(out).id, *ret_id);
	assert_int_equal(header_at(out).flags, 0);
	return end;
}

static void a_reply_reaches_its_request_however_it_is_cut(void **state)
{
	uint8_t buf[64], payload[20] = { 0x77 };
	uint16_t id;

	for (size_t cut = 1; cut < 36; cut++) {
		struct end *end = end_asking(20, LINK_FOREVER, &id);

		message(buf, id, WIRE_REGION_READ, 1, 0, payload, sizeof(payload));
		assert_int_equal(end_feed(end, buf, cut, NULL, 0), 0);
		assert_int_equal(end->n_replies, 0);
		assert_int_equal(end_feed(end, buf + cut, 36 - cut, NULL, 0), 0);
		assert_int_equal(end->n_replies, 1);
		assert_int_equal(end->replies[0].error, 0);
		assert_int_equal(end->replies[0].len, 20);
		assert_int_equal(end->replies[0].first, 0x77);
		end_free(end);
	}
}

static void replies_out_of_order_reach_the_right_requests(void **state)
{
	struct end *end = end_new(WIRE_FROM_SERVER);
	uint8_t buf[64];
	uint16_t ids[40];
	size_t i;

	for (i = 0; i < 40; i++)
		assert_int_equal(
			end_request(end, WIRE_DEVICE_RESET, NULL, 0, 1, LINK_FOREVER, &ids[i]), 0);
	while (i-- > 0) {
		uint8_t mark = (uint8_t)i;

		assert_int_equal(end_feed(end, buf,
					  message(buf, ids[i], WIRE_DEVICE_RESET, 1, 0, &mark, 1),
					  NULL, 0),
				 0);
		assert_int_equal(end->replies[39 - i].first, i);
	}
	assert_int_equal(end->n_replies, 40);
	end_free(end);
}

static void an_error_reply_with_payload_is_drained(void **state)
{
	static const struct {
		uint32_t sent;
		int told;
	} errors[] = {
		{ ENOENT, -ENOENT }, { 0, -EIO },	   { 4095, -4095 },
		{ 4096, -EIO },	     { UINT32_MAX, -EIO },
	};
	uint8_t buf[4096], payload[2000] = { 0 };
	uint16_t id;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct end *end = end_asking(20, LINK_FOREVER, &id);
		size_t n = message(buf, id, WIRE_REGION_READ, 0x21, errors[i].sent, payload,
				   sizeof(payload));

		for (size_t k = 0; k < n; k++)
			assert_int_equal(end_feed(end, buf + k, 1, NULL, 0), 0);
		assert_int_equal(end->n_replies, 1);
		assert_int_equal(end->replies[0].error, errors[i].told);
		/* In step: the next one is understood. */
		assert_int_equal(end_request(end, WIRE_DEVICE_RESET, NULL, 0, 0, LINK_FOREVER, &id),
				 0);
		n = message(buf, id, WIRE_DEVICE_RESET, 1, 0, NULL, 0);
		assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
		assert_int_equal(end->replies[1].error, 0);
		end_free(end);
	}
}

static void a_reply_longer_than_asked_is_never_delivered(void **state)
{
	struct end *end;
	uint8_t *buf = calloc(1, 64u << 10);
	uint16_t id;
	size_t n, len;

	assert_non_null(buf);
	end = end_asking(20, LINK_FOREVER, &id);
	n = message(buf, id, WIRE_REGION_READ, 1, 0, out, 60000);
	n += message(buf + n, 3, WIRE_DMA_READ, 0, 0, &(struct wire_dma_io) { .count = 1 }, 16);
	assert_int_equal(end_feed(end, buf, 16, NULL, 0), 0);
	assert_int_equal(end->n_replies, 1); /* its header says enough */
	assert_int_equal(end->replies[0].error, -EPROTO);
	link_space(end->link, &len);
	assert_true(len <= 8192); /* no memory for it */
	assert_int_equal(end_feed(end, buf + 16, n - 16, NULL, 0), 0);
	assert_int_equal(end->n_requests, 1);
	assert_int_equal(link_error(end->link), 0);
	end_free(end);

	/* So long that the rest is not worth reading. */
	end = end_asking(20, LINK_FOREVER, &id);
	message(buf, id, WIRE_REGION_READ, 1, 0, NULL, 0);
	((struct wire_header *)(void *)buf)->size = 0x7fffffff;
	assert_int_equal(end_feed(end, buf, 16, NULL, 0), -EMSGSIZE);
	assert_int_equal(end->n_replies, 1);
	assert_int_equal(end->replies[0].error, -ENOTCONN);
	end_free(end);
	free(buf);
}

static void a_reply_may_be_as_long_as_asked_for(void **state)
{
	const uint32_t len = 3u << 20; /* more than we accept as a request */
	uint8_t *buf = calloc(1, 16 + len);
	struct end *end;
	uint16_t id;

	assert_non_null(buf);
	end = end_asking(len, LINK_FOREVER, &id);
	message(buf, id, WIRE_REGION_READ, 1, 0, NULL, 0);
	((struct wire_header *)(void *)buf)->size = 16 + len;
	assert_int_equal(end_feed(end, buf, 16 + len, NULL, 0), 0);
	assert_int_equal(end->replies[0].error, 0);
	assert_int_equal(end->replies[0].len, len);
	end_free(end);

	/* Half of it comes too late: the other half is still drained. */
	end = end_asking(len, 10, &id);
	assert_int_equal(end_feed(end, buf, 16 + len / 2, NULL, 0), 0);
	link_tick(end->link, 10);
	assert_int_equal(end->replies[0].error, -ETIMEDOUT);
	assert_int_equal(end_feed(end, buf + 16 + len / 2, len / 2, NULL, 0), 0);
	assert_int_equal(end->n_replies, 1);
	end_free(end);
	free(buf);
}

static void a_reply_with_another_command_ends_the_connection(void **state)
{
	uint8_t buf[64];
	uint16_t id;
	struct end *end = end_asking(20, LINK_FOREVER, &id);

	assert_int_equal(
		end_feed(end, buf, message(buf, id, WIRE_REGION_WRITE, 1, 0, NULL, 0), NULL, 0),
		-EPROTO);
	assert_int_equal(end->n_replies, 1);
	assert_int_equal(end->replies[0].error, -EPROTO);
	end_free(end);
}

static void fds_of_a_reply_are_closed_unless_taken_and_too_many_are_an_error(void **state)
{
	for (size_t n = 0; n <= 3; n++) {
		struct end *end = end_new(WIRE_FROM_SERVER);
		struct wire_region_info info = { .argsz = 32 };
		struct iovec iov = { &info, sizeof(info) };
		int fds[3] = { some_fd(), some_fd(), some_fd() };
		uint8_t buf[64];
		uint16_t id;

		assert_int_equal(link_request(end->link, WIRE_DEVICE_GET_REGION_INFO, &iov, 1, NULL,
					      0, 32, 2, LINK_FOREVER, end_done, end, &id),
				 0);
		message(buf, id, WIRE_DEVICE_GET_REGION_INFO, 1, 0, &info, sizeof(info));
		assert_int_equal(end_feed(end, buf, 48, fds, n), 0);
		assert_int_equal(end->replies[0].error, n > 2 ? -EPROTO : 0);
		assert_int_equal(end->replies[0].n_fds, n > 2 ? 0 : n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(fcntl(fds[i], F_GETFD), -1);
		for (size_t i = n; i < 3; i++)
			close(fds[i]);
		assert_int_equal(link_error(end->link), 0);
		end_free(end);
	}
}

static void both_sides_may_use_the_same_ids_at_once(void **state)
{
	uint8_t buf[256];
	uint16_t id;
	struct end *end = end_asking(4, LINK_FOREVER, &id);
	size_t n;

	/* While ours is in flight, theirs comes with its id, then both are answered. */
	end->mode = END_HOLD;
	n = message(buf, id, WIRE_DMA_READ, 0, 0, &(struct wire_dma_io) { .count = 1 }, 16);
	n += message(buf + n, id, WIRE_REGION_READ, 1, 0, "abcd", 4);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_int_equal(end->n_requests, 1);
	assert_int_equal(end->n_replies, 1);
	assert_int_equal(end->replies[0].first, 'a');
	assert_int_equal(link_reply_ok(end->link, end->tokens[0], NULL, 0, NULL, 0), 0);
	assert_int_equal(end_take(end, out, sizeof(out), NULL), 16);
	assert_int_equal(header_at(out).id, id);
	assert_int_equal(header_at(out).command, WIRE_DMA_READ);
	end_free(end);
}

static void a_late_reply_is_dropped_and_its_id_not_used_before(void **state)
{
	uint8_t buf[64];
	uint16_t late, id;
	struct end *end = end_asking(4, 1000, &late);

	assert_int_equal(link_deadline_us(end->link), 1000);
	link_tick(end->link, 999);
	assert_int_equal(end->n_replies, 0);
	link_tick(end->link, 1000);
	assert_int_equal(end->n_replies, 1);
	assert_int_equal(end->replies[0].error, -ETIMEDOUT);
	assert_int_equal(link_deadline_us(end->link), LINK_FOREVER);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(end_request(end, WIRE_DEVICE_RESET, NULL, 0, 0, LINK_FOREVER, &id),
				 0);
		assert_int_not_equal(id, late);
	}
	assert_int_equal(
		end_feed(end, buf, message(buf, late, WIRE_REGION_READ, 1, 0, "abcd", 4), NULL, 0),
		0);
	assert_int_equal(end->n_replies, 1);
	/* A second one is a reply to nothing. */
	assert_int_equal(
		end_feed(end, buf, message(buf, late, WIRE_REGION_READ, 1, 0, "abcd", 4), NULL, 0),
		-EPROTO);
	assert_int_equal(end->n_replies, 101);
	end_free(end);
}

static void a_cancelled_request_completes_once_and_its_reply_is_dropped(void **state)
{
	uint8_t buf[64];
	uint16_t id;
	struct end *end = end_asking(4, 1000, &id);

	link_cancel(end->link, id);
	link_cancel(end->link, id);
	link_cancel(end->link, 12345);
	link_tick(end->link, 5000);
	assert_int_equal(end->n_replies, 1);
	assert_int_equal(end->replies[0].error, -ECANCELED);
	assert_int_equal(
		end_feed(end, buf, message(buf, id, WIRE_REGION_READ, 0x21, 5, "abcd", 4), NULL, 0),
		0);
	assert_int_equal(end->n_replies, 1);
	end_free(end);
}

static void the_first_deadline_is_named_and_each_is_kept(void **state)
{
	static const uint64_t deadlines[] = { 500, 100, LINK_FOREVER, 300, 200, 400 };
	struct end *end = end_new(WIRE_FROM_SERVER);
	size_t done = 0;

	assert_int_equal(link_deadline_us(end->link), LINK_FOREVER);
	for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++)
		assert_int_equal(
			end_request(end, WIRE_DEVICE_RESET, NULL, 0, 0, deadlines[i], NULL), 0);
	for (uint64_t now = 100; now <= 500; now += 100) {
		assert_int_equal(link_deadline_us(end->link), now);
		link_tick(end->link, now);
		assert_int_equal(end->n_replies, ++done);
	}
	assert_int_equal(link_deadline_us(end->link), LINK_FOREVER);
	end_free(end);
}

static void every_id_can_be_in_flight_and_then_no_more(void **state)
{
	struct end *end = end_new(WIRE_FROM_SERVER);
	uint8_t *seen = calloc(1, 65536);
	size_t n = 0;
	uint16_t id;

	assert_non_null(seen);
	while (end_request(end, WIRE_DEVICE_RESET, NULL, 0, 0, LINK_FOREVER, &id) == 0) {
		assert_int_equal(seen[id]++, 0);
		n++;
	}
	assert_int_equal(n, 65535);
	assert_int_equal(end_request(end, WIRE_DEVICE_RESET, NULL, 0, 0, LINK_FOREVER, &id),
			 -ENOBUFS);
	link_kill(end->link, -EIO, "test");
	assert_int_equal(end->n_replies, n);
	free(seen);
	end_free(end);
}

static void a_post_that_is_answered_nevertheless_does_no_harm(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	struct wire_dma_io io = { .count = 0 };
	struct iovec iov = { &io, sizeof(io) };
	uint8_t buf[64];
	struct wire_header header;
	size_t n;

	assert_int_equal(link_post(end->link, WIRE_DMA_WRITE, &iov, 1), 0);
	assert_int_equal(end_take(end, out, sizeof(out), NULL), 32);
	header = header_at(out);
	assert_int_equal(header.flags, WIRE_FLAG_NO_REPLY);
	n = message(buf, header.id, WIRE_DMA_WRITE, 0x21, EFAULT, "junk", 4);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_int_equal(link_error(end->link), 0);
	/* But not more often than we posted. */
	assert_int_equal(end_feed(end, buf, n, NULL, 0), -EPROTO);
	end_free(end);
}

/* Death. */

struct chain {
	struct end *end;
	unsigned int runs;
	int again; /* what a new request in the completion returned */
};

static void done_and_ask_again(void *opaque, const struct link_reply *reply)
{
	struct chain *chain = opaque;

	chain->runs++;
	chain->again = link_request(chain->end->link, WIRE_DEVICE_RESET, NULL, 0, NULL, 0, 0, 0,
				    LINK_FOREVER, done_and_ask_again, chain, NULL);
}

static void death_completes_everything_exactly_once(void **state)
{
	struct end *end = end_new(WIRE_FROM_SERVER);
	struct chain chain = { .end = end };

	for (int i = 0; i < 50; i++)
		assert_int_equal(
			end_request(end, WIRE_DEVICE_RESET, NULL, 0, 0, LINK_FOREVER, NULL), 0);
	assert_int_equal(link_request(end->link, WIRE_DEVICE_RESET, NULL, 0, NULL, 0, 0, 0,
				      LINK_FOREVER, done_and_ask_again, &chain, NULL),
			 0);
	link_kill(end->link, EIO, "first");
	link_kill(end->link, -EPERM, "second");
	assert_int_equal(end->n_dead, 1);
	assert_int_equal(link_error(end->link), -EIO);
	assert_string_equal(link_reason(end->link), "first");
	assert_int_equal(end->n_replies, 50);
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(end->replies[i].error, -ENOTCONN);
	assert_int_equal(chain.runs, 1);
	assert_int_equal(chain.again, -ENOTCONN);
	end_free(end);
}

static void freeing_a_live_link_completes_too(void **state)
{
	struct end *end = end_new(WIRE_FROM_SERVER);

	assert_int_equal(end_request(end, WIRE_DEVICE_RESET, NULL, 0, 0, LINK_FOREVER, NULL), 0);
	link_free(end->link);
	end->link = NULL;
	assert_int_equal(end->n_replies, 1);
	assert_int_equal(end->n_dead, 1);
	end_free(end);
	link_free(NULL);
}

static void a_completion_may_ask_again(void **state)
{
	struct end *end = end_new(WIRE_FROM_SERVER);
	struct chain chain = { .end = end };
	uint8_t buf[64];

	assert_int_equal(link_request(end->link, WIRE_DEVICE_RESET, NULL, 0, NULL, 0, 0, 0,
				      LINK_FOREVER, done_and_ask_again, &chain, NULL),
			 0);
	for (unsigned int i = 1; i < 200; i++) {
		uint16_t id;

		assert_int_equal(end_take(end, out, sizeof(out), NULL), 16);
		id = header_at(out).id;
		assert_int_equal(end_feed(end, buf,
					  message(buf, id, WIRE_DEVICE_RESET, 1, 0, NULL, 0), NULL,
					  0),
				 0);
		assert_int_equal(chain.runs, i);
	}
	end_free(end);
}

static void a_handler_may_kill_the_link_under_its_message(void **state)
{
	struct end *end = end_new(WIRE_FROM_CLIENT);
	uint8_t buf[256];
	size_t n = command_map(buf, 1);
	int fd = some_fd();

	end->mode = END_KILL;
	n += command_read(buf + n, 2, 4);
	assert_int_equal(end_feed(end, buf, n, &fd, 1), -EBADMSG);
	assert_int_equal(end->n_requests, 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	end_free(end);
}

/* Bounds. */

static void too_many_outstanding_stop_the_reading(void **state)
{
	struct end *end = end_new_with(WIRE_FROM_CLIENT, 2, 0);
	uint8_t buf[5 * 32];
	size_t n = 0, len;

	end->mode = END_HOLD;
	for (uint16_t id = 0; id < 5; id++)
		n += command_read(buf + n, id, 4);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	for (size_t done = 0; done < 3; done++) {
		assert_int_equal(end->n_requests, 2 + done);
		assert_false(link_wants_read(end->link));
		assert_null(link_space(end->link, &len));
		assert_int_equal(link_reply_error(end->link, end->tokens[done], EIO), 0);
	}
	assert_int_equal(end->n_requests, 5);
	/* Two are held still, but none waits: a reply to us could come. */
	assert_true(link_wants_read(end->link));
	end_free(end);
}

static void replies_come_through_while_requests_may_not(void **state)
{
	struct end *end = end_new_with(WIRE_FROM_CLIENT, 1, 0);
	uint8_t buf[128];
	uint16_t id;
	size_t n;

	end->mode = END_HOLD;
	assert_int_equal(end_feed(end, buf, command_read(buf, 1, 4), NULL, 0), 0);
	assert_int_equal(end_request(end, WIRE_DMA_READ, NULL, 0, 4, LINK_FOREVER, &id), 0);
	n = message(buf, id, WIRE_DMA_READ, 1, 0, "abcd", 4);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_int_equal(end->n_replies, 1);
	end_free(end);
}

static void too_much_unsent_stops_the_reading_until_it_is_sent(void **state)
{
	struct end *end = end_new_with(WIRE_FROM_CLIENT, 0, 1000);
	uint8_t buf[10 * 32];
	size_t n = 0, len;

	for (uint16_t id = 0; id < 10; id++)
		n += command_read(buf + n, id, 400);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	assert_int_equal(end->n_requests, 3);
	assert_false(link_wants_read(end->link));
	assert_null(link_space(end->link, &len));
	/* end_take() sends; that handles more, which it sends too. */
	assert_int_equal(end_take(end, out, sizeof(out), NULL), 10 * 432);
	assert_int_equal(end->n_requests, 10);
	assert_true(link_wants_read(end->link));
	end_free(end);
}

static void a_peer_that_does_not_read_gets_no_more_requests(void **state)
{
	struct end *end = end_new_with(WIRE_FROM_SERVER, 0, 1000);
	uint8_t payload[500] = { 0 };
	uint16_t id;

	for (int i = 0; i < 2; i++)
		assert_int_equal(end_request(end, WIRE_REGION_WRITE, payload, sizeof(payload), 16,
					     LINK_FOREVER, &id),
				 0);
	assert_int_equal(end_request(end, WIRE_REGION_WRITE, payload, 1, 16, LINK_FOREVER, &id),
			 -EAGAIN);
	assert_int_equal(link_post(end->link, WIRE_DEVICE_RESET, NULL, 0), -EAGAIN);
	/* Our own backlog is no reason not to read: the replies would never come. */
	assert_true(link_wants_read(end->link));
	end_take(end, out, sizeof(out), NULL);
	assert_int_equal(link_post(end->link, WIRE_DEVICE_RESET, NULL, 0), 0);
	assert_int_equal(end->n_replies, 0);
	end_free(end);
}

static void no_number_of_messages_nests_calls(void **state)
{
	struct end *end = end_new_with(WIRE_FROM_CLIENT, 1, 64);
	static uint8_t buf[200 * 32];
	size_t n = 0;

	for (uint16_t id = 0; id < 200; id++)
		n += command_read(buf + n, id, 64);
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	end_take(end, out, sizeof(out), NULL);
	assert_int_equal(end->n_requests, 200);
	assert_int_equal(end->max_depth, 1);

	end->mode = END_HOLD; /* answered from outside, one makes room for the next */
	assert_int_equal(end_feed(end, buf, n, NULL, 0), 0);
	for (size_t i = 0; i < 200; i++) {
		assert_int_equal(link_reply_error(end->link, end->tokens[i], EIO), 0);
		end_take(end, out, sizeof(out), NULL);
	}
	assert_int_equal(end->n_requests, 400);
	assert_int_equal(end->max_depth, 1);
	end_free(end);
}

static void the_owner_hears_of_changes_it_did_not_cause(void **state)
{
	struct end *end = end_new_with(WIRE_FROM_CLIENT, 1, 0);
	uint8_t buf[64];

	end->mode = END_HOLD;
	assert_int_equal(end_feed(end, buf, command_read(buf, 1, 4), NULL, 0), 0);
	assert_int_equal(end->n_changed, 0);
	assert_int_equal(link_reply_error(end->link, end->tokens[0], EIO), 0);
	assert_int_equal(end->n_changed, 1); /* there is something to send */
	assert_int_equal(end_request(end, WIRE_DMA_READ, NULL, 0, 0, LINK_FOREVER, NULL), 0);
	assert_int_equal(end->n_changed, 1); /* which it knows */
	assert_int_equal(end_request(end, WIRE_DMA_READ, NULL, 0, 0, 1000, NULL), 0);
	assert_int_equal(end->n_changed, 2); /* a deadline */
	end_take(end, out, sizeof(out), NULL);
	assert_int_equal(end->n_changed, 2);
	assert_int_equal(link_post(end->link, WIRE_DMA_WRITE, NULL, 0), 0);
	assert_int_equal(end->n_changed, 3);
	end_free(end);
}

static void limits_that_cannot_be_are_refused(void **state)
{
	struct link_config config = { .max_outstanding = 65537 };
	struct link *link;
	struct end *end = end_new(WIRE_FROM_CLIENT);
	int bad = -1;

	assert_int_equal(link_new(&config, &link), -EINVAL);
	assert_int_equal(link_request(end->link, WIRE_DMA_READ, NULL, 0, &bad, 1, 0, 0,
				      LINK_FOREVER, end_done, end, NULL),
			 -EBADF);
	assert_int_equal(link_request(end->link, WIRE_DMA_READ, NULL, 0, &bad, LINK_MAX_FDS + 1, 0,
				      0, LINK_FOREVER, end_done, end, NULL),
			 -EMSGSIZE);
	assert_int_equal(link_request(end->link, WIRE_DMA_READ, &(struct iovec) { out, UINT32_MAX },
				      1, NULL, 0, 0, 0, LINK_FOREVER, end_done, end, NULL),
			 -EMSGSIZE);
	assert_false(link_wants_write(end->link));
	end_free(end);
}

/* Memory */

static void nothing_to_do(void *opaque, link_token token, const struct wire_request *request,
			  struct link_fds *fds)
{
	struct link **link = opaque;

	link_reply_ok(*link, token, NULL, 0, fds->fd, fds->n);
}

/* One of everything that allocates. Return: did all of it work? */
static bool a_short_life(void)
{
	static const struct link_ops ops = { .request = nothing_to_do };
	static struct end record;
	struct link *link = NULL;
	struct link_config config = {
		.peer = WIRE_FROM_CLIENT,
		.accepts = { .max_data_xfer_size = 1u << 20, .max_msg_fds = 1 },
		.ops = &ops,
		.opaque = &link,
	};
	struct wire_region_io io = { .count = 20000 };
	struct wire_header header = { .command = WIRE_REGION_WRITE, .size = 32 + io.count };
	int fd = some_fd();
	uint8_t buf[64];
	size_t len, asked = 0;
	void *space;
	bool ok;

	memset(&record, 0, sizeof(record));
	ok = link_new(&config, &link) == 0;
	if (!ok) {
		close(fd);
		return false;
	}
	for (int i = 0; i < 20; i++) {
		int r = link_request(link, WIRE_DMA_READ, NULL, 0, &fd, 1, 0, 0, LINK_FOREVER,
				     end_done, &record, NULL);

		asked += r == 0;
		ok &= r == 0;
	}
	space = link_space(link, &len);
	if (space != NULL) {
		memcpy(space, buf, len = command_map(buf, 1));
		ok &= link_feed(link, len, &fd, 1) == 0;
	} else {
		close(fd);
	}
	space = link_space(link, &len);
	if (space != NULL) {
		memcpy(space, &header, sizeof(header));
		memcpy((uint8_t *)space + 16, &io, sizeof(io));
		ok &= link_feed(link, 32, NULL, 0) == 0;
		ok &= link_space(link, &len) != NULL;
	}
	ok &= link_error(link) == 0;
	link_free(link);
	assert_int_equal(record.n_replies, asked);
	return ok;
}

static void every_allocation_fails_once(void **state)
{
	unsigned int n = 0;

	alloc_count(true);
	do {
		alloc_fail_after(n++);
	} while (!a_short_life());
	alloc_count(false);
	assert_true(n > 20);
}

/* Two links and a pipe each way, in random pieces. */

struct duplex {
	struct end *ends[2];
	struct pipe to[2]; /* read by ends[i] */
	size_t asked[2];
};

static unsigned int dice(unsigned int *seed, unsigned int sides)
{
	return (unsigned int)rand_r(seed) % sides;
}

static void duplex_send(struct duplex *d, unsigned int i, size_t max)
{
	struct iovec iov;
	const int *fds;
	size_t n_fds, len;

	if (!link_pending(d->ends[i]->link, &iov, &fds, &n_fds))
		return;
	len = iov.iov_len < max ? iov.iov_len : max;
	memcpy(out, iov.iov_base, len);
	pipe_write(&d->to[!i], out, len, fds, n_fds);
	link_sent(d->ends[i]->link, len);
}

static void duplex_receive(struct duplex *d, unsigned int i, size_t max)
{
	int fds[LINK_MAX_FDS];
	size_t len, n_fds, n;
	void *space = link_space(d->ends[i]->link, &len);

	if (len == 0)
		return;
	n = pipe_read(&d->to[i], space, len < max ? len : max, fds, &n_fds);
	if (n > 0)
		assert_int_equal(link_feed(d->ends[i]->link, n, fds, n_fds), 0);
}

/* Side 0 is the client. A request that gets its fixed reply, sometimes with an fd along. */
static void duplex_ask(struct duplex *d, unsigned int i, unsigned int *seed, int fd)
{
	struct wire_dma_map map = { .argsz = sizeof(map) };
	struct wire_region_io io = { .count = dice(seed, 3000) };
	struct wire_dma_io dma = { .count = 8 };
	struct iovec iov = { &io, sizeof(io) };
	enum wire_command command = WIRE_REGION_READ;
	size_t reply_max = sizeof(io) + io.count;
	bool with_fd = false;
	int r;

	if (i == 1) {
		iov = (struct iovec) { &dma, sizeof(dma) };
		command = WIRE_DMA_READ;
	} else if (dice(seed, 2)) {
		iov = (struct iovec) { &map, sizeof(map) };
		command = WIRE_DMA_MAP;
		with_fd = dice(seed, 2);
		reply_max = 0;
	}
	r = link_request(d->ends[i]->link, command, &iov, 1, &fd, with_fd, reply_max, 0,
			 LINK_FOREVER, end_done, d->ends[i], NULL);
	if (r == -EAGAIN)
		return;
	assert_int_equal(r, 0);
	d->asked[i]++;
	d->ends[!i]->n_fds -= with_fd; /* comes back to 0 when it arrives */
}

static void duplex_answer(struct end *end, unsigned int *seed)
{
	while (end->n_tokens > 0 && dice(seed, 3)) {
		unsigned int i = dice(seed, (unsigned int)end->n_tokens);
		link_token token = end->tokens[i];

		end->tokens[i] = end->tokens[--end->n_tokens];
		assert_int_equal(link_reply_ok(end->link, token, NULL, 0, NULL, 0), 0);
	}
}

static void duplex_settle(struct duplex *d)
{
	while (d->ends[0]->n_replies < d->asked[0] || d->ends[1]->n_replies < d->asked[1]) {
		for (unsigned int i = 0; i < 2; i++) {
			unsigned int always = 1;

			duplex_send(d, i, sizeof(out));
			duplex_receive(d, i, sizeof(out));
			while (d->ends[i]->n_tokens > 0)
				duplex_answer(d->ends[i], &always);
		}
	}
}

static void any_interleaving_answers_every_request(void **state)
{
	int fd = some_fd();

	for (unsigned int round = 0; round < 200; round++) {
		unsigned int seed = round;
		struct duplex d = { 0 };

		d.ends[0] = end_new_with(WIRE_FROM_SERVER, 1 + dice(&seed, 4), 2000);
		d.ends[1] = end_new_with(WIRE_FROM_CLIENT, 1 + dice(&seed, 4), 2000);
		for (unsigned int step = 0; step < 400; step++) {
			unsigned int i = dice(&seed, 2);

			d.ends[i]->mode = dice(&seed, 2) ? END_ANSWER : END_HOLD;
			switch (dice(&seed, 4)) {
			case 0:
				duplex_ask(&d, i, &seed, fd);
				break;
			case 1:
				duplex_send(&d, i, 1 + dice(&seed, 200));
				break;
			case 2:
				duplex_receive(&d, i, 1 + dice(&seed, 200));
				break;
			case 3:
				duplex_answer(d.ends[i], &seed);
				break;
			}
		}
		duplex_settle(&d);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(d.ends[i]->n_replies, d.asked[i]);
			assert_int_equal(d.ends[i]->n_requests, d.asked[!i]);
			assert_int_equal(d.ends[i]->n_fds, 0);
			for (size_t k = 0; k < d.asked[i]; k++)
				assert_int_equal(d.ends[i]->replies[k].error, 0);
			end_free(d.ends[i]);
			pipe_drop(&d.to[i]);
		}
	}
	close(fd);
}

#define t(f) cmocka_unit_test_setup_teardown(f, count_before, count_after)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(half_a_header_is_a_state),
		t(a_message_cut_at_any_byte_keeps_its_fd),
		t(messages_glued_together_are_handled_in_order),
		t(two_messages_cut_anywhere_are_two_messages),
		t(sixteen_replies_are_one_iovec),
		t(a_reply_sent_in_any_pieces_is_whole),
		t(a_megabyte_is_accepted_whole),
		t(memory_is_for_messages_that_have_a_right_to_it),
		t(messages_as_long_as_the_buffer_leave_no_gap),
		t(a_size_below_the_header_ends_the_connection),
		t(a_size_above_the_limit_ends_the_connection),
		t(a_type_that_is_none_ends_the_connection),
		t(a_reply_to_nothing_ends_the_connection),
		t(eof_between_messages_is_a_clean_close),
		t(eof_in_a_message_is_an_error_that_says_so),
		t(a_refused_request_gets_an_errno_and_the_next_one_works),
		t(a_no_reply_command_yields_no_bytes),
		t(an_errno_is_positive_on_the_wire_and_never_0),
		t(a_request_can_be_answered_later_but_once),
		t(fds_of_two_messages_in_one_sendmsg_are_of_the_one_that_may_have_some),
		t(fds_behind_other_messages_are_of_the_last_one_that_may_have_some),
		t(each_of_many_messages_gets_its_own_fds),
		t(fds_that_belong_to_no_message_end_the_connection),
		t(fds_nobody_may_send_are_closed_and_the_request_refused),
		t(more_fds_than_max_msg_fds_are_refused_not_fatal),
		t(one_sendmsg_is_a_long_message_or_32_KiB_of_short_ones),
		t(no_more_is_accepted_than_the_replies_may_take),
		t(a_reply_with_fds_is_a_sendmsg_of_its_own),
		t(a_reply_reaches_its_request_however_it_is_cut),
		t(replies_out_of_order_reach_the_right_requests),
		t(an_error_reply_with_payload_is_drained),
		t(a_reply_longer_than_asked_is_never_delivered),
		t(a_reply_may_be_as_long_as_asked_for),
		t(a_reply_with_another_command_ends_the_connection),
		t(fds_of_a_reply_are_closed_unless_taken_and_too_many_are_an_error),
		t(both_sides_may_use_the_same_ids_at_once),
		t(a_late_reply_is_dropped_and_its_id_not_used_before),
		t(a_cancelled_request_completes_once_and_its_reply_is_dropped),
		t(the_first_deadline_is_named_and_each_is_kept),
		t(every_id_can_be_in_flight_and_then_no_more),
		t(a_post_that_is_answered_nevertheless_does_no_harm),
		t(death_completes_everything_exactly_once),
		t(freeing_a_live_link_completes_too),
		t(a_completion_may_ask_again),
		t(a_handler_may_kill_the_link_under_its_message),
		t(too_many_outstanding_stop_the_reading),
		t(replies_come_through_while_requests_may_not),
		t(too_much_unsent_stops_the_reading_until_it_is_sent),
		t(a_peer_that_does_not_read_gets_no_more_requests),
		t(no_number_of_messages_nests_calls),
		t(the_owner_hears_of_changes_it_did_not_cause),
		t(limits_that_cannot_be_are_refused),
		t(every_allocation_fails_once),
		t(any_interleaving_answers_every_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
