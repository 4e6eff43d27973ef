/* SPDX-License-Identifier: BSD-3-Clause */
/* test_both_sides_device.c - a busy device: see test_both_sides.h */
#include "test_both_sides.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fds.h"
#include "guest.h"

#define WORKERS	    2u
#define CONNS	    4u
#define REQUESTS    256u
#define RECORD	    (BAR_SIZE + 8u)
#define RECORDS_MAX 4u

/* Deferred: what an answering thread does before it answers. */
enum work {
	WORK_NONE,
	WORK_READ,
	WORK_WRITE,
};

struct deferred {
	struct rig_request *request;
	uint64_t offset;
	enum work work;
};

struct transfer {
	struct device *device;
	size_t index;
	bool busy, writes, hasty;
	unsigned int connection; /* which one it was meant for */
	uint64_t address;
	size_t len;
	uint64_t *buf;
};

struct device {
	struct device_plan plan;
	struct rig_server *server;
	pthread_t server_thread, workers[WORKERS], answerers[WORKERS];
	int wake;
	/* the server's thread */
	uint64_t dice;
	struct rig_conn *conns[CONNS];
	unsigned int events;
	bool drop; /* rig_conn_free() what there is */
	uint8_t stream[RECORDS_MAX * RECORD];
	size_t stream_len, stream_at;
	/* everybody, under the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int next_fd;
	bool end, server_end;
	bool paused, quiet, stopped, lost, full;
	bool mapped[MEMORIES];
	unsigned int in_flight, peak, n_right, connected, connections;
	rig_time broken;	     /* when that was asked for */
	struct rig_request *drained; /* to be answered when nothing is in flight */
	struct transfer transfers[TRANSFERS];
	struct deferred deferred[REQUESTS];
	size_t n_deferred;
	uint8_t bar[BAR_SIZE];
};

static bool toss(uint64_t *dice, uint32_t one_in)
{
	return test_random(dice) % one_in == 0;
}

void both_sides_fill(void *memory, uint64_t address, size_t len)
{
	uint64_t *words = memory;

	for (size_t i = 0; i < len; i++)
		words[i] = both_sides_word(address + 8 * i);
}

bool both_sides_intact(const void *memory, uint64_t address, size_t len)
{
	const uint64_t *words = memory;

	for (size_t i = 0; i < len; i++)
		if (words[i] != both_sides_word(address + 8 * i))
			return false;
	return true;
}

/* --- deferred requests --- */

static int put_off(struct device *d, enum work work, uint64_t offset)
{
	struct rig_request *request = rig_server_defer(d->server);

	must(request);
	pthread_mutex_lock(&d->lock);
	must(d->n_deferred < REQUESTS);
	d->deferred[d->n_deferred++] = (struct deferred) { request, offset, work };
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	return RIG_DEFERRED;
}

/* Locked. */
static void answer_one(struct device *d, uint64_t *dice)
{
	size_t i = test_random(dice) % d->n_deferred, len;
	const struct deferred deferred = d->deferred[i];
	void *data = rig_request_data(deferred.request, &len);

	d->deferred[i] = d->deferred[--d->n_deferred];
	if (deferred.work == WORK_READ)
		memcpy(data, d->bar + deferred.offset, len);
	else if (deferred.work == WORK_WRITE)
		memcpy(d->bar + deferred.offset, data, len);
	pthread_mutex_unlock(&d->lock);
	rig_request_done(deferred.request, 0);
	pthread_mutex_lock(&d->lock);
}

static void *answer(void *opaque)
{
	struct device *d = opaque;
	uint64_t dice = d->plan.seed ^ 0xa115e1;

	pthread_mutex_lock(&d->lock);
	while (!d->end || d->n_deferred > 0) {
		if (d->n_deferred > 0)
			answer_one(d, &dice);
		else
			pthread_cond_wait(&d->changed, &d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* --- transfers --- */

static enum memory memory_of(const struct transfer *tr)
{
	return (enum memory)(tr->address / range_address(MEMORY_HOSTED) - 1);
}

static bool may_fail(const struct transfer *tr, int result)
{
	const struct device_plan *plan = &tr->device->plan;

	if (result == -EAGAIN || (result == -ETIMEDOUT && tr->hasty))
		return true;
	if (plan->kill != KILL_NOT && (result == -ENOTCONN || result == -EFAULT))
		return true;
	return result == -EFAULT && memory_of(tr) == MEMORY_CHURN && !plan->quiesces;
}

static void transfer_over(struct transfer *tr, int result)
{
	struct device *d = tr->device;
	struct rig_request *drained = NULL;

	free(tr->buf);
	pthread_mutex_lock(&d->lock);
	must(tr->busy);
	tr->busy = false;
	d->full = result == -EAGAIN && d->in_flight > 1;
	if (result == -ENOTCONN && tr->connection == d->connections)
		d->lost = true;
	d->n_right += result == 0;
	if (--d->in_flight == 0) {
		drained = d->drained;
		d->drained = NULL;
	}
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	if (drained)
		rig_request_done(drained, 0);
}

static void count_event(struct device *d);
static void transfer_begin(struct transfer *tr);

static void transfer_done(void *opaque, int result)
{
	struct transfer *tr = opaque;
	bool wrote = tr->writes;

	must(pthread_equal(pthread_self(), tr->device->server_thread));
	if (result < 0 && !may_fail(tr, result))
		both_sides_failed(__FILE__, __LINE__, wrote ? "DMA write" : "DMA read", result);
	count_event(tr->device);
	if (result == 0 && wrote) { /* what was written is there */
		tr->writes = false;
		memset(tr->buf, 0, tr->len);
		transfer_begin(tr);
		return;
	}
	must(result < 0 || both_sides_intact(tr->buf, tr->address, tr->len / 8));
	transfer_over(tr, result);
}

static void transfer_begin(struct transfer *tr)
{
	struct rig_server *server = tr->device->server;
	const struct rig_completion done = { transfer_done, tr };
	rig_time deadline = tr->hasty ? rig_now() + 200 : rig_after_ms(60000);
	int r;

	if (tr->writes)
		r = rig_dma_write_async(server, tr->address, tr->buf, tr->len, deadline, done);
	else
		r = rig_dma_read_async(server, tr->address, tr->buf, tr->len, deadline, done);
	if (r == 0)
		return;
	if (!may_fail(tr, r))
		both_sides_failed(__FILE__, __LINE__, "DMA refused", r);
	transfer_over(tr, r);
}

/* Locked. Some part of memory that is mapped. */
static void transfer_aim(struct device *d, struct transfer *tr, uint64_t *dice)
{
	enum memory memory = MEMORY_HOSTED;
	uint64_t page;

	for (int tries = 0; tries < 4 && memory == MEMORY_HOSTED; tries++) {
		enum memory other = test_random(dice) % MEMORIES;

		if (d->mapped[other])
			memory = other;
	}
	page = memory == MEMORY_SCRATCH ? tr->index : test_random(dice) % (TRANSFERS - 2);
	tr->address = range_address(memory) + page * PAGE + 8 * (test_random(dice) % 256);
	tr->len = 8 * (1 + test_random(dice) % 256);
	if (toss(dice, 8) && memory != MEMORY_SCRATCH)
		tr->len += 2 * PAGE - 2048; /* some messages */
	tr->writes = memory == MEMORY_SCRATCH || (memory == MEMORY_CALLED && toss(dice, 4));
	tr->hasty = toss(dice, 16);
}

/* Locked. */
static struct transfer *transfer_take(struct device *d, uint64_t *dice)
{
	if (d->paused || d->quiet || d->stopped || d->lost || d->full || !d->mapped[MEMORY_HOSTED])
		return NULL;
	for (size_t i = 0; i < TRANSFERS; i++) {
		struct transfer *tr = &d->transfers[i];

		if (tr->busy)
			continue;
		*tr = (struct transfer) { d, i, .busy = true, .connection = d->connections };
		transfer_aim(d, tr, dice);
		if (++d->in_flight > d->peak)
			d->peak = d->in_flight;
		return tr;
	}
	return NULL;
}

static void *work(void *opaque)
{
	struct device *d = opaque;
	uint64_t dice = d->plan.seed ^ 0x3042;

	pthread_mutex_lock(&d->lock);
	while (!d->end) {
		struct transfer *tr = transfer_take(d, &dice);

		if (!tr) {
			pthread_cond_wait(&d->changed, &d->lock);
			continue;
		}
		if (toss(&dice, 4))
			must_do(rig_irq_trigger(d->server, RIG_PCI_MSIX_IRQ,
						test_random(&dice) % VECTOR_RUNG));
		pthread_mutex_unlock(&d->lock);
		tr->buf = calloc(1, tr->len);
		must(tr->buf);
		if (tr->writes)
			both_sides_fill(tr->buf, tr->address, tr->len / 8);
		transfer_begin(tr);
		pthread_mutex_lock(&d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* --- callbacks --- */

static void count_event(struct device *d)
{
	if (++d->events != d->plan.at || d->plan.kill == KILL_NOT)
		return;
	pthread_mutex_lock(&d->lock);
	d->broken = rig_now();
	pthread_mutex_unlock(&d->lock);
	if (d->plan.kill == KILL_SERVER)
		d->drop = true;
	else
		eventfd_write(d->plan.killer, 1);
}

/* Quiet ends with the callback that follows. */
static void wake_up(struct device *d)
{
	pthread_mutex_lock(&d->lock);
	d->quiet = false;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static bool in_order(uint64_t offset)
{
	return offset % SLICE >= SLICE / 2;
}

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	struct device *d = opaque;

	wake_up(d);
	count_event(d);
	must(region == RIG_PCI_BAR0);
	if (!in_order(offset) && toss(&d->dice, 2))
		return put_off(d, WORK_READ, offset);
	pthread_mutex_lock(&d->lock);
	memcpy(buf, d->bar + offset, count);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct device *d = opaque;
	uint32_t vector;

	wake_up(d);
	count_event(d);
	must(region == RIG_PCI_BAR0);
	if (!in_order(offset) && toss(&d->dice, 2))
		return put_off(d, WORK_WRITE, offset);
	pthread_mutex_lock(&d->lock);
	memcpy(d->bar + offset, buf, count);
	pthread_mutex_unlock(&d->lock);
	if (offset != DOORBELL)
		return 0;
	memcpy(&vector, buf, sizeof(vector));
	return rig_irq_trigger(d->server, RIG_PCI_MSIX_IRQ, vector);
}

/* What is in the BAR stays: the client goes on using it. */
static int reset(void *opaque, enum rig_reset why)
{
	struct device *d = opaque;

	pthread_mutex_lock(&d->lock);
	d->stopped = false;
	pthread_mutex_unlock(&d->lock);
	wake_up(d);
	return 0;
}

/* Deferred until nothing is in flight, or a while for no reason. Else 0 */
static int drain(struct device *d)
{
	bool flying;

	pthread_mutex_lock(&d->lock);
	flying = d->in_flight > 0;
	if (flying) {
		must(!d->drained);
		d->drained = rig_server_defer(d->server);
		must(d->drained);
	}
	pthread_mutex_unlock(&d->lock);
	if (flying)
		return RIG_DEFERRED;
	return toss(&d->dice, 4) ? put_off(d, WORK_NONE, 0) : 0;
}

static int quiesce(void *opaque)
{
	struct device *d = opaque;

	pthread_mutex_lock(&d->lock);
	d->quiet = true;
	pthread_mutex_unlock(&d->lock);
	return drain(d);
}

static void set_mapped(struct device *d, uint64_t address, uint64_t size, bool mapped)
{
	must(size == RANGE_SIZE);
	for (enum memory i = 0; i < MEMORIES; i++)
		if (range_address(i) == address) {
			pthread_mutex_lock(&d->lock);
			must(d->mapped[i] != mapped);
			d->mapped[i] = mapped;
			pthread_mutex_unlock(&d->lock);
		}
	wake_up(d);
}

static void dma_mapped(void *opaque, uint64_t address, uint64_t size)
{
	set_mapped(opaque, address, size, true);
}

static void dma_unmapping(void *opaque, uint64_t address, uint64_t size)
{
	set_mapped(opaque, address, size, false);
}

static void connected(void *opaque)
{
	struct device *d = opaque;

	pthread_mutex_lock(&d->lock);
	must(d->connected++ == 0);
	d->connections++;
	d->lost = false;
	pthread_mutex_unlock(&d->lock);
}

static void disconnected(void *opaque, int error, const char *reason)
{
	struct device *d = opaque;

	pthread_mutex_lock(&d->lock);
	must(d->connected-- == 1);
	for (enum memory i = 0; i < MEMORIES; i++)
		must(!d->mapped[i]);
	pthread_mutex_unlock(&d->lock);
	wake_up(d);
}

/* --- migration --- */

static void append_record(struct device *d)
{
	uint64_t check = both_sides_word(d->stream_len);

	must(d->stream_len + RECORD <= sizeof(d->stream));
	pthread_mutex_lock(&d->lock);
	memcpy(d->stream + d->stream_len, d->bar, BAR_SIZE);
	pthread_mutex_unlock(&d->lock);
	memcpy(d->stream + d->stream_len + BAR_SIZE, &check, sizeof(check));
	d->stream_len += RECORD;
}

/* Of what was saved only one slice: the client goes on using the others. */
static int load(struct device *d)
{
	size_t slice = SLICE_MIGRATED * SLICE;

	if (d->stream_len == 0 || d->stream_len % RECORD != 0)
		return -EBADMSG;
	pthread_mutex_lock(&d->lock);
	memcpy(d->bar + slice, d->stream + d->stream_len - RECORD + slice, SLICE);
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static int transition(void *opaque, enum rig_migration_state from, enum rig_migration_state to)
{
	struct device *d = opaque;
	bool runs = to == RIG_MIGRATION_RUNNING || to == RIG_MIGRATION_PRE_COPYING;

	if (to == RIG_MIGRATION_RESUMING || to == RIG_MIGRATION_PRE_COPYING ||
	    (to == RIG_MIGRATION_STOP_COPYING && from == RIG_MIGRATION_STOP)) {
		d->stream_len = 0;
		d->stream_at = 0;
	}
	if (to == RIG_MIGRATION_PRE_COPYING || to == RIG_MIGRATION_STOP_COPYING)
		append_record(d);
	if (from == RIG_MIGRATION_RESUMING && load(d) < 0)
		return -EBADMSG;
	pthread_mutex_lock(&d->lock);
	d->stopped = !runs;
	pthread_mutex_unlock(&d->lock);
	wake_up(d);
	if (runs)
		return toss(&d->dice, 4) ? put_off(d, WORK_NONE, 0) : 0;
	return drain(d);
}

static ssize_t read_data(void *opaque, void *buf, size_t size)
{
	struct device *d = opaque;
	size_t left = d->stream_len - d->stream_at;
	size_t n = size < left ? size : left;

	memcpy(buf, d->stream + d->stream_at, n);
	d->stream_at += n;
	return (ssize_t)n;
}

static int write_data(void *opaque, const void *buf, size_t size)
{
	struct device *d = opaque;

	if (size > sizeof(d->stream) - d->stream_len)
		return -EFBIG;
	memcpy(d->stream + d->stream_len, buf, size);
	d->stream_len += size;
	return 0;
}

/* --- the server's thread --- */

static void take_commands(struct device *d)
{
	int fd;

	eventfd_take(d->wake);
	pthread_mutex_lock(&d->lock);
	fd = d->next_fd;
	d->next_fd = -1;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	if (fd < 0)
		return;
	for (size_t i = 0; i < CONNS; i++)
		if (!d->conns[i]) {
			must_do(rig_server_connect(d->server, fd, &d->conns[i]));
			return;
		}
	must(!"there is room for a connection");
}

static void conn_end(struct device *d, size_t i)
{
	rig_conn_free(d->conns[i]);
	d->conns[i] = NULL;
}

static void dispatch(struct device *d, size_t i, short revents)
{
	bool over = rig_conn_dispatch(d->conns[i], revents) < 0;

	if (d->drop || over)
		conn_end(d, i);
	d->drop = false;
}

static bool server_ends(struct device *d)
{
	bool end;

	pthread_mutex_lock(&d->lock);
	end = d->server_end;
	pthread_mutex_unlock(&d->lock);
	for (size_t i = 0; i < CONNS; i++)
		end = end && !d->conns[i];
	return end;
}

static void *serve(void *opaque)
{
	struct device *d = opaque;

	while (!server_ends(d)) {
		struct pollfd p[CONNS + 1];

		for (size_t i = 0; i < CONNS; i++)
			p[i] = d->conns[i] ? (struct pollfd) { rig_conn_fd(d->conns[i]),
							       rig_conn_events(d->conns[i]), 0 }
					   : (struct pollfd) { .fd = -1 };
		p[CONNS] = (struct pollfd) { d->wake, POLLIN, 0 };
		must(poll(p, CONNS + 1, 60000) > 0);
		for (size_t i = 0; i < CONNS; i++)
			if (p[i].revents)
				dispatch(d, i, p[i].revents);
		if (p[CONNS].revents)
			take_commands(d);
	}
	return NULL;
}

/* --- from outside --- */

static const struct rig_device_ops *device_ops(bool quiesces)
{
#define COMMON                                                                            \
	.region_read = region_read, .region_write = region_write, .reset = reset,         \
	.dma_mapped = dma_mapped, .dma_unmapping = dma_unmapping, .connected = connected, \
	.disconnected = disconnected
	static const struct rig_device_ops plain = { COMMON };
	static const struct rig_device_ops quiescing = { COMMON, .quiesce = quiesce };
#undef COMMON

	return quiesces ? &quiescing : &plain;
}

static struct rig_server *server_new(struct device *d)
{
	static const struct rig_region regions[RIG_PCI_REGIONS] = {
		[RIG_PCI_BAR0] = { .size = BAR_SIZE, .flags = RIG_REGION_READ | RIG_REGION_WRITE },
		[RIG_PCI_CONFIG] = { .size = 256, .flags = RIG_REGION_READ },
	};
	static const struct rig_irq irqs[RIG_PCI_IRQS] = {
		[RIG_PCI_MSIX_IRQ] = { VECTORS, RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE },
	};
	static const struct rig_migration_ops migration = {
		transition,
		read_data,
		write_data,
		RIG_MIGRATION_STOP_COPY | RIG_MIGRATION_PRE_COPY,
	};
	const struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_PCI | RIG_DEVICE_RESET,
		.regions = regions,
		.n_regions = RIG_PCI_REGIONS,
		.irqs = irqs,
		.n_irqs = RIG_PCI_IRQS,
		.ops = device_ops(d->plan.quiesces),
		.opaque = d,
		.migration = &migration,
	};
	struct rig_server *server;

	must_do(rig_server_new(&device, &server));
	return server;
}

struct device *device_start(const struct device_plan *plan)
{
	struct device *d = calloc(1, sizeof(*d));

	must(d);
	d->plan = *plan;
	d->dice = plan->seed ^ 0xde71ce;
	d->next_fd = -1;
	d->paused = true;
	d->wake = test_eventfd();
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	for (uint64_t i = 0; i < SLICE; i++)
		d->bar[SLICE_CONSTANT * SLICE + i] = both_sides_constant(i);
	d->server = server_new(d);
	must(pthread_create(&d->server_thread, NULL, serve, d) == 0);
	for (size_t i = 0; i < WORKERS; i++) {
		must(pthread_create(&d->workers[i], NULL, work, d) == 0);
		must(pthread_create(&d->answerers[i], NULL, answer, d) == 0);
	}
	return d;
}

void device_serve(struct device *d, int fd)
{
	pthread_mutex_lock(&d->lock);
	while (d->next_fd >= 0)
		pthread_cond_wait(&d->changed, &d->lock);
	d->next_fd = fd;
	pthread_mutex_unlock(&d->lock);
	eventfd_write(d->wake, 1);
}

void device_work(struct device *d, bool may_work)
{
	pthread_mutex_lock(&d->lock);
	d->paused = !may_work;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

bool device_idle(struct device *d)
{
	bool idle;

	pthread_mutex_lock(&d->lock);
	idle = d->in_flight == 0;
	pthread_mutex_unlock(&d->lock);
	return idle;
}

unsigned int device_transfers(struct device *d)
{
	unsigned int n;

	pthread_mutex_lock(&d->lock);
	n = d->n_right;
	pthread_mutex_unlock(&d->lock);
	return n;
}

rig_time device_broken(struct device *d)
{
	rig_time broken;

	pthread_mutex_lock(&d->lock);
	broken = d->broken;
	pthread_mutex_unlock(&d->lock);
	return broken;
}

void device_stop(struct device *d)
{
	pthread_mutex_lock(&d->lock);
	d->server_end = true;
	pthread_mutex_unlock(&d->lock);
	eventfd_write(d->wake, 1);
	pthread_join(d->server_thread, NULL);
	pthread_mutex_lock(&d->lock);
	d->end = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	for (size_t i = 0; i < WORKERS; i++) {
		pthread_join(d->workers[i], NULL);
		pthread_join(d->answerers[i], NULL);
	}
	must(d->peak > TRANSFERS / 2); /* it was busy, as it is meant to be */
	must(d->connected == 0 && d->in_flight == 0 && !d->drained && d->n_deferred == 0);
	rig_server_free(d->server);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	close(d->wake);
	free(d);
}
