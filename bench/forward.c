/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forward.c - frames from guest to guest, through stream and datagram sockets of `outrigger net`
 *
 * Reference: a process that copies between two such sockets and knows nothing of frames
 * (copy_loop.c). Whoever forwards has one CPU, the two guests (lane.c) another.
 *
 * What has a target are guests that send each frame by itself, as QEMU does and as datagrams are.
 * A guest that sends 64 KiB at once ("bulk") is reported besides: the copy loop then moves them in
 * two calls, whatever is in them, while a switch has to look at each frame.
 */
#include <stdio.h>

#include "lane.h"

static const size_t large[] = { 1514 }, small[] = { 64 };
/* Seven small, four middling, one large: what is called a simple Internet mix. */
static const size_t mix[] = { 64, 590, 64, 64, 590, 64, 1514, 64, 590, 64, 590, 64 };

static const struct measured {
	const char *name, *what;
	enum lane_kind kind;
	const size_t *lens;
	size_t n_lens;
	bool judged;
} measured[] = {
#define LENS(lens) lens, sizeof(lens) / sizeof(lens[0])
	{ "stream_1514", "frames of 1514 bytes", LANE_STREAM, LENS(large), true },
	{ "stream_64", "frames of 64 bytes", LANE_STREAM, LENS(small), true },
	{ "stream_mix", "frames of 64, 590 and 1514 bytes", LANE_STREAM, LENS(mix), true },
	{ "stream_bulk_1514", "frames of 1514 bytes, 43 a send", LANE_STREAM_BULK, LENS(large),
	  true },
	{ "stream_bulk_64", "frames of 64 bytes, 963 a send", LANE_STREAM_BULK, LENS(small),
	  false },
	{ "stream_bulk_mix", "mixed frames, 64 KiB a send", LANE_STREAM_BULK, LENS(mix), false },
	{ "dgram_1514", "datagrams of 1514 bytes", LANE_DGRAM, LENS(large), true },
	{ "dgram_64", "datagrams of 64 bytes", LANE_DGRAM, LENS(small), true },
	{ "dgram_mix", "datagrams of 64, 590 and 1514 bytes", LANE_DGRAM, LENS(mix), true },
};

static void measure(const struct measured *m, const struct served *s)
{
	static struct load load;
	struct lane through, copied;
	struct comparison c;
	char note[128];

	load_fill(&load, m->lens, m->n_lens, 0);
	lane_copied(&copied, s, m->kind);
	pin_apart(1);
	lane_through(&through, s, m->kind);
	c = lanes_compare(&through, &copied, &load);
	lane_close(&through);
	lane_close(&copied);
	snprintf(note, sizeof(note),
		 "CPU time per frame of the process that forwards: %.0f ns, reference %.0f",
		 c.ours_cpu_ns, c.reference_cpu_ns);
	report(&(struct result) {
		.bench = "forward",
		.name = m->name,
		.what = m->what,
		.unit = "frames/ms",
		.ours = c.ours,
		.reference = c.reference,
		.ratio = c.ratio,
		.target = m->judged ? TARGET_AT_LEAST : TARGET_NONE,
		.limit = 0.9,
		.note = note,
	});
}

int main(int argc, char **argv)
{
	struct served s;

	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
		if (!is_asked_for(measured[i].name, argv + 1))
			continue;
		watchdog(60);
		pin_apart(0);
		serve_sockets(&s);
		measure(&measured[i], &s);
		serve_end(&s);
	}
	return 0;
}
