/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_ctrl.c - "5.1.6.5 Control Virtqueue"
 *
 * A command is class, command and data to read, and a byte to write: OK or ERR. Data is read
 * through a cursor, each field once, and a command changes something only after all of it was
 * there. What was not negotiated, does not exist or has the wrong length is answered with ERR; the
 * queue breaks only where not even that can be written.
 */
#include "virtio/net_device.h"

#include <string.h>

#include "virtio/iov.h"

struct cursor {
	const struct vq_chain *chain;
	size_t offset;
};

static size_t left(const struct cursor *cursor)
{
	return cursor->chain->readable_len - cursor->offset;
}

static bool take(struct cursor *cursor, void *buf, size_t len)
{
	if (len > left(cursor))
		return false;
	cursor->offset +=
		iov_to_buf(cursor->chain->iov, cursor->chain->n_readable, cursor->offset, buf, len);
	return true;
}

/* The command's last field: nothing may follow. */
static bool take_last(struct cursor *cursor, void *buf, size_t len)
{
	return left(cursor) == len && take(cursor, buf, len);
}

static bool *rx_mode(struct net_filter *filter, uint8_t command)
{
	switch (command) {
	case VIRTIO_NET_CTRL_RX_PROMISC:
		return &filter->promisc;
	case VIRTIO_NET_CTRL_RX_ALLMULTI:
		return &filter->allmulti;
	case VIRTIO_NET_CTRL_RX_ALLUNI:
		return &filter->alluni;
	case VIRTIO_NET_CTRL_RX_NOMULTI:
		return &filter->nomulti;
	case VIRTIO_NET_CTRL_RX_NOUNI:
		return &filter->nouni;
	case VIRTIO_NET_CTRL_RX_NOBCAST:
		return &filter->nobcast;
	default:
		return NULL;
	}
}

static bool command_rx(struct vnet *vnet, uint8_t command, struct cursor *data)
{
	uint64_t needs = command <= VIRTIO_NET_CTRL_RX_ALLMULTI ? VIRTIO_NET_F_CTRL_RX
								: VIRTIO_NET_F_CTRL_RX_EXTRA;
	bool *mode = rx_mode(&vnet->filter, command);
	uint8_t on = 0;

	if (!mode || !vpci_has_feature(&vnet->pci, needs) || !take_last(data, &on, sizeof(on)))
		return false;
	*mode = on != 0;
	return true;
}

/* entries (4 bytes), then as many addresses; of those beyond our table only that they were there
 * matters */
static bool take_table(struct cursor *data, struct net_filter_table *ret)
{
	uint32_t entries;
	size_t len;

	if (!take(data, &entries, sizeof(entries)))
		return false;
	entries = le32(entries);
	if (entries > left(data) / FRAME_MAC)
		return false;
	ret->overflow = entries > NET_FILTER_MACS;
	ret->n = ret->overflow ? 0 : entries;
	len = ret->n * FRAME_MAC;
	if (!take(data, ret->mac, len))
		return false;
	data->offset += (size_t)entries * FRAME_MAC - len;
	return true;
}

static bool command_mac_table(struct vnet *vnet, struct cursor *data)
{
	struct net_filter_table unicast, multicast;

	if (!vpci_has_feature(&vnet->pci, VIRTIO_NET_F_CTRL_RX) || !take_table(data, &unicast) ||
	    !take_table(data, &multicast) || left(data) != 0)
		return false;
	vnet->filter.unicast = unicast;
	vnet->filter.multicast = multicast;
	return true;
}

static bool command_mac_address(struct vnet *vnet, struct cursor *data)
{
	uint8_t mac[FRAME_MAC];

	if (!vpci_has_feature(&vnet->pci, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
	    !take_last(data, mac, sizeof(mac)) || (mac[0] & 1))
		return false;
	memcpy(vnet->filter.mac, mac, sizeof(mac));
	return true;
}

static bool command_mac(struct vnet *vnet, uint8_t command, struct cursor *data)
{
	switch (command) {
	case VIRTIO_NET_CTRL_MAC_TABLE_SET:
		return command_mac_table(vnet, data);
	case VIRTIO_NET_CTRL_MAC_ADDR_SET:
		return command_mac_address(vnet, data);
	default:
		return false;
	}
}

static bool command_vlan(struct vnet *vnet, uint8_t command, struct cursor *data)
{
	uint16_t vlan;

	if (command > VIRTIO_NET_CTRL_VLAN_DEL ||
	    !vpci_has_feature(&vnet->pci, VIRTIO_NET_F_CTRL_VLAN) ||
	    !take_last(data, &vlan, sizeof(vlan)))
		return false;
	return net_filter_set_vlan(&vnet->filter, le16(vlan), command == VIRTIO_NET_CTRL_VLAN_ADD);
}

static bool command_announce(struct vnet *vnet, uint8_t command, const struct cursor *data)
{
	if (command != VIRTIO_NET_CTRL_ANNOUNCE_ACK || left(data) != 0 ||
	    !vpci_has_feature(&vnet->pci, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return false;
	vnet->announce = false;
	return true;
}

static bool run_command(struct vnet *vnet, const struct vq_chain *chain)
{
	struct cursor data = { .chain = chain };
	uint8_t head[2]; /* class, command */

	if (!take(&data, head, sizeof(head)))
		return false;
	switch (head[0]) {
	case VIRTIO_NET_CTRL_RX:
		return command_rx(vnet, head[1], &data);
	case VIRTIO_NET_CTRL_MAC:
		return command_mac(vnet, head[1], &data);
	case VIRTIO_NET_CTRL_VLAN:
		return command_vlan(vnet, head[1], &data);
	case VIRTIO_NET_CTRL_ANNOUNCE:
		return command_announce(vnet, head[1], &data);
	default:
		return false;
	}
}

/* Return: 1, 0 none, or what broke the queue. */
static int next_command(struct vnet *vnet, struct vq *vq)
{
	struct vq_chain chain;
	uint8_t ack;
	int r = vq_pop(vq, &chain);

	if (r <= 0)
		return r;
	if (chain.n_writable == 0)
		return vq_break(vq, "control command without room for its answer");
	ack = run_command(vnet, &chain) ? VIRTIO_NET_CTRL_OK : VIRTIO_NET_CTRL_ERR;
	iov_from_buf(chain.iov + chain.n_readable, chain.n_writable, 0, &ack, sizeof(ack));
	r = vq_fill(vq, chain.head, sizeof(ack), 0);
	if (r == 0)
		r = vq_publish(vq, 1);
	return r < 0 ? r : 1;
}

bool vnet_run_ctrl(struct vnet *vnet)
{
	uint16_t queue = vnet_ctrl_queue(vnet);
	struct vq *vq = vpci_vq(&vnet->pci, queue);
	unsigned int done = 0;
	int r = 1;

	vq_disable_notify(vq);
	while (r > 0 && done < VNET_RUN_COMMANDS) {
		r = next_command(vnet, vq);
		done += r > 0;
	}
	if (done > 0)
		vnet_interrupt(vnet, queue);
	if (r < 0)
		vpci_queue_failed(&vnet->pci, queue);
	return done > 0;
}
