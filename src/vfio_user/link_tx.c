/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_tx.c - what a link has to say
 *
 * Messages are copied into chunks, small ones behind each other into the same, so that a batch of
 * replies is one iovec and no allocation. A message that has fds gets a chunk and a sendmsg to
 * itself: stock peers (QEMU, libvfio-user) look for fds only where they read a header, and a
 * message glued behind could be taken for the owner.
 *
 * Each chunk is a sendmsg of its own, and small messages never share one with a long one: so what
 * a full socket cuts in two is only ever a long message. libvfio-user loses a connection whose
 * messages arrive in parts, QEMU one whose headers do.
 *
 * Bytes that were handed out by link_pending() do not move until link_sent() says what became of
 * them: a thread may be inside sendmsg() with them while others queue behind them or kill the link.
 */
#include "vfio_user/link_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of small messages. Linux takes so much as a whole or not at all; more it may cut anywhere. */
#define CHUNK_SIZE   ((1u << 15) - sizeof(struct tx_chunk))

/* The longest that is kept, and for how many chunks after it. */
#define QUIET_CHUNKS 64u
#define LARGE_CHUNKS 4u

static void chunk_close_fds(struct tx_chunk *chunk)
{
	if (chunk->fds == NULL)
		return;
	for (size_t i = 0; i < chunk->n_fds; i++)
		close(chunk->fds[i]);
	free(chunk->fds);
	chunk->fds = NULL;
	chunk->n_fds = 0;
}

void tx_chunk_free(struct tx_chunk *chunk)
{
	chunk_close_fds(chunk);
	free(chunk);
}

struct tx_chunk *tx_chunk_new(size_t cap)
{
	struct tx_chunk *chunk = malloc(sizeof(*chunk) + cap);

	if (chunk == NULL)
		return NULL;
	/* Not the data: it may be large, and is written before it is read. */
	memset(chunk, 0, sizeof(*chunk));
	chunk->cap = cap;
	return chunk;
}

static int chunk_dup_fds(struct tx_chunk *chunk, const int *fds, size_t n)
{
	chunk->fds = calloc(n, sizeof(*chunk->fds));
	if (chunk->fds == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			return -errno;
		chunk->fds[chunk->n_fds++] = fd;
	}
	return 0;
}

/* There is room for it. */
static void chunk_append(struct tx_chunk *chunk, const struct wire_header *header,
			 const struct iovec *iov, size_t n_iov)
{
	uint8_t *to = chunk->data + chunk->len;

	memcpy(to, header, sizeof(*header));
	to += sizeof(*header);
	for (size_t i = 0; i < n_iov; i++) {
		size_t len = iov[i].iov_len;

		if (len > 0)
			memcpy(to, iov[i].iov_base, len);
		to += len;
	}
	chunk->len += header->size;
}

void tx_push(struct link_tx *tx, struct tx_chunk *chunk)
{
	chunk->next = NULL;
	if (tx->tail != NULL)
		tx->tail->next = chunk;
	else
		tx->head = chunk;
	tx->tail = chunk;
}

struct tx_chunk *tx_take(struct link_tx *tx, size_t size)
{
	struct tx_chunk *chunk = size > CHUNK_SIZE ? tx->large : tx->spare;

	if (chunk == NULL || chunk->cap < size)
		return NULL;
	if (size > CHUNK_SIZE) {
		tx->large = chunk->next;
		tx->n_large--;
	} else {
		tx->spare = NULL;
	}
	return chunk;
}

/* The chunk that a message without fds goes into, in the queue already. */
static struct tx_chunk *tx_room(struct link_tx *tx, size_t size)
{
	struct tx_chunk *chunk = tx->tail;

	if (chunk != NULL && chunk->cap == CHUNK_SIZE && chunk->cap - chunk->len >= size)
		return chunk;
	chunk = tx_take(tx, size);
	if (chunk == NULL)
		chunk = tx_chunk_new(size > CHUNK_SIZE ? size : CHUNK_SIZE);
	if (chunk != NULL)
		tx_push(tx, chunk);
	return chunk;
}

/* A chunk of its own for a message with fds. It is full, so nothing gets behind it. */
static int tx_room_fds(struct link_tx *tx, size_t size, const int *fds, size_t n_fds,
		       struct tx_chunk **ret)
{
	struct tx_chunk *chunk = tx_chunk_new(size);
	int r;

	if (chunk == NULL)
		return -ENOMEM;
	r = chunk_dup_fds(chunk, fds, n_fds);
	if (r < 0) {
		tx_chunk_free(chunk);
		return r;
	}
	tx_push(tx, chunk);
	*ret = chunk;
	return 0;
}

static int message_size(const struct iovec *iov, size_t n_iov, uint32_t *ret)
{
	uint32_t size = sizeof(struct wire_header);

	for (size_t i = 0; i < n_iov; i++) {
		if (iov[i].iov_len > UINT32_MAX - size)
			return -EMSGSIZE;
		size += (uint32_t)iov[i].iov_len;
	}
	*ret = size;
	return 0;
}

int tx_message(struct link *link, enum tx_kind kind, struct wire_header *header,
	       const struct iovec *iov, size_t n_iov, const int *fds, size_t n_fds)
{
	struct link_tx *tx = &link->tx;
	struct tx_chunk *chunk;
	uint32_t size;
	int r;

	r = n_fds > LINK_MAX_FDS ? -EMSGSIZE : message_size(iov, n_iov, &size);
	if (r < 0)
		return r;
	if (n_fds > 0) {
		r = tx_room_fds(tx, size, fds, n_fds, &chunk);
		if (r < 0)
			return r;
	} else {
		chunk = tx_room(tx, size);
		if (chunk == NULL)
			return -ENOMEM;
	}
	header->size = size;
	chunk_append(chunk, header, iov, n_iov);
	chunk->bytes_of[kind] += size;
	tx->queued[kind] += size;
	return 0;
}

bool link_pending(struct link *link, struct iovec *iov, const int **ret_fds, size_t *ret_n_fds)
{
	struct link_tx *tx = &link->tx;
	const struct tx_chunk *chunk = tx->head;

	if (!link_wants_write(link))
		return false;
	tx->lent = true;
	iov->iov_base = (void *)(chunk->data + tx->sent);
	iov->iov_len = chunk->len - tx->sent;
	*ret_fds = chunk->fds;
	*ret_n_fds = chunk->n_fds;
	return true;
}

void tx_keep(struct link_tx *tx, struct tx_chunk *chunk)
{
	if (chunk->cap > CHUNK_SIZE && chunk->cap <= LINK_KEEP_MAX && tx->n_large < LARGE_CHUNKS) {
		chunk->next = tx->large;
		tx->large = chunk;
		tx->n_large++;
	} else if (chunk->cap == CHUNK_SIZE && tx->spare == NULL) {
		tx->spare = chunk;
	} else {
		tx_chunk_free(chunk);
		return;
	}
	chunk->len = 0;
	memset(chunk->bytes_of, 0, sizeof(chunk->bytes_of));
}

static void tx_free_large(struct link_tx *tx)
{
	while (tx->large != NULL) {
		struct tx_chunk *chunk = tx->large;

		tx->large = chunk->next;
		free(chunk);
	}
	tx->n_large = 0;
}

static void tx_age(struct link_tx *tx, const struct tx_chunk *chunk)
{
	tx->quiet = chunk->cap > CHUNK_SIZE ? 0 : tx->quiet + 1;
	if (tx->large != NULL && tx->quiet >= QUIET_CHUNKS)
		tx_free_large(tx);
}

/* The first chunk is sent. */
static void tx_retire(struct link_tx *tx)
{
	struct tx_chunk *chunk = tx->head;

	tx->head = chunk->next;
	if (tx->head == NULL)
		tx->tail = NULL;
	tx->sent = 0;
	for (size_t kind = 0; kind < TX_KINDS; kind++)
		tx->queued[kind] -= chunk->bytes_of[kind];

	tx_age(tx, chunk);
	tx_keep(tx, chunk);
}

void link_sent(struct link *link, size_t n)
{
	struct link_tx *tx = &link->tx;

	tx->lent = false;
	if (link->error != 0)
		tx_drop(link);
	if (n == 0 || link->error != 0)
		return;
	link_enter(link);
	while (n > 0) {
		size_t left = tx->head->len - tx->sent;

		/* With the first byte they are the kernel's too. */
		chunk_close_fds(tx->head);
		if (n < left) {
			tx->sent += n;
			break;
		}
		n -= left;
		tx_retire(tx);
	}
	rx_handle(link);
	link_leave(link);
}

void tx_drop(struct link *link)
{
	if (!link->tx.lent)
		tx_free(link);
}

void tx_free(struct link *link)
{
	struct link_tx *tx = &link->tx;

	while (tx->head != NULL) {
		struct tx_chunk *chunk = tx->head;

		tx->head = chunk->next;
		tx_chunk_free(chunk);
	}
	free(tx->spare);
	tx_free_large(tx);
	*tx = (struct link_tx) { 0 };
}
