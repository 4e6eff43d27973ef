/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_memory.c - every allocation of a client fails once
 *
 * A scenario with each kind of call is run again and again, and each time one allocation later
 * fails, until none does. Only those of the test's own thread: the script has enough. Every call must
 * end, with 0 or an error; nothing may leak (fds are counted, memory is for the sanitizer).
 */
#include "client_script.h"
#include "failing_alloc.h"

#define PAGE 0x1000u

/* Whatever comes of it is fine, as long as something does. */
static void ended(int r)
{
	assert_true(r <= 0);
}

static void ask_about_the_device(struct rig_client *client)
{
	const struct rig_region_info *region;
	struct rig_device_info device;
	struct rig_io_fd *fds = NULL;
	struct rig_irq_info irq;
	size_t n = 0;

	ended(rig_client_device_info(client, &device, soon()));
	ended(rig_client_region_info(client, 0, &region, soon()));
	ended(rig_client_irq_info(client, 0, &irq, soon()));
	if (rig_client_region_io_fds(client, 0, &fds, &n, soon()) == 0)
		rig_client_io_fds_free(fds, n);
}

static void use_memory_and_interrupts(struct rig_client *client, uint8_t *memory, int *fds)
{
	const struct rig_dma_region region = {
		.address = PAGE, .size = PAGE, .flags = RIG_DMA_READ, .fd = -1, .host = memory
	};

	ended(rig_client_dma_map(client, &region, soon()));
	ended(rig_client_set_irqs(client, 2, RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER, 0, 2,
				  fds, soon()));
	ended(rig_client_reset(client, soon())); /* the script reads memory meanwhile */
}

static void use_regions(struct rig_client *client)
{
	struct waiter waiters[3] = { WAITER, WAITER, WAITER };
	uint8_t bytes[300] = { 0 };
	int started[3];

	ended(rig_client_region_read(client, 0, 0, bytes, sizeof(bytes), soon()));
	ended(rig_client_region_post(client, 0, 0, bytes, sizeof(bytes), soon()));
	started[0] = rig_client_region_write_async(client, 0, 0, bytes, sizeof(bytes), soon(),
						   waiter_completion(&waiters[0]), NULL);
	started[1] = rig_client_region_read_async(client, 0, 0, bytes, sizeof(bytes), soon(),
						  waiter_completion(&waiters[1]), NULL);
	started[2] = rig_client_reset_async(client, soon(), waiter_completion(&waiters[2]), NULL);
	for (int i = 0; i < 3; i++) {
		ended(started[i]);
		while (started[i] == 0 && waiter_runs(&waiters[i]) == 0)
			rig_client_dispatch(client);
		assert_int_equal(waiter_runs(&waiters[i]), started[i] == 0);
	}
}

static enum verdict read_memory_at_reset(struct script *s, const struct message *request,
					 struct message *reply)
{
	struct message *m;

	if (request->header.command != WIRE_DEVICE_RESET)
		return SEND;
	m = dma_read_message(1, PAGE, 64);
	script_ask(s, s->fd, m);
	free(m);
	return SEND;
}

/* Return: did an allocation fail? */
static bool scenario(struct script *s, unsigned int n)
{
	const struct rig_client_config config = { .struct_size = sizeof(config) };
	int fds[] = { test_eventfd(), -1 }, socket = script_restart(s), again = -1, r;
	struct rig_client *client;
	uint8_t memory[PAGE] = { 0 };

	alloc_fail_after(n);
	alloc_count(true);
	r = rig_client_new(socket, &config, soon(), &client, NULL);
	ended(r);
	if (r == 0) {
		ask_about_the_device(client);
		use_memory_and_interrupts(client, memory, fds);
		use_regions(client);
		rig_client_disconnect(client);
		alloc_count(false);
		again = script_restart(s);
		alloc_count(true);
		ended(rig_client_reconnect(client, again, soon()));
		ended(rig_client_dma_unmap_all(client, soon()));
		rig_client_free(client);
	}
	alloc_count(false);
	close(fds[0]);
	script_end(s);
	assert_int_equal(fds_open(), s->open_before);
	return alloc_failed();
}

static void every_allocation_fails_once(void **state)
{
	struct script *s = *state;
	unsigned int n = 0;

	s->json = "{\"capabilities\":{\"max_data_xfer_size\":100,\"max_msg_fds\":1}}";
	s->bend = read_memory_at_reset;
	while (scenario(s, n))
		n++;
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(every_allocation_fails_once),
	};

	return cmocka_run_group_tests_name("client_memory", tests, NULL, NULL);
}
