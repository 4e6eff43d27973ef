/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_hostile.c - servers that are slow, greedy or careless on purpose
 *
 * None makes the client wait beyond a deadline, nor hold more than is bounded, and what is asked
 * correctly is answered correctly meanwhile.
 */
#include <poll.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "client_script.h"

#define PAGE	 0x1000u
#define BUF_SIZE 16384

/* --- a byte now and then --- */

/* opaque: the command that this concerns, and when to stop it */
struct drip {
	uint16_t command;
	atomic_bool stop;
};

static enum verdict drip(struct script *s, const struct message *request, struct message *reply)
{
	const char *bytes = (const char *)&reply->header;
	struct drip *d = s->opaque;
	size_t sent = 0;

	if (request->header.command != d->command)
		return SEND;
	for (; !d->stop && sent + 1 < reply->header.size; sent++) {
		if (send(s->fd, bytes + sent, 1, MSG_NOSIGNAL) != 1)
			return HANG_UP;
		nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
	}
	while (!d->stop)
		nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
	send(s->fd, bytes + sent, reply->header.size - sent, MSG_NOSIGNAL);
	return SAY_NOTHING;
}

static void a_reply_that_drips_keeps_nobody_beyond_the_deadline(void **state)
{
	struct drip d = { .command = WIRE_REGION_READ };
	struct script *s = *state;
	struct rig_client *client;
	uint8_t buf[BUF_SIZE];

	s->bend = drip;
	s->opaque = &d;
	client = script_plug(s);
	assert_int_equal(
		rig_client_region_read(client, 0, 0, buf, sizeof(buf), rig_after_ms(SHORT_MS)),
		-ETIMEDOUT);
	assert_true(reason_has(client, "REGION_READ: no answer within"));
	/* What came of it does not become part of another reply. */
	d.stop = true;
	assert_int_equal(rig_client_region_read(client, 0, 100, buf, sizeof(buf), soon()), 0);
	assert_memory_equal(buf, s->region + 100, sizeof(buf));
	script_unplug(s, client);
}

static void a_handshake_that_drips_ends_at_the_deadline(void **state)
{
	const struct rig_client_config config = { .struct_size = sizeof(config) };
	struct drip d = { .command = WIRE_VERSION };
	struct script *s = *state;
	struct rig_client *client;
	char *error = NULL;

	s->bend = drip;
	s->opaque = &d;
	assert_int_equal(
		rig_client_new(script_restart(s), &config, rig_after_ms(SHORT_MS), &client, &error),
		-ETIMEDOUT);
	assert_non_null(strstr(error, "does not speak vfio-user"));
	free(error);
	d.stop = true;
	script_end(s);
}

/* --- more than can be held --- */

/* What AddressSanitizer keeps of freed memory is no growth of the client's. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=8";
}

static long resident_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void map_page(struct rig_client *client, uint64_t address, void *host)
{
	const struct rig_dma_region region = { .address = address,
					       .size = PAGE,
					       .flags = RIG_DMA_READ | RIG_DMA_WRITE,
					       .fd = -1,
					       .host = host };

	assert_int_equal(rig_client_dma_map(client, &region, soon()), 0);
}

/* opaque: how many requests of a page each the client took before it stopped reading */
static enum verdict ask_and_never_read(struct script *s, const struct message *request,
				       struct message *reply)
{
	struct pollfd room = { .fd = s->fd, .events = POLLOUT };
	size_t *ret_sent = s->opaque, sent = 0;
	struct message *m;

	if (request->header.command != WIRE_DEVICE_RESET)
		return SEND;
	m = dma_read_message(1, PAGE, PAGE);
	while (sent < 200000 && poll(&room, 1, 200) == 1 &&
	       send(s->fd, &m->header, m->header.size, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		sent++;
	*ret_sent = sent;
	while (sent > 0 && script_receive(s->fd, m) && m->header.size == 32 + PAGE)
		sent--;
	free(m);
	return sent == 0 ? SEND : HANG_UP;
}

static void a_server_that_never_reads_its_replies_is_not_read_any_more(void **state)
{
	uint8_t memory[PAGE] = { 0 };
	struct script *s = *state;
	struct rig_client *client;
	long before = resident_kib();
	size_t sent = 0;

	s->bend = ask_and_never_read;
	s->opaque = &sent;
	client = script_plug(s);
	map_page(client, PAGE, memory);
	/* It reads them after all, and nothing was lost. */
	assert_int_equal(rig_client_reset(client, soon()), 0);
	assert_true(sent > 100 && sent < 20000);
	assert_true(resident_kib() - before < 64 << 10);
	script_unplug(s, client);
}

#define POSTS 1000000u
#define BATCH 1000u

struct posted_write {
	struct wire_header header;
	uint64_t address, count;
	uint32_t value;
} __attribute__((packed));

static enum verdict post_a_million(struct script *s, const struct message *request,
				   struct message *reply)
{
	struct posted_write *batch;

	if (request->header.command != WIRE_DEVICE_RESET)
		return SEND;
	batch = calloc(BATCH, sizeof(*batch));
	for (uint32_t i = 0; i < POSTS; i++) {
		batch[i % BATCH] = (struct posted_write) {
			{ 1, WIRE_DMA_WRITE, sizeof(*batch), WIRE_FLAG_NO_REPLY, 0 }, PAGE, 4, i
		};
		if (i % BATCH == BATCH - 1 &&
		    send(s->fd, batch, BATCH * sizeof(*batch), MSG_NOSIGNAL) < 0)
			break;
	}
	free(batch);
	return SEND;
}

static void a_million_posted_writes_are_done_in_bounded_memory(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	uint32_t memory[PAGE / 4] = { 0 };
	long before = resident_kib();

	s->bend = post_a_million;
	client = script_plug(s);
	map_page(client, PAGE, memory);
	assert_int_equal(rig_client_reset(client, rig_after_ms(100000)), 0);
	assert_int_equal(memory[0], POSTS - 1);
	assert_true(resident_kib() - before < 32 << 10);
	script_unplug(s, client);
}

/* --- who is wrong is said, but not without end --- */

struct lines {
	unsigned int n;
	char first[512];
};

static void on_log(void *opaque, enum rig_log_level level, const char *message)
{
	struct lines *lines = opaque;

	if (level == RIG_LOG_WARNING && lines->n++ == 0)
		snprintf(lines->first, sizeof(lines->first), "%s", message);
}

static enum verdict ask_for_half_a_range(struct script *s, const struct message *request,
					 struct message *reply)
{
	struct message *m;

	if (request->header.command != WIRE_DEVICE_RESET)
		return SEND;
	m = dma_read_message(1, PAGE, 8);
	for (int i = 0; i < 100; i++) {
		m->header = (struct wire_header) { 1, WIRE_DMA_READ, 24, 0, 0 };
		script_ask(s, s->fd, m);
	}
	free(m);
	return SEND;
}

static void requests_that_break_their_rule_are_told_a_few_times(void **state)
{
	const struct rig_client_ops ops = { .log = on_log };
	struct lines lines = { 0 };
	struct script *s = *state;
	struct rig_client *client;

	s->bend = ask_for_half_a_range;
	client = script_plug_with(s, &ops, &lines, 0);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	assert_non_null(strstr(lines.first, "vfio-user device: DMA_READ (command 11) of the "
					    "server, 24 bytes with 0 fds: refused: Invalid"));
	assert_non_null(strstr(lines.first, "lives on"));
	assert_true(lines.n > 1 && lines.n <= 20);
	script_unplug(s, client);
}

/* --- requests that the application answers later --- */

#define KEPT 16

struct keeper {
	struct rig_client *client;
	struct rig_request *kept[KEPT];
	uint64_t address[KEPT];
	size_t n, total;
};

static int keep(void *opaque, uint64_t address, void *buf, size_t count)
{
	struct keeper *k = opaque;

	assert_true(k->n < KEPT);
	k->kept[k->n] = rig_client_defer(k->client);
	k->address[k->n++] = address;
	k->total++;
	return RIG_DEFERRED;
}

static const struct rig_client_ops keeper_ops = { .dma_read = keep };

/* The last one kept: its bytes say where it was from. */
static void answer_last(struct keeper *k)
{
	uint8_t *data;
	size_t len;

	data = rig_request_data(k->kept[--k->n], &len);
	memset(data, (int)(k->address[k->n] / PAGE), len);
	rig_request_done(k->kept[k->n], 0);
}

static void dispatch_until(struct keeper *k, size_t n)
{
	rig_time end = soon();

	while (k->n < n && rig_now() < end)
		rig_client_dispatch(k->client);
	assert_int_equal(k->n, n);
}

/* opaque: 0, then how many replies were right */
static enum verdict ask_twice_with_one_id(struct script *s, const struct message *request,
					  struct message *reply)
{
	atomic_uint *right = s->opaque;
	struct message *m;

	if (request->header.command != WIRE_DEVICE_RESET)
		return SEND;
	for (uint64_t page = 1; page <= 2; page++) {
		m = dma_read_message(5, page * PAGE, 8);
		script_send(s, s->fd, m);
		free(m);
	}
	m = calloc(1, sizeof(*m));
	for (uint64_t page = 2; page >= 1; page--) {
		if (script_receive(s->fd, m) && m->header.id == 5 && m->header.size == 40 &&
		    memcmp(m->payload, &(uint64_t[]) { page * PAGE, 8 }, 16) == 0 &&
		    m->payload[16] == page)
			++*right;
	}
	free(m);
	return SEND;
}

static void an_id_used_twice_at_once_gets_both_replies(void **state)
{
	struct keeper k = { 0 };
	struct waiter waiter = WAITER;
	struct script *s = *state;
	struct rig_client *client;
	atomic_uint right = 0;

	s->bend = ask_twice_with_one_id;
	s->opaque = &right;
	k.client = client = script_plug_with(s, &keeper_ops, &k, 0);
	map_page(client, PAGE, NULL);
	map_page(client, 2 * PAGE, NULL);
	assert_int_equal(rig_client_reset_async(client, soon(), waiter_completion(&waiter), NULL),
			 0);
	dispatch_until(&k, 2);
	answer_last(&k);
	answer_last(&k);
	assert_int_equal(waiter_take(&waiter, client), 0);
	assert_int_equal(right, 2);
	script_unplug(s, client);
}

#define LIMIT 4
#define ASKED (3 * LIMIT)

static enum verdict ask_more_than_allowed(struct script *s, const struct message *request,
					  struct message *reply)
{
	struct message *m;
	int n = 0;

	if (request->header.command != WIRE_DEVICE_RESET)
		return SEND;
	for (uint16_t id = 0; id < ASKED; id++) {
		m = dma_read_message(id, PAGE, 8);
		script_send(s, s->fd, m);
		free(m);
	}
	m = calloc(1, sizeof(*m));
	while (n < ASKED && script_receive(s->fd, m) && m->header.flags == WIRE_TYPE_REPLY)
		n++;
	free(m);
	return n == ASKED ? SEND : HANG_UP;
}

static void requests_beyond_the_limit_wait_until_others_are_answered(void **state)
{
	struct keeper k = { 0 };
	const struct rig_client_config config = { .struct_size = sizeof(config),
						  .max_requests = LIMIT,
						  .ops = &keeper_ops,
						  .opaque = &k };
	struct waiter waiter = WAITER;
	struct script *s = *state;

	s->bend = ask_more_than_allowed;
	assert_int_equal(script_connect(s, &config, &k.client), 0);
	map_page(k.client, PAGE, NULL);
	assert_int_equal(rig_client_reset_async(k.client, soon(), waiter_completion(&waiter), NULL),
			 0);
	while (k.total < ASKED) {
		dispatch_until(&k, LIMIT);
		for (int i = 0; i < 100; i++)
			rig_client_dispatch(k.client);
		assert_int_equal(k.n, LIMIT);
		while (k.n > 0)
			answer_last(&k);
	}
	assert_int_equal(waiter_take(&waiter, k.client), 0);
	script_unplug(s, k.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(a_reply_that_drips_keeps_nobody_beyond_the_deadline),
		script_test(a_handshake_that_drips_ends_at_the_deadline),
		script_test(a_server_that_never_reads_its_replies_is_not_read_any_more),
		script_test(a_million_posted_writes_are_done_in_bounded_memory),
		script_test(requests_that_break_their_rule_are_told_a_few_times),
		script_test(an_id_used_twice_at_once_gets_both_replies),
		script_test(requests_beyond_the_limit_wait_until_others_are_answered),
	};

	return cmocka_run_group_tests_name("client_hostile", tests, NULL, NULL);
}
