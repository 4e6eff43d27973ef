/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_both_sides.c - a client and a server with everything going on at once
 *
 *	vCPUs     8 threads: accesses of all kinds        a busy device with
 *	migrator  saves and restores the device      <->  64 messages for guest memory in flight:
 *	mapper    maps, unmaps, masks, rings              see test_both_sides.h
 *	keeper    answers what callbacks deferred
 *	loop      dispatches, if there is one; else the main thread waits for replies all the time
 *
 * What has to hold: each access gets its own data; each call is over exactly once, each completion
 * runs once, in the thread that it may run in, without the library in the way of an application's
 * lock; memory that was unmapped is not touched (it is gone by then); and all of it comes to an
 * end, for every call has a deadline that none may reach.
 *
 * Then the same with the connection broken in the middle, and a reconnect.
 *
 *	BOTH_SIDES_SEED=n	what this run's is based on; printed, also when something fails
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "fds.h"
#include "guest.h"
#include "test_both_sides.h"
#include <outrigger/client.h>

#define VCPUS	      8u
#define ASYNCS	      4u   /* of a vCPU, at a time */
#define ROUNDS	      120u /* of a vCPU; of the others a part of it */
#define KEPT	      256u
#define AT_ONCE_US    (20u * 1000 * 1000) /* on a busy machine; a deadline is three times that */
#define WATCHDOG_S    100
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct mode {
	uint32_t flags; /* RIG_CLIENT_... */
	bool loop;
	uint32_t poll_us;
	bool big_lock;
	bool quiesces;
};

/* Every combination of the two flags and the loop; the others vary along. */
static const struct mode modes[] = {
	{ 0, true, 0, false, true },
	{ 0, false, 0, true, false },
	{ RIG_CLIENT_DISPATCH_ONLY, true, 0, true, true },
	{ RIG_CLIENT_DISPATCH_ONLY, false, 50, false, false },
	{ RIG_CLIENT_TWIN_SOCKET, true, 50, true, false },
	{ RIG_CLIENT_TWIN_SOCKET, false, 50, false, true },
	{ RIG_CLIENT_TWIN_SOCKET | RIG_CLIENT_DISPATCH_ONLY, true, 0, false, false },
	{ RIG_CLIENT_TWIN_SOCKET | RIG_CLIENT_DISPATCH_ONLY, false, 0, true, true },
};

struct traffic;

struct async {
	struct traffic *traffic;
	bool busy; /* the vCPU's: it was started, and not looked at since */
	bool cancelled, nests;
	uint64_t offset;
	size_t len;
	uint8_t *buf;
	atomic_uint ran;
	int result; /* once it ran */
};

struct vcpu {
	struct traffic *traffic;
	pthread_t thread;
	unsigned int index;
	uint64_t dice;
	struct async asyncs[ASYNCS];
};

struct traffic {
	const struct mode *mode;
	struct device_plan plan;
	bool unlimited; /* until the connection breaks */
	struct device *device;
	struct rig_client *client;
	int socket; /* a duplicate, to break the connection with; -1 */
	struct vcpu vcpus[VCPUS];
	pthread_t migrator, mapper, keeper, loop, killer;
	pthread_mutex_t big_lock;
	pthread_t dispatcher, reconnector;
	atomic_bool reconnecting; /* until the loop took over */
	atomic_uint dispatches;	  /* of the loop */
	pthread_barrier_t looping;
	int wake;
	int irqs[VECTORS];
	uint64_t *memory[MEMORIES];
	atomic_bool loop_ends;
	atomic_uint running, disconnects;
	/* the keeper's, under its lock */
	pthread_mutex_t kept_lock;
	pthread_cond_t kept_changed;
	struct rig_request *kept[KEPT];
	uint64_t kept_address[KEPT];
	size_t n_kept;
	bool keeper_ends;
};

/* --- what goes wrong --- */

static char running_as[160] = "no mode yet";

void both_sides_failed(const char *file, int line, const char *what, long value)
{
	fprintf(stderr, "# %s\n# %s:%d: %s: %ld (%s)\n", running_as, file, line, what, value,
		strerror((int)-value));
	abort();
}

static void on_alarm(int signal)
{
	static const char text[] = "# it came to no end: ";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)!write(STDERR_FILENO, running_as, strlen(running_as));
	abort();
}

static rig_time soon(void)
{
	return rig_after_ms(60000);
}

static bool toss(uint64_t *dice, uint32_t one_in)
{
	return test_random(dice) % one_in == 0;
}

/* --- the application's lock --- */

static _Thread_local bool holding, released;

/* By the clock, which this function goes by: somebody who waits with the lock held is found out. */
static void big_lock(struct traffic *t)
{
	struct timespec limit;

	if (!t->mode->big_lock)
		return;
	must(!holding && !released);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 40;
	must(pthread_mutex_timedlock(&t->big_lock, &limit) == 0);
	holding = true;
}

static void big_unlock(struct traffic *t)
{
	if (!t->mode->big_lock)
		return;
	must(holding && !released);
	holding = false;
	must(pthread_mutex_unlock(&t->big_lock) == 0);
}

static bool on_release(void *opaque)
{
	must(!released);
	if (!holding)
		return false;
	big_unlock(opaque);
	released = true;
	return true;
}

static void on_take(void *opaque)
{
	must(released);
	released = false;
	big_lock(opaque);
}

/* --- what the client calls back --- */

static bool may_call_back(struct traffic *t)
{
	if (!(t->mode->flags & RIG_CLIENT_DISPATCH_ONLY))
		return true;
	return pthread_equal(pthread_self(), t->dispatcher) ||
	       (atomic_load(&t->reconnecting) && pthread_equal(pthread_self(), t->reconnector));
}

/* Every callback: the lock is back, and the thread is the right one. */
static void check_callback(struct traffic *t)
{
	must(!released);
	must(may_call_back(t));
}

static struct rig_request *keep(struct traffic *t, uint64_t address)
{
	struct rig_request *request = rig_client_defer(t->client);

	must(request);
	pthread_mutex_lock(&t->kept_lock);
	must(t->n_kept < KEPT);
	t->kept_address[t->n_kept] = address;
	t->kept[t->n_kept++] = request;
	pthread_cond_signal(&t->kept_changed);
	pthread_mutex_unlock(&t->kept_lock);
	return request;
}

static int on_dma_read(void *opaque, uint64_t address, void *buf, size_t count)
{
	struct traffic *t = opaque;

	check_callback(t);
	if ((address / 8) % 3 == 0)
		return keep(t, address) ? RIG_DEFERRED : -ENOMEM;
	both_sides_fill(buf, address, count / 8);
	return 0;
}

static int on_dma_write(void *opaque, uint64_t address, const void *buf, size_t count)
{
	check_callback(opaque);
	must(both_sides_intact(buf, address, count / 8));
	return 0;
}

static void on_disconnected(void *opaque, int error, const char *reason)
{
	struct traffic *t = opaque;

	check_callback(t);
	atomic_fetch_add(&t->disconnects, 1);
}

static void on_wants_changed(void *opaque)
{
	eventfd_write(((struct traffic *)opaque)->wake, 1);
}

static const struct rig_client_ops ops = {
	.dma_read = on_dma_read,
	.dma_write = on_dma_write,
	.disconnected = on_disconnected,
	.wants_changed = on_wants_changed,
};

static const struct rig_client_ops ops_big_lock = {
	.release = on_release,
	.take = on_take,
	.dma_read = on_dma_read,
	.dma_write = on_dma_write,
	.disconnected = on_disconnected,
	.wants_changed = on_wants_changed,
};

static void *answer_kept(void *opaque)
{
	struct traffic *t = opaque;
	uint64_t dice = t->plan.seed ^ 0x6ee9e6;

	pthread_mutex_lock(&t->kept_lock);
	while (!t->keeper_ends || t->n_kept > 0) {
		struct rig_request *request;
		size_t i, len;
		void *data;

		if (t->n_kept == 0) {
			pthread_cond_wait(&t->kept_changed, &t->kept_lock);
			continue;
		}
		i = test_random(&dice) % t->n_kept;
		request = t->kept[i];
		data = rig_request_data(request, &len);
		both_sides_fill(data, t->kept_address[i], len / 8);
		t->kept[i] = t->kept[--t->n_kept];
		t->kept_address[i] = t->kept_address[t->n_kept];
		pthread_mutex_unlock(&t->kept_lock);
		rig_request_done(request, 0);
		pthread_mutex_lock(&t->kept_lock);
	}
	pthread_mutex_unlock(&t->kept_lock);
	return NULL;
}

/* --- calls --- */

/*
 * The result of a call between big_lock() and here. Return: did it succeed? Otherwise the connection is
 * broken, as it may be.
 */
static bool went_well(struct traffic *t, int r, const char *what)
{
	big_unlock(t);
	if (r >= 0)
		return true;
	if (r != -ENOTCONN || t->plan.kill == KILL_NOT)
		both_sides_failed(__FILE__, __LINE__, what, r);
	return false;
}

static bool write_slice(struct traffic *t, uint64_t offset, const void *buf, size_t len)
{
	big_lock(t);
	return went_well(t,
			 rig_client_region_write(t->client, RIG_PCI_BAR0, offset, buf, len, soon()),
			 "region write");
}

static bool post_slice(struct traffic *t, uint64_t offset, const void *buf, size_t len)
{
	big_lock(t);
	return went_well(t,
			 rig_client_region_post(t->client, RIG_PCI_BAR0, offset, buf, len, soon()),
			 "region post");
}

static bool read_slice(struct traffic *t, uint64_t offset, void *buf, size_t len)
{
	big_lock(t);
	return went_well(t,
			 rig_client_region_read(t->client, RIG_PCI_BAR0, offset, buf, len, soon()),
			 "region read");
}

static void check_constant(const uint8_t *buf, uint64_t offset, size_t len)
{
	for (size_t i = 0; i < len; i++)
		must(buf[i] == both_sides_constant(offset + i));
}

static bool read_constant(struct traffic *t)
{
	uint8_t buf[16];

	if (!read_slice(t, SLICE_CONSTANT * SLICE + 40, buf, sizeof(buf)))
		return false;
	check_constant(buf, 40, sizeof(buf));
	return true;
}

/* --- vCPUs --- */

/* Where the lower half of its slice is; posted ones go to the upper half, where order is kept. */
static uint64_t slice_of(const struct vcpu *v)
{
	return v->index * SLICE;
}

static bool write_and_read(struct vcpu *v)
{
	bool posted = toss(&v->dice, 3);
	uint64_t offset = slice_of(v) + (posted ? SLICE / 2 : 0) + test_random(&v->dice) % 200;
	size_t len = 1 + test_random(&v->dice) % 300;
	uint8_t out[300], in[300];

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)test_random(&v->dice);
	if (!(posted ? post_slice : write_slice)(v->traffic, offset, out, len) ||
	    !read_slice(v->traffic, offset, in, len))
		return false;
	must(memcmp(in, out, len) == 0);
	return true;
}

static bool read_in_a_hurry(struct vcpu *v)
{
	struct traffic *t = v->traffic;
	uint64_t offset = test_random(&v->dice) % 256;
	rig_time deadline = rig_now() + test_random(&v->dice) % 400;
	uint8_t buf[256];
	int r;

	big_lock(t);
	r = rig_client_region_read(t->client, RIG_PCI_BAR0, SLICE_CONSTANT * SLICE + offset, buf,
				   sizeof(buf), deadline);
	if (r == 0)
		check_constant(buf, offset, sizeof(buf));
	return went_well(t, r == -ETIMEDOUT ? 0 : r, "hasty region read");
}

static void async_done(void *opaque, int result)
{
	struct async *a = opaque;
	struct traffic *t = a->traffic;
	uint8_t buf[32];

	check_callback(t);
	must(atomic_load(&a->ran) == 0);
	if (a->nests) { /* without the lock's wrapper: this thread may have it, and may not */
		int r = rig_client_region_read(t->client, RIG_PCI_BAR0, SLICE_CONSTANT * SLICE, buf,
					       sizeof(buf), soon());

		if (r < 0 && (r != -ENOTCONN || t->plan.kill == KILL_NOT))
			both_sides_failed(__FILE__, __LINE__, "nested region read", r);
		if (r == 0)
			check_constant(buf, 0, sizeof(buf));
	}
	a->result = result;
	must(atomic_fetch_add(&a->ran, 1) == 0);
}

/* Return: is it over? */
static bool async_reap(struct async *a)
{
	const struct device_plan *plan = &a->traffic->plan;

	if (atomic_load(&a->ran) == 0)
		return false;
	must(a->result == 0 || (a->result == -ECANCELED && a->cancelled) ||
	     (a->result == -ENOTCONN && plan->kill != KILL_NOT));
	if (a->result == 0)
		check_constant(a->buf, a->offset, a->len);
	free(a->buf);
	a->busy = false;
	return true;
}

static bool read_async(struct vcpu *v)
{
	struct async *a = &v->asyncs[test_random(&v->dice) % ASYNCS];
	struct rig_completion done = { async_done, a };
	rig_call call = 0;
	int r;

	if (a->busy && !async_reap(a))
		return true;
	a->traffic = v->traffic;
	a->offset = test_random(&v->dice) % 256;
	a->len = 1 + test_random(&v->dice) % 256;
	a->buf = malloc(a->len);
	a->cancelled = toss(&v->dice, 4);
	a->nests = toss(&v->dice, 8);
	a->busy = true;
	atomic_store(&a->ran, 0);
	big_lock(v->traffic);
	r = rig_client_region_read_async(v->traffic->client, RIG_PCI_BAR0,
					 SLICE_CONSTANT * SLICE + a->offset, a->buf, a->len, soon(),
					 done, &call);
	if (r == 0 && a->cancelled)
		rig_client_cancel(v->traffic->client, call);
	if (r < 0) {
		free(a->buf);
		a->busy = false;
	}
	return went_well(v->traffic, r, "asynchronous region read");
}

static void *run_vcpu(void *opaque)
{
	struct vcpu *v = opaque;
	bool well = true;

	for (unsigned int i = 0; well && (i < ROUNDS || v->traffic->unlimited); i++) {
		switch (test_random(&v->dice) % 8) {
		case 0:
			well = read_in_a_hurry(v);
			break;
		case 1:
		case 2:
		case 3:
			well = read_async(v);
			break;
		default:
			well = write_and_read(v);
		}
	}
	atomic_fetch_sub(&v->traffic->running, 1);
	return NULL;
}

/* --- the migrator --- */

#define RECORD (BAR_SIZE + 8u)

static bool set_state(struct traffic *t, enum rig_migration_state state)
{
	big_lock(t);
	return went_well(t, rig_client_migration_set_state(t->client, state, soon()), "transition");
}

/* Until there is no more, or limit bytes. */
static bool read_state(struct traffic *t, uint8_t *stream, size_t limit, size_t *len)
{
	ssize_t r;

	do {
		size_t room = limit - *len < 5000 ? limit - *len : 5000;

		big_lock(t);
		r = rig_client_migration_read(t->client, stream + *len, room, soon());
		if (!went_well(t, (int)r, "migration data"))
			return false;
		*len += (size_t)r;
	} while (r > 0 && *len < limit);
	return true;
}

/* The device's state comes back, after its slice was overwritten. */
static bool restore(struct traffic *t, const uint8_t *stream, size_t len)
{
	uint8_t noise[SLICE];

	memset(noise, 0x5a, sizeof(noise));
	if (!write_slice(t, SLICE_MIGRATED * SLICE, noise, sizeof(noise)) ||
	    !set_state(t, RIG_MIGRATION_RESUMING))
		return false;
	big_lock(t);
	return went_well(t, rig_client_migration_write(t->client, stream, len, soon()),
			 "migration data") &&
	       set_state(t, RIG_MIGRATION_STOP);
}

static bool migrate(struct traffic *t, uint64_t *dice)
{
	static uint8_t stream[4 * RECORD];
	const uint64_t slice = SLICE_MIGRATED * SLICE;
	uint8_t before[SLICE], after[SLICE];
	size_t len = 0;

	for (size_t i = 0; i < SLICE; i++)
		before[i] = (uint8_t)test_random(dice);
	if (!write_slice(t, slice, before, SLICE) || !set_state(t, RIG_MIGRATION_PRE_COPYING) ||
	    !read_state(t, stream, 1 + test_random(dice) % RECORD, &len) ||
	    !set_state(t, RIG_MIGRATION_STOP_COPYING) ||
	    !read_state(t, stream, sizeof(stream), &len) || !set_state(t, RIG_MIGRATION_STOP))
		return false;
	must(len == 2 * RECORD && memcmp(stream + RECORD + slice, before, SLICE) == 0);
	if (toss(dice, 2) && !restore(t, stream, len))
		return false;
	if (!set_state(t, RIG_MIGRATION_RUNNING) || !read_slice(t, slice, after, SLICE))
		return false;
	must(memcmp(after, before, SLICE) == 0);
	return true;
}

static void *run_migrator(void *opaque)
{
	struct traffic *t = opaque;
	uint64_t dice = t->plan.seed ^ 0x319;
	bool well = true;

	for (unsigned int i = 0; well && (i < ROUNDS / 10 || t->unlimited); i++)
		well = migrate(t, &dice);
	atomic_fetch_sub(&t->running, 1);
	return NULL;
}

/* --- the mapper --- */

static bool map(struct traffic *t, enum memory memory, void *host, int fd)
{
	const struct rig_dma_region region = {
		.address = range_address(memory),
		.size = RANGE_SIZE,
		.flags = RIG_DMA_READ | RIG_DMA_WRITE,
		.fd = fd,
		.host = host,
	};

	big_lock(t);
	return went_well(t, rig_client_dma_map(t->client, &region, soon()), "map");
}

static bool ring(struct traffic *t)
{
	const uint32_t vector = VECTOR_RUNG;

	if (!write_slice(t, DOORBELL, &vector, sizeof(vector)))
		return false;
	must(eventfd_take(t->irqs[vector]) >= 1);
	return true;
}

static bool mask(struct traffic *t, uint32_t action)
{
	big_lock(t);
	return went_well(t,
			 rig_client_set_irqs(t->client, RIG_PCI_MSIX_IRQ,
					     RIG_SET_IRQS_DATA_NONE | action, 1, 2, NULL, soon()),
			 "masking");
}

/* Memory whose unmap returned is no memory any more. */
static bool churn(struct traffic *t, uint64_t *dice)
{
	int fd = test_memfd(RANGE_SIZE);
	uint64_t *host = mmap(NULL, RANGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	bool well;

	must(fd >= 0 && host != MAP_FAILED);
	both_sides_fill(host, range_address(MEMORY_CHURN), RANGE_SIZE / 8);
	well = map(t, MEMORY_CHURN, host, toss(dice, 3) ? fd : -1);
	if (well) {
		for (uint32_t i = test_random(dice) % 6; i > 0 && well; i--)
			well = read_constant(t);
		big_lock(t);
		well = went_well(t,
				 rig_client_dma_unmap(t->client, range_address(MEMORY_CHURN),
						      RANGE_SIZE, soon()),
				 "unmap");
	}
	munmap(host, RANGE_SIZE);
	close(fd);
	return well;
}

static void *run_mapper(void *opaque)
{
	struct traffic *t = opaque;
	uint64_t dice = t->plan.seed ^ 0xca97;
	bool well = true;

	for (unsigned int i = 0; well && (i < ROUNDS / 5 || t->unlimited); i++)
		well = churn(t, &dice) && ring(t) && mask(t, RIG_SET_IRQS_MASK) &&
		       mask(t, RIG_SET_IRQS_UNMASK);
	atomic_fetch_sub(&t->running, 1);
	return NULL;
}

/* --- who dispatches --- */

static int until(rig_time deadline)
{
	rig_time now = rig_now();

	if (deadline == RIG_FOREVER)
		return 60000;
	return deadline <= now ? 0 : (int)((deadline - now) / 1000 + 1);
}

static void dispatch(struct traffic *t)
{
	big_lock(t);
	(void)rig_client_dispatch(t->client);
	big_unlock(t);
	atomic_fetch_add(&t->dispatches, 1);
}

static void *run_loop(void *opaque)
{
	struct traffic *t = opaque;

	t->dispatcher = pthread_self();
	dispatch(t);
	pthread_barrier_wait(&t->looping);
	while (!atomic_load(&t->loop_ends)) {
		struct pollfd p[] = {
			{ rig_client_fd(t->client), rig_client_events(t->client), 0 },
			{ t->wake, POLLIN, 0 },
		};

		if (p[0].events == 0)
			p[0].fd = -1;
		must(poll(p, 2, until(rig_client_deadline(t->client))) >= 0);
		eventfd_take(t->wake);
		dispatch(t);
	}
	return NULL;
}

/* --- breaking the connection --- */

static void *run_killer(void *opaque)
{
	struct traffic *t = opaque;
	struct pollfd p = { t->plan.killer, POLLIN, 0 };

	must(poll(&p, 1, 60000) == 1);
	if (t->plan.kill == KILL_SHUTDOWN)
		shutdown(t->socket, SHUT_RDWR);
	else
		rig_client_disconnect(t->client);
	return NULL;
}

static bool has_killer(const struct traffic *t)
{
	return t->plan.kill == KILL_SHUTDOWN || t->plan.kill == KILL_DISCONNECT;
}

/* --- the whole --- */

static void start(pthread_t *thread, void *(*run)(void *opaque), void *opaque)
{
	must(pthread_create(thread, NULL, run, opaque) == 0);
}

/* Return: the client's end */
static int new_socket(struct traffic *t)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	device_serve(t->device, pair[1]);
	return pair[0];
}

static void plug(struct traffic *t)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.flags = t->mode->flags,
		.max_data_xfer_size = 4096,
		.poll_us = t->mode->poll_us,
		.ops = t->mode->big_lock ? &ops_big_lock : &ops,
		.opaque = t,
	};
	int fd = new_socket(t);

	t->dispatcher = pthread_self();
	t->socket = t->plan.kill == KILL_SHUTDOWN ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	must_do(rig_client_new(fd, &config, soon(), &t->client, NULL));
	if (t->mode->loop) {
		pthread_barrier_init(&t->looping, NULL, 2);
		start(&t->loop, run_loop, t);
		pthread_barrier_wait(&t->looping);
	}
}

/* Before the connection can break. */
static void equip(struct traffic *t)
{
	must_do(rig_client_set_irqs(t->client, RIG_PCI_MSIX_IRQ,
				    RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER, 0, VECTORS,
				    t->irqs, soon()));
	must(map(t, MEMORY_CALLED, NULL, -1));
	must(map(t, MEMORY_SCRATCH, t->memory[MEMORY_SCRATCH], -1));
	must(map(t, MEMORY_HOSTED, t->memory[MEMORY_HOSTED], -1));
	device_work(t->device, true);
}

static void start_all(struct traffic *t)
{
	atomic_store(&t->running, VCPUS + 2);
	for (unsigned int i = 0; i < VCPUS; i++) {
		t->vcpus[i].traffic = t;
		t->vcpus[i].index = i;
		t->vcpus[i].dice = t->plan.seed ^ (i + 1) * 0x77;
		start(&t->vcpus[i].thread, run_vcpu, &t->vcpus[i]);
	}
	start(&t->migrator, run_migrator, t);
	start(&t->mapper, run_mapper, t);
}

static void join_all(struct traffic *t)
{
	for (unsigned int i = 0; i < VCPUS; i++)
		pthread_join(t->vcpus[i].thread, NULL);
	pthread_join(t->migrator, NULL);
	pthread_join(t->mapper, NULL);
}

/* Completions of vCPUs that are gone. Return: have all run? */
static bool reap_all(struct traffic *t)
{
	bool all = true;

	for (unsigned int i = 0; i < VCPUS; i++)
		for (unsigned int k = 0; k < ASYNCS; k++) {
			struct async *a = &t->vcpus[i].asyncs[k];

			all = (!a->busy || async_reap(a)) && all;
		}
	return all;
}

/* Without a loop things go on while somebody waits: that is us. */
static void go_on(struct traffic *t)
{
	if (t->mode->loop || !read_constant(t))
		sched_yield();
}

static void run_traffic(struct traffic *t)
{
	start_all(t);
	while (!t->mode->loop && atomic_load(&t->running) > 0)
		go_on(t);
	join_all(t);
}

/* Everybody is done; the device has time for some more of its own. */
static void run_down(struct traffic *t)
{
	unsigned int enough = device_transfers(t->device) + 2 * TRANSFERS;
	rig_time limit = soon();

	while (device_transfers(t->device) < enough && rig_now() < limit)
		go_on(t);
	must(device_transfers(t->device) >= enough);
	device_work(t->device, false);
	while (!(device_idle(t->device) && reap_all(t)) && rig_now() < limit)
		go_on(t);
	must(device_idle(t->device) && reap_all(t));
}

/* The connection is over: what was under way is called back, and that it is over. */
static void see_the_end(struct traffic *t, unsigned int disconnects)
{
	rig_time limit = soon();

	while (!(reap_all(t) && atomic_load(&t->disconnects) == disconnects) && rig_now() < limit) {
		if (!t->mode->loop)
			dispatch(t);
		sched_yield();
	}
	must(reap_all(t) && atomic_load(&t->disconnects) == disconnects);
	must(rig_client_error(t->client) < 0);
}

/* A connection is dispatched by who made it until the loop does. */
static void hand_over(struct traffic *t)
{
	unsigned int n = atomic_load(&t->dispatches) + 2;

	while (t->mode->loop && (int)(atomic_load(&t->dispatches) - n) < 0) {
		eventfd_write(t->wake, 1);
		sched_yield();
	}
	atomic_store(&t->reconnecting, false);
}

/* The server may have to wait for what its device does with the client before. */
static void reconnect(struct traffic *t)
{
	rig_time limit = soon();
	int r;

	t->reconnector = pthread_self();
	atomic_store(&t->reconnecting, true);
	do {
		big_lock(t);
		r = rig_client_reconnect(t->client, new_socket(t), soon());
		big_unlock(t);
	} while (r == -EBUSY && rig_now() < limit);
	must_do(r);
	must_do(rig_client_error(t->client));
	hand_over(t);
}

/* The device is where migration left it, which may be before a state that is not whole. */
static void run_again(struct traffic *t)
{
	int r;

	big_lock(t);
	r = rig_client_migration_set_state(t->client, RIG_MIGRATION_RUNNING, soon());
	if (r == -EBADMSG)
		r = rig_client_reset(t->client, soon());
	big_unlock(t);
	must_do(r);
}

static void unplug(struct traffic *t)
{
	if (t->mode->loop) {
		atomic_store(&t->loop_ends, true);
		eventfd_write(t->wake, 1);
		pthread_join(t->loop, NULL);
		pthread_barrier_destroy(&t->looping);
	}
	/* Whose thread the callbacks of this are is up to whoever frees. */
	t->dispatcher = pthread_self();
	rig_client_free(t->client);
}

static void traffic_init(struct traffic *t)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&t->big_lock, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_mutex_init(&t->kept_lock, NULL);
	pthread_cond_init(&t->kept_changed, NULL);
	t->wake = test_eventfd();
	t->plan.killer = test_eventfd();
	for (size_t i = 0; i < VECTORS; i++)
		t->irqs[i] = test_eventfd();
	t->memory[MEMORY_SCRATCH] = calloc(1, RANGE_SIZE);
	t->memory[MEMORY_HOSTED] = calloc(1, RANGE_SIZE);
	both_sides_fill(t->memory[MEMORY_HOSTED], range_address(MEMORY_HOSTED), RANGE_SIZE / 8);
	start(&t->keeper, answer_kept, t);
	t->device = device_start(&t->plan);
	plug(t);
}

static void traffic_end(struct traffic *t)
{
	unplug(t);
	device_stop(t->device);
	pthread_mutex_lock(&t->kept_lock);
	t->keeper_ends = true;
	pthread_cond_signal(&t->kept_changed);
	pthread_mutex_unlock(&t->kept_lock);
	pthread_join(t->keeper, NULL);
	for (size_t i = 0; i < VECTORS; i++) {
		must(i == VECTOR_RUNG || eventfd_take(t->irqs[i]) > 0);
		close(t->irqs[i]);
	}
	free(t->memory[MEMORY_SCRATCH]);
	free(t->memory[MEMORY_HOSTED]);
	close(t->wake);
	close(t->plan.killer);
	pthread_cond_destroy(&t->kept_changed);
	pthread_mutex_destroy(&t->kept_lock);
	pthread_mutex_destroy(&t->big_lock);
}

/* --- tests --- */

static uint64_t seed;

static void run(const struct mode *mode, enum kill kill)
{
	struct traffic *t = calloc(1, sizeof(*t));
	uint64_t dice = seed ^ (uint64_t)(mode - modes) ^ (uint64_t)kill << 8;
	int open_before = fds_open();

	must(t);
	snprintf(running_as, sizeof(running_as),
		 "BOTH_SIDES_SEED=%llu, mode %zu (flags %#x%s%s%s), kill %d",
		 (unsigned long long)seed, (size_t)(mode - modes), mode->flags,
		 mode->loop ? ", loop" : "", mode->poll_us ? ", poll" : "",
		 mode->big_lock ? ", lock" : "", kill);
	t->mode = mode;
	t->plan = (struct device_plan) { dice, mode->quiesces, kill, .at = 0 };
	t->plan.at = 50 + test_random(&dice) % 1000;
	t->unlimited = kill != KILL_NOT;
	traffic_init(t);
	equip(t);
	if (has_killer(t))
		start(&t->killer, run_killer, t);
	run_traffic(t);
	if (has_killer(t))
		pthread_join(t->killer, NULL);
	if (t->socket >= 0)
		close(t->socket);
	if (kill != KILL_NOT) {
		must(rig_now() < device_broken(t->device) + AT_ONCE_US);
		see_the_end(t, 1);
		reconnect(t);
		run_again(t);
		t->unlimited = false;
		run_traffic(t);
	}
	run_down(t);
	must(atomic_load(&t->disconnects) == (kill != KILL_NOT));
	traffic_end(t);
	must(atomic_load(&t->disconnects) == 1 + (kill != KILL_NOT));
	free(t);
	assert_int_equal(fds_open(), open_before);
}

static void everything_goes_on_at_once(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		run(&modes[i], KILL_NOT);
}

static void a_connection_that_breaks_leaves_nothing_behind(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		run(&modes[i], (enum kill)(1 + (i + seed) % (KILLS - 1)));
}

int main(void)
{
	const char *asked = getenv("BOTH_SIDES_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_goes_on_at_once),
		cmocka_unit_test(a_connection_that_breaks_leaves_nothing_behind),
	};

	seed = asked ? strtoull(asked, NULL, 0) : rig_now();
	fprintf(stderr, "# BOTH_SIDES_SEED=%llu\n", (unsigned long long)seed);
	signal(SIGALRM, on_alarm);
	alarm(WATCHDOG_S);
	return cmocka_run_group_tests_name("both_sides", tests, NULL, NULL);
}
