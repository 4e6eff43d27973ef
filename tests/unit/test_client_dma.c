/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_dma.c - which guest memory the device may use, and its DMA messages
 */
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "client_script.h"

#define PAGE 0x1000u
#define RW   (RIG_DMA_READ | RIG_DMA_WRITE)

static struct rig_dma_region at_host(uint64_t address, uint64_t size, uint32_t flags, void *host)
{
	return (struct rig_dma_region) {
		.address = address, .size = size, .flags = flags, .fd = -1, .host = host
	};
}

static int map(struct rig_client *client, uint64_t address, uint64_t size)
{
	const struct rig_dma_region region = at_host(address, size, RW, NULL);

	return rig_client_dma_map(client, &region, soon());
}

/* --- maps --- */

static void maps_are_told_as_they_are(void **state)
{
	struct rig_dma_region region = { .address = 0x10000,
					 .size = 2 * PAGE,
					 .flags = RW | RIG_DMA_ACCESS_MMAP,
					 .offset = 3 * PAGE };
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	const struct wire_dma_map *wire;
	struct logged entry;

	region.fd = test_memfd(8 * PAGE);
	assert_int_equal(rig_client_dma_map(client, &region, soon()), 0);
	assert_true(logged_of(s, WIRE_DMA_MAP, 0, &entry));
	wire = (const struct wire_dma_map *)entry.payload;
	assert_int_equal(wire->argsz, 32);
	assert_int_equal(wire->flags, region.flags);
	assert_int_equal(wire->offset, region.offset);
	assert_int_equal(wire->address, region.address);
	assert_int_equal(wire->size, region.size);
	assert_int_equal(entry.n_fds, 1);
	assert_int_equal(rig_client_dma_unmap(client, 0x10000, 2 * PAGE, soon()), 0);
	script_unplug(s, client);
	close(region.fd);
}

static void maps_that_make_no_sense_are_not_sent(void **state)
{
	const struct rig_dma_region bad[] = {
		{ .address = 0, .size = 0, .flags = RW, .fd = -1 },
		{ .address = 1, .size = PAGE, .flags = RW, .fd = -1 },
		{ .address = 0, .size = PAGE - 1, .flags = RW, .fd = -1 },
		{ .address = -(uint64_t)PAGE, .size = 2 * PAGE, .flags = RW, .fd = -1 },
		{ .address = 0, .size = PAGE, .flags = 0, .fd = -1 },
		{ .address = 0, .size = PAGE, .flags = RW | 1u << 4, .fd = -1 },
		{ .address = 0, .size = PAGE, .flags = RW | RIG_DMA_ACCESS_FILE, .fd = -1 },
		{ .address = 0, .size = PAGE, .flags = RW, .fd = -1, .offset = PAGE },
		{ .address = 0,
		  .size = PAGE,
		  .flags = RW | RIG_DMA_ACCESS_FILE | RIG_DMA_ACCESS_MMAP,
		  .fd = 0 },
	};
	struct script *s = *state;
	struct rig_client *client = script_plug(s);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(rig_client_dma_map(client, &bad[i], soon()), -EINVAL);
	assert_int_equal(n_logged(s, WIRE_DMA_MAP), 0);
	/* The very last page is no mistake. */
	assert_int_equal(map(client, -(uint64_t)PAGE, PAGE), 0);
	script_unplug(s, client);
}

static void page_sizes_and_number_of_maps_of_the_server_are_obeyed(void **state)
{
	struct script *s = *state;
	struct rig_client *client;

	s->json = "{\"capabilities\":{\"pgsizes\":2162688,\"max_dma_maps\":2}}"; /* 64 K, 2 M */
	client = script_plug(s);
	assert_int_equal(map(client, 0, PAGE), -EINVAL);
	assert_int_equal(map(client, PAGE, 0x10000), -EINVAL);
	assert_int_equal(map(client, 0, 0x10000), 0);
	assert_int_equal(map(client, 0x10000, 0x10000), 0);
	assert_int_equal(map(client, 0x20000, 0x10000), -ENOSPC);
	assert_int_equal(rig_client_dma_unmap(client, 0, 0x10000, soon()), 0);
	assert_int_equal(map(client, 0x20000, 0x10000), 0);
	script_unplug(s, client);
}

static void s124_overlaps_are_refused_here_in_every_form(void **state)
{
	static const uint64_t forms[][2] = {
		{ 0x10000, 0x4000 }, { 0xf000, 0x2000 },  { 0x13000, 0x2000 },
		{ 0x11000, 0x1000 }, { 0xf000, 0x10000 }, { 0, 0x100000 },
	};
	struct script *s = *state;
	struct rig_client *client = script_plug(s);

	assert_int_equal(map(client, 0x10000, 0x4000), 0);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		assert_int_equal(map(client, forms[i][0], forms[i][1]), -EEXIST);
	assert_int_equal(n_logged(s, WIRE_DMA_MAP), 1);
	/* Neighbours are none. */
	assert_int_equal(map(client, 0xf000, 0x1000), 0);
	assert_int_equal(map(client, 0x14000, 0x1000), 0);
	assert_int_equal(rig_client_dma_unmap(client, 0x10000, 0x1000, soon()), -ENOENT);
	assert_int_equal(rig_client_dma_unmap(client, 0x11000, 0x1000, soon()), -ENOENT);
	assert_int_equal(rig_client_dma_unmap(client, 0x50000, 0x1000, soon()), -ENOENT);
	assert_int_equal(n_logged(s, WIRE_DMA_UNMAP), 0);
	assert_int_equal(rig_client_dma_unmap(client, 0x10000, 0x4000, soon()), 0);
	assert_int_equal(map(client, 0x11000, 0x1000), 0);
	script_unplug(s, client);
}

static enum verdict refuse_map(struct script *s, const struct message *request,
			       struct message *reply)
{
	if (request->header.command == WIRE_DMA_MAP && *(uint32_t *)s->opaque)
		set_error(reply, *(uint32_t *)s->opaque, 0);
	return SEND;
}

static void s124_eexist_and_einval_of_the_server_both_mean_overlap(void **state)
{
	static const uint32_t errors[] = { EEXIST, EINVAL };
	struct script *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct rig_client *client;
		uint32_t error = errors[i];

		s->bend = refuse_map;
		s->opaque = &error;
		client = script_plug(s);
		assert_int_equal(map(client, 0, PAGE), -EEXIST);
		/* What was refused is not recorded. */
		assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), -ENOENT);
		assert_int_equal(map(client, 0, PAGE), -EEXIST);
		assert_int_equal(n_logged(s, WIRE_DMA_MAP), 2);
		s->n_log = 0;
		script_unplug(s, client);
	}
}

static void s124_other_refusals_are_handed_on(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	uint32_t error = EACCES;

	s->bend = refuse_map;
	s->opaque = &error;
	client = script_plug(s);
	assert_int_equal(map(client, 0, PAGE), -EACCES);
	assert_true(reason_has(client, "DMA_MAP: the server says"));
	script_unplug(s, client);
}

static enum verdict late_map(struct script *s, const struct message *request, struct message *reply)
{
	return request->header.command == WIRE_DMA_MAP ? SAY_NOTHING : SEND;
}

static void a_map_in_doubt_is_cleared_up_by_an_unmap(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	const struct rig_dma_region region = at_host(0, PAGE, RW, NULL);

	s->bend = late_map;
	client = script_plug(s);
	assert_int_equal(rig_client_dma_map(client, &region, rig_after_ms(SHORT_MS)), -ETIMEDOUT);
	assert_int_equal(map(client, 0, PAGE), -EEXIST);
	assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), 0);
	assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), -ENOENT);
	script_unplug(s, client);
}

static enum verdict bend_unmap(struct script *s, const struct message *request,
			       struct message *reply)
{
	struct wire_dma_unmap *unmap = (struct wire_dma_unmap *)reply->payload;

	if (request->header.command != WIRE_DMA_UNMAP)
		return SEND;
	switch (*(int *)s->opaque) {
	case 0:
		unmap->address ^= PAGE;
		break;
	case 1:
		unmap->size++;
		break;
	case 2:
		reply->header.size = sizeof(reply->header);
		break;
	case 3:
		set_error(reply, EPERM, 0);
		break;
	case 4:
		set_error(reply, ENOENT, 0);
		break;
	}
	return SEND;
}

static void unmaps_that_are_answered_wrongly_leave_a_defined_state(void **state)
{
	static const struct {
		int result, again, map;
	} cases[] = {
		{ -EPROTO, -EPROTO, -EEXIST }, /* in doubt */
		{ -EPROTO, -EPROTO, -EEXIST }, { -EPROTO, -EPROTO, -EEXIST },
		{ -EPERM, -EPERM, -EEXIST }, /* still mapped */
		{ -ENOENT, -ENOENT, 0 },     /* gone */
	};
	struct script *s = *state;

	for (int i = 0; i < 5; i++) {
		struct rig_client *client;

		s->bend = bend_unmap;
		s->opaque = &i;
		client = script_plug(s);
		assert_int_equal(map(client, 0, PAGE), 0);
		assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), cases[i].result);
		assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), cases[i].again);
		assert_int_equal(map(client, 0, PAGE), cases[i].map);
		script_unplug(s, client);
	}
}

static void unmap_all_is_one_message_and_forgets_everything(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	const struct wire_dma_unmap *wire;
	struct logged entry;

	assert_int_equal(rig_client_dma_unmap_all(client, soon()), 0);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(map(client, i * PAGE, PAGE), 0);
	assert_int_equal(rig_client_dma_unmap_all(client, soon()), 0);
	assert_true(logged_of(s, WIRE_DMA_UNMAP, 1, &entry));
	wire = (const struct wire_dma_unmap *)entry.payload;
	assert_int_equal(wire->flags, RIG_DMA_UNMAP_ALL);
	assert_int_equal(wire->address, 0);
	assert_int_equal(wire->size, 0);
	assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), -ENOENT);
	assert_int_equal(map(client, 0, 10 * PAGE), 0);
	script_unplug(s, client);
}

static void asynchronous_maps_and_unmaps_are_consistent(void **state)
{
	const struct rig_dma_region region = at_host(0, PAGE, RW, NULL);
	struct waiter first = WAITER, second = WAITER;
	struct script *s = *state;
	struct rig_client *client = script_plug(s);

	assert_int_equal(
		rig_client_dma_map_async(client, &region, soon(), waiter_completion(&first), NULL),
		0);
	assert_int_equal(
		rig_client_dma_map_async(client, &region, soon(), waiter_completion(&second), NULL),
		-EEXIST);
	assert_int_equal(waiter_take(&first, client), 0);
	assert_int_equal(rig_client_dma_unmap_async(client, 0, PAGE, soon(),
						    waiter_completion(&first), NULL),
			 0);
	assert_int_equal(rig_client_dma_unmap_async(client, 0, PAGE, soon(),
						    waiter_completion(&second), NULL),
			 -EBUSY);
	assert_int_equal(rig_client_dma_unmap_all(client, soon()), -EBUSY);
	assert_int_equal(waiter_take(&first, client), 0);
	assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), -ENOENT);
	assert_int_equal(waiter_runs(&second), 0);
	script_unplug(s, client);
}

/* Of which the server hears 64 at a time. */
static void maps_by_the_100000_are_kept_apart(void **state)
{
	const uint32_t n = 100000, batch = 64;
	struct script *s = *state;
	struct rig_client *client;

	s->json = "{\"capabilities\":{\"max_dma_maps\":100000}}";
	client = script_plug(s);
	for (uint32_t i = 0; i < n; i += batch) {
		struct waiter waiters[64];

		for (uint32_t k = 0; k < batch && i + k < n; k++) {
			/* Neither ascending nor descending. */
			uint64_t page = (uint64_t)(i + k) * 999983 % n;
			const struct rig_dma_region region =
				at_host(page * PAGE, PAGE, RIG_DMA_READ, NULL);

			waiters[k] = (struct waiter)WAITER;
			assert_int_equal(rig_client_dma_map_async(client, &region, RIG_FOREVER,
								  waiter_completion(&waiters[k]),
								  NULL),
					 0);
		}
		assert_int_equal(rig_client_reset(client, RIG_FOREVER), 0);
		for (uint32_t k = 0; k < batch && i + k < n; k++)
			while (waiter_runs(&waiters[k]) == 0)
				rig_client_dispatch(client);
	}
	assert_int_equal(map(client, (uint64_t)n * PAGE, PAGE), -ENOSPC);
	assert_int_equal(map(client, 12345 * PAGE, PAGE), -EEXIST);
	assert_int_equal(rig_client_dma_unmap(client, 12345 * PAGE, PAGE, soon()), 0);
	script_unplug(s, client);
}

struct mapper {
	struct rig_client *client;
	uint64_t first;
	int wins;
};

static void *map_and_unmap(void *opaque)
{
	struct mapper *m = opaque;

	for (uint64_t i = 0; i < 200; i++) {
		/* One of its own, and one that all want. */
		assert_int_equal(map(m->client, m->first + i * PAGE, PAGE), 0);
		if (map(m->client, 0, PAGE) == 0) {
			m->wins++;
			assert_int_equal(rig_client_dma_unmap(m->client, 0, PAGE, soon()), 0);
		}
		if (i % 2)
			assert_int_equal(
				rig_client_dma_unmap(m->client, m->first + i * PAGE, PAGE, soon()),
				0);
	}
	return NULL;
}

static void maps_from_many_threads_stay_consistent(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct mapper mappers[4];
	pthread_t threads[4];
	int wins = 0;

	for (uint64_t i = 0; i < 4; i++) {
		mappers[i] = (struct mapper) { client, (i + 1) << 32, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, map_and_unmap, &mappers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		wins += mappers[i].wins;
	}
	assert_true(wins > 0);
	assert_int_equal(rig_client_dma_unmap_all(client, soon()), 0);
	script_unplug(s, client);
}

/* --- DMA messages. The script sends one before it answers a reset --- */

struct asked {
	enum wire_command command;
	uint64_t address, count;
	size_t data_len; /* bytes that come along */
	uint32_t flags;
	uint8_t data[64];
	int n_fds;
	/* what came back */
	struct wire_header reply;
	size_t reply_len;
	uint8_t payload[128];
};

static enum verdict ask_at_reset(struct script *s, const struct message *request,
				 struct message *reply)
{
	struct asked *asked = s->opaque;
	struct message *m;

	if (request->header.command != WIRE_DEVICE_RESET)
		return SEND;
	m = calloc(1, sizeof(*m));
	m->header = (struct wire_header) { 77, (uint16_t)asked->command, 16, asked->flags, 0 };
	add_payload(m, &asked->address, 8);
	add_payload(m, &asked->count, 8);
	memset(m->payload + 16, 0xda, asked->data_len);
	memcpy(m->payload + 16, asked->data,
	       asked->data_len < sizeof(asked->data) ? asked->data_len : sizeof(asked->data));
	m->header.size += (uint32_t)asked->data_len;
	for (; m->n_fds < (size_t)asked->n_fds; m->n_fds++)
		m->fds[m->n_fds] = s->fd;
	script_send(s, s->fd, m);
	asked->reply = (struct wire_header) { 0 };
	if (!(asked->flags & WIRE_FLAG_NO_REPLY) && script_receive(s->fd, m)) {
		asked->reply = m->header;
		asked->reply_len = m->header.size - sizeof(m->header);
		memcpy(asked->payload, m->payload, sizeof(asked->payload));
	}
	free(m);
	return SEND;
}

/* Have it asked. With a client that waits for its own reply meanwhile. */
static void ask(struct rig_client *client)
{
	assert_int_equal(rig_client_reset(client, soon()), 0);
}

static void assert_error(const struct asked *asked, uint32_t error)
{
	assert_int_equal(asked->reply.id, 77);
	assert_int_equal(asked->reply.command, asked->command);
	assert_int_equal(asked->reply.flags, WIRE_TYPE_REPLY | WIRE_FLAG_ERROR);
	assert_int_equal(asked->reply.error, error);
	assert_int_equal(asked->reply_len, 0);
}

static void assert_done(const struct asked *asked, size_t data_len)
{
	assert_int_equal(asked->reply.id, 77);
	assert_int_equal(asked->reply.flags, WIRE_TYPE_REPLY);
	assert_int_equal(asked->reply_len, 16 + data_len);
	assert_memory_equal(asked->payload, &asked->address, 8);
	assert_memory_equal(asked->payload + 8, &asked->count, 8);
}

static struct rig_client *plug_asking(struct script *s, struct asked *asked,
				      const struct rig_client_ops *ops, void *opaque)
{
	s->bend = ask_at_reset;
	s->opaque = asked;
	return script_plug_with(s, ops, opaque, 0);
}

static void map_host(struct rig_client *client, uint64_t address, uint64_t size, uint32_t flags,
		     void *host)
{
	const struct rig_dma_region region = at_host(address, size, flags, host);

	assert_int_equal(rig_client_dma_map(client, &region, soon()), 0);
}

static void s121_s123_reads_and_writes_inside_maps_are_served(void **state)
{
	struct asked asked = { .command = WIRE_DMA_READ, .address = 0x1010, .count = 32 };
	struct script *s = *state;
	uint8_t *memory = calloc(4, PAGE);
	struct rig_client *client = plug_asking(s, &asked, NULL, NULL);

	for (size_t i = 0; i < 4 * PAGE; i++)
		memory[i] = (uint8_t)(i ^ i >> 8);
	map_host(client, 0x1000, PAGE, RW, memory);
	ask(client);
	assert_done(&asked, 32);
	assert_memory_equal(asked.payload + 16, memory + 0x10, 32);

	asked = (struct asked) { .command = WIRE_DMA_WRITE,
				 .address = 0x1ff8,
				 .count = 8,
				 .data_len = 8,
				 .data = "written" };
	ask(client);
	assert_done(&asked, 0);
	assert_memory_equal(memory + PAGE - 8, "written", 8);

	asked = (struct asked) { .command = WIRE_DMA_READ, .address = 0x1000 };
	ask(client);
	assert_done(&asked, 0);
	script_unplug(s, client);
	free(memory);
}

static void s121_the_last_byte_there_is_is_served_and_nothing_behind_it(void **state)
{
	struct asked asked = { .command = WIRE_DMA_READ, .address = UINT64_MAX - 31, .count = 32 };
	struct script *s = *state;
	uint8_t *memory = calloc(2, PAGE);
	struct rig_client *client = plug_asking(s, &asked, NULL, NULL);

	memory[2 * PAGE - 1] = 0x77;
	map_host(client, 0, PAGE, RW, memory);
	map_host(client, UINT64_MAX - (PAGE - 1), PAGE, RW, memory + PAGE);
	ask(client);
	assert_done(&asked, 32);
	assert_int_equal(asked.payload[16 + 31], 0x77);
	asked = (struct asked) { .command = WIRE_DMA_READ, .address = UINT64_MAX, .count = 1 };
	ask(client);
	assert_done(&asked, 1);
	assert_int_equal(asked.payload[16], 0x77);
	asked = (struct asked) { .command = WIRE_DMA_READ, .address = UINT64_MAX, .count = 2 };
	ask(client);
	assert_error(&asked, EINVAL);
	script_unplug(s, client);
	free(memory);
}

static void s121_ranges_across_adjacent_maps_are_served(void **state)
{
	struct asked asked = { .command = WIRE_DMA_WRITE, .data_len = 48, .count = 48 };
	struct script *s = *state;
	uint8_t *memory[3];
	struct rig_client *client = plug_asking(s, &asked, NULL, NULL);

	for (int i = 0; i < 3; i++) {
		memory[i] = calloc(1, PAGE);
		map_host(client, (uint64_t)(i + 1) * PAGE, PAGE, RW, memory[i]);
	}
	memset(asked.data, 0x77, 48);
	asked.address = 2 * PAGE - 16;
	ask(client);
	assert_done(&asked, 0);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(memory[0][PAGE - 16 + i], 0x77);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(memory[1][i], 0x77);
	assert_int_equal(memory[1][32], 0);
	/* All three, as far as they go. */
	asked = (struct asked) { .command = WIRE_DMA_READ, .address = PAGE, .count = 3 * PAGE };
	ask(client);
	assert_done(&asked, 3 * PAGE);
	script_unplug(s, client);
	for (int i = 0; i < 3; i++)
		free(memory[i]);
}

static void s121_transfers_at_the_limit_are_served(void **state)
{
	struct asked asked = { .command = WIRE_DMA_READ, .count = 1u << 20 };
	struct script *s = *state;
	uint8_t *memory = calloc(1, 1u << 20);
	struct rig_client *client = plug_asking(s, &asked, NULL, NULL);

	map_host(client, 0, 1u << 20, RW, memory);
	ask(client);
	assert_done(&asked, 1u << 20);
	asked = (struct asked) {
		.command = WIRE_DMA_WRITE, .count = 1u << 20, .data_len = 1u << 20, .data = { 1 }
	};
	ask(client);
	assert_done(&asked, 0);
	assert_int_equal(memory[(1u << 20) - 1], 0xda);
	script_unplug(s, client);
	free(memory);
}

static void s121_no_reply_is_honoured(void **state)
{
	struct asked asked = { .command = WIRE_DMA_WRITE,
			       .address = PAGE,
			       .count = 8,
			       .data_len = 8,
			       .data = "posted!",
			       .flags = WIRE_FLAG_NO_REPLY };
	struct script *s = *state;
	uint8_t *memory = calloc(1, PAGE);
	struct rig_client *client = plug_asking(s, &asked, NULL, NULL);

	map_host(client, PAGE, PAGE, RW, memory);
	ask(client);
	asked.address = 5 * PAGE; /* fails, and yields nothing either */
	ask(client);
	ask(client);
	/* The script would have taken a reply for the next request. */
	assert_int_equal(n_logged(s, WIRE_DEVICE_RESET), 3);
	assert_int_equal(s->n_log, 5);
	script_unplug(s, client);
	assert_string_equal((char *)memory, "posted!");
	free(memory);
}

static void s122_what_is_not_permitted_is_refused_and_touches_nothing(void **state)
{
	/* [PAGE, 2 PAGE) read, [2 PAGE, 3 PAGE) write, a gap, [4 PAGE, 5 PAGE) both, the last page */
	static const struct {
		struct asked asked;
		uint32_t error;
	} cases[] = {
		{ { .command = WIRE_DMA_READ, .address = 0, .count = 1 }, EFAULT },
		{ { .command = WIRE_DMA_READ, .address = PAGE - 1, .count = 2 }, EFAULT },
		{ { .command = WIRE_DMA_READ, .address = 4 * PAGE, .count = PAGE + 1 }, EFAULT },
		{ { .command = WIRE_DMA_READ, .address = 2 * PAGE, .count = 1 }, EACCES },
		{ { .command = WIRE_DMA_READ, .address = PAGE, .count = PAGE + 1 }, EACCES },
		{ { .command = WIRE_DMA_READ, .address = 3 * PAGE, .count = 1 }, EFAULT },
		{ { .command = WIRE_DMA_READ, .address = UINT64_MAX, .count = 2 }, EINVAL },
		{ { .command = WIRE_DMA_READ, .address = PAGE, .count = UINT64_MAX }, E2BIG },
		{ { .command = WIRE_DMA_READ, .address = PAGE, .count = (1u << 20) + 1 }, E2BIG },
		{ { .command = WIRE_DMA_WRITE, .address = PAGE, .count = 4, .data_len = 4 },
		  EACCES },
		{ { .command = WIRE_DMA_WRITE, .address = 3 * PAGE - 4, .count = 8, .data_len = 8 },
		  EFAULT },
		{ { .command = WIRE_DMA_WRITE, .address = 4 * PAGE, .count = 8, .data_len = 7 },
		  EINVAL },
		{ { .command = WIRE_DMA_WRITE, .address = 4 * PAGE, .count = 8 }, EINVAL },
		{ { .command = WIRE_DMA_WRITE,
		    .address = 4 * PAGE,
		    .count = 8,
		    .data_len = 8,
		    .n_fds = 1 },
		  EINVAL },
		{ { .command = WIRE_DMA_READ, .address = PAGE, .count = 8, .n_fds = 3 }, EINVAL },
		{ { .command = WIRE_REGION_READ, .address = 0, .count = 4ull << 32 }, ENOSYS },
	};
	struct script *s = *state;
	struct asked asked = { 0 };
	uint8_t *memory = calloc(4, PAGE), *untouched = calloc(4, PAGE);
	struct rig_client *client = plug_asking(s, &asked, NULL, NULL);

	map_host(client, PAGE, PAGE, RIG_DMA_READ, memory);
	map_host(client, 2 * PAGE, PAGE, RIG_DMA_WRITE, memory + PAGE);
	map_host(client, 4 * PAGE, PAGE, RW, memory + 2 * PAGE);
	map_host(client, -(uint64_t)PAGE, PAGE, RW, memory + 3 * PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		asked = cases[i].asked;
		ask(client);
		assert_error(&asked, cases[i].error);
	}
	assert_memory_equal(memory, untouched, 4 * PAGE);
	script_unplug(s, client);
	free(memory);
	free(untouched);
}

static void s122_memory_that_was_unmapped_is_out_of_reach(void **state)
{
	struct asked asked = {
		.command = WIRE_DMA_WRITE, .address = PAGE, .count = 8, .data_len = 8
	};
	struct script *s = *state;
	uint8_t *memory = calloc(1, PAGE);
	struct rig_client *client = plug_asking(s, &asked, NULL, NULL);

	map_host(client, PAGE, PAGE, RW, memory);
	assert_int_equal(rig_client_dma_unmap(client, PAGE, PAGE, soon()), 0);
	free(memory);
	ask(client);
	assert_error(&asked, EFAULT);
	script_unplug(s, client);
}

/* --- by the application --- */

struct guest {
	struct rig_client *client;
	uint8_t memory[2 * PAGE]; /* at PAGE */
	int result;
	bool defer;
	atomic_uint written, calls;
	uint64_t written_at;
	size_t written_len;
	struct rig_request *_Atomic deferred;
};

static int defer(struct guest *g)
{
	struct rig_request *request = rig_client_defer(g->client);

	assert_non_null(request);
	g->deferred = request;
	return RIG_DEFERRED;
}

static int guest_read(void *opaque, uint64_t address, void *buf, size_t count)
{
	struct guest *g = opaque;

	g->calls++;
	if (g->defer)
		return defer(g);
	memcpy(buf, g->memory + (address - PAGE), count);
	return g->result;
}

static int guest_write(void *opaque, uint64_t address, const void *buf, size_t count)
{
	struct guest *g = opaque;

	g->calls++;
	if (g->defer)
		return defer(g);
	memcpy(g->memory + (address - PAGE), buf, count);
	return g->result;
}

static void guest_written(void *opaque, uint64_t address, size_t count)
{
	struct guest *g = opaque;

	g->written++;
	g->written_at = address;
	g->written_len = count;
}

static const struct rig_client_ops guest_ops = {
	.dma_read = guest_read,
	.dma_write = guest_write,
	.dma_written = guest_written,
};

static void s121_callbacks_serve_what_is_not_here(void **state)
{
	struct asked asked = { .command = WIRE_DMA_READ, .address = 2 * PAGE - 4, .count = 8 };
	struct guest *g = calloc(1, sizeof(*g));
	struct script *s = *state;
	struct rig_client *client = plug_asking(s, &asked, &guest_ops, g);

	g->client = client;
	memcpy(g->memory + PAGE - 4, "abcdefgh", 8);
	map_host(client, PAGE, PAGE, RW, NULL);
	map_host(client, 2 * PAGE, PAGE, RW, g->memory + PAGE); /* mixed: one callback for all */
	ask(client);
	assert_done(&asked, 8);
	assert_memory_equal(asked.payload + 16, "abcdefgh", 8);
	assert_int_equal(g->calls, 1);
	asked = (struct asked) { .command = WIRE_DMA_WRITE,
				 .address = PAGE,
				 .count = 4,
				 .data_len = 4,
				 .data = "wxyz" };
	ask(client);
	assert_done(&asked, 0);
	assert_memory_equal(g->memory, "wxyz", 4);
	assert_int_equal(g->written, 0); /* the application knows itself */
	g->result = -EIO;
	ask(client);
	assert_error(&asked, EIO);
	/* Outside maps it is not asked. */
	asked.address = 8 * PAGE;
	ask(client);
	assert_error(&asked, EFAULT);
	assert_int_equal(g->calls, 3);
	script_unplug(s, client);
	free(g);
}

static void s122_without_callbacks_the_server_gets_efault(void **state)
{
	struct asked asked = { .command = WIRE_DMA_READ, .address = PAGE, .count = 8 };
	struct script *s = *state;
	struct rig_client *client = plug_asking(s, &asked, NULL, NULL);

	map_host(client, PAGE, PAGE, RW, NULL);
	ask(client);
	assert_error(&asked, EFAULT);
	script_unplug(s, client);
}

static void what_the_library_wrote_is_told(void **state)
{
	struct asked asked = {
		.command = WIRE_DMA_WRITE, .address = PAGE + 5, .count = 4, .data_len = 4
	};
	struct guest *g = calloc(1, sizeof(*g));
	struct script *s = *state;
	struct rig_client *client = plug_asking(s, &asked, &guest_ops, g);

	map_host(client, PAGE, PAGE, RW, g->memory);
	ask(client);
	assert_int_equal(g->written, 1);
	assert_int_equal(g->written_at, PAGE + 5);
	assert_int_equal(g->written_len, 4);
	asked.command = WIRE_DMA_READ;
	asked.data_len = 0;
	ask(client);
	assert_int_equal(g->written, 1);
	assert_int_equal(g->calls, 0);
	script_unplug(s, client);
	free(g);
}

/* Answers what was deferred, from another thread. */
static void *answer_later(void *opaque)
{
	struct guest *g = opaque;
	struct rig_request *request;
	uint8_t *data;
	size_t len;

	while (!(request = g->deferred))
		nanosleep(&(struct timespec) { .tv_nsec = 100000 }, NULL);
	data = rig_request_data(request, &len);
	assert_int_equal(len, 8);
	if (g->result == 1)
		memcpy(g->memory, data, len); /* a write */
	else
		memset(data, 0x42, len);
	rig_request_done(request, g->result < 0 ? g->result : 0);
	return NULL;
}

static void ask_deferred(struct rig_client *client, struct guest *g, int result)
{
	pthread_t thread;

	g->result = result;
	g->defer = true;
	g->deferred = NULL;
	assert_int_equal(pthread_create(&thread, NULL, answer_later, g), 0);
	ask(client);
	pthread_join(thread, NULL);
}

static void s121_callbacks_may_answer_later(void **state)
{
	struct asked asked = { .command = WIRE_DMA_READ, .address = PAGE, .count = 8 };
	struct guest *g = calloc(1, sizeof(*g));
	struct script *s = *state;
	struct rig_client *client = plug_asking(s, &asked, &guest_ops, g);

	g->client = client;
	map_host(client, PAGE, PAGE, RW, NULL);
	assert_null(rig_client_defer(client));
	ask_deferred(client, g, 0);
	assert_done(&asked, 8);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(asked.payload[16 + i], 0x42);
	ask_deferred(client, g, -EPERM);
	assert_error(&asked, EPERM);
	asked = (struct asked) { .command = WIRE_DMA_WRITE,
				 .address = PAGE,
				 .count = 8,
				 .data_len = 8,
				 .data = "deferred" };
	ask_deferred(client, g, 1);
	assert_done(&asked, 0);
	assert_memory_equal(g->memory, "deferred", 8);
	script_unplug(s, client);
	free(g);
}

static enum verdict ask_and_hang_up(struct script *s, const struct message *request,
				    struct message *reply)
{
	struct message *m;

	if (request->header.command != WIRE_DEVICE_RESET)
		return SEND;
	m = dma_read_message(1, PAGE, 8);
	script_send(s, s->fd, m);
	free(m);
	return SEND;
}

static void deferred_requests_may_be_answered_when_all_is_gone(void **state)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct script *s = *state;
	struct rig_client *client;
	size_t len;

	s->bend = ask_and_hang_up;
	client = script_plug_with(s, &guest_ops, g, 0);
	g->client = client;
	g->defer = true;
	map_host(client, PAGE, PAGE, RW, NULL);
	ask(client);
	while (!g->deferred)
		rig_client_dispatch(client);
	script_unplug(s, client);
	memset(rig_request_data(g->deferred, &len), 1, 8);
	assert_int_equal(len, 8);
	rig_request_done(g->deferred, 0);
	free(g);
}

/* --- which thread --- */

struct here {
	struct rig_client *client;
	pthread_t loop;
	atomic_uint calls, strays;
	atomic_bool done;
};

static int read_here(void *opaque, uint64_t address, void *buf, size_t count)
{
	struct here *here = opaque;

	here->calls++;
	if (!pthread_equal(pthread_self(), here->loop))
		here->strays++;
	return 0;
}

static void *reset_elsewhere(void *opaque)
{
	struct here *here = opaque;

	for (int i = 0; i < 20; i++)
		assert_int_equal(rig_client_reset(here->client, soon()), 0);
	here->done = true;
	return NULL;
}

static void callbacks_run_in_the_loops_thread_if_that_was_asked_for(void **state)
{
	const struct rig_client_ops ops = { .dma_read = read_here };
	struct asked asked = { .command = WIRE_DMA_READ, .address = PAGE, .count = 8 };
	struct here here = { .loop = pthread_self() };
	struct script *s = *state;
	pthread_t thread;

	s->bend = ask_at_reset;
	s->opaque = &asked;
	here.client = script_plug_with(s, &ops, &here, RIG_CLIENT_DISPATCH_ONLY);
	map_host(here.client, PAGE, PAGE, RW, NULL);
	assert_int_equal(rig_client_dispatch(here.client), 0);
	assert_int_equal(pthread_create(&thread, NULL, reset_elsewhere, &here), 0);
	while (!here.done) {
		struct pollfd p = { rig_client_fd(here.client), POLLIN, 0 };

		poll(&p, 1, 5);
		assert_int_equal(rig_client_dispatch(here.client), 0);
	}
	pthread_join(thread, NULL);
	/* In a blocking call of this very thread, too. */
	ask(here.client);
	assert_done(&asked, 8);
	assert_int_equal(here.calls, 21);
	assert_int_equal(here.strays, 0);
	script_unplug(s, here.client);
}

/* --- an unmap and the message that is being served --- */

/* Answers everything, and writes to memory all the time. */
static enum verdict write_all_the_time(struct script *s, const struct message *request,
				       struct message *reply)
{
	struct message *m;

	if (request->header.command == WIRE_VERSION)
		return SEND;
	m = calloc(1, sizeof(*m));
	m->header = (struct wire_header) { 1, WIRE_DMA_WRITE, 32 + 8192, WIRE_FLAG_NO_REPLY, 0 };
	memcpy(m->payload, &(uint64_t[]) { PAGE, 8192 }, 16);
	for (int i = 0; i < 4; i++)
		script_send(s, s->fd, m);
	free(m);
	return SEND;
}

struct dispatcher {
	struct rig_client *client;
	atomic_bool stop;
};

static void *dispatch_all_the_time(void *opaque)
{
	struct dispatcher *d = opaque;

	while (!d->stop)
		rig_client_dispatch(d->client);
	return NULL;
}

static void s122_no_message_reaches_memory_once_its_unmap_returned(void **state)
{
	struct dispatcher d = { 0 };
	struct script *s = *state;
	pthread_t thread;

	s->bend = write_all_the_time;
	d.client = script_plug(s);
	assert_int_equal(pthread_create(&thread, NULL, dispatch_all_the_time, &d), 0);
	for (int i = 0; i < 200; i++) {
		void *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		map_host(d.client, PAGE, 2 * PAGE, RW, memory);
		assert_int_equal(rig_client_dma_unmap(d.client, PAGE, 2 * PAGE, soon()), 0);
		munmap(memory, 2 * PAGE); /* a write would be a SIGSEGV */
	}
	d.stop = true;
	pthread_join(thread, NULL);
	script_unplug(s, d.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(maps_are_told_as_they_are),
		script_test(maps_that_make_no_sense_are_not_sent),
		script_test(page_sizes_and_number_of_maps_of_the_server_are_obeyed),
		script_test(s124_overlaps_are_refused_here_in_every_form),
		script_test(s124_eexist_and_einval_of_the_server_both_mean_overlap),
		script_test(s124_other_refusals_are_handed_on),
		script_test(a_map_in_doubt_is_cleared_up_by_an_unmap),
		script_test(unmaps_that_are_answered_wrongly_leave_a_defined_state),
		script_test(unmap_all_is_one_message_and_forgets_everything),
		script_test(asynchronous_maps_and_unmaps_are_consistent),
		script_test(maps_by_the_100000_are_kept_apart),
		script_test(maps_from_many_threads_stay_consistent),
		script_test(s121_s123_reads_and_writes_inside_maps_are_served),
		script_test(s121_the_last_byte_there_is_is_served_and_nothing_behind_it),
		script_test(s121_ranges_across_adjacent_maps_are_served),
		script_test(s121_transfers_at_the_limit_are_served),
		script_test(s121_no_reply_is_honoured),
		script_test(s122_what_is_not_permitted_is_refused_and_touches_nothing),
		script_test(s122_memory_that_was_unmapped_is_out_of_reach),
		script_test(s121_callbacks_serve_what_is_not_here),
		script_test(s122_without_callbacks_the_server_gets_efault),
		script_test(what_the_library_wrote_is_told),
		script_test(s121_callbacks_may_answer_later),
		script_test(deferred_requests_may_be_answered_when_all_is_gone),
		script_test(callbacks_run_in_the_loops_thread_if_that_was_asked_for),
		script_test(s122_no_message_reaches_memory_once_its_unmap_returned),
	};

	return cmocka_run_group_tests_name("client_dma", tests, NULL, NULL);
}
