/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_threads.c - a device with many threads, to be run under ThreadSanitizer
 *
 *	the test                     the server's thread      threads of the device
 *	is the client  <--socket-->  rig_conn_dispatch()      pin, read, trigger, answer
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "server_end.h"

#define GUEST	UINT64_C(0x100000)
#define PAGES	64u
#define SOON	rig_after_ms(60000)
#define WORKERS 4

/* --- the server's thread --- */

struct loop {
	pthread_t thread;
	struct rig_conn *conn;
	int stop; /* an eventfd */
	int result;
};

static void *serve(void *opaque)
{
	struct loop *loop = opaque;
	struct pollfd p[] = { { rig_conn_fd(loop->conn), 0, 0 }, { loop->stop, POLLIN, 0 } };

	while (loop->result == 0) {
		p[0].events = rig_conn_events(loop->conn);
		poll(p, 2, -1);
		if (p[1].revents)
			break;
		loop->result = rig_conn_dispatch(loop->conn, p[0].revents);
	}
	return NULL;
}

static void loop_start(struct loop *loop, struct rig_conn *conn)
{
	*loop = (struct loop) { .conn = conn, .stop = test_eventfd() };
	assert_int_equal(pthread_create(&loop->thread, NULL, serve, loop), 0);
}

static void loop_stop(struct loop *loop)
{
	eventfd_write(loop->stop, 1);
	pthread_join(loop->thread, NULL);
	close(loop->stop);
}

/* --- the client, which waits --- */

static void read_all(int fd, void *buf, size_t len)
{
	struct pollfd p = { fd, POLLIN, 0 };

	assert_int_equal(poll(&p, 1, 60000), 1);
	assert_int_equal(recv(fd, buf, len, MSG_WAITALL), len);
}

static void await_message(struct client *c, struct answer *a)
{
	read_all(c->fd, &a->header, sizeof(a->header));
	a->len = a->header.size - sizeof(a->header);
	assert_true(a->len <= sizeof(a->payload));
	if (a->len > 0)
		read_all(c->fd, a->payload, a->len);
}

static bool is_command(const struct answer *a)
{
	return (a->header.flags & WIRE_FLAG_TYPE_MASK) == WIRE_TYPE_COMMAND;
}

/* Every 8 bytes of guest memory hold their own address. */
static void answer_dma(struct client *c, const struct answer *asked)
{
	struct {
		struct wire_header header;
		uint64_t address, count;
		uint64_t data[512];
	} __attribute__((packed)) r = { .header = asked->header };

	assert_int_equal(asked->header.command, WIRE_DMA_READ);
	memcpy(&r.address, asked->payload, 16);
	assert_true(r.count <= sizeof(r.data));
	for (uint64_t i = 0; i < r.count / 8; i++)
		r.data[i] = r.address + 8 * i;
	r.header.flags = WIRE_TYPE_REPLY;
	r.header.size = (uint32_t)(sizeof(r.header) + 16 + r.count);
	assert_int_equal(send(c->fd, &r, r.header.size, MSG_NOSIGNAL), r.header.size);
}

/* The reply to a request; DMA is served meanwhile. */
static void await_reply(struct client *c, struct answer *a)
{
	for (;;) {
		await_message(c, a);
		if (!is_command(a))
			return;
		answer_dma(c, a);
	}
}

static void assert_success(const struct answer *a)
{
	assert_int_equal(a->header.flags, WIRE_TYPE_REPLY);
}

static void do_map(struct client *c, uint64_t address, uint64_t size, uint32_t flags, int fd)
{
	const struct wire_dma_map m = { sizeof(m), flags, 0, address, size };
	struct message request = message(WIRE_DMA_MAP, COMMAND, &m, sizeof(m));
	struct answer a;

	send_bytes(c, &request, request.header.size, &fd, fd >= 0);
	await_reply(c, &a);
	assert_success(&a);
}

static void do_unmap(struct client *c, uint64_t address, uint64_t size)
{
	struct answer a;

	send_unmap(c, 7, address, size, 0);
	await_reply(c, &a);
	assert_success(&a);
}

/* --- threads of the device --- */

struct workers {
	struct fixture *f;
	pthread_t threads[WORKERS];
	atomic_bool stop;
	atomic_int in_use, failures, done;
};

static void start(struct workers *w, struct fixture *f, void *(*run)(void *opaque))
{
	w->f = f;
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&w->threads[i], NULL, run, w), 0);
}

static void join(struct workers *w)
{
	atomic_store(&w->stop, true);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(w->threads[i], NULL);
}

/* --- DMA by messages --- */

static void count_done(void *opaque, int result)
{
	struct workers *w = opaque;

	if (result < 0)
		atomic_fetch_add(&w->failures, 1);
	atomic_fetch_add(&w->done, 1);
}

static void s046_many_reads_are_in_flight_while_the_client_reads_regions(void **state)
{
	enum { N = 64 };
	static uint64_t buf[N];
	static struct answer asked[N];
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct workers w = { 0 };
	struct loop loop;
	struct answer a;
	int n_asked = 0, n_read = 0;

	loop_start(&loop, c->conn);
	do_map(c, GUEST, PAGES * PAGE, RIG_DMA_READ, -1);
	for (uint64_t i = 0; i < N; i++) {
		const struct rig_completion done = { count_done, &w };

		assert_int_equal(
			rig_dma_read_async(f->server, GUEST + i * PAGE, &buf[i], 8, SOON, done), 0);
		send_read(c, (uint16_t)i, i, 1);
	}
	while (n_asked < N || n_read < N) {
		await_message(c, &a);
		if (is_command(&a))
			asked[n_asked++] = a;
		else
			assert_int_equal(a.header.id, n_read++);
	}
	assert_int_equal(atomic_load(&w.done), 0);
	while (n_asked > 0)
		answer_dma(c, &asked[--n_asked]);
	while (atomic_load(&w.done) < N)
		poll(NULL, 0, 1);
	assert_int_equal(atomic_load(&w.failures), 0);
	loop_stop(&loop);
	for (uint64_t i = 0; i < N; i++)
		assert_int_equal(buf[i], GUEST + i * PAGE);
}

static void *read_guest(void *opaque)
{
	struct workers *w = opaque;
	uint64_t buf[1024];

	for (uint64_t i = 0; i < 40; i++) {
		uint64_t at = GUEST + i * PAGE;

		if (rig_dma_read(w->f->server, at, buf, sizeof(buf), SOON) < 0 || buf[0] != at ||
		    buf[1023] != at + 8 * 1023)
			atomic_fetch_add(&w->failures, 1);
	}
	atomic_fetch_add(&w->done, 1);
	return NULL;
}

static void s046_threads_read_guest_memory_while_the_client_reads_regions(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct workers w = { 0 };
	struct loop loop;
	struct answer a;

	remake(f, "{\"capabilities\":{\"max_data_xfer_size\":4096}}");
	loop_start(&loop, c->conn);
	do_map(c, GUEST, PAGES * PAGE, RIG_DMA_READ, -1);
	start(&w, f, read_guest);
	while (atomic_load(&w.done) < WORKERS) {
		send_read(c, 1, 0, 64);
		await_reply(c, &a);
		assert_success(&a);
	}
	join(&w);
	loop_stop(&loop);
	assert_int_equal(atomic_load(&w.failures), 0);
}

static void *read_until_lost(void *opaque)
{
	struct workers *w = opaque;
	uint64_t buf[64];

	while (rig_dma_read(w->f->server, GUEST, buf, sizeof(buf), SOON) == 0)
		;
	return NULL;
}

static void s101_threads_lose_a_client_in_the_middle_of_it(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	client_hang_up(&f->client);
	for (int round = 0; round < 30; round++) {
		struct workers w = { 0 };
		struct loop loop;

		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, 0, NULL, &a), 0);
		assert_int_equal(map(&f->client, GUEST, PAGE, RIG_DMA_READ, -1), 0);
		loop_start(&loop, f->client.conn);
		start(&w, f, read_until_lost);
		for (int i = 0; i < round; i++) {
			await_message(&f->client, &a);
			answer_dma(&f->client, &a);
		}
		shutdown(f->client.fd, SHUT_RDWR);
		join(&w);
		pthread_join(loop.thread, NULL);
		close(loop.stop);
		assert_true(loop.result < 0);
		rig_conn_free(f->client.conn);
		f->client.conn = NULL;
		client_hang_up(&f->client);
	}
	assert_int_equal(f->device.connected, f->device.disconnected);
}

/* --- pins --- */

static void *pin_and_unpin(void *opaque)
{
	struct workers *w = opaque;

	while (!atomic_load(&w->stop)) {
		struct rig_dma_seg seg;

		if (rig_dma_pin(w->f->server, GUEST, 64, RIG_DMA_READ | RIG_DMA_WRITE, &seg, 1) < 0)
			continue;
		atomic_fetch_add(&w->in_use, 1);
		atomic_fetch_add((atomic_uint *)seg.host, 1);
		atomic_fetch_sub(&w->in_use, 1);
		rig_dma_unpin(w->f->server, &seg, 1);
		atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

static void s039_no_thread_uses_memory_whose_unmap_was_answered(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct workers w = { 0 };
	struct loop loop;
	struct answer a;
	int rounds = 0;

	loop_start(&loop, c->conn);
	start(&w, f, pin_and_unpin);
	while (rounds < 300 || atomic_load(&w.done) < 300) {
		do_map(c, GUEST, PAGE, RIG_DMA_READ | RIG_DMA_WRITE, f->memory);
		send_read(c, 1, 0, 4);
		send_unmap(c, 2, GUEST, PAGE, 0);
		send_read(c, 3, 0, 4);
		for (int i = 0; i < 3; i++) {
			await_reply(c, &a);
			assert_success(&a);
			if (a.header.id == 2)
				assert_int_equal(atomic_load(&w.in_use), 0);
		}
		rounds++;
	}
	join(&w);
	loop_stop(&loop);
}

static void an_unmap_waits_for_a_pin_of_another_thread_and_nobody_else_does(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct rig_dma_seg seg;
	struct loop loop;
	struct answer a;

	loop_start(&loop, c->conn);
	do_map(c, GUEST, PAGE, RIG_DMA_READ, f->memory);
	assert_int_equal(rig_dma_pin(f->server, GUEST, 8, RIG_DMA_READ, &seg, 1), 1);
	send_unmap(c, 1, GUEST, PAGE, 0);
	for (uint16_t id = 2; id < 200; id++) {
		send_read(c, id, 0, 8);
		await_reply(c, &a);
		assert_int_equal(a.header.id, id);
	}
	rig_dma_unpin(f->server, &seg, 1);
	await_reply(c, &a);
	assert_int_equal(a.header.id, 1);
	do_map(c, GUEST, PAGE, RIG_DMA_READ, f->memory);
	do_unmap(c, GUEST, PAGE);
	loop_stop(&loop);
}

/* --- deferred answers --- */

/* What the device's threads have to answer. */
static struct {
	pthread_mutex_t lock;
	struct rig_request *requests[256];
	size_t n;
} todo = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int put_off(struct device *d)
{
	struct rig_request *request = rig_server_defer(d->server);

	pthread_mutex_lock(&todo.lock);
	todo.requests[todo.n++] = request;
	pthread_mutex_unlock(&todo.lock);
	return RIG_DEFERRED;
}

static int read_later(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	return put_off(opaque);
}

static int reset_later(void *opaque, enum rig_reset why)
{
	return why == RIG_RESET_COMMAND ? put_off(opaque) : 0;
}

static int quiesce_later(void *opaque)
{
	return put_off(opaque);
}

static struct rig_request *take_one(void)
{
	struct rig_request *request = NULL;

	pthread_mutex_lock(&todo.lock);
	if (todo.n > 0) {
		request = todo.requests[0];
		memmove(todo.requests, todo.requests + 1, --todo.n * sizeof(request));
	}
	pthread_mutex_unlock(&todo.lock);
	return request;
}

static void *answer_later(void *opaque)
{
	struct workers *w = opaque;

	while (!atomic_load(&w->stop)) {
		struct rig_request *request = take_one();
		void *data;
		size_t len;

		if (!request) {
			poll(NULL, 0, 1);
			continue;
		}
		data = rig_request_data(request, &len);
		memset(data, 0x42, len);
		rig_request_done(request, 0);
		atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

static void make_slow(struct fixture *f)
{
	client_hang_up(&f->client);
	f->ops.region_read = read_later;
	f->ops.reset = reset_later;
	f->ops.quiesce = quiesce_later;
	remake(f, NULL);
}

static void s067_threads_answer_reads_and_resets(void **state)
{
	enum { ROUNDS = 40, BATCH = 20 };
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct workers w = { 0 };
	struct loop loop;
	struct answer a;

	make_slow(f);
	loop_start(&loop, c->conn);
	start(&w, f, answer_later);
	for (int round = 0; round < ROUNDS; round++) {
		bool reset_seen = false;

		for (uint16_t id = 0; id < BATCH; id++)
			send_read(c, id, 0, 16);
		send_numbered(c, 100, WIRE_DEVICE_RESET, NULL, 0);
		for (uint16_t id = BATCH; id < 2 * BATCH; id++)
			send_read(c, id, 0, 300);
		for (int i = 0; i < 2 * BATCH + 1; i++) {
			await_reply(c, &a);
			assert_success(&a);
			if (a.header.id == 100)
				reset_seen = true;
			else
				assert_true(a.header.id < BATCH || reset_seen);
			assert_true(a.header.id == 100 || a.payload[a.len - 1] == 0x42);
		}
	}
	join(&w);
	loop_stop(&loop);
	/* Its loss asks the device to be quiet, which nobody answers any more. */
	rig_server_free(f->server);
	f->server = NULL;
	while (todo.n > 0)
		rig_request_done(take_one(), 0);
}

static void s101_answers_come_while_their_client_goes(void **state)
{
	struct fixture *f = *state;
	struct workers w = { 0 };
	struct answer a;

	make_slow(f);
	start(&w, f, answer_later);
	for (int round = 0; round < 30; round++) {
		struct loop loop;

		loop_start(&loop, f->client.conn);
		for (uint16_t id = 0; id < 20; id++)
			send_read(&f->client, id, 0, 16);
		if (round % 2)
			send_numbered(&f->client, 100, WIRE_DEVICE_RESET, NULL, 0);
		if (round % 3 == 0)
			await_reply(&f->client, &a);
		shutdown(f->client.fd, SHUT_RDWR);
		pthread_join(loop.thread, NULL);
		close(loop.stop);
		rig_conn_free(f->client.conn);
		f->client.conn = NULL;
		client_hang_up(&f->client);
		client_open(f, &f->client);
		assert_int_equal(ask_version(&f->client, 0, 0, NULL, &a), 0);
	}
	client_hang_up(&f->client);
	while (f->client.conn) {
		struct pollfd p = { rig_conn_fd(f->client.conn), POLLIN, 0 };

		poll(&p, 1, 60000);
		pump(&f->client);
	}
	join(&w);
	while (todo.n > 0)
		rig_request_done(take_one(), 0);
}

/* --- interrupts --- */

static void *trigger(void *opaque)
{
	struct workers *w = opaque;

	while (!atomic_load(&w->stop)) {
		for (uint32_t v = 0; v < 4; v++)
			(void)rig_irq_trigger(w->f->server, RIG_PCI_MSIX_IRQ, v);
		(void)rig_irq_unmasked(w->f->server, RIG_PCI_INTX_IRQ, 0);
		atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

static void s071_threads_trigger_while_the_client_attaches_and_masks(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	struct workers w = { 0 };
	int irqs[4], rounds = 0;
	uint64_t got = 0;
	struct loop loop;
	struct answer a;

	for (int i = 0; i < 4; i++)
		irqs[i] = test_eventfd();
	loop_start(&loop, c->conn);
	start(&w, f, trigger);
	while (rounds < 200 || got == 0) {
		static const uint32_t flags[] = {
			RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER,
			RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_MASK,
			RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_UNMASK,
			RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER, /* detach */
		};
		const struct wire_irq_set set = { sizeof(set), flags[rounds % 4], RIG_PCI_MSIX_IRQ,
						  0, 4 };
		struct message m = message(WIRE_DEVICE_SET_IRQS, COMMAND, &set, sizeof(set));

		send_bytes(c, &m, m.header.size, irqs, rounds % 4 == 0 ? 4 : 0);
		await_reply(c, &a);
		assert_success(&a);
		got += eventfd_take(irqs[rounds % 4]);
		rounds++;
	}
	join(&w);
	loop_stop(&loop);
	for (int i = 0; i < 4; i++)
		close(irqs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(s046_many_reads_are_in_flight_while_the_client_reads_regions),
		test(s046_threads_read_guest_memory_while_the_client_reads_regions),
		test(s101_threads_lose_a_client_in_the_middle_of_it),
		test(s039_no_thread_uses_memory_whose_unmap_was_answered),
		test(an_unmap_waits_for_a_pin_of_another_thread_and_nobody_else_does),
		test(s067_threads_answer_reads_and_resets),
		test(s101_answers_come_while_their_client_goes),
		test(s071_threads_trigger_while_the_client_attaches_and_masks),
	};

	return cmocka_run_group_tests_name("server_threads", tests, NULL, NULL);
}
