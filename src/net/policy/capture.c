/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture.c - frames as they pass, written to somebody who asked for them, as a pcap file
 *
 *   capture_frame() --- filter ---> ring of bytes --- send(), when the socket takes it ---> reader
 *
 * A record goes into the ring whole or not at all, so the file is well formed wherever it ends.
 */
#include "net/policy/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/policy/capture_filter.h"
#include "sys/explain.h"

#define MAGIC_NANOSECONDS 0xa1b23c4du
#define SNAP_LEN_ALL	  262144u /* what libpcap takes for "all" */

/* The file's head and each frame's, in this machine's byte order (pcap-savefile(5)). */
struct file_header {
	uint32_t magic;
	uint16_t version_major, version_minor;
	int32_t zone;
	uint32_t accuracy, snap_len, link_type;
};

struct record_header {
	uint32_t seconds, nanoseconds, captured, len;
};

struct capture {
	uv_poll_t poll; /* data: the capture */
	struct capture_config config;
	struct bpf_program program;
	bool filtered;
	struct capture_counters counters;
	const char *ending; /* set: nothing more is taken in, ended() when the ring is empty */
	size_t head, used;  /* of the ring */
	uint8_t gathered[FRAME_MAX];
	uint8_t ring[CAPTURE_BUFFER_BYTES];
};

/* The ring */

static void ring_put(struct capture *capture, const void *bytes, size_t len)
{
	size_t at = (capture->head + capture->used) % CAPTURE_BUFFER_BYTES;
	size_t first = CAPTURE_BUFFER_BYTES - at < len ? CAPTURE_BUFFER_BYTES - at : len;

	memcpy(capture->ring + at, bytes, first);
	memcpy(capture->ring, (const uint8_t *)bytes + first, len - first);
	capture->used += len;
	capture->counters.bytes += len;
}

/* Return: 0 sent something, or nothing was there; -EAGAIN; -errno the reader is gone */
static int ring_send(struct capture *capture)
{
	size_t len = CAPTURE_BUFFER_BYTES - capture->head;
	ssize_t sent;

	if (len > capture->used)
		len = capture->used;
	sent = send(capture->config.fd, capture->ring + capture->head, len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	capture->head = (capture->head + (size_t)sent) % CAPTURE_BUFFER_BYTES;
	capture->used -= (size_t)sent;
	return 0;
}

/* At most twice around the ring's end; the rest waits for the loop. Return: as ring_send() */
static int ring_flush(struct capture *capture)
{
	int r = 0;

	for (int i = 0; i < 2 && capture->used && r == 0; i++)
		r = ring_send(capture);
	return r == -EAGAIN ? 0 : r;
}

/* The socket */

static void on_socket(uv_poll_t *poll, int status, int events);

static void watch(struct capture *capture)
{
	int events = UV_DISCONNECT | (capture->used || capture->ending ? UV_WRITABLE : 0);

	uv_poll_start(&capture->poll, events, on_socket);
}

static void end(struct capture *capture, const char *why)
{
	uv_poll_stop(&capture->poll);
	capture->ending = why;
	capture->used = 0;
	capture->config.ended(capture->config.opaque, why);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct capture *capture = poll->data;

	if (status < 0 || (events & UV_DISCONNECT) || ring_flush(capture) < 0)
		end(capture, "its reader is gone");
	else if (capture->ending && !capture->used)
		end(capture, capture->ending);
	else
		watch(capture);
}

/* Frames */

static const uint8_t *bytes_of(struct capture *capture, const struct frame *frame)
{
	size_t have = 0;

	if (frame->n_iov == 1)
		return frame->iov->iov_base;
	for (size_t i = 0; i < frame->n_iov; i++) {
		memcpy(capture->gathered + have, frame->iov[i].iov_base, frame->iov[i].iov_len);
		have += frame->iov[i].iov_len;
	}
	return capture->gathered;
}

static bool is_meant(const struct capture *capture, const uint8_t *bytes, size_t len)
{
	const struct pcap_pkthdr header = { .caplen = (bpf_u_int32)len, .len = (bpf_u_int32)len };

	return !capture->filtered || pcap_offline_filter(&capture->program, &header, bytes) != 0;
}

static struct record_header record_of(const struct capture *capture, size_t len)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (struct record_header) {
		.seconds = (uint32_t)now.tv_sec,
		.nanoseconds = (uint32_t)now.tv_nsec,
		.captured =
			len < capture->config.snap_len ? (uint32_t)len : capture->config.snap_len,
		.len = (uint32_t)len,
	};
}

void capture_frame(struct capture *capture, const struct frame *frame)
{
	struct record_header record;
	const uint8_t *bytes;
	size_t whole;

	if (capture->ending || frame->len > FRAME_MAX)
		return;
	bytes = bytes_of(capture, frame);
	if (!is_meant(capture, bytes, frame->len))
		return;
	capture->counters.frames++;
	record = record_of(capture, frame->len);
	whole = sizeof(record) + record.captured;
	if (capture->config.max_bytes &&
	    capture->counters.bytes + whole > capture->config.max_bytes) {
		capture->ending = "its size limit is reached";
	} else if (whole > CAPTURE_BUFFER_BYTES - capture->used) {
		capture->counters.dropped++;
	} else {
		ring_put(capture, &record, sizeof(record));
		ring_put(capture, bytes, record.captured);
	}
	watch(capture);
}

void capture_end(struct capture *capture, const char *why)
{
	if (capture->ending)
		return;
	capture->ending = why;
	watch(capture);
}

void capture_counters(const struct capture *capture, struct capture_counters *ret)
{
	*ret = capture->counters;
}

/* Making and ending */

static void begin_file(struct capture *capture)
{
	const struct file_header header = { .magic = MAGIC_NANOSECONDS,
					    .version_major = 2,
					    .version_minor = 4,
					    .snap_len = capture->config.snap_len,
					    .link_type = DLT_EN10MB };

	ring_put(capture, &header, sizeof(header));
}

static int fill(struct capture *capture, char **ret_error)
{
	int type = 0, r;
	socklen_t len = sizeof(type);

	if (getsockopt(capture->config.fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_STREAM)
		return explain(ret_error, -ENOTSOCK,
			       "a capture goes to a stream socket, this fd is none");
	if (!capture->config.filter || !*capture->config.filter)
		return 0;
	r = capture_filter_compile(capture->config.filter, &capture->program, ret_error);
	capture->filtered = r == 0;
	return r;
}

static void release(struct capture *capture)
{
	if (capture->filtered)
		pcap_freecode(&capture->program);
	close(capture->config.fd);
	free(capture);
}

int capture_new(uv_loop_t *loop, const struct capture_config *config, struct capture **ret,
		char **ret_error)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int r;

	if (!capture) {
		close(config->fd);
		return -ENOMEM;
	}
	capture->config = *config;
	if (!capture->config.snap_len || capture->config.snap_len > SNAP_LEN_ALL)
		capture->config.snap_len = SNAP_LEN_ALL;
	r = fill(capture, ret_error);
	if (r >= 0)
		r = uv_poll_init(loop, &capture->poll, config->fd);
	if (r < 0) {
		release(capture);
		return r;
	}
	capture->poll.data = capture;
	begin_file(capture);
	watch(capture);
	*ret = capture;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	release(handle->data);
}

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	if (capture->used)
		(void)ring_flush(capture);
	uv_close((uv_handle_t *)&capture->poll, on_closed);
}
