/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_engine.c - a command is up to COUNT moves; each reads or writes guest memory, or both
 *
 * Reading and writing guest memory at once is one function each, with a branch for each way to it.
 * The asynchronous way is a transfer per move, which its completions take from step to step; the
 * command they share is done with the last of them.
 */
#include "dma_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define OPERATION	0xfu
#define WAY		0xf0u
#define PIECES		DMA_HELD_MAX /* that one move may consist of */
#define LENGTH_MAX	RIG_TEST_BAR1_SIZE
#define MOVES_MAX	4096u
#define TIMEOUT_DEFAULT 5000u

/* One command, as the registers were when it was given. */
struct moves {
	uint32_t operation, way;
	bool hold;
	uint64_t address, second;
	uint32_t length, stride, count;
	uint8_t *local;
	uint8_t pattern;
	rig_time deadline;
};

void dma_init(struct dma_engine *dma)
{
	memset(dma, 0, sizeof(*dma));
	pthread_mutex_init(&dma->lock, NULL);
}

void dma_free(struct dma_engine *dma)
{
	pthread_mutex_destroy(&dma->lock);
}

/*
 * What is held
 */

static int hold(struct dma_engine *dma, const struct rig_dma_seg *pieces, uint32_t n)
{
	int r = 0;

	pthread_mutex_lock(&dma->lock);
	if (n > DMA_HELD_MAX - dma->n_held) {
		r = -EBUSY;
	} else {
		memcpy(dma->held + dma->n_held, pieces, n * sizeof(*pieces));
		dma->n_held += n;
	}
	pthread_mutex_unlock(&dma->lock);
	return r;
}

void dma_unpin(struct dma_engine *dma)
{
	pthread_mutex_lock(&dma->lock);
	if (dma->n_held)
		rig_dma_unpin(dma->server, dma->held, dma->n_held);
	dma->n_held = 0;
	pthread_mutex_unlock(&dma->lock);
}

uint32_t dma_held(struct dma_engine *dma)
{
	uint32_t n;

	pthread_mutex_lock(&dma->lock);
	n = dma->n_held;
	pthread_mutex_unlock(&dma->lock);
	return n;
}

bool dma_holds(struct dma_engine *dma, uint64_t address, uint64_t size)
{
	bool found = false;

	pthread_mutex_lock(&dma->lock);
	for (uint32_t i = 0; i < dma->n_held; i++)
		found |= dma->held[i].address - address < size;
	pthread_mutex_unlock(&dma->lock);
	return found;
}

void dma_reset(struct dma_engine *dma)
{
	dma_unpin(dma);
	dma->generation++;
}

/*
 * One move, now
 */

static void copy(void *host, uint8_t *buf, size_t len, uint32_t prot)
{
	if (prot == RIG_DMA_READ)
		memcpy(buf, host, len);
	else
		memcpy(host, buf, len);
}

static int by_pin(struct dma_engine *dma, const struct moves *m, uint64_t address, uint8_t *buf,
		  uint32_t prot)
{
	struct rig_dma_seg pieces[PIECES];
	int n = rig_dma_pin(dma->server, address, m->length, prot, pieces, PIECES), r = 0;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		copy(pieces[i].host, buf, pieces[i].len, prot);
		buf += pieces[i].len;
	}
	if (m->hold)
		r = hold(dma, pieces, (uint32_t)n);
	if (!m->hold || r < 0)
		rig_dma_unpin(dma->server, pieces, (size_t)n);
	return r;
}

static int by_translation(struct dma_engine *dma, const struct moves *m, uint64_t address,
			  uint8_t *buf, uint32_t prot)
{
	struct iovec pieces[PIECES];
	int n = rig_dma_translate(dma->server, address, m->length, prot, pieces, PIECES);

	for (int i = 0; i < n; i++) {
		copy(pieces[i].iov_base, buf, pieces[i].iov_len, prot);
		buf += pieces[i].iov_len;
	}
	if (n > 0 && prot == RIG_DMA_WRITE)
		rig_dma_mark_dirty(dma->server, address, m->length);
	return n < 0 ? n : 0;
}

static int guest(struct dma_engine *dma, const struct moves *m, uint64_t address, uint8_t *buf,
		 uint32_t prot)
{
	if (m->way == RIG_TEST_DMA_PIN)
		return by_pin(dma, m, address, buf, prot);
	if (m->way == RIG_TEST_DMA_TRANSLATE)
		return by_translation(dma, m, address, buf, prot);
	if (prot == RIG_DMA_READ)
		return rig_dma_read(dma->server, address, buf, m->length, m->deadline);
	return rig_dma_write(dma->server, address, buf, m->length, m->deadline);
}

static int move_now(struct dma_engine *dma, const struct moves *m, uint64_t i, uint8_t *buf)
{
	uint64_t address = m->address + i * m->stride, second = m->second + i * m->stride;
	int r;

	switch (m->operation) {
	case RIG_TEST_DMA_READ:
		return guest(dma, m, address, m->local + i * m->length, RIG_DMA_READ);
	case RIG_TEST_DMA_WRITE:
		return guest(dma, m, address, m->local + i * m->length, RIG_DMA_WRITE);
	case RIG_TEST_DMA_COPY:
		r = guest(dma, m, address, buf, RIG_DMA_READ);
		return r < 0 ? r : guest(dma, m, second, buf, RIG_DMA_WRITE);
	default:
		memset(buf, m->pattern, m->length);
		return guest(dma, m, address, buf, RIG_DMA_WRITE);
	}
}

static void command_done(struct test_device *d, int error)
{
	uint32_t irq = register_get(&d->registers, RIG_TEST_REG_DONE_IRQ);

	register_count(&d->registers, RIG_TEST_REG_DMA_DONE);
	register_set(&d->registers, RIG_TEST_REG_DMA_RESULT, (uint32_t)-error);
	if (irq != RIG_TEST_NO_IRQ)
		rig_irq_trigger(d->server, irq >> 16, irq & 0xffff);
}

static void run_now(struct test_device *d, const struct moves *m)
{
	uint8_t *buf = malloc(m->length ? m->length : 1);
	int r = buf ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < m->count && r == 0; i++)
		r = move_now(&d->dma, m, i, buf);
	free(buf);
	command_done(d, r);
}

/*
 * Asynchronous
 */

/* Shared by the transfers of a command; goes with the last. */
struct command {
	struct test_device *device;
	uint32_t generation;
	uint32_t left;
	int error; /* the first */
};

struct transfer {
	struct command *command;
	uint64_t second; /* COPY: where what was read is to be written */
	bool write_next;
	rig_time deadline;
	uint32_t length;
	uint8_t bytes[];
};

static void command_unref(struct command *command, int error)
{
	struct test_device *d = command->device;

	if (command->error == 0)
		command->error = error;
	if (--command->left)
		return;
	if (command->generation == d->dma.generation)
		command_done(d, command->error);
	free(command);
}

static void transfer_ended(void *opaque, int result)
{
	struct transfer *t = opaque;
	struct test_device *d = t->command->device;
	struct rig_completion done = { transfer_ended, t };

	if (result >= 0 && t->write_next) {
		t->write_next = false;
		result = rig_dma_write_async(d->server, t->second, t->bytes, t->length, t->deadline,
					     done);
		if (result == 0)
			return;
	}
	d->dma.in_flight--;
	command_unref(t->command, result < 0 ? result : 0);
	free(t);
}

static int move_async(struct test_device *d, const struct moves *m, uint32_t i, struct transfer *t)
{
	uint64_t address = m->address + (uint64_t)i * m->stride;
	struct rig_completion done = { transfer_ended, t };
	uint8_t *local = t->bytes;

	if (m->operation == RIG_TEST_DMA_READ || m->operation == RIG_TEST_DMA_WRITE)
		local = m->local + (size_t)i * m->length;
	switch (m->operation) {
	case RIG_TEST_DMA_READ:
		return rig_dma_read_async(d->server, address, local, m->length, m->deadline, done);
	case RIG_TEST_DMA_WRITE:
		return rig_dma_write_async(d->server, address, local, m->length, m->deadline, done);
	case RIG_TEST_DMA_COPY:
		t->second = m->second + (uint64_t)i * m->stride;
		t->write_next = true;
		return rig_dma_read_async(d->server, address, local, m->length, m->deadline, done);
	default:
		memset(local, m->pattern, m->length);
		return rig_dma_write_async(d->server, address, local, m->length, m->deadline, done);
	}
}

static int start_transfer(struct test_device *d, const struct moves *m, uint32_t i,
			  struct command *command)
{
	bool own_bytes = m->operation == RIG_TEST_DMA_COPY || m->operation == RIG_TEST_DMA_FILL;
	struct transfer *t;
	int r;

	if (d->dma.in_flight == DMA_IN_FLIGHT_MAX)
		return -EBUSY;
	t = calloc(1, sizeof(*t) + (own_bytes ? m->length : 0));
	if (!t)
		return -ENOMEM;
	t->command = command;
	t->length = m->length;
	t->deadline = m->deadline;
	command->left++;
	d->dma.in_flight++;
	r = move_async(d, m, i, t);
	if (r < 0) {
		d->dma.in_flight--;
		command->left--;
		free(t);
	}
	return r;
}

static void run_async(struct test_device *d, const struct moves *m)
{
	struct command *command = calloc(1, sizeof(*command));
	int r = command ? 0 : -ENOMEM;

	if (!command) {
		command_done(d, r);
		return;
	}
	command->device = d;
	command->generation = d->dma.generation;
	command->left = 1; /* ours, until all have been started */
	for (uint32_t i = 0; i < m->count && r == 0; i++)
		r = start_transfer(d, m, i, command);
	command_unref(command, r);
}

/*
 * Registers
 */

static bool makes_sense(const struct moves *m, uint32_t command, uint32_t local)
{
	bool uses_local = m->operation == RIG_TEST_DMA_READ || m->operation == RIG_TEST_DMA_WRITE;
	uint64_t total = (uint64_t)m->length * m->count;

	if (command & ~(OPERATION | WAY | RIG_TEST_DMA_HOLD))
		return false;
	if (m->operation < RIG_TEST_DMA_READ || m->operation > RIG_TEST_DMA_FILL ||
	    m->way > RIG_TEST_DMA_ASYNC || (m->hold && m->way != RIG_TEST_DMA_PIN))
		return false;
	if (m->length > LENGTH_MAX ||
	    m->count > (m->way == RIG_TEST_DMA_ASYNC ? DMA_IN_FLIGHT_MAX : MOVES_MAX))
		return false;
	return !uses_local || (total <= RIG_TEST_BAR1_SIZE && local <= RIG_TEST_BAR1_SIZE - total);
}

void dma_command(struct test_device *d, uint32_t command)
{
	const struct register_file *regs = &d->registers;
	uint32_t local = register_get(regs, RIG_TEST_REG_DMA_LOCAL);
	uint32_t count = register_get(regs, RIG_TEST_REG_DMA_COUNT);
	uint32_t timeout_ms = register_get(regs, RIG_TEST_REG_DMA_TIMEOUT_MS);
	struct moves m = {
		.operation = command & OPERATION,
		.way = command & WAY,
		.hold = command & RIG_TEST_DMA_HOLD,
		.address = register_get64(regs, RIG_TEST_REG_DMA_ADDRESS),
		.second = register_get64(regs, RIG_TEST_REG_DMA_SECOND),
		.length = register_get(regs, RIG_TEST_REG_DMA_LENGTH),
		.stride = register_get(regs, RIG_TEST_REG_DMA_STRIDE),
		.count = count ? count : 1,
		.pattern = regs->bytes[RIG_TEST_REG_DMA_PATTERN],
		.deadline = rig_after_ms(timeout_ms ? timeout_ms : TIMEOUT_DEFAULT),
	};

	if (!makes_sense(&m, command, local)) {
		command_done(d, -EINVAL);
		return;
	}
	m.local = d->memory.bytes[RIG_PCI_BAR1];
	if (m.operation == RIG_TEST_DMA_READ || m.operation == RIG_TEST_DMA_WRITE)
		m.local += local;
	if (m.way == RIG_TEST_DMA_ASYNC)
		run_async(d, &m);
	else
		run_now(d, &m);
}
