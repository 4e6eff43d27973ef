/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * irq.h - the device's IRQ indexes and the eventfds a client attached to them
 *
 * "VFIO_USER_DEVICE_SET_IRQS" in full: every pair of data and action. A set belongs to the
 * server's thread; irq_set_trigger() and irq_set_unmasked() may be called from any other.
 */
#ifndef VFIO_USER_IRQ_H
#define VFIO_USER_IRQ_H

#include <stddef.h>
#include <stdint.h>

#include "vfio_user/link.h"
#include "vfio_user/wire.h"
#include <outrigger/server.h>

/* Of all indexes together; MSI-X has at most 2048. */
#define IRQ_MAX_VECTORS 65536u

struct irq_set;

/** irq_set_new() - nothing attached. Return: 0, -ENOMEM, -EINVAL more than IRQ_MAX_VECTORS */
int irq_set_new(const struct rig_irq *irqs, uint32_t n_irqs, struct irq_set **ret);

/** irq_set_free() - NULL is fine */
void irq_set_free(struct irq_set *irqs);

/**
 * irq_set_apply() - one SET_IRQS that wire_decode_request() let through
 * @bools: set->count of them, or NULL
 * @fds:   those that are kept are taken (set to -1)
 *
 * Return: 0, or -EINVAL with nothing changed: no such index or vector, an fd that is no eventfd,
 * masking an error or request index
 */
int irq_set_apply(struct irq_set *irqs, const struct wire_irq_set *set, const uint8_t *bools,
		  struct link_fds *fds);

/** irq_set_trigger() - see rig_irq_trigger(). Any thread. Return: 0, -EINVAL no such vector */
int irq_set_trigger(struct irq_set *irqs, uint32_t index, uint32_t vector);

/** irq_set_unmask_fd() - see rig_irq_unmask_fd() */
int irq_set_unmask_fd(struct irq_set *irqs, uint32_t index, uint32_t vector);

/** irq_set_unmasked() - see rig_irq_unmasked(). Any thread */
int irq_set_unmasked(struct irq_set *irqs, uint32_t index, uint32_t vector);

/**
 * irq_set_poll() - look at the eventfds by which the client masks and unmasks
 *
 * Nobody waits for them: they are looked at here and before each trigger. A vector that is
 * pending when the client signals its unmask eventfd is delivered at the next such look.
 */
void irq_set_poll(struct irq_set *irqs);

/** irq_set_detach_all() - the client is gone: closes every fd, unmasks, forgets what was pending */
void irq_set_detach_all(struct irq_set *irqs);

#endif
