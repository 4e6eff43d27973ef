/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_irq.c - every pair of data and action, and what each refuses
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fds.h"
#include "odd_fds.h"
#include "sys/peer_eventfd.h"
#include "vfio_user/irq.h"

#define NONE	RIG_SET_IRQS_DATA_NONE
#define BOOL	RIG_SET_IRQS_DATA_BOOL
#define EVENTFD RIG_SET_IRQS_DATA_EVENTFD
#define MASK	RIG_SET_IRQS_MASK
#define UNMASK	RIG_SET_IRQS_UNMASK
#define TRIGGER RIG_SET_IRQS_TRIGGER
#define MSIX	RIG_PCI_MSIX_IRQ

enum { VECTORS = 4 };

static const struct rig_irq irqs[RIG_PCI_IRQS] = {
	[RIG_PCI_INTX_IRQ] = { 1, RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE },
	[RIG_PCI_MSIX_IRQ] = { VECTORS, RIG_IRQ_EVENTFD | RIG_IRQ_NORESIZE },
	[RIG_PCI_ERR_IRQ] = { 1, RIG_IRQ_EVENTFD },
	[RIG_PCI_REQ_IRQ] = { 1, RIG_IRQ_EVENTFD },
};

struct fixture {
	struct irq_set *set;
	int fd[VECTORS]; /* the client's */
	int open_before;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->open_before = fds_open();
	assert_int_equal(irq_set_new(irqs, RIG_PCI_IRQS, &f->set), 0);
	for (int i = 0; i < VECTORS; i++)
		f->fd[i] = test_eventfd();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	irq_set_free(f->set);
	for (int i = 0; i < VECTORS; i++)
		close(f->fd[i]);
	assert_int_equal(fds_open(), f->open_before);
	free(f);
	return 0;
}

/* One request; fds are duplicated like SCM_RIGHTS does, and what was not taken is closed. */
static int apply_fds(struct fixture *f, uint32_t flags, uint32_t index, uint32_t start,
		     uint32_t count, const int *fd, size_t n)
{
	const struct wire_irq_set set = { sizeof(set), flags, index, start, count };
	struct link_fds fds = { .n = n };
	int r;

	for (size_t i = 0; i < n; i++)
		fds.fd[i] = dup(fd[i]);
	r = irq_set_apply(f->set, &set, NULL, &fds);
	for (size_t i = 0; i < n; i++)
		if (fds.fd[i] >= 0)
			close(fds.fd[i]);
	return r;
}

static int apply(struct fixture *f, uint32_t flags, uint32_t index, uint32_t start, uint32_t count)
{
	return apply_fds(f, flags, index, start, count, NULL, 0);
}

static int apply_bools(struct fixture *f, uint32_t flags, uint32_t start, uint32_t count,
		       const uint8_t *bools)
{
	const struct wire_irq_set set = { sizeof(set), flags, MSIX, start, count };
	struct link_fds fds = { 0 };

	return irq_set_apply(f->set, &set, bools, &fds);
}

static void attach_all(struct fixture *f)
{
	assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, MSIX, 0, VECTORS, f->fd, VECTORS), 0);
}

/* Which of the client's eventfds were signalled, as bits; each exactly once. */
static unsigned int signalled(struct fixture *f)
{
	unsigned int bits = 0;

	for (int i = 0; i < VECTORS; i++) {
		uint64_t n = eventfd_take(f->fd[i]);

		assert_true(n <= 1);
		bits |= (unsigned int)n << i;
	}
	return bits;
}

static void trigger_all(struct fixture *f)
{
	for (uint32_t i = 0; i < VECTORS; i++)
		assert_int_equal(irq_set_trigger(f->set, MSIX, i), 0);
}

static void an_attached_eventfd_gets_one_count_per_interrupt(void **state)
{
	struct fixture *f = *state;

	attach_all(f);
	assert_int_equal(irq_set_trigger(f->set, MSIX, 2), 0);
	assert_int_equal(signalled(f), 1u << 2);
	assert_int_equal(signalled(f), 0);
}

static void a_vector_without_eventfd_is_silent_and_one_that_does_not_exist_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(irq_set_trigger(f->set, MSIX, 0), 0);
	assert_int_equal(irq_set_trigger(f->set, MSIX, VECTORS), -EINVAL);
	assert_int_equal(irq_set_trigger(f->set, RIG_PCI_MSI_IRQ, 0), -EINVAL);
	assert_int_equal(irq_set_trigger(f->set, RIG_PCI_IRQS, 0), -EINVAL);
}

static void attaching_again_replaces_and_closes_the_old_one(void **state)
{
	struct fixture *f = *state;
	int open_before;

	assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, MSIX, 0, 1, &f->fd[0], 1), 0);
	open_before = fds_open();
	assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, MSIX, 0, 1, &f->fd[1], 1), 0);
	assert_int_equal(fds_open(), open_before);
	assert_int_equal(irq_set_trigger(f->set, MSIX, 0), 0);
	assert_int_equal(signalled(f), 1u << 1);
}

static void detaching_a_middle_range_touches_only_that_range(void **state)
{
	struct fixture *f = *state;

	attach_all(f);
	assert_int_equal(apply(f, EVENTFD | TRIGGER, MSIX, 1, 2), 0);
	trigger_all(f);
	assert_int_equal(signalled(f), 1u << 0 | 1u << 3);
}

static void detaching_what_was_never_attached_succeeds(void **state)
{
	assert_int_equal(apply(*state, EVENTFD | TRIGGER, MSIX, 0, 1), 0);
	assert_int_equal(apply(*state, NONE | TRIGGER, MSIX, 0, 0), 0);
}

static void disabling_an_index_closes_all_of_its_fds(void **state)
{
	struct fixture *f = *state;
	int open_before = fds_open();

	attach_all(f);
	assert_int_equal(apply(f, NONE | MASK, MSIX, 0, 1), 0);
	assert_int_equal(apply(f, NONE | TRIGGER, MSIX, 0, 0), 0);
	assert_int_equal(fds_open(), open_before);
	/* The mask is forgotten too. */
	attach_all(f);
	trigger_all(f);
	assert_int_equal(signalled(f), 15);
}

static void none_and_bool_trigger_fire_the_named_vectors(void **state)
{
	struct fixture *f = *state;
	const uint8_t bools[] = { 0, 1, 0x80 };

	attach_all(f);
	assert_int_equal(apply(f, NONE | TRIGGER, MSIX, 1, 2), 0);
	assert_int_equal(signalled(f), 1u << 1 | 1u << 2);
	/* "any non-zero byte counts" */
	assert_int_equal(apply_bools(f, BOOL | TRIGGER, 1, 3, bools), 0);
	assert_int_equal(signalled(f), 1u << 2 | 1u << 3);
}

static void a_masked_vector_holds_one_interrupt_until_it_is_unmasked(void **state)
{
	struct fixture *f = *state;
	const uint8_t bools[] = { 1, 1, 0, 0 };

	attach_all(f);
	assert_int_equal(apply(f, NONE | MASK, MSIX, 0, 2), 0);
	trigger_all(f);
	trigger_all(f);
	for (int i = 2; i < VECTORS; i++)
		assert_int_equal(eventfd_take(f->fd[i]), 2);
	assert_int_equal(signalled(f), 0);
	assert_int_equal(apply_bools(f, BOOL | UNMASK, 0, 4, bools), 0);
	assert_int_equal(signalled(f), 1u << 0 | 1u << 1);
	assert_int_equal(apply(f, NONE | UNMASK, MSIX, 0, 4), 0);
	assert_int_equal(signalled(f), 0);
}

static void what_was_pending_dies_with_its_eventfd(void **state)
{
	struct fixture *f = *state;

	attach_all(f);
	assert_int_equal(apply(f, NONE | MASK, MSIX, 0, 1), 0);
	assert_int_equal(irq_set_trigger(f->set, MSIX, 0), 0);
	assert_int_equal(apply(f, EVENTFD | TRIGGER, MSIX, 0, 1), 0);
	assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, MSIX, 0, 1, f->fd, 1), 0);
	assert_int_equal(apply(f, NONE | UNMASK, MSIX, 0, 1), 0);
	assert_int_equal(signalled(f), 0);
}

/* QEMU under KVM: trigger eventfd, mask, unmask eventfd, unmask; KVM signals the latter at EOI. */
static void an_unmask_eventfd_unmasks_when_the_client_signals_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, RIG_PCI_INTX_IRQ, 0, 1, &f->fd[0], 1), 0);
	assert_int_equal(apply(f, NONE | MASK, RIG_PCI_INTX_IRQ, 0, 1), 0);
	assert_int_equal(apply_fds(f, EVENTFD | UNMASK, RIG_PCI_INTX_IRQ, 0, 1, &f->fd[1], 1), 0);
	assert_int_equal(irq_set_trigger(f->set, RIG_PCI_INTX_IRQ, 0), 0);
	irq_set_poll(f->set);
	assert_int_equal(eventfd_take(f->fd[0]), 0);
	peer_eventfd_signal(f->fd[1]);
	irq_set_poll(f->set);
	assert_int_equal(eventfd_take(f->fd[0]), 1);
	/* Consumed, and never written by us. */
	assert_int_equal(eventfd_take(f->fd[1]), 0);
	assert_int_equal(apply(f, EVENTFD | UNMASK, RIG_PCI_INTX_IRQ, 0, 1), 0);
}

/* The guest's end of interrupt, while a level-triggered line is still asserted. */
static void an_unmask_that_releases_nothing_is_left_for_the_device(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, RIG_PCI_INTX_IRQ, 0, 1, &f->fd[0], 1), 0);
	assert_int_equal(apply(f, NONE | MASK, RIG_PCI_INTX_IRQ, 0, 1), 0);
	assert_int_equal(apply_fds(f, EVENTFD | UNMASK, RIG_PCI_INTX_IRQ, 0, 1, &f->fd[1], 1), 0);
	peer_eventfd_signal(f->fd[1]);
	irq_set_poll(f->set);
	assert_int_equal(irq_set_unmasked(f->set, RIG_PCI_INTX_IRQ, 0), 1);
	assert_int_equal(irq_set_trigger(f->set, RIG_PCI_INTX_IRQ, 0), 0);
	assert_int_equal(eventfd_take(f->fd[0]), 1);
}

static void a_mask_eventfd_masks_when_the_client_signals_it(void **state)
{
	struct fixture *f = *state;

	attach_all(f);
	assert_int_equal(apply_fds(f, EVENTFD | MASK, MSIX, 0, 1, &f->fd[1], 1), 0);
	peer_eventfd_signal(f->fd[1]);
	assert_int_equal(irq_set_trigger(f->set, MSIX, 0), 0);
	assert_int_equal(eventfd_take(f->fd[0]), 0);
	assert_int_equal(apply(f, NONE | UNMASK, MSIX, 0, 1), 0);
	assert_int_equal(eventfd_take(f->fd[0]), 1);
}

static void indexes_and_ranges_outside_the_device_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(apply(f, NONE | TRIGGER, RIG_PCI_IRQS, 0, 1), -EINVAL);
	assert_int_equal(apply(f, NONE | TRIGGER, MSIX, 0, VECTORS + 1), -EINVAL);
	assert_int_equal(apply(f, NONE | TRIGGER, MSIX, VECTORS, 1), -EINVAL);
	assert_int_equal(apply(f, NONE | TRIGGER, MSIX, UINT32_MAX, 1), -EINVAL);
	assert_int_equal(apply(f, NONE | TRIGGER, MSIX, 1, UINT32_MAX), -EINVAL);
	/* An index without vectors, also to disable it: libvfio-user and the kernel agree. */
	assert_int_equal(apply(f, NONE | TRIGGER, RIG_PCI_MSI_IRQ, 0, 0), -EINVAL);
}

static void errors_and_requests_cannot_be_masked(void **state)
{
	struct fixture *f = *state;

	for (uint32_t index = RIG_PCI_ERR_IRQ; index <= RIG_PCI_REQ_IRQ; index++) {
		assert_int_equal(apply(f, NONE | MASK, index, 0, 1), -EINVAL);
		assert_int_equal(apply(f, NONE | UNMASK, index, 0, 1), -EINVAL);
		assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, index, 0, 1, f->fd, 1), 0);
		assert_int_equal(apply(f, NONE | TRIGGER, index, 0, 2), -EINVAL);
	}
}

static void an_fd_that_is_no_eventfd_is_refused_and_nothing_changes(void **state)
{
	struct fixture *f = *state;

	attach_all(f);
	for (int kind = 0; kind < ODD_KINDS; kind++) {
		const int pair[] = { f->fd[3], odd_fd(kind, 1) };

		assert_true(pair[1] >= 0);
		if (kind != ODD_EVENT)
			assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, MSIX, 0, 2, pair, 2),
					 -EINVAL);
		close(pair[1]);
	}
	assert_int_equal(irq_set_trigger(f->set, MSIX, 0), 0);
	assert_int_equal(signalled(f), 1);
}

static void a_full_counter_does_not_hang_even_if_it_blocks(void **state)
{
	struct fixture *f = *state;
	const uint64_t full = UINT64_MAX - 1;
	int blocking = eventfd(0, EFD_CLOEXEC);

	assert_int_equal(write(blocking, &full, sizeof(full)), sizeof(full));
	assert_int_equal(apply_fds(f, EVENTFD | TRIGGER, MSIX, 0, 1, &blocking, 1), 0);
	assert_int_equal(irq_set_trigger(f->set, MSIX, 0), 0);
	assert_int_equal(eventfd_take(blocking), full);
	assert_int_equal(irq_set_trigger(f->set, MSIX, 0), 0);
	assert_int_equal(eventfd_take(blocking), 1);
	close(blocking);
}

static void a_client_that_is_gone_leaves_no_fd_and_no_mask(void **state)
{
	struct fixture *f = *state;
	int open_before = fds_open();

	attach_all(f);
	assert_int_equal(apply_fds(f, EVENTFD | UNMASK, MSIX, 0, 2, f->fd, 2), 0);
	assert_int_equal(apply(f, NONE | MASK, MSIX, 0, 4), 0);
	trigger_all(f);
	irq_set_detach_all(f->set);
	assert_int_equal(fds_open(), open_before);
	attach_all(f);
	trigger_all(f);
	assert_int_equal(signalled(f), 15);
}

static void more_vectors_than_fit_are_refused(void **state)
{
	const struct rig_irq many[] = { { IRQ_MAX_VECTORS, 0 }, { 1, 0 } };
	const struct rig_irq absurd[] = { { UINT32_MAX, 0 }, { UINT32_MAX, 0 } };
	struct irq_set *set;

	assert_int_equal(irq_set_new(many, 2, &set), -EINVAL);
	assert_int_equal(irq_set_new(absurd, 2, &set), -EINVAL);
	assert_int_equal(irq_set_new(NULL, 0, &set), 0);
	irq_set_free(set);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(an_attached_eventfd_gets_one_count_per_interrupt),
		test(a_vector_without_eventfd_is_silent_and_one_that_does_not_exist_refused),
		test(attaching_again_replaces_and_closes_the_old_one),
		test(detaching_a_middle_range_touches_only_that_range),
		test(detaching_what_was_never_attached_succeeds),
		test(disabling_an_index_closes_all_of_its_fds),
		test(none_and_bool_trigger_fire_the_named_vectors),
		test(a_masked_vector_holds_one_interrupt_until_it_is_unmasked),
		test(what_was_pending_dies_with_its_eventfd),
		test(an_unmask_eventfd_unmasks_when_the_client_signals_it),
		test(an_unmask_that_releases_nothing_is_left_for_the_device),
		test(a_mask_eventfd_masks_when_the_client_signals_it),
		test(indexes_and_ranges_outside_the_device_are_refused),
		test(errors_and_requests_cannot_be_masked),
		test(an_fd_that_is_no_eventfd_is_refused_and_nothing_changes),
		test(a_full_counter_does_not_hang_even_if_it_blocks),
		test(a_client_that_is_gone_leaves_no_fd_and_no_mask),
		test(more_vectors_than_fit_are_refused),
	};

	return cmocka_run_group_tests_name("irq", tests, NULL, NULL);
}
