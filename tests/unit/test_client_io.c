/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_io.c - regions by messages: split, at once, late, posted, from many threads
 */
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "client_script.h"

#define SMALL_JSON \
	"{\"capabilities\":{\"max_data_xfer_size\":100,\"max_msg_fds\":3,\"write_multiple\":true}}"

/* --- splitting --- */

static void s110_reads_are_split_by_the_servers_limit(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	struct wire_region_io io;
	struct logged entry;
	uint8_t bytes[250];

	s->json = SMALL_JSON;
	client = script_plug(s);
	assert_int_equal(rig_client_region_read(client, 0, 5, bytes, sizeof(bytes), soon()), 0);
	assert_memory_equal(bytes, s->region + 5, sizeof(bytes));
	assert_int_equal(n_logged(s, WIRE_REGION_READ), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(logged_of(s, WIRE_REGION_READ, i, &entry));
		memcpy(&io, entry.payload, sizeof(io));
		assert_int_equal(io.offset, 5 + 100 * i);
		assert_int_equal(io.count, i < 2 ? 100 : 50);
	}
	script_unplug(s, client);
}

static void s110_writes_are_split_by_the_servers_limit(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	uint8_t bytes[250];

	memset(bytes, 0xab, sizeof(bytes));
	s->json = SMALL_JSON;
	client = script_plug(s);
	assert_int_equal(rig_client_region_write(client, 0, 7, bytes, sizeof(bytes), soon()), 0);
	assert_int_equal(n_logged(s, WIRE_REGION_WRITE), 3);
	assert_int_equal(rig_client_region_post(client, 0, 1000, bytes, sizeof(bytes), soon()), 0);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	assert_int_equal(n_logged(s, WIRE_REGION_WRITE), 6);
	script_unplug(s, client);
	assert_memory_equal(s->region + 7, bytes, sizeof(bytes));
	assert_memory_equal(s->region + 1000, bytes, sizeof(bytes));
}

static void s110_what_we_accept_bounds_reads_too(void **state)
{
	const struct rig_client_config config = { .struct_size = sizeof(config),
						  .max_data_xfer_size = 4096 };
	struct script *s = *state;
	struct rig_client *client;
	uint8_t *bytes = malloc(10000);

	assert_int_equal(script_connect(s, &config, &client), 0);
	assert_int_equal(rig_client_region_read(client, 0, 0, bytes, 10000, soon()), 0);
	assert_memory_equal(bytes, s->region, 10000);
	assert_int_equal(n_logged(s, WIRE_REGION_READ), 3);
	free(bytes);
	script_unplug(s, client);
}

static void s110_asynchronous_calls_are_split_too(void **state)
{
	struct waiter read = WAITER, write = WAITER;
	struct script *s = *state;
	struct rig_client *client;
	uint8_t bytes[250], copy[250];

	memset(copy, 0xcd, sizeof(copy));
	s->json = SMALL_JSON;
	client = script_plug(s);
	assert_int_equal(rig_client_region_read_async(client, 0, 3000, bytes, sizeof(bytes), soon(),
						      waiter_completion(&read), NULL),
			 0);
	assert_int_equal(rig_client_region_write_async(client, 0, 100, copy, sizeof(copy), soon(),
						       waiter_completion(&write), NULL),
			 0);
	memset(copy, 0, sizeof(copy)); /* it was copied */
	assert_int_equal(waiter_take(&read, client), 0);
	assert_int_equal(waiter_take(&write, client), 0);
	assert_memory_equal(bytes, s->region + 3000, sizeof(bytes));
	assert_int_equal(n_logged(s, WIRE_REGION_READ), 3);
	assert_int_equal(n_logged(s, WIRE_REGION_WRITE), 3);
	script_unplug(s, client);
	for (size_t i = 0; i < sizeof(copy); i++)
		assert_int_equal(s->region[100 + i], 0xcd);
}

static enum verdict header_only(struct script *s, const struct message *request,
				struct message *reply)
{
	if (request->header.command != WIRE_VERSION)
		reply->header.size = sizeof(reply->header);
	return SEND;
}

static void nothing_is_read_and_written_with_a_message_and_any_reply(void **state)
{
	struct waiter waiter = WAITER;
	struct script *s = *state;

	for (int i = 0; i < 2; i++) {
		struct rig_client *client;

		s->bend = i == 0 ? NULL : header_only;
		client = script_plug(s);
		assert_int_equal(rig_client_region_read(client, 0, 0, NULL, 0, soon()), 0);
		assert_int_equal(rig_client_region_write(client, 0, 0, NULL, 0, soon()), 0);
		assert_int_equal(rig_client_region_post(client, 0, 0, NULL, 0, soon()), 0);
		assert_int_equal(rig_client_region_read_async(client, 0, 0, NULL, 0, soon(),
							      waiter_completion(&waiter), NULL),
				 0);
		assert_int_equal(waiter_take(&waiter, client), 0);
		script_unplug(s, client);
	}
}

/* --- replies --- */

static enum verdict bend_read(struct script *s, const struct message *request,
			      struct message *reply)
{
	struct wire_region_io io;

	if (request->header.command != WIRE_REGION_READ)
		return SEND;
	memcpy(&io, reply->payload, sizeof(io));
	switch (*(int *)s->opaque) {
	case 0: /* more than asked for */
		io.count++;
		reply->header.size++;
		break;
	case 1: /* says so only */
		io.count = UINT32_MAX;
		break;
	case 2: /* less, and says so */
		io.count--;
		reply->header.size--;
		break;
	case 3: /* less, and does not */
		reply->header.size--;
		break;
	case 4:
		reply->header.size = sizeof(reply->header) + sizeof(io);
		break;
	case 5:
		io.offset++;
		break;
	case 6:
		io.region++;
		break;
	case 7:
		io.count = 0;
		reply->header.size = sizeof(reply->header) + sizeof(io);
		break;
	}
	memcpy(reply->payload, &io, sizeof(io));
	return SEND;
}

static void s120_a_read_with_other_bytes_than_asked_for_is_an_error(void **state)
{
	struct script *s = *state;

	for (int which = 0; which < 8; which++) {
		struct rig_client *client;
		uint8_t bytes[8];

		s->bend = bend_read;
		s->opaque = &which;
		client = script_plug(s);
		assert_int_equal(rig_client_region_read(client, 0, 0, bytes, 8, soon()), -EPROTO);
		assert_true(reason_has(client, "REGION_READ"));
		assert_int_equal(rig_client_reset(client, soon()), 0);
		script_unplug(s, client);
	}
}

/* Holds back reads until a reset comes, then answers them from the last to the first. */
static enum verdict reverse(struct script *s, const struct message *request, struct message *reply)
{
	static struct message *held[8];
	static size_t n;

	if (request->header.command == WIRE_REGION_READ) {
		held[n] = malloc(sizeof(*reply));
		memcpy(held[n++], reply, sizeof(*reply));
		return SAY_NOTHING;
	}
	while (request->header.command == WIRE_DEVICE_RESET && n > 0) {
		script_send(s, s->fd, held[--n]);
		free(held[n]);
	}
	return SEND;
}

static void s112_replies_out_of_order_reach_their_callers(void **state)
{
	struct waiter waiters[8];
	struct script *s = *state;
	struct rig_client *client;
	uint8_t bytes[8][4];

	s->bend = reverse;
	client = script_plug(s);
	for (size_t i = 0; i < 8; i++) {
		waiters[i] = (struct waiter)WAITER;
		assert_int_equal(rig_client_region_read_async(client, 0, i * 1000, bytes[i], 4,
							      soon(),
							      waiter_completion(&waiters[i]), NULL),
				 0);
	}
	assert_int_equal(rig_client_reset(client, soon()), 0);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(waiter_take(&waiters[i], client), 0);
		assert_memory_equal(bytes[i], s->region + i * 1000, 4);
	}
	script_unplug(s, client);
}

/* A command of the server's, with the very id of the request, between that and its reply. */
static enum verdict command_in_between(struct script *s, const struct message *request,
				       struct message *reply)
{
	struct message *m;

	if (request->header.command == WIRE_VERSION)
		return SEND;
	m = dma_read_message(request->header.id, 0x1000, 4);
	script_ask(s, s->fd, m);
	/* Its reply came before ours went, on this socket, and is not one of ours. */
	assert_int_equal(m->header.id, request->header.id);
	assert_int_equal(m->header.command, WIRE_DMA_READ);
	assert_int_equal(m->header.flags, WIRE_TYPE_REPLY | WIRE_FLAG_ERROR);
	free(m);
	return SEND;
}

static void s111_s123_a_command_between_request_and_reply_is_served(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	uint8_t bytes[16];

	s->bend = command_in_between;
	client = script_plug(s);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(rig_client_region_read(client, 0, 0, bytes, 16, soon()), 0);
		assert_memory_equal(bytes, s->region, 16);
	}
	script_unplug(s, client);
}

/* Answers a read when the next request comes, then that. */
static enum verdict late(struct script *s, const struct message *request, struct message *reply)
{
	static struct message *held;

	if (request->header.command == WIRE_REGION_READ && !held) {
		held = malloc(sizeof(*reply));
		memcpy(held, reply, sizeof(*reply));
		return SAY_NOTHING;
	}
	if (held) {
		script_send(s, s->fd, held);
		free(held);
		held = NULL;
	}
	return SEND;
}

static void s127_a_late_reply_is_dropped_and_nothing_is_confused(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	uint8_t bytes[64];

	s->bend = late;
	client = script_plug(s);
	for (int i = 0; i < 5; i++) {
		memset(bytes, 0x5a, sizeof(bytes));
		assert_int_equal(
			rig_client_region_read(client, 0, 100, bytes, 64, rig_after_ms(SHORT_MS)),
			-ETIMEDOUT);
		assert_true(reason_has(client, "no answer within"));
		assert_int_equal(rig_client_reset(client, soon()), 0);
		for (size_t at = 0; at < sizeof(bytes); at++)
			assert_int_equal(bytes[at], 0x5a);
	}
	assert_int_equal(rig_client_error(client), 0);
	script_unplug(s, client);
}

static enum verdict slow(struct script *s, const struct message *request, struct message *reply)
{
	if (request->header.command == WIRE_DEVICE_RESET)
		nanosleep(&(struct timespec) { .tv_nsec = 200000000 }, NULL);
	return SEND;
}

static void s127_a_slow_reply_is_waited_for(void **state)
{
	struct script *s = *state;
	struct rig_client *client;

	s->bend = slow;
	client = script_plug(s);
	assert_int_equal(rig_client_reset(client, RIG_FOREVER), 0);
	script_unplug(s, client);
}

/* --- asynchronous calls --- */

static enum verdict only_version(struct script *s, const struct message *request,
				 struct message *reply)
{
	return request->header.command == WIRE_VERSION ? SEND : SAY_NOTHING;
}

static void a_cancelled_call_completes_once_and_its_id_means_nothing_more(void **state)
{
	struct waiter waiter = WAITER;
	struct script *s = *state;
	struct rig_client *client;
	uint8_t bytes[4];
	rig_call call;

	s->bend = only_version;
	client = script_plug(s);
	assert_int_equal(rig_client_region_read_async(client, 0, 0, bytes, 4, RIG_FOREVER,
						      waiter_completion(&waiter), &call),
			 0);
	assert_int_not_equal(call, 0);
	rig_client_cancel(client, call + 1);
	rig_client_cancel(client, 0);
	rig_client_cancel(client, call);
	assert_int_equal(waiter_take(&waiter, client), -ECANCELED);
	rig_client_cancel(client, call);
	assert_int_equal(waiter_runs(&waiter), 0);
	script_unplug(s, client);
	assert_int_equal(waiter_runs(&waiter), 0);
}

static void an_asynchronous_call_times_out_in_the_loop(void **state)
{
	struct waiter waiter = WAITER;
	struct script *s = *state;
	struct rig_client *client;

	s->bend = only_version;
	client = script_plug(s);
	assert_int_equal(rig_client_reset_async(client, rig_after_ms(SHORT_MS),
						waiter_completion(&waiter), NULL),
			 0);
	assert_true(rig_client_deadline(client) != RIG_FOREVER);
	assert_int_equal(waiter_take(&waiter, client), -ETIMEDOUT);
	script_unplug(s, client);
}

static atomic_int logged_failures;

static void count_log(void *opaque, enum rig_log_level level, const char *message)
{
	if (level <= RIG_LOG_WARNING && strstr(message, "DEVICE_RESET"))
		logged_failures++;
}

static enum verdict refuse(struct script *s, const struct message *request, struct message *reply)
{
	if (request->header.command != WIRE_VERSION)
		set_error(reply, EPERM, 0);
	return SEND;
}

static void a_failure_that_nobody_asked_for_is_logged(void **state)
{
	const struct rig_client_ops ops = { .log = count_log };
	struct waiter waiter = WAITER;
	struct script *s = *state;
	struct rig_client *client;

	s->bend = refuse;
	client = script_plug_with(s, &ops, NULL, 0);
	assert_int_equal(
		rig_client_reset_async(client, soon(), (struct rig_completion) { 0 }, NULL), 0);
	assert_int_equal(rig_client_reset_async(client, soon(), waiter_completion(&waiter), NULL),
			 0);
	assert_int_equal(waiter_take(&waiter, client), -EPERM);
	assert_int_equal(logged_failures, 1);
	script_unplug(s, client);
}

struct chain {
	struct rig_client *client;
	struct waiter *waiter;
	int left;
	uint8_t bytes[4];
	bool blocking;
};

/* A completion that starts the next call. */
static void go_on(void *opaque, int result)
{
	struct chain *chain = opaque;
	uint8_t bytes[4];

	assert_int_equal(result, 0);
	if (chain->blocking)
		assert_int_equal(rig_client_region_read(chain->client, 0, 8, bytes, 4, soon()), 0);
	if (chain->left-- == 0) {
		waiter_run(chain->waiter, 0);
		return;
	}
	assert_int_equal(rig_client_region_read_async(chain->client, 0, 4, chain->bytes, 4, soon(),
						      (struct rig_completion) { go_on, chain },
						      NULL),
			 0);
}

static void completions_may_start_calls_of_either_kind(void **state)
{
	struct script *s = *state;

	for (int i = 0; i < 4; i++) {
		struct waiter waiter = WAITER;
		struct chain chain = { .waiter = &waiter, .left = 50, .blocking = i & 1 };
		struct rig_client *client;

		client = script_plug_with(s, NULL, NULL, i & 2 ? RIG_CLIENT_DISPATCH_ONLY : 0);
		chain.client = client;
		go_on(&chain, 0);
		assert_int_equal(waiter_take(&waiter, client), 0);
		script_unplug(s, client);
	}
}

/* --- hooks --- */

struct hooks {
	atomic_int depth, releases;
	bool hold;
};

static bool release_hook(void *opaque)
{
	struct hooks *hooks = opaque;

	hooks->releases++;
	hooks->depth++;
	return hooks->hold;
}

static void take_hook(void *opaque)
{
	struct hooks *hooks = opaque;

	hooks->depth--;
}

static void hooks_surround_waits(void **state)
{
	const struct rig_client_ops ops = { .release = release_hook, .take = take_hook };
	struct hooks hooks = { .hold = true };
	struct script *s = *state;
	struct rig_client *client;

	s->bend = slow;
	client = script_plug_with(s, &ops, &hooks, 0);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	assert_true(hooks.releases > 0);
	assert_int_equal(hooks.depth, 0);
	script_unplug(s, client);
}

/* --- posted writes --- */

static void s125_posted_writes_are_seen_by_the_read_that_follows(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct logged entry;

	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t got = 0;

		assert_int_equal(rig_client_region_post(client, 0, 64, &i, 4, soon()), 0);
		if (i % 10 != 0)
			continue;
		assert_int_equal(rig_client_region_read(client, 0, 64, &got, 4, soon()), 0);
		assert_int_equal(got, i);
	}
	assert_true(logged_of(s, WIRE_REGION_WRITE, 0, &entry));
	assert_true(entry.no_reply);
	script_unplug(s, client);
}

static atomic_bool may_read;

static enum verdict stop_reading(struct script *s, const struct message *request,
				 struct message *reply)
{
	while (request->header.command == WIRE_REGION_WRITE && !may_read)
		nanosleep(&(struct timespec) { .tv_nsec = 1000000 }, NULL);
	return SEND;
}

static long resident_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void posts_to_a_server_that_does_not_read_are_bounded_and_wait(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	long before = resident_kib();
	uint32_t posted = 0;
	uint8_t bytes[64] = { 0 };
	int r = 0;

	may_read = false;
	s->bend = stop_reading;
	client = script_plug(s);
	while (r == 0 && posted < 500000) {
		r = rig_client_region_post(client, 0, posted % 1000, bytes, sizeof(bytes),
					   rig_after_ms(SHORT_MS));
		posted += r == 0;
	}
	assert_int_equal(r, -ETIMEDOUT);
	assert_true(posted < 200000);
	assert_true(resident_kib() - before < 64 << 10);
	/* Asynchronous calls do not wait. */
	assert_int_equal(
		rig_client_reset_async(client, soon(), (struct rig_completion) { 0 }, NULL),
		-EAGAIN);
	/* It is not over: once the server reads, everything arrives. */
	may_read = true;
	assert_int_equal(rig_client_reset(client, soon()), 0);
	script_unplug(s, client);
}

static void posts_of_100000s_to_a_server_that_reads_all_arrive(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	uint32_t last = 0;

	for (uint32_t i = 1; i <= 200000; i++)
		assert_int_equal(rig_client_region_post(client, 0, 128, &i, 4, soon()), 0);
	assert_int_equal(rig_client_region_read(client, 0, 128, &last, 4, soon()), 0);
	assert_int_equal(last, 200000);
	script_unplug(s, client);
}

/* --- many writes at once --- */

static void fill_writes(struct rig_write *writes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		writes[i] = (struct rig_write) { .offset = i * 8,
						 .count = (uint32_t)(i % 9),
						 .data = { (uint8_t)i, 1, 2, 3, 4, 5, 6, 7 } };
}

static void write_multi_is_split_and_counted(void **state)
{
	struct rig_write writes[450];
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	size_t done = 0;

	fill_writes(writes, 450);
	assert_int_equal(rig_client_region_write_multi(client, writes, 450, &done, soon()), 0);
	assert_int_equal(done, 450);
	assert_int_equal(n_logged(s, WIRE_REGION_WRITE_MULTI), 3);
	assert_int_equal(s->region[449 * 8], (uint8_t)449);
	assert_int_equal(rig_client_region_post_multi(client, writes, 450, soon()), 0);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	assert_int_equal(n_logged(s, WIRE_REGION_WRITE_MULTI), 6);
	writes[3].count = 9;
	assert_int_equal(rig_client_region_write_multi(client, writes, 450, &done, soon()),
			 -EINVAL);
	assert_int_equal(done, 0);
	script_unplug(s, client);
}

static enum verdict wr_cnt_is(struct script *s, const struct message *request,
			      struct message *reply)
{
	if (request->header.command == WIRE_REGION_WRITE_MULTI)
		memcpy(reply->payload, s->opaque, 8);
	return SEND;
}

static void write_multi_of_more_or_fewer_than_sent_is_an_error(void **state)
{
	static uint64_t fewer = 7, more = 11, most = UINT64_MAX;
	const struct {
		uint64_t *wr_cnt;
		int result;
		size_t done;
	} cases[] = { { &fewer, -EIO, 7 }, { &more, -EPROTO, 0 }, { &most, -EPROTO, 0 } };
	struct rig_write writes[10];
	struct script *s = *state;

	fill_writes(writes, 10);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rig_client *client;
		size_t done = 99;

		s->bend = wr_cnt_is;
		s->opaque = cases[i].wr_cnt;
		client = script_plug(s);
		assert_int_equal(rig_client_region_write_multi(client, writes, 10, &done, soon()),
				 cases[i].result);
		assert_int_equal(done, cases[i].done);
		script_unplug(s, client);
	}
}

static void write_multi_must_have_been_agreed_to(void **state)
{
	struct rig_write writes[1];
	struct script *s = *state;
	struct rig_client *client;

	fill_writes(writes, 1);
	s->json = "{}";
	client = script_plug(s);
	assert_int_equal(rig_client_region_write_multi(client, writes, 1, NULL, soon()),
			 -EOPNOTSUPP);
	assert_int_equal(rig_client_region_post_multi(client, writes, 1, soon()), -EOPNOTSUPP);
	script_unplug(s, client);
}

/* --- threads --- */

struct worker {
	struct rig_client *client;
	uint32_t slot;
	int rounds;
	uint8_t async[4];
};

/* Each has bytes of its own, so whatever it reads it has written. */
static void *work(void *opaque)
{
	struct worker *w = opaque;
	uint64_t at = w->slot * 64;

	for (int i = 0; i < w->rounds; i++) {
		uint32_t value = (uint32_t)i << 8 | w->slot, got = 0;

		if (i % 3 == 0)
			assert_int_equal(
				rig_client_region_post(w->client, 0, at, &value, 4, soon()), 0);
		else
			assert_int_equal(
				rig_client_region_write(w->client, 0, at, &value, 4, soon()), 0);
		if (i % 5 == 0)
			assert_int_equal(
				rig_client_region_read_async(w->client, 0, at, w->async, 4, soon(),
							     (struct rig_completion) { 0 }, NULL),
				0);
		assert_int_equal(rig_client_region_read(w->client, 0, at, &got, 4, soon()), 0);
		assert_int_equal(got, value);
	}
	return NULL;
}

static void s112_many_threads_each_get_their_own(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct worker workers[8];
	pthread_t threads[8];

	for (uint32_t i = 0; i < 8; i++) {
		workers[i] = (struct worker) { .client = client, .slot = i, .rounds = 300 };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	script_unplug(s, client);
}

struct canceller {
	struct rig_client *client;
	_Atomic rig_call call;
	atomic_bool stop;
};

static void *cancel_all(void *opaque)
{
	struct canceller *c = opaque;

	while (!c->stop)
		rig_client_cancel(c->client, c->call);
	return NULL;
}

static void calls_that_are_cancelled_while_they_are_split_complete_once(void **state)
{
	struct script *s = *state;
	struct canceller canceller = { 0 };
	uint8_t bytes[1000];
	pthread_t thread;
	int cancelled = 0;

	s->json = SMALL_JSON;
	canceller.client = script_plug(s);
	assert_int_equal(pthread_create(&thread, NULL, cancel_all, &canceller), 0);
	for (int i = 0; i < 200; i++) {
		struct waiter waiter = WAITER;
		rig_call call;
		int r;

		assert_int_equal(rig_client_region_read_async(canceller.client, 0, 0, bytes,
							      sizeof(bytes), soon(),
							      waiter_completion(&waiter), &call),
				 0);
		if (i % 2)
			canceller.call = call;
		r = waiter_take(&waiter, canceller.client);
		assert_true(r == 0 || r == -ECANCELED);
		cancelled += r == -ECANCELED;
	}
	canceller.stop = true;
	pthread_join(thread, NULL);
	assert_true(cancelled <= 100);
	script_unplug(s, canceller.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(s110_reads_are_split_by_the_servers_limit),
		script_test(s110_writes_are_split_by_the_servers_limit),
		script_test(s110_what_we_accept_bounds_reads_too),
		script_test(s110_asynchronous_calls_are_split_too),
		script_test(nothing_is_read_and_written_with_a_message_and_any_reply),
		script_test(s120_a_read_with_other_bytes_than_asked_for_is_an_error),
		script_test(s112_replies_out_of_order_reach_their_callers),
		script_test(s111_s123_a_command_between_request_and_reply_is_served),
		script_test(s127_a_late_reply_is_dropped_and_nothing_is_confused),
		script_test(s127_a_slow_reply_is_waited_for),
		script_test(a_cancelled_call_completes_once_and_its_id_means_nothing_more),
		script_test(an_asynchronous_call_times_out_in_the_loop),
		script_test(a_failure_that_nobody_asked_for_is_logged),
		script_test(completions_may_start_calls_of_either_kind),
		script_test(hooks_surround_waits),
		script_test(s125_posted_writes_are_seen_by_the_read_that_follows),
		script_test(posts_to_a_server_that_does_not_read_are_bounded_and_wait),
		script_test(posts_of_100000s_to_a_server_that_reads_all_arrive),
		script_test(write_multi_is_split_and_counted),
		script_test(write_multi_of_more_or_fewer_than_sent_is_an_error),
		script_test(write_multi_must_have_been_agreed_to),
		script_test(s112_many_threads_each_get_their_own),
		script_test(calls_that_are_cancelled_while_they_are_split_complete_once),
	};

	return cmocka_run_group_tests_name("client_io", tests, NULL, NULL);
}
