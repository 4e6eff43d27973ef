/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_reconnect.c - a new connection, with everything as it was
 */
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>

#include "client_script.h"

#define PAGE   0x1000u
#define ATTACH (RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER)

struct told {
	atomic_uint deaths;
};

static void on_disconnected(void *opaque, int error, const char *reason)
{
	struct told *told = opaque;

	told->deaths++;
}

static const struct rig_client_ops ops = { .disconnected = on_disconnected };

static int map(struct rig_client *client, uint64_t address, int fd)
{
	const struct rig_dma_region region = {
		.address = address, .size = PAGE, .flags = RIG_DMA_READ, .fd = fd
	};

	return rig_client_dma_map(client, &region, soon());
}

/* The old script ends, another one begins with nothing logged. Return: its client's end */
static int replace_script(struct script *s)
{
	script_end(s);
	s->n_log = 0;
	s->requests = 0;
	return script_restart(s);
}

static void wait_for_death(struct rig_client *client)
{
	while (rig_client_error(client) == 0)
		rig_client_dispatch(client);
}

static void s102_maps_and_eventfds_are_put_back(void **state)
{
	struct script *s = *state;
	struct told told = { 0 };
	struct rig_client *client = script_plug_with(s, &ops, &told, 0);
	const struct wire_irq_set *set;
	const struct wire_dma_map *wire;
	struct logged entry;
	int memory = test_memfd(PAGE), fds[4], fd;

	for (int i = 0; i < 4; i++)
		fds[i] = test_eventfd();
	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(map(client, i * 2 * PAGE, i == 7 ? memory : -1), 0);
	assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), 0);
	assert_int_equal(rig_client_set_irqs(client, 2, ATTACH, 5, 3, fds, soon()), 0);
	assert_int_equal(rig_client_set_irqs(client, 2, ATTACH, 10, 1, &fds[3], soon()), 0);
	assert_int_equal(rig_client_set_irqs(client, 0, ATTACH, 0, 1, &fds[0], soon()), 0);
	assert_int_equal(rig_client_set_irqs(client, 2, ATTACH, 7, 1, NULL, soon()), 0);

	assert_int_equal(rig_client_reconnect(client, test_eventfd(), soon()), -EBUSY);
	fd = replace_script(s);
	wait_for_death(client);
	assert_int_equal(rig_client_reconnect(client, fd, soon()), 0);

	assert_int_equal(rig_client_error(client), 0);
	assert_int_equal(n_logged(s, WIRE_VERSION), 1);
	assert_int_equal(n_logged(s, WIRE_DMA_MAP), 199);
	assert_true(logged_of(s, WIRE_DMA_MAP, 6, &entry)); /* in order, without the first */
	wire = (const struct wire_dma_map *)entry.payload;
	assert_int_equal(wire->address, 7 * 2 * PAGE);
	assert_int_equal(entry.n_fds, 1);
	/* INTx; MSI-X 5 and 6; MSI-X 10 */
	assert_int_equal(n_logged(s, WIRE_DEVICE_SET_IRQS), 3);
	assert_true(logged_of(s, WIRE_DEVICE_SET_IRQS, 1, &entry));
	set = (const struct wire_irq_set *)entry.payload;
	assert_int_equal(set->index, 2);
	assert_int_equal(set->start, 5);
	assert_int_equal(set->count, 2);
	assert_int_equal(entry.n_fds, 2);

	/* As if nothing had happened. */
	assert_int_equal(map(client, 2 * PAGE, -1), -EEXIST);
	assert_int_equal(rig_client_dma_unmap(client, 2 * PAGE, PAGE, soon()), 0);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	assert_int_equal(told.deaths, 1);
	script_unplug(s, client);
	assert_int_equal(told.deaths, 2);
	close(memory);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void what_happens_between_connections_holds(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	int fd;

	assert_int_equal(map(client, 0, -1), 0);
	assert_int_equal(map(client, PAGE, -1), 0);
	rig_client_disconnect(client);
	/* Nothing can be added, but what is taken back does not come again. */
	assert_int_equal(map(client, 2 * PAGE, -1), -ENOTCONN);
	assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), -ENOTCONN);
	fd = replace_script(s);
	assert_int_equal(rig_client_reconnect(client, fd, soon()), 0);
	assert_int_equal(n_logged(s, WIRE_DMA_MAP), 1);
	assert_int_equal(rig_client_dma_unmap(client, 0, PAGE, soon()), -ENOENT);
	assert_int_equal(rig_client_dma_unmap(client, PAGE, PAGE, soon()), 0);
	script_unplug(s, client);
}

static void what_the_device_said_of_itself_is_asked_anew(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	const struct rig_region_info *region;
	int fd;

	assert_int_equal(rig_client_region_info(client, 0, &region, soon()), 0);
	rig_client_disconnect(client);
	fd = replace_script(s);
	assert_int_equal(rig_client_reconnect(client, fd, soon()), 0);
	assert_int_equal(rig_client_region_info(client, 0, &region, soon()), 0);
	assert_int_equal(n_logged(s, WIRE_DEVICE_GET_REGION_INFO), 1);
	script_unplug(s, client);
}

static void assert_reconnect_fails(struct script *s, struct rig_client *client, const char *why)
{
	int fd = replace_script(s);

	assert_true(rig_client_reconnect(client, fd, soon()) < 0);
	assert_true(rig_client_error(client) < 0);
	assert_true(reason_has(client, why));
	assert_int_equal(rig_client_reset(client, soon()), -ENOTCONN);
}

static enum verdict refuse_maps(struct script *s, const struct message *request,
				struct message *reply)
{
	if (request->header.command == WIRE_DMA_MAP && s->requests == 50)
		set_error(reply, ENOMEM, 0);
	return SEND;
}

static enum verdict die_while_restored(struct script *s, const struct message *request,
				       struct message *reply)
{
	return s->requests == 50 ? HANG_UP : SEND;
}

static void a_server_that_agrees_to_less_is_not_reconnected_to(void **state)
{
	struct script *s = *state;
	struct told told = { 0 };
	struct rig_client *client = script_plug_with(s, &ops, &told, 0);
	int irq = test_eventfd(), fd;
	const char *json = s->json;

	for (uint64_t i = 0; i < 300; i++)
		assert_int_equal(map(client, i * PAGE, -1), 0);
	assert_int_equal(rig_client_set_irqs(client, 0, ATTACH, 0, 1, &irq, soon()), 0);
	rig_client_disconnect(client);

	script_end(s);
	s->json = "{\"capabilities\":{\"max_dma_maps\":299}}";
	assert_reconnect_fails(s, client, "299 maps");
	script_end(s);
	s->json = "{\"capabilities\":{\"pgsizes\":65536}}";
	assert_reconnect_fails(s, client, "pages");
	script_end(s);
	s->json = "{\"capabilities\":{\"max_msg_fds\":0}}";
	assert_reconnect_fails(s, client, "no fds");
	script_end(s);
	s->json = "{]";
	assert_reconnect_fails(s, client, "make no sense");
	script_end(s);
	s->json = json;
	s->bend = refuse_maps;
	assert_reconnect_fails(s, client, "DMA_MAP of 0x31000+0x1000");
	script_end(s);
	s->bend = die_while_restored;
	assert_reconnect_fails(s, client, "");

	/* Nothing was lost by trying. */
	script_end(s);
	s->bend = NULL;
	fd = replace_script(s);
	assert_int_equal(rig_client_reconnect(client, fd, soon()), 0);
	assert_int_equal(n_logged(s, WIRE_DMA_MAP), 300);
	assert_int_equal(n_logged(s, WIRE_DEVICE_SET_IRQS), 1);
	assert_int_equal(told.deaths, 1);
	script_unplug(s, client);
	close(irq);
}

static void the_loops_fd_stays(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct waiter waiter = WAITER;
	int fd = rig_client_fd(client);

	for (int i = 0; i < 3; i++) {
		struct pollfd p = { fd, POLLIN, 0 };

		assert_int_equal(rig_client_fd(client), fd);
		assert_int_equal(
			rig_client_reset_async(client, soon(), waiter_completion(&waiter), NULL),
			0);
		while (waiter_runs(&waiter) == 0) {
			assert_true(poll(&p, 1, TIMEOUT_MS) > 0);
			rig_client_dispatch(client);
		}
		waiter.runs = 0;
		rig_client_disconnect(client);
		assert_int_equal(rig_client_reconnect(client, replace_script(s), soon()), 0);
	}
	script_unplug(s, client);
}

static pthread_t loop_thread;
static atomic_uint strays;

static void must_be_the_loop(void *opaque, int result)
{
	if (!pthread_equal(pthread_self(), loop_thread))
		strays++;
	waiter_run(opaque, result);
}

static enum verdict only_version(struct script *s, const struct message *request,
				 struct message *reply)
{
	return request->header.command == WIRE_VERSION ? SEND : SAY_NOTHING;
}

static void *end_it_elsewhere(void *opaque)
{
	struct rig_client *client = opaque;

	rig_client_disconnect(client);
	return NULL;
}

static void completions_of_the_old_connection_come_in_the_loop_once(void **state)
{
	struct script *s = *state;
	struct waiter waiter = WAITER;
	struct rig_client *client;
	pthread_t thread;

	loop_thread = pthread_self();
	s->bend = only_version;
	client = script_plug_with(s, NULL, NULL, RIG_CLIENT_DISPATCH_ONLY);
	assert_int_equal(
		rig_client_reset_async(client, RIG_FOREVER,
				       (struct rig_completion) { must_be_the_loop, &waiter }, NULL),
		0);
	assert_int_equal(pthread_create(&thread, NULL, end_it_elsewhere, client), 0);
	pthread_join(thread, NULL);
	assert_int_equal(waiter_runs(&waiter), 0);
	script_end(s);
	s->bend = NULL;
	assert_int_equal(rig_client_reconnect(client, replace_script(s), soon()), 0);
	for (struct pollfd p = { rig_client_fd(client), POLLIN, 0 }; waiter_runs(&waiter) == 0;) {
		assert_true(poll(&p, 1, TIMEOUT_MS) > 0);
		assert_int_equal(rig_client_dispatch(client), 0);
	}
	assert_int_equal(waiter.result, -ENOTCONN);
	assert_int_equal(strays, 0);
	assert_int_equal(rig_client_reset(client, soon()), 0);
	script_unplug(s, client);
	assert_int_equal(waiter.runs, 1);
}

/* Threads go on calling while the connection comes and goes. */

struct caller {
	struct rig_client *client;
	atomic_bool stop;
	unsigned int done, lost;
};

static void *go_on_calling(void *opaque)
{
	struct caller *c = opaque;

	while (!c->stop) {
		uint8_t bytes[4];
		int r = rig_client_region_read(c->client, 0, 0, bytes, 4, soon());

		assert_true(r == 0 || r == -ENOTCONN);
		if (r == 0)
			c->done++;
		else
			c->lost++;
	}
	return NULL;
}

static void calls_go_on_across_reconnects(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct caller callers[3];
	pthread_t threads[3];

	assert_int_equal(map(client, 0, -1), 0);
	for (int i = 0; i < 3; i++) {
		callers[i] = (struct caller) { .client = client };
		assert_int_equal(pthread_create(&threads[i], NULL, go_on_calling, &callers[i]), 0);
	}
	for (int i = 0; i < 30; i++) {
		int fd;

		if (i % 2)
			rig_client_disconnect(client);
		fd = replace_script(s);
		while (rig_client_error(client) == 0)
			sched_yield();
		assert_int_equal(rig_client_reconnect(client, fd, soon()), 0);
	}
	for (int i = 0; i < 3; i++)
		callers[i].stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	script_unplug(s, client);
}

static void a_client_without_a_path_needs_an_fd(void **state)
{
	struct script *s = *state;
	struct rig_client *client = script_plug(s);

	rig_client_disconnect(client);
	assert_int_equal(rig_client_reconnect(client, -1, soon()), -EINVAL);
	script_unplug(s, client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(s102_maps_and_eventfds_are_put_back),
		script_test(what_happens_between_connections_holds),
		script_test(what_the_device_said_of_itself_is_asked_anew),
		script_test(a_server_that_agrees_to_less_is_not_reconnected_to),
		script_test(the_loops_fd_stays),
		script_test(completions_of_the_old_connection_come_in_the_loop_once),
		script_test(calls_go_on_across_reconnects),
		script_test(a_client_without_a_path_needs_an_fd),
	};

	return cmocka_run_group_tests_name("client_reconnect", tests, NULL, NULL);
}
