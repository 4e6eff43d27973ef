/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect_irqs.h - eventfds for all interrupts of a device
 *
 * Every vector of every index that interrupts by eventfd gets one, all of them in an epoll. An index
 * that the device refuses to attach is named on stderr, and left out.
 */
#ifndef CLI_INSPECT_IRQS_H
#define CLI_INSPECT_IRQS_H

#include "cli/inspect_action.h"

#define IRQ_NAME_MAX 24

struct irq_vector {
	uint32_t index, number;
	int fd;
};

struct inspect_irqs {
	int epoll; /* data.u64: which of vectors */
	struct irq_vector *vectors;
	size_t n;
	bool *attached; /* by index */
};

/** inspect_irqs_attach() - on failure there is nothing to detach, and action->error says why */
int inspect_irqs_attach(const struct inspect_session *s, struct inspect_action *action,
			struct inspect_irqs *irqs);
void inspect_irqs_detach(const struct inspect_session *s, struct inspect_irqs *irqs);

/** inspect_irqs_add() - something else to wait for. @what: not less than n */
int inspect_irqs_add(const struct inspect_irqs *irqs, int fd, uint64_t what);

/** inspect_irq_label() - "MSI-X", "irq 7" */
const char *inspect_irq_label(uint32_t index, char buf[IRQ_NAME_MAX]);

#endif
