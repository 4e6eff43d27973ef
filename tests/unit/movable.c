/* SPDX-License-Identifier: BSD-3-Clause */
/* movable.c - a device that can be saved and restored, for tests */
#include "movable.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- the device --- */

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	const struct movable *m = opaque;

	if (region == RIG_PCI_BAR0)
		memcpy(buf, m->memory + offset, count);
	return 0;
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct movable *m = opaque;

	if (region == RIG_PCI_BAR0)
		memcpy(m->memory + offset, buf, count);
	return 0;
}

static void note(struct movable *m, char what)
{
	size_t n = strlen(m->path);

	assert_true(n + 1 < sizeof(m->path));
	m->path[n] = what;
}

static int reset(void *opaque, enum rig_reset why)
{
	struct movable *m = opaque;

	memset(m->memory, 0, sizeof(m->memory));
	m->stream_len = 0;
	m->stream_at = 0;
	note(m, 'Z');
	return 0;
}

static int quiesce(void *opaque)
{
	struct movable *m = opaque;

	m->quiesced++;
	if (m->quiet == RIG_DEFERRED) {
		m->deferred = rig_server_defer(m->server);
		assert_non_null(m->deferred);
	}
	return m->quiet;
}

void movable_quiet(struct movable *m, int error)
{
	struct rig_request *request = m->deferred;

	assert_non_null(request);
	m->deferred = NULL;
	m->quiet = 0;
	rig_request_done(request, error);
}

static void disconnected(void *opaque, int error, const char *reason)
{
	((struct movable *)opaque)->gone++;
}

static const struct rig_device_ops ops = {
	.region_read = region_read,
	.region_write = region_write,
	.reset = reset,
	.quiesce = quiesce,
	.disconnected = disconnected,
};

/* --- its stream --- */

static uint32_t sum(const uint8_t *bytes, size_t n)
{
	uint32_t total = 1;

	for (size_t i = 0; i < n; i++)
		total = total * 31 + bytes[i];
	return total;
}

static void append_record(struct movable *m)
{
	uint32_t len = MOVABLE_SIZE, check = sum(m->memory, MOVABLE_SIZE);
	uint8_t *p = m->stream + m->stream_len;

	assert_true(m->stream_len + MOVABLE_RECORD <= sizeof(m->stream));
	memcpy(p, &len, 4);
	memcpy(p + 4, m->memory, MOVABLE_SIZE);
	memcpy(p + 4 + MOVABLE_SIZE, &check, 4);
	m->stream_len += MOVABLE_RECORD;
}

static void start_stream(struct movable *m)
{
	m->stream_len = 0;
	m->stream_at = 0;
}

static int take_record(struct movable *m, const uint8_t *p)
{
	uint32_t len, check;

	memcpy(&len, p, 4);
	memcpy(&check, p + 4 + MOVABLE_SIZE, 4);
	if (len != MOVABLE_SIZE || check != sum(p + 4, MOVABLE_SIZE))
		return -EBADMSG;
	memcpy(m->memory, p + 4, MOVABLE_SIZE);
	return 0;
}

static int take_stream(struct movable *m)
{
	if (m->stream_len == 0 || m->stream_len % MOVABLE_RECORD != 0)
		return -EBADMSG;
	for (size_t at = 0; at < m->stream_len; at += MOVABLE_RECORD)
		if (take_record(m, m->stream + at) < 0)
			return -EBADMSG;
	return 0;
}

static int enter(struct movable *m, enum rig_migration_state from, enum rig_migration_state to)
{
	switch (to) {
	case RIG_MIGRATION_STOP:
		return from == RIG_MIGRATION_RESUMING ? take_stream(m) : 0;
	case RIG_MIGRATION_RESUMING:
		start_stream(m);
		return 0;
	case RIG_MIGRATION_PRE_COPYING:
		start_stream(m);
		append_record(m);
		return 0;
	case RIG_MIGRATION_STOP_COPYING:
		if (from == RIG_MIGRATION_STOP)
			start_stream(m);
		m->read_before_stop = m->stream_at;
		append_record(m);
		return 0;
	default:
		return 0;
	}
}

static int transition(void *opaque, enum rig_migration_state from, enum rig_migration_state to)
{
	struct movable *m = opaque;

	note(m, "ESRCM-P"[to]);
	if (to == m->fail_to)
		return m->fail_error;
	if (to == m->defer_to) {
		m->deferred_from = from;
		m->deferred = rig_server_defer(m->server);
		assert_non_null(m->deferred);
		return RIG_DEFERRED;
	}
	return enter(m, from, to);
}

void movable_go_on(struct movable *m, int error)
{
	struct rig_request *request = m->deferred;

	assert_non_null(request);
	m->deferred = NULL;
	if (error == 0)
		error = enter(m, m->deferred_from, m->defer_to);
	rig_request_done(request, error);
}

static size_t give(struct movable *m, void *buf, size_t size)
{
	size_t left = m->stream_len - m->stream_at;
	size_t n = size < left ? size : left;

	memcpy(buf, m->stream + m->stream_at, n);
	m->stream_at += n;
	return n;
}

static int take(struct movable *m, const void *buf, size_t size)
{
	if (size > sizeof(m->stream) - m->stream_len)
		return -EFBIG;
	memcpy(m->stream + m->stream_len, buf, size);
	m->stream_len += size;
	return 0;
}

static int defer_data(struct movable *m, bool reads)
{
	assert_null(m->deferred);
	m->deferred = rig_server_defer(m->server);
	assert_non_null(m->deferred);
	m->reads = reads;
	return RIG_DEFERRED;
}

void movable_move_data(struct movable *m, int error)
{
	struct rig_request *request = m->deferred;
	size_t len;
	void *bytes;

	assert_non_null(request);
	m->deferred = NULL;
	bytes = rig_request_data(request, &len);
	if (error == 0 && m->reads)
		error = rig_request_set_len(request, give(m, bytes, len));
	else if (error == 0)
		error = take(m, bytes, len);
	rig_request_done(request, error);
}

static ssize_t read_data(void *opaque, void *buf, size_t size)
{
	struct movable *m = opaque;

	assert_true(size > 0);
	return m->defers_data ? defer_data(m, true) : (ssize_t)(give(m, buf, size) + m->bytes_more);
}

static int write_data(void *opaque, const void *buf, size_t size)
{
	struct movable *m = opaque;

	assert_true(size > 0);
	return m->defers_data ? defer_data(m, false) : take(m, buf, size);
}

/* --- life --- */

static const struct rig_migration_ops *migration_ops(uint64_t flags)
{
	static const struct rig_migration_ops stop_copy = {
		transition,
		read_data,
		write_data,
		RIG_MIGRATION_STOP_COPY,
	};
	static const struct rig_migration_ops pre_copy = {
		transition,
		read_data,
		write_data,
		RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY,
	};

	if (flags == 0)
		return NULL;
	return flags & RIG_MIGRATION_PRE_COPY ? &pre_copy : &stop_copy;
}

struct movable *movable_new(uint64_t migration_flags, uint32_t device_flags)
{
	static const struct rig_region regions[RIG_PCI_REGIONS] = {
		[RIG_PCI_BAR0] = { MOVABLE_SIZE, RIG_REGION_READ | RIG_REGION_WRITE },
		[RIG_PCI_CONFIG] = { 256, RIG_REGION_READ | RIG_REGION_WRITE },
	};
	static const struct rig_irq irqs[RIG_PCI_IRQS] = { { 1, RIG_IRQ_EVENTFD } };
	struct movable *m = calloc(1, sizeof(*m));
	const struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_RESET | RIG_DEVICE_PCI | device_flags,
		.regions = regions,
		.n_regions = RIG_PCI_REGIONS,
		.irqs = irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &ops,
		.opaque = m,
		.migration = migration_ops(migration_flags),
	};

	assert_non_null(m);
	assert_int_equal(rig_server_new(&device, &m->server), 0);
	return m;
}

void movable_free(struct movable *m)
{
	rig_server_free(m->server);
	free(m);
}

void movable_fill(struct movable *m, uint32_t seed)
{
	for (size_t i = 0; i < MOVABLE_SIZE; i++) {
		seed = seed * 1103515245u + 12345u;
		m->memory[i] = (uint8_t)(seed >> 16);
	}
}
