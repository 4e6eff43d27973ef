/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * migration.c - state as a stream: magic, then records
 *
 *   PAGE       one page of a region's memory, as it is now
 *   REGISTERS  SCRATCH and the memory of BAR0
 *   END        a checksum over every byte before this record, whose region is 0; nothing follows
 *
 * Memory starts out as zeros, so pages are sent that differ from what was sent last. In PRE_COPYING
 * that is looked at again whenever everything was read: clients write mapped memory unseen.
 *
 * What is loaded goes into a copy first. A stream with anything wrong about it is read to its end
 * and refused there, as the specification has it, with the device untouched. A reset forgets what
 * was being saved or loaded.
 */
#include "migration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define STREAM_MAGIC UINT64_C(0x3153544154474952) /* "RIGTATS1" */
#define MEMORY_TOTAL                                                                         \
	(RIG_TEST_BAR1_SIZE + RIG_TEST_BAR2_SIZE + RIG_TEST_BAR3_SIZE + RIG_TEST_BAR4_SIZE + \
	 RIG_TEST_EXTRA_SIZE)
#define REGISTERS_SIZE (8 + RIG_TEST_REG_MEMORY_END - RIG_TEST_REG_MEMORY)

enum record_type { RECORD_PAGE = 1, RECORD_REGISTERS, RECORD_END };

struct record {
	uint32_t type;
	uint32_t region; /* PAGE */
	uint64_t value;	 /* PAGE: offset; END: the checksum */
};

/* All memory of the device, one region after the other. */
struct image {
	uint8_t bytes[MEMORY_TOTAL];
	uint8_t registers[REGISTERS_SIZE];
};

struct saving {
	struct image sent;
	uint8_t *stream;
	size_t size, capacity, taken; /* taken: by migration_read() */
	uint64_t checksum;
	bool ended;
};

struct loading {
	struct image image;
	uint8_t part[sizeof(struct record) + MEMORY_PAGE]; /* a record that is not whole yet */
	size_t n;
	uint64_t checksum;
	bool begun, registers, ended, wrong;
};

/* FNV-1a */
#define CHECKSUM_START UINT64_C(0xcbf29ce484222325)

static uint64_t checksum(uint64_t sum, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* Where a region is in an image. */
static size_t image_offset(uint32_t region)
{
	size_t at = 0;

	for (uint32_t i = 0; i < region; i++)
		at += memory_size(i);
	return at;
}

static void registers_to(uint8_t *image, const struct register_file *file)
{
	memcpy(image, file->bytes + RIG_TEST_REG_SCRATCH, 8);
	memcpy(image + 8, file->bytes + RIG_TEST_REG_MEMORY, REGISTERS_SIZE - 8);
}

static void registers_from(struct register_file *file, const uint8_t *image)
{
	memcpy(file->bytes + RIG_TEST_REG_SCRATCH, image, 8);
	memcpy(file->bytes + RIG_TEST_REG_MEMORY, image + 8, REGISTERS_SIZE - 8);
}

/*
 * Saving
 */

static int append(struct saving *s, const void *bytes, size_t n)
{
	if (n > s->capacity - s->size) {
		size_t capacity = 2 * s->capacity + n;
		uint8_t *stream = realloc(s->stream, capacity);

		if (!stream)
			return -ENOMEM;
		s->stream = stream;
		s->capacity = capacity;
	}
	memcpy(s->stream + s->size, bytes, n);
	s->size += n;
	s->checksum = checksum(s->checksum, bytes, n);
	return 0;
}

static int append_record(struct saving *s, const struct record *record, const void *data, size_t n)
{
	int r = append(s, record, sizeof(*record));

	return r < 0 ? r : append(s, data, n);
}

/* Memory may change while it is looked at: what is sent is what was compared. */
static int append_page(struct saving *s, uint32_t region, size_t offset, const uint8_t *now)
{
	struct record record = { .type = RECORD_PAGE, .region = region, .value = offset };
	uint8_t *sent = s->sent.bytes + image_offset(region) + offset;
	uint8_t page[MEMORY_PAGE];

	memcpy(page, now, MEMORY_PAGE);
	if (memcmp(sent, page, MEMORY_PAGE) == 0)
		return 0;
	memcpy(sent, page, MEMORY_PAGE);
	return append_record(s, &record, page, MEMORY_PAGE);
}

static int append_changed(struct saving *s, const struct memory *memory)
{
	int r = 0;

	for (uint32_t region = 0; region < MEMORY_REGIONS; region++) {
		for (size_t at = 0; at < memory_size(region) && r == 0; at += MEMORY_PAGE)
			r = append_page(s, region, at, memory->bytes[region] + at);
	}
	return r;
}

static int append_end(struct saving *s, struct test_device *d)
{
	struct record registers = { .type = RECORD_REGISTERS }, end = { .type = RECORD_END };
	int r = append_changed(s, &d->memory);

	if (r < 0)
		return r;
	registers_to(s->sent.registers, &d->registers);
	r = append_record(s, &registers, s->sent.registers, REGISTERS_SIZE);
	if (r < 0)
		return r;
	end.value = s->checksum;
	return append(s, &end, sizeof(end));
}

static int saving_begin(struct migration *migration)
{
	static const uint64_t magic = STREAM_MAGIC;
	struct saving *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	migration->saving = s;
	s->checksum = CHECKSUM_START;
	return append(s, &magic, sizeof(magic));
}

static int saving_end(struct test_device *d)
{
	int r = append_end(d->migration.saving, d);

	d->migration.saving->ended = true;
	return r;
}

ssize_t migration_read(struct test_device *d, void *buf, size_t size)
{
	struct saving *s = d->migration.saving;
	size_t n;
	int r;

	if (!s)
		return -EINVAL;
	if (s->taken == s->size && !s->ended) {
		s->taken = s->size = 0;
		r = append_changed(s, &d->memory);
		if (r < 0)
			return r;
	}
	n = s->size - s->taken < size ? s->size - s->taken : size;
	if (n)
		memcpy(buf, s->stream + s->taken, n);
	s->taken += n;
	return (ssize_t)n;
}

/*
 * Loading
 */

static int loading_begin(struct migration *migration)
{
	migration->loading = calloc(1, sizeof(*migration->loading));
	if (!migration->loading)
		return -ENOMEM;
	migration->loading->checksum = CHECKSUM_START;
	return 0;
}

/* How many bytes the part has once it is whole, as far as what is there of it tells. */
static size_t whole_part(const struct loading *l)
{
	struct record record;

	if (!l->begun)
		return sizeof(uint64_t);
	if (l->n < sizeof(record))
		return sizeof(record);
	memcpy(&record, l->part, sizeof(record));
	if (record.type == RECORD_PAGE)
		return sizeof(record) + MEMORY_PAGE;
	return sizeof(record) + (record.type == RECORD_REGISTERS ? REGISTERS_SIZE : 0);
}

static bool take_magic(struct loading *l)
{
	uint64_t magic;

	memcpy(&magic, l->part, sizeof(magic));
	l->begun = true;
	return magic == STREAM_MAGIC;
}

static bool take_record(struct loading *l)
{
	const uint8_t *data = l->part + sizeof(struct record);
	struct record record;

	memcpy(&record, l->part, sizeof(record));
	switch (record.type) {
	case RECORD_PAGE:
		if (record.value >= memory_size(record.region) || record.value % MEMORY_PAGE != 0)
			return false;
		memcpy(l->image.bytes + image_offset(record.region) + record.value, data,
		       MEMORY_PAGE);
		return true;
	case RECORD_REGISTERS:
		memcpy(l->image.registers, data, REGISTERS_SIZE);
		l->registers = true;
		return true;
	case RECORD_END:
		l->ended = true;
		return record.region == 0 && record.value == l->checksum;
	default:
		return false;
	}
}

static void take_part(struct loading *l)
{
	bool right = l->begun ? take_record(l) : take_magic(l);

	l->wrong |= !right;
	l->checksum = checksum(l->checksum, l->part, l->n);
	l->n = 0;
}

int migration_write(struct test_device *d, const void *buf, size_t size)
{
	struct loading *l = d->migration.loading;
	const uint8_t *from = buf;

	if (!l)
		return -EINVAL;
	while (size && !l->wrong) {
		size_t left = whole_part(l) - l->n, n = left < size ? left : size;

		l->wrong = l->ended; /* nothing may follow */
		memcpy(l->part + l->n, from, n);
		l->n += n;
		from += n;
		size -= n;
		if (l->n == whole_part(l))
			take_part(l);
	}
	return 0;
}

static int loading_end(struct test_device *d)
{
	const struct loading *l = d->migration.loading;

	if (!l || l->wrong || !l->ended || !l->registers || l->n)
		return -EINVAL;
	for (uint32_t i = 0; i < MEMORY_REGIONS; i++) {
		if (memory_size(i))
			memcpy(d->memory.bytes[i], l->image.bytes + image_offset(i),
			       memory_size(i));
	}
	registers_from(&d->registers, l->image.registers);
	migration_drop(&d->migration);
	return 0;
}

/*
 * States
 */

void migration_drop(struct migration *migration)
{
	if (migration->saving)
		free(migration->saving->stream);
	free(migration->saving);
	free(migration->loading);
	migration->saving = NULL;
	migration->loading = NULL;
}

int migration_transition(struct test_device *d, enum rig_migration_state from,
			 enum rig_migration_state to)
{
	struct migration *migration = &d->migration;
	int r = 0;

	if (from == RIG_MIGRATION_RESUMING)
		return loading_end(d);
	if (to == RIG_MIGRATION_RESUMING)
		return loading_begin(migration);
	if (to != RIG_MIGRATION_PRE_COPYING && to != RIG_MIGRATION_STOP_COPYING) {
		migration_drop(migration);
		return 0;
	}
	if (!migration->saving)
		r = saving_begin(migration);
	if (r == 0 && to == RIG_MIGRATION_STOP_COPYING)
		r = saving_end(d);
	if (r < 0)
		migration_drop(migration);
	return r;
}
