/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_dirty.c - which pages of guest memory the device wrote
 *
 * A report of much memory is several messages, so that each bitmap is one that both sides accept;
 * the parts are whole words of the caller's bitmap. What was reported the server forgets: a report
 * that fails half-way has lost pages, and its caller must take all of them for written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/client_feature.h"

#define WORD_BITS 64u

static bool power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static bool range_wraps(uint64_t address, uint64_t size)
{
	return size > 0 && address > UINT64_MAX - (size - 1);
}

/* --- start and stop --- */

static int check_ranges(struct rig_client *client, const struct rig_dirty_range *ranges, size_t n)
{
	size_t room = client_feature_max(client) - sizeof(struct wire_logging_start);

	if (n > room / sizeof(struct wire_dma_range))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (ranges[i].size == 0 || range_wraps(ranges[i].address, ranges[i].size))
			return -EINVAL;
	return 0;
}

/* The reply repeats the request, but for the page size. */
static int send_start(struct rig_client *client, struct wire_logging_start *start, size_t len,
		      rig_time deadline)
{
	uint32_t n = start->num_ranges;
	int r = rig_client_feature(client, RIG_FEATURE_DMA_LOGGING_START | RIG_FEATURE_SET, start,
				   len, start, len, deadline);

	if (r < 0)
		return r;
	if ((size_t)r != len || start->num_ranges != n || !power_of_two(start->page_size))
		return client_fail(client, RIG_LOG_WARNING, -EPROTO,
				   "DMA_LOGGING_START: %d bytes instead of %zu, page size 0x%llx",
				   r, len, (unsigned long long)start->page_size);
	return 0;
}

int rig_client_dirty_start(struct rig_client *client, uint64_t page_size,
			   const struct rig_dirty_range *ranges, size_t n, uint64_t *ret_page_size,
			   rig_time deadline)
{
	size_t len = sizeof(struct wire_logging_start) + n * sizeof(struct wire_dma_range);
	struct wire_logging_start *start;
	struct wire_dma_range *to;
	int r;

	if (client_forked(client))
		return -ENOTCONN;
	if (!power_of_two(page_size) || check_ranges(client, ranges, n) < 0)
		return -EINVAL;
	start = malloc(len);
	if (!start)
		return -ENOMEM;
	*start = (struct wire_logging_start) { page_size, (uint32_t)n, 0 };
	to = (struct wire_dma_range *)(start + 1);
	for (size_t i = 0; i < n; i++)
		to[i] = (struct wire_dma_range) { ranges[i].address, ranges[i].size };
	r = send_start(client, start, len, deadline);
	if (r == 0 && ret_page_size)
		*ret_page_size = start->page_size;
	free(start);
	return r;
}

int rig_client_dirty_stop(struct rig_client *client, rig_time deadline)
{
	int r = rig_client_feature(client, RIG_FEATURE_DMA_LOGGING_STOP | RIG_FEATURE_SET, NULL, 0,
				   NULL, 0, deadline);

	return r < 0 ? r : 0;
}

/* --- report --- */

/**
 * struct report_op - a report
 * @address, @left, @bitmap: what is still to be asked for; with a message in flight, behind that
 * @head, @ask: the message in flight
 * @words, @n_words: where its bitmap goes
 */
struct report_op {
	struct op op;
	uint64_t address, left;
	uint64_t page_size;
	uint64_t max_pages; /* in one message; whole words */
	uint64_t *bitmap;

	struct wire_logging_report ask;
	uint64_t *words;
	size_t n_words;
	struct wire_feature head;
};

/* The last page may be part of one. size > 0. */
static uint64_t pages_of(uint64_t size, uint64_t page_size)
{
	return (size - 1) / page_size + 1;
}

static int report_next(struct op *op, struct op_message *ret)
{
	struct report_op *o = (struct report_op *)op;
	uint64_t pages, length;

	if (o->left == 0)
		return 0;
	pages = pages_of(o->left, o->page_size);
	length = o->left;
	if (pages > o->max_pages) {
		pages = o->max_pages;
		length = pages * o->page_size;
	}
	o->n_words = (size_t)((pages + WORD_BITS - 1) / WORD_BITS);
	o->words = o->bitmap;
	o->ask = (struct wire_logging_report) { o->address, length, o->page_size };
	o->head.argsz =
		(uint32_t)(sizeof(o->head) + sizeof(o->ask) + o->n_words * sizeof(*o->words));
	ret->iov[0] = (struct iovec) { &o->head, sizeof(o->head) };
	ret->iov[1] = (struct iovec) { &o->ask, sizeof(o->ask) };
	ret->n_iov = 2;
	ret->reply_min = o->head.argsz;
	ret->reply_max = o->head.argsz;

	o->address += length;
	o->left -= length;
	o->bitmap += o->n_words;
	return 1;
}

static int report_accept(struct op *op, const void *payload, size_t len, struct link_fds *fds)
{
	struct report_op *o = (struct report_op *)op;
	const struct wire_feature *head = payload;
	const struct wire_logging_report *report = (const void *)head->data;
	uint64_t last = pages_of(o->ask.length, o->page_size) % WORD_BITS;
	int r = client_feature_check(op, &o->head, payload);

	if (r < 0)
		return r;
	if (memcmp(report, &o->ask, sizeof(o->ask)) != 0)
		return op_wrong(op, "a report of 0x%llx+0x%llx instead of 0x%llx+0x%llx",
				(unsigned long long)report->iova,
				(unsigned long long)report->length, (unsigned long long)o->ask.iova,
				(unsigned long long)o->ask.length);
	memcpy(o->words, report + 1, o->n_words * sizeof(*o->words));
	/* Pages that were not asked for are none, whatever the server says. */
	if (last != 0)
		o->words[o->n_words - 1] &= (UINT64_C(1) << last) - 1;
	return 0;
}

static const struct op_kind report_kind = {
	.command = WIRE_DEVICE_FEATURE,
	.next = report_next,
	.accept = report_accept,
};

/* So that not only the bitmap but all of the reply is what either side takes for data. */
static uint64_t pages_in_a_message(struct rig_client *client)
{
	const uint32_t fixed = sizeof(struct wire_feature) + sizeof(struct wire_logging_report);
	uint32_t limit = client_limit(client);
	uint64_t words = limit > fixed ? (limit - fixed) / sizeof(uint64_t) : 0;

	return (words > 0 ? words : 1) * WORD_BITS;
}

int rig_client_dirty_report(struct rig_client *client, uint64_t address, uint64_t size,
			    uint64_t page_size, uint64_t *bitmap, size_t n_words, rig_time deadline)
{
	struct report_op o = {
		.op = { .kind = &report_kind },
		.address = address,
		.left = size,
		.page_size = page_size,
		.bitmap = bitmap,
		.head = { .flags = RIG_FEATURE_DMA_LOGGING_REPORT | RIG_FEATURE_GET },
	};

	if (client_forked(client))
		return -ENOTCONN;
	if (size == 0 || range_wraps(address, size) || !power_of_two(page_size) ||
	    n_words != (pages_of(size, page_size) - 1) / WORD_BITS + 1)
		return -EINVAL;
	o.max_pages = pages_in_a_message(client);
	return op_run(client, &o.op, deadline);
}
