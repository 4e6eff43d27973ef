/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_late_data.c - a device that reads and writes the data of its state later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mover.h"

#define PIECE 100u

static uint16_t say_read(struct mover *f, uint32_t size)
{
	const struct wire_mig_data data = { FIXED + size, size };

	return say(f, WIRE_MIG_DATA_READ, &data, sizeof(data));
}

static uint16_t say_write(struct mover *f, const void *bytes, uint32_t size)
{
	static uint8_t payload[MOVABLE_STREAM_MAX + FIXED];
	const struct wire_mig_data data = { FIXED + size, size };

	memcpy(payload, &data, sizeof(data));
	memcpy(payload + FIXED, bytes, size);
	return say(f, WIRE_MIG_DATA_WRITE, payload, FIXED + size);
}

/* The reply to this comes now, with these bytes. */
static void assert_read(struct mover *f, uint16_t id, const void *bytes, uint32_t size)
{
	const struct wire_mig_data head = { FIXED + size, size };

	assert_int_equal(hear(f), id);
	assert_int_equal(verdict(f), 0);
	assert_int_equal(f->got.len, FIXED + size);
	assert_memory_equal(f->got.payload, &head, sizeof(head));
	assert_memory_equal(f->got.payload + FIXED, bytes, size);
}

static void assert_done(struct mover *f, uint16_t id, int error)
{
	assert_int_equal(hear(f), id);
	assert_int_equal(verdict(f), error);
}

static void start_saving(struct mover *f)
{
	movable_fill(f->m, 1);
	assert_int_equal(set_state(f, STOP_COPYING), 0);
	f->m->defers_data = true;
}

static void start_loading(struct mover *f)
{
	assert_int_equal(set_state(f, RESUMING), 0);
	f->m->defers_data = true;
}

/* The device does its part, and the server then. */
static void move_data(struct mover *f, int error)
{
	movable_move_data(f->m, error);
	pump(f->c);
}

static void s093_data_is_read_later(void **state)
{
	struct mover *f = *state;
	uint16_t id;

	start_saving(f);
	id = say_read(f, PIECE);
	assert_int_equal(hear(f), 0);
	move_data(f, 0);
	assert_read(f, id, f->m->stream, PIECE);
}

static void s093_less_than_was_asked_for_is_a_shorter_reply(void **state)
{
	struct mover *f = *state;
	uint16_t id;

	start_saving(f);
	id = say_read(f, 8000);
	move_data(f, 0);
	assert_read(f, id, f->m->stream, 8000);
	id = say_read(f, 8000);
	move_data(f, 0);
	assert_read(f, id, f->m->stream + 8000, MOVABLE_RECORD - 8000);
	id = say_read(f, PIECE);
	move_data(f, 0);
	assert_read(f, id, "", 0);
}

static void more_than_was_asked_for_is_refused_to_the_device(void **state)
{
	struct mover *f = *state;
	struct rig_request *request;
	uint16_t id;
	size_t len;

	start_saving(f);
	id = say_read(f, PIECE);
	request = f->m->deferred;
	assert_int_equal(rig_request_set_len(request, PIECE + 1), -EINVAL);
	assert_int_equal(rig_request_set_len(request, 3), 0);
	assert_int_equal(rig_request_set_len(request, 4), -EINVAL);
	rig_request_data(request, &len);
	assert_int_equal(len, 3);
	f->m->deferred = NULL;
	rig_request_done(request, 0);
	pump(f->c);
	assert_read(f, id, "\0\0", 3); /* it wrote none: no memory of ours */
}

static void s093_data_is_written_later(void **state)
{
	struct mover *f = *state;
	size_t len;
	uint16_t id;

	start_loading(f);
	id = say_write(f, "state", 5);
	assert_int_equal(hear(f), 0);
	assert_memory_equal(rig_request_data(f->m->deferred, &len), "state", 5);
	assert_int_equal(len, 5);
	assert_int_equal(rig_request_set_len(f->m->deferred, 4), -EINVAL);
	move_data(f, 0);
	assert_done(f, id, 0);
	assert_memory_equal(f->m->stream, "state", 5);
}

static void s093_data_that_fails_later_is_refused(void **state)
{
	struct mover *f = *state;
	uint16_t id;

	start_saving(f);
	id = say_read(f, PIECE);
	move_data(f, -EIO);
	assert_done(f, id, -EIO);
	assert_int_equal(f->got.len, 0);
	assert_int_equal(set_state(f, RESUMING), 0);
	id = say_write(f, "x", 1);
	move_data(f, -ENOSPC);
	assert_done(f, id, -ENOSPC);
	assert_int_equal(get_state(f), RESUMING);
}

static void what_the_device_cannot_do_is_refused_before(void **state)
{
	struct mover *f = *state;

	f->m->defers_data = true;
	assert_done(f, say_read(f, PIECE), -EINVAL);
	assert_done(f, say_write(f, "x", 1), -EINVAL);
	assert_null(f->m->deferred);
}

static void what_concerns_migration_waits_for_data_in_order(void **state)
{
	struct mover *f = *state;
	uint16_t ids[4];

	start_saving(f);
	ids[0] = say_read(f, PIECE);
	ids[1] = say_read(f, PIECE);
	ids[2] = say_state(f, STOP);
	assert_usable(f->c); /* all else goes on */
	ids[3] = say(f, WIRE_DEVICE_RESET, NULL, 0);
	assert_int_equal(hear(f), 0);
	move_data(f, 0);
	assert_read(f, ids[0], f->m->stream, PIECE);
	assert_int_equal(hear(f), 0);
	assert_string_equal(f->m->path, "SC");
	move_data(f, 0);
	assert_read(f, ids[1], f->m->stream + PIECE, PIECE);
	assert_done(f, ids[2], 0);
	assert_done(f, ids[3], 0);
	assert_string_equal(f->m->path, "SCSZ");
}

static void s101_a_client_is_gone_when_its_data_is_answered(void **state)
{
	struct mover *f = *state;

	start_saving(f);
	say_read(f, PIECE);
	say_read(f, PIECE);
	client_hang_up(f->c);
	assert_int_equal(f->m->gone, 0);
	movable_move_data(f->m, 0);
	pump(f->c);
	assert_int_equal(f->m->gone, 1);
	assert_null(f->m->deferred); /* the second one was not asked for */
	f->m->defers_data = false;
	mover_connect(f);
	assert_int_equal(get_state(f), STOP_COPYING);
}

static void data_that_is_answered_after_its_server_is_gone_is_done_with(void **state)
{
	struct mover *f = *state;

	start_loading(f);
	say_write(f, "x", 1);
	rig_server_free(f->base->server);
	f->base->server = NULL;
	movable_move_data(f->m, 0);
}

static void deferring_data_without_a_request_is_an_error_of_the_device(void **state)
{
	struct mover *f = *state;
	const struct wire_mig_data data = { FIXED + PIECE, PIECE };

	assert_int_equal(set_state(f, STOP_COPYING), 0);
	f->m->bytes_more = RIG_DEFERRED - PIECE;
	assert_int_equal(say_and_hear(f, WIRE_MIG_DATA_READ, &data, sizeof(data)), -EIO);
	assert_usable(f->c);
}

#define mover(name) cmocka_unit_test_setup_teardown(name, setup_mover, teardown_mover)

int main(void)
{
	const struct CMUnitTest tests[] = {
		mover(s093_data_is_read_later),
		mover(s093_less_than_was_asked_for_is_a_shorter_reply),
		mover(more_than_was_asked_for_is_refused_to_the_device),
		mover(s093_data_is_written_later),
		mover(s093_data_that_fails_later_is_refused),
		mover(what_the_device_cannot_do_is_refused_before),
		mover(what_concerns_migration_waits_for_data_in_order),
		mover(s101_a_client_is_gone_when_its_data_is_answered),
		mover(data_that_is_answered_after_its_server_is_gone_is_done_with),
		mover(deferring_data_without_a_request_is_an_error_of_the_device),
	};

	return cmocka_run_group_tests_name("server_late_data", tests, NULL, NULL);
}
