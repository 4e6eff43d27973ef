/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net.c - the virtio-net device: what it offers, its configuration, its life
 *
 * vfio-user server -> virtio-pci registers (pci.c) -> here -> rings (net_rx.c, net_tx.c,
 * net_ctrl.c) -> backend.
 *
 * A kick is a register write that does nothing but tell the owner: the write is acknowledged, and
 * the guest's CPU runs on, before the queue is looked at. From then on the driver is told not to
 * kick until the owner finds nothing more and means to sleep, so that a burst costs one register
 * access.
 *
 * There is one queue pair, but queues are counted in pairs everywhere; what VIRTIO_NET_F_MQ adds is
 * a control command and a field of the configuration.
 */
#include "virtio/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/net_device.h"

#define CLASS_ETHERNET 0x020000u

#define NEEDS_CTRL_VQ                                                                 \
	(VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_VLAN | VIRTIO_NET_F_CTRL_RX_EXTRA | \
	 VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_CTRL_MAC_ADDR)

#define NET_FEATURES                                                                          \
	(VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | \
	 VIRTIO_NET_F_CTRL_VQ | NEEDS_CTRL_VQ)

/*
 * The device, for virtio-pci
 */

static bool features_valid(void *opaque, uint64_t features)
{
	return !(features & NEEDS_CTRL_VQ) || (features & VIRTIO_NET_F_CTRL_VQ);
}

static void config_read(void *opaque, uint64_t offset, void *buf, size_t count)
{
	const struct vnet *vnet = opaque;
	uint16_t status = (vnet->link_up ? VIRTIO_NET_S_LINK_UP : 0) |
			  (vnet->announce ? VIRTIO_NET_S_ANNOUNCE : 0);
	struct virtio_net_config config = {
		.status = le16(status),
		.max_virtqueue_pairs = le16(vnet->n_pairs),
		.mtu = le16(vnet->mtu),
	};

	memcpy(config.mac, vnet->filter.mac, FRAME_MAC);
	memcpy(buf, (const uint8_t *)&config + offset, count);
}

static void virtio_reset(void *opaque)
{
	struct vnet *vnet = opaque;

	net_filter_init(&vnet->filter, vnet->mac);
	vnet->announce = false;
	for (uint16_t i = 0; i < vnet->n_pairs; i++)
		vnet->pairs[i].tx_blocked = false;
}

static void kicked(void *opaque, uint16_t queue)
{
	struct vnet *vnet = opaque;

	vnet->stats.kicks++;
	vnet->ops->kicked(vnet->opaque);
}

static void log_message(void *opaque, enum rig_log_level level, const char *message)
{
	const struct vnet *vnet = opaque;

	if (vnet->ops->log)
		vnet->ops->log(vnet->opaque, level, message);
}

static const struct vpci_ops pci_ops = {
	.features_valid = features_valid,
	.config_read = config_read,
	.reset = virtio_reset,
	.kicked = kicked,
	.log = log_message,
};

/*
 * The device, for vfio-user
 */

static int region_read(void *opaque, uint32_t region, uint64_t offset, void *buf, size_t count)
{
	struct vnet *vnet = opaque;

	return vpci_region_read(&vnet->pci, region, offset, buf, count);
}

static int region_write(void *opaque, uint32_t region, uint64_t offset, const void *buf,
			size_t count)
{
	struct vnet *vnet = opaque;

	return vpci_region_write(&vnet->pci, region, offset, buf, count);
}

static int function_reset(void *opaque, enum rig_reset why)
{
	struct vnet *vnet = opaque;

	vpci_reset(&vnet->pci);
	return 0;
}

static void dma_mapped(void *opaque, uint64_t address, uint64_t size)
{
	struct vnet *vnet = opaque;

	vpci_memory_mapped(&vnet->pci);
}

static void dma_unmapping(void *opaque, uint64_t address, uint64_t size)
{
	struct vnet *vnet = opaque;

	vpci_memory_unmapping(&vnet->pci);
}

static void connected(void *opaque)
{
	struct vnet *vnet = opaque;

	if (vnet->ops->connected)
		vnet->ops->connected(vnet->opaque);
}

static void disconnected(void *opaque, int error, const char *reason)
{
	struct vnet *vnet = opaque;

	vpci_client_gone(&vnet->pci);
	if (vnet->ops->disconnected)
		vnet->ops->disconnected(vnet->opaque, error, reason);
}

static const struct rig_device_ops device_ops = {
	.region_read = region_read,
	.region_write = region_write,
	.reset = function_reset,
	.dma_mapped = dma_mapped,
	.dma_unmapping = dma_unmapping,
	.connected = connected,
	.disconnected = disconnected,
	.log = log_message,
};

static int server_translate(void *opaque, uint64_t address, uint64_t len, uint32_t prot,
			    struct iovec *iov, size_t max_iov)
{
	struct vnet *vnet = opaque;

	return rig_dma_translate(vnet->server, address, len, prot, iov, max_iov);
}

static int server_trigger(void *opaque, uint32_t index, uint32_t vector)
{
	struct vnet *vnet = opaque;

	return rig_irq_trigger(vnet->server, index, vector);
}

/*
 * Work
 */

void vnet_interrupt(struct vnet *vnet, uint16_t queue)
{
	if (vpci_interrupt(&vnet->pci, queue))
		vnet->stats.interrupts++;
}

bool vnet_run(struct vnet *vnet)
{
	bool moved;

	if (!vpci_running(&vnet->pci))
		return vnet_discard_rx(vnet);
	moved = vnet_run_ctrl(vnet);
	/* Each of them may find its queue broken, which stops the device. */
	for (uint16_t i = 0; i < vnet->n_pairs; i++) {
		if (vpci_running(&vnet->pci))
			moved |= vnet_run_tx(vnet, i);
		if (vpci_running(&vnet->pci))
			moved |= vnet_run_rx(vnet, i);
	}
	return moved;
}

/*
 * Receive queues are not here: only one that lacked buffers wants a kick, and vnet_run_rx() asked
 * for that where it found out, with those it had seen counted.
 */
bool vnet_sleep(struct vnet *vnet)
{
	bool work;

	if (!vpci_running(&vnet->pci))
		return true;
	work = vq_enable_notify(vpci_vq(&vnet->pci, vnet_ctrl_queue(vnet)));
	for (uint16_t i = 0; i < vnet->n_pairs; i++) {
		if (!vnet->pairs[i].tx_blocked)
			work |= vq_enable_notify(vpci_vq(&vnet->pci, vnet_tx_queue(i)));
	}
	return !work;
}

void vnet_set_link(struct vnet *vnet, bool up)
{
	if (vnet->link_up == up)
		return;
	vnet->link_up = up;
	/* Whoever is at the other end of a new cable does not know where this guest is. */
	vnet->announce = up && vpci_has_feature(&vnet->pci, VIRTIO_NET_F_GUEST_ANNOUNCE);
	vpci_config_changed(&vnet->pci);
}

const struct vnet_stats *vnet_stats(const struct vnet *vnet)
{
	return &vnet->stats;
}

struct rig_server *vnet_server(struct vnet *vnet)
{
	return vnet->server;
}

/*
 * Making and freeing
 */

static bool config_valid(const struct vnet_config *config)
{
	return !(config->mac[0] & 1) && config->mtu >= FRAME_MTU_MIN &&
	       config->mtu <= FRAME_MTU_MAX && config->queue_pairs >= 1 &&
	       config->queue_pairs <= VNET_PAIRS_MAX;
}

static void init_pci(struct vnet *vnet, const struct vpci_bus *bus)
{
	uint16_t sizes[VNET_QUEUES_MAX];
	struct vpci_type type = {
		.virtio_id = VIRTIO_ID_NET,
		.class_code = CLASS_ETHERNET,
		.features = NET_FEATURES,
		.config_size = sizeof(struct virtio_net_config),
		.queue_sizes = sizes,
		.n_queues = (uint16_t)(vnet_ctrl_queue(vnet) + 1),
		.ops = &pci_ops,
	};

	for (uint16_t i = 0; i < vnet_ctrl_queue(vnet); i++)
		sizes[i] = VNET_QUEUE_SIZE;
	sizes[vnet_ctrl_queue(vnet)] = VNET_CTRL_QUEUE_SIZE;
	vpci_init(&vnet->pci, &type, bus, vnet);
}

int vnet_new_on_bus(const struct vnet_config *config, const struct vnet_backend_ops *ops,
		    void *opaque, const struct vpci_bus *bus, struct vnet **ret)
{
	struct vnet *vnet;

	if (!config_valid(config))
		return -EINVAL;
	vnet = calloc(1, sizeof(*vnet));
	if (!vnet)
		return -ENOMEM;
	vnet->ops = ops;
	vnet->opaque = opaque;
	memcpy(vnet->mac, config->mac, FRAME_MAC);
	vnet->mtu = config->mtu;
	vnet->n_pairs = config->queue_pairs;
	vnet->link_up = true;
	for (uint16_t i = 0; i < vnet->n_pairs; i++) {
		vnet->pairs[i].tx_bytes = malloc(VNET_TX_BYTES);
		if (!vnet->pairs[i].tx_bytes) {
			vnet_free(vnet);
			return -ENOMEM;
		}
	}
	init_pci(vnet, bus);
	*ret = vnet;
	return 0;
}

int vnet_new(const struct vnet_config *config, const struct vnet_backend_ops *ops, void *opaque,
	     struct vnet **ret)
{
	struct vpci_bus no_bus = { .trigger = NULL };
	struct rig_device device = {
		.struct_size = sizeof(device),
		.flags = RIG_DEVICE_PCI | RIG_DEVICE_RESET | RIG_DEVICE_ONE_THREAD,
		.n_regions = RIG_PCI_REGIONS,
		.n_irqs = RIG_PCI_IRQS,
		.ops = &device_ops,
	};
	struct vnet *vnet;
	int r;

	/* The bus needs the device and the other way round: nothing translates or triggers before a
	 * client is here. */
	r = vnet_new_on_bus(config, ops, opaque, &no_bus, &vnet);
	if (r < 0)
		return r;
	vnet->pci.bus = (struct vpci_bus) {
		.memory = { .translate = server_translate, .opaque = vnet },
		.trigger = server_trigger,
		.opaque = vnet,
	};
	device.regions = vnet->pci.regions;
	device.irqs = vnet->pci.irqs;
	device.opaque = vnet;
	r = rig_server_new(&device, &vnet->server);
	if (r < 0) {
		vnet_free(vnet);
		return r;
	}
	*ret = vnet;
	return 0;
}

void vnet_free(struct vnet *vnet)
{
	if (!vnet)
		return;
	rig_server_free(vnet->server);
	for (uint16_t i = 0; i < vnet->n_pairs; i++)
		free(vnet->pairs[i].tx_bytes);
	free(vnet);
}
