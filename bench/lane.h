/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lane.h - two guests' sockets and the frames that go from the first to the second
 *
 *   one thread: send() --> from ==> [ process that forwards ] ==> to --> recv()
 *
 * The two guests are one thread, which sends while little is under way and receives what is there,
 * so that besides the process that forwards there is one other, and nothing is ever lost for lack
 * of room: a transfer whose bytes do not all arrive ends the program.
 *
 * Single-threaded.
 */
#ifndef LANE_H
#define LANE_H

#include "bench.h"

/** enum lane_kind - how a frame is carried, and how many of them the guest sends in one call */
enum lane_kind {
	LANE_STREAM,	  /* behind 4 bytes of length; one, as QEMU does */
	LANE_STREAM_BULK, /* the same; LOAD_BYTES of them */
	LANE_DGRAM,	  /* a datagram each; one */
};

#define LOAD_BYTES   65536u
#define LOAD_FRAMES  1024u
#define FRAME_PREFIX 4u

/** struct load - frames to send again and again, each behind its length */
struct load {
	uint8_t bytes[LOAD_BYTES];
	size_t offset[LOAD_FRAMES + 1]; /* of its length; the last: the end */
	size_t n;
};

/**
 * load_fill() - frames from the first guest to the second
 * @lens, @n_lens: of frames, in turns
 * @broadcast_every: so many frames one is a broadcast; 0: none
 */
void load_fill(struct load *load, const size_t *lens, size_t n_lens, size_t broadcast_every);

/** struct lane - @pid: of the process that forwards; @offset: in the load, what comes next */
struct lane {
	enum lane_kind kind;
	int from, to;
	pid_t pid;
	bool copied;
	size_t frame, offset;
};

/** lane_through() - two guests of a network of serve_sockets(), which know each other's address */
void lane_through(struct lane *lane, const struct served *s, enum lane_kind kind);

/** lane_copied() - two sockets, and a process that copies between them (copy_loop.h) */
void lane_copied(struct lane *lane, const struct served *s, enum lane_kind kind);

/** lane_close() - hang up, end the process of lane_copied() */
void lane_close(struct lane *lane);

/** struct transfer - how fast frames arrived, and what each cost whom forwarded it */
struct transfer {
	double frames_per_s;
	double cpu_ns_per_frame;
};

/** lane_transfer() - send for so many ms, receive all of it. @load: the same each time */
struct transfer lane_transfer(struct lane *lane, const struct load *load, unsigned int ms);

#define LANE_ROUNDS   401u
#define LANE_ROUND_MS 10u

/** struct comparison - medians: frames/ms, the ratio of neighbours, CPU time of who forwards */
struct comparison {
	double ours, reference, ratio;
	double ours_cpu_ns, reference_cpu_ns; /* per frame */
};

/**
 * lanes_compare() - LANE_ROUNDS transfers of LANE_ROUND_MS through each, in turns
 *
 * They are that short so that what else runs on the machine meets both alike.
 */
struct comparison lanes_compare(struct lane *ours, struct lane *reference, const struct load *load);

/**
 * guest_connect() - one more guest, of the second stream socket
 * @number: of its MAC address; 0 and 1 are those of lanes
 * @knows:  a guest that hears of it, so that it is plugged in when this returns
 */
int guest_connect(const struct served *s, unsigned int number, int knows);

#endif
