/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_client.c - a server that says anything, and a VMM that asks for everything
 *
 * Input: a byte that chooses the client, then its calls, each a byte (low 5 bits: which; the others:
 * an argument) and what it takes. Whenever a call is about to wait, the server (fuzz_liar.c) takes what
 * it says from the same input. One thread. Held against every input: what a call returns is inside
 * what it asked for, each completion runs once, each connection's end is told once, no fd is left
 * over, and no call waits for a deadline.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_liar.h"
#include <outrigger/client.h>

#define PAGES 16
#define KEPT  8

/* Bits of the first byte. */
enum config {
	CONFIG_TWIN = 1,
	CONFIG_DISPATCH_ONLY = 2,
	CONFIG_NO_MULTI = 4,
	CONFIG_SMALL = 8,  /* the server accepts little */
	CONFIG_TIGHT = 16, /* the client accepts little */
	CONFIG_LOOP = 32,
};

struct fuzz {
	struct liar liar;
	struct rig_client *client;
	uint8_t host[PAGES * PAGE]; /* guest memory */
	uint8_t buf[16384];
	rig_call call; /* the last */
	unsigned int started, completed;
	unsigned int connected, disconnected;
	struct rig_request *deferred[KEPT];
	size_t n_deferred;
	bool defers;
	void *map; /* a page of a region, or NULL */
};

static rig_time deadline; /* of the last call */

static rig_time soon(void)
{
	deadline = rig_after_ms(5000);
	return deadline;
}

/* That it took too long may be what the server says. */
static int checked(int r)
{
	MUST(r != -ETIMEDOUT || rig_now() < deadline);
	return r;
}

/* The application's part */

static void answer_oldest(struct fuzz *f, int error)
{
	struct rig_request *request = f->deferred[0];

	if (f->n_deferred == 0)
		return;
	f->n_deferred--;
	memmove(f->deferred, f->deferred + 1, f->n_deferred * sizeof(f->deferred[0]));
	rig_request_done(request, error);
}

static bool release(void *opaque)
{
	struct fuzz *f = opaque;

	/* With too many of them the server is not heard any more. */
	if (f->n_deferred > 1)
		answer_oldest(f, 0);
	liar_turn(&f->liar);
	return false; /* so that it is called before each sleep of a wait */
}

static void take(void *opaque)
{
	MUST(false);
}

static int defer(struct fuzz *f)
{
	struct rig_request *request;

	if (!f->defers || f->n_deferred == KEPT)
		return f->defers ? -EIO : 0;
	request = rig_client_defer(f->client);
	MUST(request);
	f->deferred[f->n_deferred++] = request;
	return RIG_DEFERRED;
}

static int dma_read(void *opaque, uint64_t address, void *buf, size_t count)
{
	memset(buf, 1, count);
	return defer(opaque);
}

static int dma_write(void *opaque, uint64_t address, const void *buf, size_t count)
{
	MUST(count == 0 || memchr(buf, ((const uint8_t *)buf)[count - 1], count));
	return defer(opaque);
}

static void dma_written(void *opaque, uint64_t address, size_t count)
{
	MUST(count > 0 && address >= PAGE && address + count <= (PAGES + 1) * PAGE);
}

static void disconnected(void *opaque, int error, const char *reason)
{
	struct fuzz *f = opaque;

	MUST(error < 0 && reason[0] != '\0');
	f->disconnected++;
}

/* It may go to a terminal. */
static void log_message(void *opaque, enum rig_log_level level, const char *message)
{
	MUST(message[0] != '\0');
	for (const char *c = message; *c; c++)
		MUST(*c >= ' ' && *c <= '~');
}

static const struct rig_client_ops client_ops = {
	.release = release,
	.take = take,
	.dma_read = dma_read,
	.dma_write = dma_write,
	.dma_written = dma_written,
	.disconnected = disconnected,
	.log = log_message,
};

static void over(void *opaque, int result)
{
	struct fuzz *f = opaque;

	MUST(result <= 0);
	f->completed++;
	MUST(f->completed <= f->started);
}

static struct rig_completion completion(struct fuzz *f)
{
	f->started++;
	return (struct rig_completion) { over, f };
}

static void submitted(struct fuzz *f, int r)
{
	MUST(r <= 0);
	if (r < 0)
		f->started--;
}

/* Its calls. arg has 3 bits. */

static void do_device_info(struct fuzz *f, size_t arg)
{
	struct rig_device_info info;

	if (checked(rig_client_device_info(f->client, &info, soon())) == 0)
		MUST(info.num_regions <= RIG_CLIENT_MAX_REGIONS &&
		     info.num_irqs <= RIG_CLIENT_MAX_IRQS);
}

static void do_region_info(struct fuzz *f, size_t arg)
{
	const struct rig_region_info *info;

	if (checked(rig_client_region_info(f->client, (uint32_t)arg, &info, soon())) < 0)
		return;
	MUST(info->index == arg);
	for (size_t i = 0; i < info->n_areas; i++) {
		const struct rig_region_area *area = &info->areas[i];

		MUST(area->size > 0 && wire_range_inside(area->offset, area->size, info->size));
		MUST(area->fd_index < info->n_fds && info->fds[area->fd_index] >= 0);
		MUST(i == 0 || area->offset >= area[-1].offset + area[-1].size);
	}
}

static void do_io_fds(struct fuzz *f, size_t arg)
{
	struct rig_io_fd *fds = NULL;
	size_t n = 0;

	if (checked(rig_client_region_io_fds(f->client, (uint32_t)arg, &fds, &n, soon())) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		MUST(fds[i].type <= RIG_IO_FD_SHADOW && fds[i].fd >= -1);
	rig_client_io_fds_free(fds, n);
}

static void do_irq_info(struct fuzz *f, size_t arg)
{
	struct rig_irq_info info;

	if (checked(rig_client_irq_info(f->client, (uint32_t)arg, &info, soon())) == 0)
		MUST(info.index == arg);
}

static void do_region_map(struct fuzz *f, size_t arg)
{
	volatile uint8_t *map;

	if (f->map)
		return;
	if (checked(rig_client_region_map(f->client, 0, PAGE + arg, PAGE,
					  PROT_READ | (arg & 1 ? PROT_WRITE : 0), &f->map,
					  soon())) < 0)
		return;
	map = f->map;
	MUST(map[0] == map[0] + 0 * map[PAGE - 1]);
	if (arg & 1)
		map[arg] = 1;
}

static void do_region_touch(struct fuzz *f, size_t arg)
{
	const volatile uint8_t *map = f->map;

	if (!map)
		return;
	MUST(map[arg] + map[PAGE - 1] >= 0);
	rig_client_memory_lost(f->client);
	if (arg & 1)
		return;
	rig_client_region_unmap(f->client, f->map);
	f->map = NULL;
}

/* Of a size that may take several messages. */
static size_t take_count(struct fuzz *f)
{
	return (size_t)liar_take(&f->liar) * 64;
}

static void do_read(struct fuzz *f, size_t arg)
{
	checked(rig_client_region_read(f->client, (uint32_t)arg, arg, f->buf, take_count(f),
				       soon()));
}

static void do_write(struct fuzz *f, size_t arg)
{
	checked(rig_client_region_write(f->client, (uint32_t)arg, arg, f->buf, take_count(f),
					soon()));
}

static void do_post(struct fuzz *f, size_t arg)
{
	checked(rig_client_region_post(f->client, (uint32_t)arg, arg, f->buf, take_count(f),
				       soon()));
}

static void do_multi(struct fuzz *f, size_t arg)
{
	struct rig_write writes[300];
	size_t n = liar_take(&f->liar) + arg, done = 0;

	memset(writes, 0, sizeof(writes));
	for (size_t i = 0; i < n; i++)
		writes[i].count = 4;
	if (arg & 1)
		checked(rig_client_region_post_multi(f->client, writes, n, soon()));
	else if (checked(rig_client_region_write_multi(f->client, writes, n, &done, soon())) == 0)
		MUST(done == n);
	MUST(done <= n);
}

static void do_read_async(struct fuzz *f, size_t arg)
{
	submitted(f, rig_client_region_read_async(f->client, (uint32_t)arg, 0, f->buf,
						  take_count(f), soon(), completion(f), &f->call));
}

static void do_write_async(struct fuzz *f, size_t arg)
{
	submitted(f, rig_client_region_write_async(f->client, (uint32_t)arg, 0, f->buf,
						   take_count(f), soon(), completion(f), &f->call));
}

static void do_set_irqs(struct fuzz *f, size_t arg)
{
	static const uint8_t bools[4] = { 1, 0, 1, 1 };
	const int fds[4] = { liar_event(), arg & 1 ? -1 : liar_event(), liar_event(), -1 };
	const uint32_t how = RIG_SET_IRQS_MASK << arg % 3;

	if (arg & 4)
		checked(rig_client_set_irqs(f->client, 2, RIG_SET_IRQS_DATA_BOOL | how, 0, 4, bools,
					    soon()));
	else
		checked(rig_client_set_irqs(f->client, 2, RIG_SET_IRQS_DATA_EVENTFD | how,
					    (uint32_t)arg, 4, fds, soon()));
}

static void do_irqs_off(struct fuzz *f, size_t arg)
{
	submitted(f, rig_client_set_irqs_async(f->client, 2,
					       RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER, 0, 0,
					       NULL, soon(), completion(f), &f->call));
}

/* Page n of the host is guest page n + 1. */
static struct rig_dma_region memory(struct fuzz *f, size_t arg)
{
	size_t page = liar_take(&f->liar) % (PAGES - 4);

	return (struct rig_dma_region) {
		.address = (page + 1) * PAGE,
		.size = (1 + arg % 4) * PAGE,
		.flags = RIG_DMA_READ | (arg & 1 ? RIG_DMA_WRITE : 0),
		.fd = arg & 2 ? liar_memory() : -1,
		.host = arg & 4 ? NULL : f->host + page * PAGE,
	};
}

static void do_map(struct fuzz *f, size_t arg)
{
	const struct rig_dma_region region = memory(f, arg);

	checked(rig_client_dma_map(f->client, &region, soon()));
}

static void do_map_async(struct fuzz *f, size_t arg)
{
	const struct rig_dma_region region = memory(f, arg);

	submitted(f, rig_client_dma_map_async(f->client, &region, soon(), completion(f), &f->call));
}

static void do_unmap(struct fuzz *f, size_t arg)
{
	const struct rig_dma_region region = memory(f, arg);

	checked(rig_client_dma_unmap(f->client, region.address, region.size, soon()));
}

static void do_unmap_async(struct fuzz *f, size_t arg)
{
	const struct rig_dma_region region = memory(f, arg);

	submitted(f, rig_client_dma_unmap_async(f->client, region.address, region.size, soon(),
						completion(f), &f->call));
}

static void do_unmap_all(struct fuzz *f, size_t arg)
{
	checked(rig_client_dma_unmap_all(f->client, soon()));
}

static void do_reset(struct fuzz *f, size_t arg)
{
	if (arg & 1)
		submitted(f, rig_client_reset_async(f->client, soon(), completion(f), &f->call));
	else
		checked(rig_client_reset(f->client, soon()));
}

static void do_feature(struct fuzz *f, size_t arg)
{
	size_t len = liar_take(&f->liar), max = liar_take(&f->liar);
	int r = rig_client_feature(f->client, (uint32_t)arg | RIG_FEATURE_GET << arg % 3, f->buf,
				   len, f->buf, max, soon());

	MUST(checked(r) <= (int)max);
}

static void do_state(struct fuzz *f, size_t arg)
{
	enum rig_migration_state state = RIG_MIGRATION_RUNNING;
	uint64_t flags = 0;

	if (arg & 1)
		checked(rig_client_migration_flags(f->client, &flags, soon()));
	if (arg & 2)
		submitted(f, rig_client_migration_set_state_async(f->client, state, soon(),
								  completion(f), &f->call));
	else if (checked(rig_client_migration_get_state(f->client, &state, soon())) == 0)
		MUST(state <= RIG_MIGRATION_PRE_COPYING);
}

static void do_data(struct fuzz *f, size_t arg)
{
	size_t size = take_count(f);

	if (arg & 1)
		checked(rig_client_migration_write(f->client, f->buf, size, soon()));
	else
		MUST(rig_client_migration_read(f->client, f->buf, size, soon()) <= (ssize_t)size);
}

static void do_save(struct fuzz *f, size_t arg)
{
	uint64_t bytes;
	int fd = memfd_create("state", MFD_CLOEXEC);

	if (arg & 1)
		checked(ftruncate(fd, 3000) < 0 ? 0
						: rig_client_load(f->client, fd, &bytes, soon()));
	else
		checked(rig_client_save(f->client, fd, &bytes, soon()));
	close(fd);
}

static void do_dirty(struct fuzz *f, size_t arg)
{
	const struct rig_dirty_range range = { PAGE, PAGES * PAGE };
	uint64_t bitmap[4], page = 0;
	size_t pages = 1 + liar_take(&f->liar) % 200;

	if (arg & 1 &&
	    checked(rig_client_dirty_start(f->client, PAGE, &range, 1, &page, soon())) == 0)
		MUST(page && !(page & (page - 1)));
	if (arg & 2)
		checked(rig_client_dirty_report(f->client, PAGE, pages * PAGE, PAGE, bitmap,
						(pages + 63) / 64, soon()));
	if (arg & 4)
		checked(rig_client_dirty_stop(f->client, soon()));
}

static void do_cancel(struct fuzz *f, size_t arg)
{
	rig_client_cancel(f->client, f->call - arg);
}

static void do_dispatch(struct fuzz *f, size_t arg)
{
	if (arg & 1)
		liar_turn(&f->liar);
	if (rig_client_dispatch(f->client) < 0)
		MUST(rig_client_error(f->client) != 0);
}

static void do_reconnect(struct fuzz *f, size_t arg)
{
	if (arg & 1)
		rig_client_disconnect(f->client);
	if (rig_client_error(f->client) == 0)
		return;
	/* What is not called back yet may be about maps. */
	if (checked(rig_client_reconnect(f->client, liar_connect(&f->liar), soon())) == 0)
		f->connected++;
}

static void do_answer(struct fuzz *f, size_t arg)
{
	f->defers = arg & 1;
	answer_oldest(f, arg & 2 ? -EIO : 0);
}

static void (*const calls[])(struct fuzz *f, size_t arg) = {
	do_device_info, do_region_info, do_io_fds,   do_irq_info,  do_region_map, do_region_touch,
	do_read,	do_write,	do_post,     do_multi,	   do_read_async, do_write_async,
	do_set_irqs,	do_irqs_off,	do_map,	     do_map_async, do_unmap,	  do_unmap_async,
	do_unmap_all,	do_reset,	do_feature,  do_state,	   do_data,	  do_save,
	do_dirty,	do_cancel,	do_dispatch, do_reconnect, do_answer,
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* Return: is there a client? */
static bool plug(struct fuzz *f, uint8_t how)
{
	const struct rig_client_config config = {
		.struct_size = sizeof(config),
		.flags = (how & CONFIG_TWIN ? RIG_CLIENT_TWIN_SOCKET : 0) |
			 (how & CONFIG_DISPATCH_ONLY ? RIG_CLIENT_DISPATCH_ONLY : 0) |
			 (how & CONFIG_NO_MULTI ? RIG_CLIENT_NO_WRITE_MULTI : 0),
		.max_data_xfer_size = how & CONFIG_TIGHT ? 4096 : 0,
		.max_msg_fds = how & CONFIG_TIGHT ? 1 : 0,
		.max_requests = how & CONFIG_TIGHT ? 2 : 0,
		.ops = &client_ops,
		.opaque = f,
	};
	char *error = NULL;
	int r;

	f->liar.wants_twin = how & CONFIG_TWIN;
	f->liar.small = how & CONFIG_SMALL;
	r = checked(rig_client_new(liar_connect(&f->liar), &config, soon(), &f->client, &error));
	MUST((r < 0) == (error != NULL));
	free(error);
	if (r == 0)
		f->connected++;
	if (r == 0 && (how & CONFIG_LOOP))
		MUST(rig_client_fd(f->client) >= 0);
	return r == 0;
}

static void unplug(struct fuzz *f)
{
	answer_oldest(f, 0);
	rig_client_free(f->client);
	MUST(f->disconnected == f->connected && f->completed == f->started);
	while (f->n_deferred > 0)
		answer_oldest(f, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *f;
	int probe;

	if (size == 0)
		return 0;
	/* The lowest free number tells afterwards whether all are closed. */
	MUST(liar_memory() >= 0);
	probe = dup(liar_event());
	close(probe);
	f = calloc(1, sizeof(*f));
	MUST(f);
	f->liar = (struct liar) { .data = data + 1, .size = size - 1, .fd = -1, .twin = -1 };
	if (plug(f, data[0])) {
		while (f->liar.size > 0) {
			uint8_t byte = liar_take(&f->liar);

			calls[(byte & 31) % CALLS](f, byte >> 5);
		}
		unplug(f);
	}
	liar_end(&f->liar);
	free(f);
	MUST(dup(liar_event()) == probe);
	close(probe);
	return 0;
}

/* Seeds */

struct seed {
	uint8_t *buf;
	size_t n;
};

static void put(struct seed *s, uint8_t byte)
{
	s->buf[s->n++] = byte;
}

/* A call, and the server's answers to what it may ask. */
static void put_call(struct seed *s, size_t call, size_t arg, const uint8_t *more, size_t n,
		     const uint8_t *steps, size_t n_steps)
{
	put(s, (uint8_t)(call | arg << 5));
	memcpy(s->buf + s->n, more, n);
	s->n += n;
	memcpy(s->buf + s->n, steps, n_steps);
	s->n += n_steps;
}

/* How many bytes a call takes besides itself, and how often it asks. */
static const struct {
	uint8_t takes, asks;
} shapes[CALLS] = {
	[0] = { 0, 1 },	 [1] = { 0, 2 },  [2] = { 0, 1 },  [3] = { 0, 1 },  [4] = { 0, 1 },
	[6] = { 1, 1 },	 [7] = { 1, 1 },  [8] = { 1, 0 },  [9] = { 1, 1 },  [10] = { 1, 0 },
	[11] = { 1, 0 }, [12] = { 0, 2 }, [14] = { 1, 1 }, [15] = { 1, 0 }, [16] = { 1, 1 },
	[17] = { 1, 0 }, [18] = { 0, 1 }, [19] = { 0, 1 }, [20] = { 2, 1 }, [21] = { 0, 1 },
	[22] = { 1, 1 }, [23] = { 0, 7 }, [24] = { 1, 1 }, [27] = { 0, 3 },
};

/*
 * A session: infos, maps, then every call, with one kind of step in front of the right answers. The
 * server's requests are for what is mapped.
 */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	static const uint8_t kinds[][3] = {
		{ STEP_ANSWER },
		{ STEP_ASK, 2, 4 },
		{ STEP_ASK | 1 << 3, 2, 4 },
		{ STEP_ERROR, 22 },
		{ STEP_ANSWER | 1 << 3, 16, 1 },
		{ STEP_ASK | 4 << 3, 3, 1 },
	};
	static const uint8_t right[8] = { STEP_ANSWER };
	static const uint8_t setup[] = { 0, 1, 2, 3, 4, 14, 12 };
	struct seed s = { buf, 0 };
	unsigned int kind = i % 6;

	if (i >= 64 * 6 || max < 2048)
		return 0;
	put(&s, (uint8_t)(i / 6));
	put(&s, STEP_ANSWER);
	for (size_t k = 0; k < sizeof(setup); k++)
		put_call(&s, setup[k], k & 1, &(uint8_t) { 1 }, shapes[setup[k]].takes, right,
			 shapes[setup[k]].asks);
	for (size_t k = 0; k < CALLS; k++) {
		size_t call = (k + i) % CALLS;

		put(&s, (uint8_t)(call | (i + k) % 8 << 5));
		for (size_t n = shapes[call].takes; n > 0; n--)
			put(&s, (uint8_t)(1 + k % 3));
		memcpy(s.buf + s.n, kinds[kind], sizeof(kinds[kind]));
		s.n += kind == 0 ? 0 : kind == 3 ? 2 : 3;
		memcpy(s.buf + s.n, right, shapes[call].asks);
		s.n += shapes[call].asks;
	}
	return s.n;
}
