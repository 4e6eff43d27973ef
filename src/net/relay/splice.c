/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * splice.c - two connected stream sockets as one
 *
 * A direction reads until it has something, then writes that, and reads on when it is written. The
 * first thing that goes to the far side is nothing, which is written when that is connected: shutdown()
 * before, for a near side that has ended already, would end the attempt to connect.
 */
#include "net/relay/splice.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_SIZE 65536u

struct direction {
	struct splice *splice;
	uv_stream_t *from, *to;
	uv_write_t write;
	uv_shutdown_t shutdown;
	bool done;
	char buffer[BUFFER_SIZE];
};

struct splice {
	uv_pipe_t near; /* of a TCP socket, too: libuv asks only for a stream */
	uv_tcp_t far;
	unsigned int open_handles;
	bool closing;
	struct direction there, back;
	void (*ended)(void *opaque, struct splice *splice);
	void *opaque;
};

static void end(struct splice *splice)
{
	if (!splice->closing)
		splice->ended(splice->opaque, splice);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
	struct direction *direction = request->data;
	struct splice *splice = direction->splice;

	if (status == UV_ECANCELED)
		return;
	direction->done = true;
	if (status < 0 || (splice->there.done && splice->back.done))
		end(splice);
}

static void read_on(struct direction *direction);

static void on_written(uv_write_t *request, int status)
{
	struct direction *direction = request->data;

	if (status == UV_ECANCELED)
		return;
	if (status < 0)
		end(direction->splice);
	else
		read_on(direction);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct splice *splice = handle->data;
	struct direction *direction =
		handle == (uv_handle_t *)&splice->near ? &splice->there : &splice->back;

	*buf = uv_buf_init(direction->buffer, BUFFER_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct splice *splice = stream->data;
	struct direction *direction = stream == splice->there.from ? &splice->there : &splice->back;
	uv_buf_t data;

	if (n == 0)
		return;
	uv_read_stop(stream);
	if (n == UV_EOF) {
		if (uv_shutdown(&direction->shutdown, direction->to, on_shutdown) < 0)
			end(splice);
		return;
	}
	if (n < 0) {
		end(splice);
		return;
	}
	data = uv_buf_init(direction->buffer, (unsigned int)n);
	if (uv_write(&direction->write, direction->to, &data, 1, on_written) < 0)
		end(splice);
}

static int read_start(struct direction *direction)
{
	return uv_read_start(direction->from, on_alloc, on_read);
}

static int read_when_connected(struct direction *direction)
{
	uv_buf_t nothing = uv_buf_init(direction->buffer, 0);

	return uv_write(&direction->write, direction->to, &nothing, 1, on_written);
}

static void read_on(struct direction *direction)
{
	if (read_start(direction) < 0)
		end(direction->splice);
}

static void direction_init(struct splice *splice, struct direction *direction, void *from, void *to)
{
	direction->splice = splice;
	direction->from = from;
	direction->to = to;
	direction->write.data = direction->shutdown.data = direction;
}

int splice_new(uv_loop_t *loop, int near_fd, int far_fd,
	       void (*ended)(void *opaque, struct splice *splice), void *opaque,
	       struct splice **ret)
{
	struct splice *splice = calloc(1, sizeof(*splice));
	int r;

	if (!splice) {
		close(near_fd);
		close(far_fd);
		return -ENOMEM;
	}
	uv_pipe_init(loop, &splice->near, 0);
	uv_tcp_init(loop, &splice->far);
	splice->open_handles = 2;
	splice->near.data = splice->far.data = splice;
	splice->ended = ended;
	splice->opaque = opaque;
	direction_init(splice, &splice->there, &splice->near, &splice->far);
	direction_init(splice, &splice->back, &splice->far, &splice->near);
	r = uv_pipe_open(&splice->near, near_fd);
	if (r < 0)
		close(near_fd);
	if (uv_tcp_open(&splice->far, far_fd) < 0) {
		close(far_fd);
		r = -EIO;
	}
	if (r >= 0)
		r = read_when_connected(&splice->there);
	if (r >= 0)
		r = read_start(&splice->back);
	if (r < 0) {
		splice_free(splice);
		return r;
	}
	uv_tcp_nodelay(&splice->far, 1);
	*ret = splice;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct splice *splice = handle->data;

	if (--splice->open_handles == 0)
		free(splice);
}

void splice_free(struct splice *splice)
{
	splice->closing = true;
	uv_close((uv_handle_t *)&splice->near, on_closed);
	uv_close((uv_handle_t *)&splice->far, on_closed);
}
