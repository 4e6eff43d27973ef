/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spec.h - names for what the virtio 1.x specification numbers
 *
 * Section names are those of "Virtual I/O Device (VIRTIO) Version 1.2". Own words and the
 * standard's values, so that the device builds where Linux's headers are not.
 */
#ifndef VIRTIO_SPEC_H
#define VIRTIO_SPEC_H

#include <assert.h>
#include <stdint.h>

/* Everything in rings, headers and device registers is little-endian; each converts both ways. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint16_t le16(uint16_t v)
{
	return v;
}
static inline uint32_t le32(uint32_t v)
{
	return v;
}
static inline uint64_t le64(uint64_t v)
{
	return v;
}
#else
static inline uint16_t le16(uint16_t v)
{
	return __builtin_bswap16(v);
}
static inline uint32_t le32(uint32_t v)
{
	return __builtin_bswap32(v);
}
static inline uint64_t le64(uint64_t v)
{
	return __builtin_bswap64(v);
}
#endif

/* "2.1 Device Status Field" */
#define VIRTIO_STATUS_ACKNOWLEDGE 1u
#define VIRTIO_STATUS_DRIVER	  2u
#define VIRTIO_STATUS_DRIVER_OK	  4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED	  128u

/* "6 Reserved Feature Bits", as masks */
#define VIRTIO_F_INDIRECT_DESC	  (1ull << 28)
#define VIRTIO_F_EVENT_IDX	  (1ull << 29)
#define VIRTIO_F_VERSION_1	  (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM  (1ull << 33)
#define VIRTIO_F_RING_RESET	  (1ull << 40)

/* "2.7.5 The Virtqueue Descriptor Table" */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
static_assert(sizeof(struct virtq_desc) == 16, "2.7: 16 bytes each");

#define VIRTQ_DESC_F_NEXT     1u
#define VIRTQ_DESC_F_WRITE    2u
#define VIRTQ_DESC_F_INDIRECT 4u

/* "2.7.6 The Virtqueue Available Ring"; used_event follows ring's last entry */
struct virtq_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1u

/* "2.7.8 The Virtqueue Used Ring"; avail_event follows ring's last entry */
struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};
static_assert(sizeof(struct virtq_used_elem) == 8, "2.7: 8 bytes each");

struct virtq_used {
	uint16_t flags;
	uint16_t idx;
	struct virtq_used_elem ring[];
};
#define VIRTQ_USED_F_NO_NOTIFY		    1u

/* "2.7 Split Virtqueues": what each part's address is a multiple of */
#define VIRTQ_DESC_ALIGN		    16u
#define VIRTQ_AVAIL_ALIGN		    2u
#define VIRTQ_USED_ALIGN		    4u

/* "4.1.2 PCI Device Discovery" */
#define VIRTIO_PCI_VENDOR		    0x1af4u
#define VIRTIO_PCI_DEVICE_BASE		    0x1040u /* plus the device type */

/* "4.1.4 Virtio Structure PCI Capabilities": cfg_type */
#define VIRTIO_PCI_CAP_COMMON		    1u
#define VIRTIO_PCI_CAP_NOTIFY		    2u
#define VIRTIO_PCI_CAP_ISR		    3u
#define VIRTIO_PCI_CAP_DEVICE		    4u
#define VIRTIO_PCI_CAP_PCI		    5u

/* "4.1.4.3 Common configuration structure layout": offsets */
#define VIRTIO_COMMON_DEVICE_FEATURE_SELECT 0u
#define VIRTIO_COMMON_DEVICE_FEATURE	    4u
#define VIRTIO_COMMON_DRIVER_FEATURE_SELECT 8u
#define VIRTIO_COMMON_DRIVER_FEATURE	    12u
#define VIRTIO_COMMON_CONFIG_VECTOR	    16u
#define VIRTIO_COMMON_NUM_QUEUES	    18u
#define VIRTIO_COMMON_STATUS		    20u
#define VIRTIO_COMMON_GENERATION	    21u
#define VIRTIO_COMMON_QUEUE_SELECT	    22u
#define VIRTIO_COMMON_QUEUE_SIZE	    24u
#define VIRTIO_COMMON_QUEUE_VECTOR	    26u
#define VIRTIO_COMMON_QUEUE_ENABLE	    28u
#define VIRTIO_COMMON_QUEUE_NOTIFY_OFF	    30u
#define VIRTIO_COMMON_QUEUE_DESC	    32u
#define VIRTIO_COMMON_QUEUE_DRIVER	    40u
#define VIRTIO_COMMON_QUEUE_DEVICE	    48u
#define VIRTIO_COMMON_QUEUE_NOTIFY_DATA	    56u
#define VIRTIO_COMMON_QUEUE_RESET	    58u
#define VIRTIO_COMMON_SIZE		    60u

#define VIRTIO_MSI_NO_VECTOR		    0xffffu

/* "4.1.4.5 ISR status capability" */
#define VIRTIO_ISR_QUEUE		    1u
#define VIRTIO_ISR_CONFIG		    2u

/* "5.1 Network Device" */
#define VIRTIO_ID_NET			    1u

#define VIRTIO_NET_F_MTU		    (1ull << 3)
#define VIRTIO_NET_F_MAC		    (1ull << 5)
#define VIRTIO_NET_F_MRG_RXBUF		    (1ull << 15)
#define VIRTIO_NET_F_STATUS		    (1ull << 16)
#define VIRTIO_NET_F_CTRL_VQ		    (1ull << 17)
#define VIRTIO_NET_F_CTRL_RX		    (1ull << 18)
#define VIRTIO_NET_F_CTRL_VLAN		    (1ull << 19)
#define VIRTIO_NET_F_CTRL_RX_EXTRA	    (1ull << 20)
#define VIRTIO_NET_F_GUEST_ANNOUNCE	    (1ull << 21)
#define VIRTIO_NET_F_CTRL_MAC_ADDR	    (1ull << 23)

/* "5.1.4 Device configuration layout", as far as our features make it exist */
struct virtio_net_config {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
};
static_assert(sizeof(struct virtio_net_config) == 12, "5.1.4: mtu ends at 12");

#define VIRTIO_NET_S_LINK_UP	    1u
#define VIRTIO_NET_S_ANNOUNCE	    2u

/* "5.1.6 Device Operation": flags and gso_type of the header */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1u
#define VIRTIO_NET_HDR_GSO_NONE	    0u
#define VIRTIO_NET_HDR_GSO_TCPV4    1u
#define VIRTIO_NET_HDR_GSO_TCPV6    4u
#define VIRTIO_NET_HDR_GSO_ECN	    0x80u /* a bit besides; segments are cut the same */

/* "5.1.6.5 Control Virtqueue" */
enum virtio_net_ctrl_class {
	VIRTIO_NET_CTRL_RX = 0,
	VIRTIO_NET_CTRL_MAC = 1,
	VIRTIO_NET_CTRL_VLAN = 2,
	VIRTIO_NET_CTRL_ANNOUNCE = 3,
};

enum virtio_net_ctrl_rx {
	VIRTIO_NET_CTRL_RX_PROMISC = 0,
	VIRTIO_NET_CTRL_RX_ALLMULTI = 1,
	VIRTIO_NET_CTRL_RX_ALLUNI = 2,
	VIRTIO_NET_CTRL_RX_NOMULTI = 3,
	VIRTIO_NET_CTRL_RX_NOUNI = 4,
	VIRTIO_NET_CTRL_RX_NOBCAST = 5,
};

enum virtio_net_ctrl_mac {
	VIRTIO_NET_CTRL_MAC_TABLE_SET = 0,
	VIRTIO_NET_CTRL_MAC_ADDR_SET = 1,
};

enum virtio_net_ctrl_vlan {
	VIRTIO_NET_CTRL_VLAN_ADD = 0,
	VIRTIO_NET_CTRL_VLAN_DEL = 1,
};

enum virtio_net_ctrl_announce {
	VIRTIO_NET_CTRL_ANNOUNCE_ACK = 0,
};

#define VIRTIO_NET_CTRL_OK  0u
#define VIRTIO_NET_CTRL_ERR 1u

#endif
