/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_server.c - clients that say anything, and a device that does anything
 *
 *	up to three peers  --socketpairs-->  rig_server  -- ops -->  fuzz_device.c
 *
 * Input: a byte that chooses the device and the handshake, then operations, each a byte (low 4 bits:
 * which; the others: an argument) and what it takes. One thread, and nothing waits: what has a deadline
 * is past it. Held against every input: each map is unmapped, each client that came is gone, each
 * completion runs once, what the server sends is made of whole messages, no fd is left over.
 */
#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../send_fds.h"
#include "fuzz_device.h"
#include "vfio_user/wire.h"
#include "vfio_user/wire_feature.h"

#define PEERS 3
#define ASKED 16
#define FDS   4 /* that come with a message */

enum fuzz_op {
	OP_MESSAGE, /* argument: enum say; then command, length, payload */
	OP_RAW,	    /* argument: SAY_FDS, SAY_TWIN; then length, bytes */
	OP_REPLY, /* to the oldest request of the server's; argument: enum answer; then a number */
	OP_DISPATCH, /* once more */
	OP_DRAIN,    /* the peer reads */
	OP_ANSWER,   /* the device answers; argument: which, 8: with an error */
	OP_WHIMS,    /* then: enum device_whim */
	OP_DMA,	     /* argument: enum use; then page, length in 16 bytes */
	OP_PIN,	     /* then page, length in 16 bytes */
	OP_UNPIN,
	OP_IRQ,	     /* argument: 3: vector, 12: index */
	OP_TRUNCATE, /* the memory of the peers; then page, length: the device looks */
	OP_HANG_UP,  /* argument: 1: but still sends, 2: but still reads, else not */
	OP_PEER,     /* argument: which one goes on */
	OP_FREE,     /* the connection, by the application */
	OP_FLOOD,    /* argument: so many times 32 reads; without reading replies */
};

/* Bits of OP_MESSAGE's argument. */
enum say {
	SAY_FDS = 3, /* 1: memory, 2: eventfd, 3: each of them */
	SAY_NO_REPLY = 4,
	SAY_TWIN = 8,
};

enum answer {
	ANSWER_RIGHT,
	ANSWER_ERROR,	/* the number */
	ANSWER_SHORT,	/* the number: bytes */
	ANSWER_LESS,	/* the number: of bytes that were done */
	ANSWER_ADDRESS, /* of something else */
	ANSWER_STRAY,	/* the number: of an id */
};

/* Bits of OP_DMA's argument. */
enum use {
	USE_WRITE = 1,
	USE_ASYNC = 2,
	USE_LATER = 4, /* the deadline is to come; of USE_ASYNC only */
};

/* Bits of the first byte. */
enum config {
	CONFIG_TWIN = 1,
	CONFIG_SMALL = 2, /* the peers accept little */
	CONFIG_ONE_THREAD = 4,
	CONFIG_LOSS = 8,
	CONFIG_STATIC = 16, /* cannot be migrated */
	CONFIG_SILENT = 32, /* no handshake */
};

/** struct dma_head - struct wire_dma_io without its data */
struct dma_head {
	uint64_t address, count;
};

/** struct inbox - the head of a message of the server's, and what is left of it */
struct inbox {
	uint8_t head[sizeof(struct wire_header) + sizeof(struct dma_head)];
	size_t have, skip;
};

struct peer {
	int fd, twin; /* -1: none */
	struct rig_conn *conn;
	struct inbox inbox, twin_inbox;
};

/** struct asked - a request of the server's */
struct asked {
	struct wire_header header;
	struct dma_head io;
	int fd;
};

struct fuzz {
	struct device device;
	uint8_t config;
	struct peer peers[PEERS];
	struct peer *peer; /* who goes on */
	struct asked asked[ASKED];
	size_t n_asked;
	const uint8_t *data;
	size_t size;
};

static uint8_t take(struct fuzz *f)
{
	if (f->size == 0)
		return 0;
	f->size--;
	return *f->data++;
}

/* What there is of n bytes. */
static size_t take_bytes(struct fuzz *f, void *buf, size_t n)
{
	if (n > f->size)
		n = f->size;
	if (n > 0)
		memcpy(buf, f->data, n);
	f->data += n;
	f->size -= n;
	return n;
}

/* What a peer sends. */

static size_t choose_fds(size_t arg, int *fds)
{
	const struct device_fds *all = device_fds();
	size_t n = 0;

	if (arg & 1)
		fds[n++] = all->memory;
	if (arg & 2)
		fds[n++] = all->event;
	return n;
}

static void send_bytes(int fd, const void *bytes, size_t len, const int *fds, size_t n_fds)
{
	struct iovec iov = { (void *)bytes, len };

	(void)!send_fds(fd, &iov, 1, fds, n_fds, MSG_DONTWAIT);
}

static int socket_of(const struct fuzz *f, size_t arg)
{
	return (arg & SAY_TWIN) && f->peer->twin >= 0 ? f->peer->twin : f->peer->fd;
}

static void say_message(struct fuzz *f, size_t arg)
{
	struct {
		struct wire_header header;
		uint8_t payload[256];
	} m = { .header = { .id = (uint16_t)f->size, .command = take(f) } };
	size_t len = take(f);
	int fds[FDS];
	size_t n_fds = choose_fds(arg & SAY_FDS, fds);

	len = take_bytes(f, m.payload, len);
	m.header.size = (uint32_t)(sizeof(m.header) + len);
	m.header.flags = arg & SAY_NO_REPLY ? WIRE_FLAG_NO_REPLY : 0;
	send_bytes(socket_of(f, arg), &m, m.header.size, fds, n_fds);
}

static void say_raw(struct fuzz *f, size_t arg)
{
	uint8_t bytes[256];
	int fds[FDS];
	size_t n_fds = choose_fds(arg & SAY_FDS, fds);
	size_t len = take_bytes(f, bytes, take(f));

	if (len > 0)
		send_bytes(socket_of(f, arg), bytes, len, fds, n_fds);
}

static void flood(struct fuzz *f, size_t n)
{
	const struct {
		struct wire_header header;
		struct wire_region_io io;
	} m = { { 1, WIRE_REGION_READ, sizeof(m), 0, 0 }, { 0, RIG_PCI_BAR0, 2 * PAGE } };

	for (size_t i = 0; i < n; i++)
		send_bytes(f->peer->fd, &m, sizeof(m), NULL, 0);
}

static void say_version(struct fuzz *f)
{
	struct {
		struct wire_header header;
		uint16_t major, minor;
		char json[200];
	} m = { .header = { .command = WIRE_VERSION } };
	int n = snprintf(m.json, sizeof(m.json),
			 "{\"capabilities\":{\"max_msg_fds\":%u,\"max_data_xfer_size\":%u,"
			 "\"write_multiple\":true,\"sparse_mmap_fds\":true,"
			 "\"twin_socket\":{\"supported\":%s}}}",
			 f->config & CONFIG_SMALL ? 1 : 8, f->config & CONFIG_SMALL ? 100 : 1 << 20,
			 f->config & CONFIG_TWIN ? "true" : "false");

	m.header.size = (uint32_t)(sizeof(m.header) + 2 * sizeof(m.major)) + (uint32_t)n + 1;
	send_bytes(f->peer->fd, &m, m.header.size, NULL, 0);
}

/* What a peer hears. */

/* A whole head. */
static void heard(struct fuzz *f, const struct inbox *in, int fd)
{
	struct asked *asked = &f->asked[f->n_asked];

	memcpy(&asked->header, in->head, sizeof(asked->header));
	asked->fd = fd;
	if (asked->header.flags & WIRE_TYPE_REPLY) {
		MUST(!(asked->header.flags & ~(WIRE_TYPE_REPLY | WIRE_FLAG_ERROR)));
		MUST(!(asked->header.flags & WIRE_FLAG_ERROR) ||
		     (asked->header.size == sizeof(asked->header) && asked->header.error != 0));
		return;
	}
	MUST(asked->header.flags == 0);
	MUST(asked->header.command == WIRE_DMA_READ || asked->header.command == WIRE_DMA_WRITE);
	memcpy(&asked->io, in->head + sizeof(asked->header), sizeof(asked->io));
	MUST(asked->header.size - sizeof(asked->header) - sizeof(asked->io) ==
	     (asked->header.command == WIRE_DMA_WRITE ? asked->io.count : 0));
	MUST(asked->io.count <= (f->config & CONFIG_SMALL ? 100 : 1 << 20));
	if (f->n_asked < ASKED - 1)
		f->n_asked++;
}

/* How many bytes of the next message's head are wanted. */
static size_t head_len(const struct inbox *in)
{
	struct wire_header header;

	if (in->have < sizeof(header))
		return sizeof(header);
	memcpy(&header, in->head, sizeof(header));
	MUST(header.size >= sizeof(header) && header.size < 2u << 20);
	return header.size < sizeof(in->head) ? header.size : sizeof(in->head);
}

static void hear_bytes(struct fuzz *f, struct inbox *in, int fd, const uint8_t *bytes, size_t n)
{
	struct wire_header header;

	for (size_t part; n > 0; bytes += part, n -= part) {
		size_t want = head_len(in);

		part = in->skip > 0 ? in->skip : want - in->have;
		if (part > n)
			part = n;
		if (in->skip > 0) {
			in->skip -= part;
			continue;
		}
		memcpy(in->head + in->have, bytes, part);
		in->have += part;
		if (in->have < head_len(in))
			continue;
		heard(f, in, fd);
		memcpy(&header, in->head, sizeof(header));
		in->skip = header.size - in->have;
		in->have = 0;
	}
}

/* The first fd may be the twin socket; those of regions are of no use here. */
static void hear_fds(struct fuzz *f, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fds[FDS * 8];

		MUST(n <= 8);
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		for (size_t i = 0; i < n; i++) {
			int type = 0;
			socklen_t len = sizeof(type);

			if (f->peer->twin < 0 &&
			    getsockopt(fds[i], SOL_SOCKET, SO_TYPE, &type, &len) == 0)
				f->peer->twin = fds[i];
			else
				close(fds[i]);
		}
	}
}

static void hear(struct fuzz *f, struct inbox *in, int fd)
{
	static uint8_t bytes[65536];
	char control[CMSG_SPACE(FDS * 8 * sizeof(int))];
	struct iovec iov = { bytes, sizeof(bytes) };
	ssize_t n;

	do {
		struct msghdr m = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };

		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n > 0) {
			hear_fds(f, &m);
			hear_bytes(f, in, fd, bytes, (size_t)n);
		}
	} while (n > 0);
}

static void drain(struct fuzz *f)
{
	if (f->peer->fd >= 0)
		hear(f, &f->peer->inbox, f->peer->fd);
	if (f->peer->twin >= 0)
		hear(f, &f->peer->twin_inbox, f->peer->twin);
}

/* Replies to what the server asked */

static void bend(struct asked *a, enum answer how, uint8_t number)
{
	switch (how) {
	case ANSWER_RIGHT:
		break;
	case ANSWER_ERROR:
		a->header.flags |= WIRE_FLAG_ERROR;
		a->header.error = number;
		break;
	case ANSWER_SHORT:
		a->header.size = (uint32_t)sizeof(a->header) + number % 16;
		break;
	case ANSWER_LESS:
		a->io.count = number;
		break;
	case ANSWER_ADDRESS:
		a->io.address += number;
		break;
	case ANSWER_STRAY:
		a->header.id = (uint16_t)(a->header.id + number);
		break;
	}
}

static void reply(struct fuzz *f, size_t how)
{
	static uint8_t bytes[sizeof(struct wire_header) + sizeof(struct dma_head) + (1 << 20)];
	struct asked a = f->asked[0];
	uint8_t number = take(f);

	if (f->n_asked == 0)
		return;
	f->n_asked--;
	memmove(f->asked, f->asked + 1, f->n_asked * sizeof(f->asked[0]));
	a.header.flags = WIRE_TYPE_REPLY;
	a.header.size = sizeof(a.header) + sizeof(a.io);
	if (a.header.command == WIRE_DMA_READ && how != ANSWER_LESS)
		a.header.size += (uint32_t)a.io.count;
	bend(&a, (enum answer)how, number);
	if (a.header.command == WIRE_DMA_READ && how == ANSWER_LESS)
		a.header.size += (uint32_t)a.io.count;
	memcpy(bytes, &a.header, sizeof(a.header));
	memcpy(bytes + sizeof(a.header), &a.io, sizeof(a.io));
	send_bytes(a.fd, bytes, a.header.size, NULL, 0);
}

/* Connections */

static void open_peer(struct fuzz *f)
{
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	*f->peer = (struct peer) { .fd = pair[0], .twin = -1 };
	MUST(rig_server_connect(f->device.server, pair[1], &f->peer->conn) == 0);
	if (f->config & CONFIG_SILENT)
		return;
	say_version(f);
}

/* Requests on these sockets can be answered no more. */
static void forget_asked(struct fuzz *f, int fd)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_asked; i++)
		if (f->asked[i].fd != fd)
			f->asked[n++] = f->asked[i];
	f->n_asked = n;
}

static void close_socket(struct fuzz *f, int *fd)
{
	if (*fd < 0)
		return;
	forget_asked(f, *fd);
	close(*fd);
	*fd = -1;
}

static void close_peer(struct fuzz *f)
{
	close_socket(f, &f->peer->fd);
	close_socket(f, &f->peer->twin);
}

static void free_conn(struct fuzz *f)
{
	device_unpin(&f->device);
	rig_conn_free(f->peer->conn);
	f->peer->conn = NULL;
	close_peer(f);
}

static void dispatch(struct fuzz *f)
{
	struct peer *peer = f->peer;

	if (!peer->conn)
		return;
	MUST(rig_conn_fd(peer->conn) >= 0 &&
	     !(rig_conn_events(peer->conn) & ~(POLLIN | POLLOUT | POLLHUP)));
	MUST(rig_conn_events(peer->conn) || f->device.n_pins || f->device.n_deferred ||
	     f->device.started > f->device.completed);
	if (rig_conn_dispatch(peer->conn, 0) < 0)
		free_conn(f);
}

static void hang_up(struct fuzz *f, size_t arg)
{
	if (f->peer->fd >= 0 && (arg == 1 || arg == 2))
		shutdown(f->peer->fd, arg == 1 ? SHUT_RD : SHUT_WR);
	else
		close_peer(f);
}

/* The device */

static void use_memory(struct fuzz *f, size_t arg)
{
	uint64_t address = (uint64_t)take(f) * PAGE + arg;
	size_t len = (size_t)take(f) * 16;

	device_dma(&f->device, arg & USE_WRITE, arg & USE_ASYNC, address, len,
		   arg & USE_LATER ? RIG_FOREVER : 0);
}

static void truncate_and_look(struct fuzz *f)
{
	int fd = device_fds()->memory;
	uint64_t address = (uint64_t)take(f) * PAGE;
	uint8_t byte;

	MUST(ftruncate(fd, 0) == 0);
	MUST(rig_dma_read(f->device.server, address, &byte, 1, 0) <= 0);
	device_pin(&f->device, address, 1);
	MUST(ftruncate(fd, 16 * PAGE) == 0);
}

static void interrupt(struct fuzz *f, size_t arg)
{
	struct rig_server *server = f->device.server;
	uint32_t index = (uint32_t)arg >> 2, vector = arg & 3;
	int r = rig_irq_trigger(server, index, vector);

	MUST(r == 0 || r == -EINVAL);
	MUST(rig_irq_unmasked(server, index, vector) <= 1);
	MUST(r == 0 || rig_irq_unmask_fd(server, index, vector) == -1);
}

static void pin(struct fuzz *f)
{
	uint64_t address = (uint64_t)take(f) * PAGE;

	device_pin(&f->device, address, (size_t)take(f) * 16);
}

static void step_device(struct fuzz *f, enum fuzz_op op, size_t arg)
{
	switch (op) {
	case OP_ANSWER:
		device_answer(&f->device, arg & 7, arg & 8 ? -EIO : 0);
		break;
	case OP_WHIMS:
		f->device.whims = take(f);
		break;
	case OP_DMA:
		use_memory(f, arg);
		break;
	case OP_PIN:
		pin(f);
		break;
	case OP_UNPIN:
		device_unpin(&f->device);
		break;
	case OP_IRQ:
		interrupt(f, arg);
		break;
	case OP_TRUNCATE:
		truncate_and_look(f);
		break;
	default:
		break;
	}
}

static void step_peer(struct fuzz *f, enum fuzz_op op, size_t arg)
{
	if (!f->peer->conn && f->peer->fd < 0)
		open_peer(f);
	if (f->peer->fd < 0)
		return;
	switch (op) {
	case OP_MESSAGE:
		say_message(f, arg);
		break;
	case OP_RAW:
		say_raw(f, arg);
		break;
	case OP_REPLY:
		reply(f, arg % (ANSWER_STRAY + 1));
		break;
	case OP_DRAIN:
		drain(f);
		break;
	case OP_HANG_UP:
		hang_up(f, arg);
		break;
	case OP_FLOOD:
		flood(f, arg * 32);
		break;
	default:
		break;
	}
}

static void step(struct fuzz *f)
{
	uint8_t byte = take(f);
	enum fuzz_op op = byte & 15;
	size_t arg = byte >> 4;

	if (op == OP_PEER)
		f->peer = &f->peers[arg % PEERS];
	else if (op == OP_FREE && f->peer->conn)
		free_conn(f);
	else if (op >= OP_ANSWER && op <= OP_TRUNCATE)
		step_device(f, op, arg);
	else
		step_peer(f, op, arg);
	dispatch(f);
}

/* Everybody goes: some answers come before, some after that. */
static void end(struct fuzz *f)
{
	device_answer(&f->device, 0, 0);
	device_unpin(&f->device);
	rig_server_free(f->device.server);
	MUST(f->device.connected == f->device.disconnected);
	MUST(f->device.mapped == f->device.unmapped);
	MUST(f->device.started == f->device.completed);
	while (f->device.n_deferred > 0)
		device_answer(&f->device, 0, 0);
	for (f->peer = f->peers; f->peer < f->peers + PEERS; f->peer++) {
		close_peer(f);
		rig_conn_free(f->peer->conn);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *f;
	uint32_t flags = RIG_DEVICE_WRITE_MULTIPLE;
	int probe;

	if (size == 0)
		return 0;
	/* The lowest free number tells afterwards whether all are closed. */
	probe = dup(device_fds()->event);
	close(probe);
	f = calloc(1, sizeof(*f));
	MUST(f);
	f->config = data[0];
	f->data = data + 1;
	f->size = size - 1;
	for (f->peer = f->peers; f->peer < f->peers + PEERS; f->peer++)
		f->peer->fd = f->peer->twin = -1;
	f->peer = f->peers;
	flags |= f->config & CONFIG_LOSS ? RIG_DEVICE_RESET_ON_LOSS : 0;
	flags |= f->config & CONFIG_ONE_THREAD ? RIG_DEVICE_ONE_THREAD : 0;
	MUST(device_plug(&f->device, flags, !(f->config & CONFIG_STATIC)));
	while (f->size > 0)
		step(f);
	end(f);
	free(f);
	MUST(dup(device_fds()->event) == probe);
	close(probe);
	return 0;
}

/* Seeds */

struct seed {
	uint8_t *buf;
	size_t n;
};

static void put(struct seed *s, enum fuzz_op op, size_t arg)
{
	s->buf[s->n++] = (uint8_t)((size_t)op | arg << 4);
}

static void put_bytes(struct seed *s, const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(s->buf + s->n, bytes, n);
	s->n += n;
}

static void put_message(struct seed *s, size_t say, enum wire_command command, const void *payload,
			size_t len)
{
	put(s, OP_MESSAGE, say);
	put_bytes(s, &(uint8_t[]) { (uint8_t)command, (uint8_t)len }, 2);
	put_bytes(s, payload, len);
}

static void put_use(struct seed *s, enum fuzz_op op, size_t arg, uint8_t page, uint8_t len)
{
	put(s, op, arg);
	put_bytes(s, &(uint8_t[]) { page, len }, 2);
}

static void seed_infos(struct seed *s)
{
	const uint32_t device[] = { 16, 0, 0, 0 }, irq[] = { 16, 0, 2, 0 };

	put_message(s, 0, WIRE_DEVICE_GET_INFO, device, sizeof(device));
	put_message(s, 0, WIRE_DEVICE_GET_IRQ_INFO, irq, sizeof(irq));
	for (uint32_t i = 0; i < 10; i++) {
		const struct wire_region_info info = { .argsz = 32 + 96 * (i & 1), .index = i };
		const struct wire_region_io_fds fds = { .argsz = 200, .index = i };

		put_message(s, 0, WIRE_DEVICE_GET_REGION_INFO, &info, sizeof(info));
		put_message(s, 0, WIRE_DEVICE_GET_REGION_IO_FDS, &fds, sizeof(fds));
		put(s, OP_DRAIN, 0);
	}
}

static void seed_accesses(struct seed *s)
{
	const struct wire_region_io io = { 8, 0, 16 };
	uint8_t write[sizeof(io) + 16] = { 0 };
	struct {
		uint64_t n;
		struct wire_write_multi_entry entries[3];
	} multi = { 3, { { 0, 0, 8, { 0 } }, { 4, 0, 4, { 0 } }, { 0, 1, 1, { 0 } } } };

	memcpy(write, &io, sizeof(io));
	for (size_t say = 0; say <= SAY_NO_REPLY; say += SAY_NO_REPLY) {
		put_message(s, say, WIRE_REGION_READ, &io, sizeof(io));
		put_message(s, say, WIRE_REGION_WRITE, write, sizeof(write));
		put_message(s, say, WIRE_REGION_WRITE_MULTI, &multi, sizeof(multi));
		put(s, OP_ANSWER, 0);
		put(s, OP_ANSWER, 8);
		put(s, OP_DRAIN, 0);
	}
	put(s, OP_FLOOD, 2);
	put_message(s, 0, WIRE_DEVICE_RESET, NULL, 0);
	put(s, OP_ANSWER, 0);
	put(s, OP_ANSWER, 0);
}

static void seed_irqs(struct seed *s)
{
	const uint32_t attach[] = { 20, 4 | 32, 2, 0, 1 }, mask[] = { 20, 1 | 8, 0, 0, 1 };
	const uint32_t unmask[] = { 20, 4 | 16, 0, 0, 1 }, off[] = { 20, 1 | 32, 2, 0, 0 };

	put_message(s, 2, WIRE_DEVICE_SET_IRQS, attach, sizeof(attach));
	put_message(s, 0, WIRE_DEVICE_SET_IRQS, mask, sizeof(mask));
	put_message(s, 2, WIRE_DEVICE_SET_IRQS, unmask, sizeof(unmask));
	put(s, OP_IRQ, 0);
	put(s, OP_IRQ, 8);
	put_message(s, 0, WIRE_DEVICE_SET_IRQS, off, sizeof(off));
}

/* Shared memory at page 1, other at page 5; used, and unmapped while it is. */
static void seed_memory(struct seed *s)
{
	const struct wire_dma_map shared = { 32, 3, 0, PAGE, 2 * PAGE };
	const struct wire_dma_map other = { 32, 3, 0, 5 * PAGE, 2 * PAGE };
	const struct wire_dma_unmap unmap = { 24, 0, PAGE, 2 * PAGE };
	const struct wire_dma_unmap all = { 24, RIG_DMA_UNMAP_ALL, 0, 0 };

	put_message(s, 1, WIRE_DMA_MAP, &shared, sizeof(shared));
	put_message(s, 0, WIRE_DMA_MAP, &other, sizeof(other));
	put(s, OP_ANSWER, 0);
	put(s, OP_ANSWER, 0);
	put_use(s, OP_PIN, 0, 2, 255);
	for (size_t use = 0; use < 8; use++)
		put_use(s, OP_DMA, use, 4 + (uint8_t)(use & 1), 200);
	for (size_t how = 0; how <= ANSWER_ADDRESS; how++) {
		put(s, OP_DRAIN, 0);
		put_use(s, OP_REPLY, how, 40, OP_DISPATCH);
	}
	put_message(s, 0, WIRE_DMA_UNMAP, &unmap, sizeof(unmap));
	put(s, OP_ANSWER, 0);
	put_message(s, 1, WIRE_DMA_MAP, &shared, sizeof(shared));
	put(s, OP_UNPIN, 0);
	put(s, OP_ANSWER, 0);
	put_message(s, 0, WIRE_DMA_UNMAP, &all, sizeof(all));
	put(s, OP_ANSWER, 0);
	put_message(s, 1, WIRE_DMA_MAP, &shared, sizeof(shared));
	put_use(s, OP_TRUNCATE, 0, 1, OP_DISPATCH);
}

static void put_feature(struct seed *s, uint32_t flags, const void *data, size_t len)
{
	struct {
		struct wire_feature_head head;
		uint8_t data[64];
	} m = { .head = { sizeof(m), flags } };

	if (len > 0)
		memcpy(m.data, data, len);
	put_message(s, 0, WIRE_DEVICE_FEATURE, &m, sizeof(m.head) + len);
}

static void seed_migration(struct seed *s)
{
	static const uint8_t path[] = { 6, 3, 1, 4, 1, 2 };
	const struct wire_logging_start start = { PAGE, 0, 0 };
	const struct wire_logging_report report = { PAGE, 8 * PAGE, PAGE };
	const uint32_t data[] = { 8 + 32, 32, 1, 2, 3, 4, 5, 6, 7, 8 };

	put_feature(s, RIG_FEATURE_MIGRATION | RIG_FEATURE_GET, NULL, 0);
	put_feature(s, RIG_FEATURE_DMA_LOGGING_START | RIG_FEATURE_SET, &start, sizeof(start));
	for (size_t i = 0; i < sizeof(path); i++) {
		const struct wire_device_state state = { path[i], -1 };

		put_feature(s, RIG_FEATURE_MIG_DEVICE_STATE | RIG_FEATURE_SET, &state,
			    sizeof(state));
		put(s, OP_ANSWER, 0);
		put(s, OP_ANSWER, 0);
		put_feature(s, RIG_FEATURE_MIG_DEVICE_STATE | RIG_FEATURE_GET, NULL, 0);
		put_message(s, 0, WIRE_MIG_DATA_READ, data, 8);
		put_message(s, 0, WIRE_MIG_DATA_WRITE, data, sizeof(data));
	}
	put_feature(s, RIG_FEATURE_DMA_LOGGING_REPORT | RIG_FEATURE_GET, &report, sizeof(report));
	put_feature(s, RIG_FEATURE_DMA_LOGGING_STOP | RIG_FEATURE_SET, NULL, 0);
}

static void seed_loss(struct seed *s, size_t how)
{
	static const uint32_t info[] = { 16, 0, 0, 0 };

	put(s, OP_PEER, 1);
	put_message(s, 0, WIRE_DEVICE_GET_INFO, info, sizeof(info));
	put(s, OP_DRAIN, 0);
	put(s, OP_PEER, 0);
	put(s, how == 3 ? OP_FREE : OP_HANG_UP, how);
	put(s, OP_PEER, 2);
	put_message(s, 0, WIRE_DEVICE_GET_INFO, info, sizeof(info));
	put(s, OP_ANSWER, 0);
	put(s, OP_PEER, 0);
	put(s, OP_RAW, 0);
	put_bytes(s, &(uint8_t[]) { 20 }, 1);
	put_bytes(s, info, sizeof(info));
	put(s, OP_DRAIN, 0);
}

size_t fuzz_seed(unsigned int i, uint8_t *buf, size_t max)
{
	static const uint8_t whims[] = {
		0,
		DEFER_ACCESS,
		USE_MEMORY,
		DEFER_QUIESCE | DEFER_RESET | DEFER_TRANSITION | DEFER_IRQS | DEFER_DATA,
	};
	static void (*const parts[])(struct seed * s) = {
		seed_infos, seed_accesses, seed_irqs, seed_memory, seed_migration,
	};
	struct seed s = { buf, 0 };

	if (i >= 32 * 4 || max < 4096)
		return 0;
	buf[s.n++] = (uint8_t)(i / 4);
	put(&s, OP_DRAIN, 0);
	put(&s, OP_WHIMS, 0);
	buf[s.n++] = whims[i % 4];
	/* One part each, but for some that have two. */
	parts[i % 5](&s);
	if (i % 3 == 0)
		parts[(i / 3) % 5](&s);
	seed_loss(&s, i % 4);
	return s.n;
}
