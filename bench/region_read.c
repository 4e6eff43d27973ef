/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * region_read.c - what a register read through our server costs
 *
 *	bench ---- vfio-user socket ---- outrigger net host --nic     "ours"
 *	  \------- socketpair ---------- a forked echo                "reference"
 *
 * The echo is the least that two processes can do on an AF_UNIX stream: it blocks in recv() for one
 * request (32 bytes), then send()s a fixed reply (36 bytes), knowing nothing about either. The client
 * is the same code, sending the same bytes, for both.
 *
 * Both take turns in short blocks, so that whatever else the machine does hits them alike.
 *
 * - region_read: one request at a time; the time of each round trip. Compared: medians.
 * - region_read_16: 16 requests leave in one sendmsg, then replies are read, as many per recvmsg as
 *   there are, until all 16 are here; the time of each such round. Compared: rates, from the
 *   median round. The echo answers each message by itself: the batching of the server is what is measured.
 *
 * Pinning: with two CPUs or more the client runs on one, server and echo on another (the same for both);
 * --pin=none leaves that to the scheduler, --pin=same puts everything on one.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "vfio_user/wire.h"

#define CONFIG_REGION 7 /* VFIO's index of PCI config space */
#define VENDOR_DEVICE UINT32_C(0x10411af4) /* a modern virtio-net card */

#define IN_FLIGHT 16
#define WARM_UP 2000 /* rounds of each, not counted */

/* wire.h's wire_region_io has no end of its own, so it cannot stand inside another struct. */
struct read_request {
	struct wire_header header;
	uint64_t offset;
	uint32_t region;
	uint32_t count;
} WIRE_PACKED;

struct read_reply {
	struct read_request echoed;
	uint32_t data;
} WIRE_PACKED;

static_assert(sizeof(struct read_request) == 32, "the echo's request");
static_assert(sizeof(struct read_reply) == 36, "the echo's reply");

static void make_request(struct read_request *r, uint16_t id)
{
	*r = (struct read_request){
		.header = {.id = id, .command = WIRE_REGION_READ, .size = sizeof(*r)},
		.offset = 0,
		.region = CONFIG_REGION,
		.count = sizeof(uint32_t),
	};
}

static void check_reply(const struct read_reply *r, uint16_t id)
{
	const struct wire_header *h = &r->echoed.header;

	if (h->id != id || h->command != WIRE_REGION_READ || h->size != sizeof(*r) ||
	    h->flags != WIRE_TYPE_REPLY)
		die("reply %u: id %u, command %u, size %u, flags %#x, error %u", id, h->id,
		    h->command, h->size, h->flags, h->error);
	if (r->data != VENDOR_DEVICE)
		die("config space begins with %#x, not %#x", r->data, VENDOR_DEVICE);
}

_Noreturn static void echo(int fd)
{
	struct read_request request;
	struct read_reply reply = {.data = 0};

	while (recv(fd, &request, sizeof(request), 0) == sizeof(request))
		if (send(fd, &reply, sizeof(reply), 0) != sizeof(reply))
			break;
	_exit(0);
}

/* A child process that ends with our end of the socket. Return: that end */
static int echo_start(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair: %s", strerror(errno));

	pid_t pid = fork();

	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		close(pair[0]);
		echo(pair[1]);
	}
	close(pair[1]);
	return pair[0];
}

/* n requests out in one system call, n replies in with as few as it takes. Return: ns */
static double exchange(int fd, const struct read_request *requests, struct read_reply *replies,
		       size_t n)
{
	size_t out = n * sizeof(*requests), in = n * sizeof(*replies), got = 0;
	struct iovec iov = {.iov_base = (void *)requests, .iov_len = out};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	uint64_t start = now_ns();

	if (sendmsg(fd, &msg, MSG_NOSIGNAL) != (ssize_t)out)
		die("sendmsg: %s", strerror(errno));
	while (got < in) {
		iov = (struct iovec){.iov_base = (char *)replies + got, .iov_len = in - got};

		ssize_t r = recvmsg(fd, &msg, 0);

		if (r <= 0)
			die("recvmsg: %s", r ? strerror(errno) : "the other side hung up");
		got += (size_t)r;
	}
	return (double)(now_ns() - start);
}

struct sides {
	int ours, echo; /* sockets */
};

struct timing {
	double median[2], p99[2]; /* ours, echo; ns per round */
};

/* blocks x rounds exchanges of n messages with each side, taking turns */
static struct timing measure(const struct sides *sides, size_t n, size_t blocks, size_t rounds)
{
	struct read_request requests[IN_FLIGHT];
	struct read_reply replies[IN_FLIGHT];
	const int fds[2] = {sides->ours, sides->echo};
	double *times[2];
	struct timing ret;

	for (size_t i = 0; i < n; i++)
		make_request(&requests[i], (uint16_t)(i + 2));
	for (int side = 0; side < 2; side++) {
		times[side] = calloc(blocks * rounds, sizeof(double));
		if (!times[side])
			die("out of memory");
		for (size_t i = 0; i < WARM_UP; i++)
			exchange(fds[side], requests, replies, n);
	}
	for (size_t i = 0; i < blocks * 2; i++) {
		int side = i & 1;
		double *t = times[side] + i / 2 * rounds;

		for (size_t round = 0; round < rounds; round++) {
			t[round] = exchange(fds[side], requests, replies, n);
			for (size_t k = 0; side == 0 && k < n; k++)
				check_reply(&replies[k], requests[k].header.id);
		}
	}
	for (int side = 0; side < 2; side++) {
		ret.median[side] = percentile(times[side], blocks * rounds, 50);
		ret.p99[side] = percentile(times[side], blocks * rounds, 99);
		free(times[side]);
	}
	return ret;
}

static void single_reads(const struct sides *sides, const char *note)
{
	struct timing t = measure(sides, 1, 500, 100);

	report(&(struct result){
		.bench = "region_read",
		.name = "region_read",
		.what = "4-byte region read, median round trip; reference: bare AF_UNIX echo",
		.unit = "us",
		.ours = t.median[0] / 1e3,
		.reference = t.median[1] / 1e3,
		.ours_p99 = t.p99[0] / 1e3,
		.reference_p99 = t.p99[1] / 1e3,
		.target = TARGET_AT_MOST,
		.limit = 1.10,
		.note = note,
	});
}

static void reads_in_flight(const struct sides *sides, const char *note)
{
	struct timing t = measure(sides, IN_FLIGHT, 200, 50);

	report(&(struct result){
		.bench = "region_read",
		.name = "region_read_16",
		.what = "16 region reads in flight; reference: that echo, one message per system call",
		.unit = "reads/s",
		.ours = IN_FLIGHT * 1e9 / t.median[0],
		.reference = IN_FLIGHT * 1e9 / t.median[1],
		.ours_p99 = IN_FLIGHT * 1e9 / t.p99[0],
		.reference_p99 = IN_FLIGHT * 1e9 / t.p99[1],
		.target = TARGET_AT_LEAST,
		.limit = 2,
		.note = note,
	});
}

/* The first and the last CPU that we may use; the same one if there is but one. */
static void choose_cpus(const char *how, int *ret_client, int *ret_server)
{
	cpu_set_t set;

	*ret_client = *ret_server = -1;
	if (!strcmp(how, "none"))
		return;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		die("sched_getaffinity: %s", strerror(errno));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &set))
			continue;
		if (*ret_client < 0)
			*ret_client = cpu;
		*ret_server = cpu;
	}
	if (!strcmp(how, "same"))
		*ret_server = *ret_client;
	else if (strcmp(how, "apart"))
		die("--pin=%s: not one of apart, same, none", how);
}

int main(int argc, char **argv)
{
	const char *how = "apart";
	int client_cpu, server_cpu;
	struct served server;
	struct sides sides;
	char note[64];

	if (argc == 2 && !strncmp(argv[1], "--pin=", 6))
		how = argv[1] + 6;
	else if (argc != 1)
		die("usage: region_read [--pin=apart|same|none]");
	watchdog(60);
	choose_cpus(how, &client_cpu, &server_cpu);
	if (client_cpu < 0)
		snprintf(note, sizeof(note), "not pinned");
	else
		snprintf(note, sizeof(note), "client on CPU %d, server and echo on CPU %d",
			 client_cpu, server_cpu);

	pin(server_cpu); /* for the two to inherit, with all threads they will ever have */
	serve(&server);
	sides.ours = nic_connect(server.nic);
	sides.echo = echo_start();
	pin(client_cpu);
	single_reads(&sides, note);
	reads_in_flight(&sides, note);
	close(sides.ours);
	close(sides.echo);
	serve_end(&server);
	return 0;
}
