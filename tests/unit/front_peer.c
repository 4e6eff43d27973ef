/* SPDX-License-Identifier: BSD-3-Clause */
/* front_peer.c - a front and a scripted peer: see front_peer.h */
#include "front_peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "sys/sock_msg.h"

/* cmocka's asserts are for the thread that runs the test; this is for all. */
#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

rig_time patience(void)
{
	return rig_after_ms(PEER_PATIENCE_S * 1000);
}

/* Return: false: end of file before the first byte */
static bool receive_all(int fd, void *buf, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = recv(fd, (char *)buf + got, len - got, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			CHECK(got == 0);
			return false;
		}
		CHECK(n > 0);
		got += (size_t)n;
	}
	return true;
}

bool peer_receive(int fd, struct peer_message *ret)
{
	size_t left, len;
	char rest[4096];

	if (!receive_all(fd, &ret->header, sizeof(ret->header)))
		return false;
	left = ret->header.size - sizeof(ret->header);
	len = left < sizeof(ret->payload) ? left : sizeof(ret->payload);
	CHECK(len == 0 || receive_all(fd, ret->payload, len));
	for (left -= len; left > 0; left -= len) {
		len = left < sizeof(rest) ? left : sizeof(rest);
		CHECK(receive_all(fd, rest, len));
	}
	return true;
}

static size_t message(uint8_t *buf, uint16_t id, uint16_t command, uint32_t flags,
		      const void *payload, size_t len)
{
	struct wire_header header = {
		.id = id,
		.command = command,
		.flags = flags,
		.size = (uint32_t)(sizeof(header) + len),
	};

	memcpy(buf, &header, sizeof(header));
	if (len > 0)
		memcpy(buf + sizeof(header), payload, len);
	return sizeof(header) + len;
}

/* A peer that writes to a connection which is over does not mind. */
static void send_all(int fd, const void *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, buf, len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		CHECK(n > 0);
		buf = (const char *)buf + n;
		len -= (size_t)n;
	}
}

void peer_send(int fd, uint16_t id, uint16_t command, uint32_t flags, const void *payload,
	       size_t len)
{
	uint8_t buf[512];

	CHECK(len <= sizeof(buf) - sizeof(struct wire_header));
	send_all(fd, buf, message(buf, id, command, flags, payload, len));
}

static size_t answer(uint8_t *buf, const struct peer_message *read)
{
	uint8_t payload[20];
	uint64_t offset;

	CHECK(read->header.command == WIRE_REGION_READ);
	memcpy(&offset, read->payload, sizeof(offset));
	memcpy(payload, read->payload, 16);
	memcpy(payload + 16, &offset, 4);
	return message(buf, read->header.id, WIRE_REGION_READ, WIRE_TYPE_REPLY, payload,
		       sizeof(payload));
}

void peer_answer(int fd, const struct peer_message *read)
{
	uint8_t buf[64];

	send_all(fd, buf, answer(buf, read));
}

void peer_ask(int fd, uint16_t id, uint64_t address, uint64_t count)
{
	const uint64_t payload[] = { address, count };

	peer_send(fd, id, WIRE_DMA_READ, WIRE_TYPE_COMMAND, payload, sizeof(payload));
}

void peer_expect_end(int fd)
{
	struct peer_message m;

	CHECK(!peer_receive(fd, &m));
}

void peer_send_fds(int fd, uint16_t id, uint16_t command, const void *payload, size_t len,
		   const int *fds, size_t n_fds)
{
	uint8_t buf[512];
	struct iovec iov = { buf, message(buf, id, command, 0, payload, len) };

	CHECK(sock_msg_send(fd, &iov, 1, fds, n_fds) == (ssize_t)iov.iov_len);
}

static void echo_ask(struct echo *echo, uint16_t id)
{
	struct peer_message m;

	peer_ask(echo->fd, id, 0x1000, 8);
	if (!peer_receive(echo->fd, &m))
		return;
	CHECK(m.header.command == WIRE_DMA_READ && m.header.id == id);
	CHECK(m.header.flags == WIRE_TYPE_REPLY);
	echo->asked++;
}

static void *echo_run(void *opaque)
{
	struct echo *echo = opaque;
	struct peer_message m[2];

	while (peer_receive(echo->fd, &m[0])) {
		uint8_t buf[64];
		size_t n;

		if (echo->asks)
			echo_ask(echo, m[0].header.id);
		if (echo->mode == ECHO_PAIRS && peer_receive(echo->fd, &m[1]))
			peer_answer(echo->fd, &m[1]);
		n = answer(buf, &m[0]);
		for (size_t i = 0; echo->mode == ECHO_TRICKLED && i < n; i++)
			send_all(echo->fd, buf + i, 1);
		if (echo->mode != ECHO_TRICKLED)
			send_all(echo->fd, buf, n);
	}
	return NULL;
}

void echo_start(struct echo *echo, int fd)
{
	echo->fd = fd;
	CHECK(pthread_create(&echo->thread, NULL, echo_run, echo) == 0);
}

void echo_join(struct echo *echo)
{
	pthread_join(echo->thread, NULL);
}

/* The front's side. */

static void here(struct end *end)
{
	if (end->only_here && !pthread_equal(pthread_self(), end->here))
		end->elsewhere = true;
}

static void call_inside(struct end *end)
{
	struct read read = { 0 };

	CHECK(read_start(&read, end, 0x77, patience()) == 0);
	read_wait(&read);
}

static void flush_inside(struct end *end)
{
	struct peer_message m;
	char byte;

	CHECK(recv(end->peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0);
	front_flush(end->front);
	CHECK(recv(end->peer, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1);
	CHECK(peer_receive(end->peer, &m));
}

static void take_fds(struct end *end, struct front_request *r)
{
	if (r->fds == NULL)
		return;
	end->n_fds += (unsigned int)r->fds->n;
	if (end->keep < 0) {
		end->keep = r->fds->fd[0];
		r->fds->fd[0] = -1;
	}
}

static void request(void *opaque, struct front_request *r)
{
	struct end *end = opaque;
	unsigned int depth = ++end->depth;
	const uint8_t data[8] = { 0 };
	struct iovec iov[2] = { { (void *)r->wire.fixed, 16 }, { (void *)data, sizeof(data) } };

	here(end);
	if (depth > end->max_depth)
		end->max_depth = depth;
	end->n_requests++;
	take_fds(end, r);
	if (end->wait_inside)
		call_inside(end);
	if (end->hold)
		end->held[end->n_held++] = r;
	else if (r->wire.command == WIRE_DMA_READ)
		front_reply_ok(end->front, r, iov, 2, NULL, 0);
	else
		front_reply_error(end->front, r, -EIO);
	if (end->flush_inside)
		flush_inside(end);
	while (end->stay)
		usleep(100);
	end->depth--;
}

static void dead(void *opaque, int error, const char *reason)
{
	struct end *end = opaque;

	here(end);
	CHECK(error < 0 && reason[0] != '\0');
	end->n_dead++;
}

static void wants_changed(void *opaque)
{
	struct end *end = opaque;

	end->n_wants++;
}

/* They run without the front's lock, so they may call it. */
static bool release(void *opaque)
{
	struct end *end = opaque;

	(void)front_error(end->front);
	end->n_release++;
	return true;
}

static void take(void *opaque)
{
	struct end *end = opaque;

	(void)front_error(end->front);
	end->n_take++;
}

static const struct front_ops ops = {
	.request = request,
	.dead = dead,
	.wants_changed = wants_changed,
};

static const struct front_ops ops_with_hooks = {
	.request = request,
	.dead = dead,
	.wants_changed = wants_changed,
	.release = release,
	.take = take,
};

static void pair(int fds[2])
{
	struct timeval tv = { .tv_sec = PEER_PATIENCE_S };

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	CHECK(setsockopt(fds[1], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
}

static void new (struct end *end, const struct front_config *config, bool hooks,
		 enum wire_side peer)
{
	struct front_config c = *config;
	int fds[2];

	memset(end, 0, sizeof(*end));
	pair(fds);
	c.peer = peer;
	if (c.accepts.max_data_xfer_size == 0)
		c.accepts = (struct wire_limits) { 1u << 20, 8 };
	c.ops = hooks ? &ops_with_hooks : &ops;
	c.opaque = end;
	CHECK(front_new(fds[0], &c, &end->front) == 0);
	end->peer = fds[1];
	end->twin_peer = -1;
	end->keep = -1;
	end->here = pthread_self();
}

void end_new(struct end *end, const struct front_config *config, bool hooks)
{
	new (end, config, hooks, WIRE_FROM_SERVER);
}

void end_new_server(struct end *end, const struct front_config *config)
{
	new (end, config, false, WIRE_FROM_CLIENT);
}

void end_add_twin(struct end *end)
{
	int fds[2];

	pair(fds);
	CHECK(front_add_twin(end->front, fds[0]) == 0);
	end->twin_peer = fds[1];
}

void end_free(struct end *end)
{
	front_free(end->front);
	if (end->peer >= 0)
		close(end->peer);
	if (end->twin_peer >= 0)
		close(end->twin_peer);
}

static int accept_read(struct front_call *call, const struct link_reply *reply)
{
	struct read *read = (struct read *)((char *)call - offsetof(struct read, call));

	if (reply->error != 0)
		return reply->error;
	CHECK(reply->len == 20);
	memcpy(&read->value, (const char *)reply->payload + 16, 4);
	return 0;
}

static void read_done(struct front_call *call, int result)
{
	struct read *read = (struct read *)((char *)call - offsetof(struct read, call));

	here(read->end);
	read->result = result;
	CHECK(result != 0 || read->value == (uint32_t)read->offset);
	read->n_done++;
}

static int start(struct read *read, struct end *end, uint64_t offset, rig_time deadline)
{
	struct wire_region_io io = { .offset = offset, .region = 0, .count = 4 };
	struct iovec iov = { &io, sizeof(io) };

	read->end = end;
	read->offset = offset;
	read->value = 0xdead;
	read->call.accept = accept_read;
	return front_start(end->front, &read->call, WIRE_REGION_READ, &iov, 1, NULL, 0, 20, 0,
			   deadline);
}

int read_start(struct read *read, struct end *end, uint64_t offset, rig_time deadline)
{
	read->call.done = NULL;
	read->call.data = NULL;
	return start(read, end, offset, deadline);
}

int read_start_async(struct read *read, struct end *end, uint64_t offset, rig_time deadline)
{
	read->call.done = read_done;
	read->call.data = NULL;
	return start(read, end, offset, deadline);
}

int read_wait(struct read *read)
{
	int r = front_wait(read->end->front, &read->call);

	CHECK(r != 0 || read->value == (uint32_t)read->offset);
	return r;
}

static void *read_run(void *opaque)
{
	struct read *read = opaque;

	read->result = read_start(read, read->end, read->offset, read->call.deadline);
	if (read->result == 0)
		read->result = read_wait(read);
	return NULL;
}

void read_thread(struct read *read, struct end *end, uint64_t offset, rig_time deadline)
{
	read->end = end;
	read->offset = offset;
	read->call.deadline = deadline;
	CHECK(pthread_create(&read->thread, NULL, read_run, read) == 0);
}

int read_join(struct read *read)
{
	pthread_join(read->thread, NULL);
	return read->result;
}

void end_poll(struct end *end)
{
	struct pollfd p = { .fd = front_fd(end->front), .events = front_events(end->front) };

	CHECK(poll(&p, 1, PEER_PATIENCE_S * 1000) == 1);
}

void end_dispatch_until(struct end *end, _Atomic(unsigned int) *n, unsigned int want)
{
	while (*n < want) {
		end_poll(end);
		front_dispatch(end->front);
	}
}
