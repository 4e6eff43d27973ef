/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_irq_records.h - which eventfds the server has for interrupts, for a reconnect
 *
 * A set of records by index and vector, each with the place in the row of messages that it came from:
 * replies may come, or be seen, in another order than the server was asked in. Whoever owns the set
 * has a lock for it. Nothing here closes: that may sleep, so what is replaced is handed out.
 */
#ifndef VFIO_USER_CLIENT_IRQ_RECORDS_H
#define VFIO_USER_CLIENT_IRQ_RECORDS_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct irq_record - an eventfd that the server has
 * @fd: the record's
 * @order: of the message that attached it; 0: an earlier connection's
 */
struct irq_record {
	struct irq_record *next; /* once replaced */
	uint64_t order;
	uint32_t index;
	uint32_t vector;
	int fd;
};

/**
 * irq_records_attach() - the server took an eventfd
 * @record: from malloc(); the set's, or, if a later message was for the same vector, in *ret_old
 * @ret_old: a list that what is replaced is added to
 *
 * Return: 0; -ENOMEM: record is in *ret_old
 */
int irq_records_attach(void **records, struct irq_record *record, struct irq_record **ret_old);

/** irq_records_detach() - those of an index in [start, start + count) that came before order */
void irq_records_detach(void **records, uint32_t index, uint32_t start, uint32_t count,
			uint64_t order, struct irq_record **ret_old);

/**
 * irq_records_list() - copies of all, by index and vector; their fds stay the set's
 *
 * From here on all are an earlier connection's. Return: 0, -ENOMEM
 */
int irq_records_list(void *records, struct irq_record **ret, size_t *ret_n);

/** irq_records_drop() - a list of replaced ones, with their fds */
void irq_records_drop(struct irq_record *old);
void irq_records_free(void **records);

#endif
