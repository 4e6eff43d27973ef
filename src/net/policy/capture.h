/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture.h - frames as they pass, written to somebody who asked for them, as a pcap file
 *
 * The file goes to a stream socket, which the reader may turn into whatever it likes with its own
 * rights. Nobody waits for the reader: what does not fit into the buffer is left out and counted.
 *
 * One thread: the loop's.
 */
#ifndef NET_POLICY_CAPTURE_H
#define NET_POLICY_CAPTURE_H

#include <stdint.h>
#include <uv.h>

#include "virtio/frame.h"

#define CAPTURE_BUFFER_BYTES (1u << 20)

struct capture;

/**
 * struct capture_config
 * @fd: a stream socket; the capture owns it from capture_new() on, also if that fails
 * @filter: in libpcap's language (capture_filter.h); NULL or empty: everything
 * @snap_len: bytes of each frame, 0: all
 * @max_bytes: of the file; the capture ends before a frame that would exceed it. 0: no limit
 * @ended: the reader went; or the limit was reached or capture_end() was called, and everything is
 *         sent; from the loop, at most once, and never after capture_free(). @why is a constant
 */
struct capture_config {
	int fd;
	const char *filter;
	uint32_t snap_len;
	uint64_t max_bytes;
	void (*ended)(void *opaque, const char *why);
	void *opaque;
};

/** struct capture_counters - frames: that were meant by the filter, written or not */
struct capture_counters {
	uint64_t frames, dropped;
	uint64_t bytes; /* of the file so far */
};

/**
 * capture_new() - start
 * @ret_error: a sentence, on -EINVAL the filter's fault; the caller frees
 * Return: 0; -EINVAL; -ENOTSOCK; -ENOMEM; -errno
 */
int capture_new(uv_loop_t *loop, const struct capture_config *config, struct capture **ret,
		char **ret_error);

/** capture_frame() - one frame passes. Never blocks */
void capture_frame(struct capture *capture, const struct frame *frame);

/** capture_end() - take nothing in any more; @why is told to ended() when all is sent */
void capture_end(struct capture *capture, const char *why);

void capture_counters(const struct capture *capture, struct capture_counters *ret);

/** capture_free() - what is not sent yet is sent as far as the socket takes it at once. NULL is fine.
 * The loop must run once more before it is closed */
void capture_free(struct capture *capture);

#endif
