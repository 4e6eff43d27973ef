/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_irqs.c - interrupts: how what is wanted at once becomes messages
 */
#include "client_script.h"

#define ATTACH	(RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER)
#define VECTORS 64

static const char json_3_fds[] = "{\"capabilities\":{\"max_msg_fds\":3}}";

static void make_eventfds(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fds[i] = test_eventfd();
}

static void close_eventfds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

static void assert_set(struct script *s, size_t i, uint32_t start, uint32_t count, size_t n_fds)
{
	struct wire_irq_set *set;
	struct logged entry;

	assert_true(logged_of(s, WIRE_DEVICE_SET_IRQS, i, &entry));
	set = (struct wire_irq_set *)entry.payload;
	assert_int_equal(set->start, start);
	assert_int_equal(set->count, count);
	assert_int_equal(entry.n_fds, n_fds);
	assert_int_equal(set->argsz, entry.len);
}

static void s110_set_irqs_is_split_by_the_servers_fd_limit(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	int fds[8];

	make_eventfds(fds, 8);
	s->json = json_3_fds;
	client = script_plug(s);
	assert_int_equal(rig_client_set_irqs(client, RIG_PCI_MSIX_IRQ, ATTACH, 2, 8, fds, soon()),
			 0);
	assert_int_equal(n_logged(s, WIRE_DEVICE_SET_IRQS), 3);
	assert_set(s, 0, 2, 3, 3);
	assert_set(s, 1, 5, 3, 3);
	assert_set(s, 2, 8, 2, 2);
	script_unplug(s, client);
	close_eventfds(fds, 8);
}

static void s110_runs_with_and_without_fds_are_never_mixed(void **state)
{
	int fds[10], wanted[10];
	struct script *s = *state;
	struct rig_client *client = script_plug(s); /* 8 fds */

	make_eventfds(fds, 10);
	memcpy(wanted, fds, sizeof(fds));
	wanted[0] = wanted[4] = wanted[5] = wanted[9] = -1;
	assert_int_equal(
		rig_client_set_irqs(client, RIG_PCI_MSIX_IRQ, ATTACH, 0, 10, wanted, soon()), 0);
	assert_int_equal(n_logged(s, WIRE_DEVICE_SET_IRQS), 5);
	assert_set(s, 0, 0, 1, 0);
	assert_set(s, 1, 1, 3, 3);
	assert_set(s, 2, 4, 2, 0);
	assert_set(s, 3, 6, 3, 3);
	assert_set(s, 4, 9, 1, 0);
	/* No data: all of them go, with one message. */
	assert_int_equal(rig_client_set_irqs(client, RIG_PCI_MSIX_IRQ, ATTACH, 0, 10, NULL, soon()),
			 0);
	assert_set(s, 5, 0, 10, 0);
	script_unplug(s, client);
	close_eventfds(fds, 10);
}

static void s110_asynchronous_set_irqs_keeps_what_it_was_given(void **state)
{
	struct waiter waiter = WAITER;
	struct script *s = *state;
	struct rig_client *client;
	int fds[7];

	make_eventfds(fds, 7);
	s->json = json_3_fds;
	client = script_plug(s);
	assert_int_equal(rig_client_set_irqs_async(client, RIG_PCI_MSIX_IRQ, ATTACH, 0, 7, fds,
						   soon(), waiter_completion(&waiter), NULL),
			 0);
	close_eventfds(fds, 7);
	memset(fds, 0xff, sizeof(fds));
	assert_int_equal(waiter_take(&waiter, client), 0);
	assert_set(s, 0, 0, 3, 3);
	assert_set(s, 1, 3, 3, 3);
	assert_set(s, 2, 6, 1, 1);
	script_unplug(s, client);
}

/* Signals what is attached. */
static enum verdict signal_fds(struct script *s, const struct message *request,
			       struct message *reply)
{
	for (size_t i = 0; i < request->n_fds; i++)
		eventfd_write(request->fds[i], i + 1);
	return SEND;
}

static void eventfds_arrive_in_order(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	int fds[4];

	make_eventfds(fds, 4);
	s->bend = signal_fds;
	client = script_plug(s);
	assert_int_equal(rig_client_set_irqs(client, RIG_PCI_MSI_IRQ, ATTACH, 0, 4, fds, soon()),
			 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(eventfd_take(fds[i]), i + 1);
	script_unplug(s, client);
	close_eventfds(fds, 4);
}

static void bools_and_no_data_are_sent_as_they_are(void **state)
{
	const uint32_t mask = RIG_SET_IRQS_DATA_BOOL | RIG_SET_IRQS_MASK;
	const uint8_t bools[5] = { 0, 1, 255, 0, 2 };
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct logged entry;

	assert_int_equal(rig_client_set_irqs(client, 2, mask, 3, 5, bools, soon()), 0);
	assert_set(s, 0, 3, 5, 0);
	assert_true(logged_of(s, WIRE_DEVICE_SET_IRQS, 0, &entry));
	assert_int_equal(entry.len, 25);
	assert_memory_equal(entry.payload + 20, "\0\1\1\0\1", 5);
	assert_int_equal(rig_client_set_irqs(client, 2,
					     RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER, 0, 0,
					     NULL, soon()),
			 0);
	assert_set(s, 1, 0, 0, 0);
	script_unplug(s, client);
}

static void what_contradicts_itself_is_not_sent(void **state)
{
	const uint32_t none = RIG_SET_IRQS_DATA_NONE, trigger = RIG_SET_IRQS_TRIGGER;
	const struct {
		uint32_t flags, start, count;
	} bad[] = {
		{ 0, 0, 1 },
		{ none, 0, 1 },
		{ trigger, 0, 1 },
		{ none | RIG_SET_IRQS_DATA_BOOL | trigger, 0, 1 },
		{ none | trigger | RIG_SET_IRQS_MASK, 0, 1 },
		{ none | trigger | 1u << 6, 0, 1 },
		{ none | trigger, 1, 0 },
		{ none | RIG_SET_IRQS_MASK, 0, 0 },
		{ ATTACH, 0, 0 },
		{ none | trigger, UINT32_MAX, 1 },
		{ none | trigger, 2, UINT32_MAX - 1 },
		{ RIG_SET_IRQS_DATA_BOOL | trigger, 0, 1 }, /* and no bools */
	};
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	struct rig_device_info info;
	int fds[] = { 12345 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(rig_client_set_irqs(client, 0, bad[i].flags, bad[i].start,
						     bad[i].count, NULL, soon()),
				 -EINVAL);
	assert_int_equal(rig_client_set_irqs(client, 0, ATTACH, 0, 1, fds, soon()), -EBADF);
	assert_int_equal(rig_client_device_info(client, &info, soon()), 0);
	assert_int_equal(rig_client_set_irqs(client, 5, none | trigger, 0, 1, NULL, soon()),
			 -EINVAL);
	assert_int_equal(n_logged(s, WIRE_DEVICE_SET_IRQS), 0);
	script_unplug(s, client);
}

static void a_server_that_takes_no_fds_is_given_none(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	int fd = test_eventfd();

	s->json = "{\"capabilities\":{\"max_msg_fds\":0}}";
	client = script_plug(s);
	assert_int_equal(rig_client_set_irqs(client, 0, ATTACH, 0, 1, &fd, soon()), -EOPNOTSUPP);
	assert_int_equal(rig_client_set_irqs(client, 0, ATTACH, 0, 1, NULL, soon()), 0);
	script_unplug(s, client);
	close(fd);
}

static enum verdict refuse_third(struct script *s, const struct message *request,
				 struct message *reply)
{
	if (request->header.command == WIRE_DEVICE_SET_IRQS && s->requests == 3)
		set_error(reply, ENOSPC, 0);
	return SEND;
}

static void the_first_chunk_that_is_refused_ends_it(void **state)
{
	struct script *s = *state;
	struct rig_client *client;
	int fds[12];

	make_eventfds(fds, 12);
	s->json = json_3_fds;
	s->bend = refuse_third;
	client = script_plug(s);
	assert_int_equal(rig_client_set_irqs(client, RIG_PCI_MSIX_IRQ, ATTACH, 0, 12, fds, soon()),
			 -ENOSPC);
	assert_int_equal(n_logged(s, WIRE_DEVICE_SET_IRQS), 3);
	script_unplug(s, client);
	close_eventfds(fds, 12);
}

static void recorded_eventfds_are_as_many_as_are_attached(void **state)
{
	const uint32_t disable = RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_TRIGGER;
	struct script *s = *state;
	struct rig_client *client = script_plug(s);
	int fds[VECTORS], before = fds_open();

	make_eventfds(fds, VECTORS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_client_set_irqs(client, RIG_PCI_MSIX_IRQ, ATTACH, 0, VECTORS,
						     fds, soon()),
				 0);
	assert_int_equal(fds_open(), before + 2 * VECTORS);
	assert_int_equal(
		rig_client_set_irqs(client, RIG_PCI_MSIX_IRQ, ATTACH, 10, 20, NULL, soon()), 0);
	assert_int_equal(fds_open(), before + 2 * VECTORS - 20);
	/* Other indexes, and other actions, have nothing to do with it. */
	assert_int_equal(rig_client_set_irqs(client, RIG_PCI_MSI_IRQ, disable, 0, 0, NULL, soon()),
			 0);
	assert_int_equal(rig_client_set_irqs(client, RIG_PCI_INTX_IRQ,
					     RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_UNMASK, 0, 1,
					     fds, soon()),
			 0);
	assert_int_equal(fds_open(), before + 2 * VECTORS - 20);
	assert_int_equal(rig_client_set_irqs(client, RIG_PCI_MSIX_IRQ, disable, 0, 0, NULL, soon()),
			 0);
	assert_int_equal(fds_open(), before + VECTORS);
	script_unplug(s, client);
	close_eventfds(fds, VECTORS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		script_test(s110_set_irqs_is_split_by_the_servers_fd_limit),
		script_test(s110_runs_with_and_without_fds_are_never_mixed),
		script_test(s110_asynchronous_set_irqs_keeps_what_it_was_given),
		script_test(eventfds_arrive_in_order),
		script_test(bools_and_no_data_are_sent_as_they_are),
		script_test(what_contradicts_itself_is_not_sent),
		script_test(a_server_that_takes_no_fds_is_given_none),
		script_test(the_first_chunk_that_is_refused_ends_it),
		script_test(recorded_eventfds_are_as_many_as_are_attached),
	};

	return cmocka_run_group_tests_name("client_irqs", tests, NULL, NULL);
}
