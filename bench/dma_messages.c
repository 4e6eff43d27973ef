/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma_messages.c - how fast guest memory goes through the socket, where it is not shared
 *
 *	bench, a server ---- vfio-user socket ---- a forked client, which serves its memory   "ours"
 *	  \----------------- socketpair ---------- a forked stranger                          "reference"
 *
 * Pieces of 1 MiB, each a message: rig_dma_read_async() and rig_dma_write_async(), IN_FLIGHT of them
 * at a time. The reference moves the same bytes the same way, from and to as much memory: a header
 * and 1 MiB for each blocking sendmsg(), taken with one blocking recvmsg(). Nobody asks for them or
 * answers, except that the last one is acknowledged.
 *
 * Both take turns in short blocks, so that whatever else the machine does hits them alike; a ratio
 * is the median over all pairs of neighbouring blocks.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "vfio_user/wire.h"
#include <outrigger/client.h>
#include <outrigger/server.h>

#define PIECE	  (1u << 20)
#define IN_FLIGHT 8u
#define PIECES	  32u /* in a block */
#define BLOCKS	  31u
#define TIMEOUT_S 60
#define GUEST	  UINT64_C(0x100000000)
#define MEMORY	  ((size_t)IN_FLIGHT * PIECE)

enum direction {
	TO_SERVER, /* the server reads */
	TO_CLIENT,
};

static rig_time soon(void)
{
	return rig_after_ms(TIMEOUT_S * 1000);
}

/* Each piece is full of a byte of its own, which is not 0. */
static uint8_t *memory_new(uint8_t first)
{
	uint8_t *memory = malloc(MEMORY);

	if (!memory)
		die("out of memory");
	for (size_t i = 0; i < IN_FLIGHT; i++)
		memset(memory + i * PIECE, (int)(first + i), PIECE);
	return memory;
}

static void check_piece(const uint8_t *memory, size_t i, uint8_t first)
{
	const uint8_t *piece = memory + i * PIECE;

	if (piece[0] != first + i || piece[PIECE / 2] != first + i || piece[PIECE - 1] != first + i)
		die("piece %zu has not arrived as it was", i);
}

/* Return: our end of a child's socket */
static int start(void (*run)(int fd))
{
	int fd;

	if (fork_with_socket(&fd) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(fd);
		_exit(0);
	}
	return fd;
}

/* The stranger. */

static void send_pieces(int fd, uint8_t *memory, size_t n)
{
	struct wire_header header = { .size = sizeof(header) + PIECE };

	for (size_t i = 0; i < n; i++) {
		struct iovec iov[] = { { &header, sizeof(header) },
				       { memory + i % IN_FLIGHT * PIECE, PIECE } };
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

		if (sendmsg(fd, &msg, MSG_NOSIGNAL) != sizeof(header) + PIECE)
			die("reference: sendmsg: %s", strerror(errno));
	}
}

static void receive_pieces(int fd, uint8_t *memory, size_t n)
{
	struct wire_header header;

	for (size_t i = 0; i < n; i++) {
		struct iovec iov[] = { { &header, sizeof(header) },
				       { memory + i % IN_FLIGHT * PIECE, PIECE } };
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

		if (recvmsg(fd, &msg, MSG_WAITALL) != sizeof(header) + PIECE)
			die("reference: recvmsg: %s", strerror(errno));
	}
}

/* Told a direction in a byte it sends a block, or takes one and acknowledges it with a byte. */
static void be_stranger(int fd)
{
	uint8_t *memory = memory_new(1), direction;

	while (recv(fd, &direction, 1, 0) == 1) {
		if (direction == TO_SERVER) {
			send_pieces(fd, memory, PIECES);
			continue;
		}
		receive_pieces(fd, memory, PIECES);
		if (send(fd, &direction, 1, MSG_NOSIGNAL) != 1)
			break;
	}
}

/* Return: ns */
static uint64_t bare_block(int fd, uint8_t *memory, enum direction to)
{
	uint64_t began = now_ns();
	uint8_t direction = (uint8_t)to;

	if (send(fd, &direction, 1, MSG_NOSIGNAL) != 1)
		die("reference: send: %s", strerror(errno));
	if (to == TO_SERVER) {
		receive_pieces(fd, memory, PIECES);
	} else {
		send_pieces(fd, memory, PIECES);
		if (recv(fd, &direction, 1, 0) != 1)
			die("reference: no acknowledgement");
	}
	return now_ns() - began;
}

/* The client. */

static void be_client(int fd)
{
	static const struct rig_client_config config = { .struct_size = sizeof(config) };
	const struct rig_dma_region region = {
		.address = GUEST,
		.size = MEMORY,
		.flags = RIG_DMA_READ | RIG_DMA_WRITE,
		.fd = -1,
		.host = memory_new(1),
	};
	struct rig_client *client;
	char *error = NULL;
	int r;

	if (rig_client_new(fd, &config, soon(), &client, &error) < 0)
		die("client: %s", error ? error : "out of memory");
	r = rig_client_dma_map(client, &region, soon());
	if (r < 0)
		die("client: map: %s", strerror(-r));
	do {
		struct pollfd p = { rig_client_fd(client), rig_client_events(client), 0 };

		poll(&p, 1, -1);
	} while (rig_client_dispatch(client) == 0);
}

/* The server. */

struct server {
	struct rig_server *server;
	struct rig_conn *conn;
	bool mapped;
	/* a block */
	enum direction to;
	uint8_t *memory;
	size_t n_started, n_done;
};

static int no_access(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	return -EINVAL;
}

static int no_write(void *opaque, uint32_t region, uint64_t offset, const void *buf, size_t count)
{
	return -EINVAL;
}

static void dma_mapped(void *opaque, uint64_t address, uint64_t size)
{
	((struct server *)opaque)->mapped = true;
}

static void dispatch(struct server *s)
{
	struct pollfd p = { rig_conn_fd(s->conn), rig_conn_events(s->conn), 0 };
	int r;

	poll(&p, 1, -1);
	r = rig_conn_dispatch(s->conn, p.revents);
	if (r < 0)
		die("the client is gone: %s", strerror(-r));
}

static void server_start(struct server *s)
{
	static const struct rig_device_ops ops = {
		.region_read = no_access,
		.region_write = no_write,
		.dma_mapped = dma_mapped,
	};
	const struct rig_device device = {
		.struct_size = sizeof(device),
		.ops = &ops,
		.opaque = s,
	};
	int r = rig_server_new(&device, &s->server);

	if (r == 0)
		r = rig_server_connect(s->server, start(be_client), &s->conn);
	if (r < 0)
		die("server: %s", strerror(-r));
	while (!s->mapped)
		dispatch(s);
}

static void piece_done(void *opaque, int result)
{
	struct server *s = opaque;

	if (result < 0)
		die("guest memory was not reached: %s", strerror(-result));
	s->n_done++;
}

static void start_piece(struct server *s)
{
	const struct rig_completion done = { piece_done, s };
	uint64_t offset = s->n_started++ % IN_FLIGHT * (uint64_t)PIECE;
	uint8_t *at = s->memory + offset;
	int r;

	if (s->to == TO_SERVER)
		r = rig_dma_read_async(s->server, GUEST + offset, at, PIECE, soon(), done);
	else
		r = rig_dma_write_async(s->server, GUEST + offset, at, PIECE, soon(), done);
	if (r < 0)
		die("guest memory: %s", strerror(-r));
}

/* Return: ns */
static uint64_t our_block(struct server *s)
{
	uint64_t began = now_ns();

	s->n_started = 0;
	s->n_done = 0;
	while (s->n_done < PIECES) {
		while (s->n_started < PIECES && s->n_started < s->n_done + IN_FLIGHT)
			start_piece(s);
		dispatch(s);
	}
	return now_ns() - began;
}

/* The measurement. */

static double rate(uint64_t ns)
{
	return (double)PIECES * PIECE / (1u << 20) * 1e9 / (double)ns;
}

static void measure(struct server *s, int bare, enum direction to, const char *name,
		    const char *what)
{
	double ours[BLOCKS], reference[BLOCKS], ratios[BLOCKS];

	s->to = to;
	watchdog(TIMEOUT_S);
	(void)our_block(s);
	(void)bare_block(bare, s->memory, to);
	for (size_t i = 0; i < BLOCKS; i++) {
		ours[i] = rate(our_block(s));
		reference[i] = rate(bare_block(bare, s->memory, to));
		ratios[i] = ours[i] / reference[i];
	}
	report(&(struct result) {
		.bench = "dma_messages",
		.name = name,
		.what = what,
		.unit = "MiB/s",
		.ours = percentile(ours, BLOCKS, 50),
		.reference = percentile(reference, BLOCKS, 50),
		.ratio = percentile(ratios, BLOCKS, 50),
		.target = TARGET_AT_LEAST,
		.limit = 0.8,
		.note = "placed by the scheduler",
	});
}

/* What comes is what the client's memory is full of, and what goes comes back. */
static void check(struct server *s)
{
	uint8_t *mine = memory_new(101), *read = memory_new(1);

	s->to = TO_SERVER;
	s->memory = memset(read, 0, MEMORY);
	(void)our_block(s);
	for (size_t i = 0; i < IN_FLIGHT; i++)
		check_piece(read, i, 1);
	s->to = TO_CLIENT;
	s->memory = mine;
	(void)our_block(s);
	s->to = TO_SERVER;
	s->memory = read;
	(void)our_block(s);
	for (size_t i = 0; i < IN_FLIGHT; i++)
		check_piece(read, i, 101);
	free(mine);
}

int main(void)
{
	struct server s = { 0 };
	int bare;

	watchdog(TIMEOUT_S);
	bare = start(be_stranger);
	server_start(&s);
	check(&s);
	measure(&s, bare, TO_SERVER, "dma_messages_read",
		"guest memory is read, 1 MiB a message; reference: bare sendmsg and recvmsg");
	measure(&s, bare, TO_CLIENT, "dma_messages_write",
		"guest memory is written, 1 MiB a message; reference: the same bytes, bare");
	free(s.memory);
	rig_conn_free(s.conn);
	rig_server_free(s.server);
	close(bare);
	return 0;
}
