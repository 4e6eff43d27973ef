/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_server_irqs.c - interrupts between a device and its client
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server_end.h"

#define ATTACH (RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_TRIGGER)
#define NONE   RIG_SET_IRQS_DATA_NONE

static int set_irqs(struct client *c, uint32_t flags, uint32_t index, uint32_t start,
		    uint32_t count, const int *fds, size_t n_fds)
{
	const struct wire_irq_set set = { sizeof(set), flags, index, start, count };
	struct answer a;

	return ask_fds(c, WIRE_DEVICE_SET_IRQS, &set, sizeof(set), fds, n_fds, &a);
}

/* A level-triggered INTx as kernel VFIO has it, with its two eventfds. */
static void setup_intx(struct fixture *f, int *irq, int *unmask)
{
	f->irqs[RIG_PCI_INTX_IRQ].flags |= RIG_IRQ_AUTOMASKED;
	remake(f, NULL);
	*irq = test_eventfd();
	*unmask = test_eventfd();
	assert_int_equal(set_irqs(&f->client, ATTACH, RIG_PCI_INTX_IRQ, 0, 1, irq, 1), 0);
	assert_int_equal(set_irqs(&f->client, RIG_SET_IRQS_DATA_EVENTFD | RIG_SET_IRQS_UNMASK,
				  RIG_PCI_INTX_IRQ, 0, 1, unmask, 1),
			 0);
}

static void s076_an_automasked_vector_masks_itself_until_it_is_unmasked(void **state)
{
	struct fixture *f = *state;
	int irq, unmask;

	setup_intx(f, &irq, &unmask);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_INTX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 1);
	/* It was triggered meanwhile: that comes now, and masks again. */
	assert_int_equal(
		set_irqs(&f->client, NONE | RIG_SET_IRQS_UNMASK, RIG_PCI_INTX_IRQ, 0, 1, NULL, 0),
		0);
	assert_int_equal(eventfd_take(irq), 1);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_INTX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 0);
	close(irq);
	close(unmask);
}

static void s077_the_unmask_eventfd_is_there_to_be_polled(void **state)
{
	struct fixture *f = *state;
	struct pollfd p = { .events = POLLIN };
	int irq, unmask;

	setup_intx(f, &irq, &unmask);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_INTX_IRQ, 0), 0);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_INTX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 1);

	p.fd = rig_irq_unmask_fd(f->server, RIG_PCI_INTX_IRQ, 0);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(rig_irq_unmasked(f->server, RIG_PCI_INTX_IRQ, 0), 0);
	eventfd_write(unmask, 1);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(rig_irq_unmasked(f->server, RIG_PCI_INTX_IRQ, 0), 1);
	assert_int_equal(eventfd_take(irq), 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	close(irq);
	close(unmask);
}

static void a_vector_without_unmask_eventfd_has_none_to_poll(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rig_irq_unmask_fd(f->server, RIG_PCI_INTX_IRQ, 0), -1);
	assert_int_equal(rig_irq_unmask_fd(f->server, RIG_PCI_INTX_IRQ, 1), -1);
	assert_int_equal(rig_irq_unmask_fd(f->server, 99, 0), -1);
	assert_int_equal(rig_irq_unmasked(f->server, RIG_PCI_INTX_IRQ, 0), 0);
	assert_int_equal(rig_irq_unmasked(f->server, RIG_PCI_MSI_IRQ, 0), -EINVAL);
	assert_int_equal(rig_irq_trigger(f->server, 99, 0), -EINVAL);
}

static void s076_a_vector_that_is_not_automasked_does_not_mask_itself(void **state)
{
	struct fixture *f = *state;
	int irq = test_eventfd();

	assert_int_equal(set_irqs(&f->client, ATTACH, RIG_PCI_INTX_IRQ, 0, 1, &irq, 1), 0);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_INTX_IRQ, 0), 0);
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_INTX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 2);
	close(irq);
}

static void the_device_hears_of_masks_and_eventfds(void **state)
{
	struct fixture *f = *state;
	struct device *d = &f->device;
	int irqs[2] = { test_eventfd(), test_eventfd() };

	assert_int_equal(set_irqs(&f->client, ATTACH, RIG_PCI_MSIX_IRQ, 1, 2, irqs, 2), 0);
	assert_int_equal(d->irq_index, RIG_PCI_MSIX_IRQ);
	assert_int_equal(d->irq_start, 1);
	assert_int_equal(d->irq_count, 2);
	assert_int_equal(d->irq_flags, ATTACH);
	assert_int_equal(
		set_irqs(&f->client, NONE | RIG_SET_IRQS_MASK, RIG_PCI_MSIX_IRQ, 3, 1, NULL, 0), 0);
	assert_int_equal(d->irq_start, 3);
	/* The whole index is disabled. */
	assert_int_equal(
		set_irqs(&f->client, NONE | RIG_SET_IRQS_TRIGGER, RIG_PCI_MSIX_IRQ, 0, 0, NULL, 0),
		0);
	assert_int_equal(d->irq_start, 0);
	assert_int_equal(d->irq_count, 4);
	assert_string_equal(d->trace, "ciii");

	/* To fire a vector changes none; what is refused does not either. */
	assert_int_equal(
		set_irqs(&f->client, NONE | RIG_SET_IRQS_TRIGGER, RIG_PCI_MSIX_IRQ, 1, 1, NULL, 0),
		0);
	assert_int_equal(set_irqs(&f->client, ATTACH, RIG_PCI_MSIX_IRQ, 4, 1, irqs, 1), EINVAL);
	assert_string_equal(d->trace, "ciii");
	close(irqs[0]);
	close(irqs[1]);
}

/* --- a device that answers later --- */

static void send_set_irqs(struct client *c, uint16_t id, uint32_t flags, uint32_t start,
			  uint32_t count)
{
	const struct wire_irq_set set = { sizeof(set), flags, RIG_PCI_MSIX_IRQ, start, count };

	send_numbered(c, id, WIRE_DEVICE_SET_IRQS, &set, sizeof(set));
}

/* The next reply that is there: its id; with the errno that it has. */
static uint16_t next_reply(struct client *c, uint32_t error)
{
	struct answer a;

	receive_answer(c, &a);
	assert_int_equal(a.header.error, error);
	assert_int_equal(!(a.header.flags & WIRE_FLAG_ERROR), error == 0);
	return a.header.id;
}

static void s076_a_deferred_change_is_done_at_once_and_answered_later(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;
	const struct wire_irq_set set = { sizeof(set), ATTACH, RIG_PCI_MSIX_IRQ, 0, 1 };
	struct message m = message(WIRE_DEVICE_SET_IRQS, COMMAND, &set, sizeof(set));
	int irq = test_eventfd();

	f->device.defers_irqs = true;
	send_bytes(c, &m, m.header.size, &irq, 1);
	pump(c);
	assert_true(nothing_came(c));
	assert_int_equal(rig_irq_trigger(f->server, RIG_PCI_MSIX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(irq), 1);
	device_answer(&f->device, 0);
	pump(c);
	assert_int_equal(next_reply(c, 0), 7);
	close(irq);
}

static void changes_behind_a_deferred_one_wait_in_order_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;

	f->device.defers_irqs = true;
	send_set_irqs(c, 1, NONE | RIG_SET_IRQS_MASK, 0, 1);
	send_set_irqs(c, 2, NONE | RIG_SET_IRQS_MASK, 1, 1);
	send_set_irqs(c, 3, NONE | RIG_SET_IRQS_TRIGGER, 1, 1);
	send_read(c, 4, 0, 4);
	pump(c);
	assert_int_equal(next_reply(c, 0), 4);
	assert_true(nothing_came(c));
	assert_int_equal(map(c, 0, PAGE, RIG_DMA_READ, f->memory), 0);
	assert_int_equal(f->device.irq_start, 0);

	device_answer(&f->device, 0);
	pump(c);
	assert_int_equal(next_reply(c, 0), 1);
	assert_true(nothing_came(c));
	assert_int_equal(f->device.irq_start, 1);
	device_answer(&f->device, 0);
	pump(c);
	assert_int_equal(next_reply(c, 0), 2);
	assert_int_equal(next_reply(c, 0), 3);
}

static void a_change_that_the_device_does_not_follow_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;

	f->device.irqs_error = -EIO;
	assert_int_equal(set_irqs(c, NONE | RIG_SET_IRQS_MASK, RIG_PCI_MSIX_IRQ, 0, 1, NULL, 0),
			 EIO);
	f->device.defers_irqs = true;
	send_set_irqs(c, 1, NONE | RIG_SET_IRQS_MASK, 1, 1);
	send_set_irqs(c, 2, NONE | RIG_SET_IRQS_TRIGGER, 1, 1);
	pump(c);
	device_answer(&f->device, -ENOSPC);
	pump(c);
	assert_int_equal(next_reply(c, ENOSPC), 1);
	assert_int_equal(next_reply(c, 0), 2);
}

static void s067_a_reset_does_not_wait_for_a_deferred_change(void **state)
{
	struct fixture *f = *state;
	struct client *c = &f->client;

	f->device.defers_irqs = true;
	f->device.defers_reset = true;
	send_set_irqs(c, 1, NONE | RIG_SET_IRQS_MASK, 0, 1);
	send_numbered(c, 2, WIRE_DEVICE_RESET, NULL, 0);
	send_set_irqs(c, 3, NONE | RIG_SET_IRQS_TRIGGER, 1, 1);
	pump(c);
	assert_string_equal(f->device.trace, "ciqr");
	device_answer(&f->device, 0); /* the change: its end does not end the reset */
	pump(c);
	assert_int_equal(next_reply(c, 0), 1);
	assert_true(nothing_came(c));
	device_answer(&f->device, 0);
	pump(c);
	assert_int_equal(next_reply(c, 0), 2);
	assert_int_equal(next_reply(c, 0), 3);
}

static void s101_a_client_is_gone_when_its_change_is_answered(void **state)
{
	struct fixture *f = *state;

	f->device.defers_irqs = true;
	send_set_irqs(&f->client, 1, NONE | RIG_SET_IRQS_MASK, 0, 1);
	send_set_irqs(&f->client, 2, NONE | RIG_SET_IRQS_MASK, 1, 1);
	pump(&f->client);
	client_hang_up(&f->client);
	assert_int_equal(f->device.disconnected, 0);
	device_answer(&f->device, 0);
	pump(&f->client);
	assert_null(f->client.conn);
	assert_string_equal(f->device.trace, "ciqd"); /* the second one it did not live to make */
}

static void a_change_that_is_answered_after_its_server_is_gone_is_done_with(void **state)
{
	struct fixture *f = *state;

	f->device.defers_irqs = true;
	send_set_irqs(&f->client, 1, NONE | RIG_SET_IRQS_MASK, 0, 1);
	send_set_irqs(&f->client, 2, NONE | RIG_SET_IRQS_MASK, 1, 1);
	pump(&f->client);
	rig_server_free(f->server);
	f->server = NULL;
	assert_string_equal(f->device.trace, "cid");
	device_answer(&f->device, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(s076_an_automasked_vector_masks_itself_until_it_is_unmasked),
		test(s077_the_unmask_eventfd_is_there_to_be_polled),
		test(a_vector_without_unmask_eventfd_has_none_to_poll),
		test(s076_a_vector_that_is_not_automasked_does_not_mask_itself),
		test(the_device_hears_of_masks_and_eventfds),
		test(s076_a_deferred_change_is_done_at_once_and_answered_later),
		test(changes_behind_a_deferred_one_wait_in_order_and_nothing_else),
		test(a_change_that_the_device_does_not_follow_is_an_error),
		test(s067_a_reset_does_not_wait_for_a_deferred_change),
		test(s101_a_client_is_gone_when_its_change_is_answered),
		test(a_change_that_is_answered_after_its_server_is_gone_is_done_with),
	};

	return cmocka_run_group_tests_name("server_irqs", tests, NULL, NULL);
}
