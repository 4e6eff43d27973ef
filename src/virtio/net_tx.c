/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_tx.c - frames from the guest
 *
 * A batch of chains is popped; each frame is copied once, out of the guest's reach, checked and
 * handed to the backend with the others. What the backend has no room for goes back into the ring
 * in its place, and is read again when there is: the guest may change a frame that nobody took,
 * which is its own business.
 *
 * Elements are used in the order of the ring, frames that were dropped included.
 */
#include "virtio/net_device.h"

#include "virtio/iov.h"

#define HEADER sizeof(struct frame_header)

/* struct tx - one batch: chains in the order they were popped, and the frames made of them */
struct tx {
	uint16_t heads[VNET_BATCH];
	size_t n_chains;
	struct frame frames[VNET_BATCH];
	struct iovec iov[VNET_BATCH];
	size_t chain_of[VNET_BATCH]; /* by frame: index of its chain */
	size_t n_frames;
	size_t bytes; /* of tx_bytes in use */
};

static bool frame_acceptable(const struct vnet *vnet, const struct frame_header *header, size_t len)
{
	/* No offload was offered: such a frame lacks its checksum or is too long for anybody. */
	return vnet->link_up && len >= FRAME_ETH_HEADER &&
	       len <= vnet->mtu + FRAME_ETH_HEADER + FRAME_VLAN_TAG &&
	       !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       header->gso_type == VIRTIO_NET_HDR_GSO_NONE;
}

/* Return: 1, 0 no room for its bytes any more, or what broke the queue. */
static int add_chain(struct vnet *vnet, struct vnet_pair *pair, struct vq *vq, struct tx *tx,
		     const struct vq_chain *chain)
{
	struct frame_header header;
	uint8_t *bytes = pair->tx_bytes + tx->bytes;
	size_t len;

	if (chain->n_writable > 0)
		return vq_break(vq, "frame to send in memory that the device is to write");
	if (iov_to_buf(chain->iov, chain->n_readable, 0, &header, HEADER) < HEADER)
		return vq_break(vq, "frame to send shorter than its header");
	len = chain->readable_len - HEADER;
	if (frame_acceptable(vnet, &header, len)) {
		if (len > VNET_TX_BYTES - tx->bytes)
			return 0;
		iov_to_buf(chain->iov, chain->n_readable, HEADER, bytes, len);
		tx->iov[tx->n_frames] = (struct iovec) { bytes, len };
		tx->frames[tx->n_frames] =
			(struct frame) { .iov = &tx->iov[tx->n_frames], .n_iov = 1, .len = len };
		tx->chain_of[tx->n_frames++] = tx->n_chains;
		tx->bytes += len;
	}
	tx->heads[tx->n_chains++] = chain->head;
	return 1;
}

/* Fills a batch from the ring. Return: 0, or what broke the queue (the batch so far is good). */
static int collect(struct vnet *vnet, struct vnet_pair *pair, struct vq *vq, struct tx *tx)
{
	struct vq_chain chain;
	int r;

	while (tx->n_chains < VNET_BATCH) {
		r = vq_pop(vq, &chain);
		if (r <= 0)
			return r;
		r = add_chain(vnet, pair, vq, tx, &chain);
		if (r < 0)
			return r;
		if (r == 0) {
			vq_unpop(vq, 1);
			return 0;
		}
	}
	return 0;
}

static void count(struct vnet *vnet, const struct tx *tx, size_t chains, size_t frames)
{
	vnet->stats.tx_frames += frames;
	vnet->stats.tx_dropped += chains - frames;
	for (size_t i = 0; i < frames; i++)
		vnet->stats.tx_bytes += tx->frames[i].len;
}

/* Return: how many chains are done with. */
static size_t run_batch(struct vnet *vnet, uint16_t pair_index, uint16_t queue)
{
	struct vnet_pair *pair = &vnet->pairs[pair_index];
	struct vq *vq = vpci_vq(&vnet->pci, queue);
	struct tx tx = { .n_chains = 0 };
	size_t taken = 0, done;
	int broken = collect(vnet, pair, vq, &tx);

	if (tx.n_frames > 0)
		taken = vnet->ops->transmit(vnet->opaque, tx.frames, tx.n_frames);
	pair->tx_blocked = taken < tx.n_frames;
	done = pair->tx_blocked ? tx.chain_of[taken] : tx.n_chains;
	vq_unpop(vq, (uint16_t)(tx.n_chains - done));
	count(vnet, &tx, done, taken);

	for (size_t i = 0; i < done; i++) {
		if (vq_fill(vq, tx.heads[i], 0, (uint16_t)i) < 0)
			break;
	}
	if (done > 0 && vq_publish(vq, (uint16_t)done) == 0)
		vnet_interrupt(vnet, queue);
	if (broken < 0)
		vpci_queue_failed(&vnet->pci, queue);
	return done;
}

bool vnet_run_tx(struct vnet *vnet, uint16_t pair)
{
	uint16_t queue = vnet_tx_queue(pair);
	size_t done = 0, n;

	vq_disable_notify(vpci_vq(&vnet->pci, queue));
	do {
		n = run_batch(vnet, pair, queue);
		done += n;
	} while (n > 0 && !vnet->pairs[pair].tx_blocked && done < VNET_RUN_FRAMES &&
		 vpci_running(&vnet->pci));
	return done > 0;
}
