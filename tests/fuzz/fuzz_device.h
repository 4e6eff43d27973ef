/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_device.h - a device that does anything, for fuzz_server.c
 *
 * It has regions of each kind, fds for writes, interrupts, and is migrated. What it does in its
 * callbacks is chosen by its whims; it counts what it is told.
 */
#ifndef TESTS_FUZZ_DEVICE_H
#define TESTS_FUZZ_DEVICE_H

#include <stdbool.h>

#include <outrigger/server.h>

#define PAGE	   4096u
#define DEVICE_MAX 16 /* requests that it keeps, pins that it holds */

/* Bits of what it does. */
enum device_whim {
	DEFER_ACCESS = 1,
	DEFER_QUIESCE = 2,
	DEFER_RESET = 4,
	DEFER_TRANSITION = 8,
	USE_MEMORY = 16, /* in the callback of a write, where that says */
	FAIL = 32,
	DEFER_IRQS = 64,
	DEFER_DATA = 128,
};

/** struct device_fds - the same for every device of the process */
struct device_fds {
	int memory; /* a peer's */
	int event;
	int region;
};

struct device {
	struct rig_server *server;
	uint8_t whims;
	struct rig_request *deferred[DEVICE_MAX];
	size_t n_deferred;
	struct rig_dma_seg pins[DEVICE_MAX];
	size_t n_pins;
	uint8_t buf[65536]; /* what it reads and writes */
	unsigned int started, completed;
	unsigned int mapped, unmapped;
	unsigned int connected, disconnected;
};

/** device_fds() - made when first asked for */
const struct device_fds *device_fds(void);

/**
 * device_plug() - make its server
 * @flags: RIG_DEVICE_... besides RESET and PCI
 */
bool device_plug(struct device *d, uint32_t flags, bool migratable);

/** device_answer() - one of the requests that it keeps. No-op without one */
void device_answer(struct device *d, size_t which, int error);

/** device_dma() - read or write guest memory, at once or not */
void device_dma(struct device *d, bool write, bool async, uint64_t address, size_t len,
		rig_time deadline);

/** device_pin(), device_unpin() - use guest memory for a while, and for no longer */
void device_pin(struct device *d, uint64_t address, size_t len);
void device_unpin(struct device *d);

#endif
