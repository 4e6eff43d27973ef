/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmnet_flood.c - what comes in goes to everybody: see vmnet_flood.h
 *
 * In its process: guests are written to on the interface's queue only, and read by the main thread,
 * which waits there for its turn. Calls block; guests have as much room as those of a port of ours.
 */
#include "vmnet_flood.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "vmnet_interface.h"

#define BATCH	     32
#define PACKET_MAX   2048u
#define SOCKET_BYTES (1 << 20)

static struct interface interface;
static int guests[FLOOD_GUESTS];
static unsigned int n_guests;

static void write_all(int fd, const struct iovec *iov, int n_iov)
{
	ssize_t len = 0;

	for (int i = 0; i < n_iov; i++)
		len += (ssize_t)iov[i].iov_len;
	if (writev(fd, iov, n_iov) != len)
		_exit(1);
}

/* Interface to guests, until there is nothing. On the queue */
static void flood(void)
{
	static uint8_t bytes[BATCH][PACKET_MAX];
	static uint32_t lens[BATCH];
	static struct iovec out[BATCH][2], in[BATCH];
	struct vmpktdesc packets[BATCH];

	for (;;) {
		int n = BATCH;

		for (int i = 0; i < BATCH; i++) {
			in[i] = (struct iovec) { bytes[i], interface.max_packet };
			packets[i] = (struct vmpktdesc) { interface.max_packet, &in[i], 1, 0 };
		}
		if (vmnet_read(interface.ref, packets, &n) != VMNET_SUCCESS)
			_exit(1);
		if (n == 0)
			return;
		for (int i = 0; i < n; i++) {
			size_t len = packets[i].vm_pkt_size;

			lens[i] = htonl((uint32_t)len);
			out[i][0] = (struct iovec) { &lens[i], sizeof(lens[i]) };
			out[i][1] = (struct iovec) { bytes[i], len };
		}
		for (unsigned int i = 0; i < n_guests; i++)
			write_all(guests[i], out[0], 2 * n);
	}
}

/* One packet from a guest. On the queue */
static void forward(unsigned int from, void *prefix, void *packet, size_t len)
{
	struct iovec iov[] = { { prefix, sizeof(uint32_t) }, { packet, len } };
	struct vmpktdesc description = { len, &iov[1], 1, 0 };
	int n = 1;

	(void)vmnet_write(interface.ref, &description, &n);
	for (unsigned int i = 0; i < n_guests; i++) {
		if (i != from)
			write_all(guests[i], iov, 2);
	}
}

static void read_guest(unsigned int from)
{
	static uint8_t packet[PACKET_MAX];
	__block uint32_t prefix;
	size_t len;

	if (recv(guests[from], &prefix, sizeof(prefix), MSG_WAITALL) != sizeof(prefix))
		_exit(0);
	len = ntohl(prefix);
	if (len > sizeof(packet) || recv(guests[from], packet, len, MSG_WAITALL) != (ssize_t)len)
		_exit(1);
	dispatch_sync(interface.queue, ^{
	  forward(from, &prefix, packet, len);
	});
}

static _Noreturn void run(const char *network, int ready)
{
	struct pollfd polls[FLOOD_GUESTS];

	interface_start(&interface, network);
	if (interface.max_packet > PACKET_MAX)
		_exit(1);
	if (vmnet_interface_set_event_callback(interface.ref, VMNET_INTERFACE_PACKETS_AVAILABLE,
					       interface.queue,
					       ^(interface_event_t events, xpc_object_t event) {
						 (void)events;
						 (void)event;
						 flood();
					       }) != VMNET_SUCCESS)
		_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (unsigned int i = 0; i < n_guests; i++)
		polls[i] = (struct pollfd) { .fd = guests[i], .events = POLLIN };
	for (;;) {
		if (poll(polls, n_guests, -1) < 0)
			_exit(1);
		for (unsigned int i = 0; i < n_guests; i++) {
			if (polls[i].revents)
				read_guest(i);
		}
	}
}

pid_t flood_start(const char *network, int *ret_guests, unsigned int n)
{
	const int bytes = SOCKET_BYTES;
	int ready[2], pair[2];
	char byte;
	pid_t pid;

	n_guests = n;
	if (pipe2(ready, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	for (unsigned int i = 0; i < n; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			die("socketpair: %s", strerror(errno));
		guests[i] = pair[0];
		ret_guests[i] = pair[1];
		(void)setsockopt(guests[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	}
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(network, ready[1]);
	}
	for (unsigned int i = 0; i < n; i++)
		close(guests[i]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("the loop that floods has not started");
	close(ready[0]);
	return pid;
}

void flood_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
