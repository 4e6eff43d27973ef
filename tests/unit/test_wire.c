/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_wire.c - every rule of wire.c, with a liar for every field
 *
 * good[] has one well-formed message per command. The general tests take each of them and cut it,
 * pad it, give it fds or send it from the wrong side; the others say what is special to one.
 * Payloads are copied to memory of exactly their size, so that AddressSanitizer sees a byte more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/wire.h"
#include <outrigger/vfio_user.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define DATA_MAX      4096u
#define FDS_MAX	      4u

static const struct wire_limits limits = {
	.max_data_xfer_size = DATA_MAX,
	.max_msg_fds = FDS_MAX,
};

struct good {
	enum wire_command command;
	enum wire_side from;
	size_t fixed;	  /* shorter is refused */
	bool exact;	  /* longer is refused too */
	size_t argsz_min; /* 0: has none */
	size_t max_fds;	  /* with this very message */
	size_t len;
	union {
		uint8_t bytes[64];
		struct wire_version version;
		struct wire_dma_map map;
		struct wire_dma_unmap unmap;
		struct wire_device_info info;
		struct wire_region_info region;
		struct wire_region_io_fds io_fds;
		struct wire_irq_info irq;
		struct wire_irq_set set;
		struct wire_region_io io;
		struct wire_dma_io dma;
		struct wire_write_multi multi;
		struct wire_feature feature;
		struct wire_mig_data mig;
	} payload;
};

#define CLIENT(c) .command = (c), .from = WIRE_FROM_CLIENT
#define SERVER(c) .command = (c), .from = WIRE_FROM_SERVER

static const struct good good[] = {
	{ CLIENT(WIRE_VERSION), .fixed = 4, .len = 4, .payload.version = { .minor = 1 } },
	{ CLIENT(WIRE_DMA_MAP), .fixed = 32, .argsz_min = 32, .max_fds = 1, .len = 32,
	  .payload.map = { .argsz = 32, .size = 4096 } },
	{ CLIENT(WIRE_DMA_UNMAP), .fixed = 24, .argsz_min = 24, .len = 24,
	  .payload.unmap = { .argsz = 24, .size = 4096 } },
	{ CLIENT(WIRE_DEVICE_GET_INFO), .fixed = 16, .argsz_min = 16, .len = 16,
	  .payload.info = { .argsz = 16 } },
	{ CLIENT(WIRE_DEVICE_GET_REGION_INFO), .fixed = 32, .argsz_min = 32, .len = 32,
	  .payload.region = { .argsz = 32 } },
	{ CLIENT(WIRE_DEVICE_GET_REGION_IO_FDS), .fixed = 16, .argsz_min = 16, .len = 16,
	  .payload.io_fds = { .argsz = 16 } },
	{ CLIENT(WIRE_DEVICE_GET_IRQ_INFO), .fixed = 16, .argsz_min = 16, .len = 16,
	  .payload.irq = { .argsz = 16 } },
	{ CLIENT(WIRE_DEVICE_SET_IRQS), .fixed = 20, .argsz_min = 20, .len = 20,
	  .payload.set = { .argsz = 20,
			   .count = 1,
			   .flags = RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER } },
	{ CLIENT(WIRE_REGION_READ), .fixed = 16, .len = 16, .payload.io = { .count = DATA_MAX } },
	{ CLIENT(WIRE_REGION_WRITE), .fixed = 20, .exact = true, .len = 20,
	  .payload.io = { .count = 4 } },
	{ SERVER(WIRE_DMA_READ), .fixed = 16, .len = 16, .payload.dma = { .count = DATA_MAX } },
	{ SERVER(WIRE_DMA_WRITE), .fixed = 20, .exact = true, .len = 20,
	  .payload.dma = { .count = 4 } },
	{ CLIENT(WIRE_DEVICE_RESET) },
	{ CLIENT(WIRE_REGION_WRITE_MULTI), .fixed = 56, .exact = true, .len = 56,
	  .payload.multi = { .wr_cnt = 2 } },
	{ CLIENT(WIRE_DEVICE_FEATURE), .fixed = 8, .argsz_min = 8, .len = 8,
	  .payload.feature = { .argsz = 8, .flags = WIRE_FEATURE_PROBE } },
	{ CLIENT(WIRE_MIG_DATA_READ), .fixed = 8, .argsz_min = 24, .len = 8,
	  .payload.mig = { .argsz = 24, .size = 16 } },
	{ CLIENT(WIRE_MIG_DATA_WRITE), .fixed = 24, .argsz_min = 24, .len = 24,
	  .payload.mig = { .argsz = 24, .size = 16 } },
};
static_assert(ARRAY_SIZE(good) == WIRE_COMMANDS - 2, "every command but 0 and the retired 14");

/* Decode and forget: what the pointers in *ret point to is gone, but for whether it is NULL. */
static int decode(enum wire_side from, uint16_t command, const void *payload, size_t len,
		  size_t n_fds, struct wire_request *ret)
{
	struct wire_header header = {
		.id = 7,
		.command = command,
		.size = (uint32_t)(sizeof(header) + len),
	};
	void *exact = malloc(len + (len == 0));
	int r;

	assert_non_null(exact);
	if (len > 0)
		memcpy(exact, payload, len);
	r = wire_decode_request(&header, exact, n_fds, from, &limits, ret);
	free(exact);
	return r;
}

static int client_says(uint16_t command, const void *payload, size_t len, size_t n_fds)
{
	struct wire_request request;

	return decode(WIRE_FROM_CLIENT, command, payload, len, n_fds, &request);
}

static int decode_good(const struct good *g, size_t len, size_t n_fds)
{
	struct wire_request request;

	return decode(g->from, (uint16_t)g->command, &g->payload, len, n_fds, &request);
}

static void every_command_is_accepted_in_its_least_form(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct wire_request request;

		assert_int_equal(decode(good[i].from, (uint16_t)good[i].command, &good[i].payload,
					good[i].len, 0, &request),
				 0);
		assert_int_equal(request.command, good[i].command);
		assert_int_equal(request.id, 7);
		assert_false(request.no_reply);
	}
}

static void a_payload_shorter_than_its_fixed_part_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		for (size_t len = 0; len < good[i].fixed; len++)
			assert_int_equal(decode_good(&good[i], len, 0), -EINVAL);
	}
}

static void trailing_bytes_are_accepted_unless_a_count_forbids_them(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		for (size_t len = good[i].len + 1; len <= good[i].len + 8; len++) {
			/* Of a VERSION they are its text; these end with a NUL. */
			assert_int_equal(decode_good(&good[i], len, 0),
					 good[i].exact ? -EINVAL : 0);
		}
	}
}

static void an_argsz_below_the_reply_is_refused_and_a_larger_one_accepted(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct good g = good[i];

		for (uint32_t argsz = 0; argsz < g.argsz_min; argsz++) {
			memcpy(&g.payload, &argsz, sizeof(argsz));
			assert_int_equal(decode_good(&g, g.len, 0), -EINVAL);
		}
		if (g.argsz_min > 0) {
			uint32_t argsz = (uint32_t)g.argsz_min + 100;

			memcpy(&g.payload, &argsz, sizeof(argsz));
			assert_int_equal(decode_good(&g, g.len, 0), 0);
		}
	}
}

static void fds_come_only_where_the_table_says(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		for (size_t n = 1; n <= FDS_MAX + 1; n++)
			assert_int_equal(decode_good(&good[i], good[i].len, n),
					 n <= good[i].max_fds ? 0 : -EINVAL);
	}
}

static void a_command_of_the_other_side_is_not_known(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct good g = good[i];

		g.from = g.from == WIRE_FROM_CLIENT ? WIRE_FROM_SERVER : WIRE_FROM_CLIENT;
		assert_int_equal(decode_good(&g, g.len, 0), -ENOSYS);
	}
}

static void numbers_without_a_command_are_not_known(void **state)
{
	static const uint16_t numbers[] = { 0, 14, 19, 20, 255, 256, 32768, 65535 };
	uint8_t payload[64] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(client_says(numbers[i], payload, sizeof(payload), 0), -ENOSYS);
		assert_string_equal(wire_command_name(numbers[i]), "unknown");
	}
	assert_string_equal(wire_command_name(WIRE_DMA_MAP), "DMA_MAP");
}

static void a_refused_request_leaves_the_result_alone(void **state)
{
	struct wire_request request, before;

	memset(&request, 0x5a, sizeof(request));
	before = request;
	assert_int_equal(decode(WIRE_FROM_CLIENT, WIRE_DMA_MAP, "", 0, 0, &request), -EINVAL);
	assert_memory_equal(&request, &before, sizeof(request));
}

static void the_no_reply_flag_is_passed_on_and_reserved_bits_are_not_looked_at(void **state)
{
	struct wire_header header = {
		.command = WIRE_DEVICE_RESET,
		.size = sizeof(header),
		.flags = WIRE_FLAG_NO_REPLY | 0xffffff80u,
		.error = 5,
	};
	struct wire_request request;

	assert_int_equal(wire_check_header(&header, 100), 0);
	assert_int_equal(wire_decode_request(&header, "", 0, WIRE_FROM_CLIENT, &limits, &request),
			 0);
	assert_true(request.no_reply);
}

/* The header. */

static void a_size_below_the_header_is_no_message(void **state)
{
	for (uint32_t size = 0; size < 16; size++) {
		struct wire_header header = { .command = WIRE_DEVICE_RESET, .size = size };

		assert_int_equal(wire_check_header(&header, UINT32_MAX), -EPROTO);
	}
}

static void a_size_above_the_limit_is_too_long(void **state)
{
	uint32_t max = wire_max_size(&limits);
	struct wire_header header = { .command = WIRE_REGION_WRITE, .size = max };

	assert_int_equal(wire_check_header(&header, max), 0);
	header.size = max + 1;
	assert_int_equal(wire_check_header(&header, max), -EMSGSIZE);
	header.size = UINT32_MAX;
	assert_int_equal(wire_check_header(&header, max), -EMSGSIZE);
}

static void a_type_is_command_or_reply(void **state)
{
	for (uint32_t type = 0; type < 16; type++) {
		struct wire_header header = { .size = 16, .flags = type };

		assert_int_equal(wire_check_header(&header, 16), type < 2 ? 0 : -EPROTO);
	}
}

static void the_largest_message_holds_the_data_and_never_wraps(void **state)
{
	struct wire_limits l = { .max_data_xfer_size = 1048576 };

	assert_true(wire_max_size(&l) >= 1048576 + 16 + 16);
	l.max_data_xfer_size = UINT32_MAX;
	assert_int_equal(wire_max_size(&l), UINT32_MAX);
	l.max_data_xfer_size = UINT32_MAX - 80;
	assert_int_equal(wire_max_size(&l), UINT32_MAX);
	/* QEMU's 200 writes fit whatever was negotiated. */
	l.max_data_xfer_size = 0;
	assert_true(wire_max_size(&l) >= 4824);
}

static void fds_may_come_with_two_requests_and_three_replies(void **state)
{
	for (uint32_t command = 0; command < 32; command++) {
		struct wire_header header = { .command = (uint16_t)command };

		assert_int_equal(wire_may_carry_fds(&header),
				 command == WIRE_DMA_MAP || command == WIRE_DEVICE_SET_IRQS);
		header.flags = WIRE_TYPE_REPLY;
		assert_int_equal(wire_may_carry_fds(&header),
				 command == WIRE_VERSION ||
					 command == WIRE_DEVICE_GET_REGION_INFO ||
					 command == WIRE_DEVICE_GET_REGION_IO_FDS);
	}
}

/* VERSION. */

static void the_text_of_a_version_ends_with_nul_or_is_absent(void **state)
{
	static const char with_text[] = "\0\0\1\0{}";
	struct wire_header header = { .command = WIRE_VERSION, .size = 16 + sizeof(with_text) };
	struct wire_request request;

	assert_int_equal(
		wire_decode_request(&header, with_text, 0, WIRE_FROM_CLIENT, &limits, &request), 0);
	assert_int_equal(request.version.minor, 1);
	assert_string_equal(request.version.json, "{}");

	header.size--; /* the NUL is missing */
	assert_int_equal(
		wire_decode_request(&header, with_text, 0, WIRE_FROM_CLIENT, &limits, &request),
		-EINVAL);
	header.size = 16 + 4;
	assert_int_equal(
		wire_decode_request(&header, with_text, 0, WIRE_FROM_CLIENT, &limits, &request), 0);
	assert_null(request.version.json);
}

/* DEVICE_GET_REGION_IO_FDS. */

static void io_fds_wants_zeros_and_a_sane_argsz(void **state)
{
	struct wire_region_io_fds io_fds = { .argsz = 16 };

	io_fds.flags = 1;
	assert_int_equal(client_says(WIRE_DEVICE_GET_REGION_IO_FDS, &io_fds, 16, 0), -EINVAL);
	io_fds = (struct wire_region_io_fds) { .argsz = 16, .count = 1 };
	assert_int_equal(client_says(WIRE_DEVICE_GET_REGION_IO_FDS, &io_fds, 16, 0), -EINVAL);
	io_fds = (struct wire_region_io_fds) { .argsz = UINT32_MAX };
	assert_int_equal(client_says(WIRE_DEVICE_GET_REGION_IO_FDS, &io_fds, 16, 0), -EINVAL);
}

/* DEVICE_SET_IRQS. */

static int set_irqs(uint32_t flags, uint32_t start, uint32_t count, size_t data_len, size_t n_fds)
{
	uint8_t bytes[20 + 64] = { 0 };
	struct wire_irq_set set = {
		.argsz = 20,
		.flags = flags,
		.start = start,
		.count = count,
	};

	memcpy(bytes, &set, sizeof(set));
	return client_says(WIRE_DEVICE_SET_IRQS, bytes, sizeof(set) + data_len, n_fds);
}

static void set_irqs_has_one_kind_of_data_and_one_action(void **state)
{
	static const uint32_t data[] = { RIG_SET_IRQS_DATA_NONE, RIG_SET_IRQS_DATA_BOOL,
					 RIG_SET_IRQS_DATA_EVENTFD };

	for (uint32_t flags = 0; flags < 128; flags++) {
		bool one_data = false, one_action = false;
		size_t len = (flags & 7) == RIG_SET_IRQS_DATA_BOOL ? 1 : 0;

		for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
			one_data |= (flags & 7) == data[i];
			one_action |= (flags & 0x38) == data[i] << 3;
		}
		assert_int_equal(set_irqs(flags, 0, 1, len, 0),
				 one_data && one_action && flags < 64 ? 0 : -EINVAL);
	}
}

static void set_irqs_bool_has_a_byte_for_each_vector(void **state)
{
	const uint32_t flags = RIG_SET_IRQS_DATA_BOOL | RIG_SET_IRQS_TRIGGER;

	for (uint32_t count = 1; count < 32; count++) {
		for (size_t len = 0; len < 33; len++)
			assert_int_equal(set_irqs(flags, 0, count, len, 0),
					 len == count ? 0 : -EINVAL);
	}
	assert_int_equal(set_irqs(flags, 0, UINT32_MAX, 0, 0), -EINVAL);
}

static void set_irqs_eventfd_has_an_fd_for_each_vector_or_none(void **state)
{
	const uint32_t flags = RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER;

	for (uint32_t count = 1; count <= FDS_MAX + 1; count++) {
		for (size_t n = 0; n <= FDS_MAX + 1; n++)
			assert_int_equal(set_irqs(flags, 0, count, 0, n),
					 n == 0 || (n == count && n <= FDS_MAX) ? 0 : -EINVAL);
	}
}

static void set_irqs_takes_fds_only_as_eventfds(void **state)
{
	assert_int_equal(set_irqs(RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER, 0, 1, 0, 1),
			 -EINVAL);
	assert_int_equal(set_irqs(RIG_SET_IRQS_DATA_BOOL | RIG_SET_IRQS_TRIGGER, 0, 1, 1, 1),
			 -EINVAL);
}

static void set_irqs_of_no_vector_only_disables(void **state)
{
	assert_int_equal(set_irqs(RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER, 0, 0, 0, 0), 0);
	assert_int_equal(set_irqs(RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER, 1, 0, 0, 0),
			 -EINVAL);
	assert_int_equal(set_irqs(RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_MASK, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(set_irqs(RIG_SET_IRQS_DATA_BOOL | RIG_SET_IRQS_TRIGGER, 0, 0, 0, 0),
			 -EINVAL);
	assert_int_equal(set_irqs(RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER, 0, 0, 0, 0),
			 -EINVAL);
}

static void set_irqs_ranges_do_not_wrap(void **state)
{
	const uint32_t flags = RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER;

	assert_int_equal(set_irqs(flags, UINT32_MAX, 1, 0, 0), -EINVAL);
	assert_int_equal(set_irqs(flags, 2, UINT32_MAX - 1, 0, 0), -EINVAL);
	assert_int_equal(set_irqs(flags, UINT32_MAX - 1, 1, 0, 0), 0);
}

/* Reads and writes. */

static void a_count_above_max_data_xfer_size_is_too_big(void **state)
{
	struct wire_region_io io = { .count = DATA_MAX + 1 };
	struct wire_dma_io dma = { .count = DATA_MAX + 1 };
	struct wire_mig_data mig = { .argsz = UINT32_MAX, .size = DATA_MAX + 1 };
	struct wire_request request;

	assert_int_equal(client_says(WIRE_REGION_READ, &io, sizeof(io), 0), -E2BIG);
	assert_int_equal(client_says(WIRE_REGION_WRITE, &io, sizeof(io), 0), -E2BIG);
	assert_int_equal(client_says(WIRE_MIG_DATA_READ, &mig, sizeof(mig), 0), -E2BIG);
	assert_int_equal(client_says(WIRE_MIG_DATA_WRITE, &mig, sizeof(mig), 0), -E2BIG);
	assert_int_equal(decode(WIRE_FROM_SERVER, WIRE_DMA_READ, &dma, sizeof(dma), 0, &request),
			 -E2BIG);
	dma.count = UINT64_MAX;
	assert_int_equal(decode(WIRE_FROM_SERVER, WIRE_DMA_READ, &dma, sizeof(dma), 0, &request),
			 -E2BIG);
	assert_int_equal(decode(WIRE_FROM_SERVER, WIRE_DMA_WRITE, &dma, sizeof(dma), 0, &request),
			 -E2BIG);
	/* The lower half alone would be 4. */
	dma.count = (UINT64_C(1) << 32) + 4;
	assert_int_equal(decode(WIRE_FROM_SERVER, WIRE_DMA_WRITE, &dma, sizeof(dma), 0, &request),
			 -E2BIG);
}

static void a_write_has_exactly_count_bytes(void **state)
{
	uint8_t bytes[16 + 64] = { 0 };
	struct wire_request request;

	for (uint32_t count = 0; count < 64; count++) {
		struct wire_region_io io = { .count = count };
		struct wire_dma_io dma = { .count = count };

		for (size_t len = 0; len <= 64; len++) {
			int expect = len == count ? 0 : -EINVAL;

			memcpy(bytes, &io, sizeof(io));
			assert_int_equal(client_says(WIRE_REGION_WRITE, bytes, 16 + len, 0),
					 expect);
			memcpy(bytes, &dma, sizeof(dma));
			assert_int_equal(decode(WIRE_FROM_SERVER, WIRE_DMA_WRITE, bytes, 16 + len,
						0, &request),
					 expect);
		}
	}
}

static void a_dma_range_does_not_wrap(void **state)
{
	struct wire_dma_io dma = { .address = UINT64_MAX - 7, .count = 9 };
	struct wire_request request;

	assert_int_equal(decode(WIRE_FROM_SERVER, WIRE_DMA_READ, &dma, sizeof(dma), 0, &request),
			 -EINVAL);
	dma.address = 0;
	dma.count = UINT64_MAX; /* too much, but no wrap */
	assert_int_equal(decode(WIRE_FROM_SERVER, WIRE_DMA_READ, &dma, sizeof(dma), 0, &request),
			 -E2BIG);
}

static void a_dma_range_may_end_with_the_last_byte(void **state)
{
	struct wire_dma_io dma = { .address = UINT64_MAX - 7, .count = 8 };
	struct wire_request request;

	for (; dma.count > 0; dma.count--)
		assert_int_equal(
			decode(WIRE_FROM_SERVER, WIRE_DMA_READ, &dma, sizeof(dma), 0, &request), 0);
	dma.address = UINT64_MAX;
	for (; dma.count < 2; dma.count++)
		assert_int_equal(
			decode(WIRE_FROM_SERVER, WIRE_DMA_READ, &dma, sizeof(dma), 0, &request), 0);
}

static int write_multi(uint64_t wr_cnt, size_t len, size_t liar)
{
	static struct {
		uint64_t wr_cnt;
		struct wire_write_multi_entry entries[201];
	} WIRE_PACKED multi;

	memset(&multi, 0, sizeof(multi));
	multi.wr_cnt = wr_cnt;
	for (size_t i = 0; i < ARRAY_SIZE(multi.entries); i++)
		multi.entries[i].count = i == liar ? 9 : 8;
	return client_says(WIRE_REGION_WRITE_MULTI, &multi, len, 0);
}

static void write_multi_has_exactly_the_entries_it_counts(void **state)
{
	for (uint64_t n = 0; n < 4; n++) {
		for (size_t len = 8; len <= 8 + 4 * 24; len++)
			assert_int_equal(write_multi(n, len, SIZE_MAX),
					 len == 8 + n * 24 ? 0 : -EINVAL);
	}
	assert_int_equal(write_multi(200, 8 + 200 * 24, SIZE_MAX), 0);
	/* Times 24 these are 24, 0 and 24 again. */
	assert_int_equal(write_multi((UINT64_C(1) << 61) + 1, 8 + 24, SIZE_MAX), -EINVAL);
	assert_int_equal(write_multi(UINT64_C(1) << 61, 8, SIZE_MAX), -EINVAL);
	assert_int_equal(write_multi((UINT64_C(1) << 32) + 1, 8 + 24, SIZE_MAX), -EINVAL);
}

static void write_multi_entries_have_at_most_8_bytes(void **state)
{
	for (size_t liar = 0; liar < 3; liar++)
		assert_int_equal(write_multi(3, 8 + 3 * 24, liar), -EINVAL);
}

/* Features and migration. */

static int feature(uint32_t flags)
{
	struct wire_feature f = { .argsz = 8, .flags = flags };

	return client_says(WIRE_DEVICE_FEATURE, &f, sizeof(f), 0);
}

static void a_feature_is_got_or_set_or_probed(void **state)
{
	for (uint32_t ops = 0; ops < 8; ops++)
		assert_int_equal(feature(ops << 16 | 0xffff), ops == 0 || ops == 3 ? -EINVAL : 0);
	for (unsigned int bit = 19; bit < 32; bit++)
		assert_int_equal(feature(WIRE_FEATURE_PROBE | 1u << bit), -EINVAL);
}

static void a_features_data_is_what_follows(void **state)
{
	uint8_t bytes[8 + 16] = { 0 };
	struct wire_feature f = { .argsz = 24, .flags = WIRE_FEATURE_SET | 2 };
	struct wire_request request;

	memcpy(bytes, &f, sizeof(f));
	assert_int_equal(
		decode(WIRE_FROM_CLIENT, WIRE_DEVICE_FEATURE, bytes, sizeof(bytes), 0, &request),
		0);
	assert_int_equal(request.feature.data_len, 16);
}

static void migration_data_is_all_there_and_the_answer_has_room(void **state)
{
	uint8_t bytes[8 + 16] = { 0 };

	for (uint32_t size = 0; size <= 17; size++) {
		struct wire_mig_data mig = { .argsz = 24, .size = size };

		memcpy(bytes, &mig, sizeof(mig));
		assert_int_equal(client_says(WIRE_MIG_DATA_READ, bytes, 8, 0),
				 size <= 16 ? 0 : -EINVAL);
		mig.argsz = 1000;
		memcpy(bytes, &mig, sizeof(mig));
		assert_int_equal(client_says(WIRE_MIG_DATA_WRITE, bytes, sizeof(bytes), 0),
				 size <= 16 ? 0 : -EINVAL);
	}
}

static void ranges_are_compared_without_adding(void **state)
{
	assert_true(wire_range_inside(0, 0, 0));
	assert_true(wire_range_inside(4, 4, 8));
	assert_false(wire_range_inside(4, 5, 8));
	assert_false(wire_range_inside(9, 0, 8));
	assert_false(wire_range_inside(UINT64_MAX, 2, 8));
	assert_false(wire_range_inside(2, UINT64_MAX, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_is_accepted_in_its_least_form),
		cmocka_unit_test(a_payload_shorter_than_its_fixed_part_is_refused),
		cmocka_unit_test(trailing_bytes_are_accepted_unless_a_count_forbids_them),
		cmocka_unit_test(an_argsz_below_the_reply_is_refused_and_a_larger_one_accepted),
		cmocka_unit_test(fds_come_only_where_the_table_says),
		cmocka_unit_test(a_command_of_the_other_side_is_not_known),
		cmocka_unit_test(numbers_without_a_command_are_not_known),
		cmocka_unit_test(a_refused_request_leaves_the_result_alone),
		cmocka_unit_test(
			the_no_reply_flag_is_passed_on_and_reserved_bits_are_not_looked_at),
		cmocka_unit_test(a_size_below_the_header_is_no_message),
		cmocka_unit_test(a_size_above_the_limit_is_too_long),
		cmocka_unit_test(a_type_is_command_or_reply),
		cmocka_unit_test(the_largest_message_holds_the_data_and_never_wraps),
		cmocka_unit_test(fds_may_come_with_two_requests_and_three_replies),
		cmocka_unit_test(the_text_of_a_version_ends_with_nul_or_is_absent),
		cmocka_unit_test(io_fds_wants_zeros_and_a_sane_argsz),
		cmocka_unit_test(set_irqs_has_one_kind_of_data_and_one_action),
		cmocka_unit_test(set_irqs_bool_has_a_byte_for_each_vector),
		cmocka_unit_test(set_irqs_eventfd_has_an_fd_for_each_vector_or_none),
		cmocka_unit_test(set_irqs_takes_fds_only_as_eventfds),
		cmocka_unit_test(set_irqs_of_no_vector_only_disables),
		cmocka_unit_test(set_irqs_ranges_do_not_wrap),
		cmocka_unit_test(a_count_above_max_data_xfer_size_is_too_big),
		cmocka_unit_test(a_write_has_exactly_count_bytes),
		cmocka_unit_test(a_dma_range_does_not_wrap),
		cmocka_unit_test(a_dma_range_may_end_with_the_last_byte),
		cmocka_unit_test(write_multi_has_exactly_the_entries_it_counts),
		cmocka_unit_test(write_multi_entries_have_at_most_8_bytes),
		cmocka_unit_test(a_feature_is_got_or_set_or_probed),
		cmocka_unit_test(a_features_data_is_what_follows),
		cmocka_unit_test(migration_data_is_all_there_and_the_answer_has_room),
		cmocka_unit_test(ranges_are_compared_without_adding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
