/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_virtio_net.c - the network device between a driver and a backend, both written here
 *
 *   driver (registers, three rings) -- vnet -- backend (a list of frames each way)
 *
 * The driver has its receive buffers, frames and commands at fixed places of guest memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "guest.h"
#include "virtio/iov.h"
#include "virtio/net_device.h"

#define RX	       0u
#define TX	       1u
#define CTRL	       2u

#define RINGS	       (GUEST_BASE + 0x10000)
#define RX_BUFFERS     (GUEST_BASE + 0x100000) /* 4 KiB each */
#define TX_FRAMES      (GUEST_BASE + 0x200000) /* 4 KiB each */
#define COMMAND	       (GUEST_BASE + 0x80000)

#define HEADER	       12u
#define MTU	       1500u
#define FRAMES_MAX     600u

#define FEATURES_BASIC (VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS)
#define FEATURES_ALL                                                                         \
	(FEATURES_BASIC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_VQ | \
	 VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_RX_EXTRA | VIRTIO_NET_F_CTRL_VLAN |        \
	 VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_F_INDIRECT_DESC | \
	 VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET)

static const uint8_t device_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
static const uint8_t other_mac[6] = { 0x52, 0x54, 0, 0xaa, 0xbb, 0xcc };
static const uint8_t multicast_mac[6] = { 0x01, 0, 0x5e, 0, 0, 1 };
static const uint8_t broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

struct bytes {
	size_t len;
	uint8_t *data;
};

struct net {
	struct guest guest;
	struct vnet *vnet;
	struct ring ring[3];
	unsigned int vectors[4], kicked, warnings;

	/* backend: what it took, up to `room`; what waits in it for the guest */
	struct bytes sent[FRAMES_MAX];
	size_t n_sent, room, n_transmits;
	bool driver_refills; /* while the backend is at it, the driver sends more */
	struct bytes waiting[FRAMES_MAX];
	size_t n_waiting, first_waiting;
	struct iovec waiting_iov[FRAMES_MAX][2];
};

/*
 * Backend
 */

static void refill(struct net *net);

static size_t transmit(void *opaque, const struct frame *frames, size_t n)
{
	struct net *net = opaque;
	size_t i;

	net->n_transmits++;
	if (net->driver_refills)
		refill(net);
	for (i = 0; i < n && net->room > 0; i++, net->room--) {
		struct bytes *to = &net->sent[net->n_sent++];

		assert_true(net->n_sent <= FRAMES_MAX);
		to->len = frames[i].len;
		to->data = malloc(frames[i].len);
		assert_int_equal(iov_to_buf(frames[i].iov, frames[i].n_iov, 0, to->data, to->len),
				 to->len);
	}
	return i;
}

/* Frames come in two pieces, so that nobody relies on one. */
static size_t peek(void *opaque, struct frame *frames, size_t n)
{
	struct net *net = opaque;
	size_t i;

	for (i = 0; i < n && net->first_waiting + i < net->n_waiting; i++) {
		struct bytes *frame = &net->waiting[net->first_waiting + i];
		struct iovec *iov = net->waiting_iov[i];
		size_t half = frame->len / 2;

		iov[0] = (struct iovec) { frame->data, half };
		iov[1] = (struct iovec) { frame->data + half, frame->len - half };
		frames[i] = (struct frame) { .iov = iov, .n_iov = 2, .len = frame->len };
	}
	return i;
}

static void consume(void *opaque, size_t n)
{
	struct net *net = opaque;

	for (; n > 0; n--) {
		assert_true(net->first_waiting < net->n_waiting);
		free(net->waiting[net->first_waiting++].data);
	}
}

static void kicked(void *opaque)
{
	((struct net *)opaque)->kicked++;
}

static void log_message(void *opaque, enum rig_log_level level, const char *message)
{
	((struct net *)opaque)->warnings += level <= RIG_LOG_WARNING;
}

static const struct vnet_backend_ops backend_ops = {
	.transmit = transmit,
	.peek = peek,
	.consume = consume,
	.kicked = kicked,
	.log = log_message,
};

/* A frame for the guest: to `mac`, of a tagged kind if vlan is not 0, every byte told by its place
 * and `tag`. */
static void fill_frame(uint8_t *data, size_t len, const uint8_t *mac, uint16_t vlan, uint8_t tag)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(tag + i * 7);
	memcpy(data, mac, 6);
	data[12] = vlan ? 0x81 : 0x08;
	data[13] = 0;
	if (vlan) {
		data[14] = (uint8_t)(vlan >> 8 | 0xe0); /* with a priority */
		data[15] = (uint8_t)vlan;
	}
}

static void arrive_vlan(struct net *net, size_t len, const uint8_t *mac, uint16_t vlan)
{
	struct bytes *frame = &net->waiting[net->n_waiting];

	assert_true(net->n_waiting < FRAMES_MAX);
	frame->len = len;
	frame->data = calloc(1, len > 18 ? len : 18);
	fill_frame(frame->data, len > 18 ? len : 18, mac, vlan, (uint8_t)net->n_waiting);
	net->n_waiting++;
}

static void arrive(struct net *net, size_t len)
{
	arrive_vlan(net, len, device_mac, 0);
}

/*
 * Driver
 */

static int translate(void *opaque, uint64_t address, uint64_t len, uint32_t prot, struct iovec *iov,
		     size_t max_iov)
{
	return guest_translate(&((struct net *)opaque)->guest, address, len, prot, iov, max_iov);
}

static int trigger(void *opaque, uint32_t index, uint32_t vector)
{
	assert_int_equal(index, RIG_PCI_MSIX_IRQ);
	((struct net *)opaque)->vectors[vector]++;
	return 0;
}

static uint64_t get(struct net *net, uint64_t offset, size_t count)
{
	uint64_t value = 0;

	assert_int_equal(vpci_region_read(&net->vnet->pci, VPCI_BAR, offset, &value, count), 0);
	return value;
}

static void set(struct net *net, uint64_t offset, size_t count, uint64_t value)
{
	assert_int_equal(vpci_region_write(&net->vnet->pci, VPCI_BAR, offset, &value, count), 0);
}

static uint8_t status(struct net *net)
{
	return (uint8_t)get(net, VIRTIO_COMMON_STATUS, 1);
}

static void kick(struct net *net, uint16_t queue)
{
	set(net, VPCI_NOTIFY + VPCI_PAGE * queue, 2, queue);
}

static void set_queue(struct net *net, uint16_t queue, uint16_t size, bool event_idx)
{
	struct ring *ring = &net->ring[queue];

	ring_init(ring, &net->guest, RINGS + 0x10000u * queue, size, event_idx);
	set(net, VIRTIO_COMMON_QUEUE_SELECT, 2, queue);
	set(net, VIRTIO_COMMON_QUEUE_SIZE, 2, size);
	set(net, VIRTIO_COMMON_QUEUE_VECTOR, 2, queue);
	set(net, VIRTIO_COMMON_QUEUE_DESC, 4, ring->desc);
	set(net, VIRTIO_COMMON_QUEUE_DRIVER, 4, ring->avail);
	set(net, VIRTIO_COMMON_QUEUE_DEVICE, 4, ring->used);
	set(net, VIRTIO_COMMON_QUEUE_ENABLE, 2, 1);
	assert_int_equal(get(net, VIRTIO_COMMON_QUEUE_ENABLE, 2), 1);
}

static void driver_start(struct net *net, uint64_t features)
{
	bool event_idx = features & VIRTIO_F_EVENT_IDX;

	set(net, VIRTIO_COMMON_STATUS, 1, 0);
	set(net, VIRTIO_COMMON_STATUS, 1, 3);
	set(net, VIRTIO_COMMON_DRIVER_FEATURE_SELECT, 4, 0);
	set(net, VIRTIO_COMMON_DRIVER_FEATURE, 4, (uint32_t)features);
	set(net, VIRTIO_COMMON_DRIVER_FEATURE_SELECT, 4, 1);
	set(net, VIRTIO_COMMON_DRIVER_FEATURE, 4, features >> 32);
	set(net, VIRTIO_COMMON_STATUS, 1, 11);
	assert_int_equal(status(net), 11);
	set(net, VIRTIO_COMMON_CONFIG_VECTOR, 2, 3);
	set_queue(net, RX, 256, event_idx);
	set_queue(net, TX, 256, event_idx);
	set_queue(net, CTRL, 64, event_idx);
	set(net, VIRTIO_COMMON_STATUS, 1, 15);
	assert_int_equal(status(net), 15);
}

static int make(void **state, uint16_t mtu)
{
	struct net *net = calloc(1, sizeof(*net));
	struct vnet_config config = { .mtu = mtu, .queue_pairs = 1 };
	struct vpci_bus bus = { { translate, net }, trigger, net };

	memcpy(config.mac, device_mac, 6);
	guest_init(&net->guest);
	net->room = FRAMES_MAX;
	assert_int_equal(vnet_new_on_bus(&config, &backend_ops, net, &bus, &net->vnet), 0);
	*state = net;
	return 0;
}

static int set_up(void **state)
{
	make(state, MTU);
	driver_start(*state, FEATURES_ALL);
	return 0;
}

static int tear_down(void **state)
{
	struct net *net = *state;

	consume(net, net->n_waiting - net->first_waiting);
	for (size_t i = 0; i < net->n_sent; i++)
		free(net->sent[i].data);
	vnet_free(net->vnet);
	guest_free(&net->guest);
	free(net);
	return 0;
}

/* A fresh net with other features, in place of the fixture's. */
static struct net *restart(void **state, uint16_t mtu, uint64_t features)
{
	tear_down(state);
	make(state, mtu);
	driver_start(*state, features);
	return *state;
}

/* n receive buffers of this length each. Return: true if the driver is to kick for any of them. */
static bool give_buffers(struct net *net, unsigned int n, uint32_t len)
{
	struct ring *ring = &net->ring[RX];
	bool wanted = false;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t slot = ring->avail_idx % ring->size;

		wanted |= ring_offer_one(ring, slot, RX_BUFFERS + 4096u * slot, len, RING_WRITE);
	}
	return wanted;
}

/* The next received frame, put together as "5.1.6.4" says. Return: its length, 0: none. */
static size_t take_frame(struct net *net, uint8_t *to)
{
	struct frame_header header;
	uint32_t id, len = 0, first;
	size_t done;

	if (!ring_take(&net->ring[RX], &id, &first))
		return 0;
	memcpy(&header, guest_at(&net->guest, RX_BUFFERS + 4096u * id), HEADER);
	assert_int_equal(header.flags, 0);
	assert_int_equal(header.gso_type, 0);
	assert_true(header.num_buffers >= 1);
	done = first - HEADER;
	memcpy(to, (uint8_t *)guest_at(&net->guest, RX_BUFFERS + 4096u * id) + HEADER, done);
	for (uint16_t i = 1; i < header.num_buffers; i++) {
		assert_true(ring_take(&net->ring[RX], &id, &len));
		memcpy(to + done, guest_at(&net->guest, RX_BUFFERS + 4096u * id), len);
		done += len;
	}
	return done;
}

static void expect_frame(struct net *net, size_t which, size_t len)
{
	uint8_t *got = malloc(FRAME_MAX), *want = malloc(FRAME_MAX);

	fill_frame(want, len > 18 ? len : 18, device_mac, 0, (uint8_t)which);
	assert_int_equal(take_frame(net, got), len);
	assert_memory_equal(got, want, len);
	free(got);
	free(want);
}

/* A frame to send, header and data in one descriptor. Return: whether to kick. */
static bool send_frame(struct net *net, size_t len)
{
	struct ring *ring = &net->ring[TX];
	uint16_t slot = ring->avail_idx % ring->size;
	uint64_t at = TX_FRAMES + 4096u * slot;

	memset(guest_at(&net->guest, at), 0, HEADER);
	fill_frame((uint8_t *)guest_at(&net->guest, at) + HEADER, len > 18 ? len : 18, other_mac, 0,
		   (uint8_t)ring->avail_idx);
	return ring_offer_one(ring, slot, at, (uint32_t)(HEADER + len), 0);
}

static void expect_sent(const struct net *net, size_t which, uint8_t tag, size_t len)
{
	uint8_t want[4096];

	assert_true(which < net->n_sent);
	fill_frame(want, len, other_mac, 0, tag);
	assert_int_equal(net->sent[which].len, len);
	assert_memory_equal(net->sent[which].data, want, len);
}

static unsigned int used(struct net *net, uint16_t queue)
{
	uint32_t id, len;
	unsigned int n = 0;

	while (ring_take(&net->ring[queue], &id, &len))
		n++;
	return n;
}

/* A command: class, command, data; in one readable descriptor and the byte for its answer. */
static uint8_t command(struct net *net, uint8_t class, uint8_t cmd, const void *data, size_t len)
{
	struct ring *ring = &net->ring[CTRL];
	uint8_t *at = guest_at(&net->guest, COMMAND);
	uint32_t id, written;

	at[0] = class;
	at[1] = cmd;
	memcpy(at + 2, data, len);
	at[4095] = 0xee;
	ring_put_desc(ring, ring->desc, 0,
		      (struct ring_desc) { COMMAND, (uint32_t)len + 2, RING_NEXT, 1 });
	ring_put_desc(ring, ring->desc, 1, (struct ring_desc) { COMMAND + 4095, 1, RING_WRITE, 0 });
	ring_offer(ring, 0);
	assert_true(vnet_run(net->vnet));
	assert_true(ring_take(ring, &id, &written));
	assert_int_equal(id, 0);
	assert_int_equal(written, 1);
	return at[4095];
}

static uint8_t command_byte(struct net *net, uint8_t class, uint8_t cmd, uint8_t value)
{
	return command(net, class, cmd, &value, 1);
}

/*
 * What the device is
 */

static void bad_configurations_are_refused(void **state)
{
	static const struct vnet_config bad[] = {
		{ .mac = { 1 }, .mtu = MTU, .queue_pairs = 1 },
		{ .mtu = FRAME_MTU_MIN - 1, .queue_pairs = 1 },
		{ .mtu = FRAME_MTU_MAX + 1, .queue_pairs = 1 },
		{ .mtu = MTU, .queue_pairs = 0 },
		{ .mtu = MTU, .queue_pairs = 2 },
	};
	struct vpci_bus bus = { .trigger = trigger };
	struct vnet *vnet = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vnet_new_on_bus(&bad[i], &backend_ops, NULL, &bus, &vnet),
				 -EINVAL);
	assert_null(vnet);
	vnet_free(NULL);
	(void)state;
}

static void configuration_tells_mac_status_pairs_and_mtu(void **state)
{
	struct net *net = *state;
	uint8_t mac[6];

	vpci_region_read(&net->vnet->pci, VPCI_BAR, VPCI_DEVICE, mac, 6);
	assert_memory_equal(mac, device_mac, 6);
	assert_int_equal(get(net, VPCI_DEVICE + 6, 2), 1);
	assert_int_equal(get(net, VPCI_DEVICE + 8, 2), 1);
	assert_int_equal(get(net, VPCI_DEVICE + 10, 2), MTU);
}

static void control_features_without_a_control_queue_are_refused(void **state)
{
	static const unsigned int bits[] = { 18, 19, 20, 21, 23 };
	struct net *net = *state;

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		set(net, VIRTIO_COMMON_STATUS, 1, 0);
		set(net, VIRTIO_COMMON_DRIVER_FEATURE, 4, 1u << bits[i]);
		set(net, VIRTIO_COMMON_DRIVER_FEATURE_SELECT, 4, 1);
		set(net, VIRTIO_COMMON_DRIVER_FEATURE, 4, 1);
		set(net, VIRTIO_COMMON_STATUS, 1, 11);
		assert_int_equal(status(net), 3);
	}
}

/*
 * Frames from the guest
 */

static void a_sent_frame_reaches_the_backend_unchanged(void **state)
{
	struct net *net = *state;

	assert_true(send_frame(net, 60));
	kick(net, TX);
	assert_true(net->kicked > 0);
	assert_int_equal(net->n_sent, 0); /* not inside the register access */
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 1);
	expect_sent(net, 0, 0, 60);
	assert_int_equal(used(net, TX), 1);
	assert_int_equal(net->vectors[TX], 1);
	assert_false(vnet_run(net->vnet));
	assert_int_equal(vnet_stats(net->vnet)->tx_frames, 1);
	assert_int_equal(vnet_stats(net->vnet)->tx_bytes, 60);
}

static void a_burst_is_one_call_one_publication_one_interrupt(void **state)
{
	struct net *net = *state;

	for (unsigned int i = 0; i < 50; i++)
		send_frame(net, 60 + i);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_transmits, 1);
	assert_int_equal(net->n_sent, 50);
	for (unsigned int i = 0; i < 50; i++)
		expect_sent(net, i, (uint8_t)i, 60 + i);
	assert_int_equal(used(net, TX), 50);
	assert_int_equal(net->vectors[TX], 1);
}

static void a_frame_in_many_pieces_and_indirect_is_put_together(void **state)
{
	struct net *net = *state;
	struct ring *ring = &net->ring[TX];
	uint64_t table = COMMAND;

	send_frame(net, 200); /* lays it out; then the descriptor is replaced */
	for (uint16_t i = 0; i < 53; i++)
		ring_put_desc(ring, table, i,
			      (struct ring_desc) { TX_FRAMES + 4u * i, 4, i < 52 ? RING_NEXT : 0,
						   i + 1 });
	ring_put_desc(ring, ring->desc, 0, (struct ring_desc) { table, 53 * 16, RING_INDIRECT, 0 });
	assert_true(vnet_run(net->vnet));
	expect_sent(net, 0, 0, 200);
}

static void runts_and_giants_are_dropped_and_counted_and_used(void **state)
{
	struct net *net = *state;

	send_frame(net, 0);
	send_frame(net, 13);
	send_frame(net, 14);
	send_frame(net, MTU + 18);
	send_frame(net, MTU + 19);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 2);
	assert_int_equal(net->sent[0].len, 14);
	assert_int_equal(net->sent[1].len, MTU + 18);
	assert_int_equal(used(net, TX), 5);
	assert_int_equal(vnet_stats(net->vnet)->tx_dropped, 3);
	assert_int_equal(vnet_stats(net->vnet)->tx_frames, 2);
	assert_int_equal(status(net), 15);
}

static void offloads_that_were_not_offered_are_dropped(void **state)
{
	struct net *net = *state;

	send_frame(net, 60);
	*(uint8_t *)guest_at(&net->guest, TX_FRAMES) = 1; /* NEEDS_CSUM */
	send_frame(net, 60);
	*((uint8_t *)guest_at(&net->guest, TX_FRAMES + 4096) + 1) = 1; /* TCPV4 */
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 0);
	assert_int_equal(used(net, TX), 2);
	assert_int_equal(vnet_stats(net->vnet)->tx_dropped, 2);
}

static void a_full_backend_gets_the_rest_later_in_order(void **state)
{
	struct net *net = *state;

	net->room = 3;
	for (unsigned int i = 0; i < 5; i++)
		send_frame(net, 60 + i);
	send_frame(net, 5); /* a runt behind them does not overtake */
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 3);
	assert_int_equal(used(net, TX), 3);
	assert_int_equal(vnet_stats(net->vnet)->tx_dropped, 0);

	/* no kick would help, and what is left is no reason to stay awake */
	assert_false(vnet_run(net->vnet));
	assert_true(vnet_sleep(net->vnet));
	assert_false(send_frame(net, 70));

	net->room = FRAMES_MAX;
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 6);
	for (unsigned int i = 0; i < 5; i++)
		expect_sent(net, i, (uint8_t)i, 60 + i);
	assert_int_equal(used(net, TX), 4);
	assert_int_equal(vnet_stats(net->vnet)->tx_frames, 6);
	assert_int_equal(vnet_stats(net->vnet)->tx_dropped, 1);
}

static void frames_taken_are_not_sent_again_when_some_before_were_dropped(void **state)
{
	struct net *net = *state;

	net->room = 2;
	send_frame(net, 60);
	send_frame(net, 5);
	send_frame(net, 62);
	send_frame(net, 63);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(used(net, TX), 3);
	net->room = FRAMES_MAX;
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 3);
	expect_sent(net, 1, 2, 62);
	expect_sent(net, 2, 3, 63);
	assert_int_equal(used(net, TX), 1);
	assert_int_equal(vnet_stats(net->vnet)->tx_dropped, 1);
}

static void a_frame_taken_is_out_of_the_guests_reach(void **state)
{
	struct net *net = *state;
	struct vnet_pair *pair = &net->vnet->pairs[0];

	send_frame(net, 60);
	assert_true(vnet_run(net->vnet));
	/* what transmit() saw was the private copy */
	assert_memory_equal(net->sent[0].data, pair->tx_bytes, 60);
}

static void large_frames_are_handed_over_in_several_batches(void **state)
{
	struct net *net = restart(state, FRAME_MTU_MAX, FEATURES_ALL);
	struct ring *ring = &net->ring[TX];

	for (uint16_t i = 0; i < 10; i++) {
		/* all from the same place */
		memset(guest_at(&net->guest, TX_FRAMES), 0, HEADER);
		ring_offer_one(ring, i, TX_FRAMES, HEADER + FRAME_MAX, 0);
	}
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 10);
	assert_int_equal(used(net, TX), 10);
	assert_true(net->n_transmits > 1);
	assert_int_equal(net->sent[9].len, FRAME_MAX);
}

/* As many frames as the ring takes again. */
static void refill(struct net *net)
{
	for (unsigned int n = used(net, TX); n > 0; n--)
		send_frame(net, 60);
}

/* A driver that is faster than we are does not keep us for ever. */
static void one_run_is_bounded(void **state)
{
	struct net *net = *state;

	for (unsigned int i = 0; i < 256; i++)
		send_frame(net, 60);
	net->driver_refills = true;
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, VNET_RUN_FRAMES);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 2 * VNET_RUN_FRAMES);
}

/*
 * Frames to the guest
 */

static void a_frame_is_received_with_its_header(void **state)
{
	struct net *net = *state;

	give_buffers(net, 4, 1526);
	arrive(net, 60);
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 0, 60);
	assert_int_equal(net->first_waiting, 1);
	assert_int_equal(net->vectors[RX], 1);
	assert_int_equal(vnet_stats(net->vnet)->rx_frames, 1);
	assert_int_equal(vnet_stats(net->vnet)->rx_bytes, 60);
}

static void a_batch_is_received_with_one_interrupt(void **state)
{
	struct net *net = *state;

	give_buffers(net, 100, 1526);
	for (unsigned int i = 0; i < 40; i++)
		arrive(net, 60 + i);
	assert_true(vnet_run(net->vnet));
	for (unsigned int i = 0; i < 40; i++)
		expect_frame(net, i, 60 + i);
	assert_int_equal(net->vectors[RX], 1);
}

static void a_frame_is_spread_over_small_buffers(void **state)
{
	struct net *net = *state;

	give_buffers(net, 40, 100);
	arrive(net, 1514); /* 1526 with its header: 16 buffers */
	arrive(net, 88);   /* exactly one */
	arrive(net, 89);   /* one byte too long for one */
	assert_true(vnet_run(net->vnet));
	assert_int_equal(ring_used_idx(&net->ring[RX]), 16 + 1 + 2);
	expect_frame(net, 0, 1514);
	expect_frame(net, 1, 88);
	expect_frame(net, 2, 89);
}

/* "legacy" drivers split the header off; a modern one may have it in as many pieces as it likes. */
static void a_header_in_pieces_is_written_right(void **state)
{
	struct net *net = *state;
	struct ring *ring = &net->ring[RX];

	for (uint16_t i = 0; i < 13; i++)
		ring_put_desc(ring, ring->desc, i,
			      (struct ring_desc) { RX_BUFFERS + i, i < 12 ? 1 : 1514,
						   RING_WRITE | (i < 12 ? RING_NEXT : 0), i + 1 });
	memset(guest_at(&net->guest, RX_BUFFERS), 0xff, 2000);
	ring_offer(ring, 0);
	arrive(net, 99);
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 0, 99);
}

static void without_mergeable_buffers_a_frame_needs_one_that_is_long_enough(void **state)
{
	struct net *net = restart(state, MTU, FEATURES_BASIC);

	give_buffers(net, 3, 200);
	arrive(net, 188);
	arrive(net, 189);
	arrive(net, 100);
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 0, 188);
	expect_frame(net, 2, 100);
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 1);
	assert_int_equal(net->first_waiting, 3);
	assert_int_equal(status(net), 15);
}

static void a_frame_too_long_for_the_whole_ring_is_dropped(void **state)
{
	struct net *net = restart(state, FRAME_MTU_MAX, FEATURES_ALL);

	give_buffers(net, 256, 12);
	arrive(net, 256 * 12);
	arrive(net, 20);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 1);
	expect_frame(net, 1, 20);
}

static void a_frame_that_needs_what_others_of_its_batch_use_waits_for_it(void **state)
{
	struct net *net = restart(state, FRAME_MTU_MAX, FEATURES_ALL);

	give_buffers(net, 256, 32);
	arrive(net, 20);
	arrive(net, 255 * 32);
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 0, 20);
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 0);
	assert_true(give_buffers(net, 1, 32));
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 1, 255 * 32);
}

static void a_frame_without_buffers_waits_and_asks_for_a_kick(void **state)
{
	struct net *net = *state;

	assert_false(vnet_run(net->vnet)); /* nothing waits: no kick is wanted */
	assert_true(vnet_sleep(net->vnet));
	arrive(net, 60);
	assert_false(vnet_run(net->vnet));
	assert_true(vnet_sleep(net->vnet));
	assert_int_equal(net->first_waiting, 0);

	assert_true(give_buffers(net, 1, 1526));
	kick(net, RX);
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 0, 60);
}

static void buffers_are_not_worth_a_kick_while_no_frame_waits(void **state)
{
	struct net *net = *state;

	give_buffers(net, 4, 1526);
	arrive(net, 60);
	assert_true(vnet_run(net->vnet));
	assert_true(vnet_sleep(net->vnet));
	assert_false(give_buffers(net, 4, 1526));
}

static void buffers_are_not_worth_a_kick_while_no_frame_waits_by_flag(void **state)
{
	struct net *net = restart(state, MTU, FEATURES_BASIC);

	vnet_run(net->vnet);
	assert_true(vnet_sleep(net->vnet));
	assert_false(give_buffers(net, 4, 1526));
	for (unsigned int i = 0; i < 5; i++)
		arrive(net, 60);
	vnet_run(net->vnet);
	assert_true(vnet_sleep(net->vnet));
	assert_true(give_buffers(net, 1, 1526));
	vnet_run(net->vnet);
	assert_true(vnet_sleep(net->vnet));
	assert_false(give_buffers(net, 1, 1526));
}

/* Too few buffers for it: what it had in hand goes back, and the kick comes for the next one, not
 * for these. */
static void a_frame_with_too_few_buffers_waits_for_more(void **state)
{
	struct net *net = *state;

	give_buffers(net, 3, 100);
	arrive(net, 500); /* 512: six buffers */
	for (unsigned int i = 3; i < 6; i++) {
		assert_false(vnet_run(net->vnet));
		assert_true(vnet_sleep(net->vnet));
		assert_int_equal(ring_used_idx(&net->ring[RX]), 0);
		assert_true(give_buffers(net, 1, 100));
	}
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 0, 500);
}

static void frames_longer_than_a_negotiated_mtu_are_dropped(void **state)
{
	struct net *net = *state;

	give_buffers(net, 8, 4096);
	arrive(net, MTU + 14);
	arrive(net, MTU + 15);
	command_byte(net, 0, 0, 1); /* promiscuous: tagged frames pass */
	arrive_vlan(net, MTU + 18, device_mac, 5);
	arrive_vlan(net, MTU + 19, device_mac, 5);
	vnet_run(net->vnet);
	assert_int_equal(vnet_stats(net->vnet)->rx_frames, 2);
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 2);
}

static void runts_from_the_backend_are_dropped(void **state)
{
	struct net *net = *state;

	give_buffers(net, 8, 1526);
	arrive(net, 13);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 1);
	assert_int_equal(ring_used_idx(&net->ring[RX]), 0);
}

static void frames_for_nobody_are_taken_and_dropped(void **state)
{
	struct net *net = *state;

	set(net, VIRTIO_COMMON_STATUS, 1, 0);
	for (unsigned int i = 0; i < 100; i++)
		arrive(net, 60);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->first_waiting, 100);
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 100);
	assert_true(vnet_sleep(net->vnet));
}

static void while_the_rx_queue_is_reset_frames_wait(void **state)
{
	struct net *net = *state;

	set(net, VIRTIO_COMMON_QUEUE_SELECT, 2, RX);
	set(net, VIRTIO_COMMON_QUEUE_RESET, 2, 1);
	arrive(net, 60);
	assert_false(vnet_run(net->vnet));
	net->kicked = 0;
	set_queue(net, RX, 64, true);
	assert_int_equal(net->kicked, 1);
	give_buffers(net, 1, 1526);
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 0, 60);
}

/*
 * Kicks
 */

static void a_busy_device_is_not_kicked_and_a_sleeping_one_once(void **state)
{
	struct net *net = *state;

	assert_true(send_frame(net, 60)); /* the very first */
	assert_true(vnet_run(net->vnet));
	assert_false(send_frame(net, 60));
	assert_true(vnet_run(net->vnet));
	assert_false(vnet_run(net->vnet));
	assert_true(vnet_sleep(net->vnet));
	assert_true(send_frame(net, 60));
	assert_false(send_frame(net, 60));
}

static void work_that_came_before_sleep_keeps_the_device_awake(void **state)
{
	struct net *net = *state;

	send_frame(net, 60);
	vnet_run(net->vnet);
	assert_false(send_frame(net, 60));
	assert_false(vnet_sleep(net->vnet));
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 2);
	assert_true(vnet_sleep(net->vnet));
}

static void a_command_that_came_before_sleep_keeps_the_device_awake(void **state)
{
	struct net *net = *state;

	vnet_run(net->vnet);
	ring_offer_one(&net->ring[CTRL], 0, COMMAND, 1, RING_WRITE);
	assert_false(vnet_sleep(net->vnet));
	assert_true(vnet_run(net->vnet));
	assert_true(vnet_sleep(net->vnet));
}

static void a_reset_in_the_middle_of_traffic_starts_afresh(void **state)
{
	struct net *net = *state;

	net->room = 1;
	give_buffers(net, 3, 100);
	arrive(net, 1000);
	for (unsigned int i = 0; i < 5; i++)
		send_frame(net, 60);
	vnet_run(net->vnet);
	driver_start(net, FEATURES_BASIC);
	net->room = FRAMES_MAX;
	vnet_run(net->vnet);
	assert_int_equal(net->n_sent, 1);
	give_buffers(net, 3, 1526);
	send_frame(net, 77);
	assert_true(vnet_run(net->vnet));
	expect_frame(net, 0, 1000); /* it was still waiting */
	assert_int_equal(net->n_sent, 2);
	assert_int_equal(net->sent[1].len, 77);
}

/*
 * Drivers that break the rules
 */

static void lie_tx_writable(struct net *net)
{
	ring_offer_one(&net->ring[TX], 0, TX_FRAMES, 100, RING_WRITE);
}

static void lie_tx_short_header(struct net *net)
{
	ring_offer_one(&net->ring[TX], 0, TX_FRAMES, HEADER - 1, 0);
}

static void lie_tx_outside(struct net *net)
{
	ring_offer_one(&net->ring[TX], 0, 0, 100, 0);
}

static void lie_rx_readable(struct net *net)
{
	ring_offer_one(&net->ring[RX], 0, RX_BUFFERS, 1526, 0);
	arrive(net, 60);
}

static void lie_rx_short_header(struct net *net)
{
	ring_offer_one(&net->ring[RX], 0, RX_BUFFERS, HEADER - 1, RING_WRITE);
	arrive(net, 60);
}

static void lie_rx_loop(struct net *net)
{
	ring_put_desc(&net->ring[RX], net->ring[RX].desc, 0,
		      (struct ring_desc) { RX_BUFFERS, 100, RING_WRITE | RING_NEXT, 0 });
	ring_offer(&net->ring[RX], 0);
	arrive(net, 60);
}

static void lie_ctrl_readable_only(struct net *net)
{
	ring_offer_one(&net->ring[CTRL], 0, COMMAND, 3, 0);
}

static void each_lie_stops_the_device_until_a_reset(void **state)
{
	static void (*const lies[])(struct net *) = {
		lie_tx_writable,     lie_tx_short_header, lie_tx_outside,	  lie_rx_readable,
		lie_rx_short_header, lie_rx_loop,	  lie_ctrl_readable_only,
	};
	struct net *net;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		set_up((void **)&net);
		lies[i](net);
		vnet_run(net->vnet);
		if (status(net) != (15 | 64))
			fail_msg("lie %zu: status is %u", i, status(net));
		assert_int_equal(net->vectors[3], 1);
		assert_int_equal(net->warnings, 1);

		/* nothing moves, nobody spins */
		send_frame(net, 60);
		kick(net, TX);
		vnet_run(net->vnet);
		assert_false(vnet_run(net->vnet));
		assert_true(vnet_sleep(net->vnet));
		assert_int_equal(net->n_sent, 0);
		assert_int_equal(net->warnings, 1);

		driver_start(net, FEATURES_ALL);
		send_frame(net, 60);
		assert_true(vnet_run(net->vnet));
		assert_int_equal(net->n_sent, 1);
		tear_down((void **)&net);
	}
	(void)state;
}

static void frames_before_a_broken_one_were_sent(void **state)
{
	struct net *net = *state;

	send_frame(net, 60);
	ring_offer_one(&net->ring[TX], 1, 0, 100, 0);
	vnet_run(net->vnet);
	assert_int_equal(net->n_sent, 1);
	assert_int_equal(status(net), 15 | 64);
}

/*
 * The receive filter
 */

/* How many of five frames (own, other, multicast, broadcast, own in VLAN 7) get through, as a
 * string of digits. */
static const char *passing(struct net *net)
{
	static const uint8_t *const to[] = { device_mac, other_mac, multicast_mac, broadcast_mac,
					     device_mac };
	static char result[6];

	for (unsigned int i = 0; i < 5; i++) {
		uint64_t before = vnet_stats(net->vnet)->rx_frames;

		arrive_vlan(net, 60, to[i], i == 4 ? 7 : 0);
		assert_true(vnet_run(net->vnet));
		result[i] = vnet_stats(net->vnet)->rx_frames > before ? '1' : '0';
	}
	return result;
}

static void everything_passes_until_the_driver_filters(void **state)
{
	struct net *net = *state;

	give_buffers(net, 200, 1526);
	assert_string_equal(passing(net), "11111");
	assert_int_equal(command_byte(net, 0, 0, 0), 0); /* not promiscuous */
	assert_string_equal(passing(net), "10010");
	assert_int_equal(vnet_stats(net->vnet)->rx_filtered, 3);
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 0);
}

static void each_receive_mode_does_what_it_says(void **state)
{
	struct net *net = *state;

	give_buffers(net, 250, 1526);
	command_byte(net, 0, 0, 0);
	assert_int_equal(command_byte(net, 0, 1, 1), 0); /* allmulti */
	assert_string_equal(passing(net), "10110");
	assert_int_equal(command_byte(net, 0, 1, 0), 0);
	assert_int_equal(command_byte(net, 0, 2, 1), 0); /* alluni */
	assert_string_equal(passing(net), "11010");
	assert_int_equal(command_byte(net, 0, 3, 1), 0); /* nomulti */
	command_byte(net, 0, 1, 1);
	assert_string_equal(passing(net), "11010");
	assert_int_equal(command_byte(net, 0, 4, 1), 0); /* nouni */
	assert_string_equal(passing(net), "00010");
	assert_int_equal(command_byte(net, 0, 5, 1), 0); /* nobcast */
	assert_string_equal(passing(net), "00000");
	command_byte(net, 0, 0, 1);
	assert_string_equal(passing(net), "11111");
	driver_start(net, FEATURES_ALL); /* a reset forgets all of it */
	give_buffers(net, 5, 1526);
	assert_string_equal(passing(net), "11111");
}

static void vlans_pass_one_by_one(void **state)
{
	struct net *net = *state;
	uint16_t vlan = 7, wrong = 4096;

	give_buffers(net, 100, 1526);
	command_byte(net, 0, 0, 0);
	assert_int_equal(command(net, 2, 0, &vlan, 2), 0);
	assert_string_equal(passing(net), "10011");
	assert_int_equal(command(net, 2, 1, &vlan, 2), 0);
	assert_string_equal(passing(net), "10010");
	assert_int_equal(command(net, 2, 0, &wrong, 2), 1);
}

static void without_vlan_filtering_every_vlan_passes(void **state)
{
	struct net *net = restart(state, MTU, FEATURES_ALL & ~VIRTIO_NET_F_CTRL_VLAN);
	uint16_t vlan = 7;

	give_buffers(net, 100, 1526);
	command_byte(net, 0, 0, 0);
	assert_string_equal(passing(net), "10011");
	assert_int_equal(command(net, 2, 0, &vlan, 2), 1);
}

/* A table command: n unicast and m multicast addresses, counting up from the two given. */
static size_t table_command(uint8_t *to, uint32_t n, uint32_t m)
{
	uint8_t *at = to;

	memcpy(at, &n, 4);
	at += 4;
	for (uint32_t i = 0; i < n; i++, at += 6) {
		memcpy(at, other_mac, 6);
		at[4] = (uint8_t)(other_mac[4] + i);
	}
	memcpy(at, &m, 4);
	at += 4;
	for (uint32_t i = 0; i < m; i++, at += 6) {
		memcpy(at, multicast_mac, 6);
		at[4] = (uint8_t)(multicast_mac[4] + i);
	}
	return (size_t)(at - to);
}

static void listed_addresses_pass(void **state)
{
	struct net *net = *state;
	uint8_t data[2048];

	give_buffers(net, 100, 1526);
	command_byte(net, 0, 0, 0);
	assert_int_equal(command(net, 1, 0, data, table_command(data, 1, 0)), 0);
	assert_string_equal(passing(net), "11010");
	assert_int_equal(command(net, 1, 0, data, table_command(data, 0, 64)), 0);
	assert_string_equal(passing(net), "10110");
	assert_int_equal(command(net, 1, 0, data, table_command(data, 0, 0)), 0);
	assert_string_equal(passing(net), "10010");
}

static void a_table_that_overflows_lets_all_of_its_kind_pass(void **state)
{
	struct net *net = *state;
	uint8_t data[2048];
	size_t len;

	give_buffers(net, 100, 1526);
	command_byte(net, 0, 0, 0);
	len = table_command(data, 65, 0);
	memset(data + 4, 0x42, 65 * 6); /* without the one that counts */
	assert_int_equal(command(net, 1, 0, data, len), 0);
	assert_string_equal(passing(net), "11010");
	len = table_command(data, 0, 65);
	memset(data + 8, 0x43, 65 * 6);
	assert_int_equal(command(net, 1, 0, data, len), 0);
	assert_string_equal(passing(net), "10110");
}

static void a_table_command_cut_at_any_byte_changes_nothing(void **state)
{
	struct net *net = *state;
	uint8_t data[2048];
	size_t len;

	command_byte(net, 0, 0, 0);
	assert_int_equal(command(net, 1, 0, data, table_command(data, 2, 3)), 0);
	len = table_command(data, 3, 2);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(command(net, 1, 0, data, i), 1);
	assert_int_equal(command(net, 1, 0, data, len + 1), 1);
	assert_int_equal(net->vnet->filter.unicast.n, 2);
	assert_int_equal(net->vnet->filter.multicast.n, 3);

	/* counts that lie */
	memset(data, 0xff, 4);
	assert_int_equal(command(net, 1, 0, data, len), 1);
	table_command(data, 3, 2);
	data[25] = 0x80;
	assert_int_equal(command(net, 1, 0, data, len), 1);
	assert_int_equal(net->vnet->filter.unicast.n, 2);
}

/*
 * Other commands
 */

static void the_address_can_be_changed_until_a_reset(void **state)
{
	struct net *net = *state;
	uint8_t mac[6];

	give_buffers(net, 100, 1526);
	command_byte(net, 0, 0, 0);
	assert_int_equal(command(net, 1, 1, other_mac, 6), 0);
	vpci_region_read(&net->vnet->pci, VPCI_BAR, VPCI_DEVICE, mac, 6);
	assert_memory_equal(mac, other_mac, 6);
	assert_string_equal(passing(net), "01010");

	assert_int_equal(command(net, 1, 1, multicast_mac, 6), 1);
	assert_int_equal(command(net, 1, 1, device_mac, 5), 1);
	assert_int_equal(command(net, 1, 1, "1234567", 7), 1);

	driver_start(net, FEATURES_ALL);
	vpci_region_read(&net->vnet->pci, VPCI_BAR, VPCI_DEVICE, mac, 6);
	assert_memory_equal(mac, device_mac, 6);
}

static void commands_that_do_not_exist_are_answered_with_an_error(void **state)
{
	static const uint8_t wrong[][2] = { { 0, 6 }, { 1, 2 }, { 2, 2 },
					    { 3, 1 }, { 4, 0 }, { 0xff, 0xff } };
	struct net *net = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(command(net, wrong[i][0], wrong[i][1], "\1\0", 1), 1);
		assert_int_equal(command(net, wrong[i][0], wrong[i][1], "\1\0", 2), 1);
	}
	assert_int_equal(command(net, 0, 0, "", 0), 1);
	assert_int_equal(command(net, 0, 0, "\0\0", 2), 1);
	assert_int_equal(status(net), 15);
}

static void commands_that_were_not_negotiated_are_answered_with_an_error(void **state)
{
	struct net *net = restart(state, MTU, FEATURES_BASIC | VIRTIO_NET_F_CTRL_VQ);
	uint8_t table[8] = { 0 };

	assert_int_equal(command_byte(net, 0, 0, 0), 1);
	assert_int_equal(command_byte(net, 0, 2, 1), 1);
	assert_int_equal(command(net, 1, 0, table, 8), 1);
	assert_int_equal(command(net, 1, 1, other_mac, 6), 1);
	assert_int_equal(command(net, 2, 0, table, 2), 1);
	assert_int_equal(command(net, 3, 0, table, 0), 1);
}

static void a_command_without_even_a_class_is_answered_with_an_error(void **state)
{
	struct net *net = *state;
	uint8_t *answer = guest_at(&net->guest, COMMAND);

	*answer = 0xee;
	ring_offer_one(&net->ring[CTRL], 0, COMMAND, 1, RING_WRITE);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(*answer, 1);
	assert_int_equal(status(net), 15);
}

static void the_control_queue_interrupts(void **state)
{
	struct net *net = *state;

	command_byte(net, 0, 0, 0);
	assert_int_equal(net->vectors[CTRL], 1);
}

static void link_changes_are_told_and_coming_back_asks_for_an_announcement(void **state)
{
	struct net *net = *state;
	uint64_t generation = get(net, VIRTIO_COMMON_GENERATION, 1);

	vnet_set_link(net->vnet, true); /* it is */
	assert_int_equal(net->vectors[3], 0);
	vnet_set_link(net->vnet, false);
	assert_int_equal(get(net, VPCI_DEVICE + 6, 2), 0);
	assert_int_equal(net->vectors[3], 1);
	assert_int_not_equal(get(net, VIRTIO_COMMON_GENERATION, 1), generation);
	vnet_set_link(net->vnet, true);
	assert_int_equal(get(net, VPCI_DEVICE + 6, 2), 3);
	assert_int_equal(net->vectors[3], 2);
	assert_int_equal(command(net, 3, 0, "", 0), 0);
	assert_int_equal(get(net, VPCI_DEVICE + 6, 2), 1);
}

static void a_driver_that_cannot_announce_is_not_asked_to(void **state)
{
	struct net *net = restart(state, MTU, FEATURES_BASIC);

	vnet_set_link(net->vnet, false);
	vnet_set_link(net->vnet, true);
	assert_int_equal(get(net, VPCI_DEVICE + 6, 2), 1);
}

static void without_a_link_frames_go_nowhere(void **state)
{
	struct net *net = *state;

	give_buffers(net, 4, 1526);
	vnet_set_link(net->vnet, false);
	arrive(net, 60);
	send_frame(net, 60);
	assert_true(vnet_run(net->vnet));
	assert_int_equal(net->n_sent, 0);
	assert_int_equal(used(net, TX), 1);
	assert_int_equal(used(net, RX), 0);
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 1);
	assert_int_equal(vnet_stats(net->vnet)->tx_dropped, 1);
}

/*
 * Random traffic both ways: nothing is lost, doubled or reordered, whoever sleeps when. The indexes
 * go round several times.
 */

struct walk {
	uint64_t seed;
	uint64_t sent, seen_sent; /* from the guest */
	uint64_t arrived, seen_received;
	bool awake;
};

static uint32_t walk_random(struct walk *w, uint32_t n)
{
	return test_random(&w->seed) % n;
}

static size_t walk_length(uint64_t number)
{
	return 14 + number * 37 % 1500;
}

static void walk_give(struct net *net, struct walk *w)
{
	struct ring *ring = &net->ring[RX];
	unsigned int free_slots = ring->size - (uint16_t)(ring->avail_idx - ring->taken);
	unsigned int n = walk_random(w, 20);

	if (give_buffers(net, n < free_slots ? n : free_slots, 400))
		w->awake = true; /* the kick */
}

static void walk_send(struct net *net, struct walk *w)
{
	struct ring *ring = &net->ring[TX];

	used(net, TX);
	if ((uint16_t)(ring->avail_idx - ring->taken) == ring->size)
		return;
	if (send_frame(net, walk_length(w->sent++)))
		w->awake = true;
}

static void walk_check_sent(struct net *net, struct walk *w)
{
	for (size_t i = 0; i < net->n_sent; i++, w->seen_sent++) {
		size_t len = walk_length(w->seen_sent);
		uint8_t want[4096];

		fill_frame(want, len > 18 ? len : 18, other_mac, 0, (uint8_t)w->seen_sent);
		assert_int_equal(net->sent[i].len, len);
		assert_memory_equal(net->sent[i].data, want, len);
		free(net->sent[i].data);
	}
	net->n_sent = 0;
}

static void walk_arrive(struct net *net, struct walk *w)
{
	struct bytes frame = { .len = walk_length(w->arrived) };

	if (net->first_waiting == net->n_waiting)
		net->first_waiting = net->n_waiting = 0;
	if (net->n_waiting == FRAMES_MAX)
		return;
	frame.data = malloc(frame.len > 18 ? frame.len : 18);
	fill_frame(frame.data, frame.len > 18 ? frame.len : 18, device_mac, 0, (uint8_t)w->arrived);
	net->waiting[net->n_waiting++] = frame;
	w->arrived++;
	w->awake = true; /* frames wait: the owner runs it */
}

static void walk_receive(struct net *net, struct walk *w)
{
	uint8_t got[4096], want[4096];
	size_t len;

	while ((len = take_frame(net, got)) > 0) {
		assert_int_equal(len, walk_length(w->seen_received));
		fill_frame(want, len > 18 ? len : 18, device_mac, 0, (uint8_t)w->seen_received);
		assert_memory_equal(got, want, len);
		w->seen_received++;
	}
	ring_set_used_event(&net->ring[RX], (uint16_t)(net->ring[RX].taken + walk_random(w, 3)));
}

/* The owner: runs while awake, and sleeps when told that it may. */
static void walk_run(struct net *net, struct walk *w)
{
	if (walk_random(w, 8) == 0)
		net->room = walk_random(w, 6);
	else
		net->room = FRAMES_MAX;
	if (!w->awake && net->vnet->pairs[0].tx_blocked && net->room > 0)
		w->awake = true; /* there is room again */
	if (!w->awake)
		return;
	if (!vnet_run(net->vnet))
		w->awake = !vnet_sleep(net->vnet);
	walk_check_sent(net, w);
}

static void random_traffic(void **state, uint64_t features)
{
	struct net *net = restart(state, MTU, features);
	struct walk w = { .seed = 42 };

	for (unsigned int step = 0; step < 600000; step++) {
		switch (walk_random(&w, 6)) {
		case 0:
			walk_give(net, &w);
			break;
		case 1:
			walk_send(net, &w);
			break;
		case 2:
			walk_arrive(net, &w);
			break;
		case 3:
			walk_receive(net, &w);
			break;
		default:
			walk_run(net, &w);
		}
	}
	/* Whatever is left gets through with nobody asking for it: no wake-up was lost. */
	for (unsigned int i = 0; i < 20000; i++) {
		walk_receive(net, &w);
		walk_give(net, &w);
		walk_run(net, &w);
	}
	walk_receive(net, &w);
	assert_true(w.sent > 65536);
	assert_int_equal(w.seen_sent, w.sent);
	assert_int_equal(w.seen_received, w.arrived);
	assert_int_equal(vnet_stats(net->vnet)->rx_frames, w.arrived);
	assert_int_equal(vnet_stats(net->vnet)->rx_dropped, 0);
	assert_int_equal(status(net), 15);
}

static void random_traffic_with_event_index_arrives(void **state)
{
	random_traffic(state, FEATURES_ALL);
}

static void random_traffic_with_flags_arrives(void **state)
{
	random_traffic(state, FEATURES_ALL & ~VIRTIO_F_EVENT_IDX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configurations_are_refused),
		TEST(configuration_tells_mac_status_pairs_and_mtu),
		TEST(control_features_without_a_control_queue_are_refused),
		TEST(a_sent_frame_reaches_the_backend_unchanged),
		TEST(a_burst_is_one_call_one_publication_one_interrupt),
		TEST(a_frame_in_many_pieces_and_indirect_is_put_together),
		TEST(runts_and_giants_are_dropped_and_counted_and_used),
		TEST(offloads_that_were_not_offered_are_dropped),
		TEST(a_full_backend_gets_the_rest_later_in_order),
		TEST(frames_taken_are_not_sent_again_when_some_before_were_dropped),
		TEST(a_frame_taken_is_out_of_the_guests_reach),
		TEST(large_frames_are_handed_over_in_several_batches),
		TEST(one_run_is_bounded),
		TEST(a_frame_is_received_with_its_header),
		TEST(a_batch_is_received_with_one_interrupt),
		TEST(a_frame_is_spread_over_small_buffers),
		TEST(a_header_in_pieces_is_written_right),
		TEST(without_mergeable_buffers_a_frame_needs_one_that_is_long_enough),
		TEST(a_frame_too_long_for_the_whole_ring_is_dropped),
		TEST(a_frame_that_needs_what_others_of_its_batch_use_waits_for_it),
		TEST(a_frame_without_buffers_waits_and_asks_for_a_kick),
		TEST(buffers_are_not_worth_a_kick_while_no_frame_waits),
		TEST(buffers_are_not_worth_a_kick_while_no_frame_waits_by_flag),
		TEST(a_frame_with_too_few_buffers_waits_for_more),
		TEST(frames_longer_than_a_negotiated_mtu_are_dropped),
		TEST(runts_from_the_backend_are_dropped),
		TEST(frames_for_nobody_are_taken_and_dropped),
		TEST(while_the_rx_queue_is_reset_frames_wait),
		TEST(a_busy_device_is_not_kicked_and_a_sleeping_one_once),
		TEST(work_that_came_before_sleep_keeps_the_device_awake),
		TEST(a_command_that_came_before_sleep_keeps_the_device_awake),
		TEST(a_reset_in_the_middle_of_traffic_starts_afresh),
		cmocka_unit_test(each_lie_stops_the_device_until_a_reset),
		TEST(frames_before_a_broken_one_were_sent),
		TEST(everything_passes_until_the_driver_filters),
		TEST(each_receive_mode_does_what_it_says),
		TEST(vlans_pass_one_by_one),
		TEST(without_vlan_filtering_every_vlan_passes),
		TEST(listed_addresses_pass),
		TEST(a_table_that_overflows_lets_all_of_its_kind_pass),
		TEST(a_table_command_cut_at_any_byte_changes_nothing),
		TEST(the_address_can_be_changed_until_a_reset),
		TEST(commands_that_do_not_exist_are_answered_with_an_error),
		TEST(commands_that_were_not_negotiated_are_answered_with_an_error),
		TEST(a_command_without_even_a_class_is_answered_with_an_error),
		TEST(the_control_queue_interrupts),
		TEST(link_changes_are_told_and_coming_back_asks_for_an_announcement),
		TEST(a_driver_that_cannot_announce_is_not_asked_to),
		TEST(without_a_link_frames_go_nowhere),
		TEST(random_traffic_with_event_index_arrives),
		TEST(random_traffic_with_flags_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
