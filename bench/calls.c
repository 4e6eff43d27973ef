/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * calls.c - what a blocking call of our client costs its caller
 *
 * Contestants, each on a socketpair of its own to a server that does as good as nothing (calls_echo.h),
 * the same for all:
 *
 *	ours		rig_client_region_read(): the thread that waits reads the socket itself
 *	io thread	the other way to build a client (io_thread_client.h): a thread reads for all
 *	bare		send() and recv() in the calling thread: no client at all, one thread only
 *
 * They take turns in short blocks, so that whatever else the machine does hits them alike. A ratio
 * is the median over all rounds of the ratio of neighbouring blocks. A block counts with the mean of its
 * calls but the slowest tenth, which somebody else interrupted. Not with their median: on one CPU a call
 * takes one of two times, depending on whom the scheduler lets run at the wake-up. How often which is
 * what differs, and the median would jump from one to the other.
 *
 * - calls: one thread reads 4 bytes at a time. "apart" and "same": client and server on two CPUs, on one.
 * - calls_8: eight threads read through one client at once.
 * - calls_poll: client and server poll instead of sleeping, each on a CPU of its own; the
 *   reference is the bare one, which sleeps. calls_poll_least: the bare one polls, compared with the
 *   one which sleeps: so much the sockets leave to be gained.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "calls_echo.h"
#include "io_thread_client.h"
#include <outrigger/client.h>

#define WATCHDOG_S    120
#define MAX_THREADS   8
#define WARM_UP	      200
#define SETTLE_US     (2 * ECHO_POLLS_US)
#define SETTLE_ROUNDS 10

enum kind {
	OURS,
	IO_THREAD,
	BARE,
	BARE_POLLS,
	KINDS,
};

struct contestant {
	enum kind kind;
	int fd; /* the bare ones */
	struct rig_client *client;
	struct io_thread_client *io;
};

/* Ours. */

static rig_time soon(void)
{
	return rig_after_ms(10000);
}

static uint32_t our_read(struct rig_client *client, uint64_t offset)
{
	uint32_t value;
	int r = rig_client_region_read(client, 0, offset, &value, sizeof(value), soon());

	if (r < 0)
		die("our client: %s", strerror(-r));
	return value;
}

/* As a VMM has it: the region is known, so each range is checked. */
static struct rig_client *our_client(int fd, uint32_t poll_us)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.poll_us = poll_us,
	};
	const struct rig_region_info *info;
	struct rig_client *client;
	char *error = NULL;

	if (rig_client_new(fd, &config, soon(), &client, &error) < 0)
		die("our client: %s", error ? error : "out of memory");
	if (rig_client_region_info(client, 0, &info, soon()) < 0)
		die("our client does not get to know the region");
	return client;
}

/* Bare. */

static uint32_t bare_read(int fd, uint64_t offset, bool polls)
{
	struct read_request request;
	struct read_reply reply;

	make_read_request(&request, 1, offset);
	if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request) ||
	    (polls ? echo_poll(fd, &reply, sizeof(reply), UINT64_MAX)
		   : recv(fd, &reply, sizeof(reply), 0)) != sizeof(reply))
		die("bare: %s", strerror(errno));
	return reply.data;
}

static void one_read(const struct contestant *c, uint64_t offset)
{
	uint32_t value = c->kind == OURS	? our_read(c->client, offset)
			 : c->kind == IO_THREAD ? io_thread_client_read(c->io, offset)
						: bare_read(c->fd, offset, c->kind == BARE_POLLS);

	if (value != (uint32_t)offset)
		die("a read of %#x gave %#x", (uint32_t)offset, value);
}

static void contestant_start(struct contestant *c, enum kind kind, int server_cpu, uint32_t poll_us)
{
	int fd = echo_server_start(server_cpu, poll_us > 0);

	*c = (struct contestant) { .kind = kind, .fd = -1 };
	if (kind == OURS)
		c->client = our_client(fd, poll_us);
	else if (kind == IO_THREAD)
		c->io = io_thread_client_new(fd);
	else
		c->fd = fd;
}

static void contestant_end(struct contestant *c)
{
	rig_client_free(c->client);
	if (c->io)
		io_thread_client_free(c->io);
	if (c->fd >= 0)
		close(c->fd);
}

static double *doubles(size_t n)
{
	double *d = calloc(n, sizeof(*d));

	if (!d)
		die("out of memory");
	return d;
}

/* One block: each thread makes rounds calls. times: of each call, ns. Return: ns for all */
struct block {
	const struct contestant *c;
	size_t rounds;
	double *times;
	pthread_barrier_t *barrier;
};

static void *block_run(void *opaque)
{
	struct block *b = opaque;

	if (b->barrier)
		pthread_barrier_wait(b->barrier);
	for (size_t i = 0; i < b->rounds; i++) {
		uint64_t start = now_ns();

		one_read(b->c, i);
		b->times[i] = (double)(now_ns() - start);
	}
	return NULL;
}

static double run_block(const struct contestant *c, size_t threads, size_t rounds, double *times)
{
	struct block blocks[MAX_THREADS];
	pthread_t ids[MAX_THREADS];
	pthread_barrier_t barrier;
	uint64_t start = now_ns();

	if (threads == 1) {
		block_run(&(struct block) { c, rounds, times, NULL });
		return (double)(now_ns() - start);
	}
	pthread_barrier_init(&barrier, NULL, (unsigned int)threads + 1);
	for (size_t i = 0; i < threads; i++) {
		blocks[i] = (struct block) { c, rounds, times + i * rounds, &barrier };
		if (pthread_create(&ids[i], NULL, block_run, &blocks[i]))
			die("cannot start a thread");
	}
	pthread_barrier_wait(&barrier);
	start = now_ns();
	for (size_t i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	pthread_barrier_destroy(&barrier);
	return (double)(now_ns() - start);
}

/* Medians over the blocks; ratios: of neighbouring ones */
struct outcome {
	double mean[2], p99[2]; /* of a call, ns */
	double rate[2];		/* calls per second */
	double ratio;		/* of the means */
	double rate_ratio, p99_ratio;
};

struct tally {
	double *mean[2], *p99[2], *rate[2];
};

static double mean(const double *values, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return sum / (double)n;
}

/* times: of one block of one side, whose threads took ns for all of it */
static void note_block(struct tally *t, size_t side, size_t i, double *times, size_t n, double ns)
{
	t->p99[side][i] = percentile(times, n, 99);
	t->mean[side][i] = mean(times, n - n / 10);
	t->rate[side][i] = (double)n * 1e9 / ns;
}

static double ratio_of(double *values[2], size_t n)
{
	double *ratios = doubles(n);
	double ret;

	for (size_t i = 0; i < n; i++)
		ratios[i] = values[0][i] / values[1][i];
	ret = percentile(ratios, n, 50);
	free(ratios);
	return ret;
}

/* Servers that poll must not do so while it is the other's turn, and not start asleep. */
static void settle(const struct contestant *c)
{
	usleep(SETTLE_US);
	for (size_t i = 0; i < SETTLE_ROUNDS; i++)
		one_read(c, i);
}

static struct outcome compare(const struct contestant *sides[2], size_t threads, size_t n_blocks,
			      size_t rounds, bool settles)
{
	double *times = doubles(threads * rounds);
	struct outcome ret;
	struct tally t;

	for (size_t side = 0; side < 2; side++) {
		t.mean[side] = doubles(n_blocks);
		t.p99[side] = doubles(n_blocks);
		t.rate[side] = doubles(n_blocks);
		for (size_t i = 0; i < WARM_UP; i++)
			one_read(sides[side], i);
	}
	for (size_t i = 0; i < n_blocks * 2; i++) {
		double ns;

		if (settles)
			settle(sides[i & 1]);
		ns = run_block(sides[i & 1], threads, rounds, times);
		note_block(&t, i & 1, i / 2, times, threads * rounds, ns);
	}
	ret.ratio = ratio_of(t.mean, n_blocks);
	ret.rate_ratio = ratio_of(t.rate, n_blocks);
	ret.p99_ratio = ratio_of(t.p99, n_blocks);
	for (size_t side = 0; side < 2; side++) {
		ret.mean[side] = percentile(t.mean[side], n_blocks, 50);
		ret.p99[side] = percentile(t.p99[side], n_blocks, 50);
		ret.rate[side] = percentile(t.rate[side], n_blocks, 50);
		free(t.mean[side]);
		free(t.p99[side]);
		free(t.rate[side]);
	}
	free(times);
	return ret;
}

/* limit: 0: only reported */
static void report_time(const char *name, const char *what, const char *note,
			const struct outcome *o, double limit)
{
	report(&(struct result) {
		.bench = "calls",
		.name = name,
		.what = what,
		.unit = "us",
		.ours = o->mean[0] / 1e3,
		.reference = o->mean[1] / 1e3,
		.ratio = o->ratio,
		.ours_p99 = o->p99[0] / 1e3,
		.reference_p99 = o->p99[1] / 1e3,
		.target = limit > 0 ? TARGET_AT_MOST : TARGET_NONE,
		.limit = limit,
		.note = note,
	});
}

struct layout {
	const char *name, *name_io, *note;
	bool pinned, apart;
};

static const struct layout layouts[] = {
	{ "calls", "calls_io", "placed by the scheduler", false, false },
	{ "calls_apart", "calls_io_apart", "client and server on two CPUs", true, true },
	{ "calls_same", "calls_io_same", "client and server on one CPU", true, false },
};

static void one_thread(const struct layout *layout, int server_cpu)
{
	struct contestant c[KINDS];
	struct outcome o;

	for (enum kind kind = 0; kind <= BARE; kind++)
		contestant_start(&c[kind], kind, server_cpu, 0);
	o = compare((const struct contestant *[2]) { &c[OURS], &c[BARE] }, 1, 300, 100, false);
	report_time(layout->name, "blocking 4-byte region read; reference: bare AF_UNIX echo",
		    layout->note, &o, 1.10);
	o = compare((const struct contestant *[2]) { &c[OURS], &c[IO_THREAD] }, 1, 300, 100, false);
	report_time(layout->name_io, "the same; reference: a client with an I/O thread",
		    layout->note, &o, 0.60);
	for (enum kind kind = 0; kind <= BARE; kind++)
		contestant_end(&c[kind]);
}

static void eight_threads(void)
{
	struct contestant c[KINDS];
	struct outcome o;

	contestant_start(&c[OURS], OURS, -1, 0);
	contestant_start(&c[IO_THREAD], IO_THREAD, -1, 0);
	o = compare((const struct contestant *[2]) { &c[OURS], &c[IO_THREAD] }, MAX_THREADS, 40,
		    250, false);
	report(&(struct result) {
		.bench = "calls",
		.name = "calls_8",
		.what = "8 threads read through one client; reference: a client with an I/O thread",
		.unit = "reads/s",
		.ours = o.rate[0],
		.reference = o.rate[1],
		.ratio = o.rate_ratio,
		.target = TARGET_AT_LEAST,
		.limit = 2,
		.note = "placed by the scheduler",
	});
	report(&(struct result) {
		.bench = "calls",
		.name = "calls_8_p99",
		.what = "the slowest of 100 of these reads",
		.unit = "us",
		.ours = o.p99[0] / 1e3,
		.reference = o.p99[1] / 1e3,
		.ratio = o.p99_ratio,
		.target = TARGET_AT_MOST,
		.limit = 0.5,
		.note = "placed by the scheduler",
	});
	contestant_end(&c[OURS]);
	contestant_end(&c[IO_THREAD]);
}

static void polling(int server_cpu)
{
	struct contestant ours, bare, least;
	struct outcome o;

	contestant_start(&ours, OURS, server_cpu, 1000);
	contestant_start(&bare, BARE, server_cpu, 0);
	contestant_start(&least, BARE_POLLS, server_cpu, 1000);
	o = compare((const struct contestant *[2]) { &ours, &bare }, 1, 150, 100, true);
	report_time("calls_poll",
		    "client and server poll; reference: bare AF_UNIX echo, which sleeps",
		    "client and server on two CPUs", &o, 0.25);
	o = compare((const struct contestant *[2]) { &least, &bare }, 1, 150, 100, true);
	report_time("calls_poll_least",
		    "no client: the bare echo polls; reference: as before, so no client gets below",
		    "client and server on two CPUs", &o, 0);
	contestant_end(&ours);
	contestant_end(&bare);
	contestant_end(&least);
}

/* The n-th of the CPUs that we may use, or -1 */
static int nth_cpu(const cpu_set_t *allowed, int n)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, allowed) && n-- == 0)
			return cpu;
	}
	return -1;
}

int main(void)
{
	cpu_set_t allowed;
	int cpus[2];

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		die("sched_getaffinity: %s", strerror(errno));
	cpus[0] = nth_cpu(&allowed, 0);
	cpus[1] = nth_cpu(&allowed, 1);
	watchdog(WATCHDOG_S);
	eight_threads();
	one_thread(&layouts[0], -1);
	pin(cpus[0]);
	for (size_t i = 1; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		int server_cpu = cpus[layouts[i].apart ? 1 : 0];

		if (server_cpu >= 0)
			one_thread(&layouts[i], server_cpu);
		else
			skip("calls", layouts[i].name, "there is only one CPU");
	}
	if (cpus[1] >= 0)
		polling(cpus[1]);
	else
		skip("calls", "calls_poll", "there is only one CPU");
	return 0;
}
