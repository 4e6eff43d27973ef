/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_dma_io.c - guest memory read and written, through messages where it is not shared
 *
 * The client's max_data_xfer_size is two pages: SPLIT.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "server_end.h"

#define SPLIT  (2 * PAGE)
#define GUEST  UINT64_C(0x100000)
#define PAGES  64u
#define SHARED (GUEST + PAGES * PAGE) /* behind it, a page that is shared */
#define SOON   rig_after_ms(20000)

static const char twin_json[] = "{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":8192,"
				"\"twin_socket\":{\"supported\":true}}}";

struct outcome {
	int runs;
	int result;
};

static void on_done(void *opaque, int result)
{
	struct outcome *o = opaque;

	o->runs++;
	o->result = result;
}

static struct rig_completion to(struct outcome *o)
{
	return (struct rig_completion) { on_done, o };
}

static int setup_small(void **state)
{
	struct fixture *f;
	struct answer a;

	setup_unconnected(state);
	f = *state;
	client_open(f, &f->client);
	assert_int_equal(ask_version(&f->client, 0, 0, small_json, &a), 0);
	assert_int_equal(map(&f->client, GUEST, PAGES * PAGE, RIG_DMA_READ | RIG_DMA_WRITE, -1), 0);
	assert_int_equal(map(&f->client, SHARED, PAGE, RIG_DMA_READ | RIG_DMA_WRITE, f->memory), 0);
	return 0;
}

/* Request of the server's, as the client got it. */
struct asked {
	struct answer a;
	struct {
		uint64_t address;
		uint64_t count;
	} io;
	const uint8_t *data;
};

static void receive_dma(int fd, struct asked *asked)
{
	receive_on(fd, &asked->a);
	assert_int_equal(asked->a.header.flags, WIRE_TYPE_COMMAND);
	assert_true(asked->a.len >= sizeof(asked->io));
	memcpy(&asked->io, asked->a.payload, sizeof(asked->io));
	asked->data = asked->a.payload + sizeof(asked->io);
	assert_true(asked->io.count <= SPLIT);
	assert_int_equal(asked->a.len - sizeof(asked->io),
			 asked->a.header.command == WIRE_DMA_WRITE ? asked->io.count : 0);
}

struct dma_reply {
	struct wire_header header;
	uint64_t address;
	uint64_t count;
	uint8_t data[SPLIT + 64];
} __attribute__((packed));

/* A reply that is right: each byte is the low one of its page's number. */
static struct dma_reply reply_to(const struct asked *asked, uint64_t count)
{
	bool read = asked->a.header.command == WIRE_DMA_READ;
	struct dma_reply r = { .header = asked->a.header,
			       .address = asked->io.address,
			       .count = count };

	r.header.flags = WIRE_TYPE_REPLY;
	r.header.size = (uint32_t)(sizeof(r.header) + 16 + (read ? count : 0));
	for (uint64_t i = 0; read && i < count; i++)
		r.data[i] = (uint8_t)((asked->io.address + i) / PAGE);
	return r;
}

static void send_reply(struct client *c, int fd, const struct dma_reply *r)
{
	assert_int_equal(send(fd, r, r->header.size, MSG_NOSIGNAL), r->header.size);
	pump(c);
}

static void answer(struct client *c, const struct asked *asked)
{
	const struct dma_reply r = reply_to(asked, asked->io.count);

	send_reply(c, c->fd, &r);
}

static void refuse(struct client *c, const struct asked *asked, uint32_t error)
{
	struct dma_reply r = reply_to(asked, 0);

	r.header.flags |= WIRE_FLAG_ERROR;
	r.header.error = error;
	r.header.size = sizeof(r.header);
	send_reply(c, c->fd, &r);
}

/* --- reading and writing --- */

static void shared_memory_is_copied_without_a_word(void **state)
{
	struct fixture *f = *state;
	char buf[4];

	assert_int_equal(rig_dma_write(f->server, SHARED + 5, "hull", 4, SOON), 0);
	assert_int_equal(rig_dma_read(f->server, SHARED + 5, buf, 4, SOON), 0);
	assert_memory_equal(buf, "hull", 4);
	assert_int_equal(pread(f->memory, buf, 4, 5), 4);
	assert_memory_equal(buf, "hull", 4);
	pump(&f->client);
	assert_true(nothing_came(&f->client));
}

static void a_completion_runs_in_dispatch_even_if_nothing_was_sent(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { 0 };
	char buf[4] = { 0 };

	assert_int_equal(rig_dma_write_async(f->server, SHARED, "hull", 4, SOON, to(&o)), 0);
	assert_int_equal(rig_dma_read_async(f->server, SHARED, buf, 4, SOON, to(&o)), 0);
	assert_int_equal(rig_dma_read_async(f->server, SHARED, buf, 0, SOON, to(&o)), 0);
	assert_int_equal(o.runs, 0);
	pump(&f->client);
	assert_int_equal(o.runs, 3);
	assert_int_equal(o.result, 0);
	assert_memory_equal(buf, "hull", 4);
}

static void s044_s029_a_long_read_is_split_by_the_clients_limit(void **state)
{
	struct fixture *f = *state;
	static uint8_t buf[5 * PAGE];
	struct outcome o = { 0 };
	uint64_t next = GUEST + 8;

	assert_int_equal(rig_dma_read_async(f->server, next, buf, sizeof(buf), SOON, to(&o)), 0);
	pump(&f->client);
	for (int i = 0; i < 3; i++) {
		struct asked asked;

		receive_dma(f->client.fd, &asked);
		assert_int_equal(asked.a.header.command, WIRE_DMA_READ);
		assert_int_equal(asked.io.address, next);
		next += asked.io.count;
		assert_int_equal(o.runs, 0);
		answer(&f->client, &asked);
	}
	assert_int_equal(next, GUEST + 8 + sizeof(buf));
	assert_int_equal(o.runs, 1);
	assert_int_equal(o.result, 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], (uint8_t)((GUEST + 8 + i) / PAGE));
}

static void s044_a_write_says_what_is_written(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { 0 };
	struct asked asked;
	char text[] = "hull";

	assert_int_equal(rig_dma_write_async(f->server, GUEST, text, 4, SOON, to(&o)), 0);
	pump(&f->client);
	receive_dma(f->client.fd, &asked);
	assert_int_equal(asked.a.header.command, WIRE_DMA_WRITE);
	assert_int_equal(asked.io.count, 4);
	assert_memory_equal(asked.data, "hull", 4);
	answer(&f->client, &asked);
	assert_int_equal(o.result, 0);
	assert_int_equal(o.runs, 1);
}

static void a_write_without_a_completion_was_copied(void **state)
{
	struct fixture *f = *state;
	const struct rig_completion nobody = { 0 };
	struct asked asked;
	struct dma_reply r;
	char text[] = "hull";

	assert_int_equal(rig_dma_write_async(f->server, GUEST, text, 4, SOON, nobody), 0);
	memset(text, 0, sizeof(text));
	pump(&f->client);
	receive_dma(f->client.fd, &asked);
	assert_memory_equal(asked.data, "hull", 4);
	r = reply_to(&asked, 1);
	send_reply(&f->client, f->client.fd, &r);
	receive_dma(f->client.fd, &asked);
	assert_int_equal(asked.io.count, 3);
	assert_memory_equal(asked.data, "ull", 3);
	answer(&f->client, &asked);
}

static void a_range_that_is_shared_in_part_is_done_in_both_ways(void **state)
{
	struct fixture *f = *state;
	uint8_t data[2 * PAGE], byte;
	struct outcome o = { 0 };
	struct asked asked;

	memset(data, 7, sizeof(data));
	assert_int_equal(
		rig_dma_write_async(f->server, SHARED - PAGE, data, sizeof(data), SOON, to(&o)), 0);
	pump(&f->client);
	receive_dma(f->client.fd, &asked);
	assert_int_equal(asked.io.address, SHARED - PAGE);
	assert_int_equal(asked.io.count, PAGE);
	answer(&f->client, &asked);
	assert_int_equal(o.runs, 1);
	assert_int_equal(pread(f->memory, &byte, 1, PAGE - 1), 1);
	assert_int_equal(byte, 7);
	assert_true(nothing_came(&f->client));
}

static void s044_nothing_is_sent_outside_maps_or_against_their_flags(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { 0 };
	uint8_t buf[8];

	assert_int_equal(map(&f->client, 0, PAGE, RIG_DMA_READ, -1), 0);
	assert_int_equal(rig_dma_write(f->server, 0, buf, 8, SOON), -EACCES);
	assert_int_equal(rig_dma_write_async(f->server, 0, buf, 8, SOON, to(&o)), -EACCES);
	assert_int_equal(rig_dma_read(f->server, PAGE, buf, 8, SOON), -EFAULT);
	assert_int_equal(rig_dma_read_async(f->server, PAGE, buf, 8, SOON, to(&o)), -EFAULT);
	assert_int_equal(rig_dma_read(f->server, UINT64_MAX, buf, 8, SOON), -EFAULT);
	/* Behind the last address is not address 0, though that is mapped. */
	assert_int_equal(map(&f->client, -PAGE, PAGE, RIG_DMA_READ, -1), 0);
	assert_int_equal(rig_dma_read(f->server, UINT64_MAX - 3, buf, 8, SOON), -EFAULT);
	assert_int_equal(rig_dma_read_async(f->server, UINT64_MAX, buf, 2, SOON, to(&o)), -EFAULT);
	pump(&f->client);
	assert_int_equal(o.runs, 0);
	assert_true(nothing_came(&f->client));
}

static void s026_with_a_twin_socket_our_commands_go_only_there(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { 0 };
	struct asked asked;
	struct dma_reply r;
	uint8_t buf[8];

	remake(f, twin_json);
	assert_true(f->client.twin >= 0);
	assert_int_equal(map(&f->client, GUEST, PAGE, RIG_DMA_READ, -1), 0);
	assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, 8, SOON, to(&o)), 0);
	pump(&f->client);
	assert_true(nothing_came(&f->client));
	receive_dma(f->client.twin, &asked);
	assert_usable(&f->client); /* the other one goes on */
	r = reply_to(&asked, 8);
	send_reply(&f->client, f->client.twin, &r);
	assert_int_equal(o.runs, 1);
	assert_int_equal(o.result, 0);
}

/* --- replies --- */

static int result_of(struct fixture *f, bool read, void (*spoil)(struct dma_reply *r))
{
	struct outcome o = { 0 };
	struct asked asked;
	struct dma_reply r;
	uint8_t buf[64] = { 0 };

	if (read)
		assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, 64, SOON, to(&o)), 0);
	else
		assert_int_equal(rig_dma_write_async(f->server, GUEST, buf, 64, SOON, to(&o)), 0);
	pump(&f->client);
	receive_dma(f->client.fd, &asked);
	r = reply_to(&asked, 64);
	spoil(&r);
	send_reply(&f->client, f->client.fd, &r);
	assert_int_equal(o.runs, 1);
	assert_true(nothing_came(&f->client));
	assert_usable(&f->client);
	return o.result;
}

static void other_address(struct dma_reply *r)
{
	r->address += PAGE;
}

static void more_than_asked(struct dma_reply *r)
{
	r->count++;
}

static void far_more_than_asked(struct dma_reply *r)
{
	r->count = UINT64_MAX;
}

static void less_than_it_says(struct dma_reply *r)
{
	r->header.size -= 1;
}

static void cut_in_its_head(struct dma_reply *r)
{
	r->header.size = sizeof(r->header) + 8;
}

static void empty(struct dma_reply *r)
{
	r->header.size = sizeof(r->header);
}

static void none_at_all(struct dma_reply *r)
{
	r->header.size -= (uint32_t)(r->header.size > 64 ? r->count : 0);
	r->count = 0;
}

static void counted_in_four_bytes(struct dma_reply *r)
{
	r->header.size = sizeof(r->header) + 12;
}

static void s045_replies_that_contradict_their_request_are_EPROTO(void **state)
{
	static void (*const spoilers[])(struct dma_reply * r) = {
		other_address,	   more_than_asked, far_more_than_asked,
		less_than_it_says, cut_in_its_head, empty,
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
		assert_int_equal(result_of(f, true, spoilers[i]), -EPROTO);
		assert_int_equal(result_of(f, false, spoilers[i]), -EPROTO);
	}
	assert_int_equal(result_of(f, true, counted_in_four_bytes), -EPROTO);
}

static void s045_a_reply_without_progress_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(result_of(f, true, none_at_all), -EIO);
	assert_int_equal(result_of(f, false, none_at_all), -EIO);
}

static void s045_a_write_reply_of_the_older_text_is_accepted(void **state)
{
	assert_int_equal(result_of(*state, false, counted_in_four_bytes), 0);
}

static void s045_what_a_short_reply_leaves_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { 0 };
	struct asked asked;
	uint8_t buf[100] = { 0 };
	uint64_t at = GUEST + PAGE - 50;

	assert_int_equal(rig_dma_read_async(f->server, at, buf, 100, SOON, to(&o)), 0);
	for (int left = 100; left > 0; left -= 30) {
		struct dma_reply r;

		pump(&f->client);
		receive_dma(f->client.fd, &asked);
		assert_int_equal(asked.io.count, left);
		assert_int_equal(asked.io.address, at + 100 - (uint64_t)left);
		r = reply_to(&asked, left < 30 ? (uint64_t)left : 30);
		send_reply(&f->client, f->client.fd, &r);
	}
	assert_int_equal(o.runs, 1);
	assert_int_equal(o.result, 0);
	assert_int_equal(buf[49], (uint8_t)(GUEST / PAGE));
	assert_int_equal(buf[50], (uint8_t)(GUEST / PAGE + 1));
}

static void s045_the_clients_errno_is_the_result(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { 0 };
	struct asked asked;
	uint8_t buf[8];

	assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, 8, SOON, to(&o)), 0);
	pump(&f->client);
	receive_dma(f->client.fd, &asked);
	refuse(&f->client, &asked, ENODEV);
	assert_int_equal(o.result, -ENODEV);
	assert_int_equal(o.runs, 1);
}

static void s045_after_an_error_no_more_is_asked_for(void **state)
{
	struct fixture *f = *state;
	static uint8_t buf[PAGES * PAGE];
	struct outcome o = { 0 };
	int n = 0;

	assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, sizeof(buf), SOON, to(&o)), 0);
	pump(&f->client);
	while (!nothing_came(&f->client)) {
		struct asked asked;

		receive_dma(f->client.fd, &asked);
		n++;
		if (n == 1)
			refuse(&f->client, &asked, EFAULT);
		else
			answer(&f->client, &asked);
	}
	assert_int_equal(n, 8); /* were in flight */
	assert_int_equal(o.runs, 1);
	assert_int_equal(o.result, -EFAULT);
}

static void s045_a_late_reply_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { 0 };
	struct asked asked;
	struct pollfd p;
	uint8_t buf[8] = { 0 };

	assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, 8, rig_after_ms(1), to(&o)), 0);
	pump(&f->client);
	receive_dma(f->client.fd, &asked);
	/* The loop has nothing but the descriptor. */
	p = (struct pollfd) { rig_conn_fd(f->client.conn), POLLIN, 0 };
	while (o.runs == 0) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		pump(&f->client);
	}
	assert_int_equal(o.result, -ETIMEDOUT);
	answer(&f->client, &asked);
	assert_usable(&f->client);
	assert_int_equal(o.runs, 1);
	assert_int_equal(buf[0], 0);
}

static void calls_in_flight_end_with_their_client(void **state)
{
	struct fixture *f = *state;
	struct outcome o[3] = { 0 };
	static uint8_t buf[PAGES * PAGE];

	assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, 8, SOON, to(&o[0])), 0);
	assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, sizeof(buf), SOON, to(&o[1])),
			 0);
	assert_int_equal(rig_dma_write_async(f->server, SHARED, buf, 8, SOON, to(&o[2])), 0);
	client_hang_up(&f->client);
	assert_int_equal(o[0].runs + o[1].runs + o[2].runs, 3);
	assert_int_equal(o[0].result, -ENOTCONN);
	assert_int_equal(o[1].result, -ENOTCONN);
	assert_int_equal(o[2].result, 0);
	assert_int_equal(f->device.disconnected, 1);
	assert_int_equal(rig_dma_read(f->server, GUEST, buf, 8, SOON), -EFAULT);
}

static void calls_in_flight_end_with_the_server(void **state)
{
	struct fixture *f = *state;
	struct outcome o[2] = { 0 };
	uint8_t buf[8];

	assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, 8, SOON, to(&o[0])), 0);
	assert_int_equal(rig_dma_write_async(f->server, SHARED, buf, 8, SOON, to(&o[1])), 0);
	rig_server_free(f->server);
	f->server = NULL;
	assert_int_equal(o[0].runs + o[1].runs, 2);
	assert_int_equal(o[0].result, -ENOTCONN);
	assert_int_equal(f->device.disconnected, 1);
}

static void s039_an_unmap_waits_for_the_messages_that_are_in_flight(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { 0 };
	struct asked asked;
	struct answer a;
	uint8_t buf[8];

	assert_int_equal(rig_dma_read_async(f->server, GUEST, buf, 8, SOON, to(&o)), 0);
	pump(&f->client);
	receive_dma(f->client.fd, &asked);
	send_unmap(&f->client, 1, GUEST, PAGES * PAGE, 0);
	pump(&f->client);
	assert_true(nothing_came(&f->client));
	answer(&f->client, &asked);
	assert_int_equal(o.runs, 1);
	receive_answer(&f->client, &a);
	assert_int_equal(a.header.id, 1);
}

/* A client that does not read takes nothing more, but loses nothing either. */
static void s104_transfers_without_room_go_on_when_there_is(void **state)
{
	struct fixture *f = *state;
	static uint8_t data[PAGES * PAGE];
	enum { N = 128 };
	struct outcome o[N] = { 0 };
	struct asked asked;
	uint64_t bytes = 0;

	for (int i = 0; i < N; i++)
		assert_int_equal(
			rig_dma_write_async(f->server, GUEST, data, sizeof(data), SOON, to(&o[i])),
			0);
	pump(&f->client);
	while (bytes < N * sizeof(data)) {
		struct pollfd p[] = { { f->client.fd, POLLIN, 0 },
				      { rig_conn_fd(f->client.conn), POLLIN, 0 } };

		assert_true(poll(p, 2, 20000) > 0);
		pump(&f->client);
		if (!p[0].revents)
			continue;
		receive_dma(f->client.fd, &asked);
		bytes += asked.io.count;
		answer(&f->client, &asked);
	}
	for (int i = 0; i < N; i++)
		assert_true(o[i].runs == 1 && o[i].result == 0);
}

/* --- blocking calls --- */

struct blocked {
	struct rig_server *server;
	uint8_t *buf;
	size_t len;
	rig_time deadline;
	int result;
};

static void *read_blocking(void *opaque)
{
	struct blocked *b = opaque;

	b->result = rig_dma_read(b->server, GUEST, b->buf, b->len, b->deadline);
	return NULL;
}

static void await_input(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	assert_int_equal(poll(&p, 1, 20000), 1);
}

static void a_blocking_read_waits_in_its_thread_without_a_loop(void **state)
{
	struct fixture *f = *state;
	static uint8_t buf[40 * PAGE];
	struct blocked b = { f->server, buf, sizeof(buf), SOON, 1 };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_blocking, &b), 0);
	for (size_t got = 0; got < sizeof(buf);) {
		struct asked asked;
		struct dma_reply r;

		await_input(f->client.fd);
		receive_dma(f->client.fd, &asked);
		/* Short at first, so that some is asked for again. */
		r = reply_to(&asked, asked.io.count == SPLIT ? SPLIT - 100 : asked.io.count);
		assert_int_equal(send(f->client.fd, &r, r.header.size, MSG_NOSIGNAL),
				 r.header.size);
		got += r.count;
	}
	pthread_join(thread, NULL);
	assert_int_equal(b.result, 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], (uint8_t)((GUEST + i) / PAGE));
}

static void a_blocking_read_ends_by_its_deadline_or_with_its_client(void **state)
{
	struct fixture *f = *state;
	static uint8_t buf[40 * PAGE];
	struct blocked b = { f->server, buf, sizeof(buf), SOON, 1 };
	pthread_t thread;

	assert_int_equal(rig_dma_read(f->server, GUEST, buf, sizeof(buf), rig_after_ms(2)),
			 -ETIMEDOUT);
	assert_int_equal(pthread_create(&thread, NULL, read_blocking, &b), 0);
	await_input(f->client.fd);
	client_hang_up(&f->client);
	pthread_join(thread, NULL);
	assert_true(b.result == -ENOTCONN || b.result == -EFAULT);
	pump(&f->client);
	assert_int_equal(f->device.disconnected, 1);
}

/* A client in a thread of its own, that answers n messages. */
struct answering {
	struct client *c;
	int n;
};

static void *answer_messages(void *opaque)
{
	struct answering *it = opaque;

	while (it->n-- > 0) {
		struct asked asked;
		struct dma_reply r;

		await_input(it->c->fd);
		receive_dma(it->c->fd, &asked);
		r = reply_to(&asked, asked.io.count);
		assert_int_equal(send(it->c->fd, &r, r.header.size, MSG_NOSIGNAL), r.header.size);
	}
	return NULL;
}

static int read_in_callback(struct device *d)
{
	return rig_dma_read(d->server, GUEST, d->opaque, 3 * PAGE, SOON);
}

static void s046_requests_that_come_while_a_callback_waits_are_served_after_it(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	static uint8_t buf[3 * PAGE];
	const struct region_io bell = { 0, DOORBELL, 1, { 1 } };
	struct answering answering = { c, 2 };
	struct answer a;
	pthread_t thread;

	f->device.on_doorbell = read_in_callback;
	f->device.opaque = buf;
	send_numbered(c, 1, WIRE_REGION_WRITE, &bell, IO_HEAD + 1);
	send_read(c, 2, 0, 4);
	assert_int_equal(pthread_create(&thread, NULL, answer_messages, &answering), 0);
	assert_int_equal(rig_conn_dispatch(c->conn, POLLIN), 0);
	pthread_join(thread, NULL);
	assert_int_equal(buf[3 * PAGE - 1], (uint8_t)(GUEST / PAGE + 2));
	pump(c);
	receive_answer(c, &a);
	assert_int_equal(a.header.id, 1);
	assert_int_equal(a.header.flags, WIRE_TYPE_REPLY);
	receive_answer(c, &a);
	assert_int_equal(a.header.id, 2);
}

int main(void)
{
#undef test
#define test(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)
	const struct CMUnitTest tests[] = {
		test(shared_memory_is_copied_without_a_word),
		test(a_completion_runs_in_dispatch_even_if_nothing_was_sent),
		test(s044_s029_a_long_read_is_split_by_the_clients_limit),
		test(s044_a_write_says_what_is_written),
		test(a_write_without_a_completion_was_copied),
		test(a_range_that_is_shared_in_part_is_done_in_both_ways),
		test(s044_nothing_is_sent_outside_maps_or_against_their_flags),
		test(s026_with_a_twin_socket_our_commands_go_only_there),
		test(s045_replies_that_contradict_their_request_are_EPROTO),
		test(s045_a_reply_without_progress_is_an_error),
		test(s045_a_write_reply_of_the_older_text_is_accepted),
		test(s045_what_a_short_reply_leaves_is_asked_for_again),
		test(s045_the_clients_errno_is_the_result),
		test(s045_after_an_error_no_more_is_asked_for),
		test(s045_a_late_reply_is_dropped),
		test(calls_in_flight_end_with_their_client),
		test(calls_in_flight_end_with_the_server),
		test(s039_an_unmap_waits_for_the_messages_that_are_in_flight),
		test(s104_transfers_without_room_go_on_when_there_is),
		test(a_blocking_read_waits_in_its_thread_without_a_loop),
		test(a_blocking_read_ends_by_its_deadline_or_with_its_client),
		test(s046_requests_that_come_while_a_callback_waits_are_served_after_it),
	};

	return cmocka_run_group_tests_name("server_dma_io", tests, NULL, NULL);
}
