/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmn_send.c - frames of a port into its interface
 *
 * vmnet_write() takes a batch as a whole or not at all, each packet in one piece. So what vmnet would
 * refuse is dropped before, counted: runts, frames longer than it takes, frames with offloads, which
 * no port of ours has. A frame in pieces is copied into one.
 *
 * What happens to a batch:
 *
 *   written in part	the rest is the next batch
 *   buffers full	the port waits for a moment and offers it again, FULL_TRIES times; then it is
 *			dropped: a stuck network shall not stop its guests for ever
 *   refused		one by one: what is refused alone is dropped
 *   too many		half of it, from now on
 *   anything else	dropped
 *
 * What is dropped is counted and said, with vmnet's status: it is never taken for sent.
 */
#include <stdlib.h>
#include <string.h>

#include "net/vmnet/vmn_internal.h"

#define FULL_TRIES    10u
#define FULL_PAUSE_MS 1u

struct batch {
	struct vmpktdesc packets[VMN_RING_SLOTS];
	struct iovec iov[VMN_RING_SLOTS];
	unsigned int n;
};

static bool is_plain(const struct frame *frame)
{
	return !frame->header.flags && !frame->header.gso_type;
}

static bool is_good(const struct vmn_channel *channel, const struct frame *frame)
{
	return frame->len >= FRAME_ETH_HEADER && frame->len <= channel->longest && is_plain(frame);
}

/*
 * One piece of it, behind @header bytes that wish for nothing. @bounced: bytes of the bounce buffer
 * that are used. Return: NULL: no memory
 */
static void *in_one_piece(struct vmn_network *network, const struct frame *frame, size_t header,
			  size_t *bounced)
{
	char *start, *at;

	if (frame->n_iov == 1 && header == 0)
		return frame->iov->iov_base;
	if (!network->bounce)
		network->bounce = malloc(VMN_CALL_BYTES);
	if (!network->bounce)
		return NULL;
	start = at = (char *)network->bounce + *bounced;
	memset(at, 0, header);
	at += header;
	for (size_t i = 0; i < frame->n_iov; i++) {
		if (frame->iov[i].iov_len)
			memcpy(at, frame->iov[i].iov_base, frame->iov[i].iov_len);
		at += frame->iov[i].iov_len;
	}
	*bounced += header + frame->len;
	return start;
}

/* Good frames from the beginning on, as many as one call may have. */
static void gather(struct vmn_channel *channel, const struct frame *frames, size_t n,
		   struct batch *batch)
{
	size_t most =
		channel->write_packets < VMN_RING_SLOTS ? channel->write_packets : VMN_RING_SLOTS;
	size_t header = channel->ring.offloads.header ? sizeof(struct frame_header) : 0;
	size_t bytes = 0, bounced = 0;

	batch->n = 0;
	while (batch->n < n && batch->n < most) {
		const struct frame *frame = &frames[batch->n];
		struct iovec *iov = &batch->iov[batch->n];
		size_t len = header + frame->len;
		void *start;

		if (!is_good(channel, frame) || len > VMN_CALL_BYTES - bytes)
			return;
		start = in_one_piece(channel->network, frame, header, &bounced);
		if (!start)
			return;
		bytes += len;
		*iov = (struct iovec) { start, len };
		batch->packets[batch->n++] = (struct vmpktdesc) { .vm_pkt_size = len,
								  .vm_pkt_iov = iov,
								  .vm_pkt_iovcnt = 1 };
	}
}

/* Return: how many of @n were written, if @ret_status is success; 0 then is as good as full */
static unsigned int write_packets(struct vmn_channel *channel, struct vmpktdesc *packets,
				  unsigned int n, vmnet_return_t *ret_status)
{
	int done = (int)n;

	*ret_status = vmnet_write(vmn_iface_ref(channel->iface), packets, &done);
	/* Full in between: what went is not to go again. */
	if (*ret_status == VMNET_BUFFER_EXHAUSTED && done > 0 && (unsigned int)done < n)
		*ret_status = VMNET_SUCCESS;
	if (*ret_status != VMNET_SUCCESS)
		return 0;
	if (done <= 0) {
		*ret_status = VMNET_BUFFER_EXHAUSTED;
		return 0;
	}
	channel->full_tries = 0;
	return (unsigned int)done < n ? (unsigned int)done : n;
}

/* What the guest lost, and vmnet's word for why. */
static void lose(struct vmn_channel *channel, unsigned int n, vmnet_return_t status)
{
	channel->stats.sent_dropped += n;
	if (status == VMNET_BUFFER_EXHAUSTED)
		channel->network->counters.write_full += n;
	else
		channel->network->counters.write_failed += n;
	vmn_say_failed(channel, "frames of the guest are lost", status);
}

/* Return: how many are done with: all, or less if the port is to offer the rest again, later */
static unsigned int wait_or_lose(struct vmn_channel *channel, unsigned int n)
{
	if (++channel->full_tries <= FULL_TRIES) {
		channel->full = true;
		vmn_iface_pause(channel->iface, FULL_PAUSE_MS);
		return 0;
	}
	channel->full_tries = 0;
	lose(channel, n, VMNET_BUFFER_EXHAUSTED);
	return n;
}

/* Something in the batch is refused: alone it takes nobody along. */
static unsigned int write_singly(struct vmn_channel *channel, struct batch *batch)
{
	for (unsigned int i = 0; i < batch->n; i++) {
		vmnet_return_t status;

		if (write_packets(channel, &batch->packets[i], 1, &status))
			continue;
		if (status == VMNET_BUFFER_EXHAUSTED && !wait_or_lose(channel, 1))
			return i;
		if (status != VMNET_BUFFER_EXHAUSTED)
			lose(channel, 1, status);
	}
	return batch->n;
}

/* Return: how many are done with; fewer than there are and not full: offer the rest at once */
static unsigned int write_batch(struct vmn_channel *channel, struct batch *batch)
{
	vmnet_return_t status;
	unsigned int done = write_packets(channel, batch->packets, batch->n, &status);

	switch (status) {
	case VMNET_SUCCESS:
		return done;
	case VMNET_BUFFER_EXHAUSTED:
		return wait_or_lose(channel, batch->n);
	case VMNET_INVALID_ARGUMENT:
	case VMNET_PACKET_TOO_BIG:
		return write_singly(channel, batch);
	case VMNET_TOO_MANY_PACKETS:
		if (batch->n > 1) {
			channel->write_packets = batch->n / 2;
			return 0;
		}
		break;
	default:
		break;
	}
	lose(channel, batch->n, status);
	return batch->n;
}

static void refuse(struct vmn_channel *channel)
{
	channel->stats.sent_dropped++;
	channel->network->counters.write_refused++;
}

static void count(struct vmn_channel *channel, const struct frame *frames, size_t n)
{
	channel->stats.sent_frames += n;
	for (size_t i = 0; i < n; i++)
		channel->stats.sent_bytes += frames[i].len;
}

size_t vmn_send(struct channel *base, const struct frame *frames, size_t n)
{
	struct vmn_channel *channel = (struct vmn_channel *)base;
	struct batch batch;
	size_t done = 0;

	channel->full = false;
	if (!channel->running || !channel->up) {
		channel->stats.sent_dropped += n;
		done = n;
	}
	while (done < n && !channel->full) {
		gather(channel, frames + done, n - done, &batch);
		if (batch.n) {
			done += write_batch(channel, &batch);
		} else {
			refuse(channel);
			done++;
		}
	}
	count(channel, frames, done);
	return done;
}
