/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_irq_records.c - which eventfds the server has for interrupts, for a reconnect
 */
#include "vfio_user/client_irq_records.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
	const struct irq_record *left = a, *right = b;

	if (left->index != right->index)
		return left->index > right->index ? 1 : -1;
	return (left->vector > right->vector) - (left->vector < right->vector);
}

static void push(struct irq_record **list, struct irq_record *record)
{
	record->next = *list;
	*list = record;
}

int irq_records_attach(void **records, struct irq_record *record, struct irq_record **ret_old)
{
	struct irq_record **node = tsearch(record, records, compare), *old;

	if (!node) {
		push(ret_old, record);
		return -ENOMEM;
	}
	old = *node;
	if (old == record)
		return 0;
	if (old->order > record->order) {
		push(ret_old, record);
	} else {
		*node = record; /* its place is the same */
		push(ret_old, old);
	}
	return 0;
}

struct search {
	uint32_t index, start, count;
	uint64_t order;
	struct irq_record *found;
};

static void note_earlier(const void *node, VISIT visit, void *opaque)
{
	struct irq_record *record = *(struct irq_record *const *)node;
	struct search *search = opaque;

	if ((visit == postorder || visit == leaf) && record->index == search->index &&
	    record->vector >= search->start && record->vector - search->start < search->count &&
	    record->order < search->order)
		push(&search->found, record);
}

void irq_records_detach(void **records, uint32_t index, uint32_t start, uint32_t count,
			uint64_t order, struct irq_record **ret_old)
{
	struct search search = { index, start, count, order, NULL };

	twalk_r(*records, note_earlier, &search);
	while (search.found) {
		struct irq_record *record = search.found;

		search.found = record->next;
		tdelete(record, records, compare);
		push(ret_old, record);
	}
}

struct list {
	struct irq_record *records;
	size_t n;
};

static void count_record(const void *node, VISIT visit, void *opaque)
{
	struct list *list = opaque;

	list->n += visit == postorder || visit == leaf;
}

static void list_record(const void *node, VISIT visit, void *opaque)
{
	struct irq_record *record = *(struct irq_record *const *)node;
	struct list *list = opaque;

	if (visit != postorder && visit != leaf)
		return;
	record->order = 0;
	list->records[list->n++] = *record;
}

int irq_records_list(void *records, struct irq_record **ret, size_t *ret_n)
{
	struct list list = { 0 };

	twalk_r(records, count_record, &list);
	list.records = calloc(list.n + 1, sizeof(*list.records));
	if (!list.records)
		return -ENOMEM;
	list.n = 0;
	twalk_r(records, list_record, &list);
	*ret = list.records;
	*ret_n = list.n;
	return 0;
}

static void free_record(void *opaque)
{
	struct irq_record *record = opaque;

	close(record->fd);
	free(record);
}

void irq_records_drop(struct irq_record *old)
{
	while (old) {
		struct irq_record *next = old->next;

		free_record(old);
		old = next;
	}
}

void irq_records_free(void **records)
{
	tdestroy(*records, free_record);
	*records = NULL;
}
