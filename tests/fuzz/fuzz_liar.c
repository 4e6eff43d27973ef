/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_liar.c - a server that lies as its input says
 */
#include "fuzz_liar.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../send_fds.h"
#include "fuzz.h"
#include "vfio_user/wire_feature.h"
#include <outrigger/vfio_user.h>

#define DATA_MAX 65536u
#define FDS	 3

/** struct answer - a message of the server's while it is made; made: an fd for it alone, or -1 */
struct answer {
	struct wire_header header;
	uint8_t payload[DATA_MAX + 64];
	int fds[FDS];
	size_t n_fds;
	int made;
};

uint8_t liar_take(struct liar *l)
{
	if (l->size == 0)
		return 0;
	l->size--;
	return *l->data++;
}

int liar_event(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fd;
}

int liar_memory(void)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("region", MFD_CLOEXEC);
		MUST(fd >= 0 && ftruncate(fd, LIAR_REGION) == 0);
	}
	return fd;
}

int liar_connect(struct liar *l)
{
	int pair[2];

	liar_hang_up(l);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	l->fd = pair[0];
	return pair[1];
}

void liar_hang_up(struct liar *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->twin >= 0)
		close(l->twin);
	l->fd = l->twin = -1;
	l->n_asked = 0;
	l->have = l->skip = 0;
}

void liar_end(struct liar *l)
{
	liar_hang_up(l);
	MUST(ftruncate(liar_memory(), LIAR_REGION) == 0);
}

/* What the client says */

static size_t head_len(const struct liar *l)
{
	size_t most = sizeof(l->hearing.header) + sizeof(l->hearing.payload);

	if (l->have < sizeof(l->hearing.header))
		return sizeof(l->hearing.header);
	MUST(l->hearing.header.size >= sizeof(l->hearing.header));
	return l->hearing.header.size < most ? l->hearing.header.size : most;
}

static void heard(struct liar *l)
{
	uint32_t flags = l->hearing.header.flags;

	if ((flags & WIRE_FLAG_TYPE_MASK) == WIRE_TYPE_REPLY) {
		MUST(!(flags & ~(WIRE_TYPE_REPLY | WIRE_FLAG_ERROR)));
		return;
	}
	MUST(!(flags & ~WIRE_FLAG_NO_REPLY));
	MUST(l->hearing.header.command > 0 && l->hearing.header.command < WIRE_COMMANDS);
	if (flags == 0 && l->n_asked < sizeof(l->asked) / sizeof(l->asked[0]))
		l->asked[l->n_asked++] = l->hearing;
}

static void hear_bytes(struct liar *l, const uint8_t *bytes, size_t n)
{
	for (size_t part; n > 0; bytes += part, n -= part) {
		part = l->skip > 0 ? l->skip : head_len(l) - l->have;
		if (part > n)
			part = n;
		if (l->skip > 0) {
			l->skip -= part;
			continue;
		}
		/* Header and payload are next to each other in the struct. */
		memcpy((uint8_t *)&l->hearing + l->have, bytes, part);
		l->have += part;
		if (l->have < head_len(l))
			continue;
		heard(l);
		l->skip = l->hearing.header.size - l->have;
		l->have = 0;
	}
}

/* Fds are left to the kernel, which closes them. */
static void hear(struct liar *l, int fd, bool replies)
{
	static uint8_t bytes[DATA_MAX];
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		if (!replies)
			hear_bytes(l, bytes, (size_t)n);
}

/* What is right */

static void put(struct answer *a, const void *bytes, size_t len)
{
	memcpy(a->payload + (a->header.size - sizeof(a->header)), bytes, len);
	a->header.size += (uint32_t)len;
}

static void put_zeros(struct answer *a, size_t len)
{
	memset(a->payload + (a->header.size - sizeof(a->header)), 0, len);
	a->header.size += (uint32_t)len;
}

static void answer_version(struct liar *l, struct answer *a)
{
	const uint16_t version[] = { 0, 1 };
	char json[256];
	int pair[2];
	int n = snprintf(json, sizeof(json),
			 "{\"capabilities\":{\"max_msg_fds\":%u,\"max_data_xfer_size\":%u,"
			 "\"max_dma_maps\":8,\"write_multiple\":true,\"sparse_mmap_fds\":true%s}}",
			 l->small ? 1 : 8, l->small ? 64 : 1 << 20,
			 l->wants_twin ? ",\"twin_socket\":{\"supported\":true,\"fd_index\":0}"
				       : "");

	put(a, version, sizeof(version));
	put(a, json, (size_t)n + 1);
	if (!l->wants_twin)
		return;
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	if (l->twin >= 0)
		close(l->twin);
	l->twin = pair[0];
	a->fds[a->n_fds++] = a->made = pair[1];
}

static void answer_region_info(const struct liar_asked *asked, struct answer *a)
{
	struct wire_region_info info;
	const struct {
		struct wire_cap_header header;
		uint32_t n, reserved;
		struct wire_sparse_area areas[1];
	} cap = { { RIG_REGION_CAP_SPARSE_MMAP, 1, 0 }, 1, 0, { { PAGE, 2 * PAGE } } };
	bool whole;

	memcpy(&info, asked->payload, sizeof(info));
	whole = info.argsz >= sizeof(info) + sizeof(cap);
	info.argsz = sizeof(info) + sizeof(cap);
	info.flags = RIG_REGION_READ | RIG_REGION_WRITE | RIG_REGION_MMAP |
		     (whole ? RIG_REGION_CAPS : 0);
	info.cap_offset = whole ? sizeof(info) : 0;
	info.size = LIAR_REGION;
	info.offset = 0;
	put(a, &info, sizeof(info));
	if (!whole)
		return;
	put(a, &cap, sizeof(cap));
	a->fds[a->n_fds++] = liar_memory();
}

static void answer_io_fds(const struct liar_asked *asked, struct answer *a)
{
	struct wire_region_io_fds head;
	const struct wire_region_io_fd entry = { .size = 4 };

	memcpy(&head, asked->payload, sizeof(head));
	head.argsz = sizeof(head) + sizeof(entry);
	head.count = 1;
	put(a, &head, sizeof(head));
	put(a, &entry, sizeof(entry));
	a->fds[a->n_fds++] = liar_event();
}

static void answer_irq_info(const struct liar_asked *asked, struct answer *a)
{
	struct wire_irq_info info;

	memcpy(&info, asked->payload, sizeof(info));
	info.flags = RIG_IRQ_EVENTFD | RIG_IRQ_MASKABLE;
	info.count = 4;
	put(a, &info, sizeof(info));
}

static void answer_read(const struct liar_asked *asked, struct answer *a)
{
	struct wire_region_io io;

	memcpy(&io, asked->payload, sizeof(io));
	put(a, &io, sizeof(io));
	put_zeros(a, io.count < DATA_MAX ? io.count : DATA_MAX);
}

static void answer_feature(const struct liar_asked *asked, struct answer *a)
{
	const struct wire_migration migration = { RIG_MIGRATION_STOP_COPY |
						  RIG_MIGRATION_PRE_COPY };
	const struct wire_device_state state = { RIG_MIGRATION_RUNNING, -1 };
	size_t len = asked->header.size - sizeof(asked->header);
	struct wire_feature_head head;

	memcpy(&head, asked->payload, sizeof(head));
	put(a, asked->payload, len < sizeof(asked->payload) ? len : sizeof(asked->payload));
	if (!(head.flags & RIG_FEATURE_GET))
		return;
	switch (head.flags & RIG_FEATURE_INDEX_MASK) {
	case RIG_FEATURE_MIGRATION:
		put(a, &migration, sizeof(migration));
		break;
	case RIG_FEATURE_MIG_DEVICE_STATE:
		put(a, &state, sizeof(state));
		break;
	case RIG_FEATURE_DMA_LOGGING_REPORT:
		if (head.argsz > len && head.argsz - len < DATA_MAX)
			put_zeros(a, head.argsz - len);
		break;
	}
}

static void answer_data(struct liar *l, const struct liar_asked *asked, struct answer *a)
{
	uint32_t data[2];

	memcpy(data, asked->payload, sizeof(data));
	if (data[1] > l->size)
		data[1] = (uint32_t)l->size;
	put(a, data, sizeof(data));
	put_zeros(a, data[1]);
}

/* As many bytes of the request as the reply repeats. */
static size_t echoed(const struct liar_asked *asked)
{
	switch (asked->header.command) {
	case WIRE_DMA_UNMAP:
		return sizeof(struct wire_dma_unmap);
	case WIRE_REGION_WRITE:
		return sizeof(struct wire_region_io);
	case WIRE_REGION_WRITE_MULTI:
		return sizeof(uint64_t);
	default:
		return 0;
	}
}

static void answer(struct liar *l, const struct liar_asked *asked, struct answer *a)
{
	static const struct wire_device_info device = { 16, RIG_DEVICE_PCI | RIG_DEVICE_RESET, 10,
							5 };

	a->header = asked->header;
	a->header.flags = WIRE_TYPE_REPLY;
	a->header.size = sizeof(a->header);
	a->n_fds = 0;
	a->made = -1;
	switch (asked->header.command) {
	case WIRE_VERSION:
		answer_version(l, a);
		break;
	case WIRE_DEVICE_GET_INFO:
		put(a, &device, sizeof(device));
		break;
	case WIRE_DEVICE_GET_REGION_INFO:
		answer_region_info(asked, a);
		break;
	case WIRE_DEVICE_GET_REGION_IO_FDS:
		answer_io_fds(asked, a);
		break;
	case WIRE_DEVICE_GET_IRQ_INFO:
		answer_irq_info(asked, a);
		break;
	case WIRE_REGION_READ:
		answer_read(asked, a);
		break;
	case WIRE_DEVICE_FEATURE:
		answer_feature(asked, a);
		break;
	case WIRE_MIG_DATA_READ:
		answer_data(l, asked, a);
		break;
	default:
		put(a, asked->payload, echoed(asked));
	}
}

/* What is said instead */

/* Return: did some arrive? */
static bool send_bytes(int fd, const void *bytes, size_t len, const int *fds, size_t n_fds)
{
	struct iovec iov = { (void *)bytes, len };

	return send_fds(fd, &iov, 1, fds, n_fds, MSG_DONTWAIT) > 0;
}

static void bend(struct liar *l, size_t arg, struct answer *a, int *fds, size_t *ret_n_fds)
{
	for (size_t n = arg & 3; n > 0; n--) {
		size_t at = liar_take(l);

		/* The size stays: what follows is framed. */
		if (at < offsetof(struct wire_header, size) ||
		    at >= offsetof(struct wire_header, flags))
			((uint8_t *)a)[at] = liar_take(l);
	}
	memcpy(fds, a->fds, sizeof(a->fds));
	*ret_n_fds = a->n_fds;
	if (!(arg & 12))
		return;
	*ret_n_fds = 0;
	if (arg & 4)
		fds[(*ret_n_fds)++] = liar_memory();
	if (arg & 8)
		fds[(*ret_n_fds)++] = liar_event();
}

static bool step_answer(struct liar *l, enum liar_step step, size_t arg)
{
	static struct answer a;
	size_t len, n_fds;
	int fds[FDS];
	bool sent = false;

	if (l->n_asked == 0)
		return false;
	answer(l, &l->asked[0], &a);
	l->n_asked--;
	memmove(l->asked, l->asked + 1, l->n_asked * sizeof(l->asked[0]));
	len = a.header.size;
	if (step == STEP_ERROR) {
		len = a.header.size = sizeof(a.header);
		a.header.flags |= WIRE_FLAG_ERROR;
		a.header.error = liar_take(l);
	}
	if (step == STEP_CUT)
		len = 1 + liar_take(l) % len;
	bend(l, step == STEP_ANSWER ? arg : 0, &a, fds, &n_fds);
	if (step != STEP_IGNORE)
		sent = send_bytes(l->fd, &a, len, fds, step == STEP_ERROR ? 0 : n_fds);
	if (a.made >= 0)
		close(a.made);
	return sent;
}

/* The twin may be one that the client did not take: then it is still waiting. */
static bool send_by(struct liar *l, bool twin, const void *bytes, size_t len)
{
	if (!twin || l->twin < 0)
		return send_bytes(l->fd, bytes, len, NULL, 0);
	send_bytes(l->twin, bytes, len, NULL, 0);
	return false;
}

static bool step_raw(struct liar *l, size_t arg)
{
	size_t len = liar_take(l);
	bool sent;

	if (len > l->size)
		len = l->size;
	sent = len > 0 && send_by(l, arg & 1, l->data, len);
	l->data += len;
	l->size -= len;
	return sent;
}

static bool step_ask(struct liar *l, size_t arg)
{
	static struct {
		struct wire_header header;
		uint64_t address, count;
		uint8_t data[4096];
	} m;

	m.header = (struct wire_header) {
		.id = 3,
		.command = arg & 1 ? WIRE_DMA_WRITE : WIRE_DMA_READ,
		.flags = arg & 2 ? WIRE_FLAG_NO_REPLY : 0,
	};
	m.address = (uint64_t)liar_take(l) * PAGE - 8;
	m.count = (uint64_t)liar_take(l) * 16;
	m.header.size = sizeof(m.header) + 16 + (uint32_t)(arg & 1 ? m.count : 0);
	return send_by(l, arg & 4, &m, m.header.size);
}

/* Return: was something sent? */
static bool step(struct liar *l)
{
	uint8_t byte = liar_take(l);
	enum liar_step step = byte & 7;
	size_t arg = byte >> 3;

	switch (step) {
	case STEP_ANSWER:
	case STEP_ERROR:
	case STEP_CUT:
	case STEP_IGNORE:
		return step_answer(l, step, arg);
	case STEP_RAW:
		return step_raw(l, arg);
	case STEP_ASK:
		return step_ask(l, arg);
	case STEP_HANG_UP:
		liar_hang_up(l);
		return true;
	case STEP_TRUNCATE:
		MUST(ftruncate(liar_memory(), (off_t)arg * PAGE) == 0);
		return false;
	}
	return false;
}

void liar_turn(struct liar *l)
{
	hear(l, l->fd, false);
	hear(l, l->twin, true);
	while (l->fd >= 0 && l->size > 0)
		if (step(l))
			return;
	liar_hang_up(l);
}
