/* SPDX-License-Identifier: BSD-3-Clause */
/* lane.c - two guests' sockets and the frames that go from the first to the second: see lane.h */
#include "lane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "copy_loop.h"

#define ETH_HEADER    14u
#define MAC	      6u
#define HELLO_LEN     64u
#define HELLO_MS      100 /* until it is said again */
#define HELLO_TRIES   50u
#define ARRIVE_MS     2000
#define ARRIVE_WAITS  4u
#define WINDOW	      (256u << 10) /* bytes under way: less than any queue holds */
#define SENDS	      32u	   /* in a row, then receiving has its turn */
#define RECEIVE_BYTES (256u << 10)
#define RECEIVE_BATCH 32u
#define DGRAM_MAX     1600u

static const uint8_t local_experiment[] = { 0x88, 0xb5 }; /* EtherType: nobody's */

static void mac_fill(uint8_t *mac, unsigned int number)
{
	const uint8_t bytes[MAC] = { 0x02, 0xbe, 0x9c, 0, (uint8_t)(number >> 8), (uint8_t)number };

	memcpy(mac, bytes, MAC);
}

/* Return: bytes, its length included */
static size_t frame_fill(uint8_t *at, size_t len, unsigned int from, bool broadcast)
{
	uint32_t prefix = htonl((uint32_t)len);
	uint8_t *frame = at + FRAME_PREFIX;

	memcpy(at, &prefix, sizeof(prefix));
	memset(frame, 0x5a, len);
	mac_fill(frame, 1);
	if (broadcast)
		memset(frame, 0xff, MAC);
	mac_fill(frame + MAC, from);
	memcpy(frame + 2 * (size_t)MAC, local_experiment, sizeof(local_experiment));
	return FRAME_PREFIX + len;
}

void load_fill(struct load *load, const size_t *lens, size_t n_lens, size_t broadcast_every)
{
	size_t at = 0, n = 0;

	while (n < LOAD_FRAMES && FRAME_PREFIX + lens[n % n_lens] <= LOAD_BYTES - at) {
		bool broadcast = broadcast_every && n % broadcast_every == 0;

		load->offset[n] = at;
		at += frame_fill(load->bytes + at, lens[n % n_lens], 0, broadcast);
		n++;
	}
	load->offset[n] = at;
	load->n = n;
}

/* Connecting */

static void hello(int fd, bool dgram, unsigned int number)
{
	uint8_t bytes[FRAME_PREFIX + HELLO_LEN];
	size_t len = frame_fill(bytes, HELLO_LEN, number, true), skip = dgram ? FRAME_PREFIX : 0;

	if (send(fd, bytes + skip, len - skip, MSG_NOSIGNAL) != (ssize_t)(len - skip))
		die("send: %s", strerror(errno));
}

/* Return: a frame of this guest is among what has come, all of which is read */
static bool heard(int fd, unsigned int number)
{
	uint8_t source[MAC + sizeof(local_experiment)], bytes[65536];
	bool found = false;
	ssize_t n;

	mac_fill(source, number);
	memcpy(source + MAC, local_experiment, sizeof(local_experiment));
	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		found |= memmem(bytes, (size_t)n, source, sizeof(source)) != NULL;
	if (n == 0)
		die("the network has hung up on a guest");
	return found;
}

/* Guest @number says hello until @knows has heard it. */
static void introduce(int fd, bool dgram, unsigned int number, int knows)
{
	for (unsigned int i = 0; i < HELLO_TRIES; i++) {
		struct pollfd p = { .fd = knows, .events = POLLIN };
		uint64_t until = now_ns() + HELLO_MS * UINT64_C(1000000);

		hello(fd, dgram, number);
		while (now_ns() < until && poll(&p, 1, HELLO_MS) > 0) {
			if (heard(knows, number))
				return;
		}
	}
	die("what guest %u sends arrives nowhere", number);
}

static int dgram_connect(const struct served *s, const char *name, const char *own_name)
{
	char path[96], own[96];

	served_path(s, name, path, sizeof(path));
	served_path(s, own_name, own, sizeof(own));
	return socket_connect(SOCK_DGRAM, path, own);
}

static int stream_connect(const struct served *s, const char *name)
{
	char path[96];

	served_path(s, name, path, sizeof(path));
	return socket_connect(SOCK_STREAM, path, NULL);
}

int guest_connect(const struct served *s, unsigned int number, int knows)
{
	int fd = stream_connect(s, "idle");

	introduce(fd, false, number, knows);
	return fd;
}

void lane_through(struct lane *lane, const struct served *s, enum lane_kind kind)
{
	bool dgram = kind == LANE_DGRAM;

	*lane = (struct lane) { .kind = kind, .pid = s->pid };
	lane->from = dgram ? dgram_connect(s, "a", "guest-a") : stream_connect(s, "stream");
	lane->to = dgram ? dgram_connect(s, "b", "guest-b") : stream_connect(s, "stream");
	hello(lane->from, dgram, 0); /* a datagram socket learns by it whom to answer */
	introduce(lane->to, dgram, 1, lane->from);
	introduce(lane->from, dgram, 0, lane->to);
}

void lane_copied(struct lane *lane, const struct served *s, enum lane_kind kind)
{
	*lane = (struct lane) { .kind = kind, .copied = true };
	lane->pid = copy_loop_start(s, kind == LANE_DGRAM ? SOCK_DGRAM : SOCK_STREAM, &lane->from,
				    &lane->to);
}

void lane_close(struct lane *lane)
{
	close(lane->from);
	close(lane->to);
	if (lane->copied)
		copy_loop_end(lane->pid);
}

/* Transferring */

static void fail(const char *what)
{
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
		die("%s: %s", what, strerror(errno));
}

/* One frame, or the rest of it, or of the load. Return: bytes, 0: no room */
static size_t send_next(struct lane *lane, const struct load *load)
{
	size_t end = load->offset[lane->kind == LANE_STREAM_BULK ? load->n : lane->frame + 1];
	size_t at = lane->offset + (lane->kind == LANE_DGRAM ? FRAME_PREFIX : 0);
	ssize_t n = send(lane->from, load->bytes + at, end - at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0) {
		fail("send");
		return 0;
	}
	lane->offset = at + (size_t)n;
	if (lane->offset < end)
		return (size_t)n;
	lane->frame = lane->kind == LANE_STREAM_BULK ? load->n : lane->frame + 1;
	if (lane->frame == load->n)
		lane->frame = lane->offset = 0;
	return (size_t)n;
}

static size_t send_some(struct lane *lane, const struct load *load, size_t room)
{
	size_t sent = 0, n = 1;

	for (unsigned int i = 0; i < SENDS && n > 0 && sent < room; i++) {
		n = send_next(lane, load);
		sent += n;
	}
	return sent;
}

static size_t receive_datagrams(int fd)
{
	static uint8_t bytes[RECEIVE_BATCH][DGRAM_MAX];
	static struct iovec iov[RECEIVE_BATCH];
	static struct mmsghdr messages[RECEIVE_BATCH];
	size_t sum = 0;
	int n;

	for (unsigned int i = 0; i < RECEIVE_BATCH; i++) {
		iov[i] = (struct iovec) { bytes[i], sizeof(bytes[i]) };
		messages[i].msg_hdr = (struct msghdr) { .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(fd, messages, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		fail("recvmmsg");
	for (int i = 0; i < n; i++)
		sum += messages[i].msg_len;
	return sum;
}

static size_t receive_stream(int fd)
{
	static uint8_t bytes[RECEIVE_BYTES];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n == 0)
		die("whoever forwards has hung up");
	if (n < 0)
		fail("recv");
	return n < 0 ? 0 : (size_t)n;
}

static size_t receive_some(const struct lane *lane)
{
	return lane->kind == LANE_DGRAM ? receive_datagrams(lane->to) : receive_stream(lane->to);
}

/* Until one of both is possible. More than one wait: the whole machine may have been stopped. */
static void wait_lane(const struct lane *lane, bool to_send, size_t missing)
{
	struct pollfd p[] = { { .fd = lane->to, .events = POLLIN },
			      { .fd = to_send ? lane->from : -1, .events = POLLOUT } };

	for (unsigned int i = 0; i < ARRIVE_WAITS; i++) {
		if (poll(p, 2, ARRIVE_MS) > 0)
			return;
	}
	die("%zu bytes were sent and never arrived", missing);
}

static double bytes_per_frame(const struct lane *lane, const struct load *load)
{
	double prefix = lane->kind == LANE_DGRAM ? FRAME_PREFIX : 0;

	return (double)load->offset[load->n] / (double)load->n - prefix;
}

/* What was begun has to be sent: one frame, or all of them at once. */
static bool is_between(const struct lane *lane, const struct load *load)
{
	return lane->offset == load->offset[lane->frame];
}

struct transfer lane_transfer(struct lane *lane, const struct load *load, unsigned int ms)
{
	uint64_t begin, cpu, until;
	size_t sent = 0, received = 0;
	double frames;

	while (receive_some(lane) > 0) /* the network may have said something meanwhile */
		;
	cpu = process_cpu_ns(lane->pid);
	begin = now_ns();
	until = begin + ms * UINT64_C(1000000);
	for (;;) {
		/* The clock is asked once: between two answers time may be up, with nothing to wait for. */
		bool more = now_ns() < until || !is_between(lane, load);
		size_t under_way = received < sent ? sent - received : 0;
		bool to_send = more && under_way < WINDOW;

		if (!more && received >= sent)
			break;

		size_t out = to_send ? send_some(lane, load, WINDOW - under_way) : 0;
		size_t in = receive_some(lane);

		sent += out;
		received += in;
		if (!out && !in)
			wait_lane(lane, to_send, sent - received);
	}
	frames = (double)received / bytes_per_frame(lane, load);
	return (struct transfer) {
		.frames_per_s = frames * 1e9 / (double)(now_ns() - begin),
		.cpu_ns_per_frame = (double)(process_cpu_ns(lane->pid) - cpu) / frames,
	};
}

/* Whoever is first in one round is second in the next. */
struct comparison lanes_compare(struct lane *ours, struct lane *reference, const struct load *load)
{
	static double rates[2][LANE_ROUNDS], cpu[2][LANE_ROUNDS], ratio[LANE_ROUNDS];
	struct lane *lanes[] = { ours, reference };

	for (size_t i = 0; i < LANE_ROUNDS; i++) {
		for (size_t turn = 0; turn < 2; turn++) {
			size_t which = (i + turn) % 2;
			struct transfer t = lane_transfer(lanes[which], load, LANE_ROUND_MS);

			rates[which][i] = t.frames_per_s / 1e3;
			cpu[which][i] = t.cpu_ns_per_frame;
		}
		ratio[i] = rates[0][i] / rates[1][i];
	}
	return (struct comparison) {
		.ours = percentile(rates[0], LANE_ROUNDS, 50),
		.reference = percentile(rates[1], LANE_ROUNDS, 50),
		.ratio = percentile(ratio, LANE_ROUNDS, 50),
		.ours_cpu_ns = percentile(cpu[0], LANE_ROUNDS, 50),
		.reference_cpu_ns = percentile(cpu[1], LANE_ROUNDS, 50),
	};
}
