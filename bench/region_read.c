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
 * Both take turns in short blocks, so that whatever else the machine does hits them alike. The ratio
 * is the median over all pairs of neighbouring blocks, of each block's median: on a busy machine it is a
 * good deal steadier than the ratio of the two medians over everything, which the table shows as well.
 *
 * - region_read: one request at a time; the time of each round trip.
 * - region_read_16: 16 requests leave in one sendmsg, then replies are read, as many per recvmsg as
 *   there are, until all 16 are here; the time of each such round, told as a rate. The echo answers each
 *   message by itself: the batching of the server is what is measured.
 *
 * Where the processes run matters more than what they do, so each is measured in three layouts, the
 * same for server and echo: left to the scheduler; "apart", client on one CPU and server on another, where
 * most of the time is two wake-ups of an idle CPU; "same", all on one CPU, where it is two switches.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "read_messages.h"

#define CONFIG_REGION	7		     /* VFIO's index of PCI config space */
#define VENDOR_DEVICE	UINT32_C(0x10411af4) /* a modern virtio-net card */

#define IN_FLIGHT	16
#define WARM_UP		200 /* rounds of each, not counted */
#define BLOCK_TIMEOUT_S 60  /* a block takes milliseconds on an idle machine */

static void make_request(struct read_request *r, uint16_t id)
{
	*r = (struct read_request) {
		.header = { .id = id, .command = WIRE_REGION_READ, .size = sizeof(*r) },
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
	struct read_reply reply = { .data = 0 };

	while (recv(fd, &request, sizeof(request), 0) == sizeof(request))
		if (send(fd, &reply, sizeof(reply), 0) != sizeof(reply))
			break;
	_exit(0);
}

static int echo_start(void)
{
	int fd;

	if (fork_with_socket(&fd) == 0)
		echo(fd);
	return fd;
}

/* n requests out in one system call, n replies in with as few as it takes. Return: ns */
static double exchange(int fd, const struct read_request *requests, struct read_reply *replies,
		       size_t n)
{
	size_t out = n * sizeof(*requests), in = n * sizeof(*replies), got = 0;
	struct iovec iov = { .iov_base = (void *)requests, .iov_len = out };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	uint64_t start = now_ns();

	if (sendmsg(fd, &msg, MSG_NOSIGNAL) != (ssize_t)out)
		die("sendmsg: %s", strerror(errno));
	while (got < in) {
		iov = (struct iovec) { .iov_base = (char *)replies + got, .iov_len = in - got };

		ssize_t r = recvmsg(fd, &msg, 0);

		if (r <= 0)
			die("recvmsg: %s", r ? strerror(errno) : "the other side hung up");
		got += (size_t)r;
	}
	return (double)(now_ns() - start);
}

struct sides {
	int fd[2]; /* ours, the echo's */
};

struct timing {
	double median[2], p99[2]; /* ours, echo; ns per round */
	double ratio;
};

/* blocks times rounds exchanges of n messages with each side, taking turns. times: of each side, all */
static void take_turns(const struct sides *sides, size_t n, size_t blocks, size_t rounds,
		       double *times[2])
{
	struct read_request requests[IN_FLIGHT];
	struct read_reply replies[IN_FLIGHT];

	for (size_t i = 0; i < n; i++)
		make_request(&requests[i], (uint16_t)(i + 2));
	for (size_t i = 0; i < WARM_UP; i++) {
		exchange(sides->fd[0], requests, replies, n);
		exchange(sides->fd[1], requests, replies, n);
	}
	for (size_t i = 0; i < blocks * 2; i++) {
		size_t side = i & 1;
		double *t = times[side] + i / 2 * rounds;

		watchdog(BLOCK_TIMEOUT_S);
		for (size_t round = 0; round < rounds; round++) {
			t[round] = exchange(sides->fd[side], requests, replies, n);
			for (size_t k = 0; side == 0 && k < n; k++)
				check_reply(&replies[k], requests[k].header.id);
		}
	}
}

static double *doubles(size_t n)
{
	double *d = calloc(n, sizeof(*d));

	if (!d)
		die("out of memory");
	return d;
}

static struct timing measure(const struct sides *sides, size_t n, size_t blocks, size_t rounds)
{
	double *times[2] = { doubles(blocks * rounds), doubles(blocks * rounds) };
	double *ratios = doubles(blocks);
	struct timing ret;

	take_turns(sides, n, blocks, rounds, times);
	for (size_t i = 0; i < blocks; i++)
		ratios[i] = percentile(times[0] + i * rounds, rounds, 50) /
			    percentile(times[1] + i * rounds, rounds, 50);
	ret.ratio = percentile(ratios, blocks, 50);
	for (size_t side = 0; side < 2; side++) {
		ret.median[side] = percentile(times[side], blocks * rounds, 50);
		ret.p99[side] = percentile(times[side], blocks * rounds, 99);
		free(times[side]);
	}
	free(ratios);
	return ret;
}

struct layout {
	const char *name, *name_16;
	const char *note;
	bool pinned, apart;
};

/* The pinned ones come last: pinning is not taken back. */
static const struct layout layouts[] = {
	{ "region_read", "region_read_16", "placed by the scheduler", false, false },
	{ "region_read_apart", "region_read_16_apart", "client and server on two CPUs", true,
	  true },
	{ "region_read_same", "region_read_16_same", "client and server on one CPU", true, false },
};

static void single_reads(const struct sides *sides, const struct layout *layout)
{
	struct timing t = measure(sides, 1, 300, 100);

	report(&(struct result) {
		.bench = "region_read",
		.name = layout->name,
		.what = "4-byte region read, median round trip; reference: bare AF_UNIX echo",
		.unit = "us",
		.ours = t.median[0] / 1e3,
		.reference = t.median[1] / 1e3,
		.ratio = t.ratio,
		.ours_p99 = t.p99[0] / 1e3,
		.reference_p99 = t.p99[1] / 1e3,
		.target = TARGET_AT_MOST,
		.limit = 1.10,
		.note = layout->note,
	});
}

static void reads_in_flight(const struct sides *sides, const struct layout *layout)
{
	struct timing t = measure(sides, IN_FLIGHT, 150, 40);

	report(&(struct result) {
		.bench = "region_read",
		.name = layout->name_16,
		.what = "16 region reads in flight; reference: that echo, one message per system call",
		.unit = "reads/s",
		.ours = IN_FLIGHT * 1e9 / t.median[0],
		.reference = IN_FLIGHT * 1e9 / t.median[1],
		.ratio = 1 / t.ratio,
		.ours_p99 = IN_FLIGHT * 1e9 / t.p99[0],
		.reference_p99 = IN_FLIGHT * 1e9 / t.p99[1],
		.target = TARGET_AT_LEAST,
		.limit = 2,
		.note = layout->note,
	});
}

/* The n-th of the CPUs that we may use, or -1 */
static int nth_cpu(const cpu_set_t *allowed, int n)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, allowed) && n-- == 0)
			return cpu;
	}
	return -1;
}

static void measure_layout(const struct layout *layout, int client_cpu, int server_cpu)
{
	struct served server;
	struct sides sides;

	/* Started from that CPU, server and echo stay there with all threads they will ever have. */
	if (layout->pinned)
		pin(server_cpu);
	watchdog(BLOCK_TIMEOUT_S);
	serve(&server);
	sides.fd[0] = nic_connect(server.nic);
	sides.fd[1] = echo_start();
	if (layout->pinned)
		pin(client_cpu);

	single_reads(&sides, layout);
	reads_in_flight(&sides, layout);
	close(sides.fd[0]);
	close(sides.fd[1]);
	serve_end(&server);
}

int main(void)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		die("sched_getaffinity: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		int client_cpu = nth_cpu(&allowed, 0), server_cpu = client_cpu;

		if (layouts[i].apart)
			server_cpu = nth_cpu(&allowed, 1);
		if (server_cpu >= 0)
			measure_layout(&layouts[i], client_cpu, server_cpu);
		else
			skip("region_read", layouts[i].name, "there is only one CPU");
	}
	return 0;
}
