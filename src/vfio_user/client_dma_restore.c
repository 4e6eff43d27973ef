/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_dma_restore.c - a new server is told of every map
 *
 * Many at a time, waiting for the oldest: a million of them one by one would take a minute.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user/client_dma.h"

#define IN_FLIGHT 64u

struct dma_list {
	struct dma_record **records;
	size_t n;
};

static void list_record(const void *node, VISIT visit, void *opaque)
{
	struct dma_list *list = opaque;

	if (visit == postorder || visit == leaf)
		list->records[list->n++] = *(struct dma_record *const *)node;
}

/* Those that are mapped, in order. What was in doubt is clear now: nobody has it. */
static int list_mapped(struct client_dma *dma, struct dma_list *list)
{
	size_t n = 0;

	pthread_mutex_lock(&dma->lock);
	list->records = calloc(dma->n + 1, sizeof(*list->records));
	if (list->records)
		twalk_r(dma->maps, list_record, list);
	for (size_t i = 0; i < list->n; i++) {
		if (list->records[i]->state == DMA_DOUBT)
			dma_remove(dma, list->records[i]);
		else
			list->records[n++] = list->records[i];
	}
	list->n = n;
	pthread_mutex_unlock(&dma->lock);
	return list->records ? 0 : -ENOMEM;
}

static int start_map(struct session *session, struct front_call *call,
		     const struct rig_dma_region *region, rig_time deadline)
{
	const struct wire_dma_map wire = dma_message(region);
	const struct iovec iov = { (void *)&wire, sizeof(wire) };
	int r;

	*call = (struct front_call) { 0 };
	for (;;) {
		r = front_start(session->front, call, WIRE_DMA_MAP, &iov, 1, &region->fd,
				region->fd >= 0 ? 1 : 0, 0, 0, deadline);
		if (r != -EAGAIN)
			return r;
		r = front_room(session->front, deadline);
		if (r < 0)
			return r;
	}
}

static int finish_map(struct session *session, struct front_call *call,
		      const struct rig_dma_region *region)
{
	int r = front_wait(session->front, call);

	if (r < 0)
		client_fail(session->client, RIG_LOG_WARNING, r,
			    "DMA_MAP of 0x%llx+0x%llx, which was mapped before: %s",
			    (unsigned long long)region->address, (unsigned long long)region->size,
			    strerror(-r));
	return r;
}

static int map_again(struct session *session, const struct dma_list *list, rig_time deadline)
{
	struct front_call calls[IN_FLIGHT];
	size_t started = 0, finished = 0;
	int r = 0;

	while (r == 0 && finished < list->n) {
		if (started < list->n && started - finished < IN_FLIGHT) {
			r = start_map(session, &calls[started % IN_FLIGHT],
				      &list->records[started]->region, deadline);
			started += r == 0;
			continue;
		}
		r = finish_map(session, &calls[finished % IN_FLIGHT],
			       &list->records[finished]->region);
		finished++;
	}
	/* Those still in flight are on this stack. */
	if (r < 0)
		session_close(session, "the maps cannot be restored");
	while (finished < started)
		front_wait(session->front, &calls[finished++ % IN_FLIGHT]);
	return r;
}

static int check_terms(struct session *session, const struct dma_list *list,
		       const struct version_caps *caps)
{
	for (size_t i = 0; i < list->n; i++)
		if (dma_check(&list->records[i]->region, caps) < 0)
			return client_fail(session->client, RIG_LOG_WARNING, -EOPNOTSUPP,
					   "the server takes other pages, or no fds, now: maps "
					   "cannot be restored");
	if (list->n > caps->max_dma_maps)
		return client_fail(session->client, RIG_LOG_WARNING, -ENOSPC,
				   "the server takes %u maps now, there are %zu",
				   caps->max_dma_maps, list->n);
	return 0;
}

int client_dma_restore(struct session *session, const struct version_caps *caps, rig_time deadline)
{
	struct client_dma *dma = &session->client->dma;
	struct dma_list list = { 0 };
	int r = list_mapped(dma, &list);

	if (r == 0)
		r = check_terms(session, &list, caps);
	if (r == 0)
		r = map_again(session, &list, deadline);
	free(list.records);
	return r;
}
