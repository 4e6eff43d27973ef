/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma.c - what using guest memory costs a device: find it, pin it, touch it, let go
 *
 * Maps of 1, 1,000, 60,000 and 1,000,000 ranges of a page each, of one small file that stays in the
 * cache: what is measured is the map, not the memory behind it. Times are those that a thread spends
 * on a CPU: what else the machine runs does not count, but for what it does to caches and clocks.
 *
 * - dma_local: addresses from 16 ranges, spread evenly over the map. What a queue does.
 * - dma_random: any address of the map. The reference is what the same takes with libvfio-user
 *   (vfu_addr_to_sgl, vfu_sgl_get, vfu_sgl_put), measured elsewhere and once: a number.
 * - dma_threads: two threads at once, against one, in turns; each in a range of its own, or both in
 *   the only range of a map.
 * - dma_map, dma_unmap: 1,000,000 of them, in ascending and in random order.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "vfio_user/dma.h"
#include <outrigger/server.h>

#define STRIDE	     (UINT64_C(2) * DMA_PAGE) /* no two ranges touch */
#define FILE_SIZE    (UINT64_C(16) * DMA_PAGE)
#define USES	     (1u << 20) /* in a block */
#define BLOCKS	     9u
#define TIMEOUT_S    60

#define LIBVFIO_USER "libvfio-user takes %.0f"

static int memory_fd(void)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, FILE_SIZE) < 0)
		die("memfd: %s", strerror(errno));
	return fd;
}

static uint64_t range_address(size_t i)
{
	return STRIDE * (1 + (uint64_t)i);
}

static struct dma_map *map_of(size_t n)
{
	struct dma_map *map;
	int fd = memory_fd();

	if (dma_map_new((uint32_t)n, &map) < 0)
		die("out of memory");
	for (size_t i = 0; i < n; i++) {
		int r = dma_map_add(map, range_address(i), DMA_PAGE, RIG_DMA_READ | RIG_DMA_WRITE,
				    i * DMA_PAGE % FILE_SIZE, fd);

		if (r < 0)
			die("mapping %zu of %zu: %s", i, n, strerror(-r));
	}
	close(fd);
	return map;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t draw(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Which addresses: every so-many-th range of a map, so many of them, from this one on. */
struct choice {
	size_t first, n, every;
};

/* Return: ns for each */
static double use(struct dma_map *map, const struct choice *c, uint64_t seed)
{
	uint64_t start = cpu_ns(), x = seed;

	for (size_t i = 0; i < USES; i++) {
		struct rig_dma_seg seg;
		size_t range;

		/* A generator that costs next to nothing; its upper half is random enough. */
		x = x * 6364136223846793005u + 1442695040888963407u;
		range = c->first + (size_t)((x >> 32) * c->n >> 32) * c->every;
		if (dma_map_pin(map, range_address(range) + (x >> 24 & 0x7f8), 8, RIG_DMA_READ,
				&seg, 1) != 1)
			die("an address was not found");
		(void)*(volatile uint8_t *)seg.host;
		dma_map_unpin(map, &seg, 1);
	}
	return (double)(cpu_ns() - start) / USES;
}

/* Return: ns, of the median block */
static double measure_use(struct dma_map *map, const struct choice *c)
{
	double ns[BLOCKS];

	use(map, c, draw());
	for (size_t i = 0; i < BLOCKS; i++)
		ns[i] = use(map, c, draw());
	return percentile(ns, BLOCKS, 50);
}

struct size {
	size_t n;
	const char *local, *random;
	double libvfio_user; /* random addresses, ns */
};

static const struct size sizes[] = {
	{ 1, "dma_local_1", "dma_random_1", 36 },
	{ 1000, "dma_local_1k", "dma_random_1k", 166 },
	{ 60000, "dma_local_60k", "dma_random_60k", 609 },
	{ 1000000, "dma_local_1m", "dma_random_1m", 1091 },
};

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static double local(const struct size *size, struct dma_map *map)
{
	size_t n = size->n < 16 ? size->n : 16;
	double ns = measure_use(map, &(struct choice) { 0, n, size->n / n });

	report(&(struct result) {
		.bench = "dma",
		.name = size->local,
		.what = "find, pin, touch and let go, addresses in 16 ranges of the map",
		.unit = "ns",
		.ours = ns,
		.reference = -1,
		.target = TARGET_AT_MOST,
		.limit = 25,
	});
	return ns;
}

static void any_address(const struct size *size, struct dma_map *map)
{
	char note[64];

	snprintf(note, sizeof(note), "libvfio-user takes %.0f ns", size->libvfio_user);
	report(&(struct result) {
		.bench = "dma",
		.name = size->random,
		.what = "the same, addresses anywhere in the map",
		.unit = "ns",
		.ours = measure_use(map, &(struct choice) { 0, size->n, 1 }),
		.reference = -1,
		.target = TARGET_AT_MOST,
		.limit = size->libvfio_user / 2,
		.note = note,
	});
}

static void use_of_each_size(void)
{
	double locals[N_SIZES], first;

	for (size_t i = 0; i < N_SIZES; i++) {
		struct dma_map *map;

		watchdog(TIMEOUT_S);
		map = map_of(sizes[i].n);
		locals[i] = local(&sizes[i], map);
		any_address(&sizes[i], map);
		dma_map_free(map);
	}
	first = locals[0];
	report(&(struct result) {
		.bench = "dma",
		.name = "dma_local_flat",
		.what = "the slowest dma_local; reference: dma_local_1",
		.unit = "ns",
		.ours = percentile(locals, N_SIZES, 100),
		.reference = first,
		.ratio = percentile(locals, N_SIZES, 100) / first,
		.target = TARGET_AT_MOST,
		.limit = 2,
	});
}

struct worker {
	pthread_t thread;
	pthread_barrier_t *start;
	struct dma_map *map;
	struct choice choice;
	double ns;
};

static void *work(void *opaque)
{
	struct worker *w = opaque;

	pthread_barrier_wait(w->start);
	w->ns = use(w->map, &w->choice, w->choice.first);
	return NULL;
}

/* Return: uses per second, of all n threads together */
static double rate(struct worker *workers, unsigned int n)
{
	pthread_barrier_t start;
	double sum = 0;

	pthread_barrier_init(&start, NULL, n);
	for (unsigned int i = 0; i < n; i++) {
		workers[i].start = &start;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("cannot start a thread");
	}
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		sum += 1e9 / workers[i].ns;
	}
	pthread_barrier_destroy(&start);
	return sum;
}

static void threads(const char *name, const char *note, size_t ranges)
{
	struct dma_map *map = map_of(ranges);
	struct worker workers[2] = { { .map = map, .choice = { 0, 1, 1 } },
				     { .map = map, .choice = { ranges - 1, 1, 1 } } };
	double one[BLOCKS], two[BLOCKS], ratios[BLOCKS];

	watchdog(TIMEOUT_S);
	for (size_t i = 0; i < BLOCKS; i++) {
		one[i] = rate(workers, 1);
		two[i] = rate(workers, 2);
		ratios[i] = two[i] / one[i];
	}
	report(&(struct result) {
		.bench = "dma",
		.name = name,
		.what = "two threads pin and let go; reference: one thread",
		.unit = "pins/s",
		.ours = percentile(two, BLOCKS, 50),
		.reference = percentile(one, BLOCKS, 50),
		.ratio = percentile(ratios, BLOCKS, 50),
		.target = TARGET_AT_LEAST,
		.limit = 1.7,
		.note = note,
	});
	dma_map_free(map);
}

static void two_threads(void)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		die("sched_getaffinity: %s", strerror(errno));
	if (CPU_COUNT(&allowed) < 2) {
		skip("dma", "dma_threads_same", "there is only one CPU");
		skip("dma", "dma_threads_own", "there is only one CPU");
		return;
	}
	threads("dma_threads_same", "both in one range", 1);
	threads("dma_threads_own", "each in a range of its own", 2);
}

static void report_each(const char *name, const char *what, const char *unit, double value,
			const char *note)
{
	report(&(struct result) {
		.bench = "dma",
		.name = name,
		.what = what,
		.unit = unit,
		.ours = value,
		.reference = -1,
		.note = note,
	});
}

static void shuffle(uint32_t *order, size_t n)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t k = draw() % (i + 1);
		uint32_t other = order[k];

		order[k] = order[i];
		order[i] = other;
	}
}

static double add_all(struct dma_map *map, const uint32_t *order, size_t n, int fd)
{
	uint64_t start = cpu_ns();

	for (size_t i = 0; i < n; i++) {
		if (dma_map_add(map, range_address(order[i]), DMA_PAGE, RIG_DMA_READ, 0, fd) < 0)
			die("a mapping failed");
	}
	return (double)(cpu_ns() - start) / (double)n;
}

static double remove_each(struct dma_map *map, const uint32_t *order, size_t n)
{
	uint64_t start = cpu_ns();

	for (size_t i = 0; i < n; i++) {
		if (dma_map_remove_begin(map, range_address(order[i]), DMA_PAGE) < 0)
			die("an unmapping failed");
	}
	return (double)(cpu_ns() - start) / (double)n;
}

static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t pages;

	if (!file || fscanf(file, "%*u %zu", &pages) != 1)
		die("cannot read /proc/self/statm");
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void map_and_unmap(bool in_order, const char *const names[3], const char *note)
{
	const size_t n = 1000000;
	uint32_t *order = calloc(n, sizeof(*order));
	struct dma_map *map;
	double ns[2], bytes;
	size_t before;
	int fd = memory_fd();

	watchdog(TIMEOUT_S);
	for (size_t i = 0; order && i < n; i++)
		order[i] = (uint32_t)i;
	if (!order || dma_map_new((uint32_t)n, &map) < 0)
		die("out of memory");
	if (!in_order)
		shuffle(order, n);
	before = resident_bytes();
	ns[0] = add_all(map, order, n, fd);
	bytes = (double)(resident_bytes() - before) / (double)n;
	if (!in_order)
		shuffle(order, n);
	ns[1] = remove_each(map, order, n);
	report_each(names[0], "map a page, each of 1,000,000", "ns", ns[0], note);
	report_each(names[1], "unmap a page, each of 1,000,000", "ns", ns[1], note);
	report_each(names[2], "memory per mapping", "bytes", bytes, note);
	dma_map_free(map);
	close(fd);
	free(order);
}

int main(void)
{
	static const char *const ascending[] = { "dma_map", "dma_unmap", "dma_memory" };
	static const char *const random[] = { "dma_map_random", "dma_unmap_random",
					      "dma_memory_random" };

	use_of_each_size();
	two_threads();
	map_and_unmap(true, ascending, "ascending addresses");
	map_and_unmap(false, random, "addresses in random order");
	return 0;
}
