/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ports.c - what the other ports of a network cost two guests that talk
 *
 * Two networks, the same two guests at each, and the others at one of them. All are at stream
 * sockets.
 *
 * - idle: 63 more guests, who said hello once and then nothing.
 * - stuck: one more guest, who never reads. Every 16th frame is a broadcast, also where that guest
 *   is not. Before it counts its queues are full, which shows as a socket that stays as it is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lane.h"

#define FILL_MS		20u /* at a time */
#define FILLS		100u
#define IDLE_GUESTS	63u
#define BROADCAST_EVERY 16u

static const size_t lens[] = { 1514 };
static struct load load;

static int waiting_bytes(int fd)
{
	int n;

	if (ioctl(fd, FIONREAD, &n) < 0)
		die("FIONREAD: %s", strerror(errno));
	return n;
}

/* Until what waits in the guest's socket does not grow any more. */
static void fill(struct lane *lane, int fd)
{
	int before = -1;

	for (unsigned int i = 0; i < FILLS && waiting_bytes(fd) != before; i++) {
		before = waiting_bytes(fd);
		lane_transfer(lane, &load, FILL_MS);
	}
	if (waiting_bytes(fd) != before || before == 0)
		die("a guest that does not read gets ever more");
}

static void report_comparison(struct result *result, struct comparison c)
{
	char note[128];

	snprintf(note, sizeof(note),
		 "frames of 1514 bytes, 43 a send; CPU time per frame: %.0f ns, reference %.0f",
		 c.ours_cpu_ns, c.reference_cpu_ns);
	result->ours = c.ours;
	result->reference = c.reference;
	result->ratio = c.ratio;
	result->note = note;
	report(result);
}

static void measure(struct result *result, unsigned int n_others, bool stuck)
{
	struct served served[2];
	struct lane with, without;
	int others[IDLE_GUESTS];

	watchdog(120);
	pin_apart(0);
	serve_sockets(&served[0]);
	serve_sockets(&served[1]);
	pin_apart(1);
	load_fill(&load, lens, 1, stuck ? BROADCAST_EVERY : 0);
	lane_through(&without, &served[0], LANE_STREAM_BULK);
	lane_through(&with, &served[1], LANE_STREAM_BULK);
	for (unsigned int i = 0; i < n_others; i++)
		others[i] = guest_connect(&served[1], 2 + i, with.from);
	if (stuck)
		fill(&with, others[0]);
	report_comparison(result, lanes_compare(&with, &without, &load));
	for (unsigned int i = 0; i < n_others; i++)
		close(others[i]);
	lane_close(&with);
	lane_close(&without);
	serve_end(&served[1]);
	serve_end(&served[0]);
}

int main(void)
{
	struct result result = {
		.bench = "ports", .unit = "frames/ms", .target = TARGET_AT_LEAST, .limit = 0.97
	};

	result.name = "idle_ports";
	result.what = "from guest to guest with 63 idle ones; reference: without";
	measure(&result, IDLE_GUESTS, false);
	result.name = "stuck_port";
	result.what = "every 16th a broadcast, with one guest that never reads; reference: without";
	measure(&result, 1, true);
	return 0;
}
