/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect.h - what `outrigger inspect` found out, and the two ways to print it
 *
 * The JSON document, whose keys stay (more may come). Numbers are JSON numbers, addresses and
 * flags included:
 *
 *	socket			PATH as given
 *	protocol		major, minor, capabilities_text (the server's own), and what holds:
 *				max_msg_fds, max_data_xfer_size, max_dma_maps, pgsizes,
 *				write_multiple, sparse_mmap_fds; stated: names of those that the
 *				server named, the others have the specification's default
 *	device			flags, reset, pci, num_regions, num_irqs
 *	regions[]		of size > 0: index, name, size, flags, read, write, mmap;
 *				if it has memory to map: fd_offset, areas[] {offset, size};
 *				if it is device-specific: type, subtype
 *	irqs[]			index, name, count, flags, eventfd, maskable, automasked, noresize
 *	config			only of PCI devices: vendor, device, subsystem_vendor, subsystem,
 *				class, class_name, revision, header_type, command, status,
 *				interrupt_pin (0: none, 1: A), interrupt_line,
 *				bars[] {index, kind (io, mem32, mem64), prefetchable, address},
 *				capabilities[] {offset, id, name, extended, version (if extended),
 *				fields {...} by kind},
 *				capabilities_broken (only if a list ends wrongly): a sentence
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "cli/inspect_pci.h"
#include "vfio_user/client.h"

struct inspection {
	const char *socket;
	const struct client_version *version;
	struct wire_device_info device;
	struct client_region *regions; /* device.num_regions */
	struct wire_irq_info *irqs;    /* device.num_irqs */
	bool has_config;
	struct pci_config config;
};

/** inspect_region_name(), inspect_irq_name() - "BAR0", "MSI-X"; "" for device-specific ones */
const char *inspect_region_name(uint32_t index);
const char *inspect_irq_name(uint32_t index);

void inspect_print_text(const struct inspection *in);

/** inspect_print_json() - Return: 0, -ENOMEM */
int inspect_print_json(const struct inspection *in);

#endif
