/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server_dma_io.h - guest memory in pieces: copied where it is shared, by messages elsewhere
 *
 * What server_dma_io.c (blocking calls) and server_dma_async.c share. Any thread; a struct is for one
 * at a time.
 */
#ifndef VFIO_USER_SERVER_DMA_IO_H
#define VFIO_USER_SERVER_DMA_IO_H

#include "vfio_user/dma_internal.h"
#include "vfio_user/server_internal.h"

/* Messages of one call that are in flight at a time. */
#define DMA_IO_WINDOW 8u

/**
 * struct dma_io - what a call has still to do
 * @command: WIRE_DMA_READ, WIRE_DMA_WRITE
 * @buf: moves along with address
 * @conn: whom messages go to; a reference, NULL until the first
 */
struct dma_io {
	struct rig_server *server;
	enum wire_command command;
	uint64_t address;
	uint64_t len;
	uint8_t *buf;
	rig_time deadline;
	struct rig_conn *conn;
};

/**
 * struct dma_message - one message of a call
 * @range, @slot: held until the message is over, so that an unmap waits for it
 * @busy: for the call's use
 */
struct dma_message {
	struct front_call call;
	struct dma_io *io;
	struct range *range;
	_Atomic(uintptr_t) *slot;
	uint64_t address;
	uint64_t count;
	uint8_t *buf;
	bool busy;
};

/**
 * dma_io_next() - the next piece
 *
 * Return: 0 it was copied; 1 it takes a message, which is prepared, to be sent with
 * dma_message_start() and ended with dma_message_end(); -EFAULT, -EACCES, -ENOTCONN, -EPROTO
 */
int dma_io_next(struct dma_io *io, struct dma_message *message);

/** dma_io_undo() - the message that dma_io_next() prepared will not be sent now: once more later */
void dma_io_undo(struct dma_io *io, struct dma_message *message);

/** dma_io_clear() - the call is over */
void dma_io_clear(struct dma_io *io);

/** dma_message_start() - @done: NULL: front_wait(). Return: as front_start() */
int dma_message_start(struct dma_message *message,
		      void (*done)(struct front_call *call, int result));

/**
 * dma_message_advance() - a message is over with this result
 *
 * Return: 0 all was done; 1 the peer did part of it, the rest is to be started again; or an errno
 */
int dma_message_advance(struct dma_message *message, int result);

/** dma_message_end() - lets go of its memory */
void dma_message_end(struct dma_message *message);

#endif
