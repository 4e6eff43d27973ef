/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client_dma_use.c - the server reads and writes what is mapped
 *
 * A range may cross maps that touch each other. It is looked up as a whole, and each map that it
 * needs is held until the bytes are copied, so that an unmap's return means that nobody copies.
 */
#include <errno.h>
#include <stdlib.h>

#include "vfio_user/client_dma.h"

#define PIECES_FIRST 8u

/* The record that has address, if the server may. */
static int find_piece(struct client_dma *dma, uint64_t address, uint32_t prot,
		      struct dma_record **ret)
{
	struct dma_record *record = dma_find(dma, address, address);

	if (!record || record->state == DMA_DOUBT)
		return -EFAULT;
	if ((record->region.flags & prot) != prot)
		return -EACCES;
	*ret = record;
	return 0;
}

struct dma_pieces {
	struct dma_piece *at;
	size_t n, room;
};

static int add_piece(struct dma_pieces *pieces, struct dma_record *record, uint64_t address,
		     size_t len)
{
	char *host = record->region.host;

	if (pieces->n == pieces->room) {
		size_t room = pieces->room ? pieces->room * 2 : PIECES_FIRST;
		struct dma_piece *more = realloc(pieces->at, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		pieces->at = more;
		pieces->room = room;
	}
	pieces->at[pieces->n++] = (struct dma_piece) {
		.record = record,
		.host = host ? host + (address - record->region.address) : NULL,
		.len = len,
	};
	return 0;
}

static int collect_pieces(struct client_dma *dma, uint64_t address, size_t count, uint32_t prot,
			  struct dma_pieces *pieces)
{
	while (count > 0) {
		struct dma_record *record;
		uint64_t here;
		size_t len;
		int r = find_piece(dma, address, prot, &record);

		if (r < 0)
			return r;
		here = record->last - address; /* and one more byte, which could wrap */
		len = here < count - 1 ? (size_t)here + 1 : count;
		r = add_piece(pieces, record, address, len);
		if (r < 0)
			return r;
		address += len;
		count -= len;
		if (count > 0 && address == 0)
			return -EFAULT;
	}
	return 0;
}

int client_dma_use(struct rig_client *client, uint64_t address, size_t count, uint32_t prot,
		   struct dma_piece **ret, size_t *ret_n)
{
	struct client_dma *dma = &client->dma;
	struct dma_pieces pieces = { 0 };
	int r;

	pthread_mutex_lock(&dma->lock);
	r = collect_pieces(dma, address, count, prot, &pieces);
	if (r == 0) {
		for (size_t i = 0; i < pieces.n; i++)
			pieces.at[i].record->users++;
		dma->users += pieces.n;
	}
	pthread_mutex_unlock(&dma->lock);
	if (r < 0) {
		free(pieces.at);
		return r;
	}
	*ret = pieces.at;
	*ret_n = pieces.n;
	return 0;
}

void client_dma_unuse(struct rig_client *client, struct dma_piece *pieces, size_t n)
{
	struct client_dma *dma = &client->dma;

	pthread_mutex_lock(&dma->lock);
	for (size_t i = 0; i < n; i++)
		pieces[i].record->users--;
	dma->users -= n;
	pthread_cond_broadcast(&dma->unused);
	pthread_mutex_unlock(&dma->lock);
	free(pieces);
}
