/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * internal.h - what the files of the virtio-net driver share
 *
 *   net_driver.c  making, freeing, events, errors
 *   transport.c   where the device's registers are, and access to them
 *   memory.c      the memory that the device maps
 *   setup.c       reset, features, configuration
 *   queues.c      queues, interrupts, kicks, DRIVER_OK
 *   rx.c, tx.c    frames
 *   vring.c       a ring
 *
 * Locks: none. Whose a member is says its comment; what is used by several threads is atomic or not
 * written after net_driver_new().
 */
#ifndef VIRTIO_DRIVER_INTERNAL_H
#define VIRTIO_DRIVER_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "virtio/driver/net_driver.h"
#include "virtio/driver/vring.h"
#include <outrigger/client.h>

#define DRIVER_QUEUE_SIZE 256u
#define DRIVER_REPLY_MS	  5000u /* for an answer of a device that has been answering */

/* Interrupt vectors, queues: "5.1.2 Virtqueues" of one pair. */
enum driver_vector { DRIVER_CONFIG_VECTOR, DRIVER_RX_VECTOR, DRIVER_TX_VECTOR, DRIVER_VECTORS };
enum driver_queue { DRIVER_RX_QUEUE, DRIVER_TX_QUEUE, DRIVER_QUEUES };

/** struct driver_window - registers of one kind: a part of a BAR; inside it, checked */
struct driver_window {
	bool found;
	uint32_t region;
	uint64_t offset, len;
};

/** struct driver_kick - how the device hears of a ring */
struct driver_kick {
	int fd; /* an eventfd; -1: by a posted write */
	uint64_t offset;
};

/** struct driver_memory - one file in memory that nobody can shrink, mapped here and by the device */
struct driver_memory {
	int fd;
	uint8_t *at;
	size_t size;
	size_t rings[DRIVER_QUEUES], buffers[DRIVER_QUEUES]; /* where each begins */
	size_t buffer_size;
};

/* struct driver_rx - the receiving thread's */
struct driver_rx {
	struct vring ring;
	_Atomic(uint16_t) n_ready; /* written by the receiving thread */
	uint16_t first_ready;
	uint16_t ready[VRING_SIZE_MAX];	  /* ids of frames that were taken from the ring */
	struct iovec iov[VRING_SIZE_MAX]; /* by id: their bytes */
};

/* struct driver_tx - the sending thread's */
struct driver_tx {
	struct vring ring;
	uint16_t n_free;
	uint16_t free[VRING_SIZE_MAX]; /* ids */
};

struct net_driver {
	struct rig_client *client;
	struct driver_window common, notify, device, msix;
	uint16_t msix_cap; /* in configuration space */
	uint32_t notify_multiplier;
	struct driver_kick kicks[DRIVER_QUEUES];
	int irqs[DRIVER_VECTORS]; /* eventfds */
	int event_fd;		  /* an epoll over what means an event */
	struct driver_memory memory;
	struct net_driver_info info;

	_Atomic(int) error; /* the first; sticky */
	_Atomic(bool) link_up;
	struct driver_rx rx;
	struct driver_tx tx;
};

/** driver_fail() - an error for good; who waits wakes up. Any thread. Return: the first error */
int driver_fail(struct net_driver *driver, int error);

/** driver_kick() - tell the device of a queue. Its thread */
void driver_kick(struct net_driver *driver, enum driver_queue queue);

/* transport.c */

/**
 * driver_find_registers() - read configuration space, fill in the windows
 * Return: 0, -ENODEV, -EPROTO, or as calls of a client; *ret_error a sentence
 */
int driver_find_registers(struct net_driver *driver, rig_time deadline, char **ret_error);

/** driver_read(), driver_write() - one register, little-endian, of 1, 2 or 4 bytes. Wait */
int driver_read(struct net_driver *driver, const struct driver_window *window, uint64_t offset,
		size_t width, uint32_t *ret, rig_time deadline);
int driver_write(struct net_driver *driver, const struct driver_window *window, uint64_t offset,
		 size_t width, uint32_t value, rig_time deadline);

/** struct driver_register - a register of the common configuration, and what goes there */
struct driver_register {
	uint64_t offset;
	size_t width;
	uint32_t value;
};

/** driver_set(), driver_get() - the same for the common configuration */
int driver_set(struct net_driver *driver, const struct driver_register *registers, size_t n,
	       rig_time deadline);
int driver_get(struct net_driver *driver, uint64_t offset, size_t width, uint32_t *ret,
	       rig_time deadline);

/** driver_enable_bus() - memory accesses, bus mastering, MSI-X */
int driver_enable_bus(struct net_driver *driver, rig_time deadline);

/* memory.c */

/** driver_memory_new() - @queue_size: of each ring; @buffer_size: bytes of each buffer */
int driver_memory_new(struct driver_memory *memory, const uint16_t queue_size[DRIVER_QUEUES],
		      size_t buffer_size);

/** driver_memory_free() - when the device has let go of it. Zeroed memory with fd -1 is fine */
void driver_memory_free(struct driver_memory *memory);

/** driver_memory_map() - let the device at it */
int driver_memory_map(struct net_driver *driver, rig_time deadline);

/** driver_memory_address() - as the device sees it */
uint64_t driver_memory_address(size_t offset);

/* setup.c */

/** driver_setup() - from reset to DRIVER_OK */
int driver_setup(struct net_driver *driver, const struct net_driver_config *config,
		 rig_time deadline, char **ret_error);

/** driver_set_status() - "2.1 Device Status Field" */
int driver_set_status(struct net_driver *driver, uint32_t status, rig_time deadline);

/** driver_read_state() - after a change of the configuration: the link, NEEDS_RESET. Waits */
int driver_read_state(struct net_driver *driver, rig_time deadline);

/** driver_reset() - status 0, if the device still listens */
void driver_reset(struct net_driver *driver);

/* queues.c, in this order */

/** driver_make_queues() - sizes (@wanted at most), memory that is mapped, kicks by posted writes */
int driver_make_queues(struct net_driver *driver, uint16_t wanted, rig_time deadline,
		       char **ret_error);

/** driver_attach_vectors() - -ENODEV too few */
int driver_attach_vectors(struct net_driver *driver, rig_time deadline);

/** driver_start_queues() - DRIVER_OK */
int driver_start_queues(struct net_driver *driver, rig_time deadline);

/* rx.c, tx.c */
void driver_rx_start(struct net_driver *driver);
void driver_tx_start(struct net_driver *driver);

#endif
