/* SPDX-License-Identifier: BSD-3-Clause */
/* mover.c - a scripted client that asks a struct movable for its features */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mover.h"

#include <stdlib.h>

/* --- fixtures --- */

void mover_connect(struct mover *f)
{
	client_open(f->base, f->c);
	assert_int_equal(ask_version(f->c, 0, 0, small_json, &f->got), 0);
}

/* server_end.h's fixture, with another server. */
static int setup_with(void **state, uint64_t migration_flags, uint32_t device_flags)
{
	struct mover *f = calloc(1, sizeof(*f));
	void *base;

	setup_unconnected(&base);
	f->base = base;
	f->c = &f->base->client;
	rig_server_free(f->base->server);
	f->m = movable_new(migration_flags, device_flags);
	f->base->server = f->m->server;
	movable_fill(f->m, 1);
	mover_connect(f);
	*state = f;
	return 0;
}

int setup_mover(void **state)
{
	return setup_with(state, RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY, 0);
}

int setup_stop_copy(void **state)
{
	return setup_with(state, RIG_MIGRATION_STOP_COPY, 0);
}

int setup_unmovable(void **state)
{
	return setup_with(state, 0, 0);
}

int setup_reset_on_loss(void **state)
{
	return setup_with(state, RIG_MIGRATION_STOP_COPY, RIG_DEVICE_RESET_ON_LOSS);
}

int teardown_mover(void **state)
{
	struct mover *f = *state;
	void *base = f->base;
	int r = teardown(&base);

	f->m->server = NULL; /* went with the fixture */
	movable_free(f->m);
	free(f);
	return r;
}

/* --- talking --- */

uint16_t say(struct mover *f, uint16_t command, const void *payload, size_t len)
{
	struct said *said = &f->said;

	assert_true(len <= sizeof(said->payload));
	said->header.id++;
	said->header.command = command;
	said->header.size = (uint32_t)(sizeof(said->header) + len);
	if (len > 0)
		memcpy(said->payload, payload, len);
	send_bytes(f->c, said, said->header.size, NULL, 0);
	pump(f->c);
	return said->header.id;
}

uint16_t hear(struct mover *f)
{
	if (nothing_came(f->c))
		return 0;
	receive_answer(f->c, &f->got);
	return f->got.header.id;
}

int verdict(const struct mover *f)
{
	if (f->got.header.flags == WIRE_TYPE_REPLY)
		return 0;
	assert_int_equal(f->got.header.flags, WIRE_TYPE_REPLY | WIRE_FLAG_ERROR);
	assert_int_equal(f->got.len, 0);
	assert_true(f->got.header.error > 0);
	return -(int)f->got.header.error;
}

int say_and_hear(struct mover *f, uint16_t command, const void *payload, size_t len)
{
	uint16_t id = say(f, command, payload, len);

	assert_int_equal(hear(f), id);
	assert_int_equal(f->got.header.command, command);
	assert_true(nothing_came(f->c));
	return verdict(f);
}

int ask_feature(struct mover *f, uint32_t flags, uint32_t argsz, const void *data, size_t len)
{
	const struct wire_feature_head head = { argsz, flags };
	uint8_t payload[1024];

	assert_true(sizeof(head) + len <= sizeof(payload));
	memcpy(payload, &head, sizeof(head));
	if (len > 0)
		memcpy(payload + sizeof(head), data, len);
	return say_and_hear(f, WIRE_DEVICE_FEATURE, payload, sizeof(head) + len);
}

bool echoed(const struct mover *f)
{
	return f->got.header.size == f->said.header.size &&
	       memcmp(f->got.payload, f->said.payload, f->got.len) == 0;
}

uint16_t say_state(struct mover *f, uint32_t state)
{
	const struct {
		struct wire_feature_head head;
		struct wire_device_state state;
	} WIRE_PACKED payload = {
		{ sizeof(payload), RIG_FEATURE_MIG_DEVICE_STATE | SET },
		{ state, -1 },
	};

	return say(f, WIRE_DEVICE_FEATURE, &payload, sizeof(payload));
}

int set_state(struct mover *f, uint32_t state)
{
	uint16_t id = say_state(f, state);

	assert_int_equal(hear(f), id);
	return verdict(f);
}

uint32_t get_state(struct mover *f)
{
	struct wire_device_state data;

	assert_int_equal(
		ask_feature(f, RIG_FEATURE_MIG_DEVICE_STATE | GET, FIXED + sizeof(data), NULL, 0),
		0);
	assert_int_equal(f->got.len, FIXED + sizeof(data));
	memcpy(&data, f->got.payload + FIXED, sizeof(data));
	return data.state;
}

void restart(struct mover *f)
{
	f->m->fail_to = RIG_MIGRATION_ERROR;
	f->m->defer_to = RIG_MIGRATION_ERROR;
	assert_int_equal(say_and_hear(f, WIRE_DEVICE_RESET, NULL, 0), 0);
	assert_int_equal(get_state(f), RUNNING);
	memset(f->m->path, 0, sizeof(f->m->path));
}
