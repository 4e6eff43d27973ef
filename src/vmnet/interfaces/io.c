/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io.c - read and write, in the caller's thread, from and to the driver's rings
 *
 * A write is checked as a whole before the first packet goes. It then waits for room, up to
 * ROOM_TIMEOUT_MS; only a network that stands still makes it end half-way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/iov.h"
#include "vmnet/interfaces/event.h"
#include "vmnet/interfaces/interface.h"
#include "vmnet/interfaces/write_offload.h"

#define ROOM_TIMEOUT_MS 100u
#define LOOKED_AT_MAX	INTERFACE_BATCH /* who floods with what is not delivered ends a read, too */

static vmnet_return_t check_count(const struct vmpktdesc *packets, const int *n)
{
	if (!packets || !n || *n <= 0)
		return VMNET_INVALID_ARGUMENT;
	return (unsigned int)*n > INTERFACE_BATCH ? VMNET_TOO_MANY_PACKETS : VMNET_SUCCESS;
}

/*
 * A read sets iov_len to the packet's length: some programs send on by it (vmnet-helper), others set
 * it once and never again (QEMU). So what we left there counts for the room that there was.
 */
static bool has_room(const struct interface *interface, size_t i, const struct iovec *iov)
{
	const struct interface_slot *left = interface->slots ? &interface->slots[i] : NULL;

	return iov->iov_len >= interface->max_packet ||
	       (left && left->base == iov->iov_base && left->len == iov->iov_len);
}

/* Has each slot room for the longest packet? */
static vmnet_return_t check_slots(const struct interface *interface,
				  const struct vmpktdesc *packets, int n)
{
	for (int i = 0; i < n; i++) {
		const struct iovec *iov = packets[i].vm_pkt_iov;

		if (packets[i].vm_pkt_iovcnt != 1 || !iov || !iov->iov_base ||
		    !has_room(interface, (size_t)i, iov) ||
		    packets[i].vm_pkt_size < interface->max_packet)
			return VMNET_INVALID_ARGUMENT;
	}
	return VMNET_SUCCESS;
}

/* Return: was there room? What is longer than the interface says that packets are is not for it. */
static bool copy_out(const struct interface *interface, const struct frame *frame,
		     struct vmpktdesc *packet, struct interface_slot *slot)
{
	static const struct frame_header plain = { .num_buffers = 1 };
	size_t header = interface->description.virtio_header ? sizeof(plain) : 0;
	uint8_t *to = packet->vm_pkt_iov->iov_base;

	if (frame->len > interface->max_packet - header)
		return false;
	memcpy(to, &plain, header);
	packet->vm_pkt_size =
		header + iov_to_buf(frame->iov, frame->n_iov, 0, to + header, frame->len);
	packet->vm_pkt_iov->iov_len = packet->vm_pkt_size;
	packet->vm_flags = 0;
	*slot = (struct interface_slot) { to, packet->vm_pkt_size };
	return true;
}

static int read_all(struct interface *interface, struct vmpktdesc *packets, int n)
{
	struct frame frames[INTERFACE_BATCH];
	size_t got, looked_at = 0;
	int done = 0;

	while (done < n && looked_at < LOOKED_AT_MAX &&
	       (got = net_driver_peek(interface->driver, frames, (size_t)(n - done))) > 0) {
		for (size_t i = 0; i < got; i++)
			done += copy_out(interface, &frames[i], &packets[done],
					 &interface->slots[done]);
		net_driver_consume(interface->driver, got);
		looked_at += got;
		interface->consumed = true;
	}
	return done;
}

vmnet_return_t vmnet_read(interface_ref ref, struct vmpktdesc *packets, int *pktcnt)
{
	vmnet_return_t status = check_count(packets, pktcnt);
	struct interface *interface;
	int done = 0;

	if (status != VMNET_SUCCESS)
		return status;
	interface = interface_lock(ref);
	status = interface ? interface_refuses(interface) : VMNET_INVALID_ARGUMENT;
	if (status == VMNET_SUCCESS)
		status = check_slots(interface, packets, *pktcnt);
	if (status == VMNET_SUCCESS && !interface->slots) {
		interface->slots = calloc(INTERFACE_BATCH, sizeof(*interface->slots));
		if (!interface->slots)
			status = VMNET_MEM_FAILURE;
	}
	if (status == VMNET_SUCCESS) {
		done = read_all(interface, packets, *pktcnt);
		if (done < *pktcnt)
			event_drained(interface);
		if (done == 0 && net_driver_error(interface->driver) < 0)
			status = VMNET_FAILURE;
	}
	if (interface)
		interface_unlock(interface);
	*pktcnt = done;
	return status;
}

static vmnet_return_t check_packets(const struct interface *interface,
				    const struct vmpktdesc *packets, int n)
{
	size_t min = FRAME_ETH_HEADER +
		     (interface->description.virtio_header ? sizeof(struct frame_header) : 0);

	for (int i = 0; i < n; i++) {
		const struct iovec *iov = packets[i].vm_pkt_iov;

		if (packets[i].vm_pkt_iovcnt != 1 || !iov || !iov->iov_base ||
		    iov->iov_len != packets[i].vm_pkt_size || packets[i].vm_pkt_size < min)
			return VMNET_INVALID_ARGUMENT;
		if (packets[i].vm_pkt_size > interface->max_packet)
			return VMNET_PACKET_TOO_BIG;
	}
	return VMNET_SUCCESS;
}

static vmnet_return_t status_of(int error)
{
	switch (error) {
	case 0:
		return VMNET_SUCCESS;
	case -ETIMEDOUT:
		return VMNET_BUFFER_EXHAUSTED;
	case -EMSGSIZE:
		return VMNET_PACKET_TOO_BIG;
	case -EINVAL:
		return VMNET_INVALID_ARGUMENT;
	default:
		return VMNET_FAILURE;
	}
}

int interface_send(struct interface *interface, const struct frame *frames, size_t n,
		   size_t *ret_sent)
{
	rig_time deadline = 0;
	size_t sent = 0;
	ssize_t r = 0;

	while (sent < n) {
		r = net_driver_send(interface->driver, frames + sent, n - sent);
		if (r < 0)
			break;
		sent += (size_t)r;
		if (sent == n)
			break;
		net_driver_flush(interface->driver);
		if (r > 0 || deadline == 0)
			deadline = rig_after_ms(ROOM_TIMEOUT_MS);
		r = net_driver_wait_room(interface->driver, deadline);
		if (r < 0)
			break;
	}
	net_driver_flush(interface->driver);
	*ret_sent = sent;
	return r < 0 ? (int)r : 0;
}

/* Packets are frames as they are. */
static int send_plain(struct interface *interface, const struct vmpktdesc *packets, int n,
		      size_t *ret_sent)
{
	struct frame frames[INTERFACE_BATCH];

	for (int i = 0; i < n; i++)
		frames[i] = (struct frame) { .iov = packets[i].vm_pkt_iov,
					     .n_iov = 1,
					     .len = packets[i].vm_pkt_size };
	return interface_send(interface, frames, (size_t)n, ret_sent);
}

static bool has_offload(const struct description *description)
{
	return description->tso || description->checksum_offload || description->virtio_header;
}

/* With the lock of senders. */
static vmnet_return_t write_all(struct interface *interface, const struct vmpktdesc *packets, int n,
				size_t *ret_sent)
{
	vmnet_return_t status = check_packets(interface, packets, n);

	if (status != VMNET_SUCCESS)
		return status;
	if (has_offload(&interface->description))
		return status_of(write_offload(interface, packets, n, ret_sent));
	return status_of(send_plain(interface, packets, n, ret_sent));
}

vmnet_return_t vmnet_write(interface_ref ref, struct vmpktdesc *packets, int *pktcnt)
{
	vmnet_return_t status = check_count(packets, pktcnt);
	struct interface *interface;
	size_t sent = 0;

	if (status != VMNET_SUCCESS)
		return status;
	interface = interface_lock_tx(ref);
	status = interface ? interface_refuses(interface) : VMNET_INVALID_ARGUMENT;
	if (status == VMNET_SUCCESS)
		status = write_all(interface, packets, *pktcnt, &sent);
	if (interface)
		interface_unlock_tx(interface);
	*pktcnt = (int)sent;
	return status;
}
