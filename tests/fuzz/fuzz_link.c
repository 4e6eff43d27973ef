/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_link.c - a peer that says anything, and an owner that does anything
 *
 * Input: a byte that chooses the limits, then operations, each a byte (low 3 bits: which; the
 * others: an argument) and for FEED as many bytes as its argument says. Held against every input:
 * each request of ours completes exactly once, each token works at most once, death is told once,
 * no fd is left over, and what the link wants to send is made of whole headers.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "vfio_user/link.h"

enum fuzz_op {
	OP_FEED,     /* argument: bytes */
	OP_FEED_FDS, /* the same, with two fds */
	OP_REQUEST,  /* argument: reply_max; deadline soon */
	OP_POST,
	OP_REPLY, /* argument: which held token, ok or error */
	OP_SEND,  /* argument: bytes taken */
	OP_TICK,
	OP_CANCEL, /* argument: id */
};

#define TOKENS 8

struct fuzz {
	struct link *link;
	link_token tokens[TOKENS];
	size_t n_tokens;
	size_t n_asked, n_done;
	unsigned int n_dead;
	uint64_t now_us;
};

static void on_request(void *opaque, link_token token, const struct wire_request *request,
		       struct link_fds *fds)
{
	struct fuzz *f = opaque;

	MUST(token != 0);
	/* Some are held, some answered at once, some fds taken. */
	if (f->n_tokens < TOKENS && (request->id & 1)) {
		f->tokens[f->n_tokens++] = token;
	} else {
		struct iovec iov = { (void *)request->fixed, 0 };

		MUST(link_reply_ok(f->link, token, &iov, 1, fds->fd, fds->n) == 0);
		MUST(link_reply_ok(f->link, token, &iov, 1, NULL, 0) == -ENOENT);
	}
	if (fds->n > 0 && (request->id & 2)) {
		close(fds->fd[0]);
		fds->fd[0] = -1;
	}
	if (request->id == 0x6b6b)
		link_kill(f->link, -EIO, "asked to");
}

static void on_dead(void *opaque, int error, const char *reason)
{
	struct fuzz *f = opaque;

	MUST(error < 0 && reason[0] != '\0');
	f->n_dead++;
}

static void on_done(void *opaque, const struct link_reply *reply)
{
	struct fuzz *f = opaque;

	f->n_done++;
	MUST(f->n_done <= f->n_asked);
	MUST(reply->error <= 0 && reply->len <= 64);
	if (reply->error == 0)
		MUST(reply->fds->n <= 1);
}

static size_t feed(struct fuzz *f, const uint8_t *data, size_t n, int fd)
{
	int fds[2];
	size_t len, n_fds = 0;
	void *space = link_space(f->link, &len);

	if (len == 0)
		return n;
	if (n > len)
		n = len;
	if (n > 0)
		memcpy(space, data, n);
	for (; fd >= 0 && n_fds < 2; n_fds++)
		fds[n_fds] = dup(fd);
	link_feed(f->link, n, fds, n_fds);
	return n;
}

static void request(struct fuzz *f, size_t reply_max)
{
	int r = link_request(f->link, WIRE_REGION_READ, NULL, 0, NULL, 0, reply_max, 1,
			     f->now_us + reply_max, on_done, f, NULL);

	f->n_asked += r == 0;
}

static void reply(struct fuzz *f, size_t arg)
{
	link_token token;
	int r;

	if (f->n_tokens == 0)
		return;
	arg %= f->n_tokens;
	token = f->tokens[arg];
	f->tokens[arg] = f->tokens[--f->n_tokens];
	r = link_reply_error(f->link, token, (int)arg);
	MUST(r == 0 || (r == -ENOENT && link_error(f->link) != 0));
	MUST(link_reply_error(f->link, token, 1) == -ENOENT);
}

static void send_some(struct fuzz *f, size_t n)
{
	struct iovec iov;
	const int *fds;
	size_t n_fds, offered = link_pending(f->link, &iov, &fds, &n_fds) ? iov.iov_len : 0;

	MUST((offered > 0) == link_wants_write(f->link));
	link_sent(f->link, n < offered ? n : offered);
}

/* Return: how many bytes of data it used, with its own. */
static size_t step(struct fuzz *f, const uint8_t *data, size_t size, int fd)
{
	size_t arg = data[0] >> 3, n;

	switch ((enum fuzz_op)(data[0] & 7)) {
	case OP_FEED:
	case OP_FEED_FDS:
		n = arg == 31 ? 256 : arg;
		if (n > size - 1)
			n = size - 1;
		return 1 + feed(f, data + 1, n, (data[0] & 7) == OP_FEED_FDS ? fd : -1);
	case OP_REQUEST:
		request(f, arg * 2);
		break;
	case OP_POST:
		link_post(f->link, WIRE_DMA_WRITE, NULL, 0);
		break;
	case OP_REPLY:
		reply(f, arg);
		break;
	case OP_SEND:
		send_some(f, arg * 16 + 1);
		break;
	case OP_TICK:
		f->now_us += arg;
		link_tick(f->link, f->now_us);
		MUST(link_deadline_us(f->link) > f->now_us);
		break;
	case OP_CANCEL:
		link_cancel(f->link, (uint16_t)arg);
		break;
	}
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct link_ops ops = { .request = on_request, .dead = on_dead };
	static int fd = -1;
	struct fuzz f = { 0 };
	struct link_config config = { .ops = &ops, .opaque = &f };
	int probe;

	if (size == 0)
		return 0;
	if (fd < 0)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	/* The lowest free number tells afterwards whether all are closed. */
	probe = dup(fd);
	close(probe);

	config.peer = data[0] & 1 ? WIRE_FROM_SERVER : WIRE_FROM_CLIENT;
	config.accepts.max_data_xfer_size = data[0] & 2 ? 64 : 1u << 20;
	config.accepts.max_msg_fds = data[0] & 4 ? 1 : 8;
	config.max_outstanding = data[0] & 8 ? 1 : 0;
	config.max_queued = data[0] & 16 ? 40 : 0;
	if (link_new(&config, &f.link) < 0)
		return 0;
	for (size_t i = 1; i < size;)
		i += step(&f, data + i, size - i, fd);
	link_free(f.link);
	MUST(f.n_done == f.n_asked && f.n_dead == 1);
	MUST(dup(fd) == probe);
	close(probe);
	return 0;
}

static size_t put(uint8_t *buf, enum fuzz_op op, size_t arg)
{
	buf[0] = (uint8_t)((size_t)op | arg << 3);
	return 1;
}

/* A FEED (or two) of this message. */
static size_t put_message(uint8_t *buf, enum fuzz_op op, const struct wire_header *header,
			  const uint32_t *words)
{
	uint8_t bytes[64];
	size_t n = 0, len = header->size;

	memcpy(bytes, header, sizeof(*header));
	memcpy(bytes + sizeof(*header), words, len - sizeof(*header));
	for (size_t i = 0; i < len; i += 24) {
		size_t part = len - i < 24 ? len - i : 24;

		n += put(buf + n, i == 0 ? op : OP_FEED, part);
		memcpy(buf + n, bytes + i, part);
		n += part;
	}
	return n;
}

/* A conversation for each set of limits: requests with and without fds, replies, answers. */
size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	static const uint32_t map[] = { 32, 3, 0, 0, 0, 0, 4096, 0 };
	static const uint32_t irqs[] = { 20, 4 | 32, 2, 0, 2 };
	static const uint32_t io[] = { 0, 0, 8, 0 };
	static const uint32_t read[] = { 0, 0, 7, 8 };
	size_t n = 0;

	if (i >= 32 || max < 1024)
		return 0;
	buf[n++] = (uint8_t)i;
	n += put(buf + n, OP_REQUEST, 20);
	n += put(buf + n, OP_REQUEST, 5);
	for (uint16_t id = 0; id < 4; id++) {
		struct wire_header header = { .id = id, .command = WIRE_DMA_MAP, .size = 16 + 32 };

		n += put_message(buf + n, OP_FEED_FDS, &header, map);
		header.command = WIRE_DEVICE_SET_IRQS;
		header.size = 16 + 20;
		n += put_message(buf + n, OP_FEED_FDS, &header, irqs);
		header.command = i & 1 ? WIRE_DMA_READ : WIRE_REGION_READ;
		header.size = 16 + 16;
		n += put_message(buf + n, OP_FEED, &header, i & 1 ? io : read);
		n += put(buf + n, OP_SEND, 3);
		n += put(buf + n, OP_REPLY, 0);
		n += put(buf + n, OP_POST, 0);
	}
	for (uint16_t id = 0; id < 2; id++) {
		struct wire_header header = {
			.id = id,
			.command = WIRE_REGION_READ,
			.size = 16 + 16,
			.flags = id == 0 ? 1 : 0x21,
		};

		n += put_message(buf + n, id == 0 ? OP_FEED : OP_FEED_FDS, &header, read);
		n += put(buf + n, OP_TICK, 12);
	}
	n += put(buf + n, OP_CANCEL, 0);
	n += put(buf + n, OP_SEND, 31);
	n += put(buf + n, OP_FEED, 0);
	return n;
}
