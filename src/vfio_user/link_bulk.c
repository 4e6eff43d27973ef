/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_bulk.c - long messages, whose bytes are copied, or sent, while others use the link
 *
 * A chunk as long as the message is filled without the link and queued whole: behind what waits, or, when
 * the first bytes are with the kernel already, before it. Sent straight from the caller's memory, a
 * message that the socket takes as a whole is not copied at all.
 *
 * New memory for each would cost as much as copying it: the chunk is the one that link_tx.c keeps, while
 * there are long messages.
 */
#include "vfio_user/link_internal.h"

#include <errno.h>
#include <string.h>

#define HEADER_SIZE sizeof(struct wire_header)

void link_bulk_begin(struct link *link, size_t len, bool straight, struct link_bulk *ret)
{
	*ret = (struct link_bulk) {
		.len = len,
		.straight = straight && link->tx.head == NULL,
		.chunk = tx_take(&link->tx, HEADER_SIZE + len),
	};
}

/* Room for the message in bulk->chunk. */
static int bulk_room(struct link_bulk *bulk)
{
	if (bulk->chunk == NULL)
		bulk->chunk = tx_chunk_new(HEADER_SIZE + bulk->len);
	return bulk->chunk != NULL ? 0 : -ENOMEM;
}

int link_bulk_copy(struct link_bulk *bulk, const struct iovec *iov, size_t n_iov, size_t from)
{
	size_t at = HEADER_SIZE;
	int r = bulk_room(bulk);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_iov; i++) {
		size_t skip = from > at ? from - at : 0;

		if (skip < iov[i].iov_len)
			memcpy(bulk->chunk->data + at + skip, (char *)iov[i].iov_base + skip,
			       iov[i].iov_len - skip);
		at += iov[i].iov_len;
	}
	bulk->chunk->len = at;
	return 0;
}

/* The chunk is whole, but for its header. */
static struct tx_chunk *bulk_take(struct link *link, enum tx_kind kind, struct link_bulk *bulk)
{
	struct tx_chunk *chunk = bulk->chunk;

	bulk->chunk = NULL;
	memcpy(chunk->data, &bulk->header, HEADER_SIZE);
	chunk->bytes_of[kind] = chunk->len;
	link->tx.queued[kind] += chunk->len;
	return chunk;
}

int tx_bulk(struct link *link, enum tx_kind kind, struct wire_header *header,
	    struct link_bulk *bulk)
{
	if (bulk->len > UINT32_MAX - HEADER_SIZE)
		return -EMSGSIZE;
	header->size = (uint32_t)(HEADER_SIZE + bulk->len);
	bulk->header = *header;
	if (!bulk->straight)
		tx_push(&link->tx, bulk_take(link, kind, bulk));
	return 0;
}

void link_bulk_sent(struct link *link, struct link_bulk *bulk, size_t n)
{
	struct link_tx *tx = &link->tx;
	bool reply = bulk->header.flags & WIRE_FLAG_TYPE_MASK;
	struct tx_chunk *chunk;

	if (link->error != 0 || n == bulk->header.size)
		return;
	chunk = bulk_take(link, reply ? TX_REPLY : TX_REQUEST, bulk);
	chunk->next = tx->head;
	tx->head = chunk;
	if (tx->tail == NULL)
		tx->tail = chunk;
	tx->sent = n;
}

void link_bulk_end(struct link *link, struct link_bulk *bulk)
{
	if (bulk->chunk == NULL)
		return;
	if (link != NULL && link->error == 0)
		tx_keep(&link->tx, bulk->chunk);
	else
		tx_chunk_free(bulk->chunk);
	bulk->chunk = NULL;
}
