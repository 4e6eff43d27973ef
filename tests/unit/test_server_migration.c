/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_migration.c - a device is taken from state to state, saved and restored
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mover.h"
#include "vfio_user/migration.h"

#define GUEST	  UINT64_C(0x100000)
#define STOP_COPY RIG_MIGRATION_STOP_COPY

/* --- what the device says of itself --- */

static void s089_migration_says_stop_copy_and_pre_copy(void **state)
{
	struct mover *f = *state;
	const struct {
		struct wire_feature_head head;
		uint64_t flags;
	} WIRE_PACKED reply = { { 16, RIG_FEATURE_MIGRATION | GET }, 1 | 4 };

	assert_int_equal(ask_feature(f, RIG_FEATURE_MIGRATION | GET, 1024, NULL, 0), 0);
	assert_int_equal(f->got.len, sizeof(reply));
	assert_memory_equal(f->got.payload, &reply, sizeof(reply));
}

static void s089_a_device_without_pre_copy_says_so(void **state)
{
	struct mover *f = *state;

	assert_int_equal(ask_feature(f, RIG_FEATURE_MIGRATION | GET, 16, NULL, 0), 0);
	assert_int_equal(f->got.payload[FIXED], RIG_MIGRATION_STOP_COPY);
	assert_int_equal(set_state(f, PRE_COPYING), -EINVAL);
	assert_int_equal(get_state(f), RUNNING);
}

static int nothing(void *opaque, enum rig_migration_state from, enum rig_migration_state to)
{
	return 0;
}

static ssize_t no_data(void *opaque, void *buf, size_t size)
{
	return 0;
}

static int any_data(void *opaque, const void *buf, size_t size)
{
	return 0;
}

static void a_device_has_all_of_what_migration_takes(void **state)
{
	static const struct rig_migration_ops good = { nothing, no_data, any_data, STOP_COPY };
	static const struct rig_migration_ops bad[] = {
		{ NULL, no_data, any_data, STOP_COPY },
		{ nothing, NULL, any_data, STOP_COPY },
		{ nothing, no_data, NULL, STOP_COPY },
		{ nothing, no_data, any_data, 0 },
		{ nothing, no_data, any_data, RIG_MIGRATION_PRE_COPY },
		{ nothing, no_data, any_data, STOP_COPY | RIG_MIGRATION_P2P },
	};
	struct mover *f = *state;
	struct rig_device device = f->base->description;
	struct rig_server *server = NULL;

	device.migration = &good;
	assert_int_equal(rig_server_new(&device, &server), 0);
	rig_server_free(server);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		device.migration = &bad[i];
		assert_int_equal(rig_server_new(&device, &server), -EINVAL);
	}
}

/* Return: bytes that came, now in f->got.payload + FIXED, or the errno. */
static ssize_t read_data(struct mover *f, uint32_t size)
{
	struct wire_mig_data data = { FIXED + size, size };
	int r = say_and_hear(f, WIRE_MIG_DATA_READ, &data, sizeof(data));

	if (r < 0)
		return r;
	assert_true(f->got.len >= FIXED);
	memcpy(&data, f->got.payload, sizeof(data));
	assert_int_equal(f->got.len, FIXED + data.size);
	assert_int_equal(data.argsz, FIXED + data.size);
	assert_true(data.size <= size);
	return data.size;
}

static int write_data(struct mover *f, const void *bytes, uint32_t size)
{
	static uint8_t payload[MOVABLE_STREAM_MAX + FIXED];
	const struct wire_mig_data data = { FIXED + size, size };
	int r;

	memcpy(payload, &data, sizeof(data));
	memcpy(payload + FIXED, bytes, size);
	r = say_and_hear(f, WIRE_MIG_DATA_WRITE, payload, FIXED + size);
	assert_int_equal(f->got.len, 0);
	return r;
}

static void take_to(struct mover *f, enum rig_migration_state state)
{
	assert_int_equal(set_state(f, state), 0);
	assert_int_equal(get_state(f), state);
}

/* --- states --- */

static void s087_a_device_that_cannot_be_moved_has_no_migration(void **state)
{
	struct mover *f = *state;

	assert_int_equal(ask_feature(f, RIG_FEATURE_MIGRATION | GET, 16, NULL, 0), -EINVAL);
	assert_int_equal(ask_feature(f, RIG_FEATURE_MIG_DEVICE_STATE | GET, 16, NULL, 0), -EINVAL);
	assert_int_equal(set_state(f, STOP), -EINVAL);
	assert_int_equal(read_data(f, 16), -EINVAL);
	assert_int_equal(write_data(f, "x", 1), -EINVAL);
	assert_usable(f->c);
}

static const enum rig_migration_state states[] = {
	STOP, RUNNING, STOP_COPYING, RESUMING, PRE_COPYING,
};

/* The initials of what a move passes, by the pure table. */
static void expected_path(enum rig_migration_state from, enum rig_migration_state to, char *ret)
{
	struct migration m = { from, from, true };

	assert_int_equal(migration_go(&m, to), 0);
	while (migration_moving(&m)) {
		*ret++ = "ESRCM-P"[migration_next(&m)];
		migration_arrived(&m, 0);
	}
	*ret = '\0';
}

/* Whole data is in its stream, so that it may leave RESUMING. */
static void start_from(struct mover *f, enum rig_migration_state from)
{
	static uint8_t record[MOVABLE_RECORD];

	restart(f);
	take_to(f, STOP_COPYING);
	memcpy(record, f->m->stream, sizeof(record));
	take_to(f, RUNNING);
	take_to(f, from);
	if (from == RESUMING)
		assert_int_equal(write_data(f, record, sizeof(record)), 0);
	memset(f->m->path, 0, sizeof(f->m->path));
}

static void s090_a_device_is_running_at_start(void **state)
{
	struct mover *f = *state;

	assert_int_equal(get_state(f), RUNNING);
	assert_string_equal(f->m->path, "");
}

static void s090_each_move_takes_the_listed_path(void **state)
{
	struct mover *f = *state;
	char path[8];

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		for (size_t j = 0; j < ARRAY_SIZE(states); j++) {
			if (states[i] == STOP_COPYING && states[j] == PRE_COPYING)
				continue;
			start_from(f, states[i]);
			expected_path(states[i], states[j], path);
			assert_int_equal(set_state(f, states[j]), 0);
			assert_true(echoed(f));
			assert_int_equal(get_state(f), states[j]);
			assert_string_equal(f->m->path, path);
		}
}

static void s091_what_is_no_target_changes_nothing(void **state)
{
	static const uint32_t bad[] = { 0, 5, 7, 8, 255, 0x10001, UINT32_MAX };
	struct mover *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		start_from(f, states[i]);
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			assert_int_equal(set_state(f, bad[j]), -EINVAL);
			assert_int_equal(get_state(f), states[i]);
		}
		assert_string_equal(f->m->path, "");
	}
	start_from(f, STOP_COPYING);
	assert_int_equal(set_state(f, PRE_COPYING), -EINVAL);
	assert_int_equal(get_state(f), STOP_COPYING);
	assert_string_equal(f->m->path, "");
}

static void s092_the_same_state_is_a_success_that_the_device_does_not_see(void **state)
{
	struct mover *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		start_from(f, states[i]);
		f->m->quiesced = 0;
		assert_int_equal(set_state(f, states[i]), 0);
		assert_string_equal(f->m->path, "");
		assert_int_equal(f->m->quiesced, 0);
	}
}

static void s090_a_device_is_quiet_before_it_moves(void **state)
{
	struct mover *f = *state;

	assert_int_equal(set_state(f, STOP_COPYING), 0);
	assert_string_equal(f->m->path, "SC");
	assert_int_equal(f->m->quiesced, 1);
}

static void s090_a_device_that_does_not_get_quiet_does_not_move(void **state)
{
	struct mover *f = *state;

	f->m->quiet = -EBUSY;
	assert_int_equal(set_state(f, STOP), -EBUSY);
	assert_string_equal(f->m->path, "");
	assert_int_equal(get_state(f), RUNNING);
	f->m->quiet = 0;
	assert_int_equal(set_state(f, STOP), 0);
	assert_string_equal(f->m->path, "S");
}

static void s090_a_device_may_take_its_time_to_get_quiet(void **state)
{
	struct mover *f = *state;
	uint16_t id;

	f->m->quiet = RIG_DEFERRED;
	id = say_state(f, STOP);
	assert_int_equal(hear(f), 0);
	assert_string_equal(f->m->path, "");
	movable_quiet(f->m, 0);
	pump(f->c);
	assert_int_equal(hear(f), id);
	assert_int_equal(verdict(f), 0);
	assert_string_equal(f->m->path, "S");
}

static void s090_a_failed_arc_leaves_the_device_where_it_got_to(void **state)
{
	struct mover *f = *state;

	f->m->fail_to = STOP_COPYING;
	f->m->fail_error = -ENOSPC;
	assert_int_equal(set_state(f, STOP_COPYING), -ENOSPC);
	assert_int_equal(get_state(f), STOP);
	assert_string_equal(f->m->path, "SC");
	f->m->fail_to = RIG_MIGRATION_ERROR;
	assert_int_equal(set_state(f, RUNNING), 0);
}

static void s090_a_deferred_path_is_answered_at_its_end(void **state)
{
	struct mover *f = *state;
	uint16_t id;

	f->m->defer_to = STOP;
	id = say_state(f, STOP_COPYING);
	assert_int_equal(hear(f), 0);
	assert_string_equal(f->m->path, "S");
	movable_go_on(f->m, 0);
	pump(f->c);
	assert_string_equal(f->m->path, "SC");
	assert_int_equal(hear(f), id);
	assert_int_equal(verdict(f), 0);
	assert_true(echoed(f));
}

static void s090_a_deferred_arc_may_fail(void **state)
{
	struct mover *f = *state;
	uint16_t id;

	f->m->defer_to = STOP_COPYING;
	id = say_state(f, STOP_COPYING);
	movable_go_on(f->m, -EIO);
	pump(f->c);
	assert_int_equal(hear(f), id);
	assert_int_equal(verdict(f), -EIO);
	assert_int_equal(get_state(f), STOP);
}

static void what_does_not_concern_migration_overtakes_a_move(void **state)
{
	const struct wire_region_io io = { 0, RIG_PCI_BAR0, 4 };
	struct mover *f = *state;
	uint16_t id;

	f->m->defer_to = STOP;
	id = say_state(f, STOP);
	assert_int_equal(say_and_hear(f, WIRE_REGION_READ, &io, sizeof(io)), 0);
	assert_int_equal(ask_feature(f, RIG_FEATURE_DMA_LOGGING_START | SET, 24,
				     &(struct wire_logging_start) { PAGE }, 16),
			 0);
	assert_int_equal(ask_feature(f, RIG_FEATURE_DMA_LOGGING_STOP | SET, 8, NULL, 0), 0);
	assert_int_equal(ask_feature(f, 9 | PROBE, 8, NULL, 0), -EINVAL);
	assert_usable(f->c);
	movable_go_on(f->m, 0);
	pump(f->c);
	assert_int_equal(hear(f), id);
}

static void what_concerns_migration_waits_for_a_move_in_order(void **state)
{
	const struct wire_mig_data data = { FIXED + 8, 8 };
	struct mover *f = *state;
	uint16_t ids[4];

	f->m->defer_to = STOP_COPYING;
	ids[0] = say_state(f, STOP_COPYING);
	ids[1] = say(f, WIRE_MIG_DATA_READ, &data, sizeof(data));
	ids[2] = say_state(f, STOP);
	ids[3] = say(f, WIRE_DEVICE_RESET, NULL, 0);
	assert_int_equal(hear(f), 0);
	assert_string_equal(f->m->path, "SC");
	movable_go_on(f->m, 0);
	pump(f->c);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_int_equal(hear(f), ids[i]);
		assert_int_equal(verdict(f), 0);
	}
	assert_string_equal(f->m->path, "SCSZ");
	assert_int_equal(get_state(f), RUNNING);
}

static void a_client_that_goes_ends_the_path_with_the_arc_being_done(void **state)
{
	struct mover *f = *state;

	f->m->defer_to = STOP;
	say_state(f, STOP_COPYING);
	client_hang_up(f->c);
	movable_go_on(f->m, 0);
	pump(f->c);
	assert_int_equal(f->m->gone, 1);
	assert_string_equal(f->m->path, "S");
	mover_connect(f);
	assert_int_equal(get_state(f), STOP);
}

static void a_client_that_goes_before_the_device_is_quiet_does_not_move_it(void **state)
{
	struct mover *f = *state;

	f->m->quiet = RIG_DEFERRED;
	say_state(f, STOP);
	client_hang_up(f->c);
	movable_quiet(f->m, 0);
	pump(f->c);
	assert_int_equal(f->m->gone, 1);
	assert_string_equal(f->m->path, "");
	mover_connect(f);
	assert_int_equal(get_state(f), RUNNING);
}

static void a_device_that_is_reset_without_a_client_runs_again(void **state)
{
	struct mover *f = *state;

	take_to(f, STOP);
	client_hang_up(f->c);
	assert_string_equal(f->m->path, "SZ");
	mover_connect(f);
	assert_int_equal(get_state(f), RUNNING);
}

static void a_server_may_be_freed_while_its_device_moves(void **state)
{
	struct mover *f = *state;

	f->m->defer_to = STOP;
	say_state(f, STOP);
	rig_server_free(f->base->server);
	f->base->server = NULL;
	assert_string_equal(f->m->path, "SZ");
	movable_go_on(f->m, 0);
}

static void the_state_outlives_the_client(void **state)
{
	struct mover *f = *state;

	take_to(f, STOP_COPYING);
	client_hang_up(f->c);
	mover_connect(f);
	assert_int_equal(get_state(f), STOP_COPYING);
}

/* As with the kernel's VFIO, and unlike libvfio-user. */
static void a_stopped_device_serves_everything(void **state)
{
	static const enum rig_migration_state stopped[] = { STOP, STOP_COPYING, RESUMING };
	const struct wire_region_io config = { 0, RIG_PCI_CONFIG, 256 };
	const struct wire_dma_map map = { sizeof(map), 3, 0, GUEST, PAGE };
	const struct wire_dma_unmap unmap = { sizeof(unmap), 0, GUEST, PAGE };
	const struct wire_irq_set irqs = { sizeof(irqs),
					   RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER };
	struct mover *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(stopped); i++) {
		take_to(f, stopped[i]);
		assert_usable(f->c);
		assert_int_equal(say_and_hear(f, WIRE_REGION_READ, &config, sizeof(config)), 0);
		assert_int_equal(say_and_hear(f, WIRE_DMA_MAP, &map, sizeof(map)), 0);
		assert_int_equal(say_and_hear(f, WIRE_DMA_UNMAP, &unmap, sizeof(unmap)), 0);
		assert_int_equal(say_and_hear(f, WIRE_DEVICE_SET_IRQS, &irqs, sizeof(irqs)), 0);
		assert_int_equal(get_state(f), stopped[i]);
		assert_int_equal(say_and_hear(f, WIRE_DEVICE_RESET, NULL, 0), 0);
		assert_int_equal(get_state(f), RUNNING);
	}
}

static void s097_only_a_reset_leaves_error(void **state)
{
	const struct wire_region_io config = { 0, RIG_PCI_CONFIG, 4 };
	struct mover *f = *state;

	f->m->fail_to = STOP_COPYING;
	f->m->fail_error = -ENOTRECOVERABLE;
	assert_int_equal(set_state(f, STOP_COPYING), -ENOTRECOVERABLE);
	assert_int_equal(get_state(f), RIG_MIGRATION_ERROR);
	for (uint32_t to = 0; to < 9; to++)
		assert_int_equal(set_state(f, to), -EINVAL);
	assert_int_equal(read_data(f, 8), -EINVAL);
	assert_int_equal(write_data(f, "x", 1), -EINVAL);
	assert_int_equal(say_and_hear(f, WIRE_REGION_READ, &config, sizeof(config)), 0);
	assert_int_equal(get_state(f), RIG_MIGRATION_ERROR);
	restart(f);
	assert_int_equal(set_state(f, STOP), 0);
}

/* --- data --- */

/* Everything there is to read, in pieces. Return: how much */
static size_t read_all(struct mover *f, uint8_t *ret, uint32_t piece)
{
	size_t total = 0;
	ssize_t n;

	while ((n = read_data(f, piece)) > 0) {
		assert_true(total + (size_t)n <= MOVABLE_STREAM_MAX);
		memcpy(ret + total, f->got.payload + FIXED, (size_t)n);
		total += (size_t)n;
	}
	assert_int_equal(n, 0);
	return total;
}

static void write_all(struct mover *f, const uint8_t *bytes, size_t len, uint32_t piece)
{
	for (size_t at = 0; at < len; at += piece) {
		uint32_t n = len - at < piece ? (uint32_t)(len - at) : piece;

		assert_int_equal(write_data(f, bytes + at, n), 0);
	}
}

/* Saved in pieces of one size, loaded in pieces of another, into a device full of something else. */
static void check_round_trip(struct mover *from, struct mover *to, uint32_t read_piece,
			     uint32_t write_piece)
{
	static uint8_t stream[MOVABLE_STREAM_MAX];
	size_t len;

	movable_fill(from->m, read_piece);
	movable_fill(to->m, 1000 + write_piece);
	take_to(from, STOP_COPYING);
	len = read_all(from, stream, read_piece);
	assert_int_equal(len, MOVABLE_RECORD);
	take_to(to, RESUMING);
	write_all(to, stream, len, write_piece);
	take_to(to, RUNNING);
	assert_memory_equal(to->m->memory, from->m->memory, MOVABLE_SIZE);
	restart(from);
	restart(to);
}

static void s093_a_stream_cut_anywhere_gives_an_equal_device(void **state)
{
	static const uint32_t pieces[] = { 7, 100, 4096, MOVER_LIMIT };
	struct mover *f = *state;
	void *other;

	setup_stop_copy(&other);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		for (size_t j = 0; j < ARRAY_SIZE(pieces); j++)
			check_round_trip(f, other, pieces[i], pieces[j]);
	/* Larger than what the client accepts, but not than what the server does. */
	check_round_trip(f, other, MOVER_LIMIT, MOVABLE_STREAM_MAX);
	teardown_mover(&other);
}

static void s093_pre_copy_begins_the_stream_that_stop_copy_ends(void **state)
{
	static uint8_t stream[MOVABLE_STREAM_MAX];
	struct mover *f = *state;
	size_t len;

	take_to(f, PRE_COPYING);
	len = read_all(f, stream, 3000);
	assert_int_equal(len, MOVABLE_RECORD);
	movable_fill(f->m, 2); /* it still runs */
	take_to(f, STOP_COPYING);
	len += read_all(f, stream + len, 3000);
	assert_int_equal(len, 2 * MOVABLE_RECORD);
	movable_fill(f->m, 3);
	take_to(f, RESUMING);
	write_all(f, stream, len, 5000);
	take_to(f, STOP);
	assert_memory_equal(f->m->memory, stream + MOVABLE_RECORD + 4, MOVABLE_SIZE);
}

static void s094_the_end_is_size_0_again_and_again(void **state)
{
	static uint8_t stream[MOVABLE_STREAM_MAX];
	struct mover *f = *state;

	take_to(f, STOP_COPYING);
	read_all(f, stream, MOVER_LIMIT);
	for (int i = 0; i < 5; i++)
		assert_int_equal(read_data(f, MOVER_LIMIT), 0);
}

static void s094_no_more_comes_than_was_asked_for(void **state)
{
	struct mover *f = *state;

	take_to(f, STOP_COPYING);
	assert_int_equal(read_data(f, 0), 0);
	assert_int_equal(read_data(f, 1), 1);
	assert_int_equal(read_data(f, 8), 8);
	/* argsz may be larger than needed */
	assert_int_equal(
		say_and_hear(f, WIRE_MIG_DATA_READ, &(struct wire_mig_data) { 4096, 9 }, 8), 0);
	assert_int_equal(f->got.len, FIXED + 9);
}

static void a_device_that_gives_more_than_there_is_is_not_believed(void **state)
{
	struct mover *f = *state;

	take_to(f, STOP_COPYING);
	f->m->bytes_more = 1;
	assert_int_equal(read_data(f, 100), -EIO);
	f->m->bytes_more = 0;
	assert_int_equal(read_data(f, 100), 100);
}

static void bytes_that_a_device_only_says_it_gave_are_zeros(void **state)
{
	static const uint8_t zeros[50];
	static uint8_t stream[MOVABLE_STREAM_MAX];
	struct mover *f = *state;

	take_to(f, STOP_COPYING);
	read_all(f, stream, MOVER_LIMIT);
	f->m->bytes_more = sizeof(zeros);
	assert_int_equal(read_data(f, 100), sizeof(zeros));
	assert_memory_equal(f->got.payload + FIXED, zeros, sizeof(zeros));
}

static void s095_data_in_the_wrong_state_is_refused(void **state)
{
	struct mover *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		bool reads = states[i] == STOP_COPYING || states[i] == PRE_COPYING;

		start_from(f, states[i]);
		assert_int_equal(read_data(f, 8), reads ? 8 : -EINVAL);
		assert_int_equal(write_data(f, "12345678", 8), states[i] == RESUMING ? 0 : -EINVAL);
		assert_int_equal(get_state(f), states[i]);
	}
}

static void s095_reads_keep_the_clients_limit_and_argsz(void **state)
{
	struct mover *f = *state;
	struct wire_mig_data data = { FIXED + 15, 16 };

	take_to(f, STOP_COPYING);
	assert_int_equal(read_data(f, MOVER_LIMIT + 1), -E2BIG);
	assert_int_equal(read_data(f, 1048577), -E2BIG);
	assert_int_equal(read_data(f, UINT32_MAX - FIXED), -E2BIG);
	assert_int_equal(say_and_hear(f, WIRE_MIG_DATA_READ, &data, sizeof(data)), -EINVAL);
	data.argsz = 0;
	assert_int_equal(say_and_hear(f, WIRE_MIG_DATA_READ, &data, sizeof(data)), -EINVAL);
	for (size_t len = 0; len < sizeof(data); len++)
		assert_int_equal(say_and_hear(f, WIRE_MIG_DATA_READ, &data, len), -EINVAL);
	assert_int_equal(f->m->stream_at, 0);
}

static void s095_a_write_is_taken_whole_or_not_at_all(void **state)
{
	static uint8_t payload[FIXED + 16];
	struct wire_mig_data data = { FIXED + 16, 16 };
	struct mover *f = *state;

	take_to(f, RESUMING);
	memcpy(payload, &data, sizeof(data));
	for (size_t len = 0; len < sizeof(payload); len++)
		assert_int_equal(say_and_hear(f, WIRE_MIG_DATA_WRITE, payload, len), -EINVAL);
	data = (struct wire_mig_data) { FIXED + 15, 16 };
	memcpy(payload, &data, sizeof(data));
	assert_int_equal(say_and_hear(f, WIRE_MIG_DATA_WRITE, payload, sizeof(payload)), -EINVAL);
	data = (struct wire_mig_data) { UINT32_MAX, UINT32_MAX - FIXED };
	memcpy(payload, &data, sizeof(data));
	assert_int_equal(say_and_hear(f, WIRE_MIG_DATA_WRITE, payload, sizeof(payload)), -E2BIG);
	assert_int_equal(f->m->stream_len, 0);
	assert_int_equal(write_data(f, "", 0), 0);
	assert_int_equal(write_data(f, "0123456789abcdef", 16), 0);
	assert_int_equal(f->m->stream_len, 16);
}

/* Cut or bent, the stream is refused where RESUMING ends; a reset makes the device usable again. */
static void check_refused_stream(struct mover *f, const uint8_t *stream, size_t len)
{
	take_to(f, RESUMING);
	write_all(f, stream, len, MOVER_LIMIT);
	assert_int_equal(set_state(f, STOP), -EBADMSG);
	assert_int_equal(get_state(f), RESUMING);
	restart(f);
	assert_usable(f->c);
}

static void s096_a_stream_that_is_not_whole_is_refused_and_a_reset_helps(void **state)
{
	static uint8_t stream[MOVABLE_STREAM_MAX];
	struct mover *f = *state;

	take_to(f, STOP_COPYING);
	assert_int_equal(read_all(f, stream, MOVER_LIMIT), MOVABLE_RECORD);
	restart(f);
	check_refused_stream(f, stream, 0);
	check_refused_stream(f, stream, 3);
	check_refused_stream(f, stream, MOVABLE_RECORD - 1);
	check_refused_stream(f, stream, MOVABLE_RECORD + 1);
	stream[500] ^= 0x40;
	check_refused_stream(f, stream, MOVABLE_RECORD);
	stream[500] ^= 0x40;
	take_to(f, RESUMING);
	write_all(f, stream, MOVABLE_RECORD, MOVER_LIMIT);
	take_to(f, RUNNING);
}

static void s096_what_was_missing_may_still_be_written(void **state)
{
	static uint8_t stream[MOVABLE_STREAM_MAX];
	struct mover *f = *state;

	take_to(f, STOP_COPYING);
	read_all(f, stream, MOVER_LIMIT);
	take_to(f, RESUMING);
	write_all(f, stream, MOVABLE_RECORD - 1, MOVER_LIMIT);
	assert_int_equal(set_state(f, RUNNING), -EBADMSG);
	assert_int_equal(get_state(f), RESUMING);
	assert_int_equal(write_data(f, stream + MOVABLE_RECORD - 1, 1), 0);
	take_to(f, RUNNING);
}

#define TEST(t)	   cmocka_unit_test_setup_teardown(t, setup_mover, teardown_mover)
#define PLAIN(t)   cmocka_unit_test_setup_teardown(t, setup_stop_copy, teardown_mover)
#define NO_MOVE(t) cmocka_unit_test_setup_teardown(t, setup_unmovable, teardown_mover)
#define RESETS(t)  cmocka_unit_test_setup_teardown(t, setup_reset_on_loss, teardown_mover)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NO_MOVE(s087_a_device_that_cannot_be_moved_has_no_migration),
		TEST(s089_migration_says_stop_copy_and_pre_copy),
		PLAIN(s089_a_device_without_pre_copy_says_so),
		TEST(a_device_has_all_of_what_migration_takes),
		TEST(s090_a_device_is_running_at_start),
		TEST(s090_each_move_takes_the_listed_path),
		TEST(s090_a_device_is_quiet_before_it_moves),
		TEST(s090_a_device_that_does_not_get_quiet_does_not_move),
		TEST(s090_a_device_may_take_its_time_to_get_quiet),
		TEST(s090_a_failed_arc_leaves_the_device_where_it_got_to),
		TEST(s090_a_deferred_path_is_answered_at_its_end),
		TEST(s090_a_deferred_arc_may_fail),
		TEST(s091_what_is_no_target_changes_nothing),
		TEST(s092_the_same_state_is_a_success_that_the_device_does_not_see),
		TEST(what_does_not_concern_migration_overtakes_a_move),
		TEST(what_concerns_migration_waits_for_a_move_in_order),
		TEST(a_client_that_goes_ends_the_path_with_the_arc_being_done),
		TEST(a_client_that_goes_before_the_device_is_quiet_does_not_move_it),
		RESETS(a_server_may_be_freed_while_its_device_moves),
		RESETS(a_device_that_is_reset_without_a_client_runs_again),
		TEST(the_state_outlives_the_client),
		TEST(a_stopped_device_serves_everything),
		TEST(s093_a_stream_cut_anywhere_gives_an_equal_device),
		TEST(s093_pre_copy_begins_the_stream_that_stop_copy_ends),
		TEST(s094_the_end_is_size_0_again_and_again),
		TEST(s094_no_more_comes_than_was_asked_for),
		TEST(a_device_that_gives_more_than_there_is_is_not_believed),
		TEST(bytes_that_a_device_only_says_it_gave_are_zeros),
		TEST(s095_data_in_the_wrong_state_is_refused),
		TEST(s095_reads_keep_the_clients_limit_and_argsz),
		TEST(s095_a_write_is_taken_whole_or_not_at_all),
		TEST(s096_a_stream_that_is_not_whole_is_refused_and_a_reset_helps),
		TEST(s096_what_was_missing_may_still_be_written),
		TEST(s097_only_a_reset_leaves_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
