/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * irq.c - the device's IRQ indexes and the eventfds a client attached to them
 *
 * All vectors are in one array, an index knows where its own start. A vector has up to three
 * eventfds of the client's: one that we write (trigger) and two that the client writes (mask,
 * unmask). The specification's text has the server signal the unmask eventfd; kernel VFIO and
 * QEMU use it the other way round, for "the guest has handled its INTx". So it is input here.
 *
 * A masked vector remembers that it was triggered, once, and delivers that when it is unmasked. Vectors
 * of an index that is RIG_IRQ_AUTOMASKED mask themselves with each interrupt that they deliver,
 * as kernel VFIO's INTx does.
 *
 * The lock covers the vectors, and is held while an eventfd is written so that it cannot be closed
 * meanwhile; nothing done with it held waits. What only the owner writes (n_inputs, which fd is
 * where) it reads without.
 */
#include "vfio_user/irq.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys/peer_eventfd.h"

#define DATA_FLAGS   (RIG_SET_IRQS_DATA_NONE | RIG_SET_IRQS_DATA_BOOL | RIG_SET_IRQS_DATA_EVENTFD)
#define ACTION_FLAGS (RIG_SET_IRQS_MASK | RIG_SET_IRQS_UNMASK | RIG_SET_IRQS_TRIGGER)

struct vector {
	int trigger_fd; /* each the client's eventfd, or -1 */
	int mask_fd;
	int unmask_fd;
	bool masked;
	bool pending; /* triggered while masked */
	bool automasked;
};

struct index {
	struct vector *vectors; /* in irq_set.vectors */
	uint32_t count;
};

struct irq_set {
	pthread_mutex_t lock;
	struct index *indexes;
	uint32_t n_indexes;
	struct vector *vectors;
	uint32_t n_vectors;
	uint32_t n_inputs; /* mask and unmask eventfds attached */
};

static const struct vector vector_initial = { .trigger_fd = -1, .mask_fd = -1, .unmask_fd = -1 };

static void add_index(struct irq_set *set, uint32_t i, uint32_t first, const struct rig_irq *irq)
{
	set->indexes[i] = (struct index) { &set->vectors[first], irq->count };
	for (uint32_t v = 0; v < irq->count; v++) {
		set->vectors[first + v] = vector_initial;
		set->vectors[first + v].automasked = irq->flags & RIG_IRQ_AUTOMASKED;
	}
}

int irq_set_new(const struct rig_irq *irqs, uint32_t n_irqs, struct irq_set **ret)
{
	struct irq_set *set;
	uint64_t total = 0;
	uint32_t first = 0;

	for (uint32_t i = 0; i < n_irqs; i++)
		total += irqs[i].count;
	if (total > IRQ_MAX_VECTORS)
		return -EINVAL;

	set = calloc(1, sizeof(*set));
	if (!set)
		return -ENOMEM;
	pthread_mutex_init(&set->lock, NULL);
	set->indexes = calloc(n_irqs ? n_irqs : 1, sizeof(*set->indexes));
	set->vectors = calloc(total ? total : 1, sizeof(*set->vectors));
	if (!set->indexes || !set->vectors) {
		irq_set_free(set);
		return -ENOMEM;
	}
	set->n_indexes = n_irqs;
	set->n_vectors = (uint32_t)total;
	for (uint32_t i = 0; i < n_irqs; i++) {
		add_index(set, i, first, &irqs[i]);
		first += irqs[i].count;
	}
	*ret = set;
	return 0;
}

void irq_set_free(struct irq_set *irqs)
{
	if (!irqs)
		return;
	irq_set_detach_all(irqs);
	pthread_mutex_destroy(&irqs->lock);
	free(irqs->vectors);
	free(irqs->indexes);
	free(irqs);
}

static void vector_deliver(struct vector *v)
{
	peer_eventfd_signal(v->trigger_fd);
	v->masked = v->automasked;
	v->pending = false;
}

static void vector_unmask(struct vector *v)
{
	v->masked = false;
	if (v->pending && v->trigger_fd >= 0)
		vector_deliver(v);
	v->pending = false;
}

static void vector_poll(struct vector *v)
{
	if (v->mask_fd >= 0 && peer_eventfd_consume(v->mask_fd))
		v->masked = true;
	/* What it would undo decides whether it is looked at: under KVM it counts every EOI. */
	if (v->masked && v->unmask_fd >= 0 && peer_eventfd_consume(v->unmask_fd))
		vector_unmask(v);
}

/* Without a pending interrupt the unmasking is the device's to see: its line may still be asserted. */
static void vector_release(struct vector *v)
{
	if (v->pending)
		vector_poll(v);
}

static void vector_trigger(struct vector *v)
{
	if (v->trigger_fd < 0)
		return;
	vector_poll(v);
	if (v->masked)
		v->pending = true;
	else
		vector_deliver(v);
}

static int *vector_fd(struct vector *v, uint32_t action)
{
	switch (action) {
	case RIG_SET_IRQS_MASK:
		return &v->mask_fd;
	case RIG_SET_IRQS_UNMASK:
		return &v->unmask_fd;
	default:
		return &v->trigger_fd;
	}
}

/* fd is the set's from here on; -1 detaches. */
static void vector_attach(struct irq_set *irqs, struct vector *v, uint32_t action, int fd)
{
	int *slot = vector_fd(v, action);

	if (action != RIG_SET_IRQS_TRIGGER)
		irqs->n_inputs += (uint32_t)(fd >= 0) - (uint32_t)(*slot >= 0);
	else if (fd < 0)
		v->pending = false;
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

static void vector_reset(struct irq_set *irqs, struct vector *v)
{
	vector_attach(irqs, v, RIG_SET_IRQS_MASK, -1);
	vector_attach(irqs, v, RIG_SET_IRQS_UNMASK, -1);
	vector_attach(irqs, v, RIG_SET_IRQS_TRIGGER, -1);
	v->masked = false;
	v->pending = false;
}

static void vector_act(struct vector *v, uint32_t action)
{
	switch (action) {
	case RIG_SET_IRQS_MASK:
		v->masked = true;
		break;
	case RIG_SET_IRQS_UNMASK:
		vector_unmask(v);
		break;
	case RIG_SET_IRQS_TRIGGER:
		vector_trigger(v);
		break;
	}
}

static int check_against_device(const struct irq_set *irqs, const struct wire_irq_set *set)
{
	const struct index *index;

	if (set->index >= irqs->n_indexes)
		return -EINVAL;
	index = &irqs->indexes[set->index];
	/* Also for "disable": as in libvfio-user and the kernel there is no vector 0 to name. */
	if (set->start >= index->count || !wire_range_inside(set->start, set->count, index->count))
		return -EINVAL;
	if ((set->index == RIG_PCI_ERR_IRQ || set->index == RIG_PCI_REQ_IRQ) &&
	    ((set->flags & ACTION_FLAGS) != RIG_SET_IRQS_TRIGGER || set->count > 1))
		return -EINVAL;
	return 0;
}

static int check_eventfds(const struct link_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++)
		if (!peer_eventfd_check(fds->fd[i]))
			return -EINVAL;
	return 0;
}

static void index_reset(struct irq_set *irqs, const struct index *index)
{
	for (uint32_t i = 0; i < index->count; i++)
		vector_reset(irqs, &index->vectors[i]);
}

static void range_apply(struct irq_set *irqs, const struct wire_irq_set *set, const uint8_t *bools,
			struct link_fds *fds)
{
	uint32_t action = set->flags & ACTION_FLAGS;

	for (uint32_t i = 0; i < set->count; i++) {
		struct vector *v = &irqs->indexes[set->index].vectors[set->start + i];

		if (set->flags & RIG_SET_IRQS_DATA_EVENTFD) {
			vector_attach(irqs, v, action, fds->n ? fds->fd[i] : -1);
			if (fds->n)
				fds->fd[i] = -1; /* the vector's now */
		} else if (!bools || bools[i]) {
			vector_act(v, action);
		}
	}
}

int irq_set_apply(struct irq_set *irqs, const struct wire_irq_set *set, const uint8_t *bools,
		  struct link_fds *fds)
{
	uint32_t data = set->flags & DATA_FLAGS;
	int r;

	assert(fds->n == 0 || (data == RIG_SET_IRQS_DATA_EVENTFD && fds->n == set->count));
	assert(bools || data != RIG_SET_IRQS_DATA_BOOL);

	r = check_against_device(irqs, set);
	if (r < 0)
		return r;
	r = check_eventfds(fds);
	if (r < 0)
		return r;

	pthread_mutex_lock(&irqs->lock);
	if (set->count == 0)
		index_reset(irqs, &irqs->indexes[set->index]);
	else
		range_apply(irqs, set, bools, fds);
	pthread_mutex_unlock(&irqs->lock);
	return 0;
}

static struct vector *find_vector(struct irq_set *irqs, uint32_t index, uint32_t vector)
{
	if (index >= irqs->n_indexes || vector >= irqs->indexes[index].count)
		return NULL;
	return &irqs->indexes[index].vectors[vector];
}

int irq_set_trigger(struct irq_set *irqs, uint32_t index, uint32_t vector)
{
	struct vector *v = find_vector(irqs, index, vector);

	if (!v)
		return -EINVAL;
	pthread_mutex_lock(&irqs->lock);
	vector_trigger(v);
	pthread_mutex_unlock(&irqs->lock);
	return 0;
}

int irq_set_unmask_fd(struct irq_set *irqs, uint32_t index, uint32_t vector)
{
	const struct vector *v = find_vector(irqs, index, vector);

	return v ? v->unmask_fd : -1;
}

int irq_set_unmasked(struct irq_set *irqs, uint32_t index, uint32_t vector)
{
	struct vector *v = find_vector(irqs, index, vector);
	bool signalled;

	if (!v)
		return -EINVAL;
	pthread_mutex_lock(&irqs->lock);
	signalled = v->unmask_fd >= 0 && peer_eventfd_consume(v->unmask_fd);
	if (signalled)
		vector_unmask(v);
	pthread_mutex_unlock(&irqs->lock);
	return signalled;
}

void irq_set_poll(struct irq_set *irqs)
{
	if (irqs->n_inputs == 0)
		return;
	pthread_mutex_lock(&irqs->lock);
	for (uint32_t i = 0; i < irqs->n_vectors; i++)
		vector_release(&irqs->vectors[i]);
	pthread_mutex_unlock(&irqs->lock);
}

void irq_set_detach_all(struct irq_set *irqs)
{
	pthread_mutex_lock(&irqs->lock);
	for (uint32_t i = 0; i < irqs->n_vectors; i++)
		vector_reset(irqs, &irqs->vectors[i]);
	pthread_mutex_unlock(&irqs->lock);
}
