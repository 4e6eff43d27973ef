/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_end.c - see link_end.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link_end.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

size_t message(void *buf, uint16_t id, uint16_t command, uint32_t flags, uint32_t error,
	       const void *payload, size_t len)
{
	struct wire_header header = {
		.id = id,
		.command = command,
		.size = (uint32_t)(sizeof(header) + len),
		.flags = flags,
		.error = error,
	};

	memcpy(buf, &header, sizeof(header));
	if (len > 0)
		memcpy((uint8_t *)buf + sizeof(header), payload, len);
	return sizeof(header) + len;
}

size_t command_read(void *buf, uint16_t id, uint32_t count)
{
	struct wire_region_io io = { .region = 7, .count = count };

	return message(buf, id, WIRE_REGION_READ, 0, 0, &io, sizeof(io));
}

/* A REGION_READ gets its data, all 0x42; anything else an empty reply. */
static void answer(struct end *end, link_token token, const struct wire_request *request)
{
	static uint8_t data[1u << 20];
	struct iovec iov[2] = { 0 };
	size_t n = 0;

	if (request->command == WIRE_REGION_READ) {
		memset(data, 0x42, request->region_io->count);
		iov[0].iov_base = (void *)request->region_io;
		iov[0].iov_len = sizeof(*request->region_io);
		iov[1].iov_base = data;
		iov[1].iov_len = request->region_io->count;
		n = 2;
	}
	assert_int_equal(link_reply_ok(end->link, token, iov, n, NULL, 0), 0);
}

static void on_request(void *opaque, link_token token, const struct wire_request *request,
		       struct link_fds *fds)
{
	struct end *end = opaque;

	end->depth++;
	if (end->depth > end->max_depth)
		end->max_depth = end->depth;
	end->last = *request;
	end->n_requests++;
	end->n_fds += fds->n;
	end->fds_of[request->command] += fds->n;
	for (size_t i = 0; end->take_fds && i < fds->n; i++) {
		assert_true(end->n_taken < 16);
		end->taken[end->n_taken++] = fds->fd[i];
		fds->fd[i] = -1;
	}
	switch (end->mode) {
	case END_ANSWER:
		answer(end, token, request);
		break;
	case END_HOLD:
		assert_true(end->n_tokens < END_MAX);
		end->tokens[end->n_tokens++] = token;
		break;
	case END_KILL:
		link_kill(end->link, -EBADMSG, "the handler had enough");
		break;
	}
	end->depth--;
}

static void on_dead(void *opaque, int error, const char *reason)
{
	struct end *end = opaque;

	assert_true(error < 0);
	assert_true(reason[0] != '\0');
	end->n_dead++;
}

static void on_changed(void *opaque)
{
	((struct end *)opaque)->n_changed++;
}

void end_done(void *opaque, const struct link_reply *reply)
{
	struct end *end = opaque;
	struct end_reply *r = &end->replies[end->n_replies++];

	assert_true(end->n_replies <= END_MAX);
	r->error = reply->error;
	r->len = reply->len;
	r->n_fds = reply->fds != NULL ? reply->fds->n : 0;
	r->first = reply->len > 0 ? *(const uint8_t *)reply->payload : 0;
	assert_true(reply->error == 0 || (reply->payload == NULL && reply->fds == NULL));
}

struct end *end_new_with(enum wire_side peer, size_t max_outstanding, size_t max_queued)
{
	static const struct link_ops ops = {
		.request = on_request,
		.dead = on_dead,
		.wants_changed = on_changed,
	};
	struct end *end = calloc(1, sizeof(*end));
	struct link_config config = {
		.peer = peer,
		.accepts = { .max_data_xfer_size = 1u << 20, .max_msg_fds = 16 },
		.max_outstanding = max_outstanding,
		.max_queued = max_queued,
		.ops = &ops,
		.opaque = end,
	};

	assert_non_null(end);
	assert_int_equal(link_new(&config, &end->link), 0);
	return end;
}

struct end *end_new(enum wire_side peer)
{
	return end_new_with(peer, 0, 0);
}

void end_free(struct end *end)
{
	link_free(end->link);
	for (size_t i = 0; i < end->n_taken; i++)
		close(end->taken[i]);
	free(end);
}

int end_feed(struct end *end, const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	const uint8_t *p = bytes;
	size_t len;
	int r = 0;

	while (n > 0) {
		void *space = link_space(end->link, &len);

		if (len == 0)
			return link_error(end->link) != 0 ? link_error(end->link) : -EAGAIN;
		if (len > n)
			len = n;
		memcpy(space, p, len);
		r = link_feed(end->link, len, fds, n_fds);
		if (r < 0)
			return r;
		p += len;
		n -= len;
		n_fds = 0;
	}
	return r;
}

size_t end_take(struct end *end, void *bytes, size_t max, size_t *ret_n_fds)
{
	struct iovec iov;
	size_t len = 0, n_fds, total_fds = 0;
	const int *fds;

	while (link_pending(end->link, &iov, &fds, &n_fds)) {
		assert_true(len + iov.iov_len <= max);
		memcpy((uint8_t *)bytes + len, iov.iov_base, iov.iov_len);
		len += iov.iov_len;
		total_fds += n_fds;
		link_sent(end->link, iov.iov_len);
	}
	if (ret_n_fds != NULL)
		*ret_n_fds = total_fds;
	return len;
}

int end_request(struct end *end, enum wire_command command, const void *payload, size_t len,
		size_t reply_max, uint64_t deadline_us, uint16_t *ret_id)
{
	struct iovec iov = { .iov_base = (void *)payload, .iov_len = len };

	return link_request(end->link, command, &iov, 1, NULL, 0, reply_max, 0, deadline_us,
			    end_done, end, ret_id);
}

struct segment {
	struct segment *next;
	size_t off, len;
	size_t n_fds;
	int fds[LINK_MAX_FDS];
	uint8_t bytes[];
};

void pipe_write(struct pipe *pipe, const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	struct segment *s = calloc(1, sizeof(*s) + n);

	assert_non_null(s);
	memcpy(s->bytes, bytes, n);
	s->len = n;
	for (size_t i = 0; i < n_fds; i++) {
		s->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		assert_true(s->fds[i] >= 0);
	}
	s->n_fds = n_fds;
	if (pipe->tail != NULL)
		pipe->tail->next = s;
	else
		pipe->head = s;
	pipe->tail = s;
	pipe->len += n;
}

static void pipe_pop(struct pipe *pipe)
{
	struct segment *s = pipe->head;

	pipe->head = s->next;
	if (pipe->head == NULL)
		pipe->tail = NULL;
	free(s);
}

/* As the kernel's unix_stream_read_generic(): fds come with a segment's first byte read. */
size_t pipe_read(struct pipe *pipe, void *bytes, size_t max, int *fds, size_t *ret_n_fds)
{
	size_t len = 0;

	*ret_n_fds = 0;
	while (pipe->head != NULL && len < max && *ret_n_fds == 0) {
		struct segment *s = pipe->head;
		size_t n = s->len - s->off < max - len ? s->len - s->off : max - len;

		memcpy((uint8_t *)bytes + len, s->bytes + s->off, n);
		memcpy(fds, s->fds, s->n_fds * sizeof(int));
		*ret_n_fds = s->n_fds;
		s->n_fds = 0;
		s->off += n;
		len += n;
		if (s->off == s->len)
			pipe_pop(pipe);
	}
	pipe->len -= len;
	return len;
}

void pipe_drop(struct pipe *pipe)
{
	while (pipe->head != NULL) {
		for (size_t i = 0; i < pipe->head->n_fds; i++)
			close(pipe->head->fds[i]);
		pipe_pop(pipe);
	}
	pipe->len = 0;
}

size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

int some_fd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}
