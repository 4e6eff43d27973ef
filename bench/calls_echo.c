/* SPDX-License-Identifier: BSD-3-Clause */
/* calls_echo.c - the server that all contestants talk to: see calls_echo.h */
#include "calls_echo.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include <outrigger/vfio_user.h>

#define AT_ONCE 64
#define LOOKS	8 /* between two yields, as in our client */

void make_read_request(struct read_request *request, uint16_t id, uint64_t offset)
{
	*request = (struct read_request) {
		.header = { .id = id, .command = WIRE_REGION_READ, .size = sizeof(*request) },
		.offset = offset,
		.count = sizeof(uint32_t),
	};
}

static void answer(struct read_reply *reply, const struct read_request *request)
{
	reply->echoed = *request;
	reply->echoed.header.flags = WIRE_TYPE_REPLY;
	reply->echoed.header.size = sizeof(*reply);
	reply->data = (uint32_t)request->offset;
}

/* A device of one region, which is endless. Return: bytes of the reply's payload */
static size_t describe(uint16_t command, void *payload)
{
	struct wire_device_info device = { .argsz = sizeof(device), .num_regions = 1 };
	struct wire_region_info region = {
		.argsz = sizeof(region),
		.flags = RIG_REGION_READ | RIG_REGION_WRITE,
		.size = UINT64_MAX,
	};

	switch (command) {
	case WIRE_VERSION: /* whatever it says is fine */
		return sizeof(struct wire_version);
	case WIRE_DEVICE_GET_INFO:
		memcpy(payload, &device, sizeof(device));
		return sizeof(device);
	case WIRE_DEVICE_GET_REGION_INFO:
		memcpy(payload, &region, sizeof(region));
		return sizeof(region);
	default:
		die("the echo was sent command %u", command);
	}
}

/* Until the first read. One at a time: clients wait for the reply. */
static void serve_descriptions(int fd)
{
	struct {
		struct wire_header header;
		uint8_t payload[1024];
	} m;

	while (recv(fd, &m, sizeof(m), MSG_PEEK) >= (ssize_t)sizeof(m.header) &&
	       m.header.command != WIRE_REGION_READ) {
		if (recv(fd, &m, sizeof(m), 0) != m.header.size)
			die("the echo got %u bytes in pieces", m.header.size);
		m.header.flags = WIRE_TYPE_REPLY;
		m.header.size = sizeof(m.header) + describe(m.header.command, m.payload);
		if (send(fd, &m, m.header.size, MSG_NOSIGNAL) < 0)
			die("the echo: %s", strerror(errno));
	}
}

ssize_t echo_poll(int fd, void *buf, size_t len, uint64_t end_ns)
{
	ssize_t n;

	for (unsigned int looks = 1;; looks++) {
		n = recv(fd, buf, len, MSG_DONTWAIT);
		if (n >= 0 || errno != EAGAIN)
			return n;
		if (looks % LOOKS != 0)
			continue;
		if (now_ns() > end_ns)
			return n;
		sched_yield();
	}
}

static ssize_t receive(int fd, void *buf, size_t len, bool polls)
{
	ssize_t n = -1;

	if (polls)
		n = echo_poll(fd, buf, len, now_ns() + ECHO_POLLS_US * 1000u);
	return n < 0 ? recv(fd, buf, len, 0) : n;
}

_Noreturn static void serve_reads(int fd, bool polls)
{
	struct read_request requests[AT_ONCE];
	struct read_reply replies[AT_ONCE];
	size_t have = 0, whole;
	ssize_t n;

	while ((n = receive(fd, (char *)requests + have, sizeof(requests) - have, polls)) > 0) {
		have += (size_t)n;
		whole = have / sizeof(requests[0]);
		for (size_t i = 0; i < whole; i++)
			answer(&replies[i], &requests[i]);
		have -= whole * sizeof(requests[0]);
		memmove(requests, requests + whole, have);
		if (whole && send(fd, replies, whole * sizeof(replies[0]), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* Descriptors of the contestants before it would keep their connections open. */
static void close_others(int fd)
{
	if (dup2(fd, STDERR_FILENO + 1) < 0)
		_exit(1);
	closefrom(STDERR_FILENO + 2);
}

int echo_server_start(int cpu, bool polls)
{
	int fd;

	if (fork_with_socket(&fd) == 0) {
		if (cpu >= 0)
			pin(cpu);
		close_others(fd);
		serve_descriptions(STDERR_FILENO + 1);
		serve_reads(STDERR_FILENO + 1, polls);
	}
	return fd;
}
