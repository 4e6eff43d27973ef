/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_rx.c - frames to the guest
 *
 * A frame is copied from where the backend keeps it straight into the guest's buffers, and taken
 * from the backend only once it is there. With MRG_RXBUF it goes into as many buffers as it needs,
 * which become visible together with the header that counts them; without, into one. A batch of
 * frames is published and announced at once.
 *
 * When buffers run out the frame stays in the backend. Only then do kicks help, so they are enabled
 * here and nowhere else: with what was popped for this frame still counted as seen, so that the
 * next buffer to arrive is what the driver kicks for; then the buffers go back.
 *
 * The driver was offered no offload for this direction, so each frame must come complete: one that
 * wants a checksum filled in or is to be cut to size is dropped.
 */
#include "virtio/net_device.h"

#include <string.h>

#include "virtio/iov.h"

#define HEADER sizeof(struct frame_header)

/* struct rx - a batch on its way: elements filled but not yet shown to the driver */
struct rx {
	struct vnet *vnet;
	struct vq *vq;
	uint16_t filled;
	bool mergeable;
};

enum rx_result {
	RX_DONE,    /* in the guest's buffers, or dropped for good */
	RX_STARVED, /* stays where it is */
	RX_BROKEN,
};

/* struct placed - where the parts of one frame went */
struct placed {
	uint16_t buffers;
	size_t bytes;	   /* header included */
	uint8_t *count[2]; /* the two bytes of num_buffers, known when all is placed */
};

/* From offset of the frame to at of the buffer, as much as there is and fits. */
static size_t copy_frame(const struct frame *frame, size_t offset, const struct vq_chain *chain,
			 size_t at)
{
	struct iov_at from = { frame->iov, frame->n_iov, offset };
	size_t room = chain->writable_len - at, done = 0;
	struct iovec piece;

	while ((piece = iov_next(&from, room - done)).iov_len > 0)
		done += iov_from_buf(chain->iov, chain->n_writable, at + done, piece.iov_base,
				     piece.iov_len);
	return done;
}

static uint8_t *byte_at(const struct vq_chain *chain, size_t offset)
{
	struct iov_at at = { chain->iov, chain->n_writable, offset };

	return iov_next(&at, 1).iov_base;
}

/* The next part of header and frame into one buffer, from its start. */
static int place(struct rx *rx, const struct frame *frame, const struct vq_chain *chain,
		 struct placed *placed)
{
	static const struct frame_header header;
	size_t at = 0, written;

	if (chain->n_readable > 0)
		return vq_break(rx->vq, "receive buffer that only the driver may write");
	if (placed->buffers == 0) {
		if (chain->writable_len < HEADER)
			return vq_break(rx->vq, "receive buffer shorter than the header");
		iov_from_buf(chain->iov, chain->n_writable, 0, &header, HEADER);
		for (size_t i = 0; i < 2; i++)
			placed->count[i] =
				byte_at(chain, offsetof(struct frame_header, num_buffers) + i);
		at = HEADER;
		placed->bytes = HEADER;
	}
	written = at + copy_frame(frame, placed->bytes - HEADER, chain, at);
	placed->bytes += written - at;
	return vq_fill(rx->vq, chain->head, (uint32_t)written,
		       (uint16_t)(rx->filled + placed->buffers++));
}

static bool placed_all(const struct placed *placed, const struct frame *frame)
{
	return placed->bytes == HEADER + frame->len;
}

static enum rx_result finish(struct rx *rx, const struct frame *frame, const struct placed *placed)
{
	*placed->count[0] = (uint8_t)placed->buffers;
	*placed->count[1] = (uint8_t)(placed->buffers >> 8);
	rx->filled += placed->buffers;
	rx->vnet->stats.rx_frames++;
	rx->vnet->stats.rx_bytes += frame->len;
	return RX_DONE;
}

/* What the frame took so far goes back; it waits for more, or never fits. */
static enum rx_result give_up(struct rx *rx, const struct placed *placed, bool wait)
{
	vq_unpop(rx->vq, placed->buffers);
	if (wait)
		return RX_STARVED;
	rx->vnet->stats.rx_dropped++;
	return RX_DONE;
}

/* The next buffer. Where there is none a kick is asked for, and then looked again, once: the driver
 * may have added some. */
static int pop_buffer(struct rx *rx, struct vq_chain *ret)
{
	int r = vq_pop(rx->vq, ret);

	return r == 0 && vq_enable_notify(rx->vq) ? vq_pop(rx->vq, ret) : r;
}

/* Each round takes a buffer, of which there are as many as the ring has entries. */
static enum rx_result deliver(struct rx *rx, const struct frame *frame)
{
	struct placed placed = { 0 };
	struct vq_chain chain;
	int r;

	for (;;) {
		r = pop_buffer(rx, &chain);
		if (r == 0)
			return give_up(rx, &placed, true);
		if (r < 0 || place(rx, frame, &chain, &placed) < 0)
			return RX_BROKEN;
		if (placed_all(&placed, frame))
			return finish(rx, frame, &placed);
		if (!rx->mergeable)
			return give_up(rx, &placed, false);
		/* The whole ring: more there cannot be, unless earlier frames of this batch have
		 * some of it. */
		if (rx->filled + placed.buffers >= rx->vq->setup.size)
			return give_up(rx, &placed, rx->filled > 0);
	}
}

static bool longer_than_mtu(const struct vnet *vnet, const struct frame *frame,
			    const uint8_t *start)
{
	bool tagged = (start[12] << 8 | start[13]) == FRAME_TYPE_VLAN;

	/* "5.1.4.1": "MUST NOT pass received packets that exceed mtu (plus low level ethernet
	 * header length)" */
	return vpci_has_feature(&vnet->pci, VIRTIO_NET_F_MTU) &&
	       frame->len > vnet->mtu + FRAME_ETH_HEADER + (tagged ? FRAME_VLAN_TAG : 0);
}

static bool acceptable(const struct vnet *vnet, const struct frame *frame, const uint8_t *start)
{
	return frame->len >= FRAME_ETH_HEADER && frame->len <= FRAME_MAX &&
	       !longer_than_mtu(vnet, frame, start) &&
	       !(frame->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       frame->header.gso_type == VIRTIO_NET_HDR_GSO_NONE;
}

static enum rx_result receive(struct rx *rx, const struct frame *frame)
{
	struct vnet *vnet = rx->vnet;
	uint8_t start[FRAME_ETH_HEADER + FRAME_VLAN_TAG] = { 0 };

	iov_to_buf(frame->iov, frame->n_iov, 0, start, sizeof(start));
	if (!acceptable(vnet, frame, start)) {
		vnet->stats.rx_dropped++;
		return RX_DONE;
	}
	if (!net_filter_passes(&vnet->filter, vpci_has_feature(&vnet->pci, VIRTIO_NET_F_CTRL_VLAN),
			       start)) {
		vnet->stats.rx_filtered++;
		return RX_DONE;
	}
	return deliver(rx, frame);
}

static void publish(struct rx *rx, uint16_t queue)
{
	if (rx->filled == 0 || vq_publish(rx->vq, rx->filled) < 0)
		return;
	vnet_interrupt(rx->vnet, queue);
}

/* Return: how many frames left the backend; *ret_more: false if the next one cannot now. */
static size_t run_batch(struct vnet *vnet, uint16_t queue, bool *ret_more)
{
	struct rx rx = {
		.vnet = vnet,
		.vq = vpci_vq(&vnet->pci, queue),
		.mergeable = vpci_has_feature(&vnet->pci, VIRTIO_NET_F_MRG_RXBUF),
	};
	struct frame frames[VNET_BATCH];
	size_t n = vnet->ops->peek(vnet->opaque, frames, VNET_BATCH), done = 0;
	enum rx_result result = RX_DONE;

	while (done < n) {
		result = receive(&rx, &frames[done]);
		if (result != RX_DONE)
			break;
		done++;
	}
	publish(&rx, queue);
	if (result == RX_BROKEN)
		vpci_queue_failed(&vnet->pci, queue);
	if (done > 0)
		vnet->ops->consume(vnet->opaque, done);
	/* Starved behind frames that are now published: the driver may have room when we look
	 * again. */
	*ret_more = done > 0 && result != RX_BROKEN;
	return done;
}

bool vnet_discard_rx(struct vnet *vnet)
{
	struct frame frames[VNET_BATCH];
	size_t n, done = 0;

	while (done < VNET_RUN_FRAMES) {
		n = vnet->ops->peek(vnet->opaque, frames, VNET_BATCH);
		if (n == 0)
			break;
		vnet->ops->consume(vnet->opaque, n);
		vnet->stats.rx_dropped += n;
		done += n;
	}
	return done > 0;
}

bool vnet_run_rx(struct vnet *vnet, uint16_t pair)
{
	uint16_t queue = vnet_rx_queue(pair);
	size_t done = 0;
	bool more = true;

	if (!vnet->link_up)
		return vnet_discard_rx(vnet);
	vq_disable_notify(vpci_vq(&vnet->pci, queue));
	while (more && done < VNET_RUN_FRAMES)
		done += run_batch(vnet, queue, &more);
	return done > 0;
}
