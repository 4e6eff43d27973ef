/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * device.h - outrigger-test-device as a whole: registers.h says what it does
 *
 *   main.c           options, sockets, the loop
 *   device.c         the description and the callbacks; which requests fail or are answered late
 *   config_space.c   identity and capabilities
 *   register_file.c  BAR0
 *   doorbells.c      those of its registers that have ioeventfds
 *   memory.c         the other regions
 *   dma_engine.c     guest memory
 *   migration.c      state, saved and restored
 *   late.c           answers from another thread
 *
 * Everything belongs to the thread that runs the loop, but for what late.h and the engine's held
 * pieces say.
 */
#ifndef TEST_DEVICE_DEVICE_H
#define TEST_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <outrigger/pci.h>
#include <outrigger/server.h>

#include "dma_engine.h"
#include "doorbells.h"
#include "late.h"
#include "memory.h"
#include "migration.h"
#include "register_file.h"

/** struct test_options - from the command line */
struct test_options {
	bool no_reset, reset_on_loss, no_migration, write_multiple, one_thread;
	uint32_t max_dma_maps;
};

struct test_device {
	struct rig_pci *pci;
	struct rig_server *server;
	struct memory memory;
	struct register_file registers;
	struct dma_engine dma;
	struct migration migration;
	struct late late;
	struct doorbells doorbells;
	uint32_t vendor_reads; /* of the vendor capability's counter */
	bool hang_up;	       /* the loop is to drop the client */

	/* What struct rig_device points to. */
	struct rig_region regions[RIG_TEST_EXTRA_REGION + 1];
	struct rig_irq irqs[RIG_PCI_IRQS];
};

/** test_device_new() - Return: 0 or a negative errno; *d is the caller's */
int test_device_new(const struct test_options *options, struct test_device *d);

/** test_device_free() - also after a failed test_device_new() */
void test_device_free(struct test_device *d);

/** test_device_intx() - INTx, if it is asserted: somebody asserted or unmasked it */
void test_device_intx(struct test_device *d);

/**
 * config_space_build() - d->pci
 * @reset: for function level resets; its opaque is @d
 *
 * Return: 0 or a negative errno
 */
int config_space_build(struct test_device *d, int (*reset)(void *opaque, enum rig_reset why));

#endif
