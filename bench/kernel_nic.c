/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_nic.c - frames from NIC to NIC over a kernel network
 *
 *   ours:       driver --> [ NIC A -- write TAP ] --> bridge --> [ read TAP -- NIC B ] --> driver
 *                            both: `outrigger net host --network kernel`
 *   reference:             [       write TAP      --> bridge -->   read TAP ]
 *                            and what was read is written again (tap_loop.c)
 *
 * On both sides a frame is written to one TAP and read from another, of the same kind, on a bridge.
 * What ours does besides is what a NIC is: rings of a driver in another process, frames copied from
 * and to them, and a loop that looks after both. The reference has nobody at its ends.
 *
 * Whoever forwards has one CPU, the drivers (net_driver.h, both in one thread, which looks by itself
 * and never sleeps) another. Ours needs both CPUs at once, the reference one: on a busy machine that
 * alone would decide, so rounds are run before everybody else (SCHED_RR), who have their turn between
 * them.
 *
 * Needs root, for a network namespace of its own: nothing of this is on the machine's network.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "tap_loop.h"
#include "virtio/driver/net_driver.h"
#include "virtio/iov.h"

#define ROUNDS	    201u
#define ROUND_MS    10u
#define PAUSE_US    10000u /* between rounds, for others */
#define UNDER_WAY   192u   /* frames: less than a ring or a TAP's queue holds */
#define BATCH	    32u
#define CONNECT_MS  5000u
#define ARRIVE_NS   UINT64_C(5000000000)
#define LOOP_FRAMES 64u
#define LENS_MAX    16u

static const size_t large[] = { 1514 }, small[] = { 64 };
/* As in forward.c. */
static const size_t mix[] = { 64, 590, 64, 64, 590, 64, 1514, 64, 590, 64, 590, 64 };

static const struct measured {
	const char *name, *what;
	const size_t *lens;
	size_t n_lens;
} measured[] = {
#define LENS(lens) lens, sizeof(lens) / sizeof(lens[0])
	{ "kernel_nic_1514", "frames of 1514 bytes from NIC to NIC", LENS(large) },
	{ "kernel_nic_64", "frames of 64 bytes from NIC to NIC", LENS(small) },
	{ "kernel_nic_mix", "frames of 64, 590 and 1514 bytes from NIC to NIC", LENS(mix) },
};

/* struct cards - two drivers, and the frames that go from the first to the second, in turns */
struct cards {
	struct net_driver *from, *to;
	pid_t pid; /* of the network */
	uint8_t bytes[LENS_MAX][1514];
	struct iovec iov[LENS_MAX];
	struct frame frames[LENS_MAX + BATCH]; /* the first again behind the last */
	size_t n_frames, next_sent, next_received;
};

/* Namespaces of our own. Return: NULL, or why not */
static const char *leave_the_machine(void)
{
	static const char *const quiet[] = { "/proc/sys/net/ipv6/conf/all/disable_ipv6",
					     "/proc/sys/net/ipv6/conf/default/disable_ipv6" };

	if (geteuid() != 0)
		return "needs root, for a network namespace";
	if (access("/dev/net/tun", R_OK | W_OK) < 0)
		return "needs /dev/net/tun, to read and write";
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return "needs namespaces";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
		die("/run of our own: %s", strerror(errno));
	/* What the host says of its own accord would go round with the frames. */
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		FILE *file = fopen(quiet[i], "w");

		if (file && (fputs("1", file) < 0 || fclose(file) != 0))
			die("%s: %s", quiet[i], strerror(errno));
	}
	return NULL;
}

/* This process, and what it starts from now on. Not permitted: as it is. */
static void come_first(void)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	(void)!sched_setscheduler(0, SCHED_RR, &lowest);
}

/* The drivers */

static struct net_driver *connect_driver(const char *path)
{
	struct net_driver *driver = NULL;
	char *error = NULL;

	if (net_driver_new(socket_connect(SOCK_STREAM, path, NULL), NULL, rig_after_ms(CONNECT_MS),
			   &driver, &error) < 0)
		die("%s: %s", path, error ? error : "no memory");
	return driver;
}

static void fill_frames(struct cards *cards, const struct measured *m)
{
	struct net_driver_info from, to;

	net_driver_info(cards->from, &from);
	net_driver_info(cards->to, &to);
	for (size_t i = 0; i < m->n_lens + BATCH; i++) {
		size_t which = i % m->n_lens;
		uint8_t *bytes = cards->bytes[which];

		memset(bytes, 0x5a, m->lens[which]);
		memcpy(bytes, to.mac, FRAME_MAC);
		memcpy(bytes + FRAME_MAC, from.mac, FRAME_MAC);
		bytes[12] = 0x88;
		bytes[13] = 0xb5;
		cards->iov[which] = (struct iovec) { bytes, m->lens[which] };
		cards->frames[i] = (struct frame) { .iov = &cards->iov[which],
						    .n_iov = 1,
						    .len = m->lens[which] };
	}
	cards->n_frames = m->n_lens;
	cards->next_sent = cards->next_received = 0;
}

/* Return: frames sent, up to n */
static size_t send_some(struct cards *cards, size_t n)
{
	ssize_t sent = net_driver_send(cards->from, &cards->frames[cards->next_sent],
				       n < BATCH ? n : BATCH);

	if (sent < 0)
		die("sending: %s", strerror((int)-sent));
	net_driver_flush(cards->from);
	cards->next_sent = (cards->next_sent + (size_t)sent) % cards->n_frames;
	return (size_t)sent;
}

/* Copied out, as whoever wants a frame does. Return: how many of ours there were */
static size_t receive_some(struct cards *cards)
{
	static uint8_t bytes[BATCH][1600];
	struct frame frames[BATCH];
	size_t n = net_driver_peek(cards->to, frames, BATCH), ours = 0;

	for (size_t i = 0; i < n; i++) {
		iov_to_buf(frames[i].iov, frames[i].n_iov, 0, bytes[i], sizeof(bytes[i]));
		if (bytes[i][12] != 0x88 || bytes[i][13] != 0xb5)
			continue;
		if (frames[i].len != cards->frames[cards->next_received].len)
			die("a frame of %zu bytes where one of %zu was sent", frames[i].len,
			    cards->frames[cards->next_received].len);
		cards->next_received = (cards->next_received + 1) % cards->n_frames;
		ours++;
	}
	if (n > 0)
		net_driver_consume(cards->to, n);
	if (net_driver_error(cards->to))
		die("receiving: %s", strerror(-net_driver_error(cards->to)));
	return ours;
}

/* The bridge learns who is where; until then frames are flooded, and a link may not be up yet. */
static void introduce(struct cards *cards)
{
	uint64_t until = now_ns() + ARRIVE_NS;
	uint8_t hello[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct iovec iov = { hello, sizeof(hello) };
	struct frame frame = { .iov = &iov, .n_iov = 1, .len = sizeof(hello) };
	struct net_driver_info info;
	struct frame heard;

	net_driver_info(cards->to, &info);
	memcpy(hello + FRAME_MAC, info.mac, FRAME_MAC);
	while (net_driver_peek(cards->from, &heard, 1) == 0) {
		if (now_ns() > until)
			die("what one NIC sends does not reach the other");
		if (net_driver_send(cards->to, &frame, 1) < 0)
			die("sending: %s", strerror(-net_driver_error(cards->to)));
		net_driver_flush(cards->to);
		usleep(1000);
	}
}

static struct rate transfer(struct cards *cards)
{
	uint64_t cpu = process_cpu_ns(cards->pid), begin = now_ns(), now = begin, heard = begin;
	uint64_t until = begin + ROUND_MS * UINT64_C(1000000);
	size_t sent = 0, received = 0;

	while (now < until || received < sent) {
		size_t room = UNDER_WAY - (sent - received), n;

		if (now < until && room > 0)
			sent += send_some(cards, room);
		n = receive_some(cards);
		received += n;
		now = now_ns();
		if (n > 0)
			heard = now;
		else if (now - heard > ARRIVE_NS)
			die("%zu frames were sent and never arrived", sent - received);
	}
	return (struct rate) {
		.frames_per_s = (double)received * 1e9 / (double)(now - begin),
		.cpu_ns_per_frame = (double)(process_cpu_ns(cards->pid) - cpu) / (double)received,
	};
}

/* In turns; whoever is first in one round is second in the next. */
static void compare(struct cards *cards, struct tap_loop *loop, const struct measured *m)
{
	static double ours[ROUNDS], reference[ROUNDS], ratio[ROUNDS], cpu[2][ROUNDS];
	char note[128];

	for (size_t i = 0; i < ROUNDS; i++) {
		for (size_t turn = 0; turn < 2; turn++) {
			struct rate rate;

			if ((i + turn) % 2 == 0) {
				pin_apart(1);
				rate = transfer(cards);
				ours[i] = rate.frames_per_s / 1e3;
			} else {
				pin_apart(0);
				rate = tap_loop_run(loop, ROUND_MS);
				reference[i] = rate.frames_per_s / 1e3;
			}
			cpu[(i + turn) % 2][i] = rate.cpu_ns_per_frame;
			usleep(PAUSE_US);
		}
		ratio[i] = ours[i] / reference[i];
	}
	snprintf(note, sizeof(note), "CPU time per frame: %.0f ns, reference %.0f",
		 percentile(cpu[0], ROUNDS, 50), percentile(cpu[1], ROUNDS, 50));
	report(&(struct result) {
		.bench = "kernel_nic",
		.name = m->name,
		.what = m->what,
		.unit = "frames/ms",
		.ours = percentile(ours, ROUNDS, 50),
		.reference = percentile(reference, ROUNDS, 50),
		.ratio = percentile(ratio, ROUNDS, 50),
		.target = TARGET_AT_LEAST,
		.limit = 0.8,
		.note = note,
	});
}

static void measure(const struct measured *m, struct tap_loop *loop)
{
	static struct cards cards;
	struct served s;
	char other[96];

	watchdog(60);
	pin_apart(0);
	serve_kernel_nics(&s);
	served_path(&s, "nic-b", other, sizeof(other));
	pin_apart(1);
	cards.pid = s.pid;
	cards.from = connect_driver(s.nic);
	cards.to = connect_driver(other);
	introduce(&cards);
	fill_frames(&cards, m);
	tap_loop_start(loop, m->lens, m->n_lens, LOOP_FRAMES);
	compare(&cards, loop, m);
	tap_loop_stop(loop, LOOP_FRAMES);
	net_driver_free(cards.from);
	net_driver_free(cards.to);
	serve_end(&s);
}

int main(int argc, char **argv)
{
	const char *why_not;
	struct tap_loop loop;

	watchdog(60);
	pin_apart(1);
	why_not = leave_the_machine();
	if (why_not) {
		skip("kernel_nic", "kernel_nic", why_not);
		return 0;
	}
	come_first();
	tap_loop_open(&loop);
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
		if (is_asked_for(measured[i].name, argv + 1))
			measure(&measured[i], &loop);
	}
	return 0;
}
