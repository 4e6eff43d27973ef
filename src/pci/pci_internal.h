/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_internal.h - what the files behind <outrigger/pci.h> share
 *
 *   pci.c          the object, and its accesses: configuration space with handlers, MSI-X table
 *   pci_build.c    what is checked before a BAR, a capability or a handler is added
 */
#ifndef PCI_INTERNAL_H
#define PCI_INTERNAL_H

#include <assert.h>

#include <outrigger/pci.h>

#include "pci/config.h"
#include "pci/msix.h"

#define PCI_HANDLERS_MAX 64u

/* Bytes of a BAR; len 0: none. */
struct pci_window {
	uint32_t bar;
	uint64_t offset, len;
};

struct rig_pci {
	struct pci_config config;
	uint16_t size; /* of it */

	struct rig_pci_bar bars[RIG_PCI_BARS];
	uint32_t rom_size;
	unsigned int msi_vectors; /* 0: no MSI */

	struct msix msix; /* meaningful with table.len */
	struct pci_window table, pba;

	struct rig_pci_handler handlers[PCI_HANDLERS_MAX];
	unsigned int n_handlers;
	uint8_t handler_at
		[PCI_CONFIG_SPACE]; /* for each byte: 1 + its index in handlers; 0: none */

	int (*power_changed)(void *opaque, unsigned int d_state);
	void *power_opaque;
	int (*reset)(void *opaque, enum rig_reset why);
	void *reset_opaque;
};

static_assert(PCI_HANDLERS_MAX <= UINT8_MAX, "an index and one more fit a byte");
static_assert(RIG_PCI_SIZE == PCI_CONFIG_SPACE, "all of it is there");

/** pci_in_space() - is this range inside configuration space? */
bool pci_in_space(const struct rig_pci *pci, uint64_t offset, size_t count);

#endif
