/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_dma_io.c - guest memory is read and written, by any thread
 *
 * A range that is shared is copied from or to; one that is not takes "VFIO_USER_DMA_READ" or
 * "VFIO_USER_DMA_WRITE", as many as the client's max_data_xfer_size asks for, DMA_IO_WINDOW of
 * them in flight. No message leaves its range: what a client makes of one that does is up to it.
 * While a message is in flight its range is held like pinned memory.
 *
 * The specification lets a client do less than it was asked; the rest is asked for again. Less than
 * one byte is an error, for that would never end. A reply to a write may count in 4 bytes, as an older
 * text of the specification had it.
 */
#include "vfio_user/server_dma_io.h"

#include <errno.h>
#include <string.h>

#define SHORT_WRITE_REPLY (offsetof(struct wire_dma_io, count) + sizeof(uint32_t))

void server_set_peer(struct rig_server *server, struct rig_conn *conn)
{
	struct rig_conn *old;

	pthread_mutex_lock(&server->peer_lock);
	old = server->peer;
	server->peer = conn ? server_conn_ref(conn) : NULL;
	pthread_mutex_unlock(&server->peer_lock);
	server_conn_unref(old);
}

static struct rig_conn *get_peer(struct rig_server *server)
{
	struct rig_conn *conn;

	pthread_mutex_lock(&server->peer_lock);
	conn = server->peer ? server_conn_ref(server->peer) : NULL;
	pthread_mutex_unlock(&server->peer_lock);
	return conn;
}

static uint32_t prot_needed(const struct dma_io *io)
{
	return io->command == WIRE_DMA_READ ? RIG_DMA_READ : RIG_DMA_WRITE;
}

/* The first n bytes are dealt with. */
static void io_advance(struct dma_io *io, uint64_t n)
{
	io->address += n;
	io->buf += n;
	io->len -= n;
}

static void copy(struct dma_io *io, const struct range *range, uint64_t n)
{
	uint8_t *host = (uint8_t *)range->pub.host + (io->address - range->pub.address);

	if (io->command == WIRE_DMA_READ) {
		memcpy(io->buf, host, n);
	} else {
		memcpy(host, io->buf, n);
		dma_mark_dirty(io->server->dma, io->address, n);
	}
	io_advance(io, n);
}

/* Return: 0, -ENOTCONN, -EPROTO it accepts no data */
static int prepare(struct dma_io *io, struct dma_message *message, uint64_t n)
{
	uint32_t max;

	if (!io->conn)
		io->conn = get_peer(io->server);
	if (!io->conn)
		return -ENOTCONN;
	max = io->conn->client_caps.max_data_xfer_size;
	if (max == 0)
		return -EPROTO;
	if (max > SERVER_MAX_DATA_XFER_SIZE)
		max = SERVER_MAX_DATA_XFER_SIZE;
	message->io = io;
	message->address = io->address;
	message->count = n < max ? n : max;
	message->buf = io->buf;
	io_advance(io, message->count);
	return 0;
}

int dma_io_next(struct dma_io *io, struct dma_message *message)
{
	struct dma_map *map = io->server->dma;
	_Atomic(uintptr_t) *slot;
	struct range *range = NULL;
	uint64_t n;
	int r = 0;

	/* What follows the last address is not address 0. */
	if (io->len - 1 <= UINT64_MAX - io->address)
		range = dma_hold(map, io->address, &slot);
	if (!range)
		return -EFAULT;
	n = range_last(range) - io->address + 1;
	if (n > io->len)
		n = io->len;
	if (prot_needed(io) & ~range->pub.prot) {
		r = -EACCES;
	} else if (range->pub.host) {
		copy(io, range, n);
	} else {
		r = prepare(io, message, n);
		if (r == 0) {
			message->range = range;
			message->slot = slot;
			return 1;
		}
	}
	dma_release(map, range, slot);
	return r;
}

void dma_io_undo(struct dma_io *io, struct dma_message *message)
{
	io->address -= message->count;
	io->buf -= message->count;
	io->len += message->count;
	dma_message_end(message);
}

void dma_io_clear(struct dma_io *io)
{
	server_conn_unref(io->conn);
	io->conn = NULL;
}

void dma_message_end(struct dma_message *message)
{
	dma_release(message->io->server->dma, message->range, message->slot);
}

/* Return: how many bytes the peer did, or an errno */
static int accept_reply(struct front_call *call, const struct link_reply *reply)
{
	struct dma_message *message = (struct dma_message *)call;
	bool read = message->io->command == WIRE_DMA_READ;
	struct wire_dma_io head = { 0 };
	size_t data_len = 0;

	if (reply->error)
		return reply->error;
	if (reply->len < sizeof(head) && (read || reply->len != SHORT_WRITE_REPLY))
		return -EPROTO;
	memcpy(&head, reply->payload, reply->len < sizeof(head) ? reply->len : sizeof(head));
	if (reply->len > sizeof(head))
		data_len = reply->len - sizeof(head);
	if (head.address != message->address || head.count > message->count ||
	    data_len != (read ? head.count : 0))
		return -EPROTO;
	return head.count > 0 ? (int)head.count : -EIO;
}
static_assert(offsetof(struct dma_message, call) == 0, "accept_reply() goes back from the call");
static_assert(SERVER_MAX_DATA_XFER_SIZE <= INT32_MAX, "a result counts bytes");

int dma_message_start(struct dma_message *message,
		      void (*done)(struct front_call *call, int result))
{
	const struct dma_io *io = message->io;
	bool read = io->command == WIRE_DMA_READ;
	struct wire_dma_io head = { message->address, message->count };
	const struct iovec iov[] = { { &head, sizeof(head) }, { message->buf, message->count } };

	message->call = (struct front_call) {
		.accept = accept_reply,
		.done = done,
		.head = sizeof(head),
		.data = read ? message->buf : NULL,
	};
	return front_start(io->conn->front, &message->call, io->command, iov, read ? 1 : 2, NULL, 0,
			   sizeof(head) + (read ? message->count : 0), 0, io->deadline);
}

int dma_message_advance(struct dma_message *message, int result)
{
	if (result < 0)
		return result;
	message->address += (uint64_t)result;
	message->buf += result;
	message->count -= (uint64_t)result;
	return message->count > 0;
}

/* Blocking calls. */

static int start_with_room(struct dma_message *message)
{
	struct dma_io *io = message->io;
	int r;

	while ((r = dma_message_start(message, NULL)) == -EAGAIN) {
		r = front_room(io->conn->front, io->deadline);
		if (r < 0)
			return r;
	}
	return r;
}

/* The oldest message; what it leaves undone is asked for again. */
static int finish(struct dma_message *message, bool cancel)
{
	struct front *front = message->io->conn->front;
	int r;

	if (cancel)
		front_cancel(front, &message->call);
	while ((r = dma_message_advance(message, front_wait(front, &message->call))) > 0) {
		r = cancel ? -ECANCELED : start_with_room(message);
		if (r < 0)
			break;
	}
	dma_message_end(message);
	return r;
}

/* Return: 0, 1: a message is on its way, or an errno */
static int start_next(struct dma_io *io, struct dma_message *message)
{
	int r = dma_io_next(io, message);

	if (r != 1)
		return r;
	r = start_with_room(message);
	if (r < 0)
		dma_message_end(message);
	return r < 0 ? r : 1;
}

static int run(struct dma_io *io)
{
	struct dma_message window[DMA_IO_WINDOW];
	unsigned int first = 0, n = 0;
	int error = 0;

	while (n > 0 || (io->len > 0 && !error)) {
		int r;

		if (n < DMA_IO_WINDOW && io->len > 0 && !error) {
			r = start_next(io, &window[(first + n) % DMA_IO_WINDOW]);
			n += r == 1;
		} else {
			r = finish(&window[first], error < 0);
			first = (first + 1) % DMA_IO_WINDOW;
			n--;
		}
		if (r < 0 && !error)
			error = r;
	}
	dma_io_clear(io);
	return error;
}

int rig_dma_read(struct rig_server *server, uint64_t address, void *buf, size_t len,
		 rig_time deadline)
{
	struct dma_io io = { server, WIRE_DMA_READ, address, len, buf, deadline, NULL };

	return run(&io);
}

int rig_dma_write(struct rig_server *server, uint64_t address, const void *buf, size_t len,
		  rig_time deadline)
{
	struct dma_io io = { server, WIRE_DMA_WRITE, address, len, (void *)buf, deadline, NULL };

	return run(&io);
}
